"""The metrics of orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType, StructField

from shopsmart_etl._core.checks import check_column, check_condition
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.sql import quote
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.gold._amounts import Amount, find_amount, total, total_column, total_type
from shopsmart_etl.gold._measures import (
    GoldColumn,
    check_grouping,
    count_field,
    elements_of,
    groups_of,
    plan_aggregation,
)
from shopsmart_etl.typing import Period

# A quotient of a sum of such amounts has ten digits or more after theirs, so that rounding it once more, to their own
# scale, is right for billions of orders. On Sail of wider ones too: it truncates quotients instead of rounding them.
_MAX_PRECISION_ROUNDED_TWICE = 18
# The digits after the decimal point that Spark leaves to a quotient, however many are before it.
_MIN_QUOTIENT_SCALE = 6


@step
def order_metrics(
    *,
    order: str,
    amount: str,
    currency: str | None = None,
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
        currency: String column with the currency of each amount, which becomes a group. Null is a currency of its own.
            Without it, amounts whose tag names a currency column are added if those of a group are in one currency.
        timestamp: Timestamp or date column of the order. None computes the metrics over all time.
        period: ``"day"``, ``"week"`` (starts on Monday) or ``"month"``.
        by: Further columns to group by, such as a country. Null is a group of its own.
        timezone: Time zone of the periods, such as ``"Europe/London"``; None for the session's.
        refund: Condition for refunds and cancellations, as SQL text or a Column, such as ``"InvoiceNo LIKE 'C%'"``.
            They are not orders. Rows for which it is null are not refunds.

    Returns:
        A Transform whose result has one row per period and group: with ``timestamp``, ``day``, ``week`` or ``month``
        (date, the period's first day); the currency; the ``by`` columns; ``orders`` (long, not null); with ``refund``,
        ``gross_revenue`` and ``refunds`` (not null); ``revenue``, which is their sum (not null);
        ``average_order_value``, rounded half up to the amount's scale, null where there is no order. All amounts are
        decimals of ten digits more than the amount's and its scale, or long. Row order is undefined. A sum that its
        type cannot hold fails the job, and so do several currencies in a sum.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, ``period`` is not a period or ``timezone`` not a time
            zone, or one of them is given without ``timestamp``.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: ``amount`` is neither a decimal nor an integer; ``timestamp`` is neither a timestamp nor a
            date, or has no time zone and ``timezone`` is given; ``currency`` is not a string, or not the
            currency of the amount; the currency column of the amount's tag does not exist, or is ambiguous.
        ColumnClashError: The currency or a ``by`` column is named like another column of the result, or named twice.

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
    grouping = check_grouping(
        by=by,
        currency=currency,
        timestamp=timestamp,
        period=period,
        timezone=timezone,
        timestamp_is_optional=True,
    )
    if refund is not None:
        check_condition("refund", refund, expected="a condition, as SQL text or a Column, or None")

    def plan(frame: Frame) -> Plan:
        amounts = find_amount(frame, amount, grouping)
        metrics = _order_metrics(frame, frame.field(order), amounts, refund)
        groups = groups_of(frame, grouping, results=[metric.field.name for metric in metrics])
        return plan_aggregation(groups, metrics, elements_of(frame, grouping, amounts.field))

    return plan


def _order_metrics(frame: Frame, order: StructField, amount: Amount, refund: str | Column | None) -> list[GoldColumn]:
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

    average = _average(frame, amount.field, lambda: total(amount, where=is_sale() & order_id().isNotNull()), orders)
    separate = [
        total_column("gross_revenue", amount, where=is_sale),
        total_column("refunds", amount, where=lambda: ~is_sale()),
    ]
    return [
        GoldColumn(count_field("orders"), orders),
        *(separate if refund is not None else []),
        total_column("revenue", amount),
        GoldColumn(amount.sum_field("average_order_value", nullable=True), average),
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
