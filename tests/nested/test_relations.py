"""relationalize and rebuild_documents: tables, keys, the round trip and errors."""

from __future__ import annotations

from functools import partial, reduce
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, IntegerType, MapType, StringType, StructField, StructType
from strategies import SEP, flat_fields, flat_row, frames, nulled_throughout, plain

from shopsmart_etl import (
    ColumnClashError,
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    KeyNotUniqueError,
    RelationalModel,
    RowRefusedError,
    UnsupportedError,
    rebuild_documents,
    relationalize,
    translate_errors,
)
from shopsmart_etl._core.sql import path_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession

# Each schema has its own plan, with a join per array and map.
fewer_schemas = settings(max_examples=1 + settings().max_examples // 3)
# Not equal to any path of generated names.
KEY = f"{SEP}key"
ORDERS = """id INT, customer STRUCT<name: STRING>, items ARRAY<STRUCT<sku: STRING,
    discounts: ARRAY<STRUCT<code: STRING>>, attributes: MAP<STRING, STRING>>>, grid ARRAY<ARRAY<INT>>"""

CARRIED = (
    StructType()
    .add("id", IntegerType())
    .add("country", StringType())
    .add("sku", StringType())
    .add("items_pos", StringType())
    .add("customer", StructType().add("name", StringType()))
    .add("labels", MapType(StringType(), StringType()))
    .add(
        "items",
        ArrayType(
            StructType()
            .add("sku", StringType())
            .add("customer_name", StringType())
            .add("prices", ArrayType(IntegerType()))
        ),
    )
)


def orders(spark: SparkSession) -> DataFrame:
    rows: list[tuple[Any, ...]] = [
        (1, ("Ada",), [("pen", [("A",), ("B",)], {"color": "red"}), None, ("ink", None, {})], [[1, 2], [], None]),
        (2, None, [], None),
        (3, (None,), None, []),
    ]
    return spark.createDataFrame(rows, ORDERS)


def keyed(spark: SparkSession, frame: tuple[StructType, list[Any]]) -> DataFrame:
    schema, rows = frame
    with_key = StructType([StructField(KEY, IntegerType()), *schema.fields])
    return spark.createDataFrame([(number, *row) for number, row in enumerate(rows)], with_key)


@fewer_schemas
@given(frames(max_rows=12))
def test_rebuilt_documents_are_equal_to_the_originals(spark: SparkSession, frame: tuple[StructType, list[Any]]) -> None:
    df = keyed(spark, frame)
    tables = relationalize(df, root="doc", key=KEY, sep=SEP, present_suffix=f"{SEP}present", carry=KEY)
    back = rebuild_documents(tables, model=tables.model)
    rebuilt = sorted((tuple(row) for row in back.collect()), key=itemgetter(0))
    assert plain(rebuilt) == plain([(number, *row) for number, row in enumerate(frame[1])])
    assert back.schema.simpleString() == df.schema.simpleString()


@fewer_schemas
@given(frames(max_rows=12), st.sampled_from([None, f"{SEP}present"]))
def test_every_child_row_has_the_carried_values_of_its_document(
    spark: SparkSession, frame: tuple[StructType, list[Any]], present_suffix: str | None
) -> None:
    # No generated name is "doc", so no carried column has the name of a field in an array.
    schema, rows = StructType([StructField("doc", frame[0])]), [(row,) for row in frame[1]]
    leaves = [
        (index, field)
        for index, field in enumerate(flat_fields(schema))
        if not isinstance(field.dataType, (ArrayType, MapType))
    ]
    carry = [path_text(field.name.split(SEP)) for _, field in leaves]
    relate = partial(relationalize, keyed(spark, (schema, rows)), root="r", key=KEY, sep=SEP)
    without, tables = relate(present_suffix=present_suffix), relate(present_suffix=present_suffix, carry=carry)
    assert tables["r"].schema == without["r"].schema
    carried = []
    for name in list(tables)[1:]:
        own, fields = len(without[name].columns), tables[name].schema.fields
        assert [field.metadata for field in fields if field.metadata] == []
        assert fields[:own] == without[name].schema.fields
        assert [(one.name, one.dataType) for one in fields[own:]] == [(one.name, one.dataType) for _, one in leaves]
        by_position = tables[name].toDF(*map(str, range(len(fields))))
        carried.append(by_position.select("0", *map(str, range(own, len(fields)))))
    if carried:
        documents = [plain(flat_row(schema, row)) for row in rows]
        for key, *values in plain(
            [tuple(row) for row in reduce(lambda left, right: left.union(right), carried).collect()]
        ):
            assert values == [documents[key][index] for index, _ in leaves]


@pytest.mark.exhaustive
@fewer_schemas
@given(frames(max_rows=12))
def test_without_presence_columns_only_structs_of_nulls_become_null(
    spark: SparkSession, frame: tuple[StructType, list[Any]]
) -> None:
    schema, rows = frame
    tables = relationalize(keyed(spark, frame), root="doc", key=KEY, sep=SEP)
    back = rebuild_documents(tables, model=tables.model)
    rebuilt = sorted((tuple(row) for row in back.collect()), key=itemgetter(0))
    assert plain(rebuilt) == plain([(number, *nulled_throughout(schema, row)) for number, row in enumerate(rows)])


@pytest.mark.exhaustive
def test_values_of_every_type_are_rebuilt(spark: SparkSession) -> None:
    df = spark.sql("""
        SELECT 1 AS id, array(named_struct('ntz', TIMESTAMP_NTZ'2026-01-01 00:00:00', 'day', INTERVAL '1' DAY,
            'month', INTERVAL '2' MONTH, 'bytes', X'01', 'float', CAST(1.5 AS FLOAT), 'big', CAST(1 AS DECIMAL(38, 10)),
            'set', true)) AS a,
        map(struct(1 AS k), array(1)) AS m, array(array(map('a', array(1)))) AS deep""")
    tables = relationalize(df, root="r", key="id", present_suffix="_present")
    back = rebuild_documents(tables, model=tables.model)
    assert back.schema.simpleString() == df.schema.simpleString()
    # Compare as JSON, except the map: JSON has no maps with struct keys.
    text = "to_json(struct(id, a, deep))"
    assert back.selectExpr(text, "m").collect() == df.selectExpr(text, "m").collect()


@pytest.mark.needs("empty structs", "variants")
def test_empty_structs_and_variants_are_rebuilt(spark: SparkSession) -> None:
    df = spark.sql("""
        SELECT 1 AS id, array(named_struct('empty', named_struct(), 'variant', parse_json('{"a": 1}'))) AS a,
        array(parse_json('1'), NULL) AS variants""")
    tables = relationalize(df, root="r", key="id", present_suffix="_present")
    back = rebuild_documents(tables, model=tables.model)
    assert back.schema.simpleString() == df.schema.simpleString()
    # Compare as JSON, since variants in Python have no equality.
    text = "to_json(struct(*))"
    assert back.selectExpr(text).collect() == df.selectExpr(text).collect()


def test_every_array_and_map_becomes_a_table_with_the_root_key_and_positions(spark: SparkSession) -> None:
    tables = relationalize(orders(spark), root="orders", key="id")
    rows = {name: [tuple(row) for row in table.collect()] for name, table in tables.items()}
    assert rows == {
        "orders": [(1, "Ada", 3, 3), (2, None, 0, None), (3, None, None, 0)],
        "orders_items": [(1, 0, "pen", 2, 1), (1, 1, None, None, None), (1, 2, "ink", None, 0)],
        "orders_grid": [(1, 0, 2), (1, 1, 0), (1, 2, None)],
        "orders_items_discounts": [(1, 0, 0, "A"), (1, 0, 1, "B")],
        "orders_items_attributes": [(1, 0, 0, "color", "red")],
        "orders_grid_value": [(1, 0, 0, 1), (1, 0, 1, 2)],
    }
    assert tables["orders_items_discounts"].columns == ["orders_id", "items_pos", "items_discounts_pos", "code"]
    assert tables["orders_grid_value"].columns == ["orders_id", "grid_pos", "grid_value_pos", "value"]


def test_the_model_has_the_keys_of_each_table(spark: SparkSession) -> None:
    tables = relationalize(orders(spark), root="orders", key="id").model.tables
    assert {table.name: (table.parent, table.foreign_key, table.primary_key) for table in tables[:4]} == {
        "orders": (None, (), ("id",)),
        "orders_items": ("orders", ("orders_id",), ("orders_id", "items_pos")),
        "orders_grid": ("orders", ("orders_id",), ("orders_id", "grid_pos")),
        "orders_items_discounts": (
            "orders_items",
            ("orders_id", "items_pos"),
            ("orders_id", "items_pos", "items_discounts_pos"),
        ),
    }


def test_every_table_has_all_columns_of_the_root_key(spark: SparkSession) -> None:
    df = spark.createDataFrame(
        [(1, ("eu",), ["a"]), (1, ("us",), ["b"])], "id INT, shop STRUCT<zone: STRING>, tags ARRAY<STRING>"
    )
    tables = relationalize(df, root="orders", key=["shop_zone", "id"])
    assert tables["orders_tags"].columns == ["orders_id", "orders_shop_zone", "tags_pos", "value"]
    back = rebuild_documents(tables.check_key(), model=tables.model)
    assert_df_equality(back, df, ignore_row_order=True, ignore_nullable=True)


def test_arrays_whose_names_differ_only_in_case_have_separate_tables(spark: SparkSession) -> None:
    spark.conf.set("spark.sql.caseSensitive", value=True)
    try:
        df = spark.sql("SELECT 1 AS id, named_struct('Tags', array('a', 'b'), 'tags', array('c')) AS s")
        tables = relationalize(df, root="doc", key="id")
        values = {name: [row["value"] for row in tables[name].collect()] for name in ("doc_s_Tags", "doc_s_tags")}
        assert values == {"doc_s_Tags": ["a", "b"], "doc_s_tags": ["c"]}
    finally:
        spark.conf.unset("spark.sql.caseSensitive")


def test_an_array_below_thirty_levels_is_split_and_rebuilt(spark: SparkSession) -> None:
    nested = "array(1, 2)"
    for _ in range(30):
        nested = f"named_struct('n', {nested})"
    df = spark.sql(f"SELECT 7 AS id, {nested} AS s")
    tables = relationalize(df, root="doc", key="id", sep=".")
    assert [row["value"] for row in tables[tables.model.tables[1].name].collect()] == [1, 2]
    assert rebuild_documents(tables, model=tables.model).collect() == df.collect()


def test_documents_are_rebuilt_from_tables_in_parquet(spark: SparkSession, new_path: Callable[[], str]) -> None:
    df = orders(spark)
    tables = relationalize(df, root="orders", key="id", present_suffix="_present")
    written = {}
    for name, table in tables.items():
        path = f"{new_path()}/{name}"
        table.write.parquet(path)
        written[name] = spark.read.parquet(path)
    model = RelationalModel(df.schema, root="orders", key="id", present_suffix="_present")
    back = rebuild_documents(written, model=model)
    assert back.orderBy("id").collect() == df.collect()
    assert back.schema == df.schema


def test_documents_are_rebuilt_from_tables_partitioned_by_a_carried_column(
    spark: SparkSession, new_path: Callable[[], str]
) -> None:
    rows = [
        (1, ("01",), ["a", "b"], {"x": [1]}),
        (2, (None,), ["c"], {"y": []}),
        (3, None, None, {}),
        (4, ("02",), [], None),
    ]
    schema = "id INT, shop STRUCT<zone: STRING>, tags ARRAY<STRING>, counts MAP<STRING, ARRAY<INT>>"
    df = spark.createDataFrame(rows, schema)
    tables = relationalize(df, root="r", key="id", present_suffix="_present", carry="shop.zone")
    folder = new_path()
    written = {}
    for name, table in tables.items():
        target = f"{folder}/{name}"
        by = () if name == "r" else ("shop_zone",)
        table.write.partitionBy(*by).parquet(target)
        # Spark infers integers from the folders.
        written[name] = spark.read.parquet(target)
    assert written["r_tags"].dtypes[-1] == ("shop_zone", "int")
    assert rebuild_documents(written, model=tables.model).orderBy("id").collect() == df.collect()
    without = {name: table.drop("shop_zone") if name != "r" else table for name, table in written.items()}
    assert rebuild_documents(without, model=tables.model).orderBy("id").collect() == df.collect()


def test_a_filter_on_the_root_table_selects_documents(spark: SparkSession) -> None:
    df = orders(spark)
    tables = relationalize(df, root="orders", key="id", present_suffix="_present")
    selected = rebuild_documents({**tables, "orders": tables["orders"].where("id = 1")}, model=tables.model)
    assert selected.collect() == df.where("id = 1").collect()


def test_a_missing_child_row_fails_the_job_with_the_key_of_the_document(spark: SparkSession) -> None:
    tables = relationalize(orders(spark), root="orders", key="id")
    incomplete = {**tables, "orders_items": tables["orders_items"].where("items_pos > 0")}
    expected = r"table orders_items: expected the number of rows in orders\.items_size, 3; got 2"
    with pytest.raises(Exception, match=expected):
        rebuild_documents(incomplete, model=tables.model).collect()


def test_a_null_size_with_child_rows_fails_the_job_with_the_key_of_the_document(spark: SparkSession) -> None:
    tables = relationalize(orders(spark), root="orders", key="id")
    root = tables["orders"].withColumn("items_size", F.lit(None).cast("int"))
    rebuilt = rebuild_documents({**tables, "orders": root}, model=tables.model)
    with pytest.raises(RowRefusedError, match=r"orders\.items_size, null; got 3"), translate_errors():
        rebuilt.collect()


def test_documents_with_the_same_key_fail_the_rebuild(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, ["a"]), (1, ["b"])], "id INT, tags ARRAY<STRING>")
    tables = relationalize(df, root="orders", key="id")
    with pytest.raises(Exception, match=r"expected the number of rows in orders\.tags_size, 1; got 2"):
        rebuild_documents(tables, model=tables.model).collect()


