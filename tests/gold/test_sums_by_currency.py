"""Sums keep currencies apart: each is a group, or several in a sum are refused."""

from __future__ import annotations

import inspect
from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from engines import plan_of
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql.types import DateType, DecimalType, IntegerType, StringType, StructField, StructType
from strategies import batches, few_batches

from shopsmart_etl import (
    ColumnClashError,
    ColumnTypeError,
    InvalidArgumentError,
    RowRefusedError,
    daily_revenue,
    explode_arrays,
    flatten_struct,
    gold,
    parse_money,
    pipeline,
    revenue,
    snake_case_columns,
    top_products,
    translate_errors,
)
from shopsmart_etl._core.column_tags import Link, source_tag, tag_currency, tag_source, tag_target, target_tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession

AMOUNT = tag_source(StructField("amount", DecimalType(10, 2)), Link.CURRENCY, "paid in")
CURRENCY = tag_target(StructField("currency", StringType()), Link.CURRENCY, "paid in")
SCHEMA = StructType(
    [
        StructField("case", IntegerType()),
        StructField("day", DateType()),
        StructField("sku", StringType()),
        AMOUNT,
        CURRENCY,
    ]
)
# Arguments of every gold step with an amount. A step that is not here fails a test.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "daily_revenue": {"timestamp": "day", "by": ["case"]},
    "order_metrics": {"order": "sku", "by": ["case"]},
    "revenue": {"by": ["case"]},
    "top_products": {"n": 9, "product": "sku", "by": ["case"]},
}
STEPS = [name for name in gold.__all__ if "amount" in inspect.signature(getattr(gold, name)).parameters]


def build(name: str, **more: Any) -> Any:
    return getattr(gold, name)(**{"amount": "amount", **ARGUMENTS[name], **more})


def tagged(df: DataFrame) -> DataFrame:
    for field in (AMOUNT, CURRENCY):
        df = df.withMetadata(field.name, field.metadata)
    return df


def lines(spark: SparkSession, *rows: tuple[Any, ...]) -> DataFrame:
    """Make rows of a case, a product, an amount and a currency."""
    plain = [(case, None, sku, None if amount is None else Decimal(amount), code) for case, sku, amount, code in rows]
    return tagged(spark.createDataFrame(plain, SCHEMA))


@pytest.mark.parametrize("name", STEPS)
def test_every_step_with_an_amount_can_group_by_its_currency(name: str) -> None:
    fields = build(name, currency="currency").preview(SCHEMA).rows
    assert ("currency", "currency", "string") in fields
    # The period first.
    assert [column for _, column, _ in fields].index("currency") == (1 if name == "daily_revenue" else 0)


MIXED: dict[str, list[tuple[Any, ...]]] = {
    "two codes": [(1, "pen", "1.00", "EUR"), (1, "pen", "2.00", "USD")],
    "a code and none": [(1, "pen", "1.00", "EUR"), (1, "pen", "2.00", None)],
    "codes in other case": [(1, "pen", "1.00", "EUR"), (1, "pen", "2.00", "eur")],
    "a code and an empty one": [(1, "pen", "1.00", "EUR"), (1, "pen", "0.00", "")],
    "other products": [(1, "pen", "1.00", "EUR"), (1, "ink", "2.00", "USD")],
}


@pytest.mark.parametrize("rows", MIXED.values(), ids=MIXED)
@pytest.mark.parametrize("name", STEPS)
def test_several_currencies_in_a_sum_fail_the_job(spark: SparkSession, name: str, rows: list[tuple[Any, ...]]) -> None:
    with pytest.raises(RowRefusedError) as raised, translate_errors():
        lines(spark, (2, "pen", "9.00", "EUR"), *rows).transform(build(name)).collect()
    assert str(raised.value) == (
        "column 'amount': expected amounts in one currency; got several in column 'currency'. Group by it with "
        "currency='currency', or use convert_currency first"
    )


