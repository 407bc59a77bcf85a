"""Spark Connect sends the plans of readers as messages inside messages, which other libraries decode to 100 levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shopsmart_etl import read_csv_logs, read_json_payloads

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

pytestmark = pytest.mark.needs("messages")
SCHEMA = "id STRING, price DECIMAL(10, 2), tags ARRAY<STRUCT<name: STRING, sizes: ARRAY<STRUCT<width: INT>>>>"
# The steps that follow, in a pipeline, need the rest.
DEEPEST = 50


def depth_of(message: Any) -> int:
    """Return how many messages are inside one another."""
    found = [value for field, value in message.ListFields() if field.type == field.TYPE_MESSAGE]
    inner = [one for value in found for one in ([value] if hasattr(value, "ListFields") else _elements(value))]
    return 1 + max((depth_of(one) for one in inner if hasattr(one, "ListFields")), default=0)


def _elements(repeated: Any) -> list[Any]:
    return list(repeated.values()) if hasattr(repeated, "values") else list(repeated)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"record_path": "data"},
        {"record_path": "response.orders", "envelope_schema": "page INT"},
        {"on_extra": "rescue", "on_excess_decimals": "round", "null_markers": ["", "-"], "encoding": "ISO-8859-1"},
    ],
    ids=["documents", "envelopes", "deep envelopes", "all options"],
)
def test_json_plans_are_shallow(
    spark: SparkSession, written: Callable[[list[str]], str], options: dict[str, Any]
) -> None:
    assert_is_shallow(spark, read_json_payloads(spark, written(["{}"]), schema=SCHEMA, **options))


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("multiline", [True, False])
def test_csv_plans_are_shallow(
    spark: SparkSession, written: Callable[[list[str]], str], header: bool, multiline: bool
) -> None:
    options: dict[str, Any] = {"header": header, "multiline": multiline, "on_excess_decimals": "round"}
    schema = "id STRING, price DECIMAL(10, 2)"
    assert_is_shallow(spark, read_csv_logs(spark, written(["id,price", "a,1"]), schema=schema, **options))


def assert_is_shallow(spark: Any, df: Any) -> None:
    plan = df._plan.to_proto(spark.client)  # noqa: SLF001 - the message has no public name
    assert depth_of(plan) <= DEEPEST
