"""Metrics of a run, counted while it runs."""

from __future__ import annotations

import copy
import json
import multiprocessing
import pickle
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from engines import ENGINE
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BooleanType, LongType, StringType, StructType
from strategies import few_batches

from shopsmart_etl import (
    Audit,
    AuditIncompleteError,
    AuditReport,
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    Rule,
    Step,
    UnsupportedError,
    deduplicate,
    flag_violations,
    impute_financials,
    keep_invalid,
    keep_valid,
    median_by,
    pipeline,
    quarantine,
    rules,
    write_partitioned,
    write_table,
)
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.step import plan_step

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.needs("observations")

RULES = [rules.not_null("user"), rules.in_range("paid", min_value=0)]
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


@pytest.mark.exhaustive
@pytest.mark.parametrize("use_observation", [True, False])
@few_batches
@given(rows=ROWS)
def test_the_metrics_are_those_of_the_rows(spark: SparkSession, use_observation: bool, rows: list[Any]) -> None:
    one = Audit(use_observation=use_observation)
    flagged = (
        # Two partitions at least, so that the figures are sums of parts; and no plan that is folded away.
        spark.createDataFrame(rows, "user STRING, paid INT, `a.b` DOUBLE")
        .repartition(2)
        .transform(one.count("in"))
        .transform(one.missing("paid", "a.b"))
        .transform(impute_financials("paid", "a.b"))
        .transform(one.filled("paid", "a.b"))
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
def test_counting_adds_no_job_to_a_write(spark: SparkSession, new_path: Callable[[], str]) -> None:
    one = Audit()

    def jobs(*steps: Step) -> int:
        path = new_path()
        spark.sparkContext.setJobGroup(path, path)
        spark.range(100).transform(pipeline(*steps, write_table(path)))
        if steps:
            assert one.report().rows == {"rows": 100}
        return len(spark.sparkContext.statusTracker().getJobIdsForGroup(path))

    assert jobs(one.count("rows")) == jobs()


def test_steps_side_by_side_count_in_one_node_of_the_plan(
    spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Audit()
    rows = spark.createDataFrame([("a", 1), ("b", None)], "user STRING, paid INT").repartition(2)
    chain = pipeline(one.count("in"), one.missing("user", "paid"), impute_financials("paid"), one.filled("paid"))
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


@pytest.mark.parametrize("use_observation", [True, False])
def test_chains_that_part_count_each_for_itself(spark: SparkSession, use_observation: bool) -> None:
    one = Audit(use_observation=use_observation)
    rows = spark.range(4).repartition(2).transform(one.count("in"))
    low = rows.where("id < 1").transform(one.count("low"))
    high = rows.where("id >= 1").transform(one.count("high"))
    whole = rows.transform(one.missing("id"))
    assert [df.count() for df in (whole, low, high)] == [4, 1, 3]
    assert one.report(rows_in="in", rows_out=["low", "high"]).reconciled


def test_a_report_before_the_steps_are_applied_is_refused() -> None:
    one = Audit()
    one.count("rows")
    with pytest.raises(AuditIncompleteError, match="the audit has no metrics: apply the whole chain"):
        one.report()
    assert one.reports() == []


def test_a_watched_step_that_fails_leaves_the_run_incomplete(spark: SparkSession) -> None:
    one = Audit()
    with pytest.raises(ColumnNotFoundError):
        spark.range(3).transform(one.dropped("invalid", keep_valid()))
    with pytest.raises(AuditIncompleteError, match=r"audit\.dropped\('invalid', keep_valid\(\)\) has no metrics"):
        one.report()


def test_a_report_before_the_action_counts_the_rows_itself(spark: SparkSession) -> None:
    one = Audit()
    spark.range(3).transform(one.count("rows"))
    assert one.report().rows == {"rows": 3}


def fail_late(df: DataFrame) -> None:
    failing = df.withColumn("failed", F.expr("CASE WHEN id = 990 THEN raise_error('late') ELSE id END"))
    with pytest.raises(Exception, match="late" if ENGINE == "classic" else ""):
        failing.write.format("noop").mode("overwrite").save()


def write_failing_table(df: DataFrame) -> None:
    failing = df.withColumn("failed", F.expr("CASE WHEN id = 990 THEN raise_error('late') ELSE id END"))
    with tempfile.TemporaryDirectory() as folder, pytest.raises(Exception, match="late" if ENGINE == "classic" else ""):
        failing.transform(write_table(f"{folder}/table"))


INCOMPLETE: dict[str, Callable[[DataFrame], object]] = {
    "show": lambda df: df.show(),
    "limit": lambda df: df.limit(5).collect(),
    "limited write": lambda df: df.limit(5).write.format("noop").mode("overwrite").save(),
    "isEmpty": lambda df: df.isEmpty(),
    "head": lambda df: df.head(),
    "take": lambda df: df.take(3),
    "first": lambda df: df.first(),
    "tail": lambda df: df.tail(2),
    "iterator": lambda df: next(df.toLocalIterator()),
    "pruned to nothing": lambda df: df.where("false").collect(),
    "pruned columns": lambda df: df.select().limit(1).count(),
    "explain": lambda df: df.explain(),
    "failed": fail_late,
    "failed write of a table": write_failing_table,
}
COMPLETE: dict[str, Callable[[DataFrame, str], object]] = {
    "none": lambda _, __: None,
    "count": lambda df, _: df.count(),
    "collect": lambda df, _: df.collect(),
    "parquet": lambda df, path: df.write.parquet(path),
    "write_table": lambda df, path: df.transform(write_table(path)),
    "write_partitioned": lambda df, path: df.transform(write_partitioned(path, by="part")),
}
QUICK = {("none", True), ("write_table", False)}


def audited(spark: SparkSession, one: Audit, *, shuffled: bool) -> DataFrame:
    """Apply an audit to 1,000 rows in 4 partitions."""
    rows = spark.range(0, 1000, 1, 4).selectExpr("id", "id % 3 AS part", "nullif(id % 2, 0) AS paid")
    rows = rows.transform(pipeline(one.count("in"), one.missing("paid"), impute_financials("paid")))
    rows = rows.repartition(3, "part") if shuffled else rows.where("id >= 0")
    return rows.transform(pipeline(one.filled("paid"), one.count("out")))


# Every pair of actions is slow; one shuffled and one unshuffled chain for each incomplete action is not.
PAIRS = [
    pytest.param(before, complete, shuffled, marks=() if (complete, shuffled) in QUICK else pytest.mark.slow)
    for before in INCOMPLETE
    for complete in COMPLETE
    for shuffled in (False, True)
]


@pytest.mark.exhaustive
@pytest.mark.parametrize(("before", "complete", "shuffled"), PAIRS)
def test_an_incomplete_action_never_counts(
    spark: SparkSession, new_path: Callable[[], str], before: str, complete: str, shuffled: bool
) -> None:
    one = Audit()
    rows = audited(spark, one, shuffled=shuffled)
    INCOMPLETE[before](rows)
    COMPLETE[complete](rows, new_path())
    INCOMPLETE[before](rows)
    assert one.report(rows_in="in", rows_out="out") == AuditReport(
        rows={"in": 1000, "out": 1000}, missing={"paid": 500}, filled={"paid": 500}, rows_in=1000, rows_out=1000
    )


@pytest.mark.parametrize("write", ["write_table", "write_partitioned"])
@pytest.mark.parametrize("shuffled", [False, True], ids=["one stage", "shuffled"])
def test_rows_that_were_cached_in_part_are_counted_whole(
    spark: SparkSession, new_path: Callable[[], str], shuffled: bool, write: str
) -> None:
    one = Audit()
    rows = audited(spark, one, shuffled=shuffled).cache()
    assert len(rows.take(2)) == 2
    COMPLETE[write](rows, new_path())
    assert one.report(rows_in="in", rows_out="out").rows_out == 1000
    rows.unpersist()


@pytest.mark.parametrize("shuffled", [False, True], ids=["one stage", "shuffled"])
def test_a_write_counts_the_rows_that_it_wrote(
    spark: SparkSession, new_path: Callable[[], str], shuffled: bool
) -> None:
    source, one, unrelated = new_path(), Audit(), Audit()
    spark.range(0, 1000, 1, 4).write.parquet(source)
    spark.range(5).transform(unrelated.count("other")).transform(write_table(new_path()))
    rows = spark.read.parquet(source).transform(one.count("in"))
    rows = (rows.repartition(3, "id") if shuffled else rows).transform(one.count("out"))
    rows.transform(write_table(new_path()))
    if ENGINE != "classic":
        # There each action replaces the metrics of the one before it.
        rows.show()
    # An aggregation would not find the rows any more.
    shutil.rmtree(source)
    assert one.report(rows_in="in", rows_out="out").rows == {"in": 1000, "out": 1000}
    assert unrelated.report().rows == {"other": 5}


@pytest.mark.exhaustive
def test_a_write_on_another_thread_counts(spark: SparkSession, new_path: Callable[[], str]) -> None:
    source, audits = new_path(), [Audit() for _ in range(4)]
    spark.range(0, 100, 1, 4).write.parquet(source)
    read = spark.read.parquet(source)
    chains = [read.where(f"id < {10 * n}").transform(one.count("out")) for n, one in enumerate(audits, 1)]
    folder = new_path()
    writes = [write_table(f"{folder}/{n}") for n in range(len(chains))]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda df, write: df.transform(write), chains, writes))
    shutil.rmtree(source)
    assert [one.report().rows["out"] for one in audits] == [10, 20, 30, 40]


