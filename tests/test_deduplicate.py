"""One row of each key, the same one every time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopsmart_etl import ColumnNotFoundError, ColumnTypeError, InvalidArgumentError, UnsupportedError, deduplicate

if TYPE_CHECKING:
    from random import Random

    from pyspark.sql import SparkSession

ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(0, 2),
        st.none() | st.integers(0, 2),
        st.none() | st.sampled_from("ab"),
        st.none() | st.lists(st.integers(0, 1), max_size=2),
    ),
    max_size=8,
)
EVENTS = "id INT, at INT, state STRING, codes ARRAY<INT>"


def after_null(value: Any) -> tuple[bool, Any]:
    return (value is not None, value or type(value)() if value is not None else 0)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_latest_row_of_each_key_stays_in_whatever_order_they_came(
    spark: SparkSession, rows: list[Any], order: Random
) -> None:
    shuffled = list(rows)
    order.shuffle(shuffled)
    kept: dict[int, Any] = {}
    for row in rows:
        if row[0] is not None:
            kept[row[0]] = max(kept.get(row[0], row), row, key=lambda one: [after_null(value) for value in one[1:]])
    wanted = [row for row in rows if row[0] is None] + list(kept.values())
    for some in (rows, shuffled):
        df = spark.createDataFrame(some, EVENTS).repartition(3)
        found = df.transform(deduplicate("id", latest_by="at"))
        assert sorted(map(repr, map(tuple, found.collect()))) == sorted(map(repr, wanted))
        assert found.schema == df.schema


@given(ROWS)
def test_without_keys_equal_rows_count_as_one(spark: SparkSession, rows: list[Any]) -> None:
    found = spark.createDataFrame(rows, EVENTS).transform(deduplicate())
    assert sorted(map(repr, map(tuple, found.collect()))) == sorted(set(map(repr, rows)))


def test_a_map_beside_the_key_does_not_matter(spark: SparkSession) -> None:
    df = spark.sql("SELECT * FROM VALUES (1, map('a', 1)), (1, map('b', 2)) AS t (`the.id`, m)")
    assert [tuple(row) for row in df.transform(deduplicate("the.id")).collect()] == [(1, {"b": 2})]


def test_misuse_is_named(spark: SparkSession) -> None:
    df = spark.sql("SELECT 1 AS id, map('a', 1) AS m")
    with pytest.raises(ColumnTypeError, match="column 'm': wanted a type whose values can be compared; found map"):
        df.transform(deduplicate("m"))
    with pytest.raises(ColumnTypeError, match="column 'm'"):
        df.transform(deduplicate())
    with pytest.raises(ColumnNotFoundError, match="no column 'idd'"):
        df.transform(deduplicate("idd"))
    with pytest.raises(InvalidArgumentError, match="keys: wanted the columns that tell rows apart"):
        deduplicate(latest_by="at")
    with pytest.raises(UnsupportedError, match="dropDuplicatesWithinWatermark"):
        spark.readStream.format("rate").load().transform(deduplicate("value"))
