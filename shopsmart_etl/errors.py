"""What goes wrong, in one family: every error says what was wanted, what was found and the way out."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from typing_extensions import override

# Enough names to recognise a table by; a 10,000-column schema must not fill the terminal.
_NAMES_SHOWN = 12


class ShopSmartError(Exception):
    """The base of every error that this package raises. Each pickles and copies whole."""

    @override
    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild the error from its message and attributes: exceptions call their class with the message alone."""
        return _rebuilt, (type(self), self.args), self.__dict__


class InvalidArgumentError(ShopSmartError, ValueError):
    """An argument is wrong whatever the data: raised where the step is built.

    Attributes:
        argument: The parameter's name.
        found: The value given.
    """

    def __init__(self, argument: str, *, wanted: str, found: object) -> None:
        """Say which argument, what it takes, and what it was given."""
        self.argument = argument
        self.found = found
        super().__init__(f"{argument}: wanted {wanted}; found {found!r}")


class AuditIncompleteError(ShopSmartError, RuntimeError):
    """An audit is asked for figures that no action has counted.

    Attributes:
        step: The step without figures, as it was called.
    """

    def __init__(self, step: str) -> None:
        """Name the step, and what brings the figures."""
        self.step = step
        super().__init__(
            f"{step} has no figures yet: they come with the first action, such as a write, "
            "that runs its chain to the end"
        )


class ColumnNotFoundError(ShopSmartError, LookupError):
    """A column is named that the DataFrame does not have.

    Attributes:
        column: The name asked for.
        available: The names there are, in order.
        nearest: The most similar of them, or None.
    """

    def __init__(self, column: str, available: Sequence[str]) -> None:
        """Name the column, the nearest match, and what there is."""
        self.column = column
        self.available = tuple(available)
        self.nearest = nearest(column, self.available)
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else "."
        super().__init__(f"no column {column!r}{hint} Columns: {_listed(self.available)}")

    def __str__(self) -> str:
        """Read as a sentence: LookupError's children else print the repr."""
        return str(self.args[0])


class ColumnTypeError(ShopSmartError, TypeError):
    """A column is there but is not of a type that the step can work on.

    Attributes:
        column: The column's name.
        wanted: The types that would do, in words.
        found: The column's type, as Spark writes it.
    """

    def __init__(self, column: str, *, wanted: str, found: str, way_out: str = "") -> None:
        """Name the column, both types, and what to do."""
        self.column = column
        self.wanted = wanted
        self.found = found
        super().__init__(f"column {column!r}: wanted {wanted}; found {found}" + (f". {way_out}" if way_out else ""))


class ColumnClashError(ShopSmartError):
    """Two columns would end in one name.

    Attributes:
        name: The name they would share.
        paths: Where each of the two comes from.
    """

    def __init__(self, name: str, paths: tuple[str, str], *, way_out: str) -> None:
        """Name both sources and a way out."""
        self.name = name
        self.paths = paths
        super().__init__(f"{paths[0]} and {paths[1]} would both be named {name!r}. {way_out}")


class SchemaDriftError(ShopSmartError, ValueError):
    """Columns are not those of the schema that they should have.

    Attributes:
        differences: One line for each difference: where, what was wanted, what was found, and what would take it.
    """

    def __init__(self, differences: Sequence[str]) -> None:
        """List every difference, one a line."""
        self.differences = tuple(differences)
        super().__init__("the columns do not fit the schema:" + "".join(f"\n  {line}" for line in self.differences))


