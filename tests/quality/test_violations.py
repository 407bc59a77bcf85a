"""Rules, the rows that break them, and which."""

from __future__ import annotations

import itertools
import math
import pickle
import re
import shutil
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from engines import configured
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F
from strategies import few_batches

from shopsmart_etl import (
    Audit,
    ColumnClashError,
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    Rule,
    Step,
    TargetExistsError,
    UnsupportedError,
    WriteConflictError,
    filter_affected,
    flag_violations,
    keep_invalid,
    keep_valid,
    pipeline,
    quarantine,
    read_csv_logs,
    rules,
    write_partitioned,
    write_table,
)
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.step import plan_step, step_that_writes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    from shopsmart_etl import Transform
    from shopsmart_etl._core.step import Planner

LOGS = "id INT, user STRING, paid DECIMAL(10, 2), country STRING"


@few_batches
@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(0, 40),
            st.none() | st.sampled_from(["ada", "bob", ""]),
            st.none() | st.decimals(-5, 5, places=2),
            st.none() | st.sampled_from(["GB", "gb", "UK", "IE"]),
        ),
        min_size=20,
        max_size=60,
    )
)
def test_each_row_is_either_valid_or_says_what_it_breaks(spark: SparkSession, rows: list[Any]) -> None:
    df = spark.createDataFrame(rows, LOGS)
    checked = [
        rules.not_null("user"),
        rules.in_range("paid", min_value=Decimal("0.01"), max_value=4),
        rules.one_of("id", *range(1, 20)),
        rules.matches("user", "[a-z]+"),
        rules.unique("id"),
        rules.country_code("country"),
        Rule("ada pays", "user <> 'ada' OR paid > 0"),
        Rule("by column", F.col("id") >= 10),
    ]

    def kept(row: tuple[Any, ...]) -> list[bool]:
        number, user, paid, country = row
        return [
            user is not None,
            paid is not None and Decimal("0.01") <= paid <= 4,
            number in range(1, 20),
            bool(user),
            number is None or sum(other[0] == number for other in rows) == 1,
            country in ("GB", "IE"),
            # As SQL has it: unknown or true is true, unknown or false is unknown.
            (user is not None and user != "ada") or (paid is not None and paid > 0),
            number is not None and number >= 10,
        ]

    flagged = df.transform(flag_violations(*checked)).cache()
    wanted = [(*row, [rule.name for rule, fine in zip(checked, kept(row), strict=True) if not fine]) for row in rows]
    assert sorted(map(repr, map(tuple, flagged.collect()))) == sorted(map(repr, wanted))
    assert not flagged.schema["_violations"].nullable
    valid, invalid = flagged.transform(keep_valid()), flagged.transform(keep_invalid())
    assert valid.schema == df.schema
    assert sorted(map(repr, map(tuple, valid.collect()))) == sorted(repr(row[:-1]) for row in wanted if not row[-1])
    assert invalid.schema == flagged.schema
    assert sorted(map(repr, map(tuple, invalid.collect()))) == sorted(repr(row) for row in wanted if row[-1])
    flagged.unpersist()


@pytest.fixture
def logs(spark: SparkSession) -> DataFrame:
    return spark.sql("SELECT 1 AS id, 'a\nb' AS `user.name`, 'x' AS state")


def keep_on_disk(rows: DataFrame) -> DataFrame:
    """Stand for a function that writes."""
    return rows


def write_to(path: str) -> Transform:
    def write(rows: DataFrame) -> DataFrame:
        rows.write.parquet(path)
        return rows

    return write


@step_that_writes
def write_step(path: str) -> Planner:
    return lambda frame: frame.unchanged(write_to(path))


@few_batches
@given(st.lists(st.none() | st.integers(-2, 2), max_size=40))
def test_each_row_is_returned_or_in_quarantine(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, paid: list[Any]
) -> None:
    path = str(tmp_path_factory.mktemp("quarantine") / "run")
    write = write_to(path)
    df = spark.createDataFrame([(one,) for one in paid], "paid INT")
    kept = df.transform(flag_violations(rules.in_range("paid", min_value=0))).transform(quarantine(into=write))
    aside = spark.read.parquet(path)
    assert sorted(row["paid"] for row in kept.collect()) == sorted(one for one in paid if one is not None and one >= 0)
    assert sorted(map(repr, map(tuple, aside.collect()))) == sorted(
        repr((one, ["paid >= 0"])) for one in paid if one is None or one < 0
    )
    assert kept.schema == df.schema