@pytest.mark.exhaustive
@pytest.mark.parametrize("users", [[], [None]], ids=["none came", "none was valid"])
def test_a_run_that_keeps_no_row_has_its_metrics(spark: SparkSession, users: list[Any]) -> None:
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
        one.filled("paid"),
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


@pytest.mark.parametrize("write", ["collect", "write_table"])
def test_rows_that_an_action_did_not_need_are_not_counted_as_none(
    spark: SparkSession, new_path: Callable[[], str], write: str
) -> None:
    one = Audit()
    nothing = spark.createDataFrame([], "id BIGINT").repartition(2)
    COMPLETE[write](spark.range(10).transform(one.count("in")).join(nothing, "id"), new_path())
    assert one.report().rows == {"in": 10}


@pytest.mark.parametrize("bad", [0, 1, 4])
def test_a_quarantine_that_gets_no_row_or_every_row_is_counted(
    spark: SparkSession, new_path: Callable[[], str], bad: int
) -> None:
    one = Audit()
    rows = spark.createDataFrame([("a" if n >= bad else None, n) for n in range(4)], "user STRING, part INT")
    write = pipeline(one.count("quarantined"), write_partitioned(new_path(), by="part"))
    checked = rows.repartition(2).transform(pipeline(one.count("in"), flag_violations(*RULES[:1])))
    checked.transform(pipeline(quarantine(into=write), one.count("out"))).write.parquet(new_path())
    report = one.report(rows_in="in", rows_out=["out", "quarantined"])
    assert report.reconciled
    assert report.rows == {"in": 4, "quarantined": bad, "out": 4 - bad}


