"""Metrics in SQL: conditions and missing values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql.types import DoubleType, FloatType

from shopsmart_etl._core.column_tags import find_presence, presence_sql
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.sql import all_of
from shopsmart_etl.quality._observed import Metrics


def missing_metrics(columns: Sequence[str], frame: Frame) -> Metrics:
    """Count the missing values of columns; an exploded column misses none on a row without an element.

    Raises:
        ColumnNotFoundError: A column does not exist.
        UnsupportedError: The presence column of an exploded column is gone or ambiguous.
    """
    indexes = [frame.index(column) for column in columns]
    presences = [find_presence(frame, frame.schema.fields[index]) for index in indexes]

    def metrics(column: Callable[[int], str]) -> list[str]:
        return [
            count_where(_is_missing(frame, index, presence, column))
            for index, presence in zip(indexes, presences, strict=True)
        ]

    return metrics


def count_where(condition: str) -> str:
    """Write the number of rows that meet a condition."""
    # Not count_if, for which Spark copies every row with the condition as one column more.
    return f"count(CASE WHEN {condition} THEN 1 END)"


def _is_missing(frame: Frame, index: int, presence: int | None, column: Callable[[int], str]) -> str:
    value = column(index)
    is_floating = isinstance(frame.schema.fields[index].dataType, (FloatType, DoubleType))
    is_missing = f"({value} IS NULL OR isnan({value}))" if is_floating else f"{value} IS NULL"
    if presence is None:
        return is_missing
    return all_of([presence_sql(frame, presence, column(presence)), is_missing])
