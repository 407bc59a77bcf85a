"""Chains that must return the same rows on every engine. As a script, prints their results on one engine."""

from __future__ import annotations

import base64
import json
import pickle
import shutil
import sys
from datetime import datetime, timezone
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DecimalType, LongType, MapType, StringType, StructType

from shopsmart_etl import (
    Audit,
    ShopSmartError,
    active_users,
    cohort_retention,
    compact_table,
    conform,
    convert_currency,
    daily_active_users,
    daily_revenue,
    deduplicate,
    estimate_users,
    expand_variant,
    explode_arrays,
    explode_map,
    filter_affected,
    flag_violations,
    flatten_struct,
    impute_financials,
    infer_schema,
    keep_invalid,
    keep_valid,
    lookup,
    map_fields,
    median_by,
    nest_struct,
    new_and_returning_users,
    null_repeated,
    order_metrics,
    parse_money,
    plan_ahead,
    quarantine,
    read_csv_logs,
    read_json_payloads,
    rebuild_documents,
    relationalize,
    revenue,
    rules,
    scale_minor_units,
    session_funnel,
    sketch_users,
    snake_case_columns,
    surrogate_key,
    top_products,
    write_partitioned,
    write_stream,
    write_table,
)
from shopsmart_etl._core._sail import is_sail

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

    from shopsmart_etl import Transform

# The steps of the README's chain.
README: list[Transform] = [
    flatten_struct(),
    explode_arrays("items"),
    flatten_struct("items"),
    impute_financials("items_price"),
]


FIRST = (
    StructType()
    .add("id", LongType())
    .add("customer", StructType().add("name", StringType()).add("vip", StringType()))
    .add("items", ArrayType(StructType().add("price", DecimalType(8, 3))))
    .add("total", DecimalType(8, 2))
)


ORDERS = (
    "id INT, customer STRUCT<name: STRING, address: STRUCT<country: STRING>>, total STRING, "
    "items ARRAY<STRUCT<sku: STRING, price: DECIMAL(3, 2), tags: MAP<STRING, INT>>>, at TIMESTAMP"
)


def orders(spark: SparkSession) -> DataFrame:
    day = partial(datetime, 2026, 1, 1, tzinfo=timezone.utc)
    pen, ink = ("pen", Decimal("2.50"), {"a": 1}), ("ink", None, None)
    rows = [
        (1, ("Ada", ("EIRE",)), "$5.00", [pen, ink], day(10)),
        (2, ("Bob", None), "free", [], day(11)),
        (3, None, None, None, None),
    ]
    return spark.createDataFrame(rows, ORDERS)


def round_trip(df: DataFrame) -> DataFrame:
    tables = relationalize(df, root="orders", key="id", present_suffix="_present")
    return rebuild_documents(tables, model=tables.model)


def in_euro(df: DataFrame, **options: Any) -> DataFrame:
    rates = df.sparkSession.sql("""
        SELECT 'USD' AS from_currency, 'EUR' AS to_currency, valid_from, rate FROM VALUES
            (DATE'2025-12-01', 0.8BD), (DATE'2026-01-01', 0.8525BD), (DATE'2026-02-01', 0.9BD)
        AS t (valid_from, rate)""")
    orders = df.transform(parse_money("total")).selectExpr("*", "if(id = 3, NULL, 'USD') AS currency")
    return orders.transform(
        convert_currency("total", currency="currency", timestamp="at", rates=rates, to="EUR", **options)
    )


def chained(*steps: Transform) -> Callable[[DataFrame], DataFrame]:
    def chain(df: DataFrame) -> DataFrame:
        for step in steps:
            df = df.transform(step)
        return df

    return chain


def flatten_and_nest(df: DataFrame) -> DataFrame:
    return df.transform(flatten_struct()).transform(nest_struct(df.schema))