def test_rows_that_are_written_first_are_read_from_the_source_once(spark: SparkSession, tmp_path: Path) -> None:
    source = tmp_path / "logs"
    source.mkdir()
    (source / "a.csv").write_text("user,country\nada,GB\n,IE\n", encoding="utf-8")

    def take_the_source_away(df: DataFrame) -> DataFrame:
        shutil.rmtree(source)
        return df

    kept = read_csv_logs(spark, str(source), schema="user STRING, country STRING").transform(
        pipeline(
            flag_violations(rules.not_null("user")),
            write_partitioned(str(tmp_path / "flagged"), by="country"),
            take_the_source_away,
            quarantine(into=write_partitioned(str(tmp_path / "quarantine"), by="country")),
        )
    )
    assert [row["user"] for row in kept.collect()] == ["ada"]
    aside = spark.read.parquet(str(tmp_path / "quarantine")).collect()
    assert [(row["country"], row["_violations"]) for row in aside] == [("IE", ["user is not null"])]


@pytest.mark.exhaustive
def test_a_run_that_failed_after_its_quarantine_is_run_again(spark: SparkSession, tmp_path: Path) -> None:
    path, columns = tmp_path / "quarantine", "id INT, paid INT, country STRING"
    write = write_partitioned(path, by=["run_id", "country"], if_exists="replace_partitions")

    def run(run_id: str, data: list[tuple[int, int | None, str]]) -> list[tuple[str, int]]:
        checked = spark.createDataFrame(data, columns).transform(flag_violations(rules.not_null("paid")))
        valid = checked.transform(quarantine(into=write, run_id=run_id))
        assert valid.schema == spark.createDataFrame([], columns).schema
        assert [row["id"] for row in valid.collect()] == [one for one, paid, _ in data if paid is not None]
        found = spark.read.schema("id INT, run_id STRING").parquet(str(path)).collect()
        return sorted((row["run_id"], row["id"]) for row in found)

    assert run("07", [(1, None, "IE"), (2, 2, "GB")]) == [("07", 1)]
    assert run("7", [(3, None, "IE"), (4, None, "IE")]) == [("07", 1), ("7", 3), ("7", 4)]
    assert run("7", [(3, 3, "IE"), (4, None, "IE")]) == [("07", 1), ("7", 4)]
    message = r"'quarantine' has rows of an earlier attempt of run '7' that this attempt did not replace"
    others: list[list[tuple[int, int | None, str]]] = [[(3, 3, "IE"), (4, 4, "IE")], [(5, None, "GB")]]
    for data in others:
        with pytest.raises(WriteConflictError, match=message):
            run("7", data)


def test_a_run_has_an_identifier_and_columns_of_its_own(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="run_id: expected the identifier of the run"):
        quarantine(into=keep_on_disk, run_id="")
    checked = spark.createDataFrame([(1, "x")], "id INT, RUN_ID STRING").transform(
        flag_violations(rules.not_null("id"))
    )
    with pytest.raises(ColumnClashError, match="the run"):
        checked.transform(quarantine(into=write_to(str(tmp_path / "aside")), run_id="x"))
    assert not (tmp_path / "aside").exists()


def test_what_can_be_refused_is_refused_before_the_quarantine_is_written(
    spark: SparkSession, logs: DataFrame, tmp_path: Path
) -> None:
    path = str(tmp_path / "run")
    flagged = logs.transform(flag_violations(rules.one_of("id", 2)))
    step = quarantine(into=write_partitioned(path, by="state"))
    with pytest.raises(ColumnTypeError, match="expected the array that flag_violations adds; got int"):
        flagged.transform(quarantine(into=write_partitioned(path, by="state"), violations_column="id"))
    with pytest.raises(ColumnNotFoundError, match="no column '_violations'"):
        logs.transform(step)
    write_and_flag_again = pipeline(write_step(path), flag_violations(rules.not_null("there is none")))
    with pytest.raises(ColumnNotFoundError, match="no column 'there is none'"):
        flagged.transform(quarantine(into=write_and_flag_again))
    stream = spark.readStream.format("rate").load().transform(flag_violations(rules.not_null("value")))
    with pytest.raises(UnsupportedError, match="as two queries"):
        stream.transform(step)
    assert list(tmp_path.iterdir()) == []
    flagged.transform(step)
    with pytest.raises(TargetExistsError, match="already exists and nothing was written"):
        flagged.transform(step)
    assert spark.read.parquet(path).count() == 1


