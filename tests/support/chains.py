"""Chains that must give the same rows on every engine. As a script, on the engine at an address, it gives them."""

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
from pyspark.sql.types import ArrayType, DecimalType, LongType, MapType, StringType, StructType

from shopsmart_etl import (
    Audit,
    ShopSmartError,
    cohort_retention,
    compact_partitions,
    conform,
    country_code,
    daily_active_users,
    daily_revenue,
    deduplicate,
    denormalize,
    estimate_users,
    expand_variant,
    explode_arrays,
    explode_map,
    flag_violations,
    flatten_struct,
    impute_financials,
    in_range,
    infer_schema,
    keep_invalid,
    keep_once,
    keep_touched,
    keep_valid,
    matches,
    median_by,
    monthly_active_users,
    nest_struct,
    new_and_returning_users,
    not_null,
    one_of,
    order_figures,
    parse_money,
    plan_ahead,
    quarantine,
    read_csv_logs,
    read_json_payloads,
    relationalize,
    revenue_by,
    session_funnel,
    sketch_users,
    top_products,
    unique,
    weekly_active_users,
    write_partitioned,
)
from shopsmart_etl._core.engine import is_sail

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

    from shopsmart_etl import Transform

# One step each of the README's chain.
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
    tables = relationalize(df, root="orders", key="id", present="_present")
    return denormalize(tables, model=tables.model)


def chained(*steps: Transform) -> Callable[[DataFrame], DataFrame]:
    def chain(df: DataFrame) -> DataFrame:
        for step in steps:
            df = df.transform(step)
        return df

    return chain


def nested_again(df: DataFrame) -> DataFrame:
    return df.transform(flatten_struct()).transform(nest_struct(df.schema))


CHAINS: dict[str, Callable[[DataFrame], DataFrame]] = {
    "readme": chained(*README),
    "planned": lambda df: df.transform(plan_ahead(*README, like=df)),
    "round trip": round_trip,
    "nested again": nested_again,
    "inside": chained(impute_financials("items.price", fill=7)),
    "once": chained(
        explode_arrays("items", position="_pos"), parse_money("total"), keep_once("total", position="items_pos")
    ),
    "maps": chained(explode_arrays("items"), flatten_struct("items"), explode_map("items_tags")),
    "conformed": chained(conform(FIRST, on_missing="null", on_extra="drop", on_mismatch="null")),
    "rescued": chained(conform(FIRST, on_missing="null", on_extra="rescue", on_mismatch="null")),
    "rules": chained(flag_violations(not_null("customer"), unique("id")), keep_valid()),
    "broken": chained(parse_money("total"), flag_violations(in_range("total", least=1)), keep_invalid()),
    "rules of all kinds": chained(
        flatten_struct(),
        flag_violations(
            not_null("id"), one_of("id", 1, 2), matches("total", r"\$[0-9.]+"), country_code("customer_address_country")
        ),
        keep_invalid(),
    ),
    "sound": chained(parse_money("total"), flag_violations(in_range("total", least=1), one_of("id", 1)), keep_valid()),
    "latest": chained(deduplicate("id", latest_by="at")),
    "median": chained(parse_money("total"), impute_financials("total", fill=[median_by("at"), 0])),
    "users": chained(flatten_struct(), daily_active_users(user="customer_name", at="at")),
    "revenue": chained(*README, daily_revenue(amount="items_price", at="at")),
    "weeks": chained(weekly_active_users(user="id", at="at", zone="Asia/Tokyo")),
    "months": chained(monthly_active_users(user="id", at="at", by=["total"])),
    "new users": chained(new_and_returning_users(user="id", at="at")),
    "retention": chained(cohort_retention(user="id", at="at")),
    "order figures": chained(
        *README, order_figures(order="id", amount="items_price", at="at", every="month", refund="items_price < 1")
    ),
    "revenue by": chained(*README, revenue_by("customer_name", amount="items_price")),
    "top products": chained(*README, top_products(1, product="items_sku", amount="items_price")),
    "sketches": chained(sketch_users(user="id", at="at", by=["total"]), estimate_users(every="week", by=["total"])),
    "touched": lambda df: df.transform(keep_touched(df.where("id <> 1"), by=["at", "total"], every="day")),
    "funnel": chained(session_funnel("$5.00", "free", user="id", at="at", event="total", every="day")),
}


# What Sail would do wrongly. Nothing is read or written at these paths.
REFUSED_ON_SAIL: dict[str, Callable[[SparkSession], object]] = {
    "read_csv_logs": lambda spark: read_csv_logs(spark, "logs", schema="id INT"),
    "read_json_payloads": lambda spark: read_json_payloads(spark, "orders", schema="id INT"),
    "infer_schema": lambda spark: infer_schema(spark, "logs", files="csv"),
    "write_partitioned": lambda spark: orders(spark).transform(write_partitioned("orders", by="total")),
    "compact_partitions": lambda spark: compact_partitions(spark, "orders", by="total"),
    "quarantine": lambda spark: orders(spark).transform(flag_violations(not_null("id"))).transform(quarantine("bad")),
    "Audit": lambda spark: orders(spark).transform(Audit().count("rows")),
    "conform(on_extra='rescue')": lambda spark: CHAINS["rescued"](orders(spark)),
    "a sum of decimal(38,2)": lambda spark: (
        orders(spark)
        .selectExpr("at", "CAST(id AS DECIMAL(38, 2)) AS paid")
        .transform(daily_revenue(amount="paid", at="at"))
    ),
}


