"""The errors of this package. A message gives what was expected, what was found, and how to fix it.

::

    ShopSmartError
     ├── InvalidArgumentError (ValueError)
     ├── SchemaError
     │    ├── ColumnNotFoundError (LookupError)
     │    ├── ColumnTypeError (TypeError)
     │    ├── ColumnClashError
     │    ├── SiblingArraysError
     │    ├── InexactFillError (ValueError)
     │    └── SchemaDriftError (ValueError)
     ├── SourceError
     │    ├── SourceNotFoundError (FileNotFoundError)
     │    └── HeaderMismatchError (ValueError)
     ├── TableError
     │    ├── TargetExistsError (FileExistsError)
     │    ├── TargetMismatchError
     │    ├── PartitionError (ValueError)
     │    └── WriteConflictError (RuntimeError)
     ├── DataError
     │    ├── KeyNotUniqueError (ValueError)
     │    ├── LimitExceededError (ValueError)
     │    └── RowRefusedError (ValueError)
     ├── AuditIncompleteError (RuntimeError)
     └── UnsupportedError (NotImplementedError)
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence

from typing_extensions import override

from shopsmart_etl._shown import listed, nearest, shown_argument, shown_value

__all__ = [
    "AuditIncompleteError",
    "ColumnClashError",
    "ColumnNotFoundError",
    "ColumnTypeError",
    "DataError",
    "HeaderMismatchError",
    "InexactFillError",
    "InvalidArgumentError",
    "KeyNotUniqueError",
    "LimitExceededError",
    "PartitionError",
    "RowRefusedError",
    "SchemaDriftError",
    "SchemaError",
    "ShopSmartError",
    "SiblingArraysError",
    "SourceError",
    "SourceNotFoundError",
    "TableError",
    "TargetExistsError",
    "TargetMismatchError",
    "UnsupportedError",
    "WriteConflictError",
]


class ShopSmartError(Exception):
    """The base class of all errors of this package. Errors can be pickled and copied with their attributes."""

    @override
    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the message and the attributes, since exceptions unpickle by calling their class with the message."""
        state = {name: value if _can_be_pickled(value) else repr(value) for name, value in self.__dict__.items()}
        return _rebuilt, (type(self), self.args), state


class InvalidArgumentError(ShopSmartError, ValueError):
    """An argument has a wrong type or value; usually raised when the step is built.

    Attributes:
        argument: The parameter's name.
        got: The value that was passed.
    """

    def __init__(self, argument: str, *, expected: str, got: object) -> None:
        """Build the message from the parameter, what it accepts, and the value."""
        self.argument = argument
        self.got = got
        super().__init__(f"{argument}: expected {expected}; got {shown_argument(got)}")


class SchemaError(ShopSmartError):
    """A DataFrame's columns do not meet the requirements of a step."""


class SourceError(ShopSmartError):
    """Files cannot be read as requested."""


class TableError(ShopSmartError):
    """Rows cannot be written to a table."""


class DataError(ShopSmartError):
    """Rows contain values that a step refuses; raised while Spark runs."""


class AuditIncompleteError(ShopSmartError, RuntimeError):
    """An audit report is requested before its steps were applied.

    Attributes:
        step: The call of the step without metrics; ``the audit`` if none of its steps was applied.
    """

    def __init__(self, step: str) -> None:
        """Build the message from the step."""
        self.step = step
        super().__init__(f"{step} has no metrics: apply the whole chain to a DataFrame before the report")


class ColumnNotFoundError(SchemaError, LookupError):
    """A column does not exist, or its name is ambiguous.

    Attributes:
        column: The requested name.
        available: The names of the existing columns, in order.
        nearest: The most similar existing name, or None.
    """

    def __init__(self, column: str, available: Sequence[str]) -> None:
        """Build the message from the column, the nearest name, and the existing names."""
        self.column = column
        self.available = tuple(available)
        self.nearest = nearest(column, self.available)
        if self.available.count(column) > 1:
            problem = f"expected one column {column!r}; got {self.available.count(column)}. Rename or drop the others."
        else:
            problem = f"no column {column!r}" + (f"; did you mean {self.nearest!r}?" if self.nearest else ".")
        super().__init__(f"{problem} Columns: {listed(self.available)}")


