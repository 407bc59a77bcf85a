"""What all gold steps have in common: they are values, can be previewed, and check their arguments."""

from __future__ import annotations

import pickle
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql.types import DateType, DecimalType, StringType, StructField, StructType, TimestampType

from shopsmart_etl import (
    InvalidArgumentError,
    active_users,
    cohort_retention,
    daily_active_users,
    daily_revenue,
    estimate_users,
    new_and_returning_users,
    order_metrics,
    revenue,
    session_funnel,
    sketch_users,
    top_products,
)
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.step import plan_step

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

COUNTRY = StructField("Country.Name", StringType(), metadata={"comment": "where"})
SILVER = StructType(
    [
        StructField("user", StringType()),
        StructField("at", TimestampType(), nullable=False),
        StructField("day", DateType(), nullable=False),
        StructField("event", StringType()),
        COUNTRY,
        StructField("sku", StringType(), nullable=False),
        StructField("amount", DecimalType(20, 2)),
        StructField("user_sketch", StringType()),
    ]
)
TIME = {"timestamp": "at", "period": "week", "timezone": "Asia/Tokyo"}
# Each step with all of its arguments, and the lines of its preview.
STEPS: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
    (
        active_users,
        {"user": "user", **TIME, "by": "country.name"},
        "at week date; `Country.Name` Country.Name string;  active_users bigint",
    ),
    (
        daily_active_users,
        {"user": "user", "timestamp": "day", "by": ["sku"], "timezone": None},
        "day day date; sku sku string;  active_users bigint",
    ),
    (
        new_and_returning_users,
        {"user": "user", **TIME, "by": "Country.Name"},
        "at week date; `Country.Name` Country.Name string;  new_users bigint;  returning_users bigint",
    ),
    (
        cohort_retention,
        {"user": "user", "timestamp": "at", "timezone": "Asia/Tokyo"},
        "at cohort date;  months_since int;  cohort_size bigint;  users bigint;  retention decimal(5,4)",
    ),
    (
        session_funnel,
        {"user": "user", **TIME, "event": "event", "gap": timedelta(hours=1)},
        "at week date;  step int;  event string;  sessions bigint;  conversion decimal(5,4)",
    ),
    (
        sketch_users,
        {"user": "user", "timestamp": "at", "by": "sku", "timezone": None, "precision": 12},
        "at day date; sku sku string;  user_sketch binary",
    ),
    (
        revenue,
        {"amount": "amount", **TIME, "by": "Country.Name"},
        "at week date; `Country.Name` Country.Name string;  revenue decimal(30,2)",
    ),
    (
        daily_revenue,
        {"amount": "amount", "timestamp": "at", "by": "Country.Name", "timezone": "UTC"},
        "at day date; `Country.Name` Country.Name string;  revenue decimal(30,2)",
    ),
    (
        order_metrics,
        {"order": "sku", "amount": "amount", **TIME, "by": "Country.Name", "refund": "amount < 0"},
        (
            "at week date; `Country.Name` Country.Name string;  orders bigint;  gross_revenue decimal(30,2);  "
            "refunds decimal(30,2);  revenue decimal(30,2);  average_order_value decimal(30,2)"
        ),
    ),
    (
        top_products,
        {"product": "sku", "amount": "amount", "by": ["Country.Name"], "ties": "break"},
        "`Country.Name` Country.Name string;  rank int; sku sku string;  revenue decimal(30,2)",
    ),
]
POSITIONAL: dict[str, list[Any]] = {"session_funnel": ["view", "buy"], "top_products": [3]}
ESTIMATE = {"period": "month", "by": ["sku"], "day_column": "day", "sketch_column": "user_sketch"}
NAMES = [build.__name__ for build, _, _ in STEPS]


def built(build: Callable[..., Any], given: dict[str, Any]) -> Any:
    return build(*POSITIONAL.get(build.__name__, []), **given)


@pytest.mark.parametrize(("build", "given", "preview"), STEPS, ids=NAMES)
def test_a_preview_needs_no_session(build: Callable[..., Any], given: dict[str, Any], preview: str) -> None:
    rows = built(build, given).preview(SILVER).rows
    assert "; ".join(" ".join(row) for row in rows) == preview


@pytest.mark.parametrize(("build", "given"), [step[:2] for step in STEPS], ids=NAMES)
def test_a_preview_is_what_results(spark: SparkSession, build: Callable[..., Any], given: dict[str, Any]) -> None:
    step = built(build, given)
    expected = plan_step(step, Frame(SILVER)).schema.fields
    found = spark.createDataFrame([], SILVER).transform(step).schema.fields
    assert [(field.name, field.dataType, field.metadata) for field in found] == [
        (field.name, field.dataType, field.metadata) for field in expected
    ]
    assert not [field.name for field, other in zip(found, expected, strict=True) if field.nullable > other.nullable]


def test_an_estimate_is_previewed_as_it_results(spark: SparkSession) -> None:
    sketches = spark.createDataFrame([], SILVER).transform(sketch_users(user="user", timestamp="at", by=["sku"]))
    step = estimate_users(**ESTIMATE)  # type: ignore[arg-type]
    assert step.preview(sketches.schema).rows == (
        ("day", "month", "date"),
        ("sku", "sku", "string"),
        ("", "estimated_users", "bigint"),
    )
    assert sketches.transform(step).schema == plan_step(step, Frame(sketches.schema)).schema


@pytest.mark.parametrize(
    ("build", "given"), [*(step[:2] for step in STEPS), (estimate_users, ESTIMATE)], ids=[*NAMES, "estimate_users"]
)
def test_a_step_is_a_value(build: Callable[..., Any], given: dict[str, Any]) -> None:
    step = built(build, given)
    for same in (built(build, given), pickle.loads(pickle.dumps(step))):  # noqa: S301 - made here
        assert (same, hash(same), repr(same)) == (step, hash(step), repr(step))
    name, value = next(iter(given.items()))
    assert built(build, given | {name: "week" if name == "period" else value + "_other"}) != step


# Values that some parameters take, of those that are wrong elsewhere.
TAKEN = {
    *((build.__name__, "timezone", "None") for build, _, _ in STEPS),
    *((build, "by", "[]") for build in (*NAMES, "estimate_users")),
    ("session_funnel", "timezone", "None"),
    ("order_metrics", "refund", "None"),
}


@pytest.mark.parametrize("wrong", [None, 1, True, object(), [], [1], b"x", ""], ids=lambda value: repr(value)[:8])
@pytest.mark.parametrize(
    ("build", "given"), [*(step[:2] for step in STEPS), (estimate_users, ESTIMATE)], ids=[*NAMES, "estimate_users"]
)
def test_an_argument_of_the_wrong_type_is_refused(build: Callable[..., Any], given: dict[str, Any], wrong: Any) -> None:
    for name in given:
        if (build.__name__, name, repr(wrong)) not in TAKEN:
            with pytest.raises(InvalidArgumentError):
                built(build, given | {name: wrong})


@pytest.mark.parametrize("wrong", [None, True, object(), [], [1], b"x", "", 0, 2**31])
def test_a_number_of_products_is_a_positive_integer(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^n: expected an integer of at least 1"):
        top_products(wrong, product="sku", amount="amount")


@pytest.mark.parametrize("wrong", [None, 1, True, object(), [], [1], b"x"])
def test_a_step_of_a_funnel_is_text(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^steps: expected the events"):
        session_funnel("view", wrong, user="user", timestamp="at", event="event")
