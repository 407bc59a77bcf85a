"""Read nested JSON orders, flatten and explode them, impute amounts, write silver by country, aggregate to gold."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import shopsmart_etl as etl

ORDER = """order_id STRING, placed_at TIMESTAMP, customer STRUCT<id: STRING, name: STRING, address: STRUCT<
        city: STRING, country: STRING, geo: STRUCT<lat: DOUBLE, lon: DOUBLE>>>,
    items ARRAY<STRUCT<sku: STRING, quantity: INT, price: DECIMAL(10, 2), attributes: STRUCT<color: STRING,
        size: STRING>, discounts: ARRAY<STRUCT<code: STRING, amount: DECIMAL(10, 2)>>>>,
    payment STRUCT<method: STRING, currency: STRING, amount: DECIMAL(10, 2)>, tags ARRAY<STRING>"""
AMOUNTS = "items_price", "payment_amount"
LINES = etl.pipeline(
    etl.flatten_struct(), etl.explode_arrays("items", position_suffix="_pos"), etl.flatten_struct("items")
)
READABLE = etl.Rule("the document could be read", "_corrupt_record IS NULL")
GOLD = {
    "daily_active_users": etl.daily_active_users(user="customer_id", timestamp="placed_at"),
    "daily_revenue": etl.daily_revenue(amount="line_total", timestamp="placed_at", by=["customer_address_country"]),
    "revenue_by_country": etl.revenue(amount="line_total", by="customer_address_country"),
    "top_products": etl.top_products(10, product="items_sku", amount="line_total", ties="break"),
    "cohort_retention": etl.cohort_retention(user="customer_id", timestamp="placed_at"),
}


def run(spark: SparkSession, source: str, output: str, records: str | None = None) -> None:
    """Read the orders at ``source``, write silver and gold below ``output``, and print a summary."""
    start = time.monotonic()
    audit = etl.Audit()  # counts in the jobs that run anyway
    quarantine = etl.pipeline(audit.count("quarantined"), etl.write_table(f"{output}/quarantine"))
    silver = (
        etl.read_json_payloads(spark, source, schema=ORDER, record_path=records)
        .transform(etl.pipeline(audit.count("bronze"), etl.flag_violations(READABLE), audit.violations(READABLE)))
        .transform(etl.quarantine(into=quarantine))
        .drop("_corrupt_record")
        .transform(etl.pipeline(audit.count("orders"), LINES))
        .transform(etl.impute_financials(*AMOUNTS))
        # Orders without items keep a row, whose items_present is false and whose item has no price to fill.
        .withColumn("line_total", F.expr("items_price * items_quantity"))
        .transform(etl.pipeline(audit.filled(*AMOUNTS), audit.count("order lines")))
        .transform(etl.write_partitioned(f"{output}/silver", by="customer_address_country"))
    )
    report = audit.report(rows_in="bronze", rows_out=["orders", "quarantined"])
    print(report)
    # Written by Spark, because only Spark may have access to the output's file system.
    spark.range(1).select(F.lit(report.to_json())).coalesce(1).write.text(f"{output}/audit")
    files = silver.inputFiles()
    shape = f"{len({file.rpartition('/')[0] for file in files})} partitions, {len(files)} files"
    print(f"silver {silver.count():>10,} rows out, {shape} after {time.monotonic() - start:.1f} s")
    for name, step in GOLD.items():
        rows = silver.transform(step).transform(etl.write_table(f"{output}/gold/{name}")).count()
        print(f"gold   {rows:>10,} rows after {time.monotonic() - start:.1f} s in {output}/gold/{name}")
    print(f"done in {time.monotonic() - start:.1f} s: {output}")


def main() -> None:
    """Read the options and run. Print errors that the user can fix as one line, without a stack trace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", required=True, help="a folder of JSON payloads")
    parser.add_argument("--output", required=True, help="a folder that does not exist yet")
    parser.add_argument("--records", help="the field of a paged envelope that holds the orders")
    options = parser.parse_args()
    if Path(options.output).exists():
        sys.exit(f"{parser.prog}: {options.output!r} already exists; choose another --output")
    bar = str(sys.stdout.isatty()).lower()  # Spark's progress bar
    quiet = SparkSession.builder.config(map={"spark.log.level": "ERROR", "spark.ui.showConsoleProgress": bar})
    spark = quiet.appName(parser.prog).config("spark.sql.session.timeZone", "UTC").getOrCreate()
    try:
        run(spark, options.input, options.output, options.records)
    except (etl.ShopSmartError, AnalysisException) as error:
        sys.exit(f"{parser.prog}: {str(error).splitlines()[0]}")
    finally:
        spark.stop()


if __name__ == "__main__":
    main()
