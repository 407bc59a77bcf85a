"""Amounts in minor units become exact decimals by their currency."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from engines import configured
from pyspark.sql.types import DecimalType, LongType

from shopsmart_etl import (
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    explode_arrays,
    flatten_struct,
    parse_money,
    scale_minor_units,
)
from shopsmart_etl._core.column_tags import Link, linked_columns
from shopsmart_etl._core.currencies import MINOR_UNITS
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.step import plan_step

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LONGEST = 2**63 - 1


def scaled(spark: SparkSession, rows: list[tuple[Any, Any]], of: str = "bigint", **options: Any) -> list[Any]:
    df = spark.createDataFrame([(at, *row) for at, row in enumerate(rows)], f"at int, amount {of}, currency string")
    result = df.transform(scale_minor_units("amount", currency="currency", **options)).orderBy("at").collect()
    return [(row["amount"], row["amount_unscaled"]) for row in result]


@pytest.mark.parametrize("ansi", ["true", "false"])
def test_each_currency_s_amounts_are_scaled_by_its_unit_or_flagged(spark: SparkSession, ansi: str) -> None:
    amounts = [0, 1, -105, 1000, LONGEST, -(2**63)]
    to = DecimalType(23, 4)
    rows = [(amount, code) for code in MINOR_UNITS for amount in amounts]
    with configured(spark, {"spark.sql.ansi.enabled": ansi}):
        assert scaled(spark, rows, to=to) == [
            (Decimal(amount).scaleb(-MINOR_UNITS[code]), False) for amount, code in rows
        ]
        odd = {
            (1050, "usd"): (Decimal("10.5"), False),
            (1055, "KWD"): (None, True),
            (1040, "KWD"): (Decimal("1.04"), False),
            (10**16, "JPY"): (None, True),
            (10**16, "USD"): (Decimal(10) ** 14, False),
            (LONGEST, "USD"): (None, True),
            (1, "XYZ"): (None, True),
            (1, ""): (None, True),
            (1, None): (None, True),
            (None, None): (None, False),
            (None, "USD"): (None, False),
        }
        assert scaled(spark, list(odd)) == list(odd.values())


def test_decimals_without_a_fraction_are_scaled_too(spark: SparkSession) -> None:
    rows = [(Decimal("1050.00"), "USD"), (Decimal("0.50"), "USD"), (Decimal(-3), "BHD")]
    assert scaled(spark, rows, "decimal(10,2)", to=DecimalType(10, 3)) == [
        (Decimal("10.5"), False),
        (None, True),
        (Decimal("-0.003"), False),
    ]
    largest, larger = Decimal("9" * 33), Decimal("1" + "0" * 33)
    for of in ("decimal(38,0)", "decimal(38,4)", "decimal(38,18)"):
        fits = [(Decimal(99), "USD")] + ([(largest, "JPY"), (larger, "JPY")] if "18" not in of else [])
        expected = [(Decimal("0.99"), False), (largest, False), (None, True)][: len(fits)]
        assert scaled(spark, fits, of, to=DecimalType(38, 4)) == expected


@pytest.mark.parametrize("ansi", ["true", "false"])
def test_amounts_of_up_to_38_digits_are_flagged_where_they_are_too_large(spark: SparkSession, ansi: str) -> None:
    rows = [
        (Decimal(sign + "9" * digits), code) for sign in ("", "-") for digits in range(32, 39) for code in ("JPY", "")
    ]
    fits = [(amount, code) for amount, code in rows if code and amount.adjusted() < 33]
    with configured(spark, {"spark.sql.ansi.enabled": ansi}):
        assert scaled(spark, rows, "decimal(38,0)", to=DecimalType(38, 4)) == [
            (row[0], False) if row in fits else (None, True) for row in rows
        ]


def test_a_source_s_own_units_replace_those_of_iso(spark: SparkSession) -> None:
    rows = [(500, "ISK"), (500, "mga"), (500, "USD")]
    read = scaled(spark, rows, minor_units={"ISK": 2, "MGA": 0})
    assert read == [(Decimal(5), False), (Decimal(500), False), (Decimal(5), False)]
    df = spark.createDataFrame([(1050, 7), (None, 7)], "a int, b smallint")
    assert [
        tuple(row)
        for row in df.transform(scale_minor_units("a", "b", currency_code="KWD", to=DecimalType(10, 3))).collect()
    ] == [
        (Decimal("1.05"), Decimal("0.007"), False, False),
        (None, Decimal("0.007"), False, False),
    ]


def test_nested_amounts_take_the_currency_of_their_struct_or_of_the_top(spark: SparkSession) -> None:
    schema = (
        "currency string, items array<struct<price: bigint, currency: string>>, "
        "total struct<paid: int, currency: string>"
    )
    df = spark.createDataFrame([("USD", [(1050, "JPY"), None, (7, None)], (5, "KWD")), (None, None, None)], schema)
    inside = df.transform(scale_minor_units("items.price", currency="items.currency"))
    assert inside.collect()[0]["items"] == [(1050, "JPY", False), None, (None, None, True)]
    step = scale_minor_units("items.price", "total.paid", currency="total.currency", to=DecimalType(18, 3))
    other = df.transform(step)
    first, second = other.collect()
    assert first["items"] == [(Decimal("1.05"), "JPY", False), None, (Decimal("0.007"), None, False)]
    assert first["total"] == (Decimal("0.005"), "KWD", False)
    assert tuple(second) == (None, None, None)
    assert other.schema == plan_step(step, Frame(df.schema)).schema
    assert df.transform(scale_minor_units("items.price", currency="currency")).collect()[0]["items"][0][
        "price"
    ] == Decimal("10.50")


def test_the_amounts_are_linked_to_their_currency(spark: SparkSession) -> None:
    df = spark.createDataFrame(
        [("5 USD", 7, [(1, "USD")])], "price string, tax int, items array<struct<a: int, currency: string>>"
    )
    parsed = df.transform(parse_money("price", currency_column="currency"))
    both = parsed.transform(scale_minor_units("tax", currency="currency")).transform(
        scale_minor_units("items.a", currency="items.currency")
    )
    flat = both.transform(explode_arrays("items")).transform(flatten_struct())
    frame = Frame.of(flat)
    links = {
        name: [flat.columns[at] for at in linked_columns(frame, frame.field(name), Link.CURRENCY)]
        for name in ("price", "tax", "items_a")
    }
    assert links == {"price": ["currency"], "tax": ["currency"], "items_a": ["items_currency"]}


@pytest.mark.needs("a JVM")
def test_the_units_are_those_that_java_has(spark: SparkSession) -> None:
    jvm: Any = spark._jvm  # noqa: SLF001 - Java has the units of ISO 4217 too
    java: dict[str, int] = {}
    for code in MINOR_UNITS:
        with contextlib.suppress(Exception):  # codes that this Java is too old to know
            java[code] = jvm.java.util.Currency.getInstance(code).getDefaultFractionDigits()
    assert len(java) > 150
    assert java == {code: MINOR_UNITS[code] for code in java}


def test_misuse_is_named(spark: SparkSession) -> None:
    df = spark.createDataFrame(
        [], "n int, t string, d double, items array<struct<n: int, t: string, deep: struct<n: int>>>"
    )
    with pytest.raises(
        ColumnTypeError, match=r"column 't': expected an integer or a decimal; got string\. parse_money"
    ):
        df.transform(scale_minor_units("t", currency="t"))
    with pytest.raises(ColumnTypeError, match="column 'd': expected an integer or a decimal; got double"):
        df.transform(scale_minor_units("d", currency="t"))
    with pytest.raises(ColumnTypeError, match="column 'n': expected a string; got int"):
        df.transform(scale_minor_units("n", currency="n"))
    for amount in ("n", "items.deep.n"):
        with pytest.raises(ColumnTypeError, match=r"column 'items.t': expected a field of the same struct as"):
            df.transform(scale_minor_units(amount, currency="items.t"))
    with pytest.raises(ColumnNotFoundError):
        df.transform(scale_minor_units("n", currency="curency"))
    calls: list[tuple[str, dict[str, Any]]] = [
        ("columns", {}),
        ("currency", {"columns": ["n"]}),
        ("currency", {"columns": ["n"], "currency": "t", "currency_code": "USD"}),
        ("currency", {"columns": ["n"], "currency": 1}),
        ("currency_code", {"columns": ["n"], "currency_code": "usd"}),
        ("currency_code", {"columns": ["n"], "currency_code": ["USD"]}),
        ("minor_units", {"columns": ["n"], "currency": "t", "minor_units": {"USD": 5}}),
        ("minor_units", {"columns": ["n"], "currency": "t", "minor_units": {"USD": True}}),
        ("minor_units", {"columns": ["n"], "currency": "t", "minor_units": {"XYZ": 2}}),
        ("minor_units", {"columns": ["n"], "currency": "t", "minor_units": "USD"}),
        ("to", {"columns": ["n"], "currency": "t", "to": LongType()}),
        ("flag_suffix", {"columns": ["n"], "currency": "t", "flag_suffix": ""}),
    ]
    for argument, options in calls:
        columns = options.pop("columns", [])
        with pytest.raises(InvalidArgumentError, match=f"^{argument}: expected"):
            scale_minor_units(*columns, **options)