CHAINS: dict[str, Callable[[DataFrame], DataFrame]] = {
    "readme": chained(*README),
    "planned": lambda df: df.transform(plan_ahead(*README, like=df)),
    "round trip": round_trip,
    "carried": lambda df: relationalize(df, root="orders", key="id", carry=["customer.address.country", "at"])[
        "orders_items_tags"
    ],
    "nested again": flatten_and_nest,
    "renamed": lambda df: df.selectExpr(
        "at AS PaidAt",
        "CAST(customer AS STRUCT<FullName: STRING, Address: STRUCT<Country: STRING>>) AS Customer",
        "CAST(items AS ARRAY<STRUCT<Sku: STRING, UnitPrice: DECIMAL(3, 2), Tags: MAP<STRING, INT>>>) AS Items",
    ).transform(snake_case_columns()),
    "mapped": chained(map_fields(F.upper, "total", "customer.address.country", "items.sku")),
    "mapped to a type": chained(map_fields(F.length, "items.sku", to="INT")),
    "inside": chained(impute_financials("items.price", fill=7)),
    "once": chained(
        explode_arrays("items", position_suffix="_pos"),
        parse_money("total"),
        null_repeated("total", position_column="items_pos"),
    ),
    "maps": chained(explode_arrays("items"), flatten_struct("items"), explode_map("items_tags")),
    "conformed": chained(conform(FIRST, on_missing="null", on_extra="drop", on_mismatch="null")),
    "rescued": chained(conform(FIRST, on_missing="null", on_extra="rescue", on_mismatch="null")),
    "rules": chained(
        flag_violations(
            rules.not_null("customer"), rules.unique("id"), rules.unique("customer.name", nulls_equal=True)
        ),
        keep_valid(),
    ),
    "broken": chained(parse_money("total"), flag_violations(rules.in_range("total", min_value=1)), keep_invalid()),
    "rules of all kinds": chained(
        flatten_struct(),
        flag_violations(
            rules.not_null("id"),
            rules.one_of("id", 1, 2),
            rules.matches("total", r"\$[0-9.]+"),
            rules.country_code("customer_address_country"),
            rules.not_blank("total"),
            rules.in_order("id", "id", allow_equal=False),
            rules.in_range("id", above=1, below=3),
        ),
        keep_invalid(),
    ),
    "references": lambda df: df.transform(
        flag_violations(rules.references("customer.name", df.where("id = 1"), "customer.name"), rules.not_null("total"))
    ),
    "sound": chained(
        parse_money("total"), flag_violations(rules.in_range("total", min_value=1), rules.one_of("id", 1)), keep_valid()
    ),
    "currencies": chained(
        parse_money("total", currency_column="currency", currency_symbols={"$": "USD"}),
        flag_violations(rules.currency_code("currency")),
    ),
    "minor units": chained(
        parse_money("total", to=DecimalType(18, 0), currency_column="currency", currency_symbols={"$": "USD"}),
        scale_minor_units("total", currency="currency"),
    ),
    "latest": chained(deduplicate("id", latest_by="at")),
    "median": chained(parse_money("total"), impute_financials("total", fill=[median_by("at"), 0])),
    "users": chained(flatten_struct(), daily_active_users(user="customer_name", timestamp="at")),
    "revenue": chained(*README, daily_revenue(amount="items_price", timestamp="at")),
    "weeks": chained(active_users(user="id", timestamp="at", period="week", timezone="Asia/Tokyo")),
    "months": chained(active_users(user="id", timestamp="at", period="month", by=["total"])),
    "new users": chained(new_and_returning_users(user="id", timestamp="at")),
    "retention": chained(cohort_retention(user="id", timestamp="at")),
    "order metrics": chained(
        *README,
        order_metrics(order="id", amount="items_price", timestamp="at", period="month", refund="items_price < 1"),
    ),
    "revenue by": chained(*README, revenue(amount="items_price", by="customer_name")),
    "revenue by currency": chained(*README, revenue(amount="items_price", currency="customer_name")),
    "in euro": in_euro,
    "top products": chained(*README, top_products(1, product="items_sku", amount="items_price")),
    "sketches": chained(sketch_users(user="id", timestamp="at", by="total"), estimate_users(period="week", by="total")),
    "keyed": chained(surrogate_key("id", "customer.name", "at", key_column="key")),
    "looked up": lambda df: df.transform(
        lookup(
            df.selectExpr("customer.address.country AS code", "at AS first_paid"),
            on={"customer.address.country": "code"},
            columns="first_paid",
        )
    ),
    "affected": lambda df: df.transform(filter_affected(df.where("id <> 1"), period="day", by=["at", "total"])),
    "funnel": chained(session_funnel("$5.00", "free", user="id", timestamp="at", event="total", period="day")),
}