class ColumnTypeError(SchemaError, TypeError):
    """A column has a type that the step does not support.

    Attributes:
        column: The column's name.
        expected: A description of the supported types.
        got: The column's type, as Spark displays it.
    """

    def __init__(self, column: str, *, expected: str, got: str, hint: str = "") -> None:
        """Build the message from the column, the types, and how to fix it."""
        self.column = column
        self.expected = expected
        self.got = got
        super().__init__(f"column {column!r}: expected {expected}; got {got}" + (f". {hint}" if hint else ""))


class ColumnClashError(SchemaError):
    """Two columns of a result would have the same name.

    Attributes:
        name: The shared name.
        paths: The source of each of the two columns.
    """

    def __init__(self, name: str, paths: tuple[str, str], *, hint: str) -> None:
        """Build the message from the sources, the name, and how to fix it."""
        self.name = name
        self.paths = paths
        super().__init__(f"{paths[0]} and {paths[1]} would both be named {name!r}. {hint}")


class SchemaDriftError(SchemaError, ValueError):
    """The columns do not match the expected schema.

    Attributes:
        differences: One line per difference: the column, what was expected, what was found, and how to accept it.
    """

    def __init__(self, differences: Sequence[str]) -> None:
        """Build the message from the differences, one per line."""
        self.differences = tuple(differences)
        super().__init__("the columns do not fit the schema:" + "".join(f"\n  {line}" for line in self.differences))