class SiblingArraysError(ShopSmartError):
    """More than one array is to be exploded, and nothing says how they relate.

    Attributes:
        columns: The arrays, in schema order.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        """Name the arrays and the two ways to relate them."""
        self.columns = tuple(columns)
        super().__init__(
            f"{len(self.columns)} arrays to explode: {_listed(self.columns)}. Exploding them together multiplies rows: "
            "name one of them, or say siblings='zip' (pair by index) or siblings='cross' (every combination)"
        )


class HeaderMismatchError(ShopSmartError, ValueError):
    """The header of a CSV file does not have the columns of the schema.

    Attributes:
        path: The path that was read.
        missing: The schema's columns that the header lacks.
        unknown: The header's names that the schema lacks.
    """

    def __init__(self, path: str, missing: Sequence[str], unknown: Sequence[str], *, way_out: str) -> None:
        """Name both sides, and what to do."""
        self.path = path
        self.missing = tuple(missing)
        self.unknown = tuple(unknown)
        parts = [f"it lacks {', '.join(map(repr, missing))}"] if missing else []
        parts += [f"the schema lacks {', '.join(map(repr, unknown))}"] if unknown else []
        super().__init__(f"the header at {path!r} does not fit the schema: {'; '.join(parts)}. {way_out}")


class InexactFillError(ShopSmartError, ValueError):
    """A fill value that its column's type cannot hold exactly.

    Attributes:
        column: The column to be filled.
        fill: The value.
        found: The column's type, as Spark writes it.
    """

    def __init__(self, column: str, fill: object, found: str) -> None:
        """Name the column, its type and the value."""
        self.column = column
        self.fill = fill
        self.found = found
        super().__init__(
            f"column {column!r}: wanted a fill that {found} holds exactly; found {fill!r}. "
            "Give a value that fits, or cast the column to a wider type first"
        )


class KeyNotUniqueError(ShopSmartError, ValueError):
    """A key that does not tell the rows of a table apart.

    Attributes:
        table: The table's name.
        key: The key's columns.
        offenders: Some of the keys that are null or stand on more than one row, each with its number of rows.
    """

    def __init__(self, table: str, key: Sequence[str], offenders: Sequence[tuple[tuple[object, ...], int]]) -> None:
        """Name the table, its key, and keys that are wrong."""
        self.table = table
        self.key = tuple(key)
        self.offenders = tuple(offenders)
        shown = "; ".join(
            f"{', '.join('null' if part is None else repr(part) for part in parts)} on {rows} rows"
            for parts, rows in self.offenders
        )
        super().__init__(
            f"table {table!r}: wanted each key ({', '.join(self.key)}) once and not null; found {shown}. "
            "Give a longer key, or make the rows distinct first"
        )


class SourceNotFoundError(ShopSmartError, FileNotFoundError):
    """There is nothing to read at a path.

    Attributes:
        path: The path asked for.
    """

    def __init__(self, path: str, why: str) -> None:
        """Name the path and why nothing can be read there."""
        self.path = path
        super().__init__(f"nothing to read at {path!r}: {why}")


class TargetExistsError(ShopSmartError, FileExistsError):
    """The table to be written is already there, and nothing says what to do with it.

    Attributes:
        path: The table's path.
    """

    def __init__(
        self,
        path: str,
        *,
        way_out: str = "Choose another path, or say what is wanted: "
        "if_exists='append' or if_exists='replace_partitions'",
    ) -> None:
        """Name the path and the outcomes to choose from."""
        self.path = path
        super().__init__(f"{path!r} already exists and nothing was written. {way_out}")


class TargetMismatchError(ShopSmartError):
    """What is to be written does not fit the table that is there.

    Attributes:
        path: The table's path.
        differences: One line for each difference.
    """

    def __init__(self, path: str, differences: Sequence[str]) -> None:
        """List every difference, one a line."""
        self.path = path
        self.differences = tuple(differences)
        lines = "".join(f"\n  {line}" for line in self.differences)
        super().__init__(f"the rows do not fit the table at {path!r}; nothing was written:{lines}")


class PartitionError(ShopSmartError, ValueError):
    """The values of a partition column cannot be partitions: blank, too long for a folder's name, or too many.

    Attributes:
        target: The table's path or name.
    """

    def __init__(self, target: str, why: str) -> None:
        """Name the table, and what its job stopped at."""
        self.target = target
        super().__init__(f"{target!r}: {why}")


class WriteConflictError(ShopSmartError, RuntimeError):
    """Another writer changed the table while this one wrote.

    Attributes:
        target: The table's path or name.
    """

    def __init__(self, target: str) -> None:
        """Name the table, and what to do."""
        self.target = target
        super().__init__(
            f"{target!r} was changed by another writer meanwhile; nothing was written. Run the write again, or let the "
            "two write different partitions"
        )


class UnsupportedError(ShopSmartError, NotImplementedError):
    """Something that cannot be done right here, and is refused for that reason."""


def _rebuilt(kind: type[ShopSmartError], args: tuple[object, ...]) -> ShopSmartError:
    error = kind.__new__(kind, *args)
    error.args = args
    return error


def nearest(name: str, available: Sequence[str]) -> str | None:
    """Find the most similar name, ignoring case: ``country`` is nearest to ``Country``."""
    by_lower = {other.lower(): other for other in available}
    close = get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[close[0]] if close else None


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown}, ... ({more} more)" if more > 0 else shown or "(none)"
