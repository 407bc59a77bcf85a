"""flatten_struct: rows, schema, names, errors, preview and pruning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from engines import plan_of
from hypothesis import given
from pyspark.sql.types import LongType, StringType, StructField, StructType
from strategies import SEP, flat_fields, flat_row, frames, plain

from shopsmart_etl import ColumnClashError, ColumnNotFoundError, ColumnTypeError, InvalidArgumentError, flatten_struct

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

ORDER = "id int, customer struct<name: string, address: struct<city: string, zip: int>>, total int"


@given(frames())
def test_every_schema_is_flattened_to_its_leaves(spark: SparkSession, frame: tuple[StructType, list[Any]]) -> None:
    schema, rows = frame
    flat = spark.createDataFrame(rows, schema).transform(flatten_struct(sep=SEP))
    assert flat.schema == StructType(flat_fields(schema))
    assert plain(flat.collect()) == [plain(flat_row(schema, row)) for row in rows]


@pytest.fixture
def orders(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([(1, ("Ada", ("Cork", 7)), 9), (2, ("Bob", None), 8), (3, None, 7)], ORDER)


def test_leaves_replace_the_struct_in_schema_order(spark: SparkSession, orders: DataFrame) -> None:
    expected = spark.createDataFrame(
        [(1, "Ada", "Cork", 7, 9), (2, "Bob", None, None, 8), (3, None, None, None, 7)],
        "id int, customer_name string, customer_address_city string, customer_address_zip int, total int",
    )
    assert_df_equality(orders.transform(flatten_struct()), expected)


def test_only_named_columns_are_flattened(spark: SparkSession) -> None:
    df = spark.sql("SELECT named_struct('x', 1) a, named_struct('x', 2) b")
    assert df.transform(flatten_struct("b")).columns == ["a", "b_x"]


def test_max_depth_keeps_deeper_structs(orders: DataFrame) -> None:
    flat = orders.transform(flatten_struct(max_depth=1, sep="."))
    assert flat.schema.simpleString() == (
        "struct<id:int,customer.name:string,customer.address:struct<city:string,zip:int>,total:int>"
    )


def test_arrays_and_maps_are_not_flattened(spark: SparkSession) -> None:
    df = spark.sql("SELECT named_struct('m', map('k', named_struct('x', 1)), 'a', array(named_struct('y', 2))) s")
    assert df.transform(flatten_struct()).dtypes == [
        ("s_m", "map<string,struct<x:int>>"),
        ("s_a", "array<struct<y:int>>"),
    ]


@pytest.mark.needs("empty structs")
def test_empty_structs_are_kept(spark: SparkSession) -> None:
    df = spark.sql("SELECT named_struct('e', named_struct(), 'x', 1) s")
    assert df.transform(flatten_struct()).dtypes == [("s_e", "struct<>"), ("s_x", "int")]


def test_a_frame_without_structs_is_returned_unchanged(spark: SparkSession) -> None:
    df = spark.range(1)
    assert df.transform(flatten_struct()) is df


def test_field_metadata_is_kept(spark: SparkSession) -> None:
    field = StructField("x", StringType(), nullable=False, metadata={"comment": "kept"})
    df = spark.createDataFrame([(("v",),)], StructType([StructField("s", StructType([field]), nullable=False)]))
    (flat,) = df.transform(flatten_struct()).schema.fields
    assert (flat.name, flat.metadata, flat.nullable) == ("s_x", {"comment": "kept"}, False)


def test_leaves_with_the_same_name_are_refused_with_both_paths(spark: SparkSession) -> None:
    df = spark.sql("SELECT named_struct('b_c', 1) a, named_struct('c', 2) a_b")
    with pytest.raises(ColumnClashError, match=r"a\.b_c and a_b\.c would both be named 'a_b_c'. Rename one"):
        df.transform(flatten_struct())
    assert df.transform(flatten_struct(sep=".")).columns == ["a.b_c", "a_b.c"]


def test_names_that_differ_only_in_case_clash_unless_the_session_is_case_sensitive(spark: SparkSession) -> None:
    df = spark.sql("SELECT named_struct('ID', 1, 'id', 2) s")
    with pytest.raises(ColumnClashError, match=r"s\.ID and s\.id"):
        df.transform(flatten_struct())
    spark.conf.set("spark.sql.caseSensitive", "true")
    try:
        flat = df.transform(flatten_struct())
        assert [tuple(row) for row in flat.collect()] == [(1, 2)]
        assert flat.columns == ["s_ID", "s_id"]
    finally:
        spark.conf.unset("spark.sql.caseSensitive")


def test_nested_fields_that_differ_only_in_case_keep_their_values(spark: SparkSession) -> None:
    df = spark.sql("SELECT named_struct('deep', named_struct('ID', 1, 'id', 2)) s")
    (row,) = df.transform(flatten_struct(max_depth=1)).collect()
    assert tuple(row["s_deep"]) == (1, 2)


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (flatten_struct("custmer"), ColumnNotFoundError, "no column 'custmer'; did you mean 'customer'"),
        (flatten_struct("total"), ColumnTypeError, "column 'total': expected a struct; got int"),
    ],
)
def test_the_error_for_a_wrong_column_names_it(
    orders: DataFrame, step: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        orders.transform(step)


def test_a_wrong_depth_fails_when_the_step_is_built() -> None:
    with pytest.raises(InvalidArgumentError, match="max_depth: expected an integer of at least 1"):
        flatten_struct(max_depth=0)


def test_a_preview_shows_the_columns_of_the_flatten(spark: SparkSession) -> None:
    df = spark.sql("SELECT named_struct('a.b', 1, '<i>', array('x')) AS s, 2 AS id")
    preview = flatten_struct().preview(df.schema)
    flat = df.transform(flatten_struct())
    assert [row[1:] for row in preview.rows] == flat.dtypes
    assert [row[0] for row in preview.rows] == ["s.`a.b`", "s.`<i>`", "id"]
    assert repr(preview).splitlines()[:3] == [
        "path     column  type",
        "-------  ------  -------------",
        "s.`a.b`  s_a.b   int",
    ]
    assert "<td>s_&lt;i&gt;</td>" in preview._repr_html_()


def test_a_preview_raises_the_errors_of_the_flatten(spark: SparkSession) -> None:
    schema = spark.sql("SELECT named_struct('b', 1) AS a, 2 AS A_B").schema
    with pytest.raises(ColumnClashError):
        flatten_struct().preview(schema)


def test_thirty_levels_are_flattened(spark: SparkSession) -> None:
    schema: StructType = StructType([StructField("v", LongType())])
    row: tuple[Any, ...] = (0,)
    for level in range(1, 30):
        schema = StructType([StructField("v", LongType()), StructField("n", schema)])
        row = (level, row)
    flat = spark.createDataFrame([(row,), (None,)], StructType([StructField("s", schema)])).transform(flatten_struct())
    assert [tuple(flat_row) for flat_row in flat.collect()] == [tuple(range(29, -1, -1)), (None,) * 30]


def test_a_later_select_reads_only_its_fields_and_filters_are_pushed_down(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "orders")
    spark.createDataFrame([(1, ("Ada", ("Cork", 7)), 9)], ORDER).write.parquet(path)
    flat = spark.read.parquet(path).transform(flatten_struct())
    plan = flat.where("customer_address_city = 'Cork'").select("customer_address_city")
    text = plan_of(plan)
    assert "ReadSchema: struct<customer:struct<address:struct<city:string>>>" in text
    assert "EqualTo(customer.address.city,Cork)" in text
    assert plan.count() == 1
