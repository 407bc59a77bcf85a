"""Revenue by period and by any columns."""

from __future__ import annotations

from collections.abc import Sequence

from shopsmart_etl._core.checks import check_column
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.gold._amounts import find_amount, total_column
from shopsmart_etl.gold._measures import (
    Grouping,
    check_grouping,
    elements_of,
    groups_of,
    plan_aggregation,
)
from shopsmart_etl.typing import Period


@step
def revenue(
    *,
    amount: str,
    currency: str | None = None,
    timestamp: str | None = None,
    period: Period = "day",
    by: str | Sequence[str] = (),
    timezone: str | None = None,
) -> Planner:
    """Sum amounts exactly, by day, week or month, or over all time by any columns.

    Null amounts add nothing; their period and group are still returned, with 0 if all amounts are null. Impute first
    where null means something else. Negative amounts (refunds) are subtracted. Rows without a timestamp are summed
    under a null period. A late row counts in the period of its timestamp.

    Args:
        amount: Decimal or integer column, in the currency's own unit. Doubles are refused: their sums depend on the
            order of the rows.
        currency: String column with the currency of each amount, which becomes a group. Null is a currency of its own.
            Without it, amounts whose tag names a currency column are added if those of a group are in one currency.
        timestamp: Timestamp or date column of the amount. None sums over all time, and ``by`` or ``currency`` needs a
            column.
        period: ``"day"``, ``"week"`` (starts on Monday) or ``"month"``.
        by: Columns to group by, such as country, channel or category. Null is a group of its own.
        timezone: Time zone of the periods, such as ``"Europe/London"``; None for the session's.

    Returns:
        A Transform whose result has one row per period and group: with ``timestamp``, ``day``, ``week`` or ``month``
        (date, the period's first day); the currency; the ``by`` columns; ``revenue`` (decimal of ten digits more than
        the amount's and the same scale, or long; not null). Row order is undefined. A sum that its type cannot hold
        fails the job, and so do several currencies in a sum.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, ``period`` is not a period or ``timezone`` not a time
            zone; without ``timestamp``, one of them is given or neither ``by`` nor ``currency`` names a column; ``by``
            names the currency.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: ``amount`` is neither a decimal nor an integer; ``timestamp`` is neither a timestamp nor a
            date, or has no time zone and ``timezone`` is given; ``currency`` is not a string, or not the
            currency of the amount; the currency column of the amount's tag does not exist, or is ambiguous.
        ColumnClashError: The currency or a ``by`` column is named like another column of the result, or named twice.

    Example:
        >>> orders = spark.sql('''SELECT * FROM VALUES ('EIRE', DATE'2026-01-05', 9.90BD),
        ...     ('EIRE', DATE'2026-01-31', -1.00BD), (NULL, DATE'2026-01-31', NULL) AS t (country, at, amount)''')
        >>> orders.transform(revenue(amount="amount", by="country")).orderBy("country").show()
        +-------+-------+
        |country|revenue|
        +-------+-------+
        |   NULL|   0.00|
        |   EIRE|   8.90|
        +-------+-------+
        <BLANKLINE>
        >>> paid = orders.selectExpr("*", "if(country IS NULL, NULL, 'EUR') AS code")
        >>> paid.transform(revenue(amount="amount", currency="code")).orderBy("code").show()
        +----+-------+
        |code|revenue|
        +----+-------+
        |NULL|   0.00|
        | EUR|   8.90|
        +----+-------+
        <BLANKLINE>
        >>> orders.transform(revenue(amount="amount", timestamp="at", period="month")).show()
        +----------+-------+
        |     month|revenue|
        +----------+-------+
        |2026-01-01|   8.90|
        +----------+-------+
        <BLANKLINE>
    """
    grouping = check_grouping(
        by=by,
        currency=currency,
        timestamp=timestamp,
        period=period,
        timezone=timezone,
        timestamp_is_optional=True,
    )
    if timestamp is None and currency is None and not grouping.by:
        raise InvalidArgumentError("by", expected="at least one column, since timestamp is None", got=by)
    return _sum_amounts(amount, grouping)


@step
def daily_revenue(
    *,
    amount: str,
    timestamp: str,
    currency: str | None = None,
    by: str | Sequence[str] = (),
    timezone: str | None = None,
) -> Planner:
    """Sum the amounts of each day exactly: ``revenue`` with ``period="day"``.

    Null amounts add nothing; their day and group are still returned, with 0 if all amounts are null. Impute first
    where null means something else. Negative amounts (refunds) are subtracted. Rows without a timestamp are summed
    under a null day. A late row counts on the day of its timestamp.

    Args:
        amount: Decimal or integer column, in the currency's own unit. Doubles are refused: their sums depend on the
            order of the rows.
        timestamp: Timestamp or date column of the amount.
        currency: String column with the currency of each amount, which becomes a group. Null is a currency of its own.
            Without it, amounts whose tag names a currency column are added if those of a group are in one currency.
        by: Further columns to group by, such as a country. Null is a group of its own.
        timezone: Time zone of the days, such as ``"Europe/London"``; None for the session's.

    Returns:
        A Transform whose result has one row per day and group: ``day`` (date), the currency, the ``by`` columns,
        ``revenue`` (decimal of ten digits more than the amount's and the same scale, or long; not null). Row order is
        undefined. A sum that its type cannot hold fails the job, and so do several currencies in a sum.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, or ``timezone`` is not a time zone.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: ``amount`` is neither a decimal nor an integer; ``timestamp`` is neither a timestamp nor a
            date, or has no time zone and ``timezone`` is given; ``currency`` is not a string, or not the
            currency of the amount; the currency column of the amount's tag does not exist, or is ambiguous.
        ColumnClashError: The currency or a ``by`` column is named like another column of the result, or named twice.

    Example:
        >>> from decimal import Decimal
        >>> logs = spark.createDataFrame(
        ...     [("EIRE", Decimal("9.90")), ("EIRE", None), (None, None)], "country string, amount decimal(10, 2)"
        ... ).selectExpr("*", "DATE'2026-01-01' AS at")
        >>> logs.transform(daily_revenue(amount="amount", timestamp="at", by="country")).orderBy("country").show()
        +----------+-------+-------+
        |       day|country|revenue|
        +----------+-------+-------+
        |2026-01-01|   NULL|   0.00|
        |2026-01-01|   EIRE|   9.90|
        +----------+-------+-------+
        <BLANKLINE>
    """
    return _sum_amounts(amount, check_grouping(by=by, currency=currency, timestamp=timestamp, timezone=timezone))


def _sum_amounts(amount: str, grouping: Grouping) -> Planner:
    check_column("amount", amount)

    def plan(frame: Frame) -> Plan:
        amounts = find_amount(frame, amount, grouping)
        groups = groups_of(frame, grouping, results=["revenue"])
        return plan_aggregation(groups, [total_column("revenue", amounts)], elements_of(frame, grouping, amounts.field))

    return plan
