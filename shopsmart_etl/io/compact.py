"""Many small files of a partition into few of good size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StringType, StructField, StructType
from typing_extensions import override

from shopsmart_etl._core.engine import refuse_writing_on_sail
from shopsmart_etl._core.sql import positions, quote
from shopsmart_etl.errors import InvalidArgumentError, SourceNotFoundError, TargetMismatchError, UnsupportedError
from shopsmart_etl.io._parquet import DELTA_LOG, STREAM_LOG, ParquetFolder
from shopsmart_etl.io._tables import refuse_pattern

_TARGET = 128 * 1024**2
_SHOWN = 10
_FEW = 2
_SLACK = 1.3


@dataclass(frozen=True)
class Compaction:
    """What a compaction did; prints as text.

    Attributes:
        path: The table's folder.
        partitions: How many partitions there are.
        compacted: The partitions that were written anew, each with its number of files before and after.
    """

    path: str
    partitions: int
    compacted: Mapping[str, tuple[int, int]]

    @override
    def __repr__(self) -> str:
        before, after = (sum(files[at] for files in self.compacted.values()) for at in range(2))
        lines = [
            f"{len(self.compacted):,} of {self.partitions:,} partitions compacted: {before:,} files are now {after:,}"
        ]
        shown = list(self.compacted.items())[:_SHOWN]
        lines += [f"  {name}: {files[0]:,} files are now {files[1]:,}" for name, files in shown]
        more = len(self.compacted) - len(shown)
        return "\n".join(lines + [f"  and {more:,} more"] * (more > 0))


def compact_partitions(
    spark: SparkSession,
    path: str,
    *,
    by: str | Sequence[str],
    sort_by: str | Sequence[str] = (),
    target_file_size: int = _TARGET,
) -> Compaction:
    """Write the partitions of a Parquet table anew that have too many small files. Runs Spark jobs.

    A partition has too many where its bytes need fewer files and two or more of its files are smaller than half of the
    target. The others are left alone, so a second run does nothing. The rows, the columns and the values of the
    partitions stay as they are. Old files go when all new ones are written, as with
    ``write_partitioned(..., if_exists="replace_partitions")``.

    Nothing else may write to these partitions meanwhile: rows appended between the reading and the commit would go with
    the old files.

    Args:
        spark: The session.
        path: The table's folder.
        by: Its partition columns, outermost folder first.
        sort_by: Columns to sort by inside the new files.
        target_file_size: The bytes that a file should have, more or less.

    Returns:
        What was done: the partitions, with their number of files before and after.

    Raises:
        SourceNotFoundError: There is no table.
        TargetMismatchError: It has other partition columns.
        UnsupportedError: It is a Delta table, or one that a stream writes; or the session is on Sail.
        InvalidArgumentError: An argument is wrong.

    Example:
        >>> path, logs = new_path(), spark.createDataFrame([("ada", "EIRE", ["a"]), ("bob", None, [])],
        ...     "user string, country string, tags array<string>")
        >>> for _ in range(3):
        ...     table = logs.transform(write_partitioned(path, by="country", if_exists="append"))
        >>> compact_partitions(spark, path, by="country")
        2 of 2 partitions compacted: 6 files are now 2
          country=EIRE: 3 files are now 1
          country=null: 3 files are now 1
        >>> spark.read.parquet(path).count()
        6
    """
    names = [by] if isinstance(by, str) else list(by)
    inside = [sort_by] if isinstance(sort_by, str) else list(sort_by)
    if target_file_size < 1:
        raise InvalidArgumentError("target_file_size", wanted="a number of bytes", found=target_file_size)
    refuse_pattern(path)
    refuse_writing_on_sail(spark, "compact_partitions")
    table = _table(spark, path, names)
    survey = _survey(table, names, target_file_size)
    small = [one for one in survey if one["files"] > one["wanted"] and one["small"] >= _FEW]
    if small:
        _rewrite(table, names, inside, small, path)
    # Read anew, since a DataFrame keeps the list of the files that it was made for.
    again = spark.read.schema(table.schema).parquet(path)
    files = {_values(one, names): one["files"] for one in _survey(again, names, target_file_size)}
    return Compaction(
        path,
        len(survey),
        {
            "/".join(
                f"{name}={'null' if value is None else value}"
                for name, value in zip(names, _values(one, names), strict=True)
            ): (one["files"], files[_values(one, names)])
            for one in small
        },
    )


def _table(spark: SparkSession, path: str, names: Sequence[str]) -> DataFrame:
    """Read the table with its partition columns as text: ``007`` must not come back as 7."""
    folder = ParquetFolder(spark, path)
    if folder.holds(DELTA_LOG):
        raise UnsupportedError(f"{path!r} is a Delta table: run OPTIMIZE delta.`{path}`, which keeps its log")
    if folder.holds(STREAM_LOG):
        raise UnsupportedError(f"{path!r} is written by a stream, whose log lists the files that Spark reads")
    there = folder.find()
    if there is None:
        raise SourceNotFoundError(path, "there is no table of Parquet files")
    if list(there.partitions) != list(names):
        found = ", ".join(there.partitions)
        raise TargetMismatchError(path, [f"partition columns: the table has ({found}), the call ({', '.join(names)})"])
    texts = [StructField(name, StringType()) for name in names]
    # A file that cannot be read must not be left out: it would go with the old ones.
    reader = spark.read.option("ignoreCorruptFiles", value=False).option("ignoreMissingFiles", value=False)
    return reader.schema(StructType([*there.columns.fields, *texts])).parquet(path)


def _survey(table: DataFrame, names: Sequence[str], target: int) -> list[Row]:
    """Count each partition's files, bytes and rows, by the files' footers; its values are named by position."""
    keys = positions(len(names))
    values = [F.col(quote(name)).alias(key) for name, key in zip(names, keys, strict=True)]
    files = table.groupBy(*values, "_metadata.file_path", F.col("_metadata.file_size").alias("bytes")).agg(
        F.count(F.lit(1)).alias("rows")
    )
    return (
        files.groupBy(*keys)
        .agg(
            F.count(F.lit(1)).alias("files"),
            F.count_if(F.col("bytes") < target / 2).alias("small"),
            F.ceil(F.sum("bytes") / target).alias("wanted"),
            F.sum("rows").alias("rows"),
        )
        .collect()
    )


def _values(partition: Row, names: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(partition[key] for key in positions(len(names)))


def _rewrite(table: DataFrame, names: Sequence[str], inside: Sequence[str], small: Sequence[Row], path: str) -> None:
    own = "_" * (1 + max(map(len, table.columns)))  # begins no name of the table
    keys = [StructField(f"{own}{at}", StringType()) for at in range(len(names))]
    chosen = table.sparkSession.createDataFrame(
        [(*_values(one, names), one["wanted"]) for one in small],
        StructType([*keys, StructField(f"{own}wanted", LongType())]),
    )
    # By where a row is, which is the same if a task is run again.
    at = F.xxhash64("_metadata.file_path", "_metadata.row_index")
    placed = table.select("*", at.alias(f"{own}at"))
    same = [placed[quote(name)].eqNullSafe(chosen[key.name]) for name, key in zip(names, keys, strict=True)]
    part = F.pmod(f"{own}at", f"{own}wanted")
    rows = placed.join(F.broadcast(chosen), same)
    spread = rows.repartition(sum(one["wanted"] for one in small), *map(quote, names), part)
    # Where two parts meet in a task, their file is cut; not at the size of one exactly, since parts are not equal.
    longest = max(math.ceil(_SLACK * one["rows"] / one["wanted"]) for one in small)
    ordered = spread.sortWithinPartitions(*map(quote, [*names, *inside])).select(*map(quote, table.columns))
    options = {"compression": "zstd", "partitionOverwriteMode": "dynamic", "maxRecordsPerFile": str(longest)}
    ordered.write.mode("overwrite").partitionBy(*names).options(**options).parquet(path)
