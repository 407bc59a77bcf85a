"""Recover a Parquet table from commits that were killed half-way: finish or undo them.

An append moves its files from ``_temporary/<attempt>/task_...``. A replacement of partitions moves folders from
``.spark-staging-...``, which has ``_SUCCESS`` as soon as all rows are written. The identifier of the job in each file's
name distinguishes what a killed commit left from what a running writer has not committed yet:

- A replacement is half-way if its staging folder has ``_SUCCESS`` and partitions. Those are put in place.
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
from uuid import uuid4

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from shopsmart_etl._core.session import path_exists
from shopsmart_etl.errors import WriteConflictError
from shopsmart_etl.io._commits import changed_within, clear, committed_files, job_ids, mark, replacement_options
from shopsmart_etl.io._folders import STREAM_LOG, list_files, partition_folders, while_others_write

# Where nothing moves for so long, the writer is taken for dead: a driver moves a file in a second or two.
_SECONDS_WITHOUT_MOVES = 30.0
_SECONDS_BETWEEN_LOOKS = 0.5

_STAGING = re.compile(r".*/\.spark-staging-[^/]+(?=/)")
_ATTEMPT = re.compile(r".*/_temporary/[^/]+(?=/task_)")
_FOLDER = re.compile(r".*(?=/)")
# File systems that rename a folder at once. Others copy its files, which takes minutes and can be interrupted.
_RENAMING = ("file:", "hdfs:")
# A replacement and an append may be half-way at once.
_ROUNDS = 3
# Who recovers a table marks it. A recovery of which nothing was heard for so long is taken for dead.
_RECOVERY = ".spark-staging-recovery-"
_LONGEST_RECOVERY = "10 MINUTES"
# An append that has changed nothing for so long is taken for dead.
_LONGEST_APPEND = "1 DAY"

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

    def look() -> _HalfWay | None:
        return while_others_write(lambda: _look(spark, table))

    half_way = _wait_while_moving(look)
    if half_way is None:
        return False
    with _alone(spark, table):
        for _ in range(_ROUNDS):
            # Again, since another writer may have moved files, or recovered the table, before this one marked it.
            if look() != half_way:
                half_way = _wait_while_moving(look)
            if half_way is None:
                return True
            if not all(folder.startswith(_RENAMING) for folder in (*half_way.staged, *half_way.attempts)):
                raise WriteConflictError(table, _by_hand(half_way))
            if half_way.staged:
                _finish(spark, table, half_way)
            else:
                _undo(spark, table, half_way)
    raise WriteConflictError(table)


@contextmanager
def _alone(spark: SparkSession, table: str) -> Iterator[None]:
    """Keep out other recoveries. Each marks the table before it looks for others, so that at most one goes on."""
    own = f"{_RECOVERY}{uuid4().hex}"
    mark(spark, f"{table}/{own}/mark")
    try:
        marks = changed_within(spark, lambda: list_files(spark, f"{table}/{_RECOVERY}*"), _LONGEST_RECOVERY)
        if running := [file for file in marks if own not in file]:
            raise WriteConflictError(
                table,
                "has a write that was killed in its commit, which another writer finishes or undoes "
                f"({running[0]}); nothing was written. Retry in some minutes",
            )
        yield
    finally:
        clear(spark, f"{table}/{own}")


def _look(spark: SparkSession, table: str) -> _HalfWay | None:
    unpublished = list_files(spark, f"{table}/{{.spark-staging-*,_temporary/*/task_*}}")
    unpublished = [file for file in unpublished if f"/{_RECOVERY}" not in file]
    # The log of a stream lists the files that are in its table.
    if not unpublished or path_exists(spark, f"{table}/{STREAM_LOG}"):
        return None
    committed = committed_files(spark, table)
    written = _by(_STAGING, unpublished)
    staged = {folder: files for folder, files in written.items() if path_exists(spark, f"{folder}/_SUCCESS")}
    jobs = job_ids(committed)
    attempts = {folder: files for folder, files in _by(_ATTEMPT, unpublished).items() if jobs & job_ids(files)}
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
    """Put the partitions of replacements in their places, of each partition those of the newest."""
    folders, placed = list(half_way.staged), set[str]()
    if len(folders) > 1:
        folders.sort(key=lambda folder: _newest(spark, half_way.staged[folder]), reverse=True)
    for staging in folders:
        files = half_way.staged[staging]
        remaining = [file for file in files if _partition(file, staging) not in placed]
        # What is left of the files, should their removal be killed, is not the whole of their partitions.
        if not path_exists(spark, f"{staging}-replaced"):
            if remaining:
                _check_age(spark, table, half_way, staging, remaining)
                _replace(_read(spark, staging, remaining), _keys(staging, remaining), table)
            clear(spark, f"{staging}-replaced")
        placed.update(_partition(file, staging) for file in files)
        clear(spark, staging)


def _partition(file: str, root: str) -> str:
    """Return the folder of a file, below a table's or a staging folder."""
    return file[len(root) :].rpartition("/")[0]


