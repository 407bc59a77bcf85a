"""Reads and writes print no warnings in a session with Spark's default log settings."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from processes import run, surroundings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.examples
SCRIPT = """
import sys
from contextlib import suppress

from pyspark.sql import SparkSession

import shopsmart_etl as etl

settings = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.sql.shuffle.partitions": "2"}
spark = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
spark.range(1).count()  # Spark prints some lines once, at the start
folder = sys.argv[1]
print("started", file=sys.stderr, flush=True)
rows = spark.range(20).selectExpr("id", "concat('c', id % 3) AS country")
for if_exists in ("error", "append", "replace_partitions"):
    rows.transform(etl.write_partitioned(f"{folder}/t", by="country", if_exists=if_exists)).count()
rows.transform(etl.write_table(f"{folder}/plain")).count()
with suppress(etl.TargetExistsError):
    rows.transform(etl.write_partitioned(f"{folder}/t", by="country"))
with suppress(etl.UnsupportedError):
    etl.compact_table(spark, f"{folder}/t")
with suppress(etl.SourceNotFoundError):
    etl.compact_table(spark, f"{folder}/none")
flagged = rows.transform(etl.flag_violations(etl.rules.in_range("id", max_value=9)))
flagged.transform(etl.quarantine(into=etl.write_partitioned(f"{folder}/quarantine", by="country"))).count()
etl.read_csv_logs(spark, f"{folder}/logs.csv", schema="id INT").count()
etl.read_json_payloads(spark, f"{folder}/orders.json", schema="id INT").count()
etl.infer_schema(spark, f"{folder}/orders.json", format="json")
for read in (etl.read_csv_logs, etl.read_json_payloads):
    for stream in (False, True):
        with suppress(etl.SourceNotFoundError):
            read(spark, f"{folder}/none", schema="id INT", stream=stream)
stream = spark.readStream.schema("id BIGINT, country STRING").parquet(f"{folder}/t")
write = etl.write_stream(f"{folder}/s", by="country", checkpoint=f"{folder}/checkpoint")
table = stream.transform(write)
print("done", table.count(), file=sys.stderr, flush=True)
"""


def test_reads_and_writes_print_no_warnings(tmp_path: Path) -> None:
    (tmp_path / "logs.csv").write_text("id\n1\n", encoding="utf-8")
    (tmp_path / "orders.json").write_text('{"id": 1}\n', encoding="utf-8")
    environment = surroundings(SPARK_LOCAL_IP="127.0.0.1")
    environment.pop("SPARK_CONF_DIR", None)
    process = run([sys.executable, "-W", "ignore", "-c", SCRIPT, tmp_path], env=environment)
    lines = process.stderr.partition("started\n")[2].splitlines()
    # Spark prints this line for every stream in a session with default settings, and Hadoop this one for every task of
    # an append that does not delete the unfinished files of others.
    usual = (
        "spark.sql.adaptive.enabled is not supported in streaming",
        "FileOutputCommitter: Skip cleaning up",
    )
    assert [line for line in lines if not any(part in line for part in usual)] == ["done 20"], process.stderr