def test_a_run_must_replace_its_quarantine(tmp_path: Path) -> None:
    for into in (
        write_partitioned(tmp_path, by="run_id", if_exists="append"),
        write_partitioned(tmp_path, by="run_id"),
        pipeline(keep_invalid(), write_partitioned(tmp_path, by="state", if_exists="replace_partitions")),
        write_table(tmp_path, if_exists="append"),
    ):
        with pytest.raises(InvalidArgumentError, match="into: expected with run_id=, write_partitioned"):
            quarantine(into=into, run_id="2026-01-02")
        assert quarantine(into=into)


def test_a_quarantine_that_writes_nothing_is_refused(spark: SparkSession) -> None:
    audit, affected = Audit(), filter_affected(spark.range(1), by="id")
    for into in (audit.count("rows"), keep_valid(), pipeline(audit.count("more"), keep_invalid()), affected):
        with pytest.raises(InvalidArgumentError, match="into: expected a step that writes"):
            quarantine(into=into)


def test_a_pattern_matches_from_start_to_end(logs: DataFrame) -> None:
    flagged = logs.transform(flag_violations(rules.matches("user.name", "a|b"), rules.matches("state", "x|y")))
    assert flagged.collect()[0]["_violations"] == ["user.name matches a|b"]


# Each matches the text "ab" from start to end, and nothing else, however it ends.
SAME_PATTERNS = [
    "ab",
    "ab|ab",
    "ab # end",
    "(?x)a b # end",
    "(?x)a b#",
    "(?x)a b # end\n",
    "(?x: a b # end\n)",
    "(?x:a )b",
    "(?x)a(?-x)b",
    "(?x)a(?-x:b)",
    "(?ix-m)a b # \\Q",
    "(?x)a b # \\Qend\\E",
    r"\Qab",
    r"\Qab\E",
    r"\Qa\Eb",
    r"\Qa\E\Qb",
    "(?s)ab",
    "(?m)^ab$",
    "[a#]b",
    r"a\x62",
    "(ab)",
    "(?<n>ab)",
    "(?:ab)(?:#)?",
    "(?x)[a #\n]b",
    "(?<!#)ab",
    "(?d)ab",
    "ab(?x) # end",
]


def test_a_pattern_ends_where_it_was_written_to_end(spark: SparkSession) -> None:
    texts = ["ab", "ab\n", "\nab", "ab)", "abz", "a b", "ab # end", "", "a", "b"]
    only = [pattern for pattern in SAME_PATTERNS if pattern not in ("ab # end", "[a#]b", "(?:ab)(?:#)?")]
    df = spark.createDataFrame([(text,) for text in texts], "text string")
    for patterns, matching in ((only, ["ab"]), (["ab # end"], ["ab # end"]), (["[a#]b", "(?:ab)(?:#)?"], ["ab"])):
        flag = flag_violations(*(rules.matches("text", pattern) for pattern in patterns))
        found = {row["text"]: row["_violations"] for row in df.transform(flag).collect()}
        names = [f"text matches {pattern}" for pattern in patterns]
        assert found == {text: [] if text in matching else names for text in texts}


# The last ones would close the group of the rule and open another: Java compiles them only inside it.
BAD_PATTERNS = [
    "(",
    "[a",
    "a{2",
    "(?P<n>a)",
    "(?i",
    "*",
    r"\k<n>",
    "(?x)( # )",
    r"(\Qab)",
    ")",
    "a)|(b",
    "(?x)a)|(b #",
    "a)(?:b",
]


@pytest.mark.parametrize("pattern", BAD_PATTERNS)
def test_a_pattern_that_java_does_not_compile_is_refused_before_a_job(spark: SparkSession, pattern: str) -> None:
    flag = flag_violations(rules.matches("id", "[0-9]"), rules.matches("id", pattern))
    with pytest.raises(InvalidArgumentError, match="expected a regular expression of Java, whose syntax") as caught:
        spark.sql("SELECT '1' AS id").transform(flag)
    name = f"pattern of rule {f'id matches {pattern}'!r}"
    assert str(caught.value) == (
        f"{name}: expected a regular expression of Java, whose syntax differs from Python's; got {pattern!r}"
    )


