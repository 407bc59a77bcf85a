"""Dirty logs from end to end: every record in is in silver, in quarantine, or sent again; and each where it belongs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from dirt import CSV, HEADER, JSON, Kind, lines
from seed import SEED

import shopsmart_etl as etl

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.exhaustive, pytest.mark.needs("observations")]

LEAST_KINDS = 30

RULES = [
    etl.Rule("the line could be read", "_corrupt_record IS NULL"),
    etl.Rule("the price could be read", "NOT price_unreadable"),
    etl.rules.not_null("order_id"),
    etl.rules.not_null("at"),
    etl.rules.in_range("quantity", min_value=1, max_value=1_000_000),
    etl.rules.country_code("country"),
]
SCHEMA = (
    "kind STRING, order_id STRING, user STRING, at TIMESTAMP, country STRING, quantity INT, price STRING, "
    "tax DECIMAL(10, 2), rate DOUBLE, day DATE"
)


def silver(bronze: DataFrame, folder: Path, audit: etl.Audit) -> DataFrame:
    return bronze.transform(
        etl.pipeline(
            audit.count("bronze"),
            etl.parse_money("price"),
            etl.flag_violations(*RULES),
            audit.violations(*RULES),
            etl.quarantine(
                into=etl.pipeline(
                    audit.count("quarantined"), etl.write_partitioned(str(folder / "quarantine"), by="kind")
                )
            ),
            audit.dropped("resent", etl.deduplicate("order_id", latest_by="at")),
            etl.impute_financials("price"),
            audit.filled("price"),
            audit.count("silver"),
            etl.write_partitioned(str(folder / "silver"), by="country"),
        )
    )


def check(spark: SparkSession, folder: Path, kinds: dict[str, Kind], count: int, seed: int) -> None:
    """Write dirty logs, take them to silver, and see what became of each kind."""
    made: Counter[str] = Counter()
    source = folder / "source"
    source.mkdir()
    # Escaped surrogates are single bytes that are not UTF-8.
    parts = [
        (source / f"{part}.log").open("w", encoding="utf-8", errors="surrogateescape", newline="") for part in range(4)
    ]
    for number, (kind, line) in enumerate(lines(kinds, count, seed)):
        part = parts[number % len(parts)]
        if kinds is CSV and part.tell() == 0:
            part.write(HEADER + "\n")
        part.write(line + ("\r\n" if number % 2 else "\n") + ("\n" if number % 97 == 0 else ""))
        made[kind] += 1
    for part in parts:
        part.close()
    read = etl.read_csv_logs if kinds is CSV else etl.read_json_payloads
    audit = etl.Audit()
    table = silver(read(spark, str(source), schema=SCHEMA), folder, audit)
    report = audit.report(rows_in="bronze", rows_out=["silver", "quarantined", "resent"])
    twice = sum(made[kind] for kind, one in kinds.items() if one.outcome == "twice")
    assert report.rows["bronze"] == count + twice
    assert report.reconciled, report
    assert {kind for kind, one in kinds.items() if one.outcome != "kept"} | {"clean"} <= set(made)
    assert report.dropped["resent"] == made["sent again"] + twice
    assert report.filled["price"] == sum(made[kind] for kind, one in kinds.items() if one.outcome == "filled")
    assert table.count() == report.rows["silver"]
    # The clean line that was sent again later gives way to the second.
    in_silver = Counter({row["kind"]: row["count"] for row in table.groupBy("kind").count().collect()})
    wanted = Counter({kind: made[kind] for kind, one in kinds.items() if one.outcome != "quarantined"})
    wanted["clean"] -= made["sent again"]
    assert in_silver == wanted
    set_aside = spark.read.parquet(str(folder / "quarantine"))
    assert set_aside.count() == sum(made[kind] for kind, one in kinds.items() if one.outcome == "quarantined")
    assert set_aside.where("cardinality(_violations) = 0 OR _file_path IS NULL").count() == 0


@pytest.mark.parametrize("kinds", [CSV, JSON], ids=["CSV", "JSON"])
def test_every_record_is_accounted_for(spark: SparkSession, tmp_path: Path, kinds: dict[str, Kind]) -> None:
    assert len(kinds) > LEAST_KINDS
    check(spark, tmp_path, kinds, 3000, int(SEED))


@pytest.mark.heavy
@pytest.mark.parametrize("kinds", [CSV, JSON], ids=["CSV", "JSON"])
def test_every_one_of_a_million_records_is_accounted_for(
    spark: SparkSession, tmp_path: Path, kinds: dict[str, Kind]
) -> None:
    check(spark, tmp_path, kinds, 1_000_000, int(SEED))
