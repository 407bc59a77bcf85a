"""Expressions that read an amount and its currency from text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType

from shopsmart_etl._core.checks import MAX_PRECISION
from shopsmart_etl._core.nested_changes import bind
from shopsmart_etl.cleaning._currencies import currency_code, currency_regex

GROUPS: Final = {".": (",", "'", " "), ",": (".", "'", " ")}
"""The marks that group thousands, by the mark of the decimals."""

_SPACE = r"\s*"
# Zeros of the scripts that locales write numbers in, each followed by its other digits.
_ZEROS = (
    "\u0660\u06f0\u07c0\u0966\u09e6\u0a66\u0ae6\u0b66\u0be6\u0c66\u0ce6\u0d66"
    "\u0e50\u0ed0\u0f20\u1040\u17e0\u1c50\uabf0\uff10"
)
# Signs that mean the same, each group by its sign in ASCII. The dashes are those that stand for a minus.
_SAME_SIGNS = {
    " ": "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    "-": "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d",
    "'": "\u2018\u2019\u02bc\u00b4\u2032\uff07",
    # Signs as wide as those of East Asia.
    **dict(zip("+(),.$£¥₩", "\uff0b\uff08\uff09\uff0c\uff0e\uff04\uffe1\uffe5\uffe6", strict=True)),
    **{str(digit): "".join(chr(ord(zero) + digit) for zero in _ZEROS) for digit in range(10)},
}
# Arabic decimal and thousands separators.
_ARABIC_DECIMAL, _ARABIC_GROUP = "\u066b", "\u066c"
# Marks of the direction of writing and of the order of bytes, and spaces without width.
_INVISIBLE = "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"


def parse_amount(
    text: Column, *, to: DecimalType, mark: str, missing: Sequence[str], symbols: Mapping[str, str] | None
) -> Column:
    """Make the expression that reads a text.

    Args:
        text: The text.
        to: The type of the amount.
        mark: The mark before the decimals.
        missing: Texts that mean that there is no amount, written as ``in_ascii`` writes them, in capitals.
        symbols: The currencies of symbols, written likewise; None to read no currency.

    Returns:
        A struct of ``amount``, null where the text is not one that the type represents exactly; ``is_unreadable``, true
        where the text is neither an amount nor means that there is none; ``currency``, a code or null; and ``text``.
    """
    written = _normalized(text, mark)
    # One regular expression splits the text, so that the parts are those that matched: sign and number, currencies.
    regex = _amount_regex(mark, currency_regex(symbols or {}))
    split = F.split(F.regexp_replace(written, regex, "$1$3$5$7$9$11$4$8|$2|$6$10"), r"\|")

    def read(parts: Column) -> Column:
        number = F.translate(parts.getItem(0), mark + "".join(GROUPS[mark]), ".")
        return bind(_exact(number, to), partial(finish, parts))

    def finish(parts: Column, amount: Column) -> Column:
        # A missing amount is rare, so that the text is not often written a second time.
        is_unreadable = text.isNotNull() & amount.isNull() & ~F.upper(_normalized(text, mark)).isin(*missing)
        columns = [amount.alias("amount"), is_unreadable.alias("is_unreadable"), text.alias("text")]
        if symbols is not None:
            code = currency_code(parts.getItem(1), parts.getItem(2), symbols)
            columns.append(F.when(amount.isNotNull(), code).alias("currency"))
        return F.struct(*columns)

    return bind(split, read)


def in_ascii(text: str, mark: str) -> str:
    """Write a text as ``parse_amount`` compares it: with the signs of ASCII, without spaces around it.

    >>> in_ascii("\u2212 n/a\u00a0", ".")
    '- n/a'
    """
    signs = {**_signs(mark), **dict.fromkeys(_INVISIBLE, "")}
    return text.translate({ord(sign): ascii_sign for sign, ascii_sign in signs.items()}).strip()


def _normalized(text: Column, mark: str) -> Column:
    signs = _signs(mark)
    # Signs without a counterpart are removed.
    ascii_text = F.translate(text, "".join(signs) + _INVISIBLE, "".join(signs.values()))
    return F.regexp_replace(ascii_text, r"^\s+|\s+\z", "")


def _signs(mark: str) -> dict[str, str]:
    """Map signs to those of ASCII that mean the same."""
    signs = {_ARABIC_DECIMAL: mark, _ARABIC_GROUP: GROUPS[mark][0]}
    return signs | {sign: ascii_sign for ascii_sign, same in _SAME_SIGNS.items() for sign in same}


def _amount_regex(mark: str, currency: str) -> str:
    """Return the regular expression of an amount, which matches any other text too, with empty groups.

    The groups are: a sign, a currency, a sign; then digits, a sign, a currency, a sign; or digits before a bare mark, a
    parenthesis, a currency, a parenthesis. Which signs belong together is checked later.
    """
    whole, digits = _whole(mark), _digits(mark)
    opening, before, after = rf"(?:([-+(]){_SPACE})?", rf"(?:({currency}){_SPACE})?", rf"(?:{_SPACE}({currency}))?"
    minus, parenthesis = rf"(?:{_SPACE}([-)]))?", rf"(?:{_SPACE}(\)))?"
    # A bare mark, or a dash after it, means no decimals. An em dash is only used so.
    bare = rf"({whole})\{mark}[-\u2014]{{0,2}}{parenthesis}{after}{parenthesis}"
    return rf"^(?:{opening}{before}{opening}(?:({digits}){minus}{after}{minus}|{bare})|[\s\S]*)\z"


def _whole(mark: str) -> str:
    """Return the regular expression of a whole number."""
    # The same mark throughout, by one alternative for each mark: regular expressions on Sail have no back references.
    # A first group of 0 is none: where the comma groups thousands, 0,123 is no amount.
    groups = "|".join(rf"(?:[{thousands}][0-9]{{3}})+" for thousands in GROUPS[mark])
    indian = r"[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}|" if mark == "." else ""
    return rf"(?:[1-9][0-9]{{0,2}}(?:{groups})|{indian}[0-9]+)"


def _digits(mark: str) -> str:
    """Return the regular expression of a number whose last sign is a digit."""
    point = rf"\{mark}"
    return rf"(?:{_whole(mark)}(?:{point}[0-9]+)?|{point}[0-9]+)(?:[eE][+-]?[0-9]{{1,2}})?"


def _exact(number: Column, to: DecimalType) -> Column:
    """Make the decimal of a number with its signs; null where the type does not represent it exactly."""
    sign, whole = r"^(?:[-+]|\(\))?", to.precision - to.scale
    integer = f"0*[0-9]{{1,{whole}}}" if whole else "0+"
    short = rf"{sign}(?:{integer}|0*[0-9]{{0,{whole}}}\.[0-9]{{0,{to.scale}}}0*)\z"
    # "()12" becomes "-12".
    signed = F.translate(number, "(+)", "-")
    # A number with an exponent is compared with itself in a wider type; neither cast can fail.
    powers = rf"{sign}[0-9]{{1,9}}(?:\.[0-9]{{0,9}})?[eE](?:[+]?[0-9]|-[0-9])\z"
    # Null where there is no exponent: Sail evaluates both sides of an AND, and would fail to cast other text.
    wide = F.when(number.rlike(powers), signed).cast(DecimalType(MAX_PRECISION, 18))
    fits = F.abs(wide.cast("double")) < F.lit(10.0 ** min(whole, 20))
    with_exponent = F.when(fits & (F.round(wide, min(to.scale, 18)) == wide), wide)
    return F.coalesce(F.when(number.rlike(short), signed).cast(to), with_exponent.cast(to))
