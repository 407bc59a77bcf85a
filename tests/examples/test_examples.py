"""The examples, run as a user runs them."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from pathlib import Path
from runpy import run_path
from typing import TYPE_CHECKING

import pytest
from chispa import assert_df_equality
from example_runs import output_of, run
from pyspark.sql import functions as F
from repository import DATA, EXAMPLES

from shopsmart_etl import SourceNotFoundError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.examples

PIPELINES = ["shopsmart_pipeline.py", "nested_json_parser.py"]


@pytest.fixture(scope="module")
def bronze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("simulated") / "bronze"
    output_of("simulate.py", "--output", path, "--rows", "6000", "--orders", "450", "--days", "3", "--servers", "2")
    return path


def test_simulated_logs_have_a_file_a_server_and_day(bronze: Path) -> None:
    files = sorted(path.relative_to(bronze / "logs") for path in bronze.glob("logs/*/*/*.csv"))
    assert [str(path.parent) for path in files] == [
        f"server=web-{server}/day=2026-01-0{day}" for server in (1, 2) for day in (1, 2, 3)
    ]
    lines = [(bronze / "logs" / path).read_text(encoding="utf-8").splitlines() for path in files]
    assert {one[0] for one in lines} == {
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,Discount,Revenue,CustomerID,Country"
    }
    assert sum(len(one) - 1 for one in lines) == 6000


def test_simulated_rows_depend_on_the_seed_alone(spark: SparkSession, bronze: Path) -> None:
    simulate = run_path(str(EXAMPLES / "simulate.py"))

    def logs(seed: int) -> list[str]:
        lines = simulate["log_lines"](spark, 6000, days=3, servers=2, seed=seed)
        return sorted(row["line"] for row in lines.select("line").collect())

    files = spark.read.text(str(bronze / "logs")).select("value")
    assert sorted(row["value"] for row in files.collect()) == logs(1) != logs(2)


def test_simulated_pages_hold_the_documents_of_the_lines(spark: SparkSession, bronze: Path) -> None:
    lines = spark.read.json(str(bronze / "payloads" / "lines"))
    pages = spark.read.json(str(bronze / "payloads" / "pages"))
    documents = pages.select(F.explode("data").alias("document")).select("document.*")
    assert_df_equality(documents, lines, ignore_row_order=True)
    assert pages.count() == 5
    missing = lines.agg(*(F.count_if(F.col(name).isNull()) for name in ("items", "tags", "payment.amount")))
    assert all(count > 0 for count in missing.collect()[0])
    assert lines.where("size(items) = 0").count() > 0


def test_the_log_pipeline_accounts_for_every_row(spark: SparkSession, bronze: Path, tmp_path: Path) -> None:
    said = output_of("shopsmart_pipeline.py", "--input", bronze / "logs", "--output", tmp_path / "out")
    assert re.search(r"reconciled +rows in, rows out +6,000, 6,000", said)
    malformed = re.search(r"violations +the line could be read +(\d+)", said)
    assert malformed
    assert int(malformed[1]) > 0
    silver = spark.read.parquet(str(tmp_path / "out" / "silver"))
    quarantined = spark.read.parquet(str(tmp_path / "out" / "quarantine"))
    assert silver.count() + quarantined.count() == 6000
    assert quarantined.where("_corrupt_record IS NOT NULL").count() == int(malformed[1]) == quarantined.count()
    assert re.search(rf"rows +quarantined +{quarantined.count()}\n", said)
    imputed = silver.where("Revenue_imputed").count()
    assert re.search(rf"filled +Revenue +{imputed:,}\n", said)
    assert silver.where("Revenue IS NULL OR Discount IS NULL OR UnitPrice IS NULL").count() == 0
    partitions = silver.select("Country").distinct().count()
    assert f"silver {silver.count():>10,} rows out, {partitions} partitions, {partitions} files" in said
    gold = spark.read.parquet(str(tmp_path / "out" / "gold" / "daily_revenue"))
    assert gold.agg(F.sum("revenue")).collect()[0][0] == silver.agg(F.sum("Revenue")).collect()[0][0]


def test_the_payload_pipeline_is_the_same_from_pages_lines_and_spark_submit(
    spark: SparkSession, bronze: Path, tmp_path: Path
) -> None:
    pages, lines = bronze / "payloads" / "pages", bronze / "payloads" / "lines"
    said = output_of("nested_json_parser.py", "--input", pages, "--records", "data", "--output", tmp_path / "pages")
    submit = str(Path(sys.executable).parent / "spark-submit")
    output_of("nested_json_parser.py", "--input", lines, "--output", tmp_path / "lines", command=submit)
    silver = spark.read.parquet(str(tmp_path / "pages" / "silver"))
    origin = "_file_path", "_file_modified"
    from_lines = spark.read.parquet(str(tmp_path / "lines" / "silver"))
    assert_df_equality(from_lines.drop(*origin), silver.drop(*origin), ignore_row_order=True)
    raw = spark.read.json(str(lines))
    assert re.search(r"rows +orders +450\n", said)
    assert re.search(r"reconciled +rows in, rows out +450, 450", said)
    assert re.search(r"violations +the document could be read +0\n", said)
    assert re.search(rf"rows +order lines +{silver.count():,}\n", said)
    assert silver.select("order_id").distinct().count() == 450
    assert silver.count() == raw.select(F.explode_outer("items")).count()
    without_price = raw.select(F.explode("items.price").alias("price")).where("price IS NULL").count()
    assert re.search(rf"filled +items_price +{without_price:,}\n", said)
    assert (
        silver.where("NOT items_present AND items_price IS NULL").count() == silver.where("items_pos IS NULL").count()
    )
    assert silver.where("items_pos IS NULL").count() == raw.where("items IS NULL OR size(items) = 0").count()


@pytest.mark.parametrize("example", PIPELINES)
def test_what_the_user_can_mend_is_one_line(spark: SparkSession, example: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source, output, message in [
        (tmp_path / "nope", tmp_path / "out", "nope"),
        (tmp_path / "empty", tmp_path / "empty", "already exists; choose another --output"),
    ]:
        done = run(example, "--input", source, "--output", output)
        assert done.returncode == 1
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith(f"{example}: ")
        assert message in last
        assert "Traceback" not in done.stderr
    # In this process, since it ends as the first one does.
    with pytest.raises(SourceNotFoundError, match="the folder has no file"):
        run_path(str(EXAMPLES / example))["run"](spark, str(tmp_path / "empty"), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("example", PIPELINES)
def test_the_examples_stay_thin(example: str) -> None:
    assert len((EXAMPLES / example).read_text(encoding="utf-8").splitlines()) < 95


@pytest.mark.skipif(not DATA.is_dir(), reason="the third-party data are not here: set SHOPSMART_DATA")
def test_the_log_pipeline_gives_the_retail_figures_exactly(spark: SparkSession, tmp_path: Path) -> None:
    said = output_of(
        "shopsmart_pipeline.py", "--input", DATA / "uci_online_retail" / "by-day", "--output", tmp_path / "out"
    )
    assert re.search(r"reconciled +rows in, rows out +105,335, 105,335\n", said)
    assert re.search(r"violations +the line could be read +0\n", said)
    assert "silver    105,335 rows out, 31 partitions, 31 files" in said
    silver = spark.read.parquet(str(tmp_path / "out" / "silver"))
    assert silver.where("CustomerID IS NULL").count() == 36_210
    assert silver.agg(F.sum(F.expr("Quantity * UnitPrice"))).collect()[0][0] == Decimal("1807019.93")
    gold = spark.read.parquet(str(tmp_path / "out" / "gold" / "daily_revenue"))
    revenue = {
        row["Country"]: row["total"] for row in gold.groupBy("Country").agg(F.sum("revenue").alias("total")).collect()
    }
    assert len(revenue) == 31
    assert sum(revenue.values()) == Decimal("1807019.93")
    assert revenue["United Kingdom"] == Decimal("1519298.83")
    assert revenue["EIRE"] == Decimal("40360.61")
    assert revenue["Netherlands"] == Decimal("58327.75")
    assert revenue["Bahrain"] == Decimal("0.00")
