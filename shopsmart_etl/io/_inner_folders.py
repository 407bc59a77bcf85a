"""Find folders inside a table's folder that are no partitions, such as other tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from pyspark.sql import SparkSession

from shopsmart_etl._core.spark_errors import is_directory_conflict
from shopsmart_etl.errors import UnsupportedError
from shopsmart_etl.io._folders import list_files, names_below

# A stream may have its checkpoint in the table's folder, with these folders and a file of this name.
_CHECKPOINT_FOLDERS = {"commits", "offsets", "sources", "state"}
_CHECKPOINT_FILE = "metadata"


@contextmanager
def explain_directory_conflict(spark: SparkSession, table: str) -> Iterator[None]:
    """Name the folder that is no partition, where the lookup of a table fails at it.

    Raises:
        UnsupportedError: There is such a folder.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, UnsupportedError) or is_directory_conflict(error):
            check_no_inner_folder(spark, table)
        raise


def check_no_inner_folder(spark: SparkSession, table: str) -> None:
    """Refuse a folder that has files in a folder that is no partition.

    Spark would write into it, but not read it back; Delta Lake's VACUUM would delete the other table.

    Raises:
        UnsupportedError: There is such a folder.
    """
    inner = _inner_folder([names_below(table, file) for file in list_files(spark, table)])
    if inner is None:
        # An empty Delta table has no files but its log, which is hidden from the listing.
        inner = _inner_folder([names_below(table, log) for log in list_files(spark, f"{table}/*/_delta_log")])
    if inner is not None:
        raise UnsupportedError(
            f"{table!r}: expected the folder of one table; got files in {f'{table}/{inner}'!r}, which is no partition; "
            "nothing was written. Write to that folder if it is the table, else to a path without other tables"
        )


def _inner_folder(files: Collection[Sequence[str]]) -> str | None:
    """Return the path of a folder that is no partition and no checkpoint, of those with files."""
    inner: dict[str, list[Sequence[str]]] = {}
    for names in files:
        number = next((number for number, name in enumerate(names[:-1]) if "=" not in name), None)
        if number is not None:
            inner.setdefault("/".join(names[: number + 1]), []).append(names[number + 1 :])
    return min((folder for folder, contents in inner.items() if not _is_checkpoint(contents)), default=None)


def _is_checkpoint(files: Collection[Sequence[str]]) -> bool:
    return all(names[0] in _CHECKPOINT_FOLDERS if len(names) > 1 else names[0] == _CHECKPOINT_FILE for names in files)
