"""Rewrite many small files of a partition as few of good size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StringType, StructField, StructType
from typing_extensions import override

from shopsmart_etl._core._sail import refuse_writing_on_sail
from shopsmart_etl._core.checks import check_columns, check_path, check_session
from shopsmart_etl._core.spark_errors import translate_write_errors
from shopsmart_etl._core.sql import positions, quote
from shopsmart_etl.errors import SourceNotFoundError, TargetMismatchError, UnsupportedError
from shopsmart_etl.io._parquet import DELTA_LOG, STREAM_LOG, ParquetFolder
from shopsmart_etl.io._targets import check_no_pattern
from shopsmart_etl.io.file_options import FileOptions, check_file_options

_DEFAULT_FILES = FileOptions()
_PARTITIONS_SHOWN = 10
# A partition is rewritten if it has as many files smaller than half of the target.
_MIN_SMALL_FILES = 2
# How much more than its share of the rows a file may have.
_SLACK = 1.3


@dataclass(frozen=True)
class Compaction:
    """What a compaction did; prints as text.

    Attributes:
        path: The table's folder.
        partitions: How many partitions there are.
        compacted: The partitions that were rewritten, each with its number of files before and after.
    """

    path: str
    partitions: int
    compacted: Mapping[str, tuple[int, int]]

    @override
    def __repr__(self) -> str:
        before, after = (sum(files[index] for files in self.compacted.values()) for index in range(2))
        lines = [
            f"{len(self.compacted):,} of {self.partitions:,} partitions compacted: {before:,} files are now {after:,}"
        ]
        shown = list(self.compacted.items())[:_PARTITIONS_SHOWN]
        lines += [f"  {name}: {files[0]:,} files are now {files[1]:,}" for name, files in shown]
        more = len(self.compacted) - len(shown)
        return "\n".join(lines + [f"  and {more:,} more"] * (more > 0))


def compact_partitions(
    spark: SparkSession,
    path: str | PathLike[str],
    *,
    by: str | Sequence[str],
    files: FileOptions = _DEFAULT_FILES,
) -> Compaction:
    """Rewrite the partitions of a Parquet table that contain too many small files. Runs Spark jobs.

    A partition has too many where its bytes need fewer files and two or more of its files are smaller than half of the
    target size. The others are kept as they are, so a second run does nothing. The rows, the columns and the values of
    the partitions stay the same. Old files are removed when all new ones are written, as with
    ``write_partitioned(..., if_exists="replace_partitions")``.

    Nothing else may write to these partitions at the same time: rows appended between the reading and the commit would
    be removed with the old files.

    Args:
        spark: The session.
        path: The table's folder.
        by: Its partition columns, outermost folder first.
        files: How the new files are sorted, and the size that a file should have, approximately. The partitions are
            not counted.

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
    check_session("spark", spark)
    folder = check_no_pattern(check_path("path", path))
    names = check_columns("by", by, at_least_one=True)
    target = check_file_options("files", files).target_file_size
    refuse_writing_on_sail(spark, "compact_partitions")
    with translate_write_errors(folder):
        table = _read(spark, folder, names)
        survey = _survey(table, names, target)
        small = [row for row in survey if row["files"] > row["wanted"] and row["small"] >= _MIN_SMALL_FILES]
        if small:
            _rewrite(table, names, files.sort_by, small, folder)
        # Read again, since a DataFrame keeps the list of files that it was created with.
        again = spark.read.schema(table.schema).parquet(folder)
        count = {_values(row, names): row["files"] for row in _survey(again, names, target)}
    compacted = {_title(row, names): (row["files"], count[_values(row, names)]) for row in small}
    return Compaction(folder, len(survey), compacted)


def _title(partition: Row, names: Sequence[str]) -> str:
    values = ("null" if value is None else value for value in _values(partition, names))
    return "/".join(f"{name}={value}" for name, value in zip(names, values, strict=True))


def _read(spark: SparkSession, path: str, names: Sequence[str]) -> DataFrame:
    """Read the table with its partition columns as text, so that ``007`` does not come back as 7."""
    folder = ParquetFolder(spark, path)
    if folder.contains(DELTA_LOG):
        raise UnsupportedError(f"{path!r} is a Delta table: run OPTIMIZE delta.`{path}`, which keeps its log")
    if folder.contains(STREAM_LOG):
        raise UnsupportedError(f"{path!r} is written by a stream, whose log lists the files that Spark reads")
    existing = folder.find()
    if existing is None or existing.is_empty_folder:
        raise SourceNotFoundError(path, "there is no table of Parquet files")
    if list(existing.partitions) != list(names):
        found = ", ".join(existing.partitions)
        raise TargetMismatchError(path, [f"partition columns: the table has ({found}), the call ({', '.join(names)})"])
    texts = [StructField(name, StringType()) for name in names]
    # A file that cannot be read must not be skipped: it would be removed with the old ones.
    reader = spark.read.option("ignoreCorruptFiles", value=False).option("ignoreMissingFiles", value=False)
    return reader.schema(StructType([*existing.columns.fields, *texts])).parquet(path)


def _survey(table: DataFrame, names: Sequence[str], target: int) -> list[Row]:
    """Count each partition's files, bytes and rows from the files' footers; its values are named by position."""
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


def _rewrite(table: DataFrame, names: Sequence[str], sort_by: Sequence[str], small: Sequence[Row], path: str) -> None:
    own = "_" * (1 + max(map(len, table.columns)))  # no name of the table begins with it
    keys = [StructField(f"{own}{index}", StringType()) for index in range(len(names))]
    chosen = table.sparkSession.createDataFrame(
        [(*_values(row, names), row["wanted"]) for row in small],
        StructType([*keys, StructField(f"{own}wanted", LongType())]),
    )
    # By where a row is, which is the same if a task is run again.
    row_hash = F.xxhash64("_metadata.file_path", "_metadata.row_index")
    hashed = table.select("*", row_hash.alias(f"{own}hash"))
    same = [hashed[quote(name)].eqNullSafe(chosen[key.name]) for name, key in zip(names, keys, strict=True)]
    part = F.pmod(f"{own}hash", f"{own}wanted")
    rows = hashed.join(F.broadcast(chosen), same)
    spread = rows.repartition(sum(row["wanted"] for row in small), *map(quote, names), part)
    # Where two parts meet in a task, their file is cut; not at the size of one exactly, since parts are not equal.
    longest = max(math.ceil(_SLACK * row["rows"] / row["wanted"]) for row in small)
    ordered = spread.sortWithinPartitions(*map(quote, [*names, *sort_by])).select(*map(quote, table.columns))
    options = {"compression": "zstd", "partitionOverwriteMode": "dynamic", "maxRecordsPerFile": str(longest)}
    ordered.write.mode("overwrite").partitionBy(*names).options(**options).parquet(path)
