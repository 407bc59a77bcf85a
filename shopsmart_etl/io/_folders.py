"""The folders of a Parquet table's partitions, as Spark names them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Sequence
from urllib.parse import unquote

from pyspark.sql import DataFrame

from shopsmart_etl.errors import UnsupportedError

Folder = tuple[tuple[str, str], ...]


def partition_folders(table: str, files: Collection[str]) -> list[Folder]:
    """List the different partition folders of a table's files, each as its keys and values."""
    root = _root(table)
    different = {file.rpartition("/")[0] for file in files}
    return [tuple(map(_key_and_value, _below(root, _segments(one)))) for one in different]


def reads_from(df: DataFrame, table: str) -> bool:
    """Return whether a DataFrame reads files below a folder. Lists the files that it reads."""
    root = _root(table)

    def is_below(file: str) -> bool:
        names = _segments(unquote(file))
        return any(names[start : start + len(root)] == root for start in range(len(names)))

    return any(map(is_below, df.inputFiles()))


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
        f"{'/'.join(root)!r}: the table's folder is not found in the paths of its files, such as {'/'.join(folder)!r}: "
        "give the table's absolute path"
    )


def _key_and_value(name: str) -> tuple[str, str]:
    # Spark escapes both in the folder's name.
    key, _, value = name.partition("=")
    return unquote(key), unquote(value)
