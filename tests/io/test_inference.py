"""A schema from files: what the readers take, amounts exact, zeros kept."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from shopsmart_etl import (
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    SourceNotFoundError,
    infer_schema,
    read_csv_logs,
    read_json_payloads,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.sql import SparkSession

    Written = Callable[[list[str]], str]


def test_csv(spark: SparkSession, written: Written) -> None:
    path = written(
        [
            "a b,id,zip,price,rate,far,at,day,ok,none",
            "x,1,007,9.90,0.12345,1e300,2026-01-31 10:00:00,2026-01-31,true,",
            'y,3000000000,1,"12",-1,2,2026-01-31 11:00:00,2026-02-01,false,',
            ",,,,,,,,,",
        ]
    )
    schema = infer_schema(spark, path, format="csv")
    assert schema.splitlines() == [
        "`a b` string,",
        "id bigint,",
        "zip string,",
        "price decimal(18,2),",
        "rate decimal(38,18),",
        "far double,",
        "at timestamp,",
        "day date,",
        "ok boolean,",
        "none string",
    ]
    rows = read_csv_logs(spark, path, schema=schema).collect()
    assert [row["_corrupt_record"] for row in rows] == [None, None, None]
    assert [(row["zip"], row["price"]) for row in rows] == [("007", Decimal("9.90")), ("1", 12), (None, None)]


def test_json_pages(spark: SparkSession, written: Written) -> None:
    path = written(
        [
            '{"page": 1, "data": [{"id": 1, "c": {"lat": 53.34981, "it\'s": 1.5}, "items": [{"p": 2.5}]}]}',
            '{"page": 2, "data": [{"id": 2, "items": []}], "next": null}',
            '{"page": 3, "data": [{"id"',
        ]
    )
    schema = infer_schema(spark, path, format="json", records="data")
    assert schema.splitlines() == [
        "c STRUCT<`it's`: decimal(18,2), lat: decimal(38,18)>,",
        "id bigint,",
        "items ARRAY<STRUCT<p: decimal(18,2)>>",
    ]
    rows = read_json_payloads(spark, path, schema=schema, records="data").collect()
    assert [row["c"] and row["c"]["lat"] for row in rows] == [Decimal("53.349810000000000000"), None, None]
    assert rows[0]["c"]["it's"] == Decimal("1.50")
    with pytest.raises(ColumnNotFoundError, match="no column 'date'; did you mean 'data'"):
        infer_schema(spark, path, format="json", records="date")
    with pytest.raises(ColumnTypeError, match="expected an array of documents; got bigint"):
        infer_schema(spark, path, format="json", records="page")


def test_what_no_bigint_and_no_small_decimal_holds(spark: SparkSession, written: Written) -> None:
    large, amount = "12345678901234567890", "12345678901234567.25"
    path = written(["id,zip,price", f"{large},00{large},{amount}"])
    schema = infer_schema(spark, path, format="csv")
    assert schema.splitlines() == ["id decimal(38,0),", "zip string,", "price decimal(38,18)"]
    assert read_csv_logs(spark, path, schema=schema).collect()[0][:4] == (
        int(large),
        f"00{large}",
        Decimal(amount),
        None,
    )
    path = written([f'{{"id": {large}, "price": {amount}}}'])
    schema = infer_schema(spark, path, format="json")
    assert schema.splitlines() == ["id decimal(38,0),", "price decimal(38,18)"]
    assert read_json_payloads(spark, path, schema=schema).collect()[0][:3] == (int(large), Decimal(amount), None)


def test_numbers_with_an_exponent_are_doubles(spark: SparkSession, written: Written) -> None:
    path = written(['{"rate": 1.5e3, "far": 1e300, "id": 1}'])
    assert infer_schema(spark, path, format="json").splitlines() == ["far double,", "id bigint,", "rate double"]


def test_folders_and_samples(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "server=1").mkdir()
    (tmp_path / "server=1" / "a.csv").write_text("n\n" + "1\n" * 100, encoding="utf-8")
    assert infer_schema(spark, str(tmp_path), format="csv", sample=0.5) == "n int"


def test_bad_arguments(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="format: expected one of 'csv', 'json'; got 'xml'"):
        infer_schema(spark, "x", format="xml")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="multiline=True with UTF-16"):
        infer_schema(spark, "x", format="csv", encoding="UTF-16")
    with pytest.raises(InvalidArgumentError, match="sample"):
        infer_schema(spark, "x", format="csv", sample=0)
    with pytest.raises(SourceNotFoundError):
        infer_schema(spark, str(tmp_path), format="json")
