"""One row of each key, the same one every time."""

from __future__ import annotations

import json
import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from processes import LIMIT
from pyspark.sql.types import ArrayType, IntegerType, StringType, StructType
from repository import DATA
from strategies import few_batches

from shopsmart_etl import (
    Audit,
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    UnsupportedError,
    deduplicate,
)

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from pyspark.sql import SparkSession

    from shopsmart_etl import Transform

ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(0, 9),
        st.none() | st.integers(0, 2),
        st.none() | st.sampled_from("ab"),
        st.none() | st.lists(st.integers(0, 1), max_size=2),
    ),
    min_size=20,
    max_size=60,
)
EVENTS = "id INT, at INT, state STRING, codes ARRAY<INT>"


def after_null(value: Any) -> tuple[bool, Any]:
    return (value is not None, value or type(value)() if value is not None else 0)


@few_batches
@given(ROWS, st.randoms(use_true_random=False))
def test_the_latest_row_of_each_key_stays_in_whatever_order_they_came(
    spark: SparkSession, rows: list[Any], order: Random
) -> None:
    shuffled = list(rows)
    order.shuffle(shuffled)
    kept: dict[int, Any] = {}
    for row in rows:
        if row[0] is not None:
            kept[row[0]] = max(kept.get(row[0], row), row, key=lambda one: [after_null(value) for value in one[1:]])
    wanted = [row for row in rows if row[0] is None] + list(kept.values())
    for some in (rows, shuffled):
        df = spark.createDataFrame(some, EVENTS).repartition(3)
        found = df.transform(deduplicate("id", latest_by="at"))
        assert sorted(map(repr, map(tuple, found.collect()))) == sorted(map(repr, wanted))
        assert found.schema == df.schema


@few_batches
@given(ROWS)
def test_without_keys_equal_rows_count_as_one(spark: SparkSession, rows: list[Any]) -> None:
    found = spark.createDataFrame(rows, EVENTS).transform(deduplicate())
    assert sorted(map(repr, map(tuple, found.collect()))) == sorted(set(map(repr, rows)))


def test_a_map_beside_the_key_does_not_matter(spark: SparkSession) -> None:
    df = spark.sql("SELECT * FROM VALUES (1, map('a', 1)), (1, map('b', 2)) AS t (`the.id`, m)")
    assert [tuple(row) for row in df.transform(deduplicate("the.id")).collect()] == [(1, {"b": 2})]


def test_misuse_is_named(spark: SparkSession) -> None:
    df = spark.sql("SELECT 1 AS id, map('a', 1) AS m")
    with pytest.raises(ColumnTypeError, match="column 'm': expected a type whose values can be compared; got map"):
        df.transform(deduplicate("m"))
    with pytest.raises(ColumnTypeError, match="column 'm'"):
        df.transform(deduplicate())
    with pytest.raises(ColumnNotFoundError, match="no column 'idd'"):
        df.transform(deduplicate("idd"))
    with pytest.raises(InvalidArgumentError, match="keys: expected at least one key column"):
        deduplicate(latest_by="at")
    with pytest.raises(UnsupportedError, match="latest_by: expected a batch; got a stream"):
        spark.readStream.format("rate").load().transform(deduplicate("value", latest_by="timestamp"))


