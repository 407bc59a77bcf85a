"""How Spark commits Parquet files: the options of a commit, marks of writers, and what a failed commit has moved.

Spark names each file by the identifier of its job, and moves files into the table one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

from shopsmart_etl._core.spark_errors import error_summary
from shopsmart_etl.errors import TableError
from shopsmart_etl.io._folders import is_file_missing, list_files, while_others_write

_UNPUBLISHED = re.compile(r"/(?:_temporary|_streams|\.spark-staging-[^/]*)/")
_JOB = re.compile(r"/part-(?:r[0-9a-f]{8}-)?[0-9]+-([0-9a-f-]{36})[^/]*$")
# In the stack trace, or in the message, of a failed commit.
_IN_COMMIT = ("commitJob", "Failed to rename")


def clear(spark: SparkSession, folder: str) -> None:
    """Delete what is in a folder."""
    # Spark has no other way to delete: overwritten by no rows of a partitioned table, a folder is left empty.
    nothing = spark.range(0).selectExpr("id", "id AS part").write.partitionBy("part")
    unmarked = nothing.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
    unmarked.mode("overwrite").option("partitionOverwriteMode", "static").parquet(folder)


def mark(spark: SparkSession, folder: str) -> None:
    """Write a small file into a folder, which says that a writer is at work."""
    spark.range(0, 1, 1, 1).write.mode("overwrite").parquet(folder)


def make_mark(spark: SparkSession, table: str, name: str) -> None:
    """Mark a table before a write.

    Raises:
        TableError: No folder can be created in the table.
    """
    try:
        # Another writer that ends may delete the folder while it is made.
        while_others_write(lambda: mark(spark, f"{table}/{name}"), tries=3)
    except Exception as error:
        if not is_file_missing(error):
            raise
        # Hadoop logs the reason, and raises only that the folder is not there.
        message = f"{table!r}: cannot create folders in it; check your permissions and the disk"
        raise TableError(f"{message}; nothing was written") from error


def own_attempt(number: int) -> dict[str, str]:
    """Keep a job from the files of others: Hadoop's committer commits all files of an attempt, which is a folder.

    By default the committer then deletes the folders of all attempts, those of other writers included. Version 1 of the
    committer, since in version 2 the files of a task are in the table before the job has succeeded.
    """
    return {
        "mapreduce.job.application.attempt.id": str(number),
        "mapreduce.fileoutputcommitter.cleanup.skipped": "true",
        "mapreduce.fileoutputcommitter.marksuccessfuljobs": "true",
        "mapreduce.fileoutputcommitter.algorithm.version": "1",
    }


def replacement_options() -> dict[str, str]:
    """Return the options of a write that replaces partitions."""
    return {
        "partitionOverwriteMode": "dynamic",
        "mapreduce.fileoutputcommitter.marksuccessfuljobs": "true",
        "mapreduce.fileoutputcommitter.algorithm.version": "1",
    }


def own_names(token: str) -> dict[str, str]:
    """Return the option that makes Spark name a job's files ``part-<token>-...``."""
    return {"mapreduce.output.basename": f"part-{token}"}


def has_own_names(spark: SparkSession) -> bool:
    """Return whether Spark gives files the names of ``own_names``: it does from version 4 on."""
    return not spark.version.startswith("3.")


def committed_files(spark: SparkSession, table: str) -> list[str]:
    """List the files of a table, without those that are not committed."""
    # A session may have Spark list hidden folders too.
    files = while_others_write(lambda: list_files(spark, table))
    return [file for file in files if not _UNPUBLISHED.search(file)]


def is_parquet(file: str) -> bool:
    """Return whether a file can have rows, by its name; a folder may have others, such as a stream's checkpoint."""
    return file.endswith(".parquet")


def job_ids(files: Collection[str]) -> set[str]:
    """Return the identifiers of the jobs that wrote files."""
    return {match[1] for match in map(_JOB.search, files) if match}


def changed_within(spark: SparkSession, look: Callable[[], Collection[str]], age: str) -> list[str]:
    """Return those of the files that a function lists which have changed within an interval.

    Lists them again where another writer has deleted one meanwhile.
    """

    def changed() -> list[str]:
        files = look()
        if not files:
            return []
        young = spark.read.format("binaryFile").load(list(files)).where(f"modificationTime > now() - INTERVAL {age}")
        return [row["path"] for row in young.select("path").collect()]

    return while_others_write(changed)


@contextmanager
def explain_failed_commit(spark: SparkSession, table: str, before: Collection[str]) -> Iterator[None]:
    """Say that a commit which failed, and was not killed, has moved some files: Spark deletes what would show it.

    Args:
        spark: The session.
        table: The table's path.
        before: The files that the table had before the write.

    Raises:
        TableError: The file system refused to move a file, and the table has other files than before.
    """
    try:
        yield
    except Exception as error:
        if not any(text in str(error) for text in _IN_COMMIT):
            raise
        after = set(committed_files(spark, table))
        new, lost = {file for file in after - set(before) if is_parquet(file)}, set(before) - after
        if not new and not lost:
            raise
        raise TableError(
            f"{table!r}: the write failed while it moved its files into the table, which has {len(new)} new files and "
            f"lacks {len(lost)} ({error_summary(error)}). Before you retry an append, remove the files of its job from "
            f"the table (names with {', '.join(sorted(job_ids(new)))}, unless that is another writer's). A replacement "
            "is repaired by running it again"
        ) from error