def _check_age(spark: SparkSession, table: str, half_way: _HalfWay, staging: str, files: Sequence[str]) -> None:
    """Check that no writer that does not know of a killed replacement has written to its partitions since.

    Raises:
        WriteConflictError: A partition has newer files than the replacement, which are not of its own recovery.
    """
    partitions = {_partition(file, staging) for file in files}
    root = staging.rpartition("/")[0]
    # A recovery that was killed has staged the files again, and a killed append will be undone.
    own = job_ids(_all_files(half_way.staged)) | job_ids(_all_files(half_way.attempts))
    others = [file for file in half_way.table if _partition(file, root) in partitions and not job_ids([file]) & own]
    if others and _newest(spark, others) > _newest(spark, files):
        raise WriteConflictError(table, _by_hand(half_way, newer=others))


def _newest(spark: SparkSession, files: Sequence[str]) -> datetime:
    times = spark.read.format("binaryFile").load(list(files)).agg(F.max("modificationTime").alias("newest"))
    newest: datetime = times.collect()[0]["newest"]
    return newest


def _undo(spark: SparkSession, table: str, half_way: _HalfWay) -> None:
    """Remove the files of killed jobs from a table; where a partition has others too, write it without theirs."""
    unpublished = _all_files(half_way.attempts)
    jobs = job_ids(unpublished) & job_ids(half_way.table)
    theirs = {file for file in half_way.table if job_ids([file]) & jobs}
    folders = {folder: files for folder, files in _by(_FOLDER, half_way.table).items() if theirs & {*files}}
    emptied = [folder for folder, files in folders.items() if theirs.issuperset(files)]
    kept = [file for files in folders.values() for file in files if file not in theirs]
    kept = [file for file in kept if file.rpartition("/")[0] not in emptied]
    by = _keys(table, half_way.table)
    # Other appends that have not ended: each has a mark, and later files, which may come into these folders.
    own = tuple(f"{attempt}/" for attempt in half_way.attempts)

    def unfinished() -> list[str]:
        files = list_files(spark, f"{table}/_temporary/{{*/task_*,*/_temporary/*}}")
        return [file for file in files if not file.startswith(own)]

    others = changed_within(spark, unfinished, _LONGEST_APPEND)
    if others or (kept and not by):
        raise WriteConflictError(table, _by_hand(half_way, others))
    if kept:
        _replace(_read(spark, table, kept), by, table)
    for folder in [*emptied, *(half_way.attempts if by else ())]:
        clear(spark, folder)


def _by_hand(half_way: _HalfWay, others: Sequence[str] = (), newer: Sequence[str] = ()) -> str:
    """Say what to do where a recovery is not safe."""
    what = ""
    if half_way.staged:
        what += f" Of a replacement ({', '.join(half_way.staged)}): move its folders to where the table has the same."
    if half_way.attempts:
        what += (
            f" Of an append ({', '.join(half_way.attempts)}): remove from the table the files whose names have the "
            f"same identifiers ({', '.join(sorted(job_ids(_all_files(half_way.attempts))))})."
        )
    if others:
        what += f" Another writer, running or killed, has {others[0]!r}."
    if newer:
        what += (
            f" Partitions of the replacement have newer files in the table, such as {newer[0]!r}: keep one of the two."
        )
    return (
        "has rows of a write that was killed while it moved its files into the table; nothing was written. While no "
        f"job writes, do this, remove the folder, and retry.{what}"
    )


def _all_files(folders: _Files) -> list[str]:
    return [file for files in folders.values() for file in files]


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