# What Sail cannot run. It says so itself, and gives no rows.
FAILS_ON_SAIL: dict[str, Callable[[SparkSession], object]] = {
    "parse_money": lambda spark: spark.sql("SELECT '1e3' AS paid").transform(parse_money("paid")).collect(),
    "denormalize": lambda spark: (
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
    "deduplicate": lambda spark: (
        spark.readStream.format("rate").load().withWatermark("timestamp", "1 hour").transform(deduplicate("value"))
    ),
}


def said(attempts: dict[str, Callable[[SparkSession], object]], spark: SparkSession) -> dict[str, str | None]:
    """Try them, and give what each error says."""
    return {name: _said(attempt, spark) for name, attempt in attempts.items()}


def _said(attempt: Callable[[SparkSession], object], spark: SparkSession) -> str | None:
    try:
        attempt(spark)
    except (ShopSmartError, PySparkException) as error:
        return str(error)
    return None


def audited(spark: SparkSession) -> dict[str, Any]:
    """Count without observations."""
    audit = Audit(in_passing=False)
    orders(spark).transform(audit.count("bronze")).transform(audit.missing("total", "items")).collect()
    figures: dict[str, Any] = json.loads(audit.report().to_json())
    return figures


def told(value: Any) -> Any:
    """Write a value so that JSON takes it, the same from every engine."""
    if isinstance(value, dict):
        return sorted(([told(key), told(one)] for key, one in value.items()), key=repr)
    if isinstance(value, (tuple, list)):
        return [told(one) for one in value]
    if isinstance(value, datetime):
        return str(value.astimezone(timezone.utc))
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def result(df: DataFrame, chain: Callable[[DataFrame], DataFrame]) -> dict[str, Any]:
    """Run a chain: its rows, in an order of their own, and their schema; or the error that it ends in."""
    try:
        made = df.transform(chain)
        rows = made.collect()
    except (ShopSmartError, PySparkException) as error:
        return {"error": type(error).__name__, "says": str(error).partition("\n")[0]}
    return {"schema": made.schema.jsonValue(), "rows": sorted((told(row) for row in rows), key=json.dumps)}


def results(spark: SparkSession) -> dict[str, Any]:
    """Run every chain."""
    df = orders(spark)
    return {name: result(df, chain) for name, chain in CHAINS.items()}


def counted(spark: Any) -> list[int]:
    """Count the AnalyzePlan requests of each step of the README's chain."""
    client, asked = spark.client, 0
    analyze = client._analyze  # noqa: SLF001 - the client has no counter of its own

    def count(*args: Any, **kwargs: Any) -> Any:
        nonlocal asked
        asked += 1
        return analyze(*args, **kwargs)

    client._analyze = count  # noqa: SLF001
    counts, df = [], orders(spark)
    for step in README:
        before = asked
        df = df.transform(step)
        counts.append(asked - before)
    client._analyze = analyze  # noqa: SLF001
    return counts


def case(schema: StructType, rows: list[Any]) -> str:
    """Write rows as a line of text."""
    return base64.b64encode(pickle.dumps((schema.json(), rows))).decode()


def result_of(spark: SparkSession, line: str) -> dict[str, Any]:
    """Run the README's chain on the rows of such a line."""
    schema, rows = pickle.loads(base64.b64decode(line))  # noqa: S301 - the tests' own
    df = spark.createDataFrame(rows, StructType.fromJson(json.loads(schema)))
    return result(df, chained(*README))


def main() -> None:
    """Say how an engine does: all chains, then the README's on each case that stands on a line of stdin."""
    kind, address = sys.argv[1:]
    builder = SparkSession.builder.config("spark.sql.session.timeZone", "UTC")
    served = kind == "remote"
    spark = (builder.remote(address) if served else builder.master(address)).getOrCreate()
    spark.conf.set("spark.sql.shuffle.partitions", "2")
    try:
        found = {
            "java": shutil.which("java"),
            "version": spark.version,
            "counts": counted(spark) if served else [],
            "results": results(spark),
            "audited": audited(spark),
            "refused": said(REFUSED_ON_SAIL, spark) if is_sail(spark) else {},
            "failed": said(FAILS_ON_SAIL, spark) if served else {},
        }
        print(json.dumps(found), flush=True)
        for line in sys.stdin:
            print(json.dumps(result_of(spark, line)), flush=True)
    finally:
        spark.stop()


if __name__ == "__main__":
    main()
