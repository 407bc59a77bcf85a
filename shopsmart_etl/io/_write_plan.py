"""What the three steps that write share: checks of their arguments, the plan, and the write itself."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    DataType,
    MapType,
    StructField,
    StructType,
    TimestampType,
)

from shopsmart_etl._core._sail import refuse_writing_on_sail
from shopsmart_etl._core.checks import check_choice, check_path, check_table_name
from shopsmart_etl._core.completed_writes import complete_write
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.spark_errors import translate_write_errors
from shopsmart_etl._core.sql import VARIABLE, path_text, type_text
from shopsmart_etl.errors import (
    ColumnTypeError,
    InvalidArgumentError,
    TargetExistsError,
    TargetMismatchError,
    UnsupportedError,
    WriteConflictError,
)
from shopsmart_etl.io._catalog import CatalogTable, provider
from shopsmart_etl.io._delta import DeltaFolder, DeltaTable
from shopsmart_etl.io._folders import reads_from
from shopsmart_etl.io._iceberg import IcebergTable
from shopsmart_etl.io._layout import Layout
from shopsmart_etl.io._new_fields import new_fields
from shopsmart_etl.io._parquet import ParquetFolder
from shopsmart_etl.io._targets import WriteJob, WriteTarget, check_no_pattern, check_storable, differences
from shopsmart_etl.io.file_options import FileOptions
from shopsmart_etl.typing import IfExists, OnNewColumns

_RECOVERED = (
    "had a write that was killed in its commit, which is now finished or undone; these rows were read from the table "
    "before, and nothing was written. Build the DataFrame again, and retry"
)
_FORMATS = ("parquet", "delta", "iceberg")
_TABLES: dict[str | None, type[CatalogTable]] = {"delta": DeltaTable, "iceberg": IcebergTable}


class TargetArguments(NamedTuple):
    """Which table to write: a path or a table's name, and the format."""

    path: str | None
    table: str | None
    format: str | None

    @property
    def name(self) -> str:
        """The path or the name, as messages show it."""
        return self.path or self.table or ""

    @property
    def is_atomic(self) -> bool:
        """Whether a write is one commit."""
        return self.table is not None or self.format == "delta"

    def open(self, spark: SparkSession) -> WriteTarget:
        """Return the target; a table without a format is of that which the catalog has it in."""
        if self.table is not None:
            return _TABLES.get(self.format or provider(spark, self.table), CatalogTable)(spark, self.table)
        return (DeltaFolder if self.format == "delta" else ParquetFolder)(spark, self.name)


def check_target(path: object, table: object, table_format: object) -> TargetArguments:
    """Check which table is to be written.

    Raises:
        InvalidArgumentError: There is neither a path nor a name, or both, or one of them is malformed.
        UnsupportedError: The format has no such table.
    """
    if path is not None and table is not None:
        raise InvalidArgumentError("path", expected="either a path or table=, a name in a catalog; not both", got=path)
    if table is None:
        path = check_no_pattern(check_path("path", path, expected="a path, or table=, a name in a catalog"))
    else:
        check_table_name("table", table)
    if VARIABLE in str(path or table) and (table is not None or table_format == "delta"):
        argument = "path" if table is None else "table"
        raise InvalidArgumentError(
            argument, expected="a name without '${', which Spark's SQL parser replaces", got=path or table
        )
    if table_format is not None:
        check_choice("format", table_format, _FORMATS)
    if table is None and table_format == "iceberg":
        raise UnsupportedError(
            "format: expected 'parquet' or 'delta' for a path; got 'iceberg', whose tables have names in a catalog. "
            "Give table='catalog.schema.table' in place of a path"
        )
    if table is not None and table_format == "parquet":
        raise UnsupportedError(
            "format: expected 'delta' or 'iceberg' for a table of a catalog; got 'parquet', which cannot replace "
            "partitions safely there. Give a path, or one of these formats"
        )
    return TargetArguments(path, table, table_format)  # type: ignore[arg-type]


def check_outcome(if_exists: object, outcomes: Sequence[IfExists], target: TargetArguments) -> IfExists:
    """Check what a write does where the table exists.

    Args:
        if_exists: The argument.
        outcomes: What the step can do, apart from ``"replace_all"``.
        target: The table, of which Parquet cannot be replaced as a whole.

    Raises:
        InvalidArgumentError: It is not one of the outcomes.
        UnsupportedError: It is ``"replace_all"`` on Parquet.
    """
    outcome: IfExists = check_choice("if_exists", if_exists, [*outcomes, "replace_all"])
    if outcome == "replace_all" and not target.is_atomic:
        raise UnsupportedError(
            f"if_exists: expected one of {', '.join(map(repr, outcomes))} for Parquet; got 'replace_all', which would "
            "delete the table before the new one is written. Write to a new path, or use format='delta'"
        )
    return outcome


def check_on_new_columns(value: object) -> OnNewColumns:
    """Check what a write does about columns that the table lacks."""
    choice: OnNewColumns = check_choice("on_new_columns", value, ("error", "add"))
    return choice


