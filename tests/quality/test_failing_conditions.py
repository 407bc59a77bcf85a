"""Conditions of the caller that fail on a row: the row is flagged, and the job does not fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from engines import configured
from pyspark.sql import functions as F

from shopsmart_etl import Rule, flag_violations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyspark.sql import Column, DataFrame, SparkSession

# Conditions, and the rows that satisfy them. All fail on a row in ANSI mode, the last ones in every mode.
CONDITIONS = {
    "1 / n > 0": {2},
    "1 / n > 0 AND 1 / n < 5 -- shared parts": {2},
    "m % n = 0": {2},
    "CAST(text AS INT) > 0": {2},
    "text > 3": {2},
    "to_date(day) > DATE'2019-01-01'": {2},
    "to_timestamp(day) > TIMESTAMP'2019-01-01'": {2},
    "CAST(day AS TIMESTAMP) > TIMESTAMP'2019-01-01'": {2},
    "CAST(wide AS INT) = 7": {2},
    "wide + 9223372036854775000 > 0": {2},
    "CAST(wide AS DECIMAL(3, 1)) > 0": {2},
    "counts[1] = 6": {2},
    "element_at(counts, 2) = 6": {2},
    "make_date(2026, m, 1) > DATE'2019-01-01'": {2},
    "1 / 0 > 0": set(),
    "n > 0 OR 1 / n > 0": {2},
    "raise_error('stop') IS NULL": set(),
    "assert_true(n > 0) IS NULL": {2},
}
WITHOUT_FAILURES = {"n >= 0": {1, 2}, "count(1) OVER (PARTITION BY n) = 1": {1, 2, 3}, "x_0 = 1 AND element.x = 1": {2}}


@pytest.fixture
def rows(spark: SparkSession) -> DataFrame:
    # One part, so that Spark does not fold the values into the plan.
    return spark.createDataFrame(
        [
            (1, 0, 13, "a", "2020-13-01", 10**15, [], 0, None),
            (2, 1, 1, "5", "2020-01-02", 7, [5, 6], 1, (1,)),
            (3, None, None, None, None, None, None, None, None),
        ],
        "id INT, n INT, m INT, text STRING, day STRING, wide BIGINT, counts ARRAY<INT>, x_0 INT, "
        "element STRUCT<x: INT>",
    ).repartition(1)


def satisfied(rows: DataFrame, conditions: Mapping[str, str | Column | Callable[[], Column]]) -> dict[str, set[int]]:
    rules = [Rule(name, condition) for name, condition in conditions.items()]
    flagged = rows.transform(flag_violations(*rules)).collect()
    assert len(flagged) == 3
    return {name: {row["id"] for row in flagged if name not in row["_violations"]} for name in conditions}


@pytest.mark.parametrize("ansi", ["true", "false"])
@pytest.mark.parametrize("make", [str, F.expr, lambda text: lambda: F.expr(text)], ids=["text", "Column", "function"])
def test_a_row_on_which_a_condition_fails_is_flagged(
    spark: SparkSession, rows: DataFrame, ansi: str, make: Callable[[str], str | Column | Callable[[], Column]]
) -> None:
    expected = CONDITIONS | WITHOUT_FAILURES
    with configured(spark, {"spark.sql.ansi.enabled": ansi}):
        found = satisfied(rows, {text: make(text) for text in expected})
    if ansi == "true":
        assert found == expected
    else:
        assert all(ids <= found[text] for text, ids in expected.items())


def test_a_row_is_flagged_where_columns_are_found_by_position(spark: SparkSession, rows: DataFrame) -> None:
    names = rows.withColumnRenamed("day", "${day}")
    with configured(spark, {"spark.sql.ansi.enabled": "true"}):
        assert satisfied(names, {"per unit": "1 / n > 0"}) == {"per unit": {2}}


def test_a_subquery_is_allowed_in_a_condition(rows: DataFrame) -> None:
    conditions = {"known": "id IN (SELECT id FROM VALUES (1), (3) AS t (id))", "positive": "n > 0"}
    assert satisfied(rows, conditions) == {"known": {1, 3}, "positive": {2}}
