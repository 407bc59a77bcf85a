"""The files and folders of a Parquet table, as Spark names them."""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar
from urllib.parse import unquote

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from shopsmart_etl._core.spark_errors import error_condition, has_condition
from shopsmart_etl.errors import UnsupportedError

# The log of a table that a stream writes. Spark reads the files that it lists, and no others.
STREAM_LOG = "_spark_metadata"

# The characters that Spark escapes by three in the name of a folder.
ESCAPED = r"""[\x00-\x1F\x7F"#%'*/:=?\\{\[\]^]"""

_SECONDS_BETWEEN_TRIES = 0.1

_T = TypeVar("_T")
Folder = tuple[tuple[str, str], ...]


def list_files(spark: SparkSession, pattern: str) -> list[str]:
    """List the files below a folder or a pattern; none where nothing is there."""
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", value=True)
    try:
        # Twice, since Spark looks for a stream's log at a single path, and logs a stack trace where nothing is there.
        found = reader.load([pattern, pattern]).inputFiles()
    except AnalysisException as error:
        if error_condition(error) != "PATH_NOT_FOUND":
            raise
        return []
    return [unquote(file) for file in found]


def while_others_write(look: Callable[[], _T], tries: int = 10) -> _T:
    """Look at a table, and again where another writer has replaced a file since Spark listed it."""
    try:
        return look()
    except Exception as error:
        if tries > 1 and is_file_missing(error):
            time.sleep(_SECONDS_BETWEEN_TRIES)
            return while_others_write(look, tries - 1)
        raise


def is_file_missing(error: Exception) -> bool:
    """Return whether an error says that a file or a folder, which was there or should be made, is not."""
    # The condition is in no Spark before 4; there the text has the exception of the file system.
    conditions = "FAILED_READ_FILE.FILE_NOT_EXIST", "PATH_NOT_FOUND"
    return has_condition(error, *conditions) or "FileNotFoundException" in str(error)


def partition_folders(table: str, files: Collection[str]) -> list[Folder]:
    """List the different partition folders of a table's files, each as its keys and values."""
    root = _root(table)
    folders = {file.rpartition("/")[0] for file in files}
    return [tuple(map(_key_and_value, _below(root, _segments(folder)))) for folder in folders]


def check_folder_names(table: str, files: Collection[str]) -> None:
    """Check that the partition folders have the names that Spark gives them.

    Others write ``a%20b`` where Spark writes ``a b``, and reads both: rows that replace or follow those of such a
    folder would be in a second one.

    Raises:
        UnsupportedError: A folder has another name.
    """
    for folder in {name for file in files for name in names_below(table, file)[:-1] if "=" in name}:
        key, _, value = folder.partition("=")
        name = f"{_escaped(unquote(key))}={_escaped(unquote(value))}"
        if folder != name:
            raise UnsupportedError(
                f"{table!r}: expected partition folders named by Spark, such as {name!r}; got {folder!r}, beside which "
                "new rows would be in a second folder; nothing was written. Rename the folder while no job writes"
            )


def _escaped(text: str) -> str:
    return re.sub(ESCAPED, lambda match: f"%{ord(match[0]):02X}", text)


def reads_from(df: DataFrame, table: str) -> bool:
    """Return whether a DataFrame reads files below a folder. Lists the files that it reads."""
    return any(names_below(table, unquote(file)) for file in df.inputFiles())


def names_below(table: str, file: str) -> list[str]:
    """Return the names of the folders and the file below the table's folder; none if it is not below."""
    root, names = _root(table), _segments(file)
    starts = [start for start in range(len(names)) if names[start : start + len(root)] == root]
    if not starts:
        return []
    # Spark makes a relative path absolute, so that its own names are the last that match.
    is_absolute = table.startswith("/") or ":/" in table
    return names[(starts[0] if is_absolute else starts[-1]) + len(root) :]


def _root(table: str) -> list[str]:
    return _segments(re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*:/+", "/", posixpath.normpath(table)))


def _segments(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".", "..")]


def _below(root: Sequence[str], folder: Sequence[str]) -> Sequence[str]:
    """Return the folders below the table's own, which may itself be named like a partition."""
    for start in range(len(folder) - len(root) + 1):
        below = folder[start + len(root) :]
        if list(folder[start : start + len(root)]) == list(root) and all("=" in name for name in below):
            return below
    raise UnsupportedError(
        f"{'/'.join(root)!r}: expected the table's folder in the paths of its files; got {'/'.join(folder)!r}. Give "
        "the table's absolute path"
    )


def _key_and_value(name: str) -> tuple[str, str]:
    # Spark escapes both in the folder's name.
    key, _, value = name.partition("=")
    return unquote(key), unquote(value)
