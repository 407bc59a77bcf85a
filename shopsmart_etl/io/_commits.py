"""Commits to Parquet tables that were killed half-way: finish or undo them.

Spark commits Parquet by moving files, one after the other. An append moves them from ``_temporary/<attempt>/task_...``.
A replacement of partitions moves folders from ``.spark-staging-...``, which has ``_SUCCESS`` as soon as all rows are
written. Each file's name has the identifier of its job, so that what a killed commit left can be told from what a
running writer has not committed yet:

- A replacement is half-way if its staging folder has ``_SUCCESS`` and partitions. Those are put in place.
- An append is half-way if the table has some files of its job, and the job's folder has others. Those in the table are
  removed: its caller never heard that they were written.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StringType, StructField, StructType

from shopsmart_etl._core.session import path_exists
from shopsmart_etl.errors import WriteConflictError
from shopsmart_etl.io._folders import list_files, partition_folders

# Where nothing moves for so long, the writer is taken for dead: a driver moves a file in a second or two.
_SECONDS_WITHOUT_MOVES = 30.0
_SECONDS_BETWEEN_LOOKS = 0.5

_STAGING = re.compile(r".*/\.spark-staging-[^/]+(?=/)")
_ATTEMPT = re.compile(r".*/_temporary/[^/]+(?=/task_)")
_FOLDER = re.compile(r".*(?=/)")
_JOB = re.compile(r"/part-[0-9]+-([0-9a-f-]{36})[^/]*$")

_Files = Mapping[str, Sequence[str]]


class _HalfWay(NamedTuple):
    """Commits that have begun and not ended.

    Attributes:
        staged: The staging folders of replacements, each with the files that are not yet in their place.
        attempts: The folders of appends, each with the files that are not yet in their place.
        table: All files of the table.
    """

    staged: _Files
    attempts: _Files
    table: Collection[str]


def recover(spark: SparkSession, table: str) -> bool:
    """Finish or undo what killed commits left, and return whether there was anything.

    Raises:
        WriteConflictError: An append to a table without partitions was killed; or of the only rows of a table, beside
            other writers.
    """
    half_way = _wait_while_moving(lambda: _look(spark, table))
    if half_way is None:
        return False
    for staging, files in half_way.staged.items():
        _replace(_read(spark, staging, files), _keys(staging, files), table)
        clear(spark, staging)
    if half_way.attempts:
        _undo(spark, table, half_way)
    return True


def clear(spark: SparkSession, folder: str) -> None:
    """Delete what is in a folder."""
    # Spark has no other way to delete: overwritten by no rows of a partitioned table, a folder is left empty.
    nothing = spark.range(0).selectExpr("id", "id AS part").write.partitionBy("part")
    unmarked = nothing.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
    unmarked.mode("overwrite").option("partitionOverwriteMode", "static").parquet(folder)


def replacement_options() -> dict[str, str]:
    """Return the options of a write that replaces partitions."""
    return {"partitionOverwriteMode": "dynamic", "mapreduce.fileoutputcommitter.marksuccessfuljobs": "true"}


def _look(spark: SparkSession, table: str) -> _HalfWay | None:
    unpublished = list_files(spark, f"{table}/{{.spark-staging-*,_temporary/*/task_*}}")
    if not unpublished:
        return None
    written, committed = _by(_STAGING, unpublished), list_files(spark, table)
    staged = {folder: files for folder, files in written.items() if path_exists(spark, f"{folder}/_SUCCESS")}
    jobs = _jobs(committed)
    attempts = {folder: files for folder, files in _by(_ATTEMPT, unpublished).items() if jobs & _jobs(files)}
    return _HalfWay(staged, attempts, committed) if staged or attempts else None


def _wait_while_moving(look: Callable[[], _HalfWay | None]) -> _HalfWay | None:
    """Look until nothing is half-way, or nothing has moved for some time: another writer may be committing now."""
    found, since = look(), time.monotonic()
    while found is not None and time.monotonic() - since < _SECONDS_WITHOUT_MOVES:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        again = look()
        if again is None or _moved(found, again):
            since = time.monotonic()
        found = again
    return found


def _moved(before: _HalfWay, after: _HalfWay) -> bool:
    return [{*map(tuple, files)} for files in _all(before)] != [{*map(tuple, files)} for files in _all(after)]


def _all(half_way: _HalfWay) -> list[Collection[Sequence[str]]]:
    return [half_way.staged.values(), half_way.attempts.values()]


def _undo(spark: SparkSession, table: str, half_way: _HalfWay) -> None:
    """Remove the files of killed jobs from a table; where a partition has others too, write it without theirs."""
    jobs = _jobs([file for files in half_way.attempts.values() for file in files])

    def is_theirs(file: str) -> bool:
        return bool(_jobs([file]) & jobs)

    affected = [files for files in _by(_FOLDER, half_way.table).values() if any(map(is_theirs, files))]
    emptied = [_folder_of(files[0]) for files in affected if all(map(is_theirs, files))]
    kept = [file for files in affected for file in files if _folder_of(file) not in emptied and not is_theirs(file)]
    by = _keys(table, half_way.table)
    # To clear the table's own folder would delete what others are writing.
    others = _by(_ATTEMPT, list_files(spark, f"{table}/_temporary/*/task_*")).keys() - half_way.attempts.keys()
    if not by and (kept or others):
        raise WriteConflictError(table, _by_hand(half_way, jobs))
    if kept:
        _replace(_read(spark, table, kept), by, table)
    for folder in [*emptied, *(half_way.attempts if by else ())]:
        clear(spark, folder)


def _folder_of(file: str) -> str:
    return file.rpartition("/")[0]


def _by_hand(half_way: _HalfWay, jobs: Collection[str]) -> str:
    return (
        "has rows of an append that was killed while it moved its files into the table; nothing was written. Delete "
        f"the files with {', '.join(sorted(jobs))} in their names from the table, or move the others there from "
        f"{', '.join(half_way.attempts)}, then retry"
    )


def _read(spark: SparkSession, root: str, files: Sequence[str]) -> DataFrame:
    """Read files with the partition columns as text, so that ``007`` does not become 7."""
    # A file that cannot be read must not be skipped: its rows would be lost.
    reader = spark.read.option("basePath", root).option("ignoreCorruptFiles", value=False)
    reader = reader.option("ignoreMissingFiles", value=False)
    keys = _keys(root, files)
    schema = reader.option("mergeSchema", value=True).parquet(*files).schema
    fields = schema.fields[: len(schema.fields) - len(keys)]
    return reader.schema(StructType([*fields, *(StructField(key, StringType()) for key in keys)])).parquet(*files)


def _replace(rows: DataFrame, by: Sequence[str], table: str) -> None:
    options = {"compression": "zstd", **replacement_options()}
    rows.write.mode("overwrite").partitionBy(*by).options(**options).parquet(table)


def _keys(root: str, files: Collection[str]) -> list[str]:
    """Return the names of the partition columns, from the path of a file."""
    (folder,) = partition_folders(root, [next(iter(files))])
    return [key for key, _ in folder]


def _by(pattern: re.Pattern[str], files: Collection[str]) -> dict[str, list[str]]:
    """Group files by the folder that a pattern finds in their paths."""
    found: dict[str, list[str]] = {}
    for file in sorted(files):
        if match := pattern.match(file):
            found.setdefault(match[0], []).append(file)
    return found


def _jobs(files: Collection[str]) -> set[str]:
    return {match[1] for match in map(_JOB.search, files) if match}
