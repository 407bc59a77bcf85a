"""Fields are changed in place by a function, and a result of another type than declared is refused."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from hypothesis import given
from hypothesis import strategies as st
from pyspark.errors import AnalysisException
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DecimalType,
    StringType,
    StructField,
    StructType,
    VarcharType,
)
from strategies import TYPES, few_batches, plain, rows

from shopsmart_etl import ColumnNotFoundError, ColumnTypeError, InvalidArgumentError, map_fields
from shopsmart_etl._core.session import is_connect
from shopsmart_etl._core.sql import path_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import Column, SparkSession

ORDERS = (
    "id INT, note STRING COMMENT 'a note', buyer STRUCT<name: STRING COMMENT 'a name', age: INT>, "
    "items ARRAY<STRUCT<sku: STRING, price: DECIMAL(4, 2), offers: ARRAY<STRUCT<code: STRING, cut: INT>>>>"
)
ROWS: list[Any] = [
    (1, "a", ("Ada", 7), [("pen", Decimal("1.50"), [("x", 1), (None, None)]), None, (None, None, None)]),
    (2, None, (None, None), []),
    (None, "", None, None),
]


def is_null(value: Column) -> Column:
    return value.isNull()


def leaves(of: DataType, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the path of each field in structs and arrays of structs that is neither."""
    inner = of
    while isinstance(inner, ArrayType):
        inner = inner.elementType
    if not isinstance(inner, StructType):
        yield path
        return
    for field in inner.fields:
        yield from leaves(field.dataType, (*path, field.name))


def mapped(of: DataType, value: Any) -> Any:
    """Return what a column has where each of its leaves is whether it was null."""
    inner = of
    while isinstance(inner, ArrayType):
        inner = inner.elementType
    if not isinstance(inner, StructType):
        return value is None
    if value is None:
        return None
    if isinstance(of, ArrayType):
        return [mapped(of.elementType, item) for item in value]
    return tuple(mapped(field.dataType, item) for field, item in zip(of.fields, value, strict=True))  # type: ignore[attr-defined]


def mapped_type(of: DataType, *, nullable: bool) -> DataType:
    if isinstance(of, ArrayType):
        return ArrayType(mapped_type(of.elementType, nullable=of.containsNull), of.containsNull)
    assert isinstance(of, StructType)
    return StructType([mapped_field(field, inside_null=nullable) for field in of.fields])


def mapped_field(field: StructField, *, inside_null: bool = False) -> StructField:
    """Return what a field becomes: of a nullable struct, Spark takes the structs and arrays for nullable."""
    paths = [*leaves(field.dataType, (field.name,))]
    if not paths:  # an empty struct
        return field
    if paths == [(field.name,)]:
        return StructField(field.name, BooleanType())
    nullable = field.nullable or inside_null
    return StructField(field.name, mapped_type(field.dataType, nullable=nullable), nullable)


@few_batches
@given(st.lists(st.tuples(TYPES, st.booleans()), min_size=8, max_size=8), st.data())
def test_every_field_is_changed_where_it_is(spark: SparkSession, types: list[Any], data: st.DataObject) -> None:
    schema = StructType([StructField(f"c{index}", of, nullable) for index, (of, nullable) in enumerate(types)])
    values = data.draw(st.lists(rows(schema), max_size=3))
    paths = [path_text(path) for field in schema.fields for path in leaves(field.dataType, (field.name,))]
    if not paths:  # empty structs alone
        return
    step = map_fields(is_null, *paths, to="BOOLEAN")
    result = spark.createDataFrame(values, schema).transform(step)
    expected = [
        tuple(mapped(field.dataType, value) for field, value in zip(schema.fields, row, strict=True)) for row in values
    ]
    assert sorted(map(repr, map(plain, result.collect()))) == sorted(map(repr, expected))
    assert result.schema == StructType([mapped_field(field) for field in schema.fields])
    assert step.preview(schema).rows == tuple(
        (field.name, field.name, field.dataType.simpleString()) for field in result.schema.fields
    )


