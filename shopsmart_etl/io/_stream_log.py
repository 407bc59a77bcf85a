"""The log of a stream's Parquet table, which hides all other rows: keep batches and other streams from that table.

A new stream marks the table's folder before it looks for files of others, and until its log is there. A batch looks for
marks and for the log before it writes and after its commit. So at least one of two writers finds the other.

Before a stream creates the log, it records itself as the table's stream, by its checkpoint: Spark skips a batch whose
number the log has, whichever stream wrote it.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from pyspark.sql import SparkSession

from shopsmart_etl._core.session import has_files, path_exists
from shopsmart_etl._core.sql import literal
from shopsmart_etl.errors import UnsupportedError, WriteConflictError
from shopsmart_etl.io._commits import changed_within, clear, committed_files, is_parquet, make_mark
from shopsmart_etl.io._folders import STREAM_LOG, list_files

# Not in _temporary, which Hadoop's committer deletes. Other readers skip the folder, since its name begins with "_".
_MARK = "_streams/starting-"
_OWNER = "_streams/owner-"
# A stream's log is there some seconds after its mark. An older mark is that of a stream that was killed between.
_LONGEST_START = "10 MINUTES"
_SECONDS_TO_WAIT = 30.0
_SECONDS_BETWEEN_LOOKS = 0.5


def check_no_stream(spark: SparkSession, table: str, *, is_written: bool = False) -> None:
    """Refuse a batch in a table whose rows are those that a stream's log lists. Waits for a stream that starts.

    Raises:
        UnsupportedError: The table has a stream's log.
        WriteConflictError: A stream has marked the table and created no log yet.
    """
    since = time.monotonic()
    while True:
        starting = _marks(spark, table)
        # After the marks: a stream removes its own when the log is there.
        if path_exists(spark, f"{table}/{STREAM_LOG}"):
            break
        if not starting:
            return
        if time.monotonic() - since > _SECONDS_TO_WAIT:
            raise WriteConflictError(table, _STARTING.format(starting[0], _UNREAD if is_written else _UNWRITTEN))
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    when, reads = (" meanwhile", "does not read") if is_written else ("", "would not read")
    raise UnsupportedError(
        f"{table!r} was written by a stream{when}, whose log lists the files that Spark reads: it {reads} "
        "the rows of a batch. Read a stream and append it with write_stream, or write to another path"
    )


@contextmanager
def alone_at_start(spark: SparkSession, table: str, checkpoint: str, *, is_new: bool) -> Iterator[None]:
    """Check that a stream may write to a table, and keep others out while it creates the table.

    Args:
        spark: The session.
        table: The table's path.
        checkpoint: The folder of the stream's checkpoint.
        is_new: Whether no files were found in the table.

    Raises:
        UnsupportedError: The table was not written by this stream.
        WriteConflictError: Another stream is creating the table.
    """
    own = _key(checkpoint)
    if _check_log(spark, table, checkpoint):
        _check_owner(spark, table, own)
        yield
        return
    if not is_new:
        raise UnsupportedError(_NO_LOG.format(repr(table)))
    folder = f"{_MARK}{own}-{uuid4().hex}"
    make_mark(spark, table, folder)
    try:
        # Two runs of one stream share a checkpoint, so Spark writes each batch once.
        if others := [file for file in _marks(spark, table) if f"/{_MARK}{own}-" not in file]:
            raise WriteConflictError(
                table, f"is being created by another stream ({others[0]}); nothing was written. Write to another path"
            )
        if _check_log(spark, table, checkpoint):
            _check_owner(spark, table, own)
        elif any(map(is_parquet, committed_files(spark, table))):
            raise UnsupportedError(_NO_LOG.format(repr(table)))
        else:
            _record_owner(spark, table, own, checkpoint)
        yield
    finally:
        with suppress(Exception):
            clear(spark, f"{table}/{folder}")


_STARTING = "is marked by a stream that has not created its log yet ({}); {}"
_UNWRITTEN = (
    "nothing was written. Retry when the stream has started; if it was killed, its mark expires after 10 minutes"
)
_UNREAD = (
    "the rows are written, but Spark will not read them once that stream creates its log. Do not retry before you have "
    "checked the table"
)
_NO_LOG = (
    "{} was not written by a stream: once the stream's log exists, Spark would no longer read the rows that are there. "
    "Write to another path, or use format='delta'"
)


def _check_log(spark: SparkSession, table: str, checkpoint: str) -> bool:
    """Return whether the table has a stream's log, and check that it and the checkpoint are of one stream."""
    own = path_exists(spark, f"{table}/{STREAM_LOG}")
    begun, committed = (has_files(spark, f"{checkpoint}/{log}") for log in ("offsets", "commits"))
    # A stream writes a batch's offsets, then its files into the table's log, then its commit.
    if (own and not begun and has_files(spark, table)) or (committed and not own):
        raise UnsupportedError(
            f"{table!r} and the checkpoint are not of one stream, so that Spark would skip batches as already "
            "written: give the checkpoint that the table was written with, or a new one and a new path"
        )
    return own


def _key(checkpoint: str) -> str:
    """Return what a stream is known by: a hash of the path of its checkpoint, however a local path is written."""
    path = re.sub("^file:/+", "/", checkpoint).rstrip("/")
    return hashlib.sha256(path.encode()).hexdigest()[:16]


def _record_owner(spark: SparkSession, table: str, own: str, checkpoint: str) -> None:
    """Record the stream that creates the log, in place of one that was killed before it did."""
    for other in _owners(spark, table) - {own}:
        clear(spark, f"{table}/{_OWNER}{other}")
    path = spark.range(0, 1, 1, 1).selectExpr(f"{literal(checkpoint)} AS value")
    path.write.mode("overwrite").text(f"{table}/{_OWNER}{own}")


def _check_owner(spark: SparkSession, table: str, own: str) -> None:
    """Check that a stream is the one that has created the log; a log from before this package has no owner.

    Raises:
        UnsupportedError: Another stream has.
    """
    owners = _owners(spark, table)
    if owners and own not in owners:
        paths = [row["value"] for row in spark.read.text(f"{table}/{_OWNER}*").collect()]
        raise UnsupportedError(
            f"{table!r} is written by the stream with the checkpoint {', '.join(map(repr, paths))}: Spark would skip "
            "batches of another stream as already written. Give this checkpoint, or write to another path"
        )


def _owners(spark: SparkSession, table: str) -> set[str]:
    files = list_files(spark, f"{table}/{_OWNER}*")
    return {name.removeprefix("owner-") for file in files for name in file.split("/") if name.startswith("owner-")}


def _marks(spark: SparkSession, table: str) -> list[str]:
    return changed_within(spark, lambda: list_files(spark, f"{table}/{_MARK}*"), _LONGEST_START)
