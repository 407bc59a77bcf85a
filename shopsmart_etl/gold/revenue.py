"""Revenue by day and by any dimension, and the figures of orders."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType, StructField

from shopsmart_etl._core.engine import is_sail
from shopsmart_etl._core.sql import quote
from shopsmart_etl._core.step import step
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.gold._measures import exact_field, field_of, groups_of, refuse_text, total, total_type
from shopsmart_etl.gold._periods import check_period
from shopsmart_etl.typing import Every, Transform

# The quotient of a sum of such amounts has ten digits or more behind theirs, so that rounding it once more, to their
# own scale, is right for billions of orders. Of wider ones too on Sail, which cuts quotients off.
_DIGITS_ROUNDED_TWICE = 18
# What is left of a quotient's digits behind the point, however many are before it.
_LEAST_SCALE = 6


@step
def daily_revenue(*, amount: str, at: str, by: Sequence[str] = (), zone: str | None = None) -> Transform:
    """Sum the amounts of each day, exactly.

    A null amount adds nothing, but its day (and group) stays, with 0 if no amount is known: impute first where that
    is not what null means. Negative amounts (refunds) count as such. Rows without a time are summed under a null
    day. A row that comes late counts on the day it is of.

    Args:
        amount: A decimal or integer column, in the currency's own unit. A double is refused: its sums depend on the
            order of the rows.
        at: When the amount was earned: a timestamp, cut into days in ``zone``, or a date.
        by: Further columns to group by, such as a country; null is a group of its own.
        zone: The time zone whose days are meant, such as ``"Europe/London"``; None: the session's.

    Returns:
        A Transform whose result has one row a day and group: ``day`` (date), the ``by`` columns, ``revenue``
        (decimal of ten digits more than the amount's and the same scale, or long; not null). Rows are in no order.

    Raises:
        InvalidArgumentError: ``by`` is a string in place of a sequence of them, or ``zone`` is no time zone.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: ``amount`` is neither decimal nor integer; ``at`` is neither a timestamp nor a date, or is no
            timestamp and a zone is given.
        ColumnClashError: A ``by`` column is named like a column of the result.

    Example:
        >>> from decimal import Decimal
        >>> logs = spark.createDataFrame(
        ...     [("EIRE", Decimal("9.90")), ("EIRE", None), (None, None)], "country string, amount decimal(10, 2)"
        ... ).selectExpr("*", "DATE'2026-01-01' AS at")
        >>> logs.transform(daily_revenue(amount="amount", at="at", by=["country"])).orderBy("country").show()
        +----------+-------+-------+
        |       day|country|revenue|
        +----------+-------+-------+
        |2026-01-01|   NULL|   0.00|
        |2026-01-01|   EIRE|   9.90|
        +----------+-------+-------+
        <BLANKLINE>
    """
    refuse_text("by", by)
    check_period("day", zone)

    def add(df: DataFrame) -> DataFrame:
        schema = df.schema
        one = exact_field(df, schema, amount)
        groups = groups_of(df, schema, at=at, by=by, zone=zone, results=["revenue"])
        return df.groupBy(*groups.named()).agg(total(one).alias("revenue"))

    return add


@step
def revenue_by(*dimensions: str, amount: str) -> Transform:
    """Sum the amounts by any columns, such as country, channel or category, exactly.

    A null amount adds nothing, but its group stays, with 0 if no amount is known. Negative amounts (refunds) count as
    such.

    Args:
        *dimensions: The columns to group by, at least one; null is a group of its own.
        amount: A decimal or integer column, in the currency's own unit.

    Returns:
        A Transform whose result has one row a group: the dimensions, ``revenue`` (decimal of ten digits more than the
        amount's and the same scale, or long; not null). Rows are in no order.

    Raises:
        InvalidArgumentError: No dimension is named, or one is no name.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: ``amount`` is neither decimal nor integer.
        ColumnClashError: A dimension is named ``revenue``, or twice.

    Example:
        >>> orders = spark.sql('''SELECT * FROM VALUES ('EIRE', 9.90BD), ('EIRE', -1.00BD), (NULL, NULL)
        ...     AS t (country, amount)''')
        >>> orders.transform(revenue_by("country", amount="amount")).orderBy("country").show()
        +-------+-------+
        |country|revenue|
        +-------+-------+
        |   NULL|   0.00|
        |   EIRE|   8.90|
        +-------+-------+
        <BLANKLINE>
    """
    if not dimensions or not all(isinstance(one, str) for one in dimensions):
        raise InvalidArgumentError("dimensions", wanted="the columns to group by, at least one", found=dimensions)

    def add(df: DataFrame) -> DataFrame:
        schema = df.schema
        one = exact_field(df, schema, amount)
        groups = groups_of(df, schema, by=dimensions, results=["revenue"])
        return df.groupBy(*groups.named()).agg(total(one).alias("revenue"))

    return add


@step
def order_figures(
    *,
    order: str,
    amount: str,
    at: str | None = None,
    every: Every = "day",
    by: Sequence[str] = (),
    zone: str | None = None,
    refund: str | Column | None = None,
) -> Transform:
    """Count orders, sum their amounts and average them, by period and any columns; refunds apart where they are told.

    ``average_order_value`` is the sum of the rows that have an order, refunds left out, by the number of these orders.
    An order counts once in each period and group that it has rows in. A row without an order adds to the revenue and
    counts for no order; a null amount adds nothing. Every period and group stays, also where it has no order. A row
    that comes late counts in the period it is of, and a refund in the one it was booked in, not that of its order.

    Args:
        order: The column that identifies an order; its rows may be order lines.
        amount: A decimal or integer column, in the currency's own unit; negative for a refund, as it is booked.
        at: When the order was placed: a timestamp, cut into periods in ``zone``, or a date. None: over all time.
        every: ``"day"``, ``"week"`` (from Monday) or ``"month"``.
        by: Further columns to group by, such as a country; null is a group of its own.
        zone: The time zone whose days are meant, such as ``"Europe/London"``; None: the session's.
        refund: Tells, as a Column or SQL, the rows that are refunds or cancellations, such as
            ``"InvoiceNo LIKE 'C%'"``. They are no orders. Null is no refund.

    Returns:
        A Transform whose result has one row a period and group: ``day``, ``week`` or ``month`` (date, its first day),
        the ``by`` columns, ``orders`` (long, not null); with ``refund``, ``gross_revenue`` and ``refunds`` (not null);
        ``revenue``, which is their sum (not null); ``average_order_value``, rounded half up to the amount's scale,
        null where there is no order. All amounts are decimals of ten digits more than the amount's and its scale, or
        long. Rows are in no order.

    Raises:
        InvalidArgumentError: ``by`` is a string in place of a sequence of them, ``every`` is no period or ``zone`` no
            time zone, or one of them is given without ``at``.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: ``amount`` is neither decimal nor integer; ``at`` is neither a timestamp nor a date, or is no
            timestamp and a zone is given.
        ColumnClashError: A ``by`` column is named like a column of the result.

    Example:
        >>> lines = spark.sql('''SELECT * FROM VALUES ('1', 9.90BD), ('1', 0.05BD), ('2', NULL), ('C1', -9.90BD),
        ...     (NULL, 1.00BD) AS t (invoice, amount)''')
        >>> lines.transform(order_figures(order="invoice", amount="amount", refund="invoice LIKE 'C%'")).show()
        +------+-------------+-------+-------+-------------------+
        |orders|gross_revenue|refunds|revenue|average_order_value|
        +------+-------------+-------+-------+-------------------+
        |     2|        10.95|  -9.90|   1.05|               4.98|
        +------+-------------+-------+-------+-------------------+
        <BLANKLINE>
    """
    refuse_text("by", by)
    check_period(every, zone)
    if at is None and (every != "day" or zone is not None):
        raise InvalidArgumentError("at", wanted="the time to cut into periods, since every or zone is given", found=at)

    def figure(df: DataFrame) -> DataFrame:
        schema = df.schema
        one = exact_field(df, schema, amount)
        order_id = F.col(quote(field_of(df, schema, order).name))
        sale = F.lit(True) if refund is None else ~F.coalesce(_condition(refund), F.lit(False))  # noqa: FBT003 - Columns
        ordered = sale & order_id.isNotNull()
        orders = F.count_distinct(order_id if refund is None else F.when(sale, order_id))
        apart = {} if refund is None else {"gross_revenue": total(one, where=sale), "refunds": total(one, where=~sale)}
        average = _average(df, total(one, where=ordered), orders, one)
        measures = {"orders": orders, **apart, "revenue": total(one), "average_order_value": average}
        groups = groups_of(df, schema, at=at, every=every, by=by, zone=zone, results=list(measures))
        return df.groupBy(*groups.named()).agg(*(column.alias(name) for name, column in measures.items()))

    return figure


def _condition(condition: str | Column) -> Column:
    return F.expr(condition) if isinstance(condition, str) else condition


def _average(df: DataFrame, amounts: Column, orders: Column, of: StructField) -> Column:
    some = F.when(orders > 0, orders)
    if not isinstance(of.dataType, DecimalType):
        return F.round(amounts.cast("decimal(20, 0)") / some).cast("bigint")
    scale = of.dataType.scale
    if of.dataType.precision <= _DIGITS_ROUNDED_TWICE or is_sail(df.sparkSession):
        return F.round(amounts / some, scale).cast(total_type(of))
    # Spark rounds a quotient of 38 digits to the scale of the dividend or to six, the larger. So that this is the only
    # time, the six are made those that the scale has.
    shift = 10 ** max(_LEAST_SCALE - scale, 0)
    shifted: Column = amounts.cast(DecimalType(38, scale)) / (some * shift)
    return (shifted * shift if shift > 1 else shifted).cast(total_type(of))
