"""Amounts written as text, parsed into exact decimals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, Literal

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DecimalType, StringType, StructField

from shopsmart_etl._core.checks import check_choice, check_column, check_decimal_type, check_text, check_texts
from shopsmart_etl._core.column_tags import Link, tag_source, tag_target
from shopsmart_etl._core.currencies import MINOR_UNITS
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.nested_changes import Change, change_fields
from shopsmart_etl._core.nested_fields import FieldLocation, find_field
from shopsmart_etl._core.spark_errors import fail_column
from shopsmart_etl._core.sql import path_text, type_text
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.cleaning._amounts import GROUPS, in_ascii, parse_amount
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError

MISSING_AMOUNTS: Final = ("", "-", "N/A", "NA", "NULL", "NONE", "NAN", "ERROR", "UNKNOWN")
"""Texts that mean that there is no amount, in any case, with or without spaces around them."""
# Text that cannot be taken for a part of an amount, nor for a separator of the table of symbols.
_SYMBOL = re.compile(r"[^\d\s+\-()|,'](?:[^\d\t\n\r\f\v+\-()|,']*[^\d\s+\-()|,'])?")


@step
def parse_money(
    *columns: str,
    to: DecimalType = DecimalType(18, 2),  # noqa: B008 - immutable
    decimal_mark: Literal[".", ","] = ".",
    missing: Sequence[str] = MISSING_AMOUNTS,
    on_unreadable: Literal["flag", "error"] = "flag",
    flag_suffix: str = "_unreadable",
    currency_column: str | None = None,
    currency_symbols: Mapping[str, str] | None = None,
) -> Planner:
    """Parse amounts in text columns into exact decimals, and flag those that cannot be read.

    Reads ``$1,234.50``, ``US$ 5``, ``5 EUR``, ``+3``, ``-3``, ``12.00-``, ``(12.00)`` (which is negative), ``1e3``, and
    with ``decimal_mark=","`` ``1.234,50 €``. A dash in place of the decimals means that there are none: ``12.-`` is 12.
    Spaces of every kind are allowed between the parts, minus signs and apostrophes may be those of Unicode, and digits
    those of other scripts. Thousands are grouped by threes with one and the same mark, or as in India
    (``12,34,567.50``). Nothing else is guessed: ``1,23`` and ``0,123`` are not amounts where the comma groups
    thousands, nor are ``1.005`` where the type has two decimals, and ``5¢``. Null stays null.

    A currency before or after the amount is allowed: a symbol, three capitals, or a common abbreviation. Three capitals
    that are not a code of ISO 4217 (``RMB 5``) do not make the amount unreadable, but its currency is null.

    Args:
        *columns: String columns, at least one; a dotted path such as ``"items.price"`` reaches into structs and arrays.
        to: The type of the result.
        decimal_mark: The mark before the decimals.
        missing: Texts that mean that there is no amount, read as null; ``(*MISSING_AMOUNTS, "tbd")`` adds one.
        on_unreadable: What to do about text that is not an amount: ``"flag"`` replaces it by null and flags it;
            ``"error"`` fails the job.
        flag_suffix: With ``"flag"``, a boolean ``<column><flag_suffix>`` is added for each column after the last one
            (for a nested field, after its last sibling), true where there was text that cannot be read.
        currency_column: The name of a new string column for the ISO 4217 code of the currency, after the flag; for a
            nested field, of a new sibling. Null where the text names no currency, a symbol that several currencies
            have (``$``, ``£``, ``¥``, ``kr``), two currencies, or an unknown one, and where it is not an amount. If the
            text has a shared symbol and a code, the code counts: ``$5 CAD``. With one amount column only. By default,
            the currency is dropped.
        currency_symbols: With ``currency_column``, symbols or words before or after an amount, each with its code:
            ``{"$": "USD", "kr": "SEK", "Dollar": "USD"}``.

    Returns:
        A Transform whose result has the columns as decimals, the flags, and the currency. Metadata of the amount and of
        its currency links the two.

    Raises:
        InvalidArgumentError: No column is named, an argument is of the wrong type or not one of the choices,
            ``currency_column`` is given for several columns, or ``currency_symbols`` without it or with text that is
            not a symbol or not a code.
        ColumnNotFoundError: A column is not found.
        ColumnTypeError: A column is not a string.
        ColumnClashError: The name of a flag or of the currency is taken.
        RowRefusedError: With ``"error"``, within ``translate_errors()``: text is not an amount.

    Example:
        >>> lines = spark.createDataFrame(
        ...     [("$1,234.50", ["a"]), ("(12) EUR", []), ("N/A", None), ("free", []), (None, [])],
        ...     "price string, tags array<string>")
        >>> lines.transform(parse_money("price", currency_column="currency")).show()
        +-------+----+----------------+--------+
        |  price|tags|price_unreadable|currency|
        +-------+----+----------------+--------+
        |1234.50| [a]|           false|    NULL|
        | -12.00|  []|           false|     EUR|
        |   NULL|NULL|           false|    NULL|
        |   NULL|  []|            true|    NULL|
        |   NULL|  []|           false|    NULL|
        +-------+----+----------------+--------+
        <BLANKLINE>
    """
    names = [check_column("columns", column) for column in columns]
    if not names:
        raise InvalidArgumentError("columns", expected="the names of the columns to parse, at least one", got=columns)
    check_decimal_type("to", to)
    check_choice("decimal_mark", decimal_mark, GROUPS)
    texts = check_texts("missing", missing, expected="a sequence of strings, such as ('', 'N/A')")
    check_choice("on_unreadable", on_unreadable, ("flag", "error"))
    check_text("flag_suffix", flag_suffix, expected="a suffix such as '_unreadable'")
    if currency_column is not None:
        check_column("currency_column", currency_column)
        if len(names) > 1:
            raise InvalidArgumentError("columns", expected="one column with currency_column=", got=columns)
    elif currency_symbols is not None:
        raise InvalidArgumentError("currency_symbols", expected="None without currency_column=", got=currency_symbols)
    parse = partial(
        parse_amount,
        to=to,
        mark=decimal_mark,
        missing=[in_ascii(text, decimal_mark).upper() for text in texts],
        symbols=None if currency_column is None else _check_symbols(currency_symbols, decimal_mark),
    )

    def plan(frame: Frame) -> Plan:
        changes: dict[tuple[int, tuple[str, ...]], Change] = {}
        for name in names:
            location = find_field(frame, name)
            of = location.field.dataType
            if not isinstance(of, StringType):
                hint = "A number needs no parsing: cast it"
                raise ColumnTypeError(name, expected="a string", got=type_text(of), hint=hint)
            flag = flag_suffix if on_unreadable == "flag" else None
            changes[location.column, location.path] = _plan_change(frame, location, parse, to, flag, currency_column)
        hint = "Give another flag_suffix or currency_column, or drop the column first"
        return change_fields(frame, list(changes.values()), hint=hint)

    return plan


def _plan_change(
    frame: Frame,
    location: FieldLocation,
    parse: Callable[[Column], Column],
    to: DecimalType,
    flag_suffix: str | None,
    currency_column: str | None,
) -> Change:
    """Plan the change of one column; without a suffix of flags, one that fails the job."""
    name = location.field.name
    path = path_text([frame.names[location.column], *location.path])
    amount = StructField(name, to, nullable=True, metadata=location.field.metadata)
    added = [] if flag_suffix is None else [StructField(name + flag_suffix, BooleanType())]
    if currency_column is not None:
        amount = tag_source(amount, Link.CURRENCY, path)
        added.append(tag_target(StructField(currency_column, StringType()), Link.CURRENCY, path))

    def compute(parsed: Column) -> list[Column]:
        value, is_unreadable = parsed.getField("amount"), parsed.getField("is_unreadable")
        if flag_suffix is not None:
            values = [value, is_unreadable]
        else:
            failure = fail_column(f"column '{path}': expected an amount; got '", parsed.getField("text"), "'")
            values = [F.when(is_unreadable, failure).otherwise(value)]
        return values if currency_column is None else [*values, parsed.getField("currency")]

    return Change(location, amount, compute, added, prepare=parse)


def _check_symbols(symbols: object, mark: str) -> dict[str, str]:
    """Check the currencies of symbols, and return them by symbols written with the signs of ASCII."""
    if symbols is None:
        return {}
    if not isinstance(symbols, Mapping):
        expected = "a mapping from symbols to ISO 4217 codes, such as {'$': 'USD'}"
        raise InvalidArgumentError("currency_symbols", expected=expected, got=symbols)
    for symbol, code in symbols.items():
        if not isinstance(symbol, str) or not _SYMBOL.fullmatch(in_ascii(symbol, mark)):
            expected = "symbols without digits, commas, apostrophes, signs and parentheses"
            raise InvalidArgumentError("currency_symbols", expected=expected, got=symbol)
        if in_ascii(symbol, mark) in MINOR_UNITS:
            raise InvalidArgumentError("currency_symbols", expected="symbols that are not codes themselves", got=symbol)
        if not isinstance(code, str) or code not in MINOR_UNITS:
            expected = "codes of ISO 4217, such as 'USD'"
            raise InvalidArgumentError("currency_symbols", expected=expected, got=code)
    return {in_ascii(symbol, mark): code for symbol, code in symbols.items()}
