"""Amounts written as text into exact decimals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType, StringType

from shopsmart_etl._core.nested_fields import Change, apply_changes, find_field
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import type_text
from shopsmart_etl._core.step import step
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.typing import Transform

MISSING_AMOUNTS: Final = ("", "-", "N/A", "NA", "NULL", "NONE", "NAN", "ERROR", "UNKNOWN")
"""What stands for no amount, whatever its case and the spaces around it."""

# Spaces, the no-break ones and tabs among them, which Java's \s leaves out.
_SPACE = r"[\s\u00A0\u2007\u2009\u202F]*"
# A symbol, alone or after letters (US$), a code (USD), or an abbreviation that is common in files (Rs., kr).
_CURRENCY = r"(?:[A-Z]{0,3}\p{Sc}|[A-Z]{3}|Rs\.?|kr\.?|zł)"
# The marks that group thousands, by the mark of the decimals.
_MARKS = ("'", r"\u2019", r"\u00A0", r"\u2007", r"\u2009", r"\u202F", " ")
_GROUPS = {".": (",", *_MARKS), ",": (".", *_MARKS)}


@step
def parse_money(
    *columns: str,
    to: DecimalType = DecimalType(18, 2),  # noqa: B008 - immutable
    decimal_mark: Literal[".", ","] = ".",
    missing: Sequence[str] = MISSING_AMOUNTS,
    unreadable: Literal["mark", "refuse"] = "mark",
    flag_suffix: str = "_unreadable",
) -> Transform:
    """Parse amounts that are text into exact decimals, and say what could not be read.

    Reads ``$1,234.50``, ``US$ 5``, ``5 EUR``, ``+3``, ``-3``, ``12.00-``, ``(12.00)`` (which is negative), ``1e3``, and
    with ``decimal_mark=","`` ``1.234,50 €``; spaces and no-break spaces may stand between the parts. Thousands are
    grouped by threes with one and the same mark. Anything else is not guessed at: ``1,23`` is no amount where the comma
    groups thousands, nor is ``1.005`` where the type has two decimals.

    Args:
        *columns: String columns, at least one; a dotted path such as ``"items.price"`` reaches into structs and arrays.
        to: The type of the result.
        decimal_mark: What stands before the decimals.
        missing: Texts that stand for no amount; ``(*MISSING_AMOUNTS, "tbd")`` adds one.
        unreadable: ``"mark"`` makes text that is no amount null, and flags it; ``"refuse"`` fails the job and names the
            text.
        flag_suffix: With ``"mark"`` each column gets a boolean ``<column><flag_suffix>`` after the last column (after
            the last field beside it, if it is nested), true where there was text that could not be read.

    Returns:
        A Transform whose result has the columns as decimals, and the flags.

    Raises:
        InvalidArgumentError: No column is named, or an argument is none of the choices.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: A column is not a string.
        ColumnClashError: A flag's name is taken.

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
    if not columns:
        raise InvalidArgumentError("columns", wanted="the names of the columns to parse, at least one", found=columns)
    if decimal_mark not in _GROUPS:
        raise InvalidArgumentError("decimal_mark", wanted="'.' or ','", found=decimal_mark)
    if unreadable not in ("mark", "refuse"):
        raise InvalidArgumentError("unreadable", wanted="'mark' or 'refuse'", found=unreadable)
    if unreadable == "mark" and not flag_suffix:
        raise InvalidArgumentError("flag_suffix", wanted="a suffix such as '_unreadable'", found=flag_suffix)
    names = [text.strip().upper() for text in missing]
    read = partial(_read, to=to, mark=decimal_mark)

    def parse(df: DataFrame) -> DataFrame:
        schema = df.schema
        changes: dict[tuple[int, tuple[str, ...]], Change] = {}
        for column in columns:
            place = find_field(schema, column, ignores_case=partial(ignores_case, df))
            if not isinstance(place.field.dataType, StringType):
                found = type_text(place.field.dataType)
                raise ColumnTypeError(
                    column, wanted="a string", found=found, way_out="A number needs no parsing: cast it"
                )
            wrong = partial(_wrong, read=read, missing=names)
            value = read if unreadable == "mark" else partial(_or_fail, read=read, wrong=wrong, column=column)
            changes[place.at, place.inside] = Change(place, value, {flag_suffix: wrong} if unreadable == "mark" else {})
        return apply_changes(
            df,
            schema,
            list(changes.values()),
            ignores_case=partial(ignores_case, df),
            way_out="Give another flag_suffix, or drop the column first",
        )

    return parse


