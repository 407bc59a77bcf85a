"""Figures of a run, counted in passing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import few_batches

from shopsmart_etl import (
    Audit,
    AuditIncompleteError,
    AuditReport,
    InvalidArgumentError,
    UnsupportedError,
    deduplicate,
    flag_violations,
    impute_financials,
    in_range,
    keep_invalid,
    keep_valid,
    median_by,
    not_null,
    pipeline,
)
from shopsmart_etl.quality import _observed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.needs("observations")

RULES = [not_null("user"), in_range("paid", least=0)]
ROWS = st.lists(
    st.tuples(
        st.none() | st.sampled_from("ab"),
        st.none() | st.integers(-2, 2),
        st.none() | st.floats(0, 1) | st.just(float("nan")),
    ),
    min_size=20,
    max_size=60,
)


def test_columns_that_differ_in_case_alone_are_told_apart(spark: SparkSession) -> None:
    one = Audit()
    df = spark.createDataFrame([(1, None), (None, None)], "a INT, b INT").toDF("n", "N")
    assert df.transform(one.missing("n", "N")).toDF("a", "b").count() == 2
    assert one.report().missing == {"n": 1, "N": 2}


@pytest.mark.needs("rows counted once")
def test_rows_that_a_sort_samples_are_counted_once(spark: SparkSession) -> None:
    one = Audit()
    df = spark.createDataFrame([(n, n % 2) for n in range(6)], "id INT, part INT").repartition(2, "part")
    assert len(df.transform(one.count("silver")).orderBy("id").collect()) == 6
    assert one.report().rows == {"silver": 6}


def test_the_rows_that_a_step_drops_are_counted(spark: SparkSession) -> None:
    one = Audit()
    sent = spark.createDataFrame([(1, "a"), (1, "b"), (2, "c"), (None, "d"), (None, "d")], "id INT, state STRING")
    kept = (
        sent.repartition(2)
        .transform(one.count("bronze"))
        .transform(one.dropped("sent again", deduplicate("id")))
        .transform(one.count("silver"))
    )
    assert kept.count() == 4
    report = one.report(rows_in="bronze", rows_out=["silver", "sent again"])
    assert (report.dropped, report.reconciled) == ({"sent again": 1}, True)
    assert "dropped     sent again" in repr(report)
    assert repr(one.dropped("x", deduplicate("id"))) == "audit.dropped('x', deduplicate('id'))"
    with pytest.raises(InvalidArgumentError, match="has not counted yet"):
        one.dropped("bronze", deduplicate())


@pytest.mark.parametrize("in_passing", [True, False])
@few_batches
@given(rows=ROWS)
def test_the_figures_are_those_of_the_rows(spark: SparkSession, in_passing: bool, rows: list[Any]) -> None:
    one = Audit(in_passing=in_passing)
    flagged = (
        # Two partitions at least, so that the figures are sums of parts; and no plan that is folded away.
        spark.createDataFrame(rows, "user STRING, paid INT, `a.b` DOUBLE")
        .repartition(2)
        .transform(one.count("in"))
        .transform(one.missing("paid", "a.b"))
        .transform(impute_financials("paid", "a.b"))
        .transform(one.filled())
        .transform(flag_violations(*RULES))
        .transform(one.violations(*RULES))
    )
    flagged.transform(one.count("flagged")).write.format("noop").mode("overwrite").save()
    missing = {
        "paid": sum(paid is None for _, paid, _ in rows),
        "a.b": sum(rate is None or rate != rate for _, _, rate in rows),  # noqa: PLR0124 - NaN
    }
    report = one.report(rows_in="in", rows_out=["flagged"])
    assert report == AuditReport(
        rows={"in": len(rows), "flagged": len(rows)},
        missing=missing,
        filled=missing,
        violations={
            "user is not null": sum(user is None for user, _, _ in rows),
            "paid >= 0": sum(paid is not None and paid < 0 for _, paid, _ in rows),
        },
        rows_in=len(rows),
        rows_out=len(rows),
    )
    assert report.reconciled


@few_batches
@given(rows=ROWS)
def test_valid_and_invalid_rows_add_up(spark: SparkSession, rows: list[Any]) -> None:
    one = Audit()
    flagged = spark.createDataFrame(rows, "user STRING, paid INT, `a.b` DOUBLE").repartition(2)
    flagged.transform(flag_violations(*RULES)).transform(keep_valid()).transform(one.count("valid")).collect()
    flagged.transform(flag_violations(*RULES)).transform(keep_invalid()).transform(one.count("invalid")).collect()
    assert sum(one.report().rows.values()) == len(rows)


def test_a_report_prints_and_turns_to_json() -> None:
    report = AuditReport(rows={"<bronze>": 1200, "silver": 1199}, rows_in=1200, rows_out=1199)
    assert repr(report).splitlines() == [
        "rows            <bronze>                  1,200",
        "rows            silver                    1,199",
        "NOT reconciled  rows in, rows out  1,200, 1,199",
    ]
    assert "<td>&lt;bronze&gt;</td><td>1,200</td>" in report._repr_html_()
    assert json.loads(report.to_json())["reconciled"] is False
    assert AuditReport(rows={}).reconciled is None


@pytest.mark.needs("jobs to count")
def test_counting_adds_no_job(spark: SparkSession, new_path: Callable[[], str]) -> None:
    def jobs(transform: Callable[[DataFrame], DataFrame]) -> int:
        group = f"audit {transform}"
        spark.sparkContext.setJobGroup(group, group)
        spark.range(100).transform(transform).write.parquet(new_path())
        return len(spark.sparkContext.statusTracker().getJobIdsForGroup(group))

    one = Audit()
    assert jobs(one.count("rows")) == jobs(lambda df: df)
    assert one.report().rows == {"rows": 100}


def test_steps_side_by_side_count_in_one_node_of_the_plan(
    spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Audit()
    rows = spark.createDataFrame([("a", 1), ("b", None)], "user STRING, paid INT").repartition(2)
    chain = pipeline(one.count("in"), one.missing("user", "paid"), impute_financials("paid"), one.filled())
    counted = rows.transform(chain).transform(one.count("out"))
    counted.explain()
    assert capsys.readouterr().out.count("CollectMetrics") == 2
    assert counted.count() == 2
    assert one.report() == AuditReport(rows={"in": 2, "out": 2}, missing={"user": 0, "paid": 1}, filled={"paid": 1})


def test_a_step_behind_cached_rows_reads_the_cache(spark: SparkSession, capsys: pytest.CaptureFixture[str]) -> None:
    one = Audit()
    cached = spark.range(3).repartition(2).transform(one.count("in")).cache()
    counted = cached.transform(one.missing("id"))
    counted.explain()
    assert "InMemoryTableScan" in capsys.readouterr().out
    assert counted.count() == 3
    assert one.report() == AuditReport(rows={"in": 3}, missing={"id": 0})
    cached.unpersist()


@pytest.mark.parametrize("in_passing", [True, False])
def test_chains_that_part_count_each_for_itself(spark: SparkSession, in_passing: bool) -> None:
    one = Audit(in_passing=in_passing)
    rows = spark.range(4).repartition(2).transform(one.count("in"))
    low = rows.where("id < 1").transform(one.count("low"))
    high = rows.where("id >= 1").transform(one.count("high"))
    whole = rows.transform(one.missing("id"))
    assert [df.count() for df in (whole, low, high)] == [4, 1, 3]
    assert one.report(rows_in="in", rows_out=["low", "high"]).reconciled


def test_a_report_before_the_action_is_refused(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_observed, "_SECONDS_TO_ARRIVE", 0.1)
    one = Audit()
    step = one.count("rows")
    with pytest.raises(AuditIncompleteError, match=r"audit\.count\('rows'\) has no figures yet"):
        one.report()
    spark.range(1).transform(step)
    with pytest.raises(AuditIncompleteError):
        one.report()


@pytest.mark.parametrize("users", [[], [None]], ids=["none came", "none was valid"])
def test_a_run_that_keeps_no_row_has_its_figures(spark: SparkSession, users: list[Any]) -> None:
    one = Audit()
    df = spark.createDataFrame([(user, None) for user in users], "user STRING, paid INT").repartition(2)
    chain = pipeline(
        one.count("in"),
        flag_violations(*RULES[:1]),
        one.violations(*RULES[:1]),
        one.dropped("invalid", keep_valid()),
        one.dropped("sent again", deduplicate("user")),
        one.missing("paid"),
        impute_financials("paid", fill=[median_by("user"), 0]),
        one.filled(),
        one.count("out"),
    )
    df.transform(chain).write.format("noop").mode("overwrite").save()
    report = one.report(rows_in="in", rows_out=["out", "invalid", "sent again"])
    assert report == AuditReport(
        rows={"in": len(users), "out": 0},
        dropped={"invalid": len(users), "sent again": 0},
        missing={"paid": 0},
        filled={"paid": 0},
        violations={"user is not null": len(users)},
        rows_in=len(users),
        rows_out=len(users),
    )


def test_rows_that_an_action_did_not_need_are_not_counted_as_none(spark: SparkSession) -> None:
    one = Audit()
    nothing = spark.createDataFrame([], "id BIGINT").repartition(2)
    assert spark.range(10).transform(one.count("in")).join(nothing, "id").collect() == []
    with pytest.raises(AuditIncompleteError):
        one.report()


def test_misuse_is_named(spark: SparkSession) -> None:
    one = Audit()
    step = one.count("rows")
    assert repr(step) == "audit.count('rows')"
    spark.range(1).transform(step).collect()
    with pytest.raises(UnsupportedError, match=r"audit\.count\('rows'\) stands in a chain already"):
        spark.range(1).transform(step)
    with pytest.raises(InvalidArgumentError, match="name: wanted a name that this audit has not counted yet"):
        one.count("rows")
    for count_again in (one.missing, one.violations):
        counted: Any = "paid" if count_again == one.missing else RULES[0]
        count_again(counted)
        with pytest.raises(InvalidArgumentError, match="has not counted yet"):
            count_again(counted)
    one = Audit()
    spark.range(1).transform(one.count("rows")).collect()
    with pytest.raises(InvalidArgumentError, match="rows_in, rows_out: wanted one of rows; found 'row'"):
        one.report(rows_in="row")
    with pytest.raises(UnsupportedError, match="an audit counts one batch"):
        spark.readStream.format("rate").load().transform(Audit().count("rows"))
