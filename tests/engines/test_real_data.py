"""Real third-party data is read and transformed exactly. The data is not part of the repository."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F
from pyspark.sql.types import StructType
from repository import DATA, UCI

from shopsmart_etl import (
    explode_arrays,
    flatten_struct,
    read_csv_logs,
    read_json_payloads,
    rebuild_documents,
    relationalize,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession

    from shopsmart_etl import Relations

# Resources that are rebuilt in one plan.
PART = 12

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(not DATA.is_dir(), reason="the third-party data does not exist: set SHOPSMART_DATA"),
]


@pytest.fixture(scope="module")
def retail(spark: SparkSession) -> DataFrame:
    return read_csv_logs(spark, str(DATA / "uci_online_retail" / "by-day"), schema=UCI)


def test_every_line_of_the_retail_logs_is_read_as_written(retail: DataFrame) -> None:
    metrics = retail.agg(
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
    assert tuple(metrics.collect()[0]) == (
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


@pytest.fixture
def widest(spark: SparkSession, new_path: Callable[[], str]) -> Callable[[str, str], DataFrame]:
    """Return a function that reads JSON documents with a key; it parses them once."""

    def read(path: str, key: str) -> DataFrame:
        parsed = new_path()
        spark.read.option("multiLine", value=True).json(str(DATA / path)).selectExpr(key, "*").write.parquet(parsed)
        return spark.read.parquet(parsed)

    return read


def related(df: DataFrame) -> Relations:
    # With a single underscore, names clash: invoice.rendering.template_version, invoice_rendering_template.version.
    return relationalize(df, root="doc", key="key", sep="__", present_suffix="__is_present")


def assert_rebuilt(df: DataFrame) -> None:
    tables = related(df)
    back = rebuild_documents(tables, model=tables.model)
    assert back.schema.simpleString() == df.schema.simpleString()
    documents = [frame.selectExpr("to_json(struct(*)) AS document") for frame in (back, df)]
    assert sorted(documents[0].collect()) == sorted(documents[1].collect())


@pytest.fixture
def webhooks(widest: Callable[[str, str], DataFrame]) -> DataFrame:
    return widest("octokit_webhooks/api.github.com.index.json", "name AS key")


@pytest.mark.heavy
def test_documents_become_70_tables(webhooks: DataFrame) -> None:
    assert len(webhooks.transform(flatten_struct(sep="__")).columns) == 273
    assert len(related(webhooks)) == 70


@pytest.mark.heavy
@pytest.mark.nightly
def test_70_tables_are_rebuilt_in_one_plan(webhooks: DataFrame) -> None:
    assert_rebuilt(webhooks)


@pytest.fixture
def stripe(widest: Callable[[str, str], DataFrame]) -> DataFrame:
    return widest("stripe_fixtures/fixtures3.json", "1 AS key")


def assert_part_rebuilt(df: DataFrame, first: int) -> None:
    """Rebuild some resources: Spark needs minutes to analyze the join of all 206 tables, but seconds for about 20."""
    names = struct_names(df)[first : first + PART]
    fields = ", ".join(f"resources.`{name}`" for name in names)
    assert_rebuilt(df.selectExpr("key", f"struct({fields}) AS resources"))


def struct_names(df: DataFrame) -> list[str]:
    resources = df.schema["resources"].dataType
    assert isinstance(resources, StructType)
    return list(resources.names)


@pytest.mark.heavy
def test_a_document_becomes_206_tables(stripe: DataFrame) -> None:
    flat = stripe.transform(flatten_struct(sep="__"))
    assert len(flat.columns) == 3827
    assert flat.count() == stripe.count()
    assert len(related(stripe)) == 206
    assert_part_rebuilt(stripe, 0)


@pytest.mark.heavy
@pytest.mark.nightly
def test_206_tables_of_one_document_are_rebuilt_in_parts(stripe: DataFrame) -> None:
    for first in range(PART, len(struct_names(stripe)), PART):
        assert_part_rebuilt(stripe, first)