# Calls that are refused on Sail, since their result would be wrong. No files are read or written.
REFUSED_ON_SAIL: dict[str, Callable[[SparkSession], object]] = {
    "read_csv_logs": lambda spark: read_csv_logs(spark, "logs", schema="id INT"),
    "read_json_payloads": lambda spark: read_json_payloads(spark, "orders", schema="id INT"),
    "infer_schema": lambda spark: infer_schema(spark, "logs", format="csv"),
    "write_partitioned": lambda spark: orders(spark).transform(write_partitioned("orders", by="total")),
    "write_table": lambda spark: orders(spark).transform(write_table("orders")),
    "write_stream": lambda spark: (
        spark.readStream.format("rate").load().transform(write_stream("ticks", checkpoint="checkpoint"))
    ),
    "compact_table": lambda spark: compact_table(spark, "orders"),
    "quarantine": lambda spark: (
        orders(spark)
        .transform(flag_violations(rules.not_null("id")))
        .transform(quarantine(into=write_partitioned("bad", by="total")))
    ),
    "lookup": lambda spark: CHAINS["looked up"](orders(spark)),
    "surrogate_key": lambda spark: CHAINS["keyed"](orders(spark)),
    "Audit": lambda spark: orders(spark).transform(Audit().count("rows")),
    "conform(on_extra='rescue')": lambda spark: CHAINS["rescued"](orders(spark)),
    "a sum of decimal(38,2)": lambda spark: (
        orders(spark)
        .selectExpr("at", "CAST(id AS DECIMAL(38, 2)) AS paid")
        .transform(daily_revenue(amount="paid", timestamp="at"))
    ),
}


# Calls for which Sail raises an error of its own.
FAILS_ON_SAIL: dict[str, Callable[[SparkSession], object]] = {
    "parse_money": lambda spark: spark.sql("SELECT '1e3' AS paid").transform(parse_money("paid")).collect(),
    "rebuild_documents": lambda spark: (
        spark.sql("SELECT 1 AS id, array('a') AS tags, array('b') AS items").transform(round_trip).collect()
    ),
    "conform": lambda spark: (
        spark.sql("SELECT map('a', 1) AS prices")
        .transform(conform(StructType().add("prices", MapType(StringType(), LongType()))))
        .collect()
    ),
    "expand_variant": lambda spark: (
        spark.sql("""SELECT parse_json('{"id": 1}') AS event""")
        .transform(expand_variant("event", schema=StructType().add("id", LongType())))
        .collect()
    ),
    "convert_currency": lambda spark: in_euro(orders(spark), rounding="half_even").collect(),
    "deduplicate": lambda spark: (
        spark.readStream.format("rate").load().withWatermark("timestamp", "1 hour").transform(deduplicate("value"))
    ),
}


def error_messages(calls: dict[str, Callable[[SparkSession], object]], spark: SparkSession) -> dict[str, str | None]:
    """Run calls, and return the message of each error; None for a call without an error."""
    return {name: _error_message(call, spark) for name, call in calls.items()}