def _wrong(text: Column, *, read: Callable[[Column], Column], missing: Sequence[str]) -> Column:
    """Tell text that is neither an amount nor stands for none."""
    return text.isNotNull() & ~F.upper(_trimmed(text)).isin(*missing) & read(text).isNull()


def _or_fail(
    text: Column, *, read: Callable[[Column], Column], wrong: Callable[[Column], Column], column: str
) -> Column:
    why = F.concat(F.lit(f"column '{column}': wanted an amount; found '"), text, F.lit("'"))
    return F.when(wrong(text), F.raise_error(why)).otherwise(read(text))


def _trimmed(text: Column) -> Column:
    return F.regexp_replace(text, rf"^{_SPACE}|{_SPACE}$", "")


def _read(text: Column, *, to: DecimalType, mark: str) -> Column:
    """Read an amount, or null where the text is none that the type holds exactly."""
    group, point = f"[{''.join(_GROUPS[mark])}]", rf"\{mark}"
    # One and the same mark throughout. No back reference says so, since Sail's expressions have none.
    grouped = "|".join(rf"(?:[{one}][0-9]{{3}})+" for one in _GROUPS[mark])
    number = rf"(?:(?:[0-9]{{1,3}}(?:{grouped})|[0-9]+)(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]{{1,2}})?"
    before, after = rf"(?:{_CURRENCY}{_SPACE})?", rf"(?:{_SPACE}{_CURRENCY})?"
    forms = [
        rf"[+-]?{_SPACE}{before}{number}{after}",
        rf"{_CURRENCY}{_SPACE}[+-]{_SPACE}{number}{after}",
        rf"{before}{number}{after}{_SPACE}-",
        rf"\({_SPACE}{before}{number}{after}{_SPACE}\)",
        rf"{_CURRENCY}{_SPACE}\({_SPACE}{number}{_SPACE}\)",
    ]
    bare = _trimmed(text)
    written = bare.rlike(f"^(?:{'|'.join(forms)})$")
    digits = F.regexp_replace(F.regexp_extract(bare, number, 0), group, "")
    plain = F.regexp_replace(digits, point, ".")
    negative = bare.rlike(r"^[^0-9]*[-(]") | bare.rlike("-$")
    return F.when(written & _holds(plain, to), _signed(plain, negative, to))


def _signed(plain: Column, negative: Column, to: DecimalType) -> Column:
    amount = plain.cast(to)
    return F.when(negative, (-amount).cast(to)).otherwise(amount)


def _holds(plain: Column, to: DecimalType) -> Column:
    """Tell whether a decimal type holds a number exactly."""
    whole = to.precision - to.scale
    short = rf"^0*[0-9]{{0,{whole}}}(?:\.[0-9]{{0,{to.scale}}}0*)?$"
    # A number with an exponent is compared with itself in a wider type; both casts are sure to hold it.
    wide = DecimalType(38, 18)
    powers = plain.rlike(r"^[0-9]{1,9}(?:\.[0-9]{0,9})?[eE](?:[+]?[0-9]|-[0-9])$")
    # Null where there is none: Sail evaluates both sides of an AND, and would fail to cast other text.
    number = F.when(powers, plain)
    fits = number.cast("double") < F.lit(10.0 ** min(whole, 20))
    exact = number.cast(wide) == F.round(number.cast(wide), to.scale) if to.scale < wide.scale else F.lit(True)  # noqa: FBT003
    return plain.rlike(short) | F.when(fits, exact).otherwise(F.lit(False))  # noqa: FBT003
