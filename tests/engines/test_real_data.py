"""Real third-party data comes out exactly. The data are no part of the repository."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F
from repository import DATA, UCI

from shopsmart_etl import (
    denormalize,
    explode_arrays,
    flatten_struct,
    read_csv_logs,
    read_json_payloads,
    relationalize,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the third-party data are not here: set SHOPSMART_DATA")


@pytest.fixture(scope="module")
def retail(spark: SparkSession) -> DataFrame:
    return read_csv_logs(spark, str(DATA / "uci_online_retail" / "by-day"), schema=UCI)


def test_every_line_of_the_retail_logs_is_read_as_written(retail: DataFrame) -> None:
    figures = retail.agg(
        F.count(F.lit(1)),
        F.count("_corrupt_record"),
        F.count_if(F.col("CustomerID").isNull()),
        F.count_if(F.col("Description").isNull()),
        F.count_if(F.col("Quantity") < 0),
        F.count_if(F.col("UnitPrice") == 0),
        F.count_if(F.col("Description").contains('"')),
        F.count_if(F.col("Description").contains("\\")),
        F.count_distinct("InvoiceNo"),
        F.sum(F.expr("Quantity * UnitPrice")),
    )
    assert tuple(figures.collect()[0]) == (
        105_335,
        0,
        36_210,
        304,
        2_118,
        540,
        361,
        0,
        4_894,
        Decimal("1807019.93"),
    )


def test_the_shopify_order_has_its_line_items(spark: SparkSession) -> None:
    schema = "order STRUCT<id: BIGINT, line_items: ARRAY<STRUCT<price: DECIMAL(10, 2), quantity: INT>>>"
    order = read_json_payloads(spark, str(DATA / "shopify_fixtures" / "order.json"), schema=schema, multiline=True)
    lines = (
        order.transform(flatten_struct())
        .transform(explode_arrays("order_line_items"))
        .transform(flatten_struct("order_line_items"))
    )
    sums = lines.agg(F.count(F.lit(1)), F.sum(F.expr("order_line_items_price * order_line_items_quantity")))
    assert tuple(sums.collect()[0]) == (3, Decimal("597.00"))


def test_the_webhook_events_explode_to_their_examples_and_actions(spark: SparkSession) -> None:
    schema = "name STRING, actions ARRAY<STRING>, examples ARRAY<STRUCT<action: STRING>>"
    path = str(DATA / "octokit_webhooks" / "api.github.com.index.json")
    events = read_json_payloads(spark, path, schema=schema, multiline=True)
    assert events.count() == 58
    assert events.where("_corrupt_record IS NOT NULL").count() == 0
    assert events.transform(explode_arrays("examples")).count() == 329
    assert events.transform(explode_arrays("actions", keep_empty=False)).count() == 193
    assert events.transform(explode_arrays("actions")).count() == 205


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("path", "key", "leaves", "tables"),
    [
        ("octokit_webhooks/api.github.com.index.json", "name AS key", 272, 70),
        ("stripe_fixtures/fixtures3.json", "1 AS key", 3826, 206),
    ],
)
def test_the_widest_documents_survive_the_round_trip(
    spark: SparkSession, new_path: Callable[[], str], path: str, key: str, leaves: int, tables: int
) -> None:
    parsed = new_path()
    raw = spark.read.option("multiLine", value=True).json(str(DATA / path))
    raw.selectExpr(key, "*").write.parquet(parsed)
    df = spark.read.parquet(parsed)
    # Joined by one underscore, names clash: invoice.rendering.template_version and invoice_rendering_template.version.
    flat = df.transform(flatten_struct(sep="__"))
    assert len(flat.columns) == leaves + 1
    assert flat.count() == df.count()
    related = relationalize(df, root="doc", key="key", sep="__", present="__is_present")
    assert len(related) == tables
    back = denormalize(related, model=related.model)
    assert back.schema.simpleString() == df.schema.simpleString()
    documents = [frame.selectExpr("to_json(struct(*)) AS document") for frame in (back, df)]
    assert sorted(documents[0].collect()) == sorted(documents[1].collect())
