"""What every format provides: find the table, compare it with the rows, write to it, read it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import ArrayType, DataType, MapType, NullType, StructField, StructType

from shopsmart_etl._core.session import has_files
from shopsmart_etl._core.sql import path_text, type_text
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError, UnsupportedError
from shopsmart_etl.io._new_fields import NewField, is_extended, new_fields
from shopsmart_etl.typing import IfExists

# Spark's name for the folder of null. As a value it would be read back as null, and so would the empty string.
NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"

# Spark's readers skip folders whose names end so, or begin with a dot.
HIDDEN_END = "._COPYING_"


class ExistingTable(NamedTuple):
    """A table as it was found before a write.

    Attributes:
        columns: Its columns in their order; for Parquet without the partition columns, whose types are not stored.
        partitions: The names of its partition columns.
        partition_values: For Parquet, the values of each partition column as text, without null.
        files: For Parquet, its files.
        is_empty_folder: Whether it is a folder without files, as a killed first write leaves it, and so no table.
        is_recovered: Whether what a killed write left was finished or undone now.
    """

    columns: StructType
    partitions: Sequence[str]
    partition_values: Sequence[frozenset[str]] = ()
    files: Sequence[str] = ()
    is_empty_folder: bool = False
    is_recovered: bool = False


class WriteJob(NamedTuple):
    """Rows that fit a table, arranged for writing.

    Attributes:
        rows: The rows.
        schema: Their columns.
        by: The names of the partition columns, outermost first; none for a table without partitions.
        target_file_size: The bytes that a file should have at most.
    """

    rows: DataFrame
    schema: StructType
    by: Sequence[str]
    target_file_size: int


class WriteTarget(Protocol):
    """A table that exists or will be created. It keeps nothing between its calls."""

    name: str

    def find(self) -> ExistingTable | None:
        """Look the table up; None where nothing exists."""
        ...

    def incompatible_partition_values(self, existing: ExistingTable, partitions: Sequence[StructField]) -> list[str]:
        """Describe existing partition values that the rows' types cannot represent, where no schema prevents them."""
        ...

    def unreadable_fields(self, new: Sequence[NewField]) -> list[str]:
        """Describe new fields inside columns that older rows of the table could not be read with."""
        ...

    def write(self, job: WriteJob, if_exists: IfExists, existing: ExistingTable | None) -> None:
        """Write a batch."""
        ...

    def append_stream(self, job: WriteJob, checkpoint: str, existing: ExistingTable | None) -> None:
        """Append what is new of a stream, and return when that is done."""
        ...

    def read(self, schema: StructType) -> DataFrame:
        """Read the table back with these columns and types."""
        ...


def check_storable(schema: StructType) -> None:
    """Refuse columns and nested fields of type void, the type of ``lit(None)``.

    Delta Lake commits such a column and does not read it back; Iceberg, and Parquet before Spark 4.3, have no
    such type.

    Raises:
        ColumnTypeError: There is one, at any depth.
    """
    if found := _find_void(schema, ()):
        path, data_type = found
        raise ColumnTypeError(
            path_text(path),
            expected="a type that tables store, which void is not",
            got=type_text(data_type),
            hint="Nothing was written: give it a type first, with conform or a cast such as lit(None).cast('string')",
        )


def _find_void(schema: StructType, path: tuple[str, ...]) -> tuple[tuple[str, ...], DataType] | None:
    """Return the path and type of the first field that is void, or an array or map of void."""
    for field in schema.fields:
        field_path = (*path, field.name)
        parts = [field.dataType]
        for part in parts:  # the loop appends to the list
            if isinstance(part, NullType):
                return field_path, field.dataType
            if isinstance(part, ArrayType):
                parts.append(part.elementType)
            elif isinstance(part, MapType):
                parts += [part.keyType, part.valueType]
            elif isinstance(part, StructType) and (found := _find_void(part, field_path)):
                return found
    return None


def check_no_pattern(path: str) -> str:
    """Refuse a path that Spark reads as a pattern but writes to literally."""
    if found := sorted(set(path) & set("*?[]{}\\")):
        raise InvalidArgumentError("path", expected=f"a folder's name without {' '.join(found)}", got=path)
    return path


def check_checkpoint(spark: SparkSession, checkpoint: str, target: str, existing: ExistingTable | None) -> None:
    """Refuse the checkpoint of another table for a new one, whose batches Spark would skip as already written.

    Raises:
        UnsupportedError: The table does not exist, and the checkpoint has committed batches.
    """
    if existing is None and has_files(spark, f"{checkpoint}/commits"):
        raise UnsupportedError(
            f"checkpoint: expected a new one, since {target!r} does not exist; got one with batches of another table, "
            "which Spark would skip as already written"
        )


def differences(existing: ExistingTable, schema: StructType, by: Sequence[str], *, add_columns: bool) -> list[str]:
    """Compare a table with the rows to be written.

    Args:
        existing: The table.
        schema: The columns of the rows.
        by: The names of the columns that the rows are to be partitioned by.
        add_columns: Whether columns and nested fields that the table lacks are accepted.

    Returns:
        A line for each difference that is not accepted.
    """
    lines = []
    if list(existing.partitions) != list(by):
        lines.append(f"partition columns: the table has ({', '.join(existing.partitions)}), the rows ({', '.join(by)})")
    excluded = {*by, *existing.partitions}
    table_types = {field.name: field.dataType for field in existing.columns}
    row_types = {field.name: field.dataType for field in schema}
    table_names = [name for name in table_types if name not in excluded]
    row_names = [name for name in row_types if name not in excluded]
    new_names = [name for name in row_names if name not in table_types]
    lines += [
        f"column {name!r} ({type_text(table_types[name])}) is missing from the rows"
        for name in table_names
        if name not in row_types
    ]
    if not add_columns:
        lines += [
            f"column {name!r} ({type_text(row_types[name])}) is not in the table; on_new_columns='add' adds it"
            for name in new_names
        ]
    compatible = {name for name, of in row_types.items() if name in table_types and is_extended(table_types[name], of)}
    # By the whole type: the text shown of a long one is shortened.
    lines += [
        f"column {name!r} is {type_text(table_types[name])} in the table and {type_text(of)} in the rows"
        for name, of in row_types.items()
        if name in table_types and name not in compatible
    ]
    if not add_columns:
        lines += [
            f"{new.text} is not in the table; on_new_columns='add' adds it"
            for new in new_fields(existing.columns, schema)
            if new.path[0] in compatible
        ]
    if not lines and row_names != [*table_names, *new_names]:
        lines.append(
            f"the table's columns are in the order {', '.join(table_names)}; the rows' are {', '.join(row_names)}"
        )
    return lines
