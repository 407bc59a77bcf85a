"""Steps planned ahead ask Spark nothing, and give what they give when applied one by one."""

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
    flag_violations,
    flatten_struct,
    impute_financials,
    keep_touched,
    keep_valid,
    median_by,
    not_null,
    parse_money,
    pipeline,
    plan_ahead,
    quarantine,
    write_partitioned,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    from shopsmart_etl import Transform

STEPS: dict[str, list[Transform]] = {
    "readme": README,
    "in pipelines": [pipeline(pipeline(*README[:2]), *README[2:])],
    "rules": [flag_violations(not_null("customer")), keep_valid()],
    "inside": [impute_financials("items.price", fill=7)],
    "amounts": [parse_money("total"), impute_financials("total", fill=[median_by("at"), 0])],
    "latest": [deduplicate("id", latest_by="at"), flatten_struct()],
    "gold": [flatten_struct(), daily_active_users(user="customer_name", at="at")],
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_steps_planned_ahead_give_the_same_rows(steps: list[Transform], spark: SparkSession) -> None:
    df = orders(spark)
    ahead = df.transform(plan_ahead(*steps, like=df.limit(0)))
    plain = df.transform(pipeline(*steps))
    rows, wanted = (sorted(map(str, one.collect())) for one in (ahead, plain))  # Spark sorts no maps
    assert rows == wanted
    assert rows
    assert ahead.dtypes == plain.dtypes


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_applied_they_ask_nothing(steps: list[Transform], spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    df = orders(spark)
    ahead = plan_ahead(*steps, like=df)

    def asked(_: DataFrame) -> Any:
        raise AssertionError("a step asked")

    for question in ("schema", "isStreaming", "columns", "dtypes"):
        monkeypatch.setattr(type(df), question, property(asked))
    df.transform(ahead)


def test_columns_may_come_in_another_order_and_further_ones_are_left_out(spark: SparkSession) -> None:
    lines = plan_ahead(explode_arrays("tags"), like=spark.createDataFrame([], "id int, tags array<string>"))
    table = spark.createDataFrame([(["a"], True, 1)], "tags array<string>, more boolean, id int")
    assert_df_equality(table.transform(lines), spark.createDataFrame([(1, "a")], "id int, tags string"))


def test_a_missing_column_is_refused_and_never_read_as_nulls(spark: SparkSession) -> None:
    filled = plan_ahead(impute_financials("paid"), like=spark.createDataFrame([], "id int, paid int"))
    with pytest.raises(PySparkException, match="paid"):
        spark.createDataFrame([(1,)], "id int").transform(filled).collect()


def test_a_column_of_another_type_is_refused_and_never_cast(spark: SparkSession) -> None:
    filled = plan_ahead(impute_financials("paid"), like=spark.createDataFrame([], "paid decimal(10, 0)"))
    table = spark.createDataFrame([(Decimal("0.50"),)], "paid decimal(10, 2)")
    with pytest.raises(
        Exception,  # of Py4J on 3.5
        match=r"wanted a table with columns .*decimal\(10,0\).*; found .*decimal\(10,2\)",
    ):
        table.transform(filled).collect()


def test_a_sound_table_is_not_checked_row_by_row(spark: SparkSession, capsys: pytest.CaptureFixture[str]) -> None:
    df = orders(spark)
    df.transform(plan_ahead(flatten_struct(), like=df)).explain()
    plan = capsys.readouterr().out
    assert "Physical Plan" in plan
    assert "assert_true" not in plan
    assert "typeof" not in plan


def test_it_prints_as_the_call(spark: SparkSession) -> None:
    like = spark.createDataFrame([], "id int")
    assert repr(plan_ahead(impute_financials("id"), like=like)) == "plan_ahead(impute_financials('id'), like=DataFrame)"


@pytest.mark.parametrize("steps", [(), (1,), (pipeline(),)])
def test_what_is_no_step_is_refused(steps: tuple[Any, ...], spark: SparkSession) -> None:
    with pytest.raises(InvalidArgumentError, match="wanted"):
        plan_ahead(*steps, like=spark.range(1))


def test_what_runs_spark_is_refused_before_it_does(spark: SparkSession, tmp_path: Path) -> None:
    flagged = spark.createDataFrame([], "id int, day date, _violations array<string>")
    audit, path = Audit(), str(tmp_path / "t")
    steps = {
        "write_partitioned": write_partitioned(path, by="day"),
        "write_partitioned of a table": write_partitioned(table="t", by="day", format="delta", if_exists="replace_all"),
        "quarantine": quarantine(path),
        "keep_touched": keep_touched(flagged, by="day"),
        "count": audit.count("rows"),
        "missing": audit.missing("id"),
        "filled": audit.filled(),
        "violations": audit.violations(not_null("id")),
        "dropped": Audit().dropped("resent", deduplicate("id")),
        "without observations": Audit(in_passing=False).count("rows"),
    }
    for name, step in steps.items():
        for nested in (step, pipeline(impute_financials("id"), pipeline(step)), lambda df, step=step: step(df)):
            with pytest.raises(UnsupportedError, match="cannot be planned ahead: it runs Spark") as refused:
                plan_ahead(nested, like=flagged)
            assert repr(step) in str(refused.value), name
    assert list(tmp_path.iterdir()) == []
    # Refused while a table is planned, and not from then on.
    assert flagged.transform(pipeline(audit.count("again"))).count() == 0
