"""Sketches of users: merged, they estimate what a sketch of all rows does, within the bound."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F
from strategies import batches, few_batches

from shopsmart_etl import (
    ColumnClashError,
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    active_users,
    daily_active_users,
    estimate_users,
    sketch_users,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession

PRECISION = 8
# Five standard errors: exceeded by less than one of a million estimates.
BOUND = 5 * 1.04 / 2 ** (PRECISION / 2)


def table(df: DataFrame) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in df.collect()), key=repr)


@pytest.fixture
def logs(spark: SparkSession) -> DataFrame:
    return spark.sql("""SELECT * FROM VALUES ('ada', DATE'2026-01-05', 'GB'), ('ada', DATE'2026-01-06', 'IE'),
        ('', DATE'2026-01-06', 'IE'), (NULL, DATE'2026-01-07', NULL), ('bob', NULL, 'GB') AS t (user, at, country)""")


def test_days_and_groups_of_nobody_stay(logs: DataFrame) -> None:
    sketches = logs.transform(sketch_users(user="user", timestamp="at", by=["country"]))
    assert sketches.dtypes == [("day", "date"), ("country", "string"), ("user_sketch", "binary")]
    users = sketches.transform(estimate_users(by=["country"]))
    assert [(field.name, field.dataType.simpleString(), field.nullable) for field in users.schema.fields] == [
        ("day", "date", True),
        ("country", "string", True),
        ("estimated_users", "bigint", False),
    ]
    assert table(users) == table(logs.transform(daily_active_users(user="user", timestamp="at", by=["country"])))


def test_the_empty_text_is_a_user(logs: DataFrame) -> None:
    sketches = logs.where("user = ''").transform(sketch_users(user="user", timestamp="at"))
    assert [row["estimated_users"] for row in sketches.transform(estimate_users()).collect()] == [1]


@pytest.mark.exhaustive
@few_batches
@given(
    batches(
        st.lists(
            st.tuples(
                st.none() | st.integers(0, 9), st.none() | st.integers(0, 40), st.none() | st.sampled_from(["GB", "IE"])
            ),
            max_size=20,
        )
    )
)
def test_few_users_are_counted_as_exactly_as_by_the_exact_steps(spark: SparkSession, cases: list[list[Any]]) -> None:
    rows = [(number, *row) for number, case in enumerate(cases) for row in case]
    df = spark.createDataFrame(rows, "case int, user int, n int, country string").selectExpr(
        "case", "user", "date_add(DATE'2026-01-01', n) AS at", "country"
    )
    sketches = df.transform(sketch_users(user="user", timestamp="at", by=["case", "country"]))
    weekly = sketches.transform(estimate_users(period="week", by=["case", "country"]))
    monthly = sketches.transform(estimate_users(period="month", by=["case"]))
    assert table(weekly) == table(
        df.transform(active_users(user="user", timestamp="at", period="week", by=["case", "country"]))
    )
    assert table(monthly) == table(df.transform(active_users(user="user", timestamp="at", period="month", by=["case"])))


@pytest.mark.exhaustive
@few_batches
@given(batches(st.tuples(st.integers(0, 2**31), st.integers(500, 40_000), st.integers(1, 5)), size=5))
def test_merged_sketches_say_what_is_recomputed_within_the_bound(
    spark: SparkSession, cases: list[tuple[int, int, int]]
) -> None:
    logs = [
        spark.range(users * visits).selectExpr(
            f"{number} AS case",
            f"pmod(xxhash64(id, {seed}), {users}) AS user",
            f"date_add(DATE'2026-02-01', CAST(pmod(xxhash64(id, {seed}, 'day'), 28) AS INT)) AS at",
            f"pmod(xxhash64(id, {seed}, 'country'), 5) AS country",
        )
        for number, (seed, users, visits) in enumerate(cases)
    ]
    df = reduce(lambda one, other: one.union(other), logs)
    sketches = df.transform(sketch_users(user="user", timestamp="at", by=["case", "country"], precision=PRECISION))
    merged = {
        row["case"]: row["estimated_users"]
        for row in sketches.transform(estimate_users(period="month", by=["case"])).collect()
    }
    recomputed = df.groupBy("case").agg(
        F.count_distinct("user"), F.hll_sketch_estimate(F.hll_sketch_agg("user", PRECISION))
    )
    assert len(merged) == len(cases)
    for number, exact, sketched in recomputed.collect():
        assert abs(merged[number] - exact) <= BOUND * exact, cases[number]
        assert abs(merged[number] - sketched) <= 2 * BOUND * exact, cases[number]


def test_weeks_are_made_from_written_sketches_without_silver(
    spark: SparkSession, logs: DataFrame, new_path: Callable[[], str]
) -> None:
    path = new_path()
    logs.transform(sketch_users(user="user", timestamp="at", by=["country"])).write.parquet(path)
    weekly = spark.read.parquet(path).transform(estimate_users(period="week"))
    assert table(weekly) == table(logs.transform(active_users(user="user", timestamp="at", period="week")))


def test_a_larger_precision_is_nearer(spark: SparkSession) -> None:
    df = spark.range(50_000).selectExpr("id AS user", "DATE'2026-01-01' AS at")
    errors = []
    for precision in (4, 16):
        sketches = df.transform(sketch_users(user="user", timestamp="at", precision=precision))
        errors.append(abs(sketches.transform(estimate_users()).collect()[0]["estimated_users"] - 50_000))
    assert errors[0] > errors[1] < 5 * 1.04 / 2**8 * 50_000


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (sketch_users(user="usr", timestamp="at"), ColumnNotFoundError, "did you mean 'user'"),
        (sketch_users(user="user", timestamp="user"), ColumnTypeError, "expected a timestamp or a date"),
        (sketch_users(user="user", timestamp="at", by=["day"]), ColumnClashError, "the result's day"),
        (
            sketch_users(user="both", timestamp="at"),
            ColumnTypeError,
            "expected a type that is not nested; got struct<.*to_json first",
        ),
        (sketch_users(user="tags", timestamp="at"), ColumnTypeError, "got array<string>"),
        (
            estimate_users(sketch_column="bytes", day_column="moment"),
            ColumnTypeError,
            "expected a date, from .* got timestamp",
        ),
        (estimate_users(sketch_column="user"), ColumnTypeError, "expected binary, from sketch_users; got string"),
        (estimate_users(sketch_column="sketch"), ColumnNotFoundError, "no column 'sketch'"),
    ],
)
def test_a_wrong_column_is_named(logs: DataFrame, step: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        logs.selectExpr(
            "*",
            "at AS day",
            "TIMESTAMP(at) AS moment",
            "struct(user, country) AS both",
            "array(user) AS tags",
            "CAST(user AS BINARY) AS bytes",
        ).transform(step)


def test_a_wrong_precision_is_refused_where_the_step_is_built() -> None:
    for precision in (3, 22):
        with pytest.raises(InvalidArgumentError, match="precision: expected an integer of at least 4 and at most 21"):
            sketch_users(user="u", timestamp="at", precision=precision)
