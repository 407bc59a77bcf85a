"""Columns are renamed to snake_case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql.types import ArrayType, DataType, IntegerType, MapType, StructField, StructType
from strategies import TYPES, few_batches, plain, rows

from shopsmart_etl import ColumnClashError, ColumnNotFoundError, snake_case_columns
from shopsmart_etl.cleaning.names import snake_case

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession


@pytest.mark.parametrize(
    ("name", "renamed"),
    [
        ("InvoiceNo", "invoice_no"),
        ("CustomerID", "customer_id"),
        ("HTTPStatus", "http_status"),
        ("Unit Price", "unit_price"),
        ("unit-price ($)", "unit_price"),
        ("already_snake_case", "already_snake_case"),
        ("ALLCAPS", "allcaps"),
        ("Top10Products", "top10_products"),
        ("__Hidden", "__hidden"),
        ("a.b`c", "a_b_c"),
        ("ÜberName", "über_name"),
        ("價格", "價格"),
        ("$$", "$$"),
        ("_", "_"),
    ],
)
def test_a_name_is_written_in_snake_case(name: str, renamed: str) -> None:
    assert snake_case(name) == renamed
    assert snake_case(renamed) == renamed


def test_columns_are_renamed_and_nothing_else_changes(spark: SparkSession) -> None:
    ddl = "`{}` int COMMENT 'the id', `{}` struct<InnerName: string>, `{}` array<int>"
    rows = [(1, ("a",), [1]), (None, None, None)]
    df = spark.createDataFrame(rows, ddl.format("OrderID", "Ship To", "a.B"))
    expected = spark.createDataFrame(rows, ddl.format("order_id", "ship_to", "a_b"))
    assert_df_equality(df.transform(snake_case_columns(nested=False)), expected)
    assert df.transform(snake_case_columns("Ship To")).columns == ["OrderID", "ship_to", "a.B"]
    assert expected.transform(snake_case_columns(nested=False)) is expected
    renamed = df.transform(snake_case_columns())
    assert renamed.transform(snake_case_columns()) is renamed


def renamed_type(of: DataType) -> DataType:
    if isinstance(of, ArrayType):
        return ArrayType(renamed_type(of.elementType), of.containsNull)
    if isinstance(of, MapType):
        return MapType(renamed_type(of.keyType), renamed_type(of.valueType), of.valueContainsNull)
    return StructType([renamed(field) for field in of.fields]) if isinstance(of, StructType) else of


def renamed(field: StructField) -> StructField:
    return StructField(snake_case(field.name), renamed_type(field.dataType), field.nullable, field.metadata)


def with_metadata(of: DataType) -> DataType:
    """Give each field whose name has an odd length metadata."""
    if isinstance(of, ArrayType):
        return ArrayType(with_metadata(of.elementType), of.containsNull)
    if isinstance(of, MapType):
        return MapType(of.keyType, with_metadata(of.valueType), of.valueContainsNull)
    if not isinstance(of, StructType):
        return of
    fields = ((field, {"was": field.name} if len(field.name) % 2 else {}) for field in of.fields)
    return StructType(
        [StructField(field.name, with_metadata(field.dataType), field.nullable, tags) for field, tags in fields]
    )


def has_clash(of: DataType) -> bool:
    """Return whether fields of one struct would have one name."""
    if isinstance(of, StructType):
        names = {snake_case(name).lower() for name in of.names}
        return len(names) < len(of.names) or any(has_clash(field.dataType) for field in of.fields)
    if isinstance(of, MapType):
        return has_clash(of.valueType)
    return isinstance(of, ArrayType) and has_clash(of.elementType)


@few_batches
@given(st.lists(st.tuples(TYPES, st.booleans()), min_size=8, max_size=8), st.data())
def test_fields_at_every_depth_are_renamed_and_nothing_else_changes(
    spark: SparkSession, types: list[Any], data: st.DataObject
) -> None:
    fields = [
        StructField(f"Column{index}", with_metadata(of) if index % 2 else of, nullable, {"was": str(index)})
        for index, (of, nullable) in enumerate(types)
        if not has_clash(of)
    ]
    schema = StructType(fields)
    values = data.draw(st.lists(rows(schema), max_size=3))
    result = spark.createDataFrame(values, schema).transform(snake_case_columns())
    assert result.schema == StructType([renamed(field) for field in fields])
    assert result.schema.json() == StructType([renamed(field) for field in fields]).json()
    assert [plain(row) for row in result.collect()] == [plain(row) for row in values]
    preview = snake_case_columns().preview(schema).rows
    assert [row[1:] for row in preview] == [(one.name, one.dataType.simpleString()) for one in result.schema.fields]


def test_metadata_and_nullability_of_nested_fields_are_kept(spark: SparkSession) -> None:
    ddl = (
        "{} STRUCT<{}: INT COMMENT 'tag', c: STRUCT<{}: INT>>, {} STRUCT<{}: INT NOT NULL> NOT NULL, "
        "{} STRUCT<{}: STRUCT<d: INT> NOT NULL>"
    )
    df = spark.createDataFrame([((1, (2,)), (3,), ((4,),)), (None, (5,), None)], ddl.format(*"ABCDEFG"))
    result = df.transform(snake_case_columns())
    assert result.schema.json() == spark.createDataFrame([], ddl.format(*"abcdefg")).schema.json()
    assert [tuple(row) for row in result.collect()] == [((1, (2,)), (3,), ((4,),)), (None, (5,), None)]


NESTED = (
    "Id INT, ShipTo STRUCT<FullName: STRING, zip: STRING, Geo: STRUCT<LatDeg: DOUBLE, LonDeg: DOUBLE>>, "
    "Items ARRAY<STRUCT<SkuCode: STRING, Price: INT>>, Extra MAP<STRUCT<KeyNo: INT>, STRUCT<ValueNo: INT>>"
)


def test_fields_of_keys_and_of_unnamed_columns_are_renamed_only_where_asked(spark: SparkSession) -> None:
    df = spark.createDataFrame([], NESTED)
    result = df.transform(snake_case_columns("Extra", "Items")).schema.simpleString()
    assert result == (
        "struct<Id:int,ShipTo:struct<FullName:string,zip:string,Geo:struct<LatDeg:double,LonDeg:double>>,"
        "items:array<struct<sku_code:string,price:int>>,extra:map<struct<key_no:int>,struct<value_no:int>>>"
    )


def test_spark_reads_only_the_fields_of_structs_that_are_used(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spark.createDataFrame([(1, ("Ada", "D", (1.0, 2.0)), [], {})], NESTED).write.parquet(str(tmp_path / "orders"))
    renamed = spark.read.parquet(str(tmp_path / "orders")).transform(snake_case_columns())
    capsys.readouterr()
    renamed.select("ship_to.full_name", "ship_to.geo.lat_deg").explain()
    assert "ReadSchema: struct<ShipTo:struct<FullName:string,Geo:struct<LatDeg:double>>>" in capsys.readouterr().out
    assert [tuple(row) for row in renamed.select("ship_to.full_name", "ship_to.geo.lat_deg").collect()] == [
        ("Ada", 1.0)
    ]


@pytest.mark.parametrize(
    ("ddl", "message"),
    [
        (
            "a STRUCT<`Unit Price`: INT, UnitPrice: INT>",
            "a.`Unit Price` and a.UnitPrice would both be named 'unit_price'",
        ),
        ("a ARRAY<STRUCT<b: STRUCT<X: INT, `x.`: INT>>>", "a.b.X and a.b.`x.` would both be named 'x'"),
        ("a MAP<STRUCT<K: INT, k_: INT>, INT>", "a.key.K and a.key.k_ would both be named 'k'"),
        ("a MAP<INT, ARRAY<STRUCT<V: INT, `v `: INT>>>", "a.value.V and a.value.`v ` would both be named 'v'"),
    ],
)
def test_fields_that_would_have_one_name_are_refused_at_every_depth(
    spark: SparkSession, ddl: str, message: str
) -> None:
    df = spark.createDataFrame([], ddl)
    with pytest.raises(ColumnClashError) as caught:
        df.transform(snake_case_columns())
    assert (
        str(caught.value)
        == f"{message}. Rename one of them first, or keep the names of all nested fields with nested=False"
    )
    assert df.transform(snake_case_columns(nested=False)) is df


def test_a_struct_of_many_fields_is_renamed(spark: SparkSession) -> None:
    wide = StructType([StructField(f"Field{number}", IntegerType()) for number in range(300)])
    schema = StructType([StructField("Wide", wide)])
    result = spark.createDataFrame([(tuple(range(300)),), (None,)], schema).transform(snake_case_columns())
    assert result.schema == StructType([renamed(field) for field in schema.fields])
    assert sorted(repr(row[0] and sum(row[0])) for row in result.collect()) == ["44850", "None"]


def test_columns_that_would_have_one_name_are_refused(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, 2)], "`Unit Price` int, UnitPrice int")
    with pytest.raises(ColumnClashError, match="`Unit Price` and UnitPrice would both be named 'unit_price'"):
        df.transform(snake_case_columns())
    assert df.transform(snake_case_columns("UnitPrice")).columns == ["Unit Price", "unit_price"]
    with pytest.raises(ColumnNotFoundError, match="did you mean 'UnitPrice'"):
        df.transform(snake_case_columns("UnitPrise"))