def _error_message(call: Callable[[SparkSession], object], spark: SparkSession) -> str | None:
    try:
        call(spark)
    except (ShopSmartError, PySparkException) as error:
        return str(error)
    return None


def audit_metrics(spark: SparkSession) -> dict[str, Any]:
    """Count the metrics of an audit without observations."""
    audit = Audit(use_observation=False)
    orders(spark).transform(audit.count("bronze")).transform(audit.missing("total", "items")).collect()
    metrics: dict[str, Any] = json.loads(audit.report().to_json())
    return metrics


def to_json_value(value: Any) -> Any:
    """Convert a value to one that JSON supports and that is equal for every engine."""
    if isinstance(value, dict):
        return sorted(([to_json_value(key), to_json_value(item)] for key, item in value.items()), key=repr)
    if isinstance(value, (tuple, list)):
        return [to_json_value(item) for item in value]
    if isinstance(value, datetime):
        return str(value.astimezone(timezone.utc))
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def result(df: DataFrame, chain: Callable[[DataFrame], DataFrame]) -> dict[str, Any]:
    """Run a chain, and return the schema and the sorted rows, or the error."""
    try:
        output = df.transform(chain)
        rows = output.collect()
    except (ShopSmartError, PySparkException) as error:
        return {"error": type(error).__name__, "message": str(error).partition("\n")[0]}
    return {"schema": output.schema.jsonValue(), "rows": sorted((to_json_value(row) for row in rows), key=json.dumps)}


def results(spark: SparkSession) -> dict[str, Any]:
    """Run every chain, and return the results by name."""
    df = orders(spark)
    return {name: result(df, chain) for name, chain in CHAINS.items()}


def analyze_requests(spark: Any) -> list[int]:
    """Count the AnalyzePlan requests of each step of the README's chain."""
    client, requests = spark.client, 0
    analyze = client._analyze  # noqa: SLF001 - the client does not count its requests

    def count(*args: Any, **kwargs: Any) -> Any:
        nonlocal requests
        requests += 1
        return analyze(*args, **kwargs)

    client._analyze = count  # noqa: SLF001
    counts, df = [], orders(spark)
    for step in README:
        requests_before = requests
        df = df.transform(step)
        counts.append(requests - requests_before)
    client._analyze = analyze  # noqa: SLF001
    return counts


def encode_rows(schema: StructType, rows: list[Any]) -> str:
    """Encode rows and their schema as a line of text."""
    return base64.b64encode(pickle.dumps((schema.json(), rows))).decode()


def result_of(spark: SparkSession, line: str) -> dict[str, Any]:
    """Run the README's chain on encoded rows."""
    schema, rows = pickle.loads(base64.b64decode(line))  # noqa: S301 - the tests' own
    df = spark.createDataFrame(rows, StructType.fromJson(json.loads(schema)))
    return result(df, chained(*README))


def main() -> None:
    """Print the results of all chains, then of the README's chain for each line of encoded rows on stdin."""
    kind, address = sys.argv[1:]
    builder = SparkSession.builder.config("spark.sql.session.timeZone", "UTC")
    is_remote = kind == "remote"
    spark = (builder.remote(address) if is_remote else builder.master(address)).getOrCreate()
    spark.conf.set("spark.sql.shuffle.partitions", "2")
    try:
        report = {
            "java": shutil.which("java"),
            "version": spark.version,
            "analyze_requests": analyze_requests(spark) if is_remote else [],
            "results": results(spark),
            "audit_metrics": audit_metrics(spark),
            "refused": error_messages(REFUSED_ON_SAIL, spark) if is_sail(spark) else {},
            "failed": error_messages(FAILS_ON_SAIL, spark) if is_remote else {},
        }
        print(json.dumps(report), flush=True)
        for line in sys.stdin:
            print(json.dumps(result_of(spark, line)), flush=True)
    finally:
        spark.stop()


if __name__ == "__main__":
    main()
