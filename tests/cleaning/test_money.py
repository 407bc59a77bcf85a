"""Text into exact amounts."""

from __future__ import annotations

import itertools
import pickle
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import pytest
from babel.numbers import format_currency, get_currency_precision, get_territory_currencies
from hypothesis import given
from hypothesis import strategies as st
from locales import LOCALES
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType
from strategies import batches, few_batches

from shopsmart_etl import (
    MISSING_AMOUNTS,
    ColumnClashError,
    ColumnTypeError,
    InvalidArgumentError,
    RowRefusedError,
    parse_money,
    translate_errors,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NBSP, THIN = "\u00a0", "\u202f"
POINT = {
    "$1,234.50": "1234.50",
    "(12.00)": "-12",
    "12.00-": "-12",
    "+3": "3",
    "-3": "-3",
    "1e3": "1000",
    "1.25E2": "125",
    "US$ 5": "5",
    "USD 5.1": "5.1",
    f"5{NBSP}EUR": "5",
    f"{NBSP} 7\t": "7",
    "-$4.20": "-4.20",
    "$-4.20": "-4.20",
    "($4.20)": "-4.20",
    "$(4.20)": "-4.20",
    "1'000'000.5": "1000000.5",
    "1 234 567": "1234567",
    ".5": "0.5",
    "5.": "5",
    "007": "7",
    "1.500": "1.50",
    "Rs. 99": "99",
    "€0": "0",
    "9999999999999999.99": "9999999999999999.99",
    "-0": "0",
    "12.-": "12",
    "12.--": "12",
    "12.–": "12",  # noqa: RUF001
    "1'200.-": "1200",
    "1’200.—": "1200",  # noqa: RUF001
    "CHF 12.-": "12",
    "-12.-": "-12",
    "(12.-)": "-12",
    "CHF-5.50": "-5.50",
    "12,34,567.5": "1234567.5",
    "₹1,00,000": "100000",
    "−3": "-3",  # noqa: RUF001
    "5.5 −": "-5.5",  # noqa: RUF001
    "1\u2009234\u2003567": "1234567",
    "٣": "3",
    "١٬٢٣٤٫٥٠": "1234.50",  # noqa: RUF001
    "१,२३४.५": "1234.5",
    "\u200f-1,234.50\u00a0\u200f₪": "-1234.50",
}
COMMA = {
    "1.234,50 €": "1234.50",
    f"1{THIN}234,5": "1234.5",
    "kr 12,00": "12",
    "1.234": "1234",
    "-1,5": "-1.5",
    "12,-": "12",
    "12,--": "12",
    "€ 12,-": "12",
    "kr 12,-": "12",
    "12,- €": "12",
    "12,—": "12",
    "€ -12,-": "-12",
    "12,5-": "-12.5",
    "1.200,-": "1200",
    "٣٫٥": "3.5",  # noqa: RUF001
}
UNREADABLE = [
    "free",
    "1,23",
    "1,234,56",
    "12,34.5",
    "1.2.3",
    "1.005",
    "--3",
    "-3-",
    "(-3)",
    "(3",
    "3)",
    "1 2",
    "5 apples",
    "0x10",
    "1e99",
    "1e-3",
    "10000000000000000",
    "1e16",
    "Infinity",
    "𝟛",  # noqa: RUF001
    "12,-",
    "12.---",
    "12.5.-",
    "-12-",
    "—5",
    "1,2,345",
    "12,345,67",
    "1,23 4.00",
    "$",
    "5%",
    "1\n2",
]


def parsed(spark: SparkSession, texts: list[Any], **options: Any) -> list[tuple[Any, ...]]:
    df = spark.createDataFrame([(at, text) for at, text in enumerate(texts)], "at INT, price STRING")
    return [tuple(row)[1:] for row in df.transform(parse_money("price", **options)).orderBy("at").collect()]


def test_amounts_are_read_as_written(spark: SparkSession) -> None:
    assert parsed(spark, list(POINT)) == [(Decimal(value), False) for value in POINT.values()]


def test_amounts_with_a_decimal_comma_are_read_as_written(spark: SparkSession) -> None:
    assert parsed(spark, list(COMMA), decimal_mark=",") == [(Decimal(value), False) for value in COMMA.values()]


def test_text_that_is_no_amount_is_null_and_flagged(spark: SparkSession) -> None:
    assert dict(zip(UNREADABLE, parsed(spark, UNREADABLE), strict=True)) == dict.fromkeys(UNREADABLE, (None, True))


def test_a_missing_amount_is_null_without_a_flag(spark: SparkSession) -> None:
    texts = [None, *MISSING_AMOUNTS, " n/a ", f"{NBSP}unknown"]
    assert parsed(spark, texts) == [(None, False)] * len(texts)
    assert parsed(spark, ["tbd", "N/A"], missing=["TBD"]) == [(None, False), (None, True)]
    others = ["\u2013", "\u2014", "keine\u00a0Angabe", "\u200fx"]
    assert parsed(spark, others, missing=others) == [(None, False)] * len(others)
    assert parsed(spark, others, missing=["?"]) == [(None, True)] * len(others)


AMOUNTS = st.decimals(min_value=-(10**15), max_value=10**15, places=2)


@few_batches
@given(batches(st.tuples(AMOUNTS, st.sampled_from(["", ",", " ", "'"]))))
def test_every_amount_is_read_back_as_it_was_written(spark: SparkSession, cases: list[tuple[Decimal, str]]) -> None:
    written: dict[str, tuple[Decimal, bool]] = {}
    for amount, group in cases:
        text = f"{amount:,.2f}".replace(",", group)
        written |= dict.fromkeys([text, f"{text} EUR", f"${text}"], (amount, False))
    assert dict(zip(written, parsed(spark, list(written)), strict=True)) == written


@pytest.mark.parametrize("mark", LOCALES)
@few_batches
@given(st.lists(AMOUNTS, min_size=1, max_size=4))
def test_amounts_in_the_conventions_of_locales_are_read_back(
    spark: SparkSession, mark: Literal[".", ","], amounts: list[Decimal]
) -> None:
    written: dict[str, Decimal] = {}
    for amount, name in itertools.product(amounts, LOCALES[mark]):
        currency = get_territory_currencies(name[-2:])[0]
        digits = get_currency_precision(currency)
        exact = round(amount, digits)
        forms: tuple[Literal["standard", "accounting"], ...] = ("standard", "accounting")
        for form, numbers in itertools.product(forms, ("latn", "default")):
            text = format_currency(exact, currency, locale=name, format_type=form, numbering_system=numbers)
            written[text] = exact
    read = parsed(spark, list(written), decimal_mark=mark)
    assert dict(zip(written, read, strict=True)) == {text: (amount, False) for text, amount in written.items()}


@few_batches
@given(batches(st.text(alphabet="0123456789.,-+()eE$ U\u00a0'x", max_size=8), size=60))
def test_no_text_fails_the_job_and_none_is_guessed(spark: SparkSession, texts: list[str]) -> None:
    for text, (amount, unreadable) in zip(texts, parsed(spark, texts), strict=True):
        if amount is not None:
            assert not unreadable
            # Without an exponent; three capitals are a currency.
            digits = [sign for sign in re.sub("(?<=[0-9.])[eE][+-]?[0-9]+", "", text) if sign.isdigit()]
            assert "".join(digits).strip("0") == "".join(str(part) for part in amount.as_tuple().digits).strip("0")


@pytest.mark.parametrize(
    "to", [DecimalType(38, 0), DecimalType(38, 18), DecimalType(38, 37), DecimalType(5, 5), DecimalType(3, 0)]
)
def test_every_decimal_type_holds_what_it_says_exactly(spark: SparkSession, to: DecimalType) -> None:
    largest = "9" * (to.precision - to.scale) + ("." + "9" * to.scale if to.scale else "")
    too_long = largest + ("9" if to.scale else ".9")
    assert parsed(spark, [largest, too_long, "1" + largest], to=to) == [
        (Decimal(largest), False),
        (None, True),
        (None, True),
    ]


def test_an_unreadable_amount_can_fail_the_job(spark: SparkSession) -> None:
    assert parsed(spark, ["5", "N/A"], on_unreadable="error") == [(Decimal(5),), (None,)]
    with pytest.raises(Exception, match="column 'price': expected an amount; got 'free'"):
        parsed(spark, ["5", "free"], on_unreadable="error")


def test_amounts_inside_arrays_are_parsed_where_they_are(spark: SparkSession) -> None:
    df = spark.createDataFrame([([("$5",), None, ("x",)],), (None,)], "items ARRAY<STRUCT<price: STRING>>")
    first, second = df.transform(parse_money("items.price")).collect()
    assert first["items"] == [(Decimal(5), False), None, (None, True)]
    assert second["items"] is None


def test_misuse_is_named(spark: SparkSession) -> None:
    df = spark.sql("SELECT 1 AS n, '5' AS price, true AS price_unreadable")
    with pytest.raises(ColumnTypeError, match=r"column 'n': expected a string; got int\. A number needs no parsing"):
        df.transform(parse_money("n"))
    with pytest.raises(ColumnClashError, match="price_unreadable"):
        df.transform(parse_money("price"))
    with pytest.raises(InvalidArgumentError, match=r"decimal_mark: expected one of '\.', ','; got ';'"):
        parse_money("price", decimal_mark=";")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="on_unreadable: expected one of 'flag', 'error'"):
        parse_money("price", on_unreadable="guess")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="columns: expected the names"):
        parse_money()


