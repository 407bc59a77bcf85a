"""nest_struct: the inverse of flatten_struct, and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from pyspark.sql.types import IntegerType, LongType, StringType, StructField, StructType
from strategies import SEP, frames, nulled, plain

from shopsmart_etl import (
    ColumnClashError,
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    flatten_struct,
    nest_struct,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@given(frames())
def test_nest_is_the_inverse_of_flatten(spark: SparkSession, frame: tuple[StructType, list[Any]]) -> None:
    schema, rows = frame
    df = spark.createDataFrame(rows, schema)
    nested = df.transform(flatten_struct(sep=SEP)).transform(nest_struct(schema, sep=SEP))
    assert plain(nested.collect()) == [plain(nulled(schema, row)) for row in rows]
    assert nested.schema == schema


def test_columns_that_are_not_in_the_schema_come_last(spark: SparkSession) -> None:
    df = spark.sql("SELECT true AS s_x_imputed, 1 AS s_x, 'k' AS key")
    schema = StructType([StructField("s", StructType([StructField("x", IntegerType())]))])
    assert df.transform(nest_struct(schema)).dtypes == [
        ("s", "struct<x:int>"),
        ("s_x_imputed", "boolean"),
        ("key", "string"),
    ]


def test_metadata_is_kept_at_every_level(spark: SparkSession) -> None:
    leaf = StructField("x", StringType(), metadata={"leaf": 1})
    schema = StructType([StructField("s", StructType([leaf]), metadata={"struct": 2})])
    nested = spark.createDataFrame([(("v",),)], schema).transform(flatten_struct()).transform(nest_struct(schema))
    assert nested.schema == schema
    assert nested.schema["s"].metadata == {"struct": 2}


def test_a_null_leaf_that_the_schema_declares_not_null_fails_the_job(spark: SparkSession) -> None:
    fields = [StructField("x", IntegerType(), nullable=False), StructField("y", IntegerType())]
    schema = StructType([StructField("s", StructType(fields))])
    df = spark.sql("SELECT CAST(NULL AS INT) AS s_x, 1 AS s_y")
    with pytest.raises(Exception, match=r"s\.x: expected a value, since the schema declares it NOT NULL; got null"):
        df.transform(nest_struct(schema)).collect()


def test_thirty_levels_are_flattened_and_nested_again(spark: SparkSession) -> None:
    schema = StructType([StructField("v", LongType())])
    row: tuple[Any, ...] = (0,)
    for level in range(1, 30):
        schema = StructType([StructField("v", LongType()), StructField("n", schema)])
        row = (level, row)
    df = spark.createDataFrame([(row,), (None,)], StructType([StructField("s", schema)]))
    assert df.transform(flatten_struct()).transform(nest_struct(df.schema)).collect() == df.collect()


SCHEMA = StructType([StructField("s", StructType([StructField("name", StringType())]))])


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        (["'a' AS s_nam"], ColumnNotFoundError, "no column 's_name'; did you mean 's_nam'"),
        (["1 AS s_name"], ColumnTypeError, "column 's_name': expected string; got int. Cast it first"),
        (["'a' AS s_name", "1 AS S"], ColumnClashError, "column `S` and the schema's `s` would both be named 's'"),
    ],
)
def test_the_error_for_a_wrong_column_names_it(
    spark: SparkSession, columns: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        spark.range(1).selectExpr(*columns).transform(nest_struct(SCHEMA))


def test_a_wrong_schema_fails_when_the_step_is_built() -> None:
    with pytest.raises(InvalidArgumentError, match="schema: expected a StructType"):
        nest_struct(7)  # type: ignore[arg-type]


def test_a_schema_can_be_ddl_text(spark: SparkSession) -> None:
    flat = spark.createDataFrame([("Ada", 1)], "s_name string, id int")
    assert flat.transform(nest_struct("s STRUCT<name: STRING>")).collect() == [(("Ada",), 1)]
    with pytest.raises(InvalidArgumentError, match="schema: expected DDL such as"):
        flat.transform(nest_struct("s STRUCT<"))
