"""pipeline, and the repr of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from engines import configured

from shopsmart_etl import (
    InvalidArgumentError,
    explode_arrays,
    filter_affected,
    flatten_struct,
    impute_financials,
    pipeline,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def test_the_repr_of_a_step_is_its_call() -> None:
    assert repr(flatten_struct("a", "b", sep=".")) == "flatten_struct('a', 'b', sep='.')"
    assert repr(pipeline(flatten_struct(), explode_arrays("x"))) == "pipeline(flatten_struct(), explode_arrays('x'))"


def test_the_repr_of_a_step_does_not_show_the_rows_of_a_frame(spark: SparkSession) -> None:
    df = spark.sql("SELECT 'secret' AS country")
    with configured(spark, {"spark.sql.repl.eagerEval.enabled": "true"}):
        assert repr(filter_affected(df, by="country")) == "filter_affected(DataFrame, by='country')"
        assert repr(filter_affected(new_rows=df, by="country")) == "filter_affected(new_rows=DataFrame, by='country')"


def test_steps_run_from_left_to_right(spark: SparkSession) -> None:
    df = spark.sql("SELECT named_struct('items', array(1, NULL)) AS order")
    steps = pipeline(flatten_struct(), explode_arrays("order_items"), impute_financials("order_items"))
    assert [tuple(row) for row in df.transform(steps).collect()] == [(True, 1, False), (True, 0, True)]


def test_a_step_can_be_applied_to_several_frames(spark: SparkSession) -> None:
    step = flatten_struct()
    assert spark.sql("SELECT named_struct('x', 1) AS a").transform(step).columns == ["a_x"]
    assert spark.sql("SELECT named_struct('y', 1) AS b, 2 AS c").transform(step).columns == ["b_y", "c"]


def test_a_pipeline_accepts_plain_functions(spark: SparkSession) -> None:
    def doubled(df: DataFrame) -> DataFrame:
        return df.union(df)

    assert spark.range(2).transform(pipeline(doubled, pipeline(), doubled)).count() == 8


def test_a_step_that_is_not_callable_fails_when_the_pipeline_is_built() -> None:
    with pytest.raises(InvalidArgumentError, match="step 2: expected a function from DataFrame to DataFrame; got 'x'"):
        pipeline(flatten_struct(), "x")  # type: ignore[arg-type]