def test_a_step_is_a_value() -> None:
    step = parse_money("price", to=DecimalType(10, 2), missing=["tbd"])
    same = parse_money("price", missing=("tbd",), to=DecimalType(10, 2))
    assert step == same == pickle.loads(pickle.dumps(step))  # noqa: S301 - our own
    assert hash(step) == hash(same)
    assert step != parse_money("price")


def test_a_preview_has_the_names_and_types_of_the_result(spark: SparkSession) -> None:
    df = spark.createDataFrame([], "price string, id int, items array<struct<price: string, n: int>>")
    for step in (parse_money("price", "items.price"), parse_money("items.price", on_unreadable="error")):
        assert [row[1:] for row in step.preview(df.schema).rows] == df.transform(step).dtypes


@pytest.mark.parametrize("wrong", [None, 1, True, object(), [], [1], b"x", ""])
def test_arguments_of_a_wrong_type_are_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="columns: expected the name of a column"):
        parse_money("price", wrong)
    for argument in ("to", "decimal_mark", "on_unreadable", "flag_suffix"):
        with pytest.raises(InvalidArgumentError, match=f"{argument}: expected"):
            parse_money("price", **{argument: wrong})
    if wrong != []:
        with pytest.raises(InvalidArgumentError, match="missing: expected a sequence of strings"):
            parse_money("price", missing=wrong)


def test_more_digits_than_spark_s_decimals_have_are_refused() -> None:
    for to in (DecimalType(39, 2), DecimalType(2, 3), DecimalType(10, -1)):
        with pytest.raises(InvalidArgumentError, match="to: expected a DecimalType"):
            parse_money("price", to=to)


@pytest.mark.parametrize("text", ["free", "it's\r\nfree"])
def test_a_job_that_fails_at_an_amount_raises_the_whole_reason(spark: SparkSession, text: str) -> None:
    df = spark.createDataFrame([("5", [("7",)]), (text, [])], "price string, items array<struct<price: string>>")
    amounts = df.transform(parse_money("price", "items.price", on_unreadable="error"))
    reason = f"column 'price': expected an amount; got '{text}'".replace("\r", " ").replace("\n", " ")
    for action in (amounts.collect, amounts.agg(F.count("price")).collect):
        with pytest.raises(RowRefusedError) as caught, translate_errors():
            action()
        assert caught.value.reason == str(caught.value) == reason