@pytest.mark.exhaustive
@pytest.mark.parametrize("use_observation", [True, False])
def test_each_run_of_a_chain_has_its_own_report(spark: SparkSession, use_observation: bool) -> None:
    one = Audit(use_observation=use_observation)
    chain = pipeline(
        one.count("in"),
        flag_violations(*RULES),
        one.violations(*RULES),
        keep_valid(),
        one.dropped("resent", deduplicate()),
        one.count("out"),
    )
    rows = spark.createDataFrame([("a", 1), ("a", 1), (None, 2)], "user STRING, paid INT").repartition(2)
    for sent in (rows, rows.where("user IS NULL"), rows):
        sent.transform(chain).write.format("noop").mode("overwrite").save()
    counts = [{"in": 3, "out": 1}, {"in": 1, "out": 0}, {"in": 3, "out": 1}]
    assert [report.rows for report in one.reports()] == counts
    assert [report.dropped for report in one.reports()] == [{"resent": 1}, {"resent": 0}, {"resent": 1}]
    assert [report.violations["user is not null"] for report in one.reports()] == [1, 1, 1]
    assert one.report() == one.reports()[-1]
    assert one.report(rows_in="in", rows_out="out").reconciled is False


def test_a_run_that_failed_is_followed_by_one_of_its_own(spark: SparkSession) -> None:
    one = Audit()
    chain = pipeline(one.count("in"), flag_violations(Rule("paid", "paid > 0")), one.count("out"))
    with pytest.raises(InvalidArgumentError):
        spark.range(2).transform(chain)
    spark.range(3).withColumnRenamed("id", "paid").repartition(2).transform(chain).collect()
    assert one.report(rows_in="in", rows_out=["out"]).rows == {"in": 3, "out": 3}


