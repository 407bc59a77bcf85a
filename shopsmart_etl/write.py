"""A DataFrame into partitioned Parquet, without losing what is there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StringType, StructField, StructType

from shopsmart_etl.errors import (
    ColumnTypeError,
    InvalidArgumentError,
    TargetExistsError,
    TargetMismatchError,
    UnsupportedError,
)
from shopsmart_etl.schema import find_column, quote, type_text
from shopsmart_etl.session import ignores_case
from shopsmart_etl.step import step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame, SparkSession

    from shopsmart_etl.typing import IfExists, Transform

_OUTCOMES = ("error", "append", "replace_partitions")

# What Spark names the folder of null. As a value it would come back as null, and so would the empty string.
_NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"


@step
def write_partitioned(path: str, *, by: str | Sequence[str], if_exists: IfExists = "error") -> Transform:
    """Write Parquet partitioned by columns, and return the table read back: applying this step runs Spark.

    The rows are shuffled by the partition columns first (Spark's rebalance), so each partition gets few files of
    good size, and adaptive execution splits a partition that is large. A later filter on a partition column
    reads only its folders, and a step chained after this one reads the table and does not compute the rows again.

    Args:
        path: The table's folder.
        by: The partition columns, outermost folder first: of low cardinality, such as a country or a day. Null is a
            partition value like others. The empty string is not, since Spark would read it back as null: the
            write fails before it commits. So does the text ``__HIVE_DEFAULT_PARTITION__``.
        if_exists: What happens to a table that is there. ``"error"`` refuses; ``"append"`` adds the rows (a second
            run adds them twice); ``"replace_partitions"`` replaces the partitions that the rows have, whole, and
            leaves the others (a second run changes nothing). ``"replace_all"`` is refused: on Parquet it means
            deleting first, and a job that then fails leaves no table.

    Returns:
        A Transform whose result is the whole table (what was there before too) with the written columns in their
        order and types, all nullable: a partition value ``007`` stays a string.

    Raises:
        InvalidArgumentError: ``by`` is empty or names every column, or ``if_exists`` is none of the outcomes.
        UnsupportedError: ``if_exists`` is ``"replace_all"``.
        ColumnNotFoundError: A partition column is not there.
        ColumnTypeError: A partition column is an array, a map or a struct.
        TargetExistsError: There is a table, and ``if_exists`` is ``"error"``.
        TargetMismatchError: The rows have other columns, types, order or partition columns than the table.

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
    if not columns:
        raise InvalidArgumentError("by", wanted="at least one partition column", found=by)
    if if_exists == "replace_all":
        raise UnsupportedError(
            "if_exists='replace_all': on Parquet it would delete the table before the new one is there. Write to a new "
            "path, or use if_exists='replace_partitions'"
        )
    if if_exists not in _OUTCOMES:
        raise InvalidArgumentError("if_exists", wanted=f"one of {', '.join(_OUTCOMES)}", found=if_exists)

    def write(df: DataFrame) -> DataFrame:
        schema = df.schema
        partitions = [_partition(df, schema, column) for column in columns]
        if len(partitions) == len(schema.fields):
            raise InvalidArgumentError("by", wanted="at least one column left to write", found=by)
        spark = df.sparkSession
        if if_exists != "error":
            _refuse_mismatch(spark, path, schema, partitions)
        rows = df.withColumns({field.name: _refusing_blank(field) for field in partitions if _is_text(field)})
        names = [field.name for field in partitions]
        writer = rows.hint("rebalance", *map(quote, names)).write.partitionBy(*names).option("compression", "zstd")
        # Dynamic: only partitions that the rows have are replaced, and not before every row is written.
        mode = "overwrite" if if_exists == "replace_partitions" else if_exists
        try:
            writer.mode(mode).option("partitionOverwriteMode", "dynamic").parquet(path)
        except AnalysisException as error:
            if "PATH_ALREADY_EXISTS" not in str(error):
                raise
            raise TargetExistsError(path) from None
        return _read_back(spark, path, schema, names)

    return write


def _partition(df: DataFrame, schema: StructType, column: str) -> StructField:
    field = schema.fields[find_column(schema, column, ignores_case=partial(ignores_case, df))]
    if isinstance(field.dataType, (ArrayType, MapType, StructType)):
        raise ColumnTypeError(field.name, wanted="a scalar to partition by", found=type_text(field.dataType))
    return field


def _is_text(field: StructField) -> bool:
    return isinstance(field.dataType, StringType)


def _refusing_blank(field: StructField) -> Column:
    """Fail the job, before it commits, on a value that the folder's name cannot hold."""
    name = quote(field.name)
    why = (
        f"partition column {field.name!r} holds an empty string or the text {_NULL_FOLDER}, which Parquet folders "
        "cannot tell from null; nothing was written: replace it first, say by null or 'unknown'"
    )
    return F.when(F.expr(f"{name} IN ('', '{_NULL_FOLDER}')"), F.raise_error(F.lit(why))).otherwise(F.expr(name))


def _refuse_mismatch(spark: SparkSession, path: str, schema: StructType, partitions: Sequence[StructField]) -> None:
    """Compare what comes with what is there: Spark would write it all the same, and then fail to read it."""
    try:
        table = spark.read.parquet(path).schema
        # Without the folders: what the files themselves hold.
        files = spark.read.option("recursiveFileLookup", value=True).parquet(path).schema
    except AnalysisException as error:
        if "PATH_NOT_FOUND" in str(error) or "UNABLE_TO_INFER_SCHEMA" in str(error):
            return
        raise
    differences = []
    there = [name for name in table.names if name not in files.names]
    here = [field.name for field in partitions]
    if there != here:
        differences.append(f"partition columns: the table has ({', '.join(there)}), the rows ({', '.join(here)})")
    differences += _column_differences(
        {field.name: type_text(field.dataType) for field in files if field.name not in here},
        {field.name: type_text(field.dataType) for field in schema if field.name not in (*here, *there)},
    )
    if differences:
        raise TargetMismatchError(path, differences)


def _column_differences(there: dict[str, str], here: dict[str, str]) -> list[str]:
    lines = [f"column {name!r} ({kind}) is missing from the rows" for name, kind in there.items() if name not in here]
    lines += [f"column {name!r} ({kind}) is not in the table" for name, kind in here.items() if name not in there]
    lines += [
        f"column {name!r} is {there[name]} in the table and {kind} in the rows"
        for name, kind in here.items()
        if name in there and there[name] != kind
    ]
    if not lines and list(there) != list(here):
        lines.append(f"the table's columns are in the order {', '.join(there)}; the rows' are {', '.join(here)}")
    return lines


def _read_back(spark: SparkSession, path: str, schema: StructType, partitions: Sequence[str]) -> DataFrame:
    # The schema is given, or Spark would guess the partition columns' types from their folders' names.
    table = spark.read.schema(schema).parquet(path)
    last = schema.names[-len(partitions) :]
    return table if last == list(partitions) else table.selectExpr(*map(quote, schema.names))
