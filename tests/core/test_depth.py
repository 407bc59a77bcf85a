"""Schemas of many types inside one another: each step plans them up to a limit, and refuses more at once."""

from __future__ import annotations

import pytest
from pyspark.sql.types import ArrayType, DataType, IntegerType, LongType, MapType, StringType, StructField, StructType

from shopsmart_etl import (
    ColumnTypeError,
    InvalidArgumentError,
    RelationalModel,
    conform,
    expand_variant,
    flatten_struct,
    nest_struct,
)
from shopsmart_etl._core.depth import MAX_DEPTH, type_depth
from shopsmart_etl.nested.variant import _typed

SHAPES = ["struct", "array", "array of structs", "map"]
FAR = [MAX_DEPTH + 1, 200, 600]


def nested_type(shape: str, depth: int, leaf: DataType) -> DataType:
    """Nest types until there are ``depth`` of them; at an odd depth an array of structs ends with an array."""
    of = leaf
    for level in range(depth):
        if shape == "struct" or (shape == "array of structs" and level % 2 == 0 and level < depth - depth % 2):
            of = StructType([StructField("a", of), StructField("b", IntegerType())])
        else:
            of = MapType(StringType(), of) if shape == "map" else ArrayType(of)
    return of


def schema_of(shape: str, depth: int, leaf: DataType) -> StructType:
    return StructType([StructField("id", LongType()), StructField("v", nested_type(shape, depth, leaf))])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("depth", [0, 1, 2, 7, MAX_DEPTH, 600])
def test_the_depth_of_a_type_is_counted(shape: str, depth: int) -> None:
    assert type_depth(nested_type(shape, depth, IntegerType())) == depth


def test_the_deepest_part_counts() -> None:
    of = StructType([StructField("a", MapType(ArrayType(LongType()), LongType())), StructField("b", StructType())])
    assert type_depth(of) == 3


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("depth", FAR)
def test_a_schema_that_is_too_deep_is_refused_where_the_step_is_built(shape: str, depth: int) -> None:
    schema = schema_of(shape, depth, IntegerType())
    for build in (conform, nest_struct, lambda one: expand_variant("v", schema=one)):
        with pytest.raises(InvalidArgumentError) as caught:
            build(schema)
        assert str(caught.value) == (
            f"schema: expected columns of at most {MAX_DEPTH} structs, arrays and maps inside one another; got {depth}"
        )


@pytest.mark.parametrize("depth", FAR)
def test_columns_that_are_too_deep_are_refused_by_the_schema_alone(depth: int) -> None:
    for shape in SHAPES:
        with pytest.raises(ColumnTypeError, match=f"column 'v': expected at most {MAX_DEPTH} .*; got {depth}. Spark"):
            RelationalModel(schema_of(shape, depth, IntegerType()), root="t", key="id")
    with pytest.raises(ColumnTypeError, match=f"column 'v': expected at most {MAX_DEPTH} .*; got {depth}. Spark"):
        flatten_struct().preview(schema_of("struct", depth, IntegerType()))


def test_levels_that_a_flatten_keeps_do_not_count() -> None:
    assert len(flatten_struct(max_depth=2).preview(schema_of("struct", 200, IntegerType())).rows) == 4
    assert len(flatten_struct().preview(schema_of("array", 200, IntegerType())).rows) == 2


def test_a_schema_at_the_limit_is_planned_without_spark() -> None:
    for shape in SHAPES:
        schema = schema_of(shape, MAX_DEPTH, IntegerType())
        model = RelationalModel(schema, root="t", key="id")
        tables = {"struct": 1, "array of structs": MAX_DEPTH // 2 + 1}.get(shape, MAX_DEPTH + 1)
        assert len(model.tables) == model.mermaid().count("{\n") == len(repr(model).splitlines()) == tables
        wanted = conform(schema_of(shape, MAX_DEPTH, LongType()))
        assert [row[:2] for row in wanted.preview(schema).rows] == [("id", "id"), ("v", "v")]
    assert len(flatten_struct().preview(schema_of("struct", MAX_DEPTH, IntegerType())).rows) == MAX_DEPTH + 2


def test_a_variant_is_expanded_to_columns_of_at_most_24_types_inside_one_another() -> None:
    step = expand_variant("v", schema=schema_of("struct", 25, IntegerType()))
    with pytest.raises(InvalidArgumentError, match=r"schema: expected columns of at most 24 .*; got 25"):
        step.preview(StructType([StructField("v", StringType())]))


def test_the_sql_of_a_variant_grows_linearly_with_the_depth() -> None:
    sizes = [len(_typed("`0`", nested_type("struct", depth, IntegerType()), 0)) for depth in (5, 10, 20)]
    assert sizes[2] < 4.1 * sizes[0]
