"""What the formats have in common: a table that is there, how it differs from rows, and where it is written."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from shopsmart_etl.errors import PartitionError, UnsupportedError, WriteConflictError
from shopsmart_etl.schema import type_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

    from shopsmart_etl.typing import IfExists


# Begins every text with which a write stops its own job.
STOPPED = "write_partitioned stopped:"

_REASON = re.compile(rf"{STOPPED} (.*?)(?: SQLSTATE|\n|$)")
# What Delta Lake and Iceberg call it, in the text of their errors.
_CONFLICTS = ("DELTA_CONCURRENT", "CommitFailedException", "Found conflicting files")
_MISSING = ("DATA_SOURCE_NOT_FOUND", "DELTA_CONFIGURE_SPARK_SESSION_WITH_EXTENSION_AND_CATALOG")


class There(NamedTuple):
    """A table that is there.

    Attributes:
        columns: Its columns in their order, without those it is partitioned by.
        partitions: The names of the columns it is partitioned by; None where the format tells by itself.
    """

    columns: StructType
    partitions: Sequence[str] | None


class Place(Protocol):
    """Where a table is, or will be."""

    name: str

    def find(self) -> There | None:
        """Look at what is there; None for no table."""

    def write(self, rows: DataFrame, by: Sequence[str], if_exists: IfExists, options: dict[str, str]) -> None:
        """Write rows that fit."""

    def stream(self, rows: DataFrame, by: Sequence[str], options: dict[str, str]) -> None:
        """Write what is new of a stream, and return when that is done."""

    def read(self, schema: StructType) -> DataFrame:
        """Give the table, with these columns and types."""


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
    if there.partitions is not None and list(there.partitions) != list(by):
        lines.append(f"partition columns: the table has ({', '.join(there.partitions)}), the rows ({', '.join(by)})")
    apart = {*by, *(there.partitions or ())}
    table = {field.name: type_text(field.dataType) for field in there.columns if field.name not in by}
    rows = {field.name: type_text(field.dataType) for field in schema if field.name not in apart}
    lines += [f"column {name!r} ({kind}) is missing from the rows" for name, kind in table.items() if name not in rows]
    new = {name: kind for name, kind in rows.items() if name not in table}
    if not add_columns:
        lines += [
            f"column {name!r} ({kind}) is not in the table; new_columns='add' adds it" for name, kind in new.items()
        ]
    lines += [
        f"column {name!r} is {table[name]} in the table and {kind} in the rows"
        for name, kind in rows.items()
        if name in table and table[name] != kind
    ]
    if not lines and list(rows) != [*table, *new]:
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
