"""Rules, the rows that break them, and which."""

from __future__ import annotations

import shutil
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F
from strategies import few_batches

from shopsmart_etl import (
    ColumnClashError,
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    Rule,
    TargetExistsError,
    UnsupportedError,
    country_code,
    flag_violations,
    in_range,
    keep_invalid,
    keep_valid,
    matches,
    not_null,
    one_of,
    pipeline,
    quarantine,
    read_csv_logs,
    unique,
    write_partitioned,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

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
    rules = [
        not_null("user"),
        in_range("paid", least=Decimal("0.01"), most=4),
        one_of("id", *range(1, 20)),
        matches("user", "[a-z]+"),
        unique("id"),
        country_code("country"),
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

    flagged = df.transform(flag_violations(*rules)).cache()
    wanted = [(*row, [rule.name for rule, fine in zip(rules, kept(row), strict=True) if not fine]) for row in rows]
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


@few_batches
@given(st.lists(st.none() | st.integers(-2, 2), max_size=40))
def test_what_came_in_is_handed_on_or_in_quarantine(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, paid: list[Any]
) -> None:
    path = str(tmp_path_factory.mktemp("quarantine") / "run")
    df = spark.createDataFrame([(one,) for one in paid], "paid INT")
    kept = df.transform(flag_violations(in_range("paid", least=0))).transform(quarantine(path))
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
            flag_violations(not_null("user")),
            write_partitioned(str(tmp_path / "flagged"), by="country"),
            take_the_source_away,
            quarantine(str(tmp_path / "quarantine")),
        )
    )
    assert [row["user"] for row in kept.collect()] == ["ada"]
    aside = spark.read.parquet(str(tmp_path / "quarantine")).collect()
    assert [(row["country"], row["_violations"]) for row in aside] == [("IE", ["user is not null"])]


def test_a_quarantine_is_never_written_over(spark: SparkSession, logs: DataFrame, tmp_path: Path) -> None:
    path = str(tmp_path / "run")
    flagged = logs.transform(flag_violations(one_of("id", 2)))
    flagged.transform(quarantine(path))
    with pytest.raises(TargetExistsError, match=r"already exists and nothing was written\. Choose a new folder"):
        flagged.transform(quarantine(path))
    assert spark.read.parquet(path).count() == 1
    with pytest.raises(ColumnTypeError, match="wanted the array that flag_violations adds; found int"):
        flagged.transform(quarantine(path, violations="id"))
    stream = spark.readStream.format("rate").load().transform(flag_violations(not_null("value")))
    with pytest.raises(UnsupportedError, match="as two queries"):
        stream.transform(quarantine(path))


def test_a_pattern_holds_from_beginning_to_end(logs: DataFrame) -> None:
    flagged = logs.transform(flag_violations(matches("user.name", "a|b"), matches("state", "x|y")))
    assert flagged.collect()[0]["_violations"] == ["user.name matches a|b"]


def test_rules_print_so_that_a_step_can_be_read() -> None:
    assert repr(Rule("paid", "paid > 0")) == "Rule('paid', 'paid > 0')"
    assert repr(flag_violations(unique("id"), into="why")) == "flag_violations(Rule('id is unique'), into='why')"


def test_the_column_of_violations_is_called_as_asked(logs: DataFrame) -> None:
    flagged = logs.transform(flag_violations(not_null("id"), into="why.not"))
    assert_df_equality(flagged.transform(keep_valid(violations="why.not")), logs)
    assert flagged.transform(keep_invalid(violations="why.not")).count() == 0


def test_a_row_that_was_never_checked_is_not_valid_and_not_lost(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, []), (2, None), (3, ["x"])], "id INT, _violations ARRAY<STRING>")
    assert [row["id"] for row in df.transform(keep_valid()).collect()] == [1]
    assert [row["id"] for row in df.transform(keep_invalid()).collect()] == [2, 3]


def test_misuse_is_named(logs: DataFrame) -> None:
    with pytest.raises(ColumnNotFoundError, match=r"no column 'usr\.name'; did you mean 'user.name'"):
        logs.transform(flag_violations(not_null("usr.name")))
    with pytest.raises(ColumnClashError, match="column `id` and the violations would both be named 'ID'"):
        logs.transform(flag_violations(not_null("id"), into="ID"))
    with pytest.raises(ColumnTypeError, match="wanted the array that flag_violations adds; found int"):
        logs.transform(keep_valid(violations="id"))
    with pytest.raises(ColumnNotFoundError, match="no column '_violations'"):
        logs.transform(keep_invalid())
    with pytest.raises(InvalidArgumentError, match="rules: wanted at least one rule, each of another name"):
        flag_violations(not_null("id"), not_null("id"))
    with pytest.raises(InvalidArgumentError, match="condition: wanted SQL text"):
        Rule("x", 1)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="least: wanted at least one of"):
        in_range("id")


def test_every_rule_runs_on_a_stream_but_those_that_compare_rows(spark: SparkSession) -> None:
    stream = spark.readStream.format("rate").load().selectExpr("value AS id", "'GB' AS country")
    assert (
        stream.transform(flag_violations(not_null("id"), country_code("country"))).transform(keep_valid()).isStreaming
    )


class State(str, Enum):
    PAID = "paid"


def test_values_of_enums_and_conditions_with_comments_mean_what_they_say(spark: SparkSession) -> None:
    df = spark.createDataFrame([("paid", 1), ("lost", 0)], "state string, n int")
    rules = flag_violations(one_of("state", State.PAID), Rule("some", "n > 0 -- at least one"))
    assert [row["_violations"] for row in df.transform(rules).orderBy("n").collect()] == [
        ["state is one of paid", "some"],
        [],
    ]