def test_check_key_names_null_and_duplicate_keys(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, []), (1, []), (None, []), (2, [])], "id INT, tags ARRAY<STRING>")
    with pytest.raises(KeyNotUniqueError) as caught:
        relationalize(df, root="orders", key="id").check_key()
    assert sorted(caught.value.offenders, key=repr) == [((1,), 2), ((None,), 1)]
    assert "1 on 2 rows" in str(caught.value)


def test_check_key_returns_the_tables_if_the_keys_are_unique(spark: SparkSession) -> None:
    tables = relationalize(orders(spark), root="orders", key="id")
    assert tables.check_key() is tables


def test_the_tables_print_as_a_tree(spark: SparkSession) -> None:
    tables = relationalize(orders(spark), root="orders", key="id")
    tree = """\
orders (id) + 3 columns
├── orders_items (orders_id, items_pos) + 3 columns
│   ├── orders_items_discounts (orders_id, items_pos, items_discounts_pos) + 1 columns
│   └── orders_items_attributes (orders_id, items_pos, items_attributes_pos) + 2 columns
└── orders_grid (orders_id, grid_pos) + 1 columns
    └── orders_grid_value (orders_id, grid_pos, grid_value_pos) + 1 columns"""
    assert repr(tables) == tree
    assert tables._repr_html_() == f"<pre>{tree}</pre>"
    assert len(tables) == 6


