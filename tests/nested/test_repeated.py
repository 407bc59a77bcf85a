"""null_repeated: parent amounts are counted once after an explode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import few_batches

from shopsmart_etl import ColumnNotFoundError, ColumnTypeError, InvalidArgumentError, explode_arrays, null_repeated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ORDERS = st.lists(
    st.tuples(
        st.none() | st.decimals(-1000, 1000, places=2),
        st.none() | st.lists(st.none() | st.lists(st.integers(0, 9), max_size=3), max_size=3),
    ),
    min_size=20,
    max_size=60,
)


@few_batches
@given(ORDERS)
def test_parent_amounts_are_counted_once_after_two_explodes(spark: SparkSession, orders: list[tuple[Any, Any]]) -> None:
    numbered = [(number, *order) for number, order in enumerate(orders)]
    df = spark.createDataFrame(numbered, "id INT, total DECIMAL(10, 2), items ARRAY<ARRAY<INT>>")
    lines = (
        df.transform(explode_arrays("items", position_suffix="_pos", present_suffix=None))
        .withColumnRenamed("items_pos", "item")
        .transform(explode_arrays("items", position_suffix="_pos"))
    )
    once = lines.transform(null_repeated("total", position_column=["item", "items_pos"]))
    assert once.schema == lines.schema
    rows = once.collect()
    totals = [(row["id"], row["total"]) for row in rows if row["total"] is not None]
    assert sorted(totals) == [(number, total) for number, total, _ in numbered if total is not None]
    others = [name for name in once.columns if name != "total"]
    assert [[row[name] for name in others] for row in rows] == [
        [row[name] for name in others] for row in lines.collect()
    ]


def test_the_error_for_a_wrong_argument_names_it(spark: SparkSession) -> None:
    df = spark.sql("SELECT 1 AS total, 0 AS items_pos, 'a' AS items")
    with pytest.raises(
        ColumnTypeError, match=r"column 'items': expected an int position; got string\. Give the column"
    ):
        df.transform(null_repeated("total", position_column="items"))
    with pytest.raises(ColumnNotFoundError, match="no column 'item_pos'; did you mean 'items_pos'"):
        df.transform(null_repeated("total", position_column="item_pos"))
    with pytest.raises(InvalidArgumentError, match="columns: expected the names"):
        null_repeated(position_column="items_pos")
    with pytest.raises(InvalidArgumentError, match="position_column: expected"):
        null_repeated("total", position_column=[])