@pytest.mark.parametrize(
    ("step", "wanted"),
    [
        (deduplicate("id"), [(1, "a"), (2, "c"), (None, "d"), (None, "d"), (3, "e")]),
        (deduplicate(), [(1, "a"), (1, "b"), (2, "c"), (None, "d"), (3, "e")]),
    ],
    ids=str,
)
def test_a_stream_keeps_the_first_of_each_key_while_the_watermark_lasts(
    spark: SparkSession, tmp_path: Path, step: Transform, wanted: list[Any]
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    reader = spark.readStream.schema("id INT, state STRING, at TIMESTAMP").option("maxFilesPerTrigger", 1)
    stream = reader.json(str(source))
    kept = stream.withWatermark("at", "1 hour").transform(step)
    batches: list[list[tuple[Any, str]]] = [
        [(1, "a"), (2, "c"), (None, "d"), (None, "d")],
        [(1, "b"), (1, "a"), (2, "c"), (3, "e")],
    ]
    for number, batch in enumerate(batches):
        rows = (json.dumps({"id": key, "state": state, "at": "2026-01-01T10:00:00Z"}) for key, state in batch)
        file = source / f"{number}.json"
        file.write_text("\n".join(rows), encoding="utf-8")
        os.utime(file, (number, number))  # a stream reads older files first
    write = kept.writeStream.format("memory").queryName("first_of_each_key")
    query = write.trigger(availableNow=True).start()
    assert query.awaitTermination(LIMIT)
    found = [(row["id"], row["state"]) for row in spark.table("first_of_each_key").collect()]
    assert sorted(found, key=repr) == sorted(wanted, key=repr)


@pytest.mark.exhaustive
@pytest.mark.skipif(not DATA.is_dir(), reason="the third-party data are not here: set SHOPSMART_DATA")
@pytest.mark.needs("observations")
def test_the_retail_data_have_975_lines_twice(spark: SparkSession) -> None:
    audit = Audit()
    files = spark.read.options(header=True, escape='"').csv(str(DATA / "uci_online_retail" / "by-day"))
    lines = files.transform(audit.count("lines")).transform(audit.dropped("repeated", deduplicate()))
    assert lines.transform(audit.count("distinct")).agg({"*": "count"}).collect()[0][0] == 104_360
    report = audit.report(rows_in="lines", rows_out=["distinct", "repeated"])
    assert report.rows == {"lines": 105_335, "distinct": 104_360}
    assert report.dropped == {"repeated": 975}
    assert report.reconciled


def test_a_step_is_a_value() -> None:
    step = deduplicate("id", latest_by=["at"])
    assert step == deduplicate("id", latest_by=("at",)) == pickle.loads(pickle.dumps(step))  # noqa: S301 - our own
    assert hash(step) == hash(deduplicate("id", latest_by=("at",)))
    assert step != deduplicate("id")


def test_a_preview_has_the_names_and_types_of_the_result(spark: SparkSession) -> None:
    df = spark.createDataFrame([], EVENTS)
    assert [row[1:] for row in deduplicate("id", latest_by="at").preview(df.schema).rows] == df.dtypes
    assert [row[0] for row in deduplicate().preview(df.schema).rows] == df.columns


@pytest.mark.parametrize("wrong", [1, True, object(), [1], b"x", ""])
def test_arguments_of_a_wrong_type_are_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="keys: expected the name of a column"):
        deduplicate("id", wrong)
    with pytest.raises(InvalidArgumentError, match="latest_by: expected the name of a column"):
        deduplicate("id", latest_by=wrong)


# Not DDL text, in which Spark Connect replaces the variable.
CUSTOMER = StructType().add("id", IntegerType()).add("a.b", StructType().add("${env:HOME}", IntegerType()))
DOCUMENTS = (
    StructType()
    .add("number", IntegerType())
    .add("customer", CUSTOMER)
    .add("items", ArrayType(StructType().add("sku", StringType())))
)


def test_a_key_may_be_a_field_of_structs(spark: SparkSession) -> None:
    rows: list[Any] = [(1, (1, (7,)), []), (2, (1, (7,)), None), (3, (1, (8,)), []), (4, None, []), (5, None, [])]
    df = spark.createDataFrame(rows, DOCUMENTS)
    for keys, kept in ((["customer.id"], [3, 4, 5]), (["customer.id", "customer.`a.b`.`${env:HOME}`"], [2, 3, 4, 5])):
        latest = df.transform(deduplicate(*keys, latest_by="number"))
        assert latest.schema == df.schema
        assert sorted(row["number"] for row in latest.collect()) == kept


def test_a_field_of_an_array_is_no_key(spark: SparkSession) -> None:
    df = spark.createDataFrame([], DOCUMENTS)
    with pytest.raises(
        ColumnTypeError, match=r"'items\.sku': expected a path through structs; got array.* explode the"
    ):
        df.transform(deduplicate("items.sku"))


def test_a_stream_compares_fields_of_structs(spark: SparkSession, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    days = "at TIMESTAMP, number INT, customer STRUCT<id: INT>"
    lines = [
        {"at": "2026-01-01T00:00:00Z", "number": n, "customer": {"id": i}} for n, i in enumerate([1, 1, 2, None, None])
    ]
    (source / "a.json").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    stream = spark.readStream.schema(days).json(str(source)).withWatermark("at", "1 hour")
    kept = stream.transform(deduplicate("customer.id"))
    options = {"path": str(target), "checkpointLocation": str(tmp_path / "checkpoint")}
    query = kept.writeStream.format("parquet").options(**options).trigger(availableNow=True).start()
    assert query.awaitTermination(LIMIT)
    assert [row["customer"]["id"] for row in spark.read.parquet(str(target)).collect() if row["customer"]["id"]] in (
        [1, 2],
        [2, 1],
    )
    assert spark.read.parquet(str(target)).count() == 4  # both rows without a key stay
