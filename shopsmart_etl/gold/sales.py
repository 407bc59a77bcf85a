"""Revenue by period and by any columns, and the metrics of orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType, StructField

from shopsmart_etl._core.checks import check_column, check_condition
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.sql import quote
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.gold._measures import (
    GoldColumn,
    Grouping,
    check_grouping,
    count_field,
    exact_field,
    groups_of,
    plan_aggregation,
    total,
    total_column,
    total_type,
)
from shopsmart_etl.typing import Period

# A quotient of a sum of such amounts has ten digits or more after theirs, so that rounding it once more, to their own
# scale, is right for billions of orders. On Sail of wider ones too: it truncates quotients instead of rounding them.
_MAX_PRECISION_ROUNDED_TWICE = 18
# The digits after the decimal point that Spark leaves to a quotient, however many are before it.
_MIN_QUOTIENT_SCALE = 6


@step
def revenue(
    *,
    amount: str,
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
        timestamp: Timestamp or date column of the amount. None sums over all time, and ``by`` needs a column.
        period: ``"day"``, ``"week"`` (starts on Monday) or ``"month"``.
        by: Columns to group by, such as country, channel or category. Null is a group of its own.
        timezone: Time zone of the periods, such as ``"Europe/London"``; None for the session's.

    Returns:
        A Transform whose result has one row per period and group: with ``timestamp``, ``day``, ``week`` or ``month``
        (date, the period's first day); the ``by`` columns; ``revenue`` (decimal of ten digits more than the amount's
        and the same scale, or long; not null). Row order is undefined. A sum that its type cannot hold fails the job.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, ``period`` is not a period or ``timezone`` not a time
            zone; without ``timestamp``, one of them is given or ``by`` names no column.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: ``amount`` is neither a decimal nor an integer; ``timestamp`` is neither a timestamp nor a
            date, or has no time zone and ``timezone`` is given.
        ColumnClashError: A ``by`` column is named like another column of the result, or named twice.

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
        >>> orders.transform(revenue(amount="amount", timestamp="at", period="month")).show()
        +----------+-------+
        |     month|revenue|
        +----------+-------+
        |2026-01-01|   8.90|
        +----------+-------+
        <BLANKLINE>
    """
    grouping = check_grouping(by=by, timestamp=timestamp, period=period, timezone=timezone, timestamp_is_optional=True)
    if timestamp is None and not grouping.by:
        raise InvalidArgumentError("by", expected="at least one column, since timestamp is None", got=by)
    return _sum_amounts(amount, grouping)


