"""Commits to Parquet tables that were killed half-way: finish or undo them.

Spark commits Parquet by moving files, one after the other. An append moves them from ``_temporary/<attempt>/task_...``.
A replacement of partitions moves folders from ``.spark-staging-...``, which has ``_SUCCESS`` as soon as all rows are
written. Each file's name has the identifier of its job, which distinguishes what a killed commit left from what a
running writer has not committed yet:

- A replacement is half-way if its staging folder has ``_SUCCESS`` and partitions. Those are put in place. Two empty
  folders beside it, ``...-begun`` and ``...-replaced``, say how far that has come, should it be killed too.
- An append is half-way if the table has some files of its job, and the job's folder has others. Those in the table are
  removed: its caller never heard that they were written.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from shopsmart_etl._core.path_errors import is_file_system_error
from shopsmart_etl._core.session import path_exists
from shopsmart_etl._core.spark_errors import error_summary, has_condition
from shopsmart_etl.errors import TableError, WriteConflictError
from shopsmart_etl.io._folders import STREAM_LOG, list_files, partition_folders, while_others_write

# Where nothing moves for so long, the writer is taken for dead: a driver moves a file in a second or two.
_SECONDS_WITHOUT_MOVES = 30.0
_SECONDS_BETWEEN_LOOKS = 0.5

_STAGING = re.compile(r".*/\.spark-staging-[^/]+(?=/)")
_UNPUBLISHED = re.compile(r"/(?:_temporary|\.spark-staging-[^/]*)/")
_ATTEMPT = re.compile(r".*/_temporary/[^/]+(?=/task_)")
_FOLDER = re.compile(r".*(?=/)")
# File systems that rename a folder at once. Others copy its files, which takes minutes and can be interrupted.
_RENAMING = ("file:", "hdfs:")
# A replacement and an append may be half-way at once.
_ROUNDS = 3
_JOB = re.compile(r"/part-[0-9]+-([0-9a-f-]{36})[^/]*$")

_Files = Mapping[str, Sequence[str]]


class _HalfWay(NamedTuple):
    """Commits that have begun and not ended.

    Attributes:
        staged: The staging folders of replacements, each with the files that are not yet in their place.
        attempts: The folders of appends, each with the files that are not yet in their place.
        table: All files of the table, in order.
    """

    staged: _Files
    attempts: _Files
    table: Sequence[str]


def recover(spark: SparkSession, table: str) -> bool:
    """Finish or undo what killed commits left, and return whether there was anything.

    Raises:
        WriteConflictError: That cannot be done safely.
    """
    for number in range(_ROUNDS):
        half_way = _wait_while_moving(lambda: while_others_write(lambda: _look(spark, table)))
        if half_way is None:
            return number > 0
        if not all(folder.startswith(_RENAMING) for folder in (*half_way.staged, *half_way.attempts)):
            raise WriteConflictError(table, _by_hand(half_way, []))
        if half_way.staged:
            _finish(spark, table, half_way)
        else:
            _undo(spark, table, half_way)
    raise WriteConflictError(table)


def clear(spark: SparkSession, folder: str) -> None:
    """Delete what is in a folder."""
    # Spark has no other way to delete: overwritten by no rows of a partitioned table, a folder is left empty.
    nothing = spark.range(0).selectExpr("id", "id AS part").write.partitionBy("part")
    unmarked = nothing.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
    unmarked.mode("overwrite").option("partitionOverwriteMode", "static").parquet(folder)


def replacement_options() -> dict[str, str]:
    """Return the options of a write that replaces partitions."""
    return {"partitionOverwriteMode": "dynamic", "mapreduce.fileoutputcommitter.marksuccessfuljobs": "true"}


@contextmanager
def explain_failed_commit(spark: SparkSession, table: str, before: Collection[str]) -> Iterator[None]:
    """Say that a commit which failed, and was not killed, has moved some files: Spark deletes what would show it.

    Args:
        spark: The session.
        table: The table's path.
        before: The files that the table had before the write.

    Raises:
        TableError: The file system refused to move a file, and the table has new files.
    """
    try:
        yield
    except Exception as error:
        if has_condition(error, "TASK_WRITE_FAILED") or not is_file_system_error(error):
            raise
        new = sorted(set(_committed(spark, table)) - set(before))
        if not new:
            raise
        jobs = ", ".join(sorted(_jobs(new)))
        raise TableError(
            f"{table!r}: the write failed while it moved its files into the table, which has {len(new)} new ones "
            f"({error_summary(error)}). Before you retry an append, remove those of its job from the table (names with "
            f"{jobs}, unless that is another writer's); a replacement is repaired by running it again"
        ) from error


def _committed(spark: SparkSession, table: str) -> list[str]:
    # A session may have Spark list hidden folders too.
    return [file for file in list_files(spark, table) if not _UNPUBLISHED.search(file)]


def _look(spark: SparkSession, table: str) -> _HalfWay | None:
    unpublished = list_files(spark, f"{table}/{{.spark-staging-*,_temporary/*/task_*}}")
    # The log of a stream lists the files that are in its table.
    if not unpublished or path_exists(spark, f"{table}/{STREAM_LOG}"):
        return None
    committed = _committed(spark, table)
    written = _by(_STAGING, unpublished)
    staged = {folder: files for folder, files in written.items() if path_exists(spark, f"{folder}/_SUCCESS")}
    jobs = _jobs(committed)
    attempts = {folder: files for folder, files in _by(_ATTEMPT, unpublished).items() if jobs & _jobs(files)}
    return _HalfWay(staged, attempts, sorted(committed)) if staged or attempts else None


def _wait_while_moving(look: Callable[[], _HalfWay | None]) -> _HalfWay | None:
    """Look until nothing is half-way, or nothing has moved for some time: another writer may be committing now."""
    found, since = look(), time.monotonic()
    while found is not None and time.monotonic() - since < _SECONDS_WITHOUT_MOVES:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        again = look()
        if again != found:
            since = time.monotonic()
        found = again
    return found


def _finish(spark: SparkSession, table: str, half_way: _HalfWay) -> None:
    """Put the partitions of replacements in their places."""
    for staging, files in half_way.staged.items():
        if not path_exists(spark, f"{staging}-replaced"):
            if not path_exists(spark, f"{staging}-begun"):
                _check_age(spark, table, staging, half_way)
                clear(spark, f"{staging}-begun")
            _replace(_read(spark, staging, files), _keys(staging, files), table)
            # What is left of the files, should their removal be killed, is not the whole of their partitions.
            clear(spark, f"{staging}-replaced")
        clear(spark, staging)


def _check_age(spark: SparkSession, table: str, staging: str, half_way: _HalfWay) -> None:
    """Check that no writer that does not know of a killed replacement has written to its partitions since.

    Raises:
        WriteConflictError: A partition has newer files than the replacement.
    """
    files = half_way.staged[staging]
    partitions = {file[len(staging) :].rpartition("/")[0] for file in files}
    root = staging.rpartition("/")[0]
    replaced = [file for file in half_way.table if file[len(root) :].rpartition("/")[0] in partitions]
    if replaced and _newest(spark, replaced) > _newest(spark, files):
        raise WriteConflictError(table, _by_hand(half_way, [], newer=replaced))


def _newest(spark: SparkSession, files: Sequence[str]) -> datetime:
    times = spark.read.format("binaryFile").load(list(files)).agg(F.max("modificationTime").alias("newest"))
    newest: datetime = times.collect()[0]["newest"]
    return newest


def _undo(spark: SparkSession, table: str, half_way: _HalfWay) -> None:
    """Remove the files of killed jobs from a table; where a partition has others too, write it without theirs."""
    unpublished = [file for files in half_way.attempts.values() for file in files]
    jobs = _jobs(unpublished) & _jobs(half_way.table)
    theirs = {file for file in half_way.table if _jobs([file]) & jobs}
    folders = {folder: files for folder, files in _by(_FOLDER, half_way.table).items() if theirs & {*files}}
    emptied = [folder for folder, files in folders.items() if theirs.issuperset(files)]
    kept = [file for files in folders.values() for file in files if file not in theirs]
    kept = [file for file in kept if file.rpartition("/")[0] not in emptied]
    by = _keys(table, half_way.table)
    # What others have not committed yet, in folders that will be cleared or replaced.
    unfinished = list_files(spark, f"{table}/_temporary/{{*/task_*,*/_temporary/*}}")
    others = [file for file in unfinished if not _jobs([file]) & jobs]
    if others or (kept and not by):
        raise WriteConflictError(table, _by_hand(half_way, others))
    if kept:
        _replace(_read(spark, table, kept), by, table)
    for folder in [*emptied, *(half_way.attempts if by else ())]:
        clear(spark, folder)


def _by_hand(half_way: _HalfWay, others: Sequence[str], newer: Sequence[str] = ()) -> str:
    folders = ", ".join([*half_way.staged, *half_way.attempts])
    running = f" Another writer, running or killed, has {others[0]!r}." if others else ""
    if newer:
        running = f" Its partitions have newer files in the table, such as {newer[0]!r}: keep one of the two."
    return (
        "has rows of a write that was killed while it moved its files into the table, the others in "
        f"{folders}; nothing was written. While no job writes, move these into the table, or, of an append, remove "
        "from the table the files whose names have the same identifiers; then remove the folder and retry."
        f"{running}"
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
