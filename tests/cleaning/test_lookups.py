"""Columns are looked up by key, and rows are neither dropped nor multiplied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from engines import configured, failure_text, plan_of
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F
from strategies import few_batches

from shopsmart_etl import (
    ColumnClashError,
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    RowRefusedError,
    UnsupportedError,
    lookup,
    translate_errors,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


ROWS = "n INT, buyer STRUCT<`the.code`: STRING, zone: INT>"
TABLE = "zone BIGINT NOT NULL COMMENT 'zone', code STRING, name STRING COMMENT 'the name', tags ARRAY<STRING> NOT NULL"
CODES = st.none() | st.sampled_from(["", "a", "A", "b", "é"])
BY_CODE_AND_ZONE = {"buyer.`the.code`": "code", "buyer.zone": "zone"}


@few_batches
@given(
    st.lists(st.none() | st.tuples(CODES, st.none() | st.integers(0, 2)), min_size=20, max_size=60),
    st.lists(
        st.tuples(st.integers(0, 2), CODES, st.none() | st.sampled_from("xyz"), st.lists(st.just("t"), max_size=1)),
        max_size=20,
        unique_by=lambda row: row[:2] if row[1] is not None else object(),
    ),
)
def test_every_row_gets_the_values_of_the_one_row_with_its_key(
    spark: SparkSession, keys: list[Any], table_rows: list[Any]
) -> None:
    table = spark.createDataFrame(table_rows, TABLE)
    df = spark.createDataFrame(list(enumerate(keys)), ROWS)
    by_key = {row[:2]: row[2:] for row in table_rows if row[1] is not None}
    expected = []
    for n, buyer in enumerate(keys):
        found = by_key.get((buyer[1], buyer[0])) if buyer else None
        expected.append((n, buyer, *(found or (None, None)), found is None))
    looked_up = df.transform(lookup(table, on=BY_CODE_AND_ZONE, columns=["name", "tags"]))
    added = "name STRING COMMENT 'the name', tags ARRAY<STRING>, `buyer_the.code_buyer_zone_unmatched` BOOLEAN NOT NULL"
    schema = f"{ROWS}, {added}"
    assert looked_up.schema == spark.createDataFrame([], schema).schema
    assert sorted(map(repr, map(tuple, looked_up.collect()))) == sorted(
        repr(tuple(row)) for row in spark.createDataFrame(expected, looked_up.schema).collect()
    )


def countries(spark: SparkSession) -> DataFrame:
    return spark.sql("SELECT * FROM VALUES ('DE', 'Germany', 1), ('FR', 'France', 2) AS t (country, name, id)")


@pytest.mark.parametrize("column", ["name", "country_unmatched"])
def test_a_key_on_several_rows_fails_the_job_whatever_column_is_used(spark: SparkSession, column: str) -> None:
    table = countries(spark).union(countries(spark))
    df = spark.sql("SELECT 'DE' AS country")
    looked_up = df.transform(lookup(table, on="country", columns="name")).select(column)
    message = r"lookup: expected one row of the table for each key \(country\); got 2 rows for DE"
    with pytest.raises(Exception, match=failure_text(message, error="")):
        looked_up.collect()
    with pytest.raises(RowRefusedError, match=f"^{message}$"), translate_errors():
        looked_up.collect()


def test_rows_without_a_key_in_the_table_may_be_duplicates(spark: SparkSession) -> None:
    table = spark.sql("SELECT * FROM VALUES (CAST(NULL AS STRING), 1), (NULL, 2) AS t (country, id)")
    df = spark.sql("SELECT * FROM VALUES ('DE'), (NULL) AS t (country)")
    looked_up = df.transform(lookup(table, on="country", columns="id"))
    assert [tuple(row) for row in looked_up.orderBy("country").collect()] == [(None, None, True), ("DE", None, True)]


def test_a_table_can_be_looked_up_in_itself(spark: SparkSession) -> None:
    people = spark.sql("SELECT * FROM VALUES (1, 2, 'Ada'), (2, NULL, 'Bob') AS t (id, boss, name)")
    bosses = people.withColumnRenamed("name", "boss_name")
    found = people.transform(lookup(bosses, on={"boss": "id"}, columns="boss_name"))
    expected = spark.createDataFrame(
        [(1, 2, "Ada", "Bob", False), (2, None, "Bob", None, True)],
        "id INT NOT NULL, boss INT, name STRING NOT NULL, boss_name STRING, boss_unmatched BOOLEAN NOT NULL",
    )
    assert_df_equality(found, expected, ignore_row_order=True)


def test_a_broadcast_table_is_joined_by_broadcast_and_only_its_used_columns_are_read(
    spark: SparkSession, tmp_path: Any
) -> None:
    countries(spark).write.parquet(f"{tmp_path}/countries")
    table = spark.read.parquet(f"{tmp_path}/countries")
    df = spark.range(2).selectExpr("CAST(id AS STRING) AS country")
    with configured(spark, {"spark.sql.autoBroadcastJoinThreshold": "-1"}):
        plan = plan_of(df.transform(lookup(F.broadcast(table), on="country", columns=["name", "id"])).drop("id"))
    assert "BroadcastHashJoin" in plan
    assert "ReadSchema: struct<country:string,name:string>" in plan


def test_a_stream_is_looked_up_in_a_table_that_is_none(spark: SparkSession) -> None:
    stream = spark.readStream.format("rate").load()
    table = spark.sql("SELECT 1 AS value, 'one' AS name")
    looked_up = stream.transform(lookup(table, on="value", columns="name"))
    query = looked_up.writeStream.format("memory").queryName("looked_up").trigger(availableNow=True).start()
    assert query.awaitTermination(60)
    with pytest.raises(UnsupportedError, match="table: expected a batch; got a stream"):
        lookup(stream, on="value", columns="timestamp")


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (
            {"on": "id", "columns": "name"},
            ColumnTypeError,
            "column 'id': expected int, as `id` of the table; got string",
        ),
        (
            {"on": {"country": "id"}, "columns": "name"},
            ColumnTypeError,
            "expected int, as `id` of the table; got string",
        ),
        ({"on": {"buyer": "id"}, "columns": "name"}, ColumnTypeError, "expected a key of a scalar type; got struct"),
        ({"on": {"items.sku": "country"}, "columns": "name"}, ColumnTypeError, "a path through structs; got array"),
        ({"on": {"buyer.cod": "country"}, "columns": "name"}, ColumnNotFoundError, "did you mean 'code'"),
        ({"on": {"country": "cuntry"}, "columns": "name"}, ColumnNotFoundError, "did you mean 'country'"),
        ({"on": "country", "columns": "nam"}, ColumnNotFoundError, "did you mean 'name'"),
        (
            {"on": "country", "columns": "id"},
            ColumnClashError,
            "both be named 'id'. Rename the column in the table",
        ),
        ({"on": {}, "columns": "name"}, InvalidArgumentError, "on: expected a mapping from columns"),
        ({"on": "country", "columns": []}, InvalidArgumentError, "columns: expected the name of a column"),
    ],
)
def test_a_lookup_that_would_be_wrong_is_refused(
    spark: SparkSession, step: dict[str, Any], error: type[Exception], message: str
) -> None:
    schema = "id STRING, country STRING, buyer STRUCT<code: STRING>, items ARRAY<STRUCT<sku: STRING>>"
    df = spark.createDataFrame([], schema)
    with pytest.raises(error, match=message):
        df.transform(lookup(countries(spark), **step))


def test_the_preview_has_the_added_columns(spark: SparkSession) -> None:
    df = spark.sql("SELECT 'DE' AS country")
    step: Any = lookup(countries(spark), on="country", columns="name")
    assert [row[1:] for row in step.preview(df.schema).rows] == df.transform(step).dtypes
