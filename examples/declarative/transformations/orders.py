"""A Spark declarative pipeline that builds bronze, silver and gold tables from nested JSON orders."""

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

# Readers and steps need schemas and file listings, which Spark provides only outside of the tables' functions.
raw = etl.read_json_payloads(spark, source, schema=ORDER, record_path="data").transform(etl.flag_violations(READABLE))
to_quarantine = etl.plan_ahead(etl.keep_invalid(), like=raw)
to_silver = etl.plan_ahead(
    etl.keep_valid(),
    etl.deduplicate("order_id", latest_by="placed_at"),
    etl.flatten_struct(),
    etl.explode_arrays("items"),
    etl.flatten_struct("items"),
    etl.impute_financials("items_price", "payment_amount"),
    # Spark needs the partition column last.
    lambda lines: lines.withColumns({"line_total": F.expr(TOTAL), "country": F.col("customer_address_country")}),
    like=raw,
)
lines = raw.transform(to_silver)
to_revenue = etl.plan_ahead(etl.daily_revenue(amount="line_total", timestamp="placed_at", by=["country"]), like=lines)
to_users = etl.plan_ahead(etl.daily_active_users(user="customer_id", timestamp="placed_at"), like=lines)


@dp.materialized_view
def bronze() -> DataFrame:
    """Return all documents, including those that could not be read."""
    return raw


@dp.materialized_view
def quarantine() -> DataFrame:
    """Return the documents that could not be read."""
    return spark.table("bronze").transform(to_quarantine)


@dp.materialized_view(partition_cols=["country"])
def silver() -> DataFrame:
    """Return the order lines."""
    return spark.table("bronze").transform(to_silver)


@dp.materialized_view
def daily_revenue() -> DataFrame:
    """Sum the order lines by day and country."""
    return spark.table("silver").transform(to_revenue)


@dp.materialized_view
def daily_active_users() -> DataFrame:
    """Count the customers of each day."""
    return spark.table("silver").transform(to_users)