MATCHES: Any = rules.matches  # of any argument


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: MATCHES("a", re.compile("x")),
            "pattern: expected a regular expression of Java, as text; got re",
        ),
        (lambda: MATCHES("a", None), "pattern: expected a regular expression of Java, as text; got None"),
        (lambda: MATCHES("a", b"x"), "pattern: expected a regular expression of Java, as text; got b'x'"),
        (lambda: rules.in_range("a", min_value=2, max_value=1), "max_value: expected at least min_value, 2; got 1"),
        (lambda: rules.in_range("a", min_value=math.nan), "min_value: expected a number, text, .*; got nan"),
        (lambda: rules.in_range("a", max_value=Decimal("NaN")), "max_value: expected a number, text, .*; got Decimal"),
        (lambda: rules.in_range("a", min_value=True), "min_value: expected a number, text, .*; got True"),
        (lambda: rules.in_range("a", max_value=[1]), r"max_value: expected a number, text, .*; got \[1\]"),
        (lambda: rules.in_range("a", max_value=10**38), "max_value: expected a number of at most 38 digits; got 1000"),
        (
            lambda: rules.one_of("a", time(1, tzinfo=timezone.utc)),
            "values: expected numbers, text, .*; got datetime.time",
        ),
        (lambda: rules.one_of("a"), r"values: expected at least one value; got \(\)"),
        (lambda: rules.one_of("a", None), "values: expected numbers, text, .*, one argument each; got None"),
        (lambda: rules.one_of("a", "x", None), "values: expected numbers, text, .*, one argument each; got None"),
        (lambda: rules.one_of("a", ["x"]), r"values: expected numbers, text, .*, one argument each; got \['x'\]"),
        (lambda: rules.one_of("a", math.nan), "values: expected numbers, text, .*; got nan"),
        (lambda: rules.one_of("a", Decimal("1E-39")), "values: expected a number of at most 38 digits; got Decimal"),
    ],
)
def test_an_argument_that_would_decide_wrongly_is_refused(build: Callable[[], Rule], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^{message}") as caught:
        build()
    assert len(str(caught.value).splitlines()) == 1


NOW = datetime(2026, 1, 31, 10)  # noqa: DTZ001 - one without a zone
OF_ONE_TYPE: list[tuple[Any, ...]] = [
    (1, 2, 2.5, Decimal("3.5"), 10**38 - 1),
    ("a", "b"),
    (b"a", b"b"),
    (date(2026, 1, 31), date(2026, 2, 1)),
    (NOW, NOW + timedelta(1)),
    (NOW.astimezone(timezone.utc), NOW.astimezone(timezone.utc) + timedelta(1)),
    (timedelta(1), timedelta(2)),
    (time(1), time(2)),
]


@pytest.mark.parametrize(("left", "right"), list(itertools.product(range(len(OF_ONE_TYPE)), repeat=2)))
def test_values_and_bounds_of_several_types_are_refused(left: int, right: int) -> None:
    for lower, upper in itertools.product(OF_ONE_TYPE[left][:1], OF_ONE_TYPE[right][1:]):
        if left == right:
            assert rules.one_of("a", lower, upper).columns == ("a",)
            assert rules.in_range("a", min_value=lower, max_value=upper).columns == ("a",)
        else:
            with pytest.raises(InvalidArgumentError, match="values: expected values of one type, such as numbers or"):
                rules.one_of("a", lower, upper)
            with pytest.raises(InvalidArgumentError, match="max_value: expected the type of min_value, "):
                rules.in_range("a", min_value=lower, max_value=upper)
        with pytest.raises(InvalidArgumentError, match="values: expected values of one type"):
            rules.one_of("a", lower, False)  # noqa: FBT003 - a value


# Columns, with a value for which a comparison is true, and those among the types of values that compare without a cast.
WORDS = {
    "number": "number",
    "text": "string",
    "bytes": "binary",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "local timestamp": "timestamp",
    "interval": "interval",
}
COLUMNS = {
    "n int": (1, "number"),
    "n decimal(10,2)": (Decimal("1.00"), "number"),
    "n double": (1.0, "number"),
    "n string": ("1", "text"),
    "n binary": (b"1", "bytes"),
    "n boolean": (True, "boolean"),
    "n date": (NOW.date(), "date"),
    "n timestamp": (NOW.astimezone(timezone.utc), "timestamp, local timestamp"),
    "n timestamp_ntz": (NOW, "local timestamp"),
    "n interval day to second": (timedelta(1), "interval"),
    "n array<int>": ([1], ""),
    "n struct<a: int>": ((1,), ""),
}
VALUES: dict[str, Any] = {
    "number": 1,
    "text": "1",
    "bytes": b"1",
    "boolean": True,
    "date": NOW.date(),
    "timestamp": NOW.astimezone(timezone.utc),
    "local timestamp": NOW,
    "interval": timedelta(1),
}


@pytest.mark.parametrize("ddl", COLUMNS)
def test_a_rule_compares_a_column_with_values_of_its_own_type_alone(spark: SparkSession, ddl: str) -> None:
    value, kinds = COLUMNS[ddl]
    df = spark.createDataFrame([(value,)], ddl)
    for kind, other in VALUES.items():
        made = [rules.one_of("n", other)]
        made += [] if kind == "boolean" else [rules.in_range("n", min_value=other, max_value=other)]
        made += [rules.matches("n", other), rules.country_code("n")] if kind == "text" else []
        if kind in kinds.split(", "):
            violated = df.transform(flag_violations(*made)).collect()[0]["_violations"]
            assert violated == (["n is an ISO 3166 country code"] if kind == "text" else [])
            continue
        for rule in made:
            with pytest.raises(ColumnTypeError, match=f"'n': expected (an? )?{WORDS[kind]}.*to compare"):
                flag_violations(rule).preview(df.schema)


def test_a_float_is_compared_with_values_that_it_can_have_alone(spark: SparkSession) -> None:
    df = spark.createDataFrame([(0.1,), (1.5,), (None,)], "n float")
    exact = df.transform(
        flag_violations(rules.in_range("n", min_value=0.5, max_value=1e300), rules.one_of("n", 1.5, 7))
    )
    assert [len(row["_violations"]) for row in exact.collect()] == [2, 0, 2]
    for value in (0.1, Decimal("0.1"), 2**24 + 1):
        for rule in (rules.one_of("n", 1.5, value), rules.in_range("n", max_value=value)):
            with pytest.raises(ColumnTypeError, match=rf"a double or a decimal, to compare with {value}, which"):
                flag_violations(rule).preview(df.schema)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris"])
def test_a_time_without_a_zone_is_one_of_the_sessions(spark: SparkSession, zone: str) -> None:
    bound = datetime(2026, 1, 5, 12)  # noqa: DTZ001 - without a zone
    with configured(spark, {"spark.sql.session.timeZone": zone}):
        text = spark.sql("VALUES ('2026-01-05 12:00:00'), ('2026-01-05 12:00:01') AS t (at)")
        for type_name in ("timestamp", "timestamp_ntz"):
            at = text.selectExpr(f"CAST(at AS {type_name}) AS at")
            flagged = at.transform(flag_violations(rules.in_range("at", min_value=bound, max_value=bound)))
            assert [len(row["_violations"]) for row in flagged.orderBy("at").collect()] == [0, 1]


def test_rules_print_so_that_a_step_can_be_read() -> None:
    assert repr(Rule("paid", "paid > 0")) == "Rule('paid', 'paid > 0')"
    assert repr(flag_violations(rules.unique("id"), violations_column="why")) == (
        "flag_violations(Rule('id is unique'), violations_column='why')"
    )


def test_the_column_of_violations_is_called_as_asked(logs: DataFrame) -> None:
    flagged = logs.transform(flag_violations(rules.not_null("id"), violations_column="why.not"))
    assert_df_equality(flagged.transform(keep_valid(violations_column="why.not")), logs)
    assert flagged.transform(keep_invalid(violations_column="why.not")).count() == 0


def test_a_row_that_was_never_checked_is_not_valid_and_not_lost(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, []), (2, None), (3, ["x"])], "id INT, _violations ARRAY<STRING>")
    assert [row["id"] for row in df.transform(keep_valid()).collect()] == [1]
    assert [row["id"] for row in df.transform(keep_invalid()).collect()] == [2, 3]


