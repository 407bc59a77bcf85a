"""Convert amounts to one currency, by the rate of their day."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BooleanType,
    DateType,
    DecimalType,
    StringType,
    StructField,
    TimestampNTZType,
    TimestampType,
)

from shopsmart_etl._core.checks import check_choice, check_column, check_columns, is_dataframe
from shopsmart_etl._core.column_tags import tag_currency
from shopsmart_etl._core.currency_columns import find_currency
from shopsmart_etl._core.frame import Frame, Output, Plan
from shopsmart_etl._core.spark_errors import fail_column
from shopsmart_etl._core.sql import all_of, call, cast, if_, lambda_, literal, try_cast, type_text
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError, UnsupportedError

# A product has one digit more than its factors together, of 38 at most. Beyond, Spark rounds it.
_MAX_DIGITS = 37
_MAX_PRECISION = 38
_TIMES = (DateType, TimestampType, TimestampNTZType)
_ROUND = {"half_up": "round", "half_even": "bround"}
# The powers of two up to the largest index of an array, by which a search halves its steps.
_POWERS = f"transform(sequence(30, 0, -1), {lambda_('exponent', 'shiftleft(1, exponent)')})"


@step
def convert_currency(
    *amounts: str,
    currency: str,
    timestamp: str,
    rates: DataFrame,
    to: str,
    decimal_type: DecimalType = DecimalType(18, 2),  # noqa: B008 - immutable
    rounding: Literal["half_up", "half_even"] = "half_up",
) -> Planner:
    """Convert amounts to one currency by the latest rate at or before each row's time, in new columns.

    The amounts stay. An amount that cannot be converted is null in the new column and flagged: there is no rate at or
    before its time, its currency or time is null, or ``decimal_type`` is too small for it. No rate is guessed: not 1,
    not the inverse of another, not a later one, and not an older one than the latest. Amounts that are in the currency
    already are kept as they are, without a rate. A null amount stays null, and is not flagged. No row is dropped or
    multiplied.

    Args:
        *amounts: Decimal columns, at least one.
        currency: String column with the code of the currency of the amounts.
        timestamp: Timestamp or date column of the amounts.
        rates: The rates: ``from_currency`` and ``to_currency`` (string), ``valid_from`` (date or timestamp),
            ``rate`` (decimal), and any other columns. One unit of ``from_currency`` is ``rate`` units of
            ``to_currency`` from ``valid_from`` on, until the next one of both currencies. A rate that is null, zero or
            negative means that the rate is not known from then on. With dates, a row's date counts, in the session's
            time zone; with timestamps, ``timestamp`` must be of the same type. They are broadcast to all executors.
        to: The code of the currency to convert to, in capitals.
        decimal_type: The type of the converted amounts.
        rounding: How to round the exact product, once, to the scale of ``decimal_type``: ``"half_up"`` (away from
            zero) or ``"half_even"``.

    Returns:
        A Transform whose result has, after the last column and for each amount, ``<amount>_<to>`` in small letters
        (``decimal_type``), whose metadata has the currency, and ``<amount>_<to>_unconverted`` (boolean, not null).
        Two rates of the same currencies and time fail the job.

    Raises:
        InvalidArgumentError: No amount is named, or an argument is of the wrong type or not one of the choices.
        UnsupportedError: The rates are a stream.
        ColumnNotFoundError: A column does not exist, in the rows or in the rates.
        ColumnTypeError: A column has another type; the product of an amount and a rate may have more than 38 digits;
            an amount is tagged as one in another currency than that of ``currency``.
        ColumnClashError: The name of a new column is taken.

    Example:
        >>> orders = spark.sql('''SELECT * FROM VALUES (10.00BD, 'USD', DATE'2026-01-03', array('a')),
        ...     (10.00BD, 'EUR', DATE'2026-01-03', array()), (10.00BD, 'USD', DATE'2025-12-31', NULL),
        ...     (NULL, 'USD', DATE'2026-01-03', NULL) AS t (paid, currency, day, tags)''')
        >>> rates = spark.sql('''SELECT * FROM VALUES ('USD', 'EUR', DATE'2026-01-01', 0.8525BD),
        ...     ('USD', 'EUR', DATE'2026-02-01', 0.9BD) AS t (from_currency, to_currency, valid_from, rate)''')
        >>> to_euro = convert_currency("paid", currency="currency", timestamp="day", rates=rates, to="EUR")
        >>> orders.transform(to_euro).show()
        +-----+--------+----------+----+--------+--------------------+
        | paid|currency|       day|tags|paid_eur|paid_eur_unconverted|
        +-----+--------+----------+----+--------+--------------------+
        |10.00|     USD|2026-01-03| [a]|    8.53|               false|
        |10.00|     EUR|2026-01-03|  []|   10.00|               false|
        |10.00|     USD|2025-12-31|NULL|    NULL|                true|
        | NULL|     USD|2026-01-03|NULL|    NULL|               false|
        +-----+--------+----------+----+--------+--------------------+
        <BLANKLINE>
    """
    names = check_columns("amounts", amounts, at_least_one=True)
    check_column("currency", currency)
    check_column("timestamp", timestamp)
    if not is_dataframe(rates):
        raise InvalidArgumentError("rates", expected="a DataFrame", got=rates)
    if not isinstance(to, str) or not re.fullmatch("[A-Z]{3}", to):
        raise InvalidArgumentError("to", expected="a code of ISO 4217 in capitals, such as 'EUR'", got=to)
    _check_decimal(decimal_type)
    check_choice("rounding", rounding, _ROUND)
    if rates.isStreaming:
        raise UnsupportedError("rates: expected a table; got a stream. Read all rates as a batch")
    table = _Rates(rates, to)

    def plan(frame: Frame) -> Plan:
        time = _time_sql(frame, timestamp, table.valid_from)
        code = frame.index(currency)
        indexes = [_find_amount(frame, name, currency, table.rate) for name in names]
        kept = [f"`{index}`" for index in range(len(frame.names))]
        converted = [
            _converted(frame, index, table.rate, f"`{code}` = {literal(to)}", decimal_type, _ROUND[rounding])
            for index in indexes
        ]

        def join(df: DataFrame) -> DataFrame:
            # Each row matches one row of the rates at most.
            found = df.join(F.broadcast(table.by_currency()), F.col(str(code)) == F.col("from_currency"), "left")
            rated = found.selectExpr(*kept, f"{_latest(time)} AS rate")
            return rated.selectExpr(*kept, *(f"{sql} AS converted{number}" for number, sql in enumerate(converted)))

        new = [
            output
            for number, index in enumerate(indexes)
            for output in _new_columns(f"{frame.names[index]}_{to.lower()}", index, number, to, decimal_type)
        ]
        outputs = [*(frame.column(index) for index in range(len(frame.names))), *new]
        return frame.select(outputs, after=join, hint="Rename or drop the column first")

    return plan


class _Rates:
    """The rates to one currency."""

    def __init__(self, rates: DataFrame, to: str) -> None:
        self._rates = rates
        self._to = to

    @cached_property
    def _frame(self) -> Frame:
        return Frame.of(self._rates)

    @cached_property
    def _indexes(self) -> list[int]:
        frame = self._frame
        return [
            *(frame.require(name, StringType, expected="a string") for name in ("from_currency", "to_currency")),
            frame.require("valid_from", _TIMES, expected="a date or a timestamp"),
            frame.require("rate", DecimalType, expected="a decimal", hint="Cast it to a decimal first"),
        ]

    @property
    def valid_from(self) -> StructField:
        return self._frame.schema.fields[self._indexes[2]]

    @property
    def rate(self) -> StructField:
        return self._frame.schema.fields[self._indexes[3]]

    def by_currency(self) -> DataFrame:
        """Return the rates of each currency as two arrays in the order of time: few bytes to join with each row."""
        source, target, valid_from, rate = (f"`{index}`" for index in self._indexes)
        is_rate = all_of([f"{target} = {literal(self._to)}", f"{source} IS NOT NULL", f"{valid_from} IS NOT NULL"])
        rates = self._frame.name_by_position(self._rates).where(is_rate)
        # A rate that is none stays, as null, so that an older one is not used.
        entry = f"struct({valid_from} AS valid_from, {if_(f'{rate} > 0', rate)} AS rate)"
        entries = rates.groupBy(F.expr(source).alias("from_currency")).agg(
            F.expr(f"array_sort(collect_list({entry}))").alias("entries")
        )
        several = fail_column(
            "rates: expected one rate at each valid_from; got several from currency '",
            F.col("from_currency"),
            f"' to '{self._to}'. Drop the duplicates first",
        )
        is_unique = F.expr("size(array_distinct(entries.valid_from)) = size(entries)")
        checked = F.when(is_unique, F.col("entries")).otherwise(several)
        return entries.select("from_currency", checked.alias("entries")).selectExpr(
            "from_currency",
            "entries.valid_from AS valid_from",
            "entries.rate AS rates",
            f"filter({_POWERS}, {lambda_('power', 'power <= size(entries)')}) AS steps",
        )


def _latest(time: str) -> str:
    """Write the latest rate at or before a time, by a binary search.

    With ten years of daily rates, it takes a 28th of the time of a join by ranges, which visits all rates of a
    currency for each row.
    """
    halve = lambda_(["found", "power"], if_(f"get(valid_from, found + power - 1) <= {time}", "found + power", "found"))
    return call("get", "rates", f"{call('aggregate', 'steps', '0', halve)} - 1")


def _converted(frame: Frame, index: int, rate: StructField, is_own: str, result: DecimalType, round_: str) -> str:
    """Write a converted amount, rounded once; null where there is no rate, or the type is too small."""
    amount, of = f"`{index}`", frame.schema.fields[index].dataType
    assert isinstance(of, DecimalType)  # noqa: S101 - narrows the types, which were checked
    assert isinstance(rate.dataType, DecimalType)  # noqa: S101
    product = f"{amount} * rate"
    if of.scale + rate.dataType.scale > result.scale:
        product = call(round_, product, str(result.scale))
    own = try_cast(amount, result)
    if of.scale > result.scale:
        own = if_(f"{try_cast(own, of)} = {amount}", own)
    return if_(is_own, own, try_cast(product, result))


def _new_columns(name: str, amount: int, number: int, to: str, result: DecimalType) -> list[Output]:
    """Describe a converted amount and its flag."""
    converted = f"converted{number}"
    flag = StructField(f"{name}_unconverted", BooleanType(), nullable=False)
    return [
        Output(tag_currency(StructField(name, result), to), converted, is_new=True),
        Output(flag, f"`{amount}` IS NOT NULL AND {converted} IS NULL", is_new=True),
    ]


def _find_amount(frame: Frame, name: str, currency: str, rate: StructField) -> int:
    """Find an amount in the currencies of a column, whose product with a rate is exact.

    Raises:
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: The amount is no decimal, it is in other currencies, or the product may have too many digits.
    """
    index = frame.require(name, DecimalType, expected="a decimal", hint="Cast it to a decimal first")
    field = frame.schema.fields[index]
    find_currency(frame, field, currency, hint="Convert the amounts that are in these currencies")
    assert isinstance(field.dataType, DecimalType)  # noqa: S101 - narrows the types, which were checked
    assert isinstance(rate.dataType, DecimalType)  # noqa: S101
    digits = _MAX_DIGITS - field.dataType.precision
    if rate.dataType.precision > digits:
        raise ColumnTypeError(
            rate.name if digits > 0 else field.name,
            expected=f"a decimal of at most {digits} digits, since {field.name!r} has {field.dataType.precision}"
            if digits > 0
            else f"a decimal of at most {_MAX_DIGITS - 1} digits",
            got=type_text((rate if digits > 0 else field).dataType),
            hint="Cast one of them to a smaller decimal first, so that their products are exact",
        )
    return index


def _time_sql(frame: Frame, timestamp: str, valid_from: StructField) -> str:
    """Write the time of a row in the type of ``valid_from``.

    Raises:
        ColumnNotFoundError: The column does not exist.
        ColumnTypeError: It has no time, or not that of ``valid_from``.
    """
    index = frame.require(timestamp, _TIMES, expected="a timestamp or a date")
    field = frame.schema.fields[index]
    if isinstance(valid_from.dataType, DateType):
        return cast(f"`{index}`", DateType())
    if field.dataType != valid_from.dataType:
        of = type_text(valid_from.dataType)
        raise ColumnTypeError(field.name, expected=f"{of}, as valid_from has", got=type_text(field.dataType))
    return f"`{index}`"


def _check_decimal(value: object) -> None:
    if not isinstance(value, DecimalType) or not 0 <= value.scale <= value.precision <= _MAX_PRECISION:
        raise InvalidArgumentError("decimal_type", expected="a DecimalType, such as DecimalType(18, 2)", got=value)