class Write(NamedTuple):
    """A write, with its arguments checked.

    Attributes:
        verb: The step's name.
        target: The table.
        by: The partition columns, outermost first.
        if_exists: What to do where the table exists.
        on_new_columns: What to do about columns that the table lacks.
        files: How the files are made.
        checkpoint_folder: For a stream, the folder of its progress.
    """

    verb: str
    target: TargetArguments
    by: Sequence[str]
    if_exists: IfExists
    on_new_columns: OnNewColumns
    files: FileOptions
    checkpoint_folder: str | None = None

    def plan(self, frame: Frame) -> Plan:
        """Check the columns, and plan the write."""
        check_storable(frame.schema)
        layout = self._layout(frame)
        fields = [StructField(field.name, _as_nullable(field.dataType), True, field.metadata) for field in frame.schema]  # noqa: FBT003 - Spark's order
        sources = tuple(path_text([name]) for name in frame.names)
        return Plan(StructType(fields), partial(self._apply, frame.schema, layout), sources)

    def _layout(self, frame: Frame) -> Layout:
        partitions = [_checked_partition(frame.field(column)) for column in self.by]
        sort_by = [frame.field(column).name for column in self.files.sort_by]
        layout = Layout(partitions, sort_by, self.files.max_partitions)
        if len(set(layout.names)) < len(layout.names):
            raise InvalidArgumentError("by", expected="each partition column once", got=list(self.by))
        if len(layout.names) == len(frame.schema.fields):
            if not layout.names:
                raise UnsupportedError(f"{self.verb}: expected at least one column; got a DataFrame without columns")
            raise InvalidArgumentError("by", expected="at least one column left to write", got=list(self.by))
        return layout

    def _apply(self, schema: StructType, layout: Layout, df: DataFrame) -> DataFrame:
        self._check_streaming(streaming=df.isStreaming)
        refuse_writing_on_sail(df.sparkSession, self.verb)
        with translate_write_errors(self.target.name, is_stream=self.checkpoint_folder is not None):
            target = self.target.open(df.sparkSession)
            existing = target.find()
            if existing is not None and existing.is_recovered and not df.isStreaming and reads_from(df, target.name):
                raise WriteConflictError(target.name, _RECOVERED)
            if existing is not None and not existing.is_empty_folder:
                if self.if_exists == "error":
                    raise TargetExistsError(target.name, hint=self._hint())
                if self.if_exists != "replace_all":
                    lines = differences(existing, schema, layout.names, add_columns=self.on_new_columns == "add")
                    lines = lines or target.unreadable_fields(new_fields(existing.columns, schema))
                    lines = lines or target.incompatible_partition_values(existing, layout.partitions)
                    if lines:
                        raise TargetMismatchError(target.name, lines)
            with nullcontext(df) if self.checkpoint_folder is not None else complete_write(df) as rows:
                job = WriteJob(layout.arrange(rows), schema, layout.names, self.files.target_file_size)
                if self.checkpoint_folder is None:
                    target.write(job, self.if_exists, existing)
                else:
                    target.append_stream(job, self.checkpoint_folder, existing)
        return target.read(schema)

    def _hint(self) -> str:
        outcomes = ["append", *(["replace_partitions"] if self.by else []), *(["replace_all"] * self.target.is_atomic)]
        other = "path" if self.target.path else "name"
        return f"Choose another {other}, or set " + " or ".join(f"if_exists={one!r}" for one in outcomes)

    def _check_streaming(self, *, streaming: bool) -> None:
        if streaming and self.checkpoint_folder is None:
            raise UnsupportedError(
                f"{self.verb}: expected a batch; got a stream, which write_stream appends with a checkpoint"
            )
        if self.checkpoint_folder is not None and not streaming:
            raise UnsupportedError(
                f"{self.verb}: expected a stream; got a batch. Read with stream=True or spark.readStream, or use "
                "write_table or write_partitioned"
            )


def _checked_partition(field: StructField) -> StructField:
    if VARIABLE in field.name:
        raise InvalidArgumentError(
            "by", expected="names without '${', which Spark's SQL parser replaces", got=field.name
        )
    if field.name.startswith("."):
        raise InvalidArgumentError(
            "by", expected="names that begin with no dot, since Spark reads no folder named so", got=field.name
        )
    if isinstance(field.dataType, (ArrayType, MapType, StructType)):
        raise ColumnTypeError(field.name, expected="a scalar to partition by", got=type_text(field.dataType))
    if isinstance(field.dataType, (BinaryType, TimestampType)):
        raise ColumnTypeError(
            field.name,
            expected="a type whose values can be the names of folders",
            got=type_text(field.dataType),
            hint="Partition by a date, or by the value as text",
        )
    return field


def _as_nullable(of: DataType) -> DataType:
    """Return the type as it is read back: every field, element and value may be null."""
    if isinstance(of, StructType):
        return StructType(
            [StructField(field.name, _as_nullable(field.dataType), True, field.metadata) for field in of.fields]  # noqa: FBT003 - Spark's order
        )
    if isinstance(of, ArrayType):
        return ArrayType(_as_nullable(of.elementType))
    if isinstance(of, MapType):
        return MapType(_as_nullable(of.keyType), _as_nullable(of.valueType))
    return of