def test_misuse_is_named(logs: DataFrame) -> None:
    with pytest.raises(ColumnNotFoundError, match=r"no column 'usr\.name'; did you mean 'user.name'"):
        logs.transform(flag_violations(rules.not_null("usr.name")))
    with pytest.raises(ColumnClashError, match="column `id` and the violations would both be named 'ID'"):
        logs.transform(flag_violations(rules.not_null("id"), violations_column="ID"))
    with pytest.raises(ColumnTypeError, match="expected the array that flag_violations adds; got int"):
        logs.transform(keep_valid(violations_column="id"))
    with pytest.raises(ColumnNotFoundError, match="no column '_violations'"):
        logs.transform(keep_invalid())
    with pytest.raises(InvalidArgumentError, match="rules: expected at least one rule, each with another name"):
        flag_violations(rules.not_null("id"), rules.not_null("id"))
    with pytest.raises(InvalidArgumentError, match="condition: expected SQL text"):
        Rule("x", 1)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="min_value: expected at least one bound"):
        rules.in_range("id")


def test_every_rule_runs_on_a_stream_but_those_that_compare_rows(spark: SparkSession) -> None:
    stream = spark.readStream.format("rate").load().selectExpr("value AS id", "'GB' AS country")
    assert (
        stream.transform(flag_violations(rules.not_null("id"), rules.country_code("country")))
        .transform(keep_valid())
        .isStreaming
    )


