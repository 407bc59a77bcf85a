"""Rows that an explode kept for an empty or null array: no step takes them for items."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from engines import plan_of
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DecimalType
from strategies import few_batches

from shopsmart_etl import (
    Audit,
    ColumnClashError,
    InvalidArgumentError,
    UnsupportedError,
    conform,
    explode_arrays,
    explode_map,
    flag_violations,
    flatten_struct,
    impute_financials,
    median_by,
    nest_struct,
    order_metrics,
    parse_money,
    pipeline,
    revenue,
    rules,
    top_products,
)
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.step import plan_step

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

SCHEMA = "id INT, items ARRAY<STRUCT<sku: STRING, quantity: INT, price: DECIMAL(6, 2)>>"
LINES = pipeline(explode_arrays("items"), flatten_struct("items"))
PRICES = st.none() | st.integers(-99, 99).map(Decimal)
ITEMS = st.none() | st.tuples(st.sampled_from([None, "pen", "ink"]), st.none() | st.integers(0, 3), PRICES)
ORDERS = st.lists(st.none() | st.lists(ITEMS, max_size=3), min_size=10, max_size=40)


@few_batches
@given(ORDERS, st.booleans())
def test_metrics_of_lines_are_those_of_the_items_of_the_documents(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, orders: list[Any], is_written: bool
) -> None:
    lines = spark.createDataFrame(list(enumerate(orders)), SCHEMA).transform(LINES)
    if is_written:
        path = str(tmp_path_factory.mktemp("lines") / "lines")
        lines.write.parquet(path)
        lines = spark.read.parquet(path)
    items = [item or (None, None, None) for order in orders for item in order or []]
    missing = sum(price is None for _, _, price in items)
    audit = Audit(use_observation=False)
    filled = lines.transform(
        pipeline(
            audit.missing("items_price"),
            impute_financials("items_price", fill=[median_by("items_sku"), 0]),
            audit.filled("items_price"),
        )
    )
    checked = filled.transform(flag_violations(rules.not_null("items_sku"), rules.in_range("items_price", min_value=0)))
    counts = checked.agg(
        F.count_if("items_price_imputed"),
        F.count("items_price"),
        F.count_if(F.array_contains("_violations", "items_sku is not null")),
    ).collect()[0]
    assert tuple(counts) == (missing, len(items), sum(sku is None for sku, _, _ in items))
    report = audit.report()
    assert (report.missing, report.filled) == ({"items_price": missing}, {"items_price": missing})
    sold = {sku: sum(price or 0 for one, _, price in items if one == sku) for sku in {sku for sku, _, _ in items}}
    top = lines.transform(top_products(9, product="items_sku", amount="items_price")).collect()
    assert {row["items_sku"]: row["revenue"] for row in top} == sold
    by_sku = lines.transform(revenue(amount="items_price", by="items_sku")).collect()
    assert {row["items_sku"]: row["revenue"] for row in by_sku} == sold
    ordered = {sku: sum(any((item or [None])[0] == sku for item in order or []) for order in orders) for sku in sold}
    by_sku = lines.transform(order_metrics(order="id", amount="items_price", by="items_sku")).collect()
    assert {row["items_sku"]: (row["orders"], row["revenue"]) for row in by_sku} == {
        sku: (ordered[sku], sold[sku]) for sku in sold
    }
    metrics = lines.transform(order_metrics(order="id", amount="items_price")).collect()[0]
    assert (metrics["orders"], metrics["revenue"]) == (len(orders), sum(sold.values()))
    # An amount of the order stays, though the order has no items.
    totals = lines.transform(revenue(amount="id", by="items_present")).collect()
    assert sum(row["revenue"] for row in totals if not row["items_present"]) == sum(
        number for number, order in enumerate(orders) if not order
    )


@pytest.fixture
def lines(spark: SparkSession) -> DataFrame:
    rows = [(1, [("pen", 1, None), None]), (2, []), (3, None)]
    return spark.createDataFrame(rows, SCHEMA).transform(LINES)


def test_a_row_without_an_element_has_nothing_to_fill(lines: DataFrame) -> None:
    filled = lines.transform(impute_financials("items_price"))
    assert [tuple(row) for row in filled.orderBy("id", "items_quantity").collect()] == [
        (1, True, None, None, Decimal(0), True),
        (1, True, "pen", 1, Decimal(0), True),
        (2, False, None, None, None, False),
        (3, False, None, None, None, False),
    ]
    assert filled.schema["items_price"].nullable
    assert lines.schema["items_present"].dataType == BooleanType()
    assert not lines.schema["items_present"].nullable


def test_the_link_survives_a_rename_and_a_second_explode(spark: SparkSession) -> None:
    rows = [(1, [("pen", [5, None]), ("ink", [])]), (2, [])]
    df = spark.createDataFrame(rows, "id INT, items ARRAY<STRUCT<sku: STRING, off: ARRAY<INT>>>")
    exploded = df.transform(pipeline(explode_arrays("items"), flatten_struct("items"), explode_arrays("items_off")))
    renamed = exploded.withColumnsRenamed({"items_off": "off", "items_off_present": "has_off"}).where("id > 0")
    filled = renamed.transform(pipeline(impute_financials("off"), flag_violations(rules.not_null("items_sku"))))
    found = sorted(((row["items_sku"], row["off"], row["_violations"]) for row in filled.collect()), key=str)
    assert found == [("ink", None, []), ("pen", 0, []), ("pen", 5, []), (None, None, [])]


def test_the_link_survives_parsing_conforming_and_nesting_and_ends_in_gold(spark: SparkSession) -> None:
    schema = "id INT, items ARRAY<STRUCT<sku: STRING, price: STRING, cost: STRING>>"
    lines = spark.createDataFrame([(1, [("pen", None, None)]), (2, [])], schema).transform(LINES)
    typed = "id INT, items_present BOOLEAN, items_sku STRING, items_price DECIMAL(6, 2), items_cost INT"
    steps = [
        parse_money("items_price", to=DecimalType(6, 2)),
        conform(typed, on_extra="drop"),
        nest_struct("items STRUCT<sku: STRING, price: DECIMAL(6, 2), cost: INT>"),
        flatten_struct("items"),
    ]
    filled = lines.transform(pipeline(*steps, impute_financials("items_price", "items_cost", flag_suffix=None)))
    rows = filled.select("id", "items_price", "items_cost").orderBy("id").collect()
    assert [tuple(row) for row in rows] == [(1, Decimal(0), 0), (2, None, None)]
    for gold in (
        revenue(amount="items_cost", by="items_sku"),
        top_products(1, product="items_sku", amount="items_cost"),
    ):
        table = filled.transform(gold)
        assert table.schema == plan_step(gold, Frame.of(filled)).schema
        table.transform(flag_violations(rules.not_null("items_sku")))


def test_each_array_of_a_zip_has_its_own_presence(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, [1, None], [None]), (2, [], None)], "id INT, a ARRAY<INT>, b ARRAY<INT>")
    for keep_empty in (True, False):
        zipped = df.transform(explode_arrays("a", "b", siblings="zip", keep_empty=keep_empty))
        filled = zipped.transform(impute_financials("a", "b", flag_suffix=None))
        expected = [(1, True, 0, False, None), (1, True, 1, True, 0), (2, False, None, False, None)]
        assert sorted(map(tuple, filled.collect())) == expected[: 3 if keep_empty else 2]
    crossed = df.transform(explode_arrays("a", "b", siblings="cross")).select("id", "a_present", "b_present")
    assert sorted(map(tuple, crossed.collect())) == [(1, True, True), (1, True, True), (2, False, False)]


def test_the_key_of_a_map_marks_its_entries(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, {"a": None}), (2, {}), (3, None)], "id INT, paid MAP<STRING, INT>")
    entries = df.transform(pipeline(explode_map("paid"), impute_financials("paid_value")))
    assert sorted(map(tuple, entries.collect())) == [(1, "a", 0, True), (2, None, None, False), (3, None, None, False)]


def test_a_lost_or_ambiguous_presence_column_is_refused(lines: DataFrame) -> None:
    steps: list[Any] = [impute_financials("items_price"), flag_violations(rules.not_null("items_sku"))]
    steps += [Audit(use_observation=False).missing("items_price"), top_products(1, product="items_sku", units="id")]
    twice = lines.withColumn("again", F.expr("true")).withMetadata("again", lines.schema["items_present"].metadata)
    for step in steps:
        with pytest.raises(UnsupportedError, match=r"was exploded: expected one column .*; got 0. Keep the one"):
            lines.drop("items_present").transform(step)
        with pytest.raises(UnsupportedError, match="got 2"):
            twice.transform(step)


def test_present_column_is_for_columns_without_a_link(lines: DataFrame) -> None:
    computed = lines.selectExpr("id", "items_present", "items_price * items_quantity AS total")
    filled = computed.transform(impute_financials("total", present_column="items_present"))
    assert sorted((row["id"], row["total_imputed"]) for row in filled.collect()) == [
        (1, True),
        (1, True),
        (2, False),
        (3, False),
    ]
    with pytest.raises(InvalidArgumentError, match="present_column"):
        lines.selectExpr("struct(1 AS a) AS s", "items_present").transform(
            impute_financials("s.a", present_column="items_present")
        )


def test_presence_costs_one_small_field_where_it_is_used_and_none_elsewhere(
    spark: SparkSession, tmp_path: Path
) -> None:
    path = str(tmp_path / "orders")
    spark.sql("SELECT 1 id, array(named_struct('sku', 'a', 'price', 2.5BD, 'n', 1)) items").write.parquet(path)
    lines = spark.read.parquet(path).transform(LINES)
    only = "ReadSchema: struct<items:array<struct<price:decimal(2,1)>>>"
    assert only in plan_of(lines.select("items_price"))
    filled = plan_of(lines.transform(impute_financials("items_price")).where("id = 1").select("items_price"))
    assert "ReadSchema: struct<id:int,items:array<struct<price:decimal(2,1),n:int>>>" in filled
    assert "EqualTo(id,1)" in filled


def test_present_suffix_names_the_column_and_none_adds_no_link(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, [None], True)], "id INT, a ARRAY<INT>, a_present BOOLEAN")
    with pytest.raises(ColumnClashError, match=r"present_suffix="):
        df.transform(explode_arrays("a"))
    assert df.transform(explode_arrays("a", present_suffix="?")).columns == ["id", "a?", "a", "a_present"]
    plain = df.transform(explode_arrays("a", present_suffix=None))
    assert plain.columns == df.columns
    assert not plain.schema["a"].metadata
