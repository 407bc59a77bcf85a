"""Run the README's chain on a Spark Connect server, of Spark or of Sail. The client does not need a JVM."""

from __future__ import annotations

import argparse
from decimal import Decimal

from pyspark.sql import SparkSession

from shopsmart_etl import explode_arrays, flatten_struct, impute_financials, pipeline

ORDERS = (
    "id int, customer struct<name: string, address: struct<country: string>>, "
    "items array<struct<sku: string, price: decimal(10, 2)>>"
)
LINES = pipeline(flatten_struct(), explode_arrays("items"), flatten_struct("items"), impute_financials("items_price"))


def main() -> None:
    """Build the order lines of two orders, and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--remote", default="sc://127.0.0.1:15002", help="the server's address")
    spark = SparkSession.builder.remote(parser.parse_args().remote).getOrCreate()
    orders = spark.createDataFrame(
        [(1, ("Ada", ("EIRE",)), [("pen", Decimal("2.50")), ("ink", None)]), (2, ("Bob", None), [])], ORDERS
    )
    orders.transform(LINES).orderBy("id", "items_sku").show()
    spark.stop()


if __name__ == "__main__":
    main()