def test_a_name_twice_in_one_chain_is_never_added_up(spark: SparkSession) -> None:
    one = Audit()
    with pytest.raises(InvalidArgumentError, match="expected a name that no other step of this run has; got 'in'"):
        spark.range(3).transform(pipeline(one.count("in"), one.missing("id"), one.count("in")))
    one = Audit()
    apart = pipeline(one.count("in"), lambda df: df.where("id > 0"), one.count("in"))
    spark.range(3).repartition(2).transform(apart).collect()
    assert [report.rows for report in one.reports()] == [{"in": 3}, {"in": 2}]
    assert one.report().rows == {"in": 2}


def test_a_name_of_another_step_is_refused(spark: SparkSession) -> None:
    one = Audit()
    df = spark.range(3)
    for first, second, name in [
        (one.missing("id"), pipeline(lambda df: df.where("id > 0"), one.missing("ID", "id")), "id"),
        (one.count("x"), one.dropped("x", deduplicate()), "x"),
    ]:
        with pytest.raises(InvalidArgumentError, match=f"no other step of this run has; got {name!r}"):
            df.transform(first).transform(second)


def test_counts_after_a_step_that_began_a_run_belong_to_the_counts_before_it(spark: SparkSession) -> None:
    one = Audit()
    rows = spark.range(4).repartition(2).transform(one.count("in"))
    inner = pipeline(lambda df: df.where("id > 0"), one.count("in"))
    assert rows.transform(one.dropped("first", inner)).count() == 3
    assert [(report.rows, report.dropped) for report in one.reports()] == [({"in": 4}, {"first": 1}), ({"in": 3}, {})]


def steps_of(one: Audit) -> list[Step]:
    return [
        one.count("a"),
        one.dropped("b", keep_invalid()),
        one.missing("id"),
        one.filled("id"),
        one.filled("id", flag_suffix="_filled"),
        one.violations(*RULES),
        one.violations(*RULES, violations_column="why"),
    ]


def test_equal_calls_are_equal_and_survive_pickle() -> None:
    one, other = Audit(), Audit()
    steps = steps_of(one)
    assert steps == steps_of(one)
    assert len({*steps, *steps_of(one)}) == len(steps)
    assert not set(steps) & set(steps_of(other))
    for step in steps:
        for restored in (pickle.loads(pickle.dumps(step)), copy.copy(step), copy.deepcopy(step)):  # noqa: S301 - our own bytes
            assert restored == step
            assert (hash(restored), repr(restored)) == (hash(step), repr(step))
    assert [pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)] == [one] * 3  # noqa: S301 - our own bytes
    assert [repr(steps[0]), repr(steps[4])] == ["audit.count('a')", "audit.filled('id', flag_suffix='_filled')"]


def unpickled(pickles: list[bytes]) -> tuple[bool, str, int, list[bytes]]:
    """Unpickle audits; return whether they are one audit, its repr and number of runs, and their new pickles."""
    audits: list[Audit] = [pickle.loads(one) for one in pickles]  # noqa: S301 - our own bytes
    is_one_audit = all(one is audits[0] for one in audits)
    return is_one_audit, repr(audits[0]), len(audits[0].reports()), [pickle.dumps(one) for one in audits]


def test_a_pickled_audit_keeps_its_identity_and_settings_in_another_process_but_no_run(spark: SparkSession) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as others:
        for one in (Audit(), Audit(use_observation=False)):
            spark.range(1).transform(one.count("rows")).collect()
            # As two pickles, which are unpickled apart.
            is_one_audit, text, runs, pickles = others.submit(
                unpickled, [pickle.dumps(one), pickle.dumps(one)]
            ).result()
            assert (is_one_audit, text, runs) == (True, repr(one), 0)
            assert [pickle.loads(back) for back in pickles] == [one, one]  # noqa: S301 - our own bytes
            assert len(one.reports()) == 1