class SiblingArraysError(SchemaError):
    """Several arrays would be exploded together, but ``siblings`` does not define how.

    Attributes:
        columns: The arrays, in schema order.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        """Build the message from the arrays."""
        self.columns = tuple(columns)
        super().__init__(
            f"expected one array to explode; got {len(self.columns)}: {listed(self.columns)}. Name one of them, or "
            "set siblings='zip' (pair elements by index) or siblings='cross' (every combination)"
        )


class HeaderMismatchError(SourceError, ValueError):
    """The header of a CSV file does not match the columns of the schema.

    Attributes:
        path: The path that was read.
        missing: Columns of the schema that are not in the header.
        unknown: Names in the header that are not in the schema.
    """

    def __init__(self, path: str, missing: Sequence[str], unknown: Sequence[str], *, hint: str) -> None:
        """Build the message from the path, the differences, and how to fix them."""
        self.path = path
        self.missing = tuple(missing)
        self.unknown = tuple(unknown)
        parts = [f"it lacks {', '.join(map(repr, missing))}"] if missing else []
        parts += [f"the schema lacks {', '.join(map(shown_value, unknown))}"] if unknown else []
        super().__init__(f"the header at {path!r} does not fit the schema: {'; '.join(parts)}. {hint}")


class InexactFillError(SchemaError, ValueError):
    """The type of a column cannot represent a fill value exactly.

    Attributes:
        column: The column to fill.
        fill: The fill value.
        got: The column's type, as Spark displays it.
    """

    def __init__(self, column: str, fill: object, got: str) -> None:
        """Build the message from the column, its type, and the fill value."""
        self.column = column
        self.fill = fill
        self.got = got
        super().__init__(
            f"column {column!r}: expected a fill that {got} represents exactly; got {fill!r}. "
            "Give another value, or cast the column to a wider type first"
        )


class KeyNotUniqueError(DataError, ValueError):
    """The key of a table has duplicates or nulls.

    Attributes:
        table: The table's name.
        key: The columns of the key.
        offenders: Some of the keys that are null or duplicate, each with its number of rows.
    """

    def __init__(self, table: str, key: Sequence[str], offenders: Sequence[tuple[tuple[object, ...], int]]) -> None:
        """Build the message from the table, its key, and the offending keys."""
        self.table = table
        self.key = tuple(key)
        self.offenders = tuple(offenders)
        shown = "; ".join(
            f"{', '.join('null' if part is None else shown_value(part) for part in parts)} on {rows} rows"
            for parts, rows in self.offenders
        )
        super().__init__(
            f"table {table!r}: expected unique keys ({', '.join(self.key)}) without nulls; got {shown}. "
            "Add columns to the key, or deduplicate the rows first"
        )


class LimitExceededError(DataError, ValueError):
    """A run has more rows of a kind than ``AuditReport.check`` allows, or does not reconcile.

    Attributes:
        exceeded: One line per limit: what it limits, what was expected, and what was found.
    """

    def __init__(self, exceeded: Sequence[str]) -> None:
        """Build the message from the limits, one per line."""
        self.exceeded = tuple(exceeded)
        super().__init__("the run exceeds its limits:" + "".join(f"\n  {line}" for line in self.exceeded))


class RowRefusedError(DataError, ValueError):
    """A step refused a value of a row while a job ran.

    Attributes:
        reason: What was expected, and the value that was found.
    """

    def __init__(self, reason: str) -> None:
        """Use the reason as the message."""
        self.reason = reason
        super().__init__(reason)


class SourceNotFoundError(SourceError, FileNotFoundError):
    """The path to read does not exist, or contains no file.

    Attributes:
        path: The requested path.
    """

    def __init__(self, path: str, why: str) -> None:
        """Build the message from the path and the reason."""
        self.path = path
        super().__init__(f"nothing to read at {path!r}: {why}")


class TargetExistsError(TableError, FileExistsError):
    """The table to be written already exists.

    Attributes:
        path: The table's path or name.
    """

    def __init__(
        self,
        path: str,
        *,
        hint: str = "Choose another path, or set if_exists='append' or if_exists='replace_partitions'",
    ) -> None:
        """Build the message from the path and how to fix it."""
        self.path = path
        super().__init__(f"{path!r} already exists and nothing was written. {hint}")


class TargetMismatchError(TableError):
    """The rows to be written do not match the existing table.

    Attributes:
        path: The table's path or name.
        differences: One line per difference.
    """

    def __init__(self, path: str, differences: Sequence[str]) -> None:
        """Build the message from the path and the differences, one per line."""
        self.path = path
        self.differences = tuple(differences)
        lines = "".join(f"\n  {line}" for line in self.differences)
        super().__init__(f"the rows do not fit the table at {path!r}; nothing was written:{lines}")


class PartitionError(TableError, ValueError):
    """Values of a partition column cannot be partitions: blank, too long for a folder name, or too many.

    Attributes:
        target: The table's path or name.
    """

    def __init__(self, target: str, why: str) -> None:
        """Build the message from the table and the reason."""
        self.target = target
        super().__init__(f"{target!r}: {why}")


class WriteConflictError(TableError, RuntimeError):
    """Another writer changed the table during the write, or was killed while it did.

    Attributes:
        target: The table's path or name.
        reason: What happened, and what to do.
    """

    def __init__(
        self,
        target: str,
        reason: str = "was changed by another writer meanwhile; nothing was written. Retry the write, or let the "
        "writers write different partitions",
    ) -> None:
        """Build the message from the table and the reason."""
        self.target = target
        self.reason = reason
        super().__init__(f"{target!r} {reason}")


class UnsupportedError(ShopSmartError, NotImplementedError):
    """The operation is not supported by the engine, the session, the table format or the step."""


def _rebuilt(error_type: type[ShopSmartError], args: tuple[object, ...]) -> ShopSmartError:
    error = error_type.__new__(error_type, *args)
    error.args = args
    return error


def _can_be_pickled(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001 - objects can raise any error
        return False
    return True
