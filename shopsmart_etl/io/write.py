"""A DataFrame into a partitioned table, without losing what is there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    MapType,
    StructField,
    StructType,
    TimestampType,
)

from shopsmart_etl._core.columns import find_column
from shopsmart_etl._core.engine import refuse_writing_on_sail
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import type_text
from shopsmart_etl._core.step import Step, step
from shopsmart_etl.errors import (
    ColumnTypeError,
    InvalidArgumentError,
    TargetExistsError,
    TargetMismatchError,
    UnsupportedError,
)
from shopsmart_etl.io._catalog import CatalogTable
from shopsmart_etl.io._delta import DeltaFolder
from shopsmart_etl.io._layout import Layout, rows_per_file
from shopsmart_etl.io._parquet import ParquetFolder
from shopsmart_etl.io._tables import Place, differences, refuse_pattern, told
from shopsmart_etl.typing import IfExists, TableFormat, Transform

_OUTCOMES = ("error", "append", "replace_partitions", "replace_all")
_FORMATS = ("parquet", "delta", "iceberg")
_TARGET = 128 * 1024**2
_MOST = 1000


@step
def write_partitioned(
    path: str | None = None,
    *,
    by: str | Sequence[str],
    table: str | None = None,
    format: TableFormat | None = None,  # noqa: A002 - Spark's own word for it
    if_exists: IfExists = "error",
    new_columns: Literal["refuse", "add"] = "refuse",
    sort_by: str | Sequence[str] = (),
    target_file_size: int = _TARGET,
    max_partitions: int | None = _MOST,
    checkpoint: str | None = None,
) -> Transform:
    """Write a table partitioned by columns, and return it read back: applying this step runs Spark.

    The rows are shuffled by the partition columns first (Spark's rebalance): a small partition gets one file, a large
    one is split over several tasks. A later filter on a partition column reads only its files, and a step chained
    after this one reads the table and does not compute the rows again. What is there is compared with what comes
    before anything is written.

    On Parquet nothing is changed before every row is written; then files are moved into their place one by one, and
    a driver that is killed at that moment leaves some of them moved. Delta Lake and Iceberg commit in one piece.

    Args:
        path: The table's folder, for Parquet or Delta Lake.
        by: The partition columns, outermost folder first: of low cardinality, such as a country or a day. Null is a
            partition value like others. The empty string is not, since Spark would read it back as null: the
            write fails before it commits. So does the text ``__HIVE_DEFAULT_PARTITION__``, and a value too long for
            the name of a folder.
        table: In place of ``path``, the table's name in a catalog, such as ``main.silver.orders``.
        format: ``"parquet"`` or ``"delta"`` for a path; ``"delta"`` or ``"iceberg"`` for a table that is to be made.
            None: Parquet for a path, for a table what its catalog makes.
        if_exists: What happens to a table that is there. ``"error"`` refuses; ``"append"`` adds the rows (a second
            run adds them twice); ``"replace_partitions"`` replaces the partitions that the rows have, whole, and
            leaves the others (a second run changes nothing); ``"replace_all"`` replaces the table, whatever columns
            it had. The last is refused on Parquet, where it means deleting first: a job that then fails leaves no
            table.
        new_columns: What happens to columns that the table lacks: ``"refuse"``, or ``"add"`` them, null in the rows
            that are there.
        sort_by: Columns to sort by inside the files, so that readers can skip parts of them. Not for a stream.
        target_file_size: The bytes that a file should have at most, more or less. Files are made smaller where the
            session's ``spark.sql.adaptive.advisoryPartitionSizeInBytes`` says so (64 MB by default); the cap itself
            is a number of rows, guessed from the columns' types.
        max_partitions: How many partitions the rows may have; with more, the job fails before it writes, as with
            ``by="order_id"``. The count reads the shuffled rows once more, not the source. None counts nothing. Not
            counted for a stream.
        checkpoint: For a stream, and for nothing else: the folder that remembers what was written. What is new is
            written exactly once, whenever the driver was killed; then the step returns. Wants
            ``if_exists="append"``.

    Returns:
        A Transform whose result is the whole table (what was there before too) with the written columns in their
        order and types, all nullable: a partition value ``007`` stays a string.

    Raises:
        InvalidArgumentError: ``by`` is empty or names every column, or arguments are wrong or do not go together.
        UnsupportedError: The format, or the session, cannot do it right.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: A partition column is nested, binary or a timestamp.
        TargetExistsError: There is a table, and ``if_exists`` is ``"error"``.
        TargetMismatchError: The rows have other columns, types, order or partition columns than the table.
        PartitionError: Partition values are blank, too long or too many.
        WriteConflictError: Another writer changed the table meanwhile.

    Example:
        >>> logs = spark.createDataFrame(
        ...     [("007", "EIRE", ["a"]), ("1", None, [])], "user string, country string, tags array<string>")
        >>> table = logs.transform(write_partitioned(new_path(), by="country"))
        >>> table.orderBy("user").show()
        +----+-------+----+
        |user|country|tags|
        +----+-------+----+
        | 007|   EIRE| [a]|
        |   1|   NULL|  []|
        +----+-------+----+
        <BLANKLINE>
    """
    columns = [by] if isinstance(by, str) else list(by)
    inside = [sort_by] if isinstance(sort_by, str) else list(sort_by)
    if not columns:
        raise InvalidArgumentError("by", wanted="at least one partition column", found=by)
    _refuse_target(path, table, format)
    _refuse_outcome(if_exists, path, format)
    if new_columns not in ("refuse", "add"):
        raise InvalidArgumentError("new_columns", wanted="'refuse' or 'add'", found=new_columns)
    _refuse_numbers(target_file_size, max_partitions)
    if checkpoint is not None and (if_exists != "append" or inside):
        raise InvalidArgumentError("checkpoint", wanted="if_exists='append' and no sort_by", found=checkpoint)

    def write(df: DataFrame) -> DataFrame:
        schema = df.schema
        layout = _layout(df, schema, columns, inside, max_partitions)
        _refuse_stream(streaming=df.isStreaming, checkpoint=checkpoint)
        refuse_writing_on_sail(df.sparkSession, "write_partitioned")
        place = _place(df.sparkSession, path, table, format)
        with told(place.name):
            there = place.find()
            if there is not None and if_exists == "error":
                raise TargetExistsError(place.name)
            if there is not None and if_exists != "replace_all":
                lines = differences(there, schema, layout.names, add_columns=new_columns == "add")
                lines = lines or place.misfits(layout.partitions)
                if lines:
                    raise TargetMismatchError(place.name, lines)
            rows, options = layout.arrange(df), _options(schema, target_file_size)
            if checkpoint is None:
                place.write(rows, layout.names, if_exists, options)
            else:
                place.stream(rows, layout.names, {**options, "checkpointLocation": checkpoint})
            return place.read(schema)

    return Step(write, runs_spark=True)


def _refuse_target(path: str | None, table: str | None, table_format: TableFormat | None) -> None:
    if bool(path) == bool(table):
        raise InvalidArgumentError("path", wanted="either a path or table=, a name in a catalog", found=path)
    refuse_pattern(path or "")
    if table_format is not None and table_format not in _FORMATS:
        raise InvalidArgumentError("format", wanted=f"one of {', '.join(_FORMATS)}", found=table_format)
    if path and table_format == "iceberg":
        raise UnsupportedError(
            "format='iceberg': an Iceberg table has a name in a catalog; say table='catalog.schema.table' in place of "
            "a path"
        )
    if table and table_format == "parquet":
        raise UnsupportedError(
            "format='parquet': a Parquet table of a catalog cannot replace partitions safely; give a path, or use "
            "format='delta' or 'iceberg'"
        )


def _refuse_outcome(if_exists: IfExists, path: str | None, table_format: TableFormat | None) -> None:
    if if_exists not in _OUTCOMES:
        raise InvalidArgumentError("if_exists", wanted=f"one of {', '.join(_OUTCOMES)}", found=if_exists)
    if if_exists == "replace_all" and path and table_format != "delta":
        raise UnsupportedError(
            "if_exists='replace_all': on Parquet it would delete the table before the new one is there. Write to a new "
            "path, or use if_exists='replace_partitions', or format='delta'"
        )


def _refuse_numbers(target_file_size: int, max_partitions: int | None) -> None:
    if target_file_size < 1:
        raise InvalidArgumentError("target_file_size", wanted="a number of bytes", found=target_file_size)
    if max_partitions is not None and max_partitions < 1:
        raise InvalidArgumentError("max_partitions", wanted="a number from 1, or None", found=max_partitions)


def _refuse_stream(*, streaming: bool, checkpoint: str | None) -> None:
    if streaming and checkpoint is None:
        raise UnsupportedError(
            "write_partitioned: a stream wants checkpoint=, the folder that remembers what was written"
        )
    if checkpoint is not None and not streaming:
        raise UnsupportedError("write_partitioned: checkpoint= is for streams; read with stream=True, or leave it out")


def _layout(
    df: DataFrame, schema: StructType, by: Sequence[str], sort_by: Sequence[str], max_partitions: int | None
) -> Layout:
    find = partial(find_column, schema, ignores_case=partial(ignores_case, df))
    partitions = [_partition(schema.fields[find(column)]) for column in by]
    layout = Layout(partitions, [schema.names[find(column)] for column in sort_by], max_partitions)
    if len(set(layout.names)) < len(layout.names):
        raise InvalidArgumentError("by", wanted="each partition column once", found=by)
    if len(layout.names) == len(schema.fields):
        raise InvalidArgumentError("by", wanted="at least one column left to write", found=by)
    return layout


def _partition(field: StructField) -> StructField:
    if field.name.startswith("."):
        raise InvalidArgumentError(
            "by", wanted="names that begin with no dot, since Spark reads no folder named so", found=field.name
        )
    if isinstance(field.dataType, (ArrayType, MapType, StructType)):
        raise ColumnTypeError(field.name, wanted="a scalar to partition by", found=type_text(field.dataType))
    if isinstance(field.dataType, (BinaryType, TimestampType)):
        raise ColumnTypeError(
            field.name,
            wanted="a type whose values folders can name",
            found=type_text(field.dataType),
            way_out="Partition by a date or by text made of it",
        )
    return field


def _place(spark: SparkSession, path: str | None, table: str | None, table_format: TableFormat | None) -> Place:
    if table:
        return CatalogTable(spark, table, table_format)
    assert path  # noqa: S101 - narrows the type; _refuse_target said so
    return (DeltaFolder if table_format == "delta" else ParquetFolder)(spark, path)


def _options(schema: StructType, target_file_size: int) -> dict[str, str]:
    return {
        "maxRecordsPerFile": str(rows_per_file(schema, target_file_size)),
        # Iceberg's own: it knows how large a file has become, and need not shuffle again.
        "target-file-size-bytes": str(target_file_size),
        "distribution-mode": "none",
    }
