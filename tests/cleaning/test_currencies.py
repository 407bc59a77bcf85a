"""The currencies of amounts: read from their text, linked to them, and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from babel import Locale
from babel.core import get_global
from babel.numbers import format_currency
from locales import LOCALES
from pyspark.sql.types import ArrayType, DecimalType, StringType, StructField, StructType

from shopsmart_etl import (
    ColumnClashError,
    InvalidArgumentError,
    explode_arrays,
    flag_violations,
    flatten_struct,
    impute_financials,
    keep_valid,
    parse_money,
    rules,
)
from shopsmart_etl._core.column_tags import Link, linked_columns, source_tag
from shopsmart_etl._core.currencies import MINOR_UNITS
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.step import plan_step
from shopsmart_etl.cleaning._currencies import SHARED, UNIQUE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CURRENCIES = {
    "USD 5": "USD",
    "5 EUR": "EUR",
    "€ 5": "EUR",
    "5 Euro": "EUR",
    "12 zł": "PLN",
    "R$ 5": "BRL",
    "US$5": "USD",
    "5 $ US": "USD",
    "CA$-5": "CAD",
    "(5.00) USD": "USD",
    "USD (5)": "USD",
    "5.00- EUR": "EUR",
    "S/.5": "PEN",
    "S/ 5": "PEN",
    "CHF 12.-": "CHF",
    "12.-- CHF": "CHF",
    "１２円": "JPY",
    "د.إ.\u200f ٥": "AED",  # noqa: RUF001
    # Several currencies have the symbol.
    "$5": None,
    "5 kr": None,
    "£5": None,
    "¥5": None,
    "Rs.5": None,
    # The other text decides between them.
    "$5 CAD": "CAD",
    "CAD $5": "CAD",
    "-US $5": "USD",
    "EUR $5": None,
    "€5 EUR": "EUR",
    "Rs. 5 INR": "INR",
    # They contradict each other.
    "€5 USD": None,
    "$5 EUR": None,
    "USD 5 EUR": None,
    # No currency, or an unknown one.
    "5": None,
    "RMB 5": None,
    "5 XYZ": None,
    "XYZ 5 EUR": None,
    "₿5": None,
    "1e3": None,
    # No amount.
    "N/A": None,
    "EUR": None,
    "EUR 1,5": None,
    "5 apples": None,
    "|USD|5": None,
    "5|USD|": None,
}


def currencies(spark: SparkSession, texts: list[str], **options: Any) -> dict[str, str | None]:
    df = spark.createDataFrame([(text, text) for text in texts], "text STRING, price STRING")
    return {
        row["text"]: row["c"] for row in df.transform(parse_money("price", currency_column="c", **options)).collect()
    }


def test_the_currency_is_the_one_that_the_text_means_or_null(spark: SparkSession) -> None:
    assert currencies(spark, list(CURRENCIES)) == CURRENCIES


def test_the_caller_says_what_a_shared_or_unknown_symbol_means(spark: SparkSession) -> None:
    symbols = {"$": "USD", "Fr.\u00a0": "CHF", "RMB": "CNY", "US Dollar": "USD", "a*b": "JPY"}
    expected = {
        "$5": "USD",
        "＄5": "USD",  # noqa: RUF001
        "-$5": "USD",
        "$5 CAD": "CAD",
        "$5 EUR": None,
        "Fr. 5": "CHF",
        "Fr.5 CHF": "CHF",
        "RMB 5": "CNY",
        "5 US\u00a0Dollar": "USD",
        "a*b 5": "JPY",
        "aab 5": None,
        "A$5": "AUD",
        "5 kr": None,
    }
    assert currencies(spark, list(expected), currency_symbols=symbols) == expected


def test_no_locale_s_text_is_taken_for_another_currency(spark: SparkSession) -> None:
    names = [*LOCALES["."], *LOCALES[","]]
    expected: dict[str, set[str]] = {}
    coded: dict[str, str] = {}
    for name in names:
        locale = Locale.parse(name)
        pattern = locale.currency_formats["standard"].pattern
        for currency in MINOR_UNITS:
            symbol = locale.currency_symbols.get(currency, currency)
            if symbol == currency or symbol not in MINOR_UNITS:  # CLDR writes ANG for XCG in one locale
                expected.setdefault(format_currency(5, currency, locale=locale, format=pattern), set()).add(currency)
            coded[format_currency(5, currency, locale=locale, format=pattern.replace("¤", "¤¤"))] = currency
    for mark in (".", ","):
        amount = f"5{mark}00"
        texts = [text for text in {*expected, *coded} if amount in text]
        read = currencies(spark, texts, decimal_mark=mark)
        assert {text: code for text, code in read.items() if text in coded and code != coded[text]} == {}
        assert {text: code for text, code in read.items() if code and code not in expected.get(text, {code})} == {}
        assert len(texts) > len(MINOR_UNITS)


def test_the_codes_are_those_of_legal_tender_since_2020() -> None:
    tender = {
        code
        for periods in get_global("territory_currencies").values()
        for code, _, end, is_tender in periods
        if is_tender and (end is None or tuple(end) >= (2020, 1, 1))
    }
    assert tender - MINOR_UNITS.keys() == set()
    funds = {"BOV", "CHE", "CHW", "CLF", "COU", "MXV", "SVC", "USN", "UYI", "UYW", "VED", "XAD"}
    assert MINOR_UNITS.keys() - tender - funds == set()


def test_the_symbols_agree_with_those_of_every_locale() -> None:
    written: dict[str, set[str]] = {}
    for name in [*LOCALES["."], *LOCALES[","]]:
        for code, symbol in Locale.parse(name).currency_symbols.items():
            written.setdefault(symbol.rstrip("\u200f"), set()).add(code)
    for symbol, code in UNIQUE.items():
        assert code in MINOR_UNITS
        assert written.get(symbol, {code}) & MINOR_UNITS.keys() == {code}, symbol
    for symbol, codes in SHARED.items():
        assert symbol not in UNIQUE
        assert len(codes) > 1
        assert set(codes) <= MINOR_UNITS.keys()
        assert written.get(symbol, set()) & MINOR_UNITS.keys() <= set(codes), symbol


def test_the_amount_and_its_currency_are_linked_at_the_top_and_inside(spark: SparkSession) -> None:
    df = spark.createDataFrame(
        [("$5", [("7 EUR", 1), None]), (None, [])], "price string, items array<struct<price: string, n: int>>"
    )
    step = parse_money("items.price", currency_column="currency")
    nested = df.transform(step)
    assert nested.collect()[0]["items"] == [(7, 1, False, "EUR"), None]
    assert nested.schema == plan_step(step, Frame(df.schema)).schema
    items = nested.schema["items"].dataType
    assert isinstance(items, ArrayType)
    assert isinstance(items.elementType, StructType)
    amount, currency = items.elementType["price"], items.elementType["currency"]
    assert amount == StructField(
        "price", DecimalType(18, 2), metadata={"shopsmart_etl.amount": "items.price", "shopsmart_etl.name": "price"}
    )
    assert currency == StructField(
        "currency",
        StringType(),
        metadata={"shopsmart_etl.currency_of": "items.price", "shopsmart_etl.name": "currency"},
    )
    flat = (
        nested.transform(explode_arrays("items"))
        .transform(flatten_struct())
        .transform(impute_financials("items_price"))
    )
    both = flat.transform(parse_money("price", currency_column="price_currency"))
    frame = Frame.of(both)
    links = {
        name: [both.columns[at] for at in linked_columns(frame, frame.field(name), Link.CURRENCY)]
        for name in ("price", "items_price")
    }
    assert links == {"price": ["price_currency"], "items_price": ["items_currency"]}
    assert source_tag(frame.field("items_n"), Link.CURRENCY) is None


def test_a_failing_job_s_amounts_have_a_currency_too(spark: SparkSession) -> None:
    df = spark.createDataFrame([("5 EUR",)], "price string")
    read = df.transform(parse_money("price", currency_column="c", on_unreadable="error"))
    assert [tuple(row) for row in read.collect()] == [(5, "EUR")]


def test_misuse_is_named(spark: SparkSession) -> None:
    with pytest.raises(InvalidArgumentError, match="columns: expected one column with currency_column="):
        parse_money("a", "b", currency_column="c")
    with pytest.raises(InvalidArgumentError, match="currency_symbols: expected None without currency_column="):
        parse_money("a", currency_symbols={"$": "USD"})
    wrong: list[Any] = [1, "$", ["$"], [("$", "USD")]]
    wrong += [{symbol: "USD"} for symbol in (1, "", "5", "-", "a|b", "a\tb", "a,b", "(a)", " ", "a5b")]
    for symbols in wrong:
        with pytest.raises(InvalidArgumentError, match="currency_symbols: expected"):
            parse_money("a", currency_column="c", currency_symbols=symbols)
    unknown: list[tuple[Any, str]] = [
        ({"EUR": "USD"}, "symbols that are not codes"),
        ({"$": "DOLLAR"}, "codes of ISO 4217"),
        ({"$": None}, "codes of ISO 4217"),
    ]
    for codes, expected in unknown:
        with pytest.raises(InvalidArgumentError, match=f"currency_symbols: expected {expected}"):
            parse_money("a", currency_column="c", currency_symbols=codes)
    with pytest.raises(InvalidArgumentError, match="currency_column: expected the name of a column"):
        parse_money("a", currency_column="")
    df = spark.createDataFrame([("5", "EUR")], "price string, currency string")
    with pytest.raises(ColumnClashError, match="new column `currency`"):
        df.transform(parse_money("price", currency_column="currency"))


def test_a_currency_code_is_checked_by_a_rule(spark: SparkSession) -> None:
    codes = ["EUR", "HRK", "XXX", "eur", "€", "", None]
    df = spark.createDataFrame([(code,) for code in codes], "currency string")
    kept = df.transform(flag_violations(rules.currency_code("currency"))).transform(keep_valid())
    assert [row["currency"] for row in kept.collect()] == ["EUR", "HRK"]