@pytest.mark.parametrize("name", STEPS)
def test_groups_in_one_currency_each_are_added_as_without_tags(spark: SparkSession, name: str) -> None:
    # The currency of a row without an amount is not asked for. That of all amounts may be unknown.
    rows = lines(
        spark,
        *((1, "pen", "1.00", "EUR"), (1, "ink", "2.50", "EUR"), (1, "ink", None, "USD"), (1, "ink", None, None)),
        *((2, "pen", "1.00", "USD"), (3, "pen", "2.00", None), (3, "ink", "3.00", None), (4, "pen", None, "EUR")),
    )
    untagged = rows.withMetadata("amount", {"comment": "in EUR"}).transform(build(name))
    found = rows.transform(build(name))
    assert sorted(found.collect(), key=str) == sorted(untagged.collect(), key=str)
    assert [field.nullable for field in found.schema.fields] == [field.nullable for field in untagged.schema.fields]
    assert found.count() > 3


@few_batches
@given(
    batches(
        st.lists(
            st.tuples(
                st.sampled_from(["pen", "ink", None]),
                st.none() | st.decimals(-999, 999, places=2),
                st.sampled_from(["EUR", "USD", "usd", "", None]),
            ),
            max_size=12,
        )
    )
)
def test_sums_of_each_currency_are_those_of_plain_python(spark: SparkSession, cases: list[list[Any]]) -> None:
    rows = [(number, *row) for number, case in enumerate(cases) for row in case]
    df = lines(spark, *rows)
    sums: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    sold: dict[tuple[Any, ...], dict[str | None, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for number, sku, amount, code in rows:
        sums[code, number] += amount or 0
        sold[code, number][sku] += amount or 0
    for name in ("revenue", "order_metrics"):
        found = df.transform(build(name, currency="currency")).collect()
        assert {(row["currency"], row["case"]): row["revenue"] for row in found} == sums
    ranked = df.transform(build("top_products", currency="currency")).collect()
    assert {tuple(row) for row in ranked} == {
        (*group, 1 + sum(other > total for other in totals.values()), sku, total)
        for group, totals in sold.items()
        for sku, total in totals.items()
    }


@pytest.mark.parametrize("name", STEPS)
def test_a_sum_of_sums_is_checked_too(spark: SparkSession, name: str) -> None:
    rows = lines(spark, (1, "pen", "1.00", "EUR"), (2, "pen", "2.00", "USD"))
    sums = rows.transform(build(name, currency="currency"))
    with pytest.raises(RowRefusedError, match="got several in column 'currency'"), translate_errors():
        sums.withColumn("all", sums["currency"].isNotNull()).transform(revenue(amount="revenue", by="all")).collect()
    # Each sum is in one currency, but those of two cases are not, and their column is gone.
    with pytest.raises(ColumnTypeError, match="expected one column with its currencies, by its tag; got none"):
        rows.transform(build(name)).transform(revenue(amount="revenue", by="revenue"))


@pytest.mark.parametrize("name", STEPS)
def test_a_group_column_that_has_the_currencies_needs_no_check(spark: SparkSession, name: str) -> None:
    rows = lines(spark, (1, "pen", "1.00", "EUR"), (1, "pen", "2.00", "USD"))
    assert rows.transform(build(name, by="currency")).count() == 2


def test_results_are_tagged_with_their_currency(spark: SparkSession) -> None:
    plain = spark.sql("SELECT 1.00BD AS amount, 'EUR' AS `cur.code`, DATE'2026-01-01' AS day, 'pen' AS sku")
    for name in STEPS:
        found = plain.selectExpr("*", "1 AS case").transform(build(name, currency="cur.code")).schema
        assert target_tag(found["cur.code"], Link.CURRENCY) == "cur.code"
        assert source_tag(found["revenue"], Link.CURRENCY) == "cur.code"
    average = lines(spark).transform(build("order_metrics")).schema["average_order_value"]
    assert source_tag(average, Link.CURRENCY) == "paid in"


@pytest.mark.parametrize("name", STEPS)
def test_a_currency_column_that_is_gone_or_ambiguous_is_named_in_the_plan(spark: SparkSession, name: str) -> None:
    rows = lines(spark)
    with pytest.raises(
        ColumnTypeError, match=r"^column 'amount': expected one column .* got none\. Keep it .*'in EUR'\}\)$"
    ):
        rows.drop("currency").transform(build(name))
    untagged = rows.drop("currency").withMetadata("amount", {"comment": "in EUR"})
    assert untagged.transform(build(name)).count() == 0
    # Connect gives a copy of a column no metadata.
    two = rows.withColumn("other", rows["currency"]).withMetadata("other", CURRENCY.metadata)
    with pytest.raises(ColumnTypeError, match=r"got 'currency', 'other'\. Name one with currency="):
        two.transform(build(name))
    assert two.transform(build(name, currency="other")).count() == 0
    assert rows.drop("currency").transform(build(name, currency="sku", **_product(name))).count() == 0


@pytest.mark.parametrize("name", STEPS)
def test_the_currencies_of_another_table_are_not_taken_for_those_of_an_amount(spark: SparkSession, name: str) -> None:
    rows = lines(spark, (1, "a", "5", "EUR"), (1, "a", "7", "USD"))
    other = lines(spark, (1, "a", "1", "GBP")).selectExpr("case", "amount AS fee", "currency AS fee_currency")
    joined = rows.drop("currency").join(other, "case")
    message = r"got 'fee_currency', which was renamed, and may be .*currency='fee_currency'"
    with pytest.raises(ColumnTypeError, match=message):
        joined.transform(build(name))
    with pytest.raises(ColumnTypeError, match=message):
        joined.drop("fee").transform(build(name))
    assert {row["currency"] for row in rows.transform(build(name, currency="currency")).collect()} == {"EUR", "USD"}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(
    "change",
    [
        lambda df: df.withColumnRenamed("amount", "total"),
        lambda df: df.withColumnsRenamed({"amount": "order_amount", "currency": "order_currency"}),
        lambda df: df.withColumn("amount", df["amount"].cast("decimal(12, 3)")),
        lambda df: df.withColumn("amount", df["amount"] * 2),
    ],
    ids=["renamed", "prefixed", "cast", "computed"],
)
def test_an_amount_keeps_its_link(spark: SparkSession, name: str, change: Callable[[DataFrame], DataFrame]) -> None:
    path = tag_source(StructField("amount", DecimalType(10, 2)), Link.CURRENCY, "amount")
    code = tag_target(StructField("currency", StringType()), Link.CURRENCY, "amount")
    rows = lines(spark, (1, "a", "5", "EUR"), (1, "a", "7", "USD"))
    for field in (path, code):
        rows = rows.withMetadata(field.name, field.metadata)
    changed = change(rows)
    amount = next(column for column in changed.columns if column in {"amount", "total", "order_amount"})
    with pytest.raises(RowRefusedError, match="expected amounts in one currency"), translate_errors():
        changed.transform(build(name, amount=amount)).collect()


def _product(name: str) -> dict[str, Any]:
    return {"product": "day"} if name == "top_products" else {}


@pytest.mark.parametrize("name", STEPS)
def test_another_currency_than_that_of_the_amount_is_refused(name: str) -> None:
    message = (
        "column 'amount': expected amounts in the currencies of 'sku'; got those of 'currency'. Leave currency out"
    )
    with pytest.raises(ColumnTypeError, match=message):
        build(name, currency="sku").preview(SCHEMA)
    converted = StructType(
        [tag_currency(StructField("amount", DecimalType(10, 2)), "EUR"), *SCHEMA.fields[:3], CURRENCY]
    )
    with pytest.raises(ColumnTypeError, match="expected amounts in the currencies of 'currency'; got those of EUR"):
        build(name, currency="currency").preview(converted)
    with pytest.raises(ColumnTypeError, match="column 'case': expected a string, the code of a currency; got int"):
        build(name, currency="case", by="currency").preview(SCHEMA)


def test_a_currency_is_named_once() -> None:
    with pytest.raises(InvalidArgumentError, match="by: expected no 'currency', since currency names it"):
        revenue(amount="amount", currency="currency", by=["case", "currency"])
    with pytest.raises(ColumnClashError, match="would both be named 'currency'"):
        revenue(amount="amount", currency="currency", by="Currency").preview(SCHEMA)
    with pytest.raises(InvalidArgumentError, match="currency: expected None, since units have no currency"):
        top_products(1, product="sku", units="case", currency="currency")
    for wrong in (1, "", ["currency"], True):
        with pytest.raises(InvalidArgumentError, match="currency: expected the name of a column, or None"):
            daily_revenue(amount="amount", timestamp="day", currency=wrong)  # type: ignore[arg-type]


def test_no_two_codes_have_one_hash(spark: SparkSession) -> None:
    letters = "explode(split('ABCDEFGHIJKLMNOPQRSTUVWXYZ', ''))"
    codes = spark.sql(f"SELECT a || b || c AS code FROM (SELECT *, {letters} c FROM (SELECT *, {letters} b "
                      f"FROM (SELECT {letters} a)))")  # fmt: skip
    row = codes.selectExpr(
        "count(DISTINCT code)", "count(DISTINCT xxhash64(code))", "count_if(xxhash64(code) = 42)"
    ).first()
    assert row is not None
    assert row[0] == row[1] >= 26**3
    assert row[2] == 0


@pytest.mark.parametrize("name", STEPS)
def test_the_check_adds_no_shuffle_and_no_sort_of_rows(spark: SparkSession, name: str) -> None:
    rows = lines(spark, (1, "pen", "1.00", "EUR"))
    checked, unchecked = (
        plan_of(df.transform(build(name))) for df in (rows, rows.withMetadata("amount", {"comment": "in EUR"}))
    )
    assert checked.count("Exchange") == unchecked.count("Exchange") > 0
    assert "xxhash64" in checked
    assert "SortAggregate" not in checked


@pytest.mark.parametrize("name", STEPS)
def test_an_amount_inside_arrays_keeps_its_link_where_it_is_computed_in_place(spark: SparkSession, name: str) -> None:
    schema = "case INT, sku STRING, day DATE, items ARRAY<STRUCT<price: STRING>>"
    orders = spark.createDataFrame([(1, "a", date(2026, 1, 1), [("5 EUR",), ("7 USD",)])], schema)
    flat = orders.transform(
        pipeline(parse_money("items.price", currency_column="currency"), explode_arrays("items"), flatten_struct())
    )
    computed = flat.withColumn("items_price", flat["items_price"] * 2)
    with pytest.raises(RowRefusedError, match="expected amounts in one currency"), translate_errors():
        computed.transform(build(name, amount="items_price")).collect()


@pytest.mark.parametrize("name", STEPS)
def test_names_in_snake_case_keep_the_link(spark: SparkSession, name: str) -> None:
    amount = tag_source(StructField("PaidAmount", DecimalType(10, 2)), Link.CURRENCY, "PaidAmount")
    code = tag_target(StructField("PaidCurrency", StringType()), Link.CURRENCY, "PaidAmount")
    rows = lines(spark, (1, "a", "5", "EUR"), (1, "a", "7", "USD"))
    rows = rows.withColumnsRenamed({"amount": "PaidAmount", "currency": "PaidCurrency"})
    for field in (amount, code):
        rows = rows.withMetadata(field.name, field.metadata)
    renamed = rows.transform(snake_case_columns())
    with pytest.raises(RowRefusedError, match="expected amounts in one currency"), translate_errors():
        renamed.transform(build(name, amount="paid_amount")).collect()
    other = lines(spark, (1, "a", "1", "GBP")).selectExpr("case", "currency AS FeeCurrency")
    other = other.withMetadata("FeeCurrency", {**code.metadata})
    joined = rows.drop("PaidCurrency").join(other, "case").transform(snake_case_columns())
    with pytest.raises(ColumnTypeError, match="got 'fee_currency', which was renamed"):
        joined.transform(build(name, amount="paid_amount"))