@step
def daily_revenue(*, amount: str, timestamp: str, by: str | Sequence[str] = (), timezone: str | None = None) -> Planner:
    """Sum the amounts of each day exactly: ``revenue`` with ``period="day"``.

    Null amounts add nothing; their day and group are still returned, with 0 if all amounts are null. Impute first
    where null means something else. Negative amounts (refunds) are subtracted. Rows without a timestamp are summed
    under a null day. A late row counts on the day of its timestamp.

    Args:
        amount: Decimal or integer column, in the currency's own unit. Doubles are refused: their sums depend on the
            order of the rows.
        timestamp: Timestamp or date column of the amount.
        by: Further columns to group by, such as a country. Null is a group of its own.
        timezone: Time zone of the days, such as ``"Europe/London"``; None for the session's.

    Returns:
        A Transform whose result has one row per day and group: ``day`` (date), the ``by`` columns, ``revenue``
        (decimal of ten digits more than the amount's and the same scale, or long; not null). Row order is undefined.
        A sum that its type cannot hold fails the job.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, or ``timezone`` is not a time zone.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: ``amount`` is neither a decimal nor an integer; ``timestamp`` is neither a timestamp nor a
            date, or has no time zone and ``timezone`` is given.
        ColumnClashError: A ``by`` column is named like another column of the result, or named twice.

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
    return _sum_amounts(amount, check_grouping(by=by, timestamp=timestamp, timezone=timezone))


@step
def order_metrics(
    *,
    order: str,
    amount: str,
    timestamp: str | None = None,
    period: Period = "day",
    by: str | Sequence[str] = (),
    timezone: str | None = None,
    refund: str | Column | None = None,
) -> Planner:
    """Count orders, sum their amounts and average them, by period and any columns; refunds in a column of their own.

    ``average_order_value`` is the sum of the rows that have an order, without refunds, divided by the number of these
    orders. An order counts once in each period and group that it has rows in. A row without an order adds to the
    revenue and is not counted as an order; null amounts add nothing. Every period and group is returned, with or
    without orders. A late row counts in the period of its timestamp; a refund in the period in which it was booked,
    not that of its order.

    Args:
        order: Column that identifies an order; its rows may be order lines.
        amount: Decimal or integer column, in the currency's own unit; refunds are booked as negative amounts.
        timestamp: Timestamp or date column of the order. None computes the metrics over all time.
        period: ``"day"``, ``"week"`` (starts on Monday) or ``"month"``.
        by: Further columns to group by, such as a country. Null is a group of its own.
        timezone: Time zone of the periods, such as ``"Europe/London"``; None for the session's.
        refund: Condition for refunds and cancellations, as SQL text or a Column, such as ``"InvoiceNo LIKE 'C%'"``.
            They are not orders. Rows for which it is null are not refunds.

    Returns:
        A Transform whose result has one row per period and group: with ``timestamp``, ``day``, ``week`` or ``month``
        (date, the period's first day); the ``by`` columns; ``orders`` (long, not null); with ``refund``,
        ``gross_revenue`` and ``refunds`` (not null); ``revenue``, which is their sum (not null);
        ``average_order_value``, rounded half up to the amount's scale, null where there is no order. All amounts are
        decimals of ten digits more than the amount's and its scale, or long. Row order is undefined. A sum that its
        type cannot hold fails the job.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, ``period`` is not a period or ``timezone`` not a time
            zone, or one of them is given without ``timestamp``.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: ``amount`` is neither a decimal nor an integer; ``timestamp`` is neither a timestamp nor a
            date, or has no time zone and ``timezone`` is given.
        ColumnClashError: A ``by`` column is named like another column of the result, or named twice.

    Example:
        >>> lines = spark.sql('''SELECT * FROM VALUES ('1', 9.90BD), ('1', 0.05BD), ('2', NULL), ('C1', -9.90BD),
        ...     (NULL, 1.00BD) AS t (invoice, amount)''')
        >>> lines.transform(order_metrics(order="invoice", amount="amount", refund="invoice LIKE 'C%'")).show()
        +------+-------------+-------+-------+-------------------+
        |orders|gross_revenue|refunds|revenue|average_order_value|
        +------+-------------+-------+-------+-------------------+
        |     2|        10.95|  -9.90|   1.05|               4.98|
        +------+-------------+-------+-------+-------------------+
        <BLANKLINE>
    """
    check_column("order", order)
    check_column("amount", amount)
    grouping = check_grouping(by=by, timestamp=timestamp, period=period, timezone=timezone, timestamp_is_optional=True)
    if refund is not None:
        check_condition("refund", refund, expected="a condition, as SQL text or a Column, or None")

    def plan(frame: Frame) -> Plan:
        amounts = exact_field(frame, amount)
        metrics = _order_metrics(frame, frame.field(order), amounts, refund)
        groups = groups_of(frame, grouping, results=[metric.field.name for metric in metrics])
        return plan_aggregation(groups, metrics)

    return plan


def _sum_amounts(amount: str, grouping: Grouping) -> Planner:
    check_column("amount", amount)

    def plan(frame: Frame) -> Plan:
        field = exact_field(frame, amount)
        groups = groups_of(frame, grouping, results=["revenue"])
        return plan_aggregation(groups, [total_column("revenue", field)])

    return plan


def _order_metrics(
    frame: Frame, order: StructField, amount: StructField, refund: str | Column | None
) -> list[GoldColumn]:
    """List the metrics; what they compute is made later, as Columns need a session."""

    def order_id() -> Column:
        return F.col(quote(order.name))

    def is_refund() -> Column:
        assert refund is not None  # noqa: S101 - narrows the type; asked only for refunds
        return F.coalesce(F.expr(refund) if isinstance(refund, str) else refund, F.lit(False))  # noqa: FBT003 - a Column

    def is_sale() -> Column:
        return F.lit(True) if refund is None else ~is_refund()  # noqa: FBT003 - a Column

    def orders() -> Column:
        return F.count_distinct(order_id() if refund is None else F.when(is_sale(), order_id()))

    average = _average(frame, amount, lambda: total(amount, where=is_sale() & order_id().isNotNull()), orders)
    separate = [
        total_column("gross_revenue", amount, where=is_sale),
        total_column("refunds", amount, where=lambda: ~is_sale()),
    ]
    return [
        GoldColumn(count_field("orders"), orders),
        *(separate if refund is not None else []),
        total_column("revenue", amount),
        GoldColumn(StructField("average_order_value", total_type(amount)), average),
    ]


def _average(
    frame: Frame, field: StructField, amounts: Callable[[], Column], orders: Callable[[], Column]
) -> Callable[[], Column]:
    """Return a function that divides a sum of amounts by a number of orders, rounded half up; null for no orders."""

    def some_orders() -> Column:
        return F.when(orders() > 0, orders())

    of = field.dataType
    if not isinstance(of, DecimalType):
        return lambda: F.round(amounts().cast("decimal(20, 0)") / some_orders()).cast("bigint")
    scale = of.scale
    if of.precision <= _MAX_PRECISION_ROUNDED_TWICE or frame.is_sail:
        return lambda: F.round(amounts() / some_orders(), scale).cast(total_type(field))
    # Spark rounds a quotient of 38 digits to the scale of the dividend or to six digits, whichever is larger. Shift the
    # decimal point where the scale is below six, so that this rounding is the only one.
    shift = 10 ** max(_MIN_QUOTIENT_SCALE - scale, 0)

    def shifted() -> Column:
        quotient: Column = amounts().cast(DecimalType(38, scale)) / (some_orders() * shift)
        return (quotient * shift if shift > 1 else quotient).cast(total_type(field))

    return shifted
