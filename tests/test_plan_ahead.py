"""plan_ahead: the same rows as without it, no schema look-ups when applied, and errors."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from chains import README, orders
from chispa import assert_df_equality
from pyspark.errors import PySparkException

from shopsmart_etl import (
    Audit,
    InvalidArgumentError,
    UnsupportedError,
    daily_active_users,
    deduplicate,
    explode_arrays,
    filter_affected,
    flag_violations,
    flatten_struct,
    impute_financials,
    keep_valid,
    median_by,
    parse_money,
    pipeline,
    plan_ahead,
    quarantine,
    rules,
    write_partitioned,
    write_stream,
    write_table,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    from shopsmart_etl import Transform

pytestmark = pytest.mark.exhaustive

STEPS: dict[str, list[Transform]] = {
    "readme": README,
    "in pipelines": [pipeline(pipeline(*README[:2]), *README[2:])],
    "rules": [flag_violations(rules.not_null("customer")), keep_valid()],
    "inside": [impute_financials("items.price", fill=7)],
    "amounts": [parse_money("total"), impute_financials("total", fill=[median_by("at"), 0])],
    "latest": [deduplicate("id", latest_by="at"), flatten_struct()],
    "gold": [flatten_struct(), daily_active_users(user="customer_name", timestamp="at")],
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_steps_planned_ahead_return_the_same_rows(steps: list[Transform], spark: SparkSession) -> None:
    df = orders(spark)
    ahead = df.transform(plan_ahead(*steps, like=df.limit(0)))
    plain = df.transform(pipeline(*steps))
    rows, expected = (sorted(map(str, result.collect())) for result in (ahead, plain))  # Spark cannot sort maps
    assert rows == expected
    assert rows
    assert ahead.dtypes == plain.dtypes


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_steps_planned_ahead_look_up_nothing_when_applied(
    steps: list[Transform], spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    df = orders(spark)
    ahead = plan_ahead(*steps, like=df)

    def look_up(_: DataFrame) -> Any:
        raise AssertionError("a step looks up a property of the DataFrame")

    for name in ("schema", "isStreaming", "columns", "dtypes"):
        monkeypatch.setattr(type(df), name, property(look_up))
    df.transform(ahead)


@pytest.mark.sample
def test_the_table_can_have_another_column_order_and_more_columns(spark: SparkSession) -> None:
    lines = plan_ahead(
        explode_arrays("tags", present_suffix=None), like=spark.createDataFrame([], "id int, tags array<string>")
    )
    table = spark.createDataFrame([(["a"], True, 1)], "tags array<string>, more boolean, id int")
    assert_df_equality(table.transform(lines), spark.createDataFrame([(1, "a")], "id int, tags string"))


def test_a_missing_column_fails_the_query(spark: SparkSession) -> None:
    filled = plan_ahead(impute_financials("paid"), like=spark.createDataFrame([], "id int, paid int"))
    with pytest.raises(PySparkException, match="paid"):
        spark.createDataFrame([(1,)], "id int").transform(filled).collect()


def test_a_column_of_another_type_fails_the_query(spark: SparkSession) -> None:
    filled = plan_ahead(impute_financials("paid"), like=spark.createDataFrame([], "paid decimal(10, 0)"))
    table = spark.createDataFrame([(Decimal("0.50"),)], "paid decimal(10, 2)")
    with pytest.raises(
        Exception,  # a Py4J error on 3.5
        match=r"expected a table with columns .*decimal\(10,0\).*; got .*decimal\(10,2\)",
    ):
        table.transform(filled).collect()


def test_the_type_check_is_not_in_the_physical_plan(spark: SparkSession, capsys: pytest.CaptureFixture[str]) -> None:
    df = orders(spark)
    df.transform(plan_ahead(flatten_struct(), like=df)).explain()
    plan = capsys.readouterr().out
    assert "Physical Plan" in plan
    assert "assert_true" not in plan
    assert "typeof" not in plan


def test_the_repr_is_the_call(spark: SparkSession) -> None:
    like = spark.createDataFrame([], "id int")
    assert repr(plan_ahead(impute_financials("id"), like=like)) == "plan_ahead(impute_financials('id'), like=DataFrame)"


@pytest.mark.parametrize("steps", [(), (1,), (pipeline(),)])
def test_wrong_steps_are_refused(steps: tuple[Any, ...], spark: SparkSession) -> None:
    with pytest.raises(InvalidArgumentError, match="expected"):
        plan_ahead(*steps, like=spark.range(1))


@pytest.mark.sample
def test_steps_that_run_spark_are_refused_before_they_run(spark: SparkSession, tmp_path: Path) -> None:
    flagged = spark.createDataFrame([], "id int, day date, _violations array<string>")
    audit, path = Audit(), str(tmp_path / "t")
    steps: dict[str, Transform] = {
        "write_partitioned": write_partitioned(path, by="day"),
        "write_partitioned of a table": write_partitioned(table="t", by="day", format="delta", if_exists="replace_all"),
        "write_table": write_table(path),
        "write_stream": write_stream(path, checkpoint=path),
        "quarantine": quarantine(into=write_partitioned(path, by="day")),
        "filter_affected": filter_affected(flagged, by="day"),
        "count": audit.count("rows"),
        "missing": audit.missing("id"),
        "filled": audit.filled("id"),
        "violations": audit.violations(rules.not_null("id")),
        "dropped": Audit().dropped("resent", deduplicate("id")),
        "without observations": Audit(use_observation=False).count("rows"),
    }
    for name, step in steps.items():
        for nested in (step, pipeline(impute_financials("id"), pipeline(step)), lambda df, step=step: step(df)):
            with pytest.raises(UnsupportedError, match="expected steps that do not run Spark; got") as refused:
                plan_ahead(nested, like=flagged)
            assert repr(step) in str(refused.value), name
    assert list(tmp_path.iterdir()) == []
    # The steps are refused only inside plan_ahead.
    assert flagged.transform(pipeline(audit.count("again"))).count() == 0