@pytest.mark.parametrize("to", ["DECIMAL(10, 3)", DecimalType(10, 3)])
def test_the_declared_type_is_the_type_of_the_result_and_metadata_is_kept(spark: SparkSession, to: Any) -> None:
    df = spark.createDataFrame(ROWS, ORDERS)
    raised = df.transform(map_fields(lambda price: (price * 2).cast("decimal(10, 3)"), "items.price", to=to))
    upper = raised.transform(map_fields(F.upper, "note", "buyer.name", "items.offers.code", "note"))
    schema = spark.createDataFrame([], ORDERS.replace("DECIMAL(4, 2)", "DECIMAL(10, 3)")).schema
    pen = ("pen", Decimal("3.000"), [("X", 1), (None, None)])
    expected: list[Any] = [
        (1, "A", ("ADA", 7), [pen, None, (None, None, None)]),
        (2, None, (None, None), []),
        (None, "", None, None),
    ]
    assert_df_equality(upper, spark.createDataFrame(expected, schema))
    assert upper.schema == schema  # the comments too


def test_a_field_with_metadata_is_changed_inside_nullable_structs(spark: SparkSession) -> None:
    ddl = (
        "a STRUCT<b: STRUCT<c: STRING COMMENT 'text', d: INT{0}>{0}, "
        "e: ARRAY<STRUCT<f: INT COMMENT 'count', g: INT{0}>>{0}>, "
        "h STRUCT<i: INT COMMENT 'count', j: INT NOT NULL> NOT NULL"
    )
    rows: list[Any] = [((("x", 1), [(2, 3), None]), (4, 5)), (None, (None, 6))]
    df = spark.createDataFrame(rows, ddl.format(" NOT NULL"))
    result = df.transform(map_fields(F.upper, "a.b.c")).transform(map_fields(lambda n: n + 1, "a.e.f", "h.i"))
    assert result.schema.json() == spark.createDataFrame([], ddl.format("")).schema.json()
    assert [tuple(row) for row in result.collect()] == [((("X", 1), [(3, 3), None]), (5, 5)), (None, (None, 6))]


def test_the_result_is_nullable_even_if_it_cannot_be_null(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, [(2,)])], "id INT NOT NULL, items ARRAY<STRUCT<n: INT NOT NULL>>")
    result = df.transform(map_fields(lambda _: F.lit(7), "id", "items.n"))
    assert result.schema == spark.createDataFrame([], "id INT, items ARRAY<STRUCT<n: INT>>").schema
    assert [tuple(row) for row in result.collect()] == [(7, [(7,)])]


# The function, the path, the declared type, and the types in the message.
OTHER_TYPES: list[tuple[Callable[[Column], Column], str, Any, str, str]] = [
    (lambda c: c.cast("bigint"), "id", None, "int", "bigint"),
    (lambda c: c, "id", "BIGINT", "bigint", "int"),
    (lambda c: c, "id", "STRING", "string", "int"),
    (lambda c: c.cast("int"), "note", None, "string", "int"),
    (lambda c: c * 2, "items.price", None, r"decimal\(4,2\)", r"decimal\(\d+,2\)"),
    (lambda c: c.cast("decimal(4, 3)"), "items.price", DecimalType(4, 2), r"decimal\(4,2\)", r"decimal\(4,3\)"),
    (F.struct, "items.offers.cut", "INT", "int", "struct<.*"),
    (F.array, "buyer.age", "ARRAY<BIGINT>", "array<bigint>", "array<int>"),
    (lambda c: F.struct(c.alias("b")), "id", "STRUCT<a: INT>", "struct<a:int>", ".*struct<b: int.*"),
]


@pytest.mark.parametrize(("function", "path", "to", "declared", "got"), OTHER_TYPES)
def test_a_result_of_another_type_than_declared_is_refused(
    spark: SparkSession, function: Any, path: str, to: Any, declared: str, got: str
) -> None:
    df, step = spark.createDataFrame(ROWS, ORDERS), map_fields(function, path, to=to)
    if is_connect(spark):  # analyzes the query later
        with pytest.raises(AnalysisException, match=rf"(?i)the function for {path} must be {declared}.*{got}"):
            _ = df.transform(step).schema
        return
    line = rf"column '{path}': expected a result of type {declared} from the function; got {got}\. Cast in"
    with pytest.raises(ColumnTypeError, match=line) as caught:
        df.transform(step)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "function",
    [
        lambda c: F.sum(c).cast("int"),
        lambda c: F.explode(F.array(c, c)),
        lambda c: c + F.col("other"),
        lambda c: F.element_at(c, 1),
    ],
)
def test_a_function_that_is_not_of_its_own_value_is_refused(spark: SparkSession, function: Any) -> None:
    df = spark.createDataFrame([(1,), (2,)], "id INT")  # of which Spark would make one sum
    if is_connect(spark):
        with pytest.raises(AnalysisException):
            df.transform(map_fields(function, "id")).collect()
        return
    with pytest.raises(InvalidArgumentError, match="function: expected a function of the values of id alone") as caught:
        df.transform(map_fields(function, "id"))
    assert "\n" not in str(caught.value)


