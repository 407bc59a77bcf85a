"""What the formats have in common: a table that is there, how it differs from rows, and where it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from pyspark.sql import DataFrame
from pyspark.sql.types import StructField, StructType

from shopsmart_etl._core.sql import type_text
from shopsmart_etl.errors import InvalidArgumentError, PartitionError, UnsupportedError, WriteConflictError
from shopsmart_etl.typing import IfExists

# What Spark names the folder of null. As a value it would come back as null, and so would the empty string.
NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"

# Spark's readers do not see folders whose names end so, or begin with a dot.
HIDDEN_END = "._COPYING_"

# Begins every text with which a write stops its own job.
STOPPED = "write_partitioned stopped:"

_REASON = re.compile(rf"{STOPPED} (.*?)(?: SQLSTATE|\n|$)")
# What Delta Lake and Iceberg call it, in the text of their errors.
_CONFLICTS = ("DELTA_CONCURRENT", "CommitFailedException", "Found conflicting files")
_MISSING = ("DATA_SOURCE_NOT_FOUND", "DELTA_CONFIGURE_SPARK_SESSION_WITH_EXTENSION_AND_CATALOG")


class There(NamedTuple):
    """A table that is there.

    Attributes:
        columns: Its columns in their order; of Parquet without those it is partitioned by, whose types nothing keeps.
        partitions: The names of the columns it is partitioned by.
    """

    columns: StructType
    partitions: Sequence[str]


class Place(Protocol):
    """Where a table is, or will be."""

    name: str

    def find(self) -> There | None:
        """Look at what is there; None for no table."""
        ...

    def misfits(self, partitions: Sequence[StructField]) -> list[str]:
        """Compare partition values that are there with the types of those that come, where no schema keeps them."""
        ...

    def write(self, rows: DataFrame, by: Sequence[str], if_exists: IfExists, options: dict[str, str]) -> None:
        """Write rows that fit."""
        ...

    def stream(self, rows: DataFrame, by: Sequence[str], options: dict[str, str]) -> None:
        """Write what is new of a stream, and return when that is done."""
        ...

    def read(self, schema: StructType) -> DataFrame:
        """Give the table, with these columns and types."""
        ...


def refuse_pattern(path: str) -> None:
    """Refuse a path that Spark takes for a pattern when it reads, and not when it writes."""
    if found := sorted(set(path) & set("*?[]{}\\")):
        raise InvalidArgumentError("path", wanted=f"a folder's name without {' '.join(found)}", found=path)


def differences(there: There, schema: StructType, by: Sequence[str], *, add_columns: bool) -> list[str]:
    """Compare what is there with what comes.

    Args:
        there: The table.
        schema: The columns of the rows.
        by: The names of the columns that the rows are to be partitioned by.
        add_columns: Whether columns that the table lacks are taken.

    Returns:
        A line for each difference that is not taken.
    """
    lines = []
    if list(there.partitions) != list(by):
        lines.append(f"partition columns: the table has ({', '.join(there.partitions)}), the rows ({', '.join(by)})")
    apart = {*by, *there.partitions}
    have = {field.name: field.dataType for field in there.columns}
    comes = {field.name: field.dataType for field in schema}
    table = [name for name in have if name not in apart]
    rows = [name for name in comes if name not in apart]
    new = [name for name in rows if name not in have]
    lines += [
        f"column {name!r} ({type_text(have[name])}) is missing from the rows" for name in table if name not in comes
    ]
    if not add_columns:
        lines += [
            f"column {name!r} ({type_text(comes[name])}) is not in the table; new_columns='add' adds it" for name in new
        ]
    # Whole: what is shown of a long type is cut.
    lines += [
        f"column {name!r} is {type_text(have[name])} in the table and {type_text(kind)} in the rows"
        for name, kind in comes.items()
        if name in have and have[name].simpleString() != kind.simpleString()
    ]
    if not lines and rows != [*table, *new]:
        lines.append(f"the table's columns are in the order {', '.join(table)}; the rows' are {', '.join(rows)}")
    return lines


@contextmanager
def told(target: str) -> Iterator[None]:
    """Say in one line what stopped a write, where that is known."""
    try:
        yield
    # Which class it is depends on the format, on its Python package and on Spark Connect; the text does not.
    except Exception as error:
        text = str(error)
        if reason := _REASON.search(text):
            raise PartitionError(target, reason[1]) from error
        if any(mark in text for mark in _CONFLICTS):
            raise WriteConflictError(target) from error
        if any(mark in text for mark in _MISSING):
            raise UnsupportedError(
                f"{target!r}: this session has no such format; nothing was written. Start it with the format's jar "
                "(spark.jars.packages) and its spark.sql.extensions and spark.sql.catalog settings"
            ) from error
        raise
