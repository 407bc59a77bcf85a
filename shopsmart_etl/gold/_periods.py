"""Days, weeks and months in a time zone."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import get_args
from zoneinfo import ZoneInfo, available_timezones

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, StructField, TimestampNTZType, TimestampType

from shopsmart_etl._core.checks import check_choice
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.sql import quote, type_text
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.typing import Period

_SECONDS_PER_DAY = 86_400


def check_period(period: object) -> Period:
    """Check that a value is a period.

    Raises:
        InvalidArgumentError: It is not.
    """
    checked: Period = check_choice("period", period, get_args(Period))
    return checked


def check_optional_period(period: object, timezone: object) -> None:
    """Check that values are a period, or None, and a time zone, or None, which needs a period.

    Raises:
        InvalidArgumentError: They are not.
    """
    if period is not None:
        check_period(period)
    if check_timezone(timezone) is not None and period is None:
        raise InvalidArgumentError("period", expected="a period, since timezone is given", got=period)


def check_timezone(timezone: object) -> str | None:
    """Check that a value is the name of a time zone, or None.

    Raises:
        InvalidArgumentError: It is neither.
    """
    if timezone is None or (isinstance(timezone, str) and _is_timezone(timezone)):
        return timezone
    close = get_close_matches(str(timezone), available_timezones(), n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    expected = f"a time zone such as 'Europe/London'{hint}, or None"
    raise InvalidArgumentError("timezone", expected=expected, got=timezone)


def require_timestamp(frame: Frame, column: str, timezone: str | None) -> StructField:
    """Find a timestamp or date column.

    Raises:
        ColumnNotFoundError: There is no such column, or more than one.
        ColumnTypeError: It is neither a timestamp nor a date; or ``timezone`` is given and it has no time zone.
    """
    types = (DateType, TimestampType, TimestampNTZType)
    field = frame.schema.fields[frame.require(column, types, expected="a timestamp or a date")]
    if timezone is not None and not isinstance(field.dataType, TimestampType):
        raise ColumnTypeError(
            field.name,
            expected="a timestamp with a time zone, since timezone is given",
            got=type_text(field.dataType),
            hint="Leave timezone out: the column has no time zone to convert from",
        )
    return field


def period_field(field: StructField, period: Period, timezone: str | None) -> StructField:
    """Describe the column of a timestamp's period: a date, named ``day``, ``week`` or ``month``."""
    # Spark takes the conversions for nullable, except that of a timestamp or a date to its day.
    never_null = period == "day" and timezone is None and not isinstance(field.dataType, TimestampNTZType)
    return StructField(period, DateType(), field.nullable or not never_null)


def period_column(field: StructField, period: Period, timezone: str | None) -> Callable[[], Column]:
    """Return a function that makes the Column of a timestamp's period."""
    return lambda: first_day(F.col(quote(field.name)), period=period, timezone=timezone)


def first_day(timestamp: Column, *, period: Period, timezone: str | None) -> Column:
    """Compute the first day of a timestamp's day, week (Monday) or month; a date needs ``timezone=None``."""
    if timezone is None:
        day = F.to_date(timestamp)
    else:
        # Shift the instant so that UTC shows the zone's wall clock, then count days. A cast to a date would convert
        # by the session's time zone, whose clocks show one hour of the year twice.
        clock = F.unix_seconds(F.from_utc_timestamp(timestamp, timezone))
        day = F.date_from_unix_date(F.floor(clock / F.lit(_SECONDS_PER_DAY)).cast("int"))
    return day if period == "day" else F.trunc(day, period)


def _is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        # Python without time zone data cannot tell; Spark's Java has its own.
        return bool(name) and not available_timezones()
    return True