def test_the_model_can_be_drawn_as_a_mermaid_diagram() -> None:
    schema = StructType([StructField("the id", IntegerType()), StructField("tags", ArrayType(StringType()))])
    assert RelationalModel(schema, root="orders", key="the id").mermaid().splitlines() == [
        "erDiagram",
        '    "orders" ||--o{ "orders_tags" : "tags[]"',
        '    "orders" {',
        '        int the_id PK "the_id"',
        "        int tags_size",
        "    }",
        '    "orders_tags" {',
        '        int orders_the_id PK, FK "orders_the_id"',
        "        int tags_pos PK",
        "        string value",
        "    }",
    ]


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        ("idd", ColumnNotFoundError, "no column 'idd'; did you mean 'id'"),
        ("items_size", ColumnTypeError, "expected a key column that is not an array or a map; got array"),
        ([], InvalidArgumentError, "key: expected the name of a column"),
    ],
)
def test_the_error_for_a_wrong_key_names_it(
    spark: SparkSession, key: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        relationalize(orders(spark), root="orders", key=key)


@pytest.mark.parametrize(
    ("carry", "error", "message"),
    [
        ("contry", ColumnNotFoundError, "no column 'contry'; did you mean 'country'"),
        ("customer.nam", ColumnNotFoundError, "did you mean 'name'"),
        ("customer", ColumnTypeError, "'customer': expected a column with one value in each document.*; got struct"),
        ("items", ColumnTypeError, "'items': expected a column with one value in each document.*; got array"),
        ("labels", ColumnTypeError, "'labels': expected a column with one value in each document.*; got map"),
        ("items.sku", ColumnTypeError, r"'items\.sku': .*; got a field of an array"),
        ("items.prices", ColumnTypeError, r"'items\.prices': .*; got array"),
        ("labels.x", ColumnTypeError, "'labels': expected a struct or an array of structs; got map"),
        (7, InvalidArgumentError, "carry: expected the name of a column, or a sequence of them; got 7"),
        (["country", ""], InvalidArgumentError, "carry: expected the name of a column"),
    ],
)
def test_the_error_for_a_wrong_column_to_carry_names_it(carry: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        RelationalModel(CARRIED, root="orders", key="id", carry=carry, present_suffix="_present")


@pytest.mark.parametrize(
    ("carry", "name", "paths"),
    [
        ("sku", "sku", ("items[].sku", "sku")),
        ("SKU", "sku", ("items[].sku", "sku")),
        ("customer.name", "customer_name", ("items[].customer_name", "customer.name")),
        ("items_pos", "items_pos", ("position in items[]", "items_pos")),
    ],
)
def test_a_carried_column_with_the_name_of_a_child_column_is_refused_with_both_paths(
    carry: str, name: str, paths: tuple[str, str]
) -> None:
    with pytest.raises(ColumnClashError) as caught:
        RelationalModel(CARRIED, root="orders", key="id", carry=carry)
    assert (caught.value.name, caught.value.paths) == (name, paths)


def test_the_model_shows_carried_columns_of_every_child_once_in_the_order_given() -> None:
    schema = (
        StructType()
        .add("id", IntegerType())
        .add("shop", StructType().add("zone", StringType()))
        .add("lines", ArrayType(StructType().add("tags", ArrayType(StringType()))))
    )
    model = RelationalModel(schema, root="o", key="id", carry=["shop.zone", "ID", "shop.zone"])
    assert [row for row in model.preview().rows if row[0] in {"id", "shop.zone"}] == [
        ("id", "o", "id", "int"),
        ("shop.zone", "o", "shop_zone", "string"),
        ("id", "o_lines", "o_id", "int"),
        ("shop.zone", "o_lines", "shop_zone", "string"),
        ("id", "o_lines", "id", "int"),
        ("id", "o_lines_tags", "o_id", "int"),
        ("shop.zone", "o_lines_tags", "shop_zone", "string"),
        ("id", "o_lines_tags", "id", "int"),
    ]
    assert "        int id\n    }" in model.mermaid()
    assert repr(model).splitlines()[1] == "└── o_lines (o_id, lines_pos) + 3 columns"


@pytest.mark.parametrize(
    ("columns", "paths"),
    [
        ("array(1) AS a, 2 AS a_size", ("size of a", "a_size")),
        ("array(1) AS a_b, named_struct('b', array(1)) AS a", ("size of a_b", "size of a.b")),
        ("array(named_struct('a_pos', 1)) AS a", ("position in a[]", "a[].a_pos")),
    ],
)
def test_columns_with_the_same_name_are_refused_with_both_paths(
    spark: SparkSession, columns: str, paths: tuple[str, str]
) -> None:
    with pytest.raises(ColumnClashError) as caught:
        relationalize(spark.sql(f"SELECT 1 AS id, {columns}"), root="doc", key="id")
    assert caught.value.paths == paths


def test_the_errors_for_a_missing_table_and_a_wrong_column_name_them(spark: SparkSession) -> None:
    tables = relationalize(orders(spark), root="orders", key="id")
    with pytest.raises(InvalidArgumentError, match="tables: expected a DataFrame for 'orders_items'"):
        rebuild_documents({"orders": tables["orders"]}, model=tables.model)
    wrong = {**tables, "orders_grid": tables["orders_grid"].selectExpr("orders_id", "grid_pos", "'2' AS value_size")}
    with pytest.raises(ColumnTypeError, match=r"column 'orders_grid\.value_size': expected int; got string"):
        rebuild_documents(wrong, model=tables.model)


def test_a_stream_can_be_split_but_not_rebuilt(spark: SparkSession) -> None:
    stream = spark.readStream.format("rate").load().selectExpr("value AS id", "array(value) AS tags")
    tables = relationalize(stream, root="doc", key="id")
    assert tables["doc_tags"].isStreaming
    with pytest.raises(UnsupportedError, match="table 'doc': expected a batch; got a stream"):
        rebuild_documents(tables, model=tables.model)
