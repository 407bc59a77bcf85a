"""explode_map: rows, schema and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from chispa import assert_df_equality
from engines import configured

from shopsmart_etl import ColumnClashError, ColumnTypeError, explode_map

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_each_entry_becomes_one_row_and_its_columns_replace_the_map(spark: SparkSession) -> None:
    df = spark.sql("SELECT 1 AS id, map('b', 2, 'a', CAST(NULL AS INT)) AS `m.x`, 'z' AS last")
    expected = spark.createDataFrame(
        [(1, "b", 2, "z"), (1, "a", None, "z")],
        "id INT NOT NULL, `m.x_key` STRING, `m.x_value` INT, last STRING NOT NULL",
    )
    assert_df_equality(df.transform(explode_map("m.x")), expected, ignore_metadata=True)


def test_rows_with_null_and_empty_maps_are_kept(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, {}), (2, None)], "id INT, m MAP<STRING, INT>")
    assert [tuple(row) for row in df.transform(explode_map("m")).collect()] == [(1, None, None), (2, None, None)]


def test_the_key_and_value_columns_can_be_named(spark: SparkSession) -> None:
    df = spark.sql("SELECT map('a', 1) AS m")
    assert df.transform(explode_map("m", key_column="k", value_column="v")).columns == ["k", "v"]


def test_the_error_for_a_wrong_column_names_it(spark: SparkSession) -> None:
    df = spark.sql("SELECT map('a', 1) AS m, array(1) AS a, 1 AS M_KEY")
    with pytest.raises(ColumnTypeError, match="column 'a': expected a map; got array<int>"):
        df.transform(explode_map("a"))
    with pytest.raises(ColumnClashError, match="column `M_KEY` and the key of `m`"):
        df.transform(explode_map("m"))


@pytest.mark.parametrize("columns", [["k", "K"], ["K", "k"]])
def test_a_name_that_is_taken_is_refused_also_where_case_matters(spark: SparkSession, columns: list[str]) -> None:
    with configured(spark, {"spark.sql.caseSensitive": "true"}):
        df = spark.sql(f"SELECT 1 AS {columns[0]}, 2 AS {columns[1]}, map('a', 1) AS m")
        with pytest.raises(ColumnClashError, match="column `k` and the key of `m` would both be named 'k'"):
            df.transform(explode_map("m", key_column="k"))
        assert df.transform(explode_map("m", key_column="Key")).columns == [*columns, "Key", "m_value"]
