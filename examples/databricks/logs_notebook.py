# Databricks notebook source
# MAGIC %md
# MAGIC # CSV logs to silver and gold
# MAGIC Every line is read; what does not fit goes into quarantine, missing amounts are filled and flagged, and the
# MAGIC audit says whether as many rows came out as went in.

# COMMAND ----------

# MAGIC %pip install shopsmart-etl --no-index --find-links /Volumes/main/shop/wheels

# COMMAND ----------

import sys

from pyspark.sql import SparkSession

import shopsmart_etl as etl

# COMMAND ----------

# Databricks gives a notebook its session and widgets. As a script: python logs_notebook.py logs=... tables=...
spark = globals().get("spark") or SparkSession.builder.getOrCreate()
dbutils = globals().get("dbutils")
parameters = {"logs": "/Volumes/main/shop/bronze/logs", "tables": "/Volumes/main/shop/logs"}
if dbutils:
    for name, default in parameters.items():
        dbutils.widgets.text(name, default)
    parameters = {name: dbutils.widgets.get(name) for name in parameters}
else:
    parameters |= dict(argument.split("=", 1) for argument in sys.argv[1:])
tables = parameters["tables"]

# COMMAND ----------

LOG = """InvoiceNo STRING, StockCode STRING, Description STRING, Quantity INT, InvoiceDate TIMESTAMP,
    UnitPrice DECIMAL(10, 2), Discount DECIMAL(10, 2), Revenue DECIMAL(18, 2), CustomerID STRING, Country STRING"""
READABLE = etl.Rule("the line could be read", "_corrupt_record IS NULL")

audit = etl.Audit()
silver = (
    etl.read_csv_logs(spark, parameters["logs"], schema=LOG)
    .transform(etl.pipeline(audit.count("bronze"), etl.flag_violations(READABLE), audit.violations(READABLE)))
    .transform(etl.quarantine(f"{tables}/quarantine", through=audit.count("quarantined")))
    .drop("_corrupt_record")
    .transform(etl.impute_financials("UnitPrice", "Discount", "Revenue"))
    .transform(etl.pipeline(audit.filled(), audit.count("silver")))
    .transform(etl.write_partitioned(f"{tables}/silver", by="Country"))
)
print(audit.report(rows_in="bronze", rows_out=["silver", "quarantined"]))

# COMMAND ----------

GOLD = {
    "daily_active_users": etl.daily_active_users(user="CustomerID", at="InvoiceDate"),
    "daily_revenue": etl.daily_revenue(amount="Revenue", at="InvoiceDate", by=["Country"]),
}
for name, step in GOLD.items():
    silver.transform(step).write.parquet(f"{tables}/gold/{name}")
    spark.read.parquet(f"{tables}/gold/{name}").orderBy("day").show(5)
