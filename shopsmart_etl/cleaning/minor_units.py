"""Amounts in minor units, such as cents, scaled to exact decimals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial, reduce

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DecimalType,
    IntegralType,
    StringType,
    StructField,
)

from shopsmart_etl._core.checks import check_column, check_decimal_type, check_text
from shopsmart_etl._core.column_tags import Link, tag_source, tag_target, target_tag
from shopsmart_etl._core.currencies import MINOR_UNITS
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.nested_changes import Change, change_fields, is_in_array
from shopsmart_etl._core.nested_fields import FieldLocation, find_field
from shopsmart_etl._core.sql import path_text, type_text
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError

# The most decimals of a minor unit, and the most digits of an amount: a decimal in Spark has 38 digits in all.
_MAX_DECIMALS, _MAX_DIGITS = 4, 33


@step
def scale_minor_units(
    *columns: str,
    currency: str | None = None,
    currency_code: str | None = None,
    to: DecimalType = DecimalType(18, 2),  # noqa: B008 - immutable
    minor_units: Mapping[str, int] | None = None,
    flag_suffix: str = "_unscaled",
) -> Planner:
    """Scale whole numbers of minor units, such as cents, to exact decimals, by the minor unit of their currency.

    Payment providers count in the smallest unit of each currency: 1050 is 10.50 EUR, 1050 JPY and 1.050 KWD. The units
    are those of ISO 4217. Null stays null. An amount is null and flagged where its currency is null or unknown, where
    it has a fraction, or where the type cannot represent it exactly.

    Args:
        *columns: Columns of integers or decimals, at least one; a dotted path such as ``"items.price"`` reaches into
            structs and arrays.
        currency: The column with the code of each amount's currency, in capitals or not; for nested amounts, a column
            outside of arrays, such as ``"currency"``, or a field of the same struct, such as ``"items.currency"``.
        currency_code: In place of ``currency``, the code of the currency of all amounts.
        to: The type of the result.
        minor_units: The decimals of currencies whose unit is another one in this source: Stripe counts ``{"ISK": 2,
            "UGX": 2, "MGA": 0}``.
        flag_suffix: A boolean ``<column><flag_suffix>`` is added for each column after the last one (for a nested
            field, after its last sibling), true where there was an amount that could not be scaled.

    Returns:
        A Transform whose result has the columns as decimals, and the flags. Metadata links each amount to a currency
        that is its sibling.

    Raises:
        InvalidArgumentError: No column is named, an argument is of the wrong type, a code is not one of ISO 4217, or
            not exactly one of ``currency`` and ``currency_code`` is given.
        ColumnNotFoundError: A column is not found.
        ColumnTypeError: An amount is not an integer or a decimal, a currency is not a string, or it is in an array
            and not a sibling of the amount.
        ColumnClashError: A flag's name is taken.

    Example:
        >>> charges = spark.createDataFrame(
        ...     [(1050, "eur", ["a"]), (1050, "JPY", []), (1050, None, None), (None, "EUR", [])],
        ...     "amount bigint, currency string, tags array<string>")
        >>> charges.transform(scale_minor_units("amount", currency="currency")).show()
        +-------+--------+----+---------------+
        | amount|currency|tags|amount_unscaled|
        +-------+--------+----+---------------+
        |  10.50|     eur| [a]|          false|
        |1050.00|     JPY|  []|          false|
        |   NULL|    NULL|NULL|           true|
        |   NULL|     EUR|  []|          false|
        +-------+--------+----+---------------+
        <BLANKLINE>
    """
    names = [check_column("columns", column) for column in columns]
    if not names:
        raise InvalidArgumentError("columns", expected="the names of the columns to scale, at least one", got=columns)
    if (currency is None) == (currency_code is None):
        got = None if currency is None else (currency, currency_code)
        raise InvalidArgumentError("currency", expected="one of currency= and currency_code=", got=got)
    check_decimal_type("to", to)
    check_text("flag_suffix", flag_suffix, expected="a suffix such as '_unscaled'")
    units = {**MINOR_UNITS, **_check_units(minor_units)}
    if currency is not None:
        check_column("currency", currency)
    elif not isinstance(currency_code, str) or currency_code not in units:
        expected = "a code of ISO 4217 with a minor unit, such as 'USD'"
        raise InvalidArgumentError("currency_code", expected=expected, got=currency_code)

    def plan(frame: Frame) -> Plan:
        locations = list(dict.fromkeys(_find_amount(frame, name) for name in names))
        if currency is None:
            scale: Callable[..., Column] = partial(_scale_by, units[str(currency_code)], to=to)
        else:
            scale = partial(_scale_by_code, to=to, units=units)
        changes = [_change(location, to, flag_suffix, scale) for location in locations]
        changes = changes if currency is None else _linked_changes(frame, currency, changes)
        return change_fields(frame, changes, hint="Give another flag_suffix, or drop the column first")

    return plan


def _check_units(units: object) -> dict[str, int]:
    """Check the minor units that replace those of ISO 4217."""
    expected = "a mapping from currency codes to decimals, from 0 to 4, such as {'ISK': 2}"
    if units is None:
        return {}
    if not isinstance(units, Mapping):
        raise InvalidArgumentError("minor_units", expected=expected, got=units)
    for code, decimals in units.items():
        if code not in MINOR_UNITS:
            raise InvalidArgumentError("minor_units", expected="codes of ISO 4217 with a minor unit", got=code)
        if not isinstance(decimals, int) or isinstance(decimals, bool) or not 0 <= decimals <= _MAX_DECIMALS:
            raise InvalidArgumentError("minor_units", expected=expected, got=units)
    return dict(units)


def _find_amount(frame: Frame, name: str) -> FieldLocation:
    location = find_field(frame, name)
    data_type = location.field.dataType
    if not isinstance(data_type, (IntegralType, DecimalType)):
        hint = "parse_money reads text" if isinstance(data_type, StringType) else ""
        raise ColumnTypeError(name, expected="an integer or a decimal", got=type_text(data_type), hint=hint)
    return location


def _change(location: FieldLocation, to: DecimalType, flag_suffix: str, scale: Callable[..., Column]) -> Change:
    """Plan the change of an amount; ``scale`` gets the amount, and the code of a currency that is a sibling."""
    name = location.field.name

    def compute(amount: Column, *code: Column) -> list[Column]:
        scaled = scale(_whole(amount, location.field.dataType), *code)
        return [scaled, amount.isNotNull() & scaled.isNull()]

    field = StructField(name, to, metadata=location.field.metadata)
    return Change(location, field, compute, [StructField(f"{name}{flag_suffix}", BooleanType())])


def _linked_changes(frame: Frame, currency: str, changes: Sequence[Change]) -> list[Change]:
    """Let changes of amounts read the code of a currency, and link the amounts to it."""
    of = find_field(frame, currency)
    if not isinstance(of.field.dataType, StringType):
        raise ColumnTypeError(currency, expected="a string", got=type_text(of.field.dataType))
    first = changes[0].location
    tag = target_tag(of.field, Link.CURRENCY) or path_text([frame.names[first.column], *first.path])
    linked = [Change(of, tag_target(of.field, Link.CURRENCY, tag), lambda code: [code])]
    for change in changes:
        tagged = change._replace(field=tag_source(change.field, Link.CURRENCY, tag))
        if _parent(change.location) == _parent(of):
            linked.append(tagged._replace(siblings=[of.field.name]))
        elif not is_in_array(frame.schema.fields[of.column].dataType, of.path):
            linked.append(tagged._replace(compute=partial(_compute_with, change.compute, of)))
        else:
            name = path_text([frame.names[change.location.column], *change.location.path])
            expected = f"a field of the same struct as '{name}', or a column outside of arrays"
            raise ColumnTypeError(currency, expected=expected, got="a field inside an array")
    return linked


def _compute_with(compute: Callable[..., Sequence[Column]], of: FieldLocation, amount: Column) -> Sequence[Column]:
    return compute(amount, reduce(Column.getField, of.path, F.col(str(of.column))))


def _parent(location: FieldLocation) -> tuple[int, tuple[str, ...]] | None:
    """Return the struct of a field; None for a column."""
    return (location.column, location.path[:-1]) if location.path else None


def _whole(amount: Column, data_type: DataType) -> Column:
    """Return an amount without decimals; null where it has a fraction or too many digits."""
    if isinstance(data_type, DecimalType):
        is_whole = amount % F.lit(1) == F.lit(0)
        if data_type.precision - data_type.scale > _MAX_DIGITS:
            # Not abs(): Spark rounds to 34 digits there, and fails the job where that makes 39 of 38 digits.
            limit = Decimal(10) ** _MAX_DIGITS
            is_whole &= (amount > F.lit(-limit)) & (amount < F.lit(limit))
        amount = F.when(is_whole, amount)
    return amount.cast(DecimalType(_MAX_DIGITS, 0))


def _scale_by(decimals: int, amount: Column, *, to: DecimalType) -> Column:
    return _scale(amount, F.lit(Decimal(1).scaleb(-decimals)), to=to)


def _scale_by_code(amount: Column, code: Column, *, to: DecimalType, units: Mapping[str, int]) -> Column:
    # Spark evaluates the map once, since its argument is constant.
    table = "\n".join(f"{code}\t{Decimal(1).scaleb(-decimals):f}" for code, decimals in units.items())
    factors = F.str_to_map(F.lit(table), F.lit("\n"), F.lit("\t"))
    return _scale(amount, F.element_at(factors, F.upper(code)), to=to)


def _scale(amount: Column, factor: Column, *, to: DecimalType) -> Column:
    """Multiply an amount; null where there is no factor, or the result is not exact."""
    product = amount * factor.cast(DecimalType(_MAX_DECIMALS + 1, _MAX_DECIMALS))
    # A remainder and not a rounded number: Spark compares decimals of many digits with fewer decimals.
    is_exact = product % F.lit(Decimal(1).scaleb(-min(to.scale, _MAX_DECIMALS))) == F.lit(0)
    fits = F.abs(product) < F.lit(Decimal(10) ** min(to.precision - to.scale, _MAX_DIGITS))
    return F.when(is_exact & fits, product).cast(to)