def test_a_step_that_was_unpickled_counts_for_its_audit(spark: SparkSession) -> None:
    one = Audit()
    step: Step = pickle.loads(pickle.dumps(one.count("rows")))  # noqa: S301 - our own bytes
    spark.range(3).transform(step)
    assert one.report().rows == {"rows": 3}


def test_previews_leave_the_columns_as_they_are() -> None:
    schema = StructType().add("id", LongType()).add("id_imputed", BooleanType()).add("id_filled", BooleanType())
    schema = schema.add("_violations", ArrayType(StringType())).add("why", ArrayType(StringType()))
    one = Audit()
    for step in (*steps_of(one), pipeline(*steps_of(one))):
        assert [row[1] for row in step.preview(schema).rows] == schema.names
        assert plan_step(step, Frame(schema)).schema == schema
    assert one.reports() == []


@pytest.mark.parametrize("wrong", [None, 1, True, object(), [], [1], b"x", ""])
def test_wrong_arguments_are_refused_where_a_step_is_built(wrong: Any) -> None:
    one = Audit()
    calls: list[Callable[[], object]] = [
        lambda: one.count(wrong),
        lambda: one.dropped(wrong, deduplicate()),
        lambda: one.dropped("x", wrong),
        lambda: one.missing(wrong),
        lambda: one.filled(wrong),
        lambda: one.filled("x", flag_suffix=wrong),
        lambda: one.violations(wrong),
        lambda: one.violations(*RULES, violations_column=wrong),
    ]
    if wrong is not True:
        calls.append(lambda: Audit(use_observation=wrong))
    if wrong is not None:
        calls.append(lambda: one.report(rows_in=wrong))
    if wrong not in ([], ""):
        calls.append(lambda: one.reports(rows_out=wrong))
    for call in calls:
        with pytest.raises(InvalidArgumentError, match="expected"):
            call()


def test_misuse_is_named(spark: SparkSession) -> None:
    one = Audit()
    for build in (one.missing, one.filled):
        for columns in ((), ("id", "id")):
            with pytest.raises(InvalidArgumentError, match="columns: expected the names of columns, at least one"):
                build(*columns)
    with pytest.raises(InvalidArgumentError, match="rules: expected at least one rule"):
        one.violations()
    df = spark.createDataFrame([(1, "x")], "id INT, id_imputed STRING")
    with pytest.raises(ColumnTypeError, match="expected the boolean that impute_financials adds; got string"):
        df.transform(one.filled("id"))
    with pytest.raises(ColumnNotFoundError, match="no column 'id_filled'"):
        df.transform(one.filled("id", flag_suffix="_filled"))
    with pytest.raises(ColumnTypeError, match="expected the array that flag_violations adds; got int"):
        df.transform(one.violations(*RULES, violations_column="id"))
    assert one.reports() == []
    spark.range(1).transform(one.count("rows")).collect()
    with pytest.raises(InvalidArgumentError, match="rows_in: expected one of rows; got 'row'"):
        one.report(rows_in="row")
    with pytest.raises(InvalidArgumentError, match="rows_out: expected one of rows; got 'row'"):
        one.report(rows_in="rows", rows_out="row")
    with pytest.raises(InvalidArgumentError, match="rows_out: expected the name of a count"):
        one.report(rows_in="rows", rows_out=["rows", "rows"])
    with pytest.raises(UnsupportedError, match="audit: expected a batch; got a stream"):
        spark.readStream.format("rate").load().transform(Audit().count("rows"))


def test_threads_that_apply_one_chain_have_runs_of_their_own(spark: SparkSession) -> None:
    audit, both = Audit(), Barrier(2)

    def apply(rows: int) -> None:
        counted = spark.range(rows).transform(audit.count("bronze"))
        both.wait()
        counted.transform(audit.count("silver")).collect()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(apply, [2, 3]))
    reports = audit.reports(rows_in="bronze", rows_out="silver")
    assert sorted(report.rows_in or 0 for report in reports) == [2, 3]
    assert all(report.reconciled for report in reports)
