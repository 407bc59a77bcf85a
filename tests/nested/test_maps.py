"""Maps into rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from chispa import assert_df_equality

from shopsmart_etl import ColumnClashError, ColumnTypeError, explode_map

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_each_entry_has_a_row_where_the_map_stood(spark: SparkSession) -> None:
    df = spark.sql("SELECT 1 AS id, map('b', 2, 'a', CAST(NULL AS INT)) AS `m.x`, 'z' AS last")
    expected = spark.createDataFrame(
        [(1, "b", 2, "z"), (1, "a", None, "z")],
        "id INT NOT NULL, `m.x_key` STRING, `m.x_value` INT, last STRING NOT NULL",
    )
    assert_df_equality(df.transform(explode_map("m.x")), expected)


def test_rows_without_entries_stay(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, {}), (2, None)], "id INT, m MAP<STRING, INT>")
    assert [tuple(row) for row in df.transform(explode_map("m")).collect()] == [(1, None, None), (2, None, None)]


def test_the_columns_are_named_as_asked(spark: SparkSession) -> None:
    df = spark.sql("SELECT map('a', 1) AS m")
    assert df.transform(explode_map("m", key="k", value="v")).columns == ["k", "v"]


def test_misuse_is_named(spark: SparkSession) -> None:
    df = spark.sql("SELECT map('a', 1) AS m, array(1) AS a, 1 AS M_KEY")
    with pytest.raises(ColumnTypeError, match="column 'a': wanted a map; found array<int>"):
        df.transform(explode_map("a"))
    with pytest.raises(ColumnClashError, match="the key of `m` and column `M_KEY`"):
        df.transform(explode_map("m"))
