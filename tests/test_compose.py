"""Steps as values: composed, reused and printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from engines import configured

from shopsmart_etl import (
    InvalidArgumentError,
    explode_arrays,
    flatten_struct,
    impute_financials,
    keep_touched,
    pipeline,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def test_a_step_prints_as_the_call_that_made_it() -> None:
    assert repr(flatten_struct("a", "b", sep=".")) == "flatten_struct('a', 'b', sep='.')"
    assert repr(pipeline(flatten_struct(), explode_arrays("x"))) == "pipeline(flatten_struct(), explode_arrays('x'))"


def test_a_frame_among_the_arguments_prints_without_its_data(spark: SparkSession) -> None:
    df = spark.sql("SELECT 'secret' AS country")
    with configured(spark, {"spark.sql.repl.eagerEval.enabled": "true"}):
        assert repr(keep_touched(df, by="country")) == "keep_touched(DataFrame, by='country')"
        assert repr(keep_touched(new_rows=df, by="country")) == "keep_touched(new_rows=DataFrame, by='country')"


def test_steps_run_from_left_to_right(spark: SparkSession) -> None:
    df = spark.sql("SELECT named_struct('items', array(1, NULL)) AS order")
    steps = pipeline(flatten_struct(), explode_arrays("order_items"), impute_financials("order_items"))
    assert [tuple(row) for row in df.transform(steps).collect()] == [(1, False), (0, True)]


def test_a_step_can_be_used_again_on_other_columns(spark: SparkSession) -> None:
    step = flatten_struct()
    assert spark.sql("SELECT named_struct('x', 1) AS a").transform(step).columns == ["a_x"]
    assert spark.sql("SELECT named_struct('y', 1) AS b, 2 AS c").transform(step).columns == ["b_y", "c"]


def test_any_function_of_a_frame_is_a_step(spark: SparkSession) -> None:
    def doubled(df: DataFrame) -> DataFrame:
        return df.union(df)

    assert spark.range(2).transform(pipeline(doubled, pipeline(), doubled)).count() == 8


def test_what_is_no_step_is_refused_where_the_pipeline_is_built() -> None:
    with pytest.raises(InvalidArgumentError, match="step 2: wanted a function from DataFrame to DataFrame; found 'x'"):
        pipeline(flatten_struct(), "x")  # type: ignore[arg-type]
