"""Amounts written as text, parsed into exact decimals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DecimalType, StringType

from shopsmart_etl._core.checks import check_choice, check_column, check_text, check_texts
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.nested_fields import Change, change_fields, find_field
from shopsmart_etl._core.spark_errors import fail_column
from shopsmart_etl._core.sql import type_text
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError

MISSING_AMOUNTS: Final = ("", "-", "N/A", "NA", "NULL", "NONE", "NAN", "ERROR", "UNKNOWN")
"""Texts that mean that there is no amount, in any case, with or without spaces around them."""

# The most digits of a decimal in Spark.
_MAX_PRECISION = 38
_SPACE = r"\s*"
# A symbol, alone or after letters (US$); a code (USD); or an abbreviation that is common in files.
_CURRENCY = (
    r"(?:[A-Z]{0,3}\p{Sc}|[A-Z]{3}|Rs\.?|kr\.?|zł|Kč|Ft|Rp|RM|R|TL|lei|din\.?|Fr\.?|S/|лв\.?|руб\.?"  # noqa: RUF001
    r"|ج\.م\.|د\.إ\.|ر\.س\.|ریال)"
)
# The marks that group thousands, by the mark of the decimals.
_GROUPS = {".": (",", "'", " "), ",": (".", "'", " ")}
# Digits of other scripts: Arabic, Persian, Devanagari, Bengali, Thai, full-width.
_ZEROS = "\u0660\u06f0\u0966\u09e6\u0e50\uff10"
# Signs that mean the same, each group by its sign in ASCII. The dashes are those that stand for a minus.
_SAME_SIGNS = {
    " ": "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    "-": "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d",
    "'": "\u2018\u2019\u02bc\uff07",
    **{str(digit): "".join(chr(ord(zero) + digit) for zero in _ZEROS) for digit in range(10)},
}
# Arabic decimal and thousands separators.
_ARABIC_DECIMAL, _ARABIC_GROUP = "\u066b", "\u066c"
# Marks of the direction of writing, which have no width.
_INVISIBLE = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@step
def parse_money(
    *columns: str,
    to: DecimalType = DecimalType(18, 2),  # noqa: B008 - immutable
    decimal_mark: Literal[".", ","] = ".",
    missing: Sequence[str] = MISSING_AMOUNTS,
    on_unreadable: Literal["flag", "error"] = "flag",
    flag_suffix: str = "_unreadable",
) -> Planner:
    """Parse amounts in text columns into exact decimals, and flag those that cannot be read.

    Reads ``$1,234.50``, ``US$ 5``, ``5 EUR``, ``+3``, ``-3``, ``12.00-``, ``(12.00)`` (which is negative), ``1e3``, and
    with ``decimal_mark=","`` ``1.234,50 €``. A dash in place of the decimals means that there are none: ``12.-`` is 12.
    Spaces of every kind are allowed between the parts, minus signs and apostrophes may be those of Unicode, and digits
    those of other scripts. Thousands are grouped by threes with one and the same mark, or as in India
    (``12,34,567.50``). Nothing else is guessed: ``1,23`` is not an amount where the comma groups thousands, nor is
    ``1.005`` where the type has two decimals. Null stays null.

    Args:
        *columns: String columns, at least one; a dotted path such as ``"items.price"`` reaches into structs and arrays.
        to: The type of the result.
        decimal_mark: The mark before the decimals.
        missing: Texts that mean that there is no amount, read as null; ``(*MISSING_AMOUNTS, "tbd")`` adds one.
        on_unreadable: What to do about text that is not an amount: ``"flag"`` replaces it by null and flags it;
            ``"error"`` fails the job.
        flag_suffix: With ``"flag"``, a boolean ``<column><flag_suffix>`` is added for each column after the last one
            (for a nested field, after its last sibling), true where there was text that cannot be read.

    Returns:
        A Transform whose result has the columns as decimals, and the flags.

    Raises:
        InvalidArgumentError: No column is named, or an argument is of the wrong type or not one of the choices.
        ColumnNotFoundError: A column is not found.
        ColumnTypeError: A column is not a string.
        ColumnClashError: A flag's name is taken.
        RowRefusedError: With ``"error"``, within ``translate_errors()``: text is not an amount.

    Example:
        >>> lines = spark.createDataFrame(
        ...     [("$1,234.50", ["a"]), ("(12)", []), ("N/A", None), ("free", []), (None, [])],
        ...     "price string, tags array<string>")
        >>> lines.transform(parse_money("price")).show()
        +-------+----+----------------+
        |  price|tags|price_unreadable|
        +-------+----+----------------+
        |1234.50| [a]|           false|
        | -12.00|  []|           false|
        |   NULL|NULL|           false|
        |   NULL|  []|            true|
        |   NULL|  []|           false|
        +-------+----+----------------+
        <BLANKLINE>
    """
    names = [check_column("columns", column) for column in columns]
    if not names:
        raise InvalidArgumentError("columns", expected="the names of the columns to parse, at least one", got=columns)
    _check_decimal("to", to)
    check_choice("decimal_mark", decimal_mark, _GROUPS)
    texts = check_texts("missing", missing, expected="a sequence of strings, such as ('', 'N/A')")
    check_choice("on_unreadable", on_unreadable, ("flag", "error"))
    check_text("flag_suffix", flag_suffix, expected="a suffix such as '_unreadable'")
    parse = partial(_parse, to=to, mark=decimal_mark)
    # Written as the texts that they are compared with.
    signs = str.maketrans(_signs(decimal_mark) | dict.fromkeys(_INVISIBLE, ""))
    no_amounts = [text.translate(signs).strip().upper() for text in texts]
    is_unreadable = partial(_is_unreadable, parse=parse, mark=decimal_mark, missing=no_amounts)

    def plan(frame: Frame) -> Plan:
        changes: dict[tuple[int, tuple[str, ...]], Change] = {}
        for name in names:
            location = find_field(frame, name)
            of = location.field.dataType
            if not isinstance(of, StringType):
                hint = "A number needs no parsing: cast it"
                raise ColumnTypeError(name, expected="a string", got=type_text(of), hint=hint)
            changes[location.column, location.path] = (
                Change(location, parse, {flag_suffix: (is_unreadable, BooleanType())}, type=to)
                if on_unreadable == "flag"
                else Change(
                    location, partial(_parse_or_fail, parse=parse, is_unreadable=is_unreadable, name=name), {}, type=to
                )
            )
        hint = "Give another flag_suffix, or drop the column first"
        return change_fields(frame, list(changes.values()), hint=hint)

    return plan


def _check_decimal(argument: str, value: object) -> None:
    if not isinstance(value, DecimalType) or not 0 <= value.scale <= value.precision <= _MAX_PRECISION:
        raise InvalidArgumentError(argument, expected="a DecimalType, such as DecimalType(18, 2)", got=value)


def _is_unreadable(text: Column, *, parse: Callable[[Column], Column], mark: str, missing: Sequence[str]) -> Column:
    """Make the condition that text is neither an amount nor one of those that mean that there is none."""
    return text.isNotNull() & ~F.upper(_normalized(text, mark)).isin(*missing) & parse(text).isNull()


def _parse_or_fail(
    text: Column, *, parse: Callable[[Column], Column], is_unreadable: Callable[[Column], Column], name: str
) -> Column:
    failure = fail_column(f"column '{name}': expected an amount; got '", text, "'")
    return F.when(is_unreadable(text), failure).otherwise(parse(text))


def _normalized(text: Column, mark: str) -> Column:
    """Write an amount with the signs of ASCII, without spaces around it."""
    signs = _signs(mark)
    # What has no counterpart is removed.
    ascii_text = F.translate(text, "".join(signs) + _INVISIBLE, "".join(signs.values()))
    return F.regexp_replace(ascii_text, r"^\s+|\s+$", "")


def _signs(mark: str) -> dict[str, str]:
    """Map signs to those of ASCII that mean the same."""
    signs = {_ARABIC_DECIMAL: mark, _ARABIC_GROUP: _GROUPS[mark][0]}
    return signs | {sign: ascii_sign for ascii_sign, same in _SAME_SIGNS.items() for sign in same}


def _parse(text: Column, *, to: DecimalType, mark: str) -> Column:
    """Parse an amount; null where the text is not one that the type represents exactly."""
    amount = _normalized(text, mark)
    point = rf"\{mark}"
    digits = _digits(mark)
    # A bare mark, or a dash after it, means no decimals. An em dash is only used so.
    number = rf"(?:{digits}|{_whole(mark)}{point}[-\u2014]{{0,2}})"
    before, after = rf"(?:{_CURRENCY}{_SPACE})?", rf"(?:{_SPACE}{_CURRENCY})?"
    forms = [
        rf"[+-]?{_SPACE}{before}{number}{after}",
        rf"{_CURRENCY}{_SPACE}[+-]{_SPACE}{number}{after}",
        rf"{before}{digits}{after}{_SPACE}-",
        rf"\({_SPACE}{before}{number}{after}{_SPACE}\)",
        rf"{_CURRENCY}{_SPACE}\({_SPACE}{number}{_SPACE}\)",
    ]
    is_amount = amount.rlike(f"^(?:{'|'.join(forms)})$")
    ungrouped = F.regexp_replace(F.regexp_extract(amount, digits, 0), f"[{''.join(_GROUPS[mark])}]", "")
    plain = F.regexp_replace(ungrouped, point, ".")
    is_negative = amount.rlike(r"^[^0-9]*[-(]") | (amount.rlike("-$") & ~amount.rlike(f"{point}-+$"))
    return F.when(is_amount & _fits_exactly(plain, to), _signed(plain, is_negative, to))


def _whole(mark: str) -> str:
    """Return the regular expression of a whole number."""
    # The same mark throughout, by one alternative for each mark: regular expressions on Sail have no back references.
    grouped = "|".join(rf"(?:[{thousands}][0-9]{{3}})+" for thousands in _GROUPS[mark])
    indian = r"[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}|" if mark == "." else ""
    return rf"(?:[0-9]{{1,3}}(?:{grouped})|{indian}[0-9]+)"


def _digits(mark: str) -> str:
    """Return the regular expression of a number whose last sign is a digit."""
    point = rf"\{mark}"
    return rf"(?:{_whole(mark)}(?:{point}[0-9]+)?|{point}[0-9]+)(?:[eE][+-]?[0-9]{{1,2}})?"


def _signed(plain: Column, is_negative: Column, to: DecimalType) -> Column:
    amount = plain.cast(to)
    return F.when(is_negative, (-amount).cast(to)).otherwise(amount)


def _fits_exactly(plain: Column, to: DecimalType) -> Column:
    """Make the condition that a decimal type represents a number exactly."""
    whole = to.precision - to.scale
    short = rf"^0*[0-9]{{0,{whole}}}(?:\.[0-9]{{0,{to.scale}}}0*)?$"
    # A number with an exponent is compared with itself in a wider type; neither cast can fail.
    wide = DecimalType(_MAX_PRECISION, 18)
    powers = plain.rlike(r"^[0-9]{1,9}(?:\.[0-9]{0,9})?[eE](?:[+]?[0-9]|-[0-9])$")
    # Null where there is no exponent: Sail evaluates both sides of an AND, and would fail to cast other text.
    number = F.when(powers, plain)
    fits = number.cast("double") < F.lit(10.0 ** min(whole, 20))
    exact = number.cast(wide) == F.round(number.cast(wide), to.scale) if to.scale < wide.scale else F.lit(True)  # noqa: FBT003
    return plain.rlike(short) | F.when(fits, exact).otherwise(F.lit(False))  # noqa: FBT003