class State(str, Enum):
    PAID = "paid"


def test_values_of_enums_and_conditions_with_comments_mean_what_they_say(spark: SparkSession) -> None:
    df = spark.createDataFrame([("paid", 1), ("lost", 0)], "state string, n int")
    flag = flag_violations(rules.one_of("state", State.PAID), Rule("some", "n > 0 -- at least one"))
    assert [row["_violations"] for row in df.transform(flag).orderBy("n").collect()] == [
        ["state is one of paid", "some"],
        [],
    ]


STEPS = [
    flag_violations(rules.not_null("user"), rules.in_range("paid", min_value=0)),
    flag_violations(rules.in_range("paid", max_value=1.5), violations_column="why"),
    flag_violations(rules.one_of("day", date(2026, 1, 31)), rules.unique("id", "day"), Rule("paid", "paid > 0")),
    keep_valid(),
    keep_invalid(violations_column="why"),
    quarantine(into=keep_on_disk, violations_column="why"),
]


@pytest.mark.parametrize("step", STEPS)
def test_equal_calls_are_equal_and_survive_pickle(step: Step) -> None:
    other = pickle.loads(pickle.dumps(step))  # noqa: S301 - our own bytes
    assert (other, hash(other), repr(other)) == (step, hash(step), repr(step))
    assert [step == other for other in STEPS].count(True) == 1


def test_rules_are_values() -> None:
    calls: list[Callable[[], Rule]] = [
        lambda: rules.not_null("a"),
        lambda: rules.in_range("a", min_value=1, max_value=Decimal("1.5")),
        lambda: rules.in_range("a", min_value=date(2026, 1, 31)),
        lambda: rules.one_of("a", 1.5, 2),
        lambda: rules.matches("a", "x"),
        lambda: rules.unique("a", "b"),
        lambda: rules.country_code("a"),
        lambda: rules.currency_code("a"),
        lambda: Rule("a", "a > 0", "a"),
        lambda: Rule("a", "a > 0", ["a", "b"]),
    ]
    made = [call() for call in calls]
    assert made == [call() for call in calls]
    assert made == pickle.loads(pickle.dumps(made))  # noqa: S301 - our own bytes
    assert len({*made, *(call() for call in calls)}) == len(calls)


def test_rules_of_columns_are_compared_by_identity(spark: SparkSession) -> None:
    assert spark
    column = F.col("a") > 0
    assert Rule("a", column) == Rule("a", column)
    assert hash(Rule("a", column)) == hash(Rule("a", column))
    assert Rule("a", column) != Rule("a", F.col("a") > 0)


def test_previews_show_the_columns_and_types_of_the_results(spark: SparkSession, tmp_path: Path) -> None:
    df = spark.createDataFrame([(1, "ada")], "id INT, `user.name` STRING")
    flag = flag_violations(rules.not_null("id"), violations_column="why.not")
    flagged = df.transform(flag)
    invalid = keep_invalid(violations_column="why.not")
    assert plan_step(flag, Frame(df.schema)).schema == flagged.schema
    for step in (keep_valid(violations_column="why.not"), invalid):
        assert plan_step(step, Frame(flagged.schema)).schema == flagged.transform(step).schema
    aside = quarantine(into=write_to(str(tmp_path / "aside")), violations_column="why.not")
    assert plan_step(aside, Frame(flagged.schema)).schema == flagged.transform(aside).schema == df.schema
    assert [row[1] for row in invalid.preview(flagged.schema).rows] == ["id", "user.name", "why.not"]


