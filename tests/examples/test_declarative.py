"""The declarative pipeline fills the tables that its steps give in a plain session."""

from __future__ import annotations

from runpy import run_path
from typing import TYPE_CHECKING

import pytest
from chispa import assert_df_equality
from processes import run, surroundings
from pyspark.sql import functions as F
from repository import BLOCK, EXAMPLES, ROOT

import shopsmart_etl as etl

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.declarative, pytest.mark.needs("declarative pipelines")]
PAGE = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")
ORDER = """order_id STRING, placed_at TIMESTAMP, customer STRUCT<id: STRING, address: STRUCT<country: STRING>>,
    items ARRAY<STRUCT<sku: STRING, quantity: INT, price: DECIMAL(10, 2)>>, payment STRUCT<amount: DECIMAL(10, 2)>"""


@pytest.fixture(scope="module")
def pages(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    bronze = tmp_path_factory.mktemp("simulated")
    run_path(str(EXAMPLES / "simulate.py"))["write_payloads"](spark, 250, f"{bronze}/payloads", days=2, seed=1)
    pages = bronze / "payloads" / "pages"
    # One order once more, as it is paid later; and a page that is cut off.
    again = '{"page": 8, "data": [{"order_id": "o-7", "placed_at": "2026-02-01T00:00:00Z", "items": []}]}'
    (pages / "again.json").write_text(again, encoding="utf-8")
    (pages / "cut.json").write_text('{"page": 9, "data": [{"order_id": "o-9', encoding="utf-8")
    return pages


@pytest.fixture(scope="module")
def tables(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the pipeline with the page's command."""
    tables = tmp_path_factory.mktemp("tables")
    environment = surroundings(
        PYSPARK_PYTHON="python3",
        SPARK_CONF_DIR=str(EXAMPLES / "conf"),
        SPARK_TESTING="1",  # a port that is free
        BRONZE=str(pages.parents[1]),
        TABLES=str(tables),
    )
    (command,) = (text for language, text in BLOCK.findall(PAGE) if language == "sh")
    shell = ["bash", "-c", command]
    done = run(shell, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return tables


@pytest.fixture(scope="module")
def plain(spark: SparkSession, pages: Path) -> dict[str, DataFrame]:
    """Give the same tables, by the same steps, in a plain session."""
    raw = etl.read_json_payloads(spark, str(pages), schema=ORDER, record_path="data")
    bronze = raw.transform(etl.flag_violations(etl.Rule("the document could be read", "_corrupt_record IS NULL")))
    lines = etl.pipeline(
        etl.keep_valid(),
        etl.deduplicate("order_id", latest_by="placed_at"),
        etl.flatten_struct(),
        etl.explode_arrays("items"),
        etl.flatten_struct("items"),
    )
    imputed = bronze.transform(lines).transform(etl.impute_financials("items_price", "payment_amount"))
    silver = imputed.withColumn("line_total", F.expr("items_price * items_quantity")).withColumn(
        "country", F.col("customer_address_country")
    )
    return {
        "bronze": bronze,
        "quarantine": bronze.transform(etl.keep_invalid()),
        "silver": silver,
        "daily_revenue": silver.transform(etl.daily_revenue(amount="line_total", timestamp="placed_at", by="country")),
        "daily_active_users": silver.transform(etl.daily_active_users(user="customer_id", timestamp="placed_at")),
    }


@pytest.mark.parametrize("table", ["bronze", "quarantine", "silver", "daily_revenue", "daily_active_users"])
def test_a_table_has_the_rows_that_its_steps_give(
    table: str, spark: SparkSession, tables: Path, plain: dict[str, DataFrame]
) -> None:
    found = spark.read.parquet(str(tables / table))
    assert_df_equality(found, plain[table], ignore_row_order=True, ignore_nullable=True)
    assert not found.isEmpty()


def test_what_could_not_be_read_is_in_quarantine_alone(spark: SparkSession, tables: Path) -> None:
    quarantine = spark.read.parquet(str(tables / "quarantine"))
    assert [row["_corrupt_record"] for row in quarantine.collect()] == ['{"page": 9, "data": [{"order_id": "o-9']
    assert spark.read.parquet(str(tables / "silver")).where("_corrupt_record IS NOT NULL").isEmpty()


def test_an_order_that_came_twice_is_in_silver_once(spark: SparkSession, tables: Path) -> None:
    silver = spark.read.parquet(str(tables / "silver"))
    assert [row["placed_at"].month for row in silver.where("order_id = 'o-7'").collect()] == [2]


def test_silver_is_partitioned_by_country(tables: Path) -> None:
    assert (tables / "silver" / "country=EIRE").is_dir()
