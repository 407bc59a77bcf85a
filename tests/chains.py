"""Chains that must give the same rows on every engine. Run as a script, on Spark Connect, it prints them as JSON."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession
from pyspark.sql.types import ArrayType, DecimalType, LongType, StringType, StructType

from shopsmart_etl import (
    cohort_retention,
    conform,
    daily_active_users,
    daily_revenue,
    deduplicate,
    denormalize,
    estimate_users,
    explode_arrays,
    explode_map,
    flag_violations,
    flatten_struct,
    impute_financials,
    in_range,
    keep_invalid,
    keep_once,
    keep_touched,
    keep_valid,
    median_by,
    monthly_active_users,
    nest_struct,
    new_and_returning_users,
    not_null,
    order_figures,
    parse_money,
    relationalize,
    revenue_by,
    session_funnel,
    sketch_users,
    top_products,
    unique,
    weekly_active_users,
)

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


def orders(spark: SparkSession) -> DataFrame:
    return spark.sql("""
        SELECT * FROM VALUES
            (1, named_struct('name', 'Ada', 'address', named_struct('country', 'EIRE')), '$5.00',
             array(named_struct('sku', 'pen', 'price', 2.50BD, 'tags', map('a', 1)),
                   named_struct('sku', 'ink', 'price', CAST(NULL AS DECIMAL(3, 2)),
                                'tags', CAST(NULL AS MAP<STRING, INT>))),
             TIMESTAMP'2026-01-01 10:00:00'),
            (2, named_struct('name', 'Bob', 'address', NULL), 'free', array(), TIMESTAMP'2026-01-01 11:00:00'),
            (3, NULL, NULL, NULL, NULL)
        AS t (id, customer, total, items, at)""")


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
    "round trip": round_trip,
    "nested again": nested_again,
    "inside": chained(impute_financials("items.price", fill=7)),
    "once": chained(
        explode_arrays("items", position="_pos"), parse_money("total"), keep_once("total", position="items_pos")
    ),
    "maps": chained(explode_arrays("items"), flatten_struct("items"), explode_map("items_tags")),
    "conformed": chained(conform(FIRST, on_missing="null", on_extra="rescue", on_mismatch="null")),
    "rules": chained(flag_violations(not_null("customer"), unique("id")), keep_valid()),
    "broken": chained(parse_money("total"), flag_violations(in_range("total", least=1)), keep_invalid()),
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


def results(spark: SparkSession) -> dict[str, Any]:
    """Run every chain; rows as sorted JSON, and the result's schema."""
    df = orders(spark)
    found = {}
    for name, chain in CHAINS.items():
        made = chain(df)
        rows = made.selectExpr("to_json(struct(*), map('ignoreNullFields', 'false')) AS row").collect()
        found[name] = {"schema": made.schema.jsonValue(), "rows": sorted(row["row"] for row in rows)}
    return found


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
    return counts


def main() -> None:
    spark = SparkSession.builder.remote("local[2]").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    spark.conf.set("spark.sql.shuffle.partitions", "2")
    try:
        json.dump({"counts": counted(spark), "results": results(spark)}, sys.stdout)
    finally:
        spark.stop()


if __name__ == "__main__":
    main()
