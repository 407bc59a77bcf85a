"""Nested JSON orders to bronze, silver and gold: tables of a Spark declarative pipeline."""

from __future__ import annotations

from pyspark import pipelines as dp
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import shopsmart_etl as etl

ORDER = """order_id STRING, placed_at TIMESTAMP, customer STRUCT<id: STRING, address: STRUCT<country: STRING>>,
    items ARRAY<STRUCT<sku: STRING, quantity: INT, price: DECIMAL(10, 2)>>, payment STRUCT<amount: DECIMAL(10, 2)>"""
TOTAL = "items_price * items_quantity"
READABLE = etl.Rule("the document could be read", "_corrupt_record IS NULL")

spark = SparkSession.active()
source = str(spark.conf.get("spark.shopsmart.source"))

# Here, outside of the tables' functions, Spark answers what readers and steps ask.
raw = etl.read_json_payloads(spark, source, schema=ORDER, records="data").transform(etl.flag_violations(READABLE))
to_quarantine = etl.plan_ahead(etl.keep_invalid(), like=raw)
to_silver = etl.plan_ahead(
    etl.keep_valid(),
    etl.deduplicate("order_id", latest_by="placed_at"),
    etl.flatten_struct(),
    etl.explode_arrays("items"),
    etl.flatten_struct("items"),
    etl.impute_financials("items_price", "payment_amount"),
    # The country last, where Spark wants what a table is partitioned by.
    lambda lines: lines.withColumns({"line_total": F.expr(TOTAL), "country": F.col("customer_address_country")}),
    like=raw,
)
lines = raw.transform(to_silver)
to_revenue = etl.plan_ahead(etl.daily_revenue(amount="line_total", at="placed_at", by=["country"]), like=lines)
to_users = etl.plan_ahead(etl.daily_active_users(user="customer_id", at="placed_at"), like=lines)


@dp.materialized_view
def bronze() -> DataFrame:
    """Give every document, those that could not be read too."""
    return raw


@dp.materialized_view
def quarantine() -> DataFrame:
    """Give what could not be read."""
    return spark.table("bronze").transform(to_quarantine)


@dp.materialized_view(partition_cols=["country"])
def silver() -> DataFrame:
    """Give the order lines."""
    return spark.table("bronze").transform(to_silver)


@dp.materialized_view
def daily_revenue() -> DataFrame:
    """Sum up the order lines by day and country."""
    return spark.table("silver").transform(to_revenue)


@dp.materialized_view
def daily_active_users() -> DataFrame:
    """Count the customers of each day."""
    return spark.table("silver").transform(to_users)
