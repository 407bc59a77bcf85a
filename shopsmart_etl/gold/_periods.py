"""Days, weeks and months, cut in a zone that the caller names."""

from __future__ import annotations

from difflib import get_close_matches
from typing import get_args
from zoneinfo import ZoneInfo, available_timezones

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, StructField, TimestampNTZType, TimestampType

from shopsmart_etl._core.sql import quote, type_text
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.typing import Every

_SECONDS_A_DAY = 86_400


def check_period(every: Every, zone: str | None) -> None:
    """Refuse a period or a zone that is none.

    Raises:
        InvalidArgumentError: ``every`` is no period, or ``zone`` is no time zone.
    """
    if every not in get_args(Every):
        raise InvalidArgumentError("every", wanted=f"one of {', '.join(get_args(Every))}", found=every)
    if zone is None:
        return
    try:
        ZoneInfo(zone)
    except (LookupError, OSError, TypeError, ValueError):
        zones = available_timezones()
        if not zones and isinstance(zone, str):
            return  # this machine knows no zones; Spark's Java does
        close = get_close_matches(str(zone), zones, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise InvalidArgumentError("zone", wanted=f"a time zone such as 'Europe/London'{hint}", found=zone) from None


def period(field: StructField, *, every: Every, zone: str | None) -> Column:
    """Give the first day of the day, week (Monday) or month that a column's time is in, as a date.

    Raises:
        ColumnTypeError: The column is neither a timestamp nor a date, or a zone is given for one that has no instant.
    """
    if not isinstance(field.dataType, (DateType, TimestampType, TimestampNTZType)):
        raise ColumnTypeError(field.name, wanted="a timestamp or a date", found=type_text(field.dataType))
    if zone is not None and not isinstance(field.dataType, TimestampType):
        found = type_text(field.dataType)
        way_out = "It has no zone to be brought to another: leave zone out"
        raise ColumnTypeError(field.name, wanted="a timestamp to cut in a zone", found=found, way_out=way_out)
    return first_day(F.col(quote(field.name)), every=every, zone=zone)


def first_day(at: Column, *, every: Every, zone: str | None) -> Column:
    """Give the first day of a time's day, week or month; with a zone the time must be a timestamp."""
    if zone is None:
        day = F.to_date(at)
    else:
        # The reading of a clock in the zone, as if it were UTC: no detour by the session's zone, whose clocks show one
        # hour of the year twice.
        clock = F.unix_seconds(F.from_utc_timestamp(at, zone))
        day = F.date_from_unix_date(F.floor(clock / F.lit(_SECONDS_A_DAY)).cast("int"))
    return day if every == "day" else F.trunc(day, every)
