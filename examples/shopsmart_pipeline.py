"""Read CSV transaction logs, impute amounts, write silver partitioned by country, and aggregate to gold."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import shopsmart_etl as etl

# The columns that are not strings. The simulated servers write all of them; other sources may lack some.
TYPES = {
    "Quantity": "INT",
    "InvoiceDate": "TIMESTAMP",
    "UnitPrice": "DECIMAL(10, 2)",
    "Discount": "DECIMAL(10, 2)",
    "Revenue": "DECIMAL(18, 2)",
}
REVENUE = "CAST(Quantity * UnitPrice AS DECIMAL(18, 2))"
READABLE = etl.Rule("the line could be read", "_corrupt_record IS NULL")

GOLD = {
    "daily_active_users": etl.daily_active_users(user="CustomerID", timestamp="InvoiceDate"),
    "daily_revenue": etl.daily_revenue(amount="Revenue", timestamp="InvoiceDate", by=["Country"]),
    "revenue_by_country": etl.revenue(amount="Revenue", by="Country"),
    "top_products": etl.top_products(10, product="StockCode", amount="Revenue", ties="break"),
    "cohort_retention": etl.pipeline(
        lambda lines: lines.where("NOT coalesce(InvoiceNo LIKE 'C%', false)"),  # cancellations are not orders
        etl.cohort_retention(user="CustomerID", timestamp="InvoiceDate"),
    ),
}


def run(spark: SparkSession, source: str, output: str) -> None:
    """Read the logs at ``source``, write silver and gold below ``output``, and print a summary."""
    start = time.monotonic()
    names = (spark.read.text(source).first() or [""])[0].split(",")
    schema = ", ".join(f"`{name}` {TYPES.get(name, 'STRING')}" for name in names)
    amounts = ["UnitPrice", "Discount", "Revenue"] if "Discount" in names else ["UnitPrice", "Revenue"]
    audit = etl.Audit()  # counts in the jobs that run anyway
    quarantine = etl.pipeline(audit.count("quarantined"), etl.write_table(f"{output}/quarantine"))
    silver = (
        etl.read_csv_logs(spark, source, schema=schema)
        .transform(etl.pipeline(audit.count("bronze"), etl.flag_violations(READABLE), audit.violations(READABLE)))
        .transform(etl.quarantine(into=quarantine))
        .drop("_corrupt_record")
        .selectExpr("*", *([] if "Revenue" in names else [f"{REVENUE} AS Revenue"]))
        .transform(etl.impute_financials(*amounts))
        .transform(etl.pipeline(audit.filled(*amounts), audit.count("silver")))
        .transform(etl.write_partitioned(f"{output}/silver", by="Country"))
    )
    report = audit.report(rows_in="bronze", rows_out=["silver", "quarantined"])
    print(report)
    # Written by Spark, because only Spark may have access to the output's file system.
    spark.range(1).select(F.lit(report.to_json())).coalesce(1).write.text(f"{output}/audit")
    folders = [file.rpartition("/")[0] for file in silver.inputFiles()]
    shape = f"{len(set(folders))} partitions, {len(folders)} files"
    print(f"silver {silver.count():>10,} rows out, {shape} after {time.monotonic() - start:.1f} s")
    for name, step in GOLD.items():
        rows = silver.transform(step).transform(etl.write_table(f"{output}/gold/{name}")).count()
        print(f"gold   {rows:>10,} rows after {time.monotonic() - start:.1f} s in {output}/gold/{name}")
    print(f"done in {time.monotonic() - start:.1f} s: {output}")


def main() -> None:
    """Read the options and run. Print errors that the user can fix as one line, without a stack trace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", required=True, help="a folder of CSV logs")
    parser.add_argument("--output", required=True, help="a folder that does not exist yet")
    options = parser.parse_args()
    if Path(options.output).exists():
        sys.exit(f"{parser.prog}: {options.output!r} already exists; choose another --output")
    bar = str(sys.stdout.isatty()).lower()  # Spark's progress bar
    quiet = SparkSession.builder.config(map={"spark.log.level": "ERROR", "spark.ui.showConsoleProgress": bar})
    spark = quiet.appName(parser.prog).config("spark.sql.session.timeZone", "UTC").getOrCreate()
    try:
        run(spark, options.input, options.output)
    except (etl.ShopSmartError, AnalysisException) as error:
        sys.exit(f"{parser.prog}: {str(error).splitlines()[0]}")
    finally:
        spark.stop()


if __name__ == "__main__":
    main()