def fails(_: Column) -> Column:
    raise KeyError("rate")


def test_wrong_functions_paths_and_types_are_refused(spark: SparkSession) -> None:
    df = spark.createDataFrame(ROWS, ORDERS)
    with pytest.raises(InvalidArgumentError, match="function: expected a function that takes a Column"):
        map_fields("upper", "note")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="paths: expected the names of the fields"):
        map_fields(F.upper)
    wrong: Any
    for wrong in (VarcharType(3), "", 7, StringType):
        with pytest.raises(InvalidArgumentError, match="to: expected a DataType, DDL text"):
            map_fields(F.upper, "note", to=wrong)
    for wrong in ("INT, b STRING", "INT NOT NULL", "INT COMMENT 'c'", "VARCHAR(3)", "NUMBER OF"):
        with pytest.raises(InvalidArgumentError, match=r"to: expected a DataType, DDL text .* got ") as caught:
            df.transform(map_fields(F.upper, "note", to=wrong))
        assert wrong in str(caught.value)
    with pytest.raises(InvalidArgumentError, match=r"function: expected no error for 'items.sku'; got KeyError"):
        df.transform(map_fields(fails, "items.sku"))
    with pytest.raises(InvalidArgumentError, match=r"function: expected a function that takes a Column .* got 7"):
        df.transform(map_fields(lambda _: 7, "items.sku"))  # type: ignore[arg-type, return-value]
    with pytest.raises(InvalidArgumentError, match=r"expected no field inside another; got \('items', 'items.sku'\)"):
        df.transform(map_fields(F.upper, "items.sku", "note", "items"))
    with pytest.raises(ColumnNotFoundError, match="did you mean 'price'"):
        df.transform(map_fields(F.upper, "items.prize"))
    with pytest.raises(ColumnTypeError, match="expected a struct or an array of structs; got string"):
        df.transform(map_fields(F.upper, "note.name"))


def test_a_step_is_equal_to_one_of_the_same_function_and_pickled_with_it(spark: SparkSession) -> None:
    step = map_fields(is_null, "note", to="BOOLEAN")
    assert repr(step) == "map_fields(is_null, 'note', to='BOOLEAN')"
    assert step == map_fields(is_null, "note", to="BOOLEAN")
    assert step != map_fields(F.isnull, "note", to="BOOLEAN")
    restored = pickle.loads(pickle.dumps(step))  # noqa: S301 - our own
    assert restored == step
    flags = spark.createDataFrame(ROWS, ORDERS).transform(restored).select("note").collect()
    assert sorted(row["note"] for row in flags) == [False, False, True]
    with pytest.raises(Exception, match=r"(?i)pickle"):
        pickle.dumps(map_fields(lambda c: c, "note"))


def test_the_check_of_the_type_costs_nothing_when_the_query_runs(
    spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    df = spark.createDataFrame(ROWS, ORDERS)
    df.transform(map_fields(F.upper, "note", "buyer.name", "items.sku")).explain()
    physical = capsys.readouterr().out
    assert "upper(" in physical
    assert "aggregate(" not in physical
    assert "map_fields" not in physical


def test_many_fields_of_one_struct_are_changed(spark: SparkSession) -> None:
    # The plan would not end if each change were computed from the result of the one before it.
    names = [f"f{number}" for number in range(40)]
    df = spark.createDataFrame([((*range(40),),), (None,)], f"a STRUCT<{', '.join(f'{name}: INT' for name in names)}>")
    result = df.transform(map_fields(lambda value: value + 1, *(f"a.{name}" for name in names)))
    assert [row.a and tuple(row.a) for row in result.collect()] == [(*range(1, 41),), None]
