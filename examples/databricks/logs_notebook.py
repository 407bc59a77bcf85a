# Databricks notebook source
# MAGIC %md
# MAGIC # CSV logs to silver and gold
# MAGIC Reads every line, quarantines lines that do not match the schema, imputes and flags missing amounts, and prints
# MAGIC an audit that compares the numbers of input and output rows.

# COMMAND ----------

# MAGIC %pip install shopsmart-etl --no-index --find-links /Volumes/main/shop/wheels

# COMMAND ----------

import sys

from pyspark.sql import SparkSession

import shopsmart_etl as etl

# COMMAND ----------

# Databricks provides the session and the widgets. To run as a script: python logs_notebook.py logs=... tables=...
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

AMOUNTS = "UnitPrice", "Discount", "Revenue"

audit = etl.Audit()

quarantine = etl.pipeline(audit.count("quarantined"), etl.write_table(f"{tables}/quarantine"))
silver = (
    etl.read_csv_logs(spark, parameters["logs"], schema=LOG)
    .transform(etl.pipeline(audit.count("bronze"), etl.flag_violations(READABLE), audit.violations(READABLE)))
    .transform(etl.quarantine(into=quarantine))
    .drop("_corrupt_record")
    .transform(etl.impute_financials(*AMOUNTS))
    .transform(etl.pipeline(audit.filled(*AMOUNTS), audit.count("silver")))
    .transform(etl.write_partitioned(f"{tables}/silver", by="Country"))
)
print(audit.report(rows_in="bronze", rows_out=["silver", "quarantined"]))

# COMMAND ----------

GOLD = {
    "daily_active_users": etl.daily_active_users(user="CustomerID", timestamp="InvoiceDate"),
    "daily_revenue": etl.daily_revenue(amount="Revenue", timestamp="InvoiceDate", by=["Country"]),
}
for name, step in GOLD.items():
    gold = silver.transform(step).transform(etl.write_table(f"{tables}/gold/{name}"))
    gold.orderBy("day").show(5)
