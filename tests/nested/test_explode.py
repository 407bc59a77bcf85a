"""explode_arrays: rows, schema, errors and pruning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from engines import plan_of
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql.types import ArrayType, IntegerType, StructField, StructType
from strategies import TYPES, frames, plain

from shopsmart_etl import (
    ColumnClashError,
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    SiblingArraysError,
    explode_arrays,
    flatten_struct,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

ARRAYS = st.builds(ArrayType, TYPES, st.booleans())
ONE_ARRAY = st.builds(
    lambda array, nullable: StructType(
        [StructField("id", IntegerType()), StructField("a`.rr", array, nullable), StructField("z", IntegerType())]
    ),
    ARRAYS,
    st.booleans(),
)
TWO_ARRAYS = st.builds(
    lambda first, second, nullable: StructType([StructField("x", first, nullable), StructField("y", second, nullable)]),
    ARRAYS,
    ARRAYS,
    st.booleans(),
)


@given(frames(ONE_ARRAY), st.booleans(), st.sampled_from([None, "_pos"]))
def test_each_element_becomes_one_row(
    spark: SparkSession,
    frame: tuple[StructType, list[Any]],
    keep_empty: bool,
    position: str | None,
) -> None:
    schema, rows = frame
    step = explode_arrays("a`.rr", keep_empty=keep_empty, position_suffix=position, present_suffix=None)
    exploded = spark.createDataFrame(rows, schema).transform(step)
    expected = []
    for key, array, rest in rows:
        elements: list[tuple[Any, Any]] = list(enumerate(array or [])) or ([(None, None)] if keep_empty else [])
        expected += [(key, *([index] if position else []), element, rest) for index, element in elements]
    assert plain(exploded.collect()) == [plain(row) for row in expected]
    array_type = schema["a`.rr"].dataType
    assert isinstance(array_type, ArrayType)
    columns = [schema.fields[0]]
    if position:
        columns.append(StructField("a`.rr_pos", IntegerType(), keep_empty))
    columns += [StructField("a`.rr", array_type.elementType, keep_empty or array_type.containsNull), schema.fields[2]]
    assert exploded.schema == StructType(columns)


@given(frames(TWO_ARRAYS), st.booleans())
def test_zip_pairs_elements_by_index_and_pads_with_nulls(
    spark: SparkSession,
    frame: tuple[StructType, list[Any]],
    keep_empty: bool,
) -> None:
    schema, rows = frame
    step = explode_arrays(siblings="zip", keep_empty=keep_empty, position_suffix="#", present_suffix=None)
    exploded = spark.createDataFrame(rows, schema).transform(step)
    expected: list[Any] = []
    for first, second in rows:
        longest = max(len(first or []), len(second or []))
        if longest == 0 and keep_empty:
            expected.append((None,) * 4)
        for index in range(longest):
            pair = [array[index] if array and index < len(array) else None for array in (first, second)]
            expected.append((index, pair[0], index, pair[1]))
    assert plain(exploded.collect()) == [plain(row) for row in expected]
    assert exploded.columns == ["x#", "x", "y#", "y"]


@pytest.fixture
def orders(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(
        [(1, ["a", "b"], [10]), (2, [], [20, 21]), (3, None, None)], "id int, tags array<string>, sums array<int>"
    )


def test_rows_with_null_and_empty_arrays_are_kept(spark: SparkSession, orders: DataFrame) -> None:
    expected = spark.createDataFrame(
        [(1, "a", [10]), (1, "b", [10]), (2, None, [20, 21]), (3, None, None)],
        "id int, tags string, sums array<int>",
    )
    assert_df_equality(orders.transform(explode_arrays("tags", present_suffix=None)), expected)


def test_keep_empty_false_drops_rows_without_elements(spark: SparkSession, orders: DataFrame) -> None:
    expected = spark.createDataFrame([(1, "a", [10]), (1, "b", [10])], "id int, tags string, sums array<int>")
    assert_df_equality(orders.transform(explode_arrays("tags", keep_empty=False)), expected)


def test_several_arrays_are_refused_by_default(orders: DataFrame) -> None:
    with pytest.raises(SiblingArraysError, match=r"expected one array to explode; got 2: tags, sums.*siblings='zip'"):
        orders.transform(explode_arrays())


def test_zip_keeps_all_elements_if_the_other_array_is_null(spark: SparkSession, orders: DataFrame) -> None:
    expected = spark.createDataFrame(
        [(1, "a", 10), (1, "b", None), (2, None, 20), (2, None, 21), (3, None, None)], "id int, tags string, sums int"
    )
    assert_df_equality(orders.transform(explode_arrays(siblings="zip", present_suffix=None)), expected)


def test_cross_returns_every_combination(orders: DataFrame) -> None:
    rows = orders.transform(explode_arrays("sums", "tags", siblings="cross", present_suffix=None)).collect()
    assert [tuple(row) for row in rows] == [
        (1, "a", 10),
        (1, "b", 10),
        (2, None, 20),
        (2, None, 21),
        (3, None, None),
    ]


def test_a_frame_without_arrays_is_returned_unchanged(spark: SparkSession) -> None:
    df = spark.range(1)
    assert df.transform(explode_arrays()) is df


def test_columns_that_differ_only_in_case_keep_their_values(spark: SparkSession) -> None:
    df = spark.sql("SELECT array(1, 2) AS items, 3 AS ID, 4 AS id")
    exploded = df.transform(explode_arrays("items", present_suffix=None))
    assert [tuple(row) for row in exploded.collect()] == [
        (1, 3, 4),
        (2, 3, 4),
    ]


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (explode_arrays("tag"), ColumnNotFoundError, "no column 'tag'; did you mean 'tags'"),
        (explode_arrays("id"), ColumnTypeError, "column 'id': expected an array; got int"),
        (explode_arrays("map"), ColumnTypeError, r"got map<string,int>. For a map, use explode_map"),
        (explode_arrays("tags", position_suffix="2"), ColumnClashError, "column `tags2` and the position of `tags`"),
    ],
)
def test_the_error_for_a_wrong_column_names_it(
    spark: SparkSession, step: Any, error: type[Exception], message: str
) -> None:
    df = spark.sql("SELECT 1 id, array('a') tags, map('k', 1) map, 2 AS tags2")
    with pytest.raises(error, match=message):
        df.transform(step)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"siblings": "both"}, "siblings: expected one of 'error', 'zip', 'cross'"),
        ({"position_suffix": ""}, "position_suffix: expected a suf"),
    ],
)
def test_a_wrong_argument_fails_when_the_step_is_built(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        explode_arrays("tags", **arguments)


def test_a_later_select_reads_only_the_fields_it_needs(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "orders")
    spark.sql("SELECT 1 id, array(named_struct('sku', 'a', 'price', 2)) items").write.parquet(path)
    lines = spark.read.parquet(path).transform(explode_arrays("items")).transform(flatten_struct("items"))
    text = plan_of(lines.select("items_price"))
    assert "ReadSchema: struct<items:array<struct<price:int>>>" in text