WRONG = [None, 1, True, object(), [], [1], b"x", ""]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_arguments_are_refused_where_a_step_or_rule_is_built(wrong: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: flag_violations(wrong),
        lambda: flag_violations(rules.not_null("a"), violations_column=wrong),
        lambda: keep_valid(violations_column=wrong),
        lambda: keep_invalid(violations_column=wrong),
        lambda: quarantine(into=wrong),
        lambda: quarantine(into=keep_on_disk, violations_column=wrong),
        lambda: Rule(wrong, "a > 0"),
        lambda: Rule("a", wrong),
        lambda: rules.not_null(wrong),
        lambda: rules.country_code(wrong),
        lambda: rules.currency_code(wrong),
        lambda: rules.in_range(wrong, min_value=0),
        lambda: rules.one_of(wrong, 0),
        lambda: rules.matches(wrong, "x"),
        lambda: rules.unique(wrong),
    ]
    if wrong != []:
        calls.append(lambda: Rule("a", "a > 0", wrong))
    if wrong != "":
        calls.append(lambda: rules.matches("a", wrong))
    if type(wrong) not in (int, str, bytes):
        calls += [
            lambda: rules.in_range("a", min_value=wrong, max_value=wrong),
            lambda: rules.one_of("a", None if wrong is True else wrong),
        ]
    for call in calls:
        with pytest.raises(InvalidArgumentError, match="expected"):
            call()


@pytest.mark.parametrize("bound", [float("nan"), Decimal("NaN"), Decimal("Infinity"), {}, F.lit])
def test_bounds_that_cannot_be_compared_are_refused(bound: object) -> None:
    with pytest.raises(InvalidArgumentError, match="max_value: expected a number, text"):
        rules.in_range("a", max_value=bound)


def test_bounds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="max_value: expected at least min_value, 2; got 1"):
        rules.in_range("a", min_value=2, max_value=1)


BAD_CONDITIONS: dict[str, Callable[[], Any]] = {
    "does not parse": lambda: "paid >",
    "refers to nothing": lambda: "pad > 0",
    "is a number": lambda: "paid + 1",
    "is text": lambda: "user",
    "is a Column that refers to nothing": lambda: F.col("pad") > 0,
    "is a Column of text": lambda: F.col("user"),
    "is a function of one": lambda: lambda: F.col("user"),
}


@pytest.mark.parametrize("why", BAD_CONDITIONS)
def test_a_condition_that_spark_cannot_analyze_is_an_error_that_names_the_rule(spark: SparkSession, why: str) -> None:
    df = spark.createDataFrame([("ada", 1)], "user STRING, paid INT")
    rule = Rule("the bad one", BAD_CONDITIONS[why]())
    step = flag_violations(rules.not_null("user"), rule, Rule("fine", "paid > 0"))
    with pytest.raises(InvalidArgumentError, match=r"condition of rule 'the bad one': expected a boolean") as refused:
        df.transform(step)
    assert "\n" not in str(refused.value)
    assert refused.value.got == rule.condition if isinstance(rule.condition, str) else refused.value.got is not None


def test_a_condition_function_has_to_return_a_column(spark: SparkSession) -> None:
    wrong: Any = dict
    with pytest.raises(InvalidArgumentError, match="condition of rule 'a': expected a function that returns a Column"):
        spark.range(1).transform(flag_violations(Rule("a", wrong)))


def test_columns_that_differ_in_case_alone_are_told_apart(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, ["x"], []), (2, [], ["x"])], "id INT, a ARRAY<STRING>, b ARRAY<STRING>")
    df = df.toDF("id", "V", "v")
    assert [row["id"] for row in df.transform(keep_invalid(violations_column="v")).collect()] == [2]
    assert [row["id"] for row in df.transform(keep_valid(violations_column="v")).collect()] == [1]


def test_columns_of_the_dataframe_can_be_used_after_it_is_filtered(spark: SparkSession) -> None:
    flagged = spark.range(2).transform(flag_violations(rules.in_range("id", max_value=0)))
    assert flagged.transform(keep_invalid()).select(flagged["id"]).collect() == [(1,)]
