"""The best-selling products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, StructField, StructType

from shopsmart_etl._core.checks import check_choice, check_column, check_integer
from shopsmart_etl._core.column_tags import find_presence, presence_column
from shopsmart_etl._core.frame import Frame, Plan, keep_metadata
from shopsmart_etl._core.sql import positions
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.gold._amounts import Amount, find_amount, total
from shopsmart_etl.gold._measures import check_grouping, groups_of, named

# The names of the aggregated currencies of a product.
_CURRENCIES = ("smallest_currency", "largest_currency")
# Ranks are ints.
_MAX_RANK = 2**31 - 1


@step
def top_products(
    n: int,
    *,
    product: str,
    amount: str | None = None,
    units: str | None = None,
    currency: str | None = None,
    by: str | Sequence[str] = (),
    ties: Literal["keep", "break"] = "keep",
) -> Planner:
    """Rank products by revenue or by units sold, and keep the top ``n``.

    Negative amounts and units (refunds) are subtracted; nulls add nothing, and a product of nulls alone has 0. Products
    of equal sums share a rank, as in SQL's ``rank``: after two of rank 1 comes rank 3.

    Args:
        n: How many products to keep, at least 1.
        product: Column that identifies a product. Null is a product of its own. Rows of exploded empty arrays have no
            product, and are left out.
        amount: Decimal or integer column to rank by; its sum is ``revenue``.
        units: Decimal or integer column to rank by; its sum is ``units``. Either ``amount`` or ``units`` is given.
        currency: String column with the currency of ``amount``: the top ``n`` of each currency are kept. Null is a
            currency of its own. Without it, amounts whose tag names a currency column are ranked if those of a group
            are in one currency.
        by: Further columns, such as a country: the top ``n`` of each group are kept. Null is a group of its own.
        ties: ``"keep"`` keeps every product whose rank is at most ``n``, which are more than ``n`` where the last ones
            tie; ``"break"`` keeps at most ``n``, and ranks equal sums by ``product``, nulls last.

    Returns:
        A Transform whose result has one row per product and group: the currency, the ``by`` columns, ``rank`` (int, not
        null), the product, ``revenue`` or ``units`` (decimal of ten digits more and the same scale, or long; not null).
        Row order is undefined. A sum that its type cannot hold fails the job, and so do several currencies in one
        ranking.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, ``n`` is less than 1, both or none of ``amount`` and
            ``units`` are given, ``currency`` is given with ``units``, ``by`` names the currency, or ``ties`` is neither
            ``"keep"`` nor ``"break"``.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: The amount or units are neither a decimal nor an integer; ``currency`` is not a string, or not
            the currency of the amount; the currency column of the amount's tag does not exist, or is ambiguous.
        ColumnClashError: ``product`` or a ``by`` column is named like another column of the result, or named twice.

    Example:
        >>> lines = spark.sql('''SELECT * FROM VALUES ('pen', 5.00BD), ('pen', -1.00BD), ('ink', 4.00BD),
        ...     ('cup', 1.00BD), (NULL, NULL) AS t (sku, amount)''')
        >>> lines.transform(top_products(1, product="sku", amount="amount")).orderBy("sku").show()
        +----+---+-------+
        |rank|sku|revenue|
        +----+---+-------+
        |   1|ink|   4.00|
        |   1|pen|   4.00|
        +----+---+-------+
        <BLANKLINE>
    """
    check_integer("n", n, min_value=1, max_value=_MAX_RANK)
    check_column("product", product)
    if (amount is None) == (units is None):
        raise InvalidArgumentError("amount", expected="either amount or units, to rank by", got=(amount, units))
    ranked_by = check_column("amount", amount) if units is None else check_column("units", units)
    result = "revenue" if units is None else "units"
    if currency is not None and units is not None:
        raise InvalidArgumentError("currency", expected="None, since units have no currency", got=currency)
    grouping = check_grouping(by=by, currency=currency, timestamp_is_optional=True)
    check_choice("ties", ties, ("keep", "break"))

    def plan(frame: Frame) -> Plan:
        ranked = find_amount(frame, ranked_by, grouping)
        present = find_presence(frame, frame.field(product))
        groups = groups_of(frame, grouping._replace(by=[*grouping.by, product]), results=["rank", result])
        # By position, the product being the last: no group's name is ambiguous.
        names = positions(len(groups))
        *within, sold = names
        *by_fields, product_field = (group.field for group in groups)
        *by_sources, product_source = (group.source for group in groups)
        rank_field = StructField("rank", IntegerType(), nullable=False)
        schema = StructType([*by_fields, rank_field, product_field, ranked.sum_field(result)])

        def apply(df: DataFrame) -> DataFrame:
            rows = df if present is None else df.where(presence_column(frame, present))
            sums = rows.groupBy(*named(groups, names)).agg(total(ranked).alias("sum"), *_currencies(ranked))
            rank = _rank(ranked, Window.partitionBy(*within), None if ties == "keep" else sold)
            top = sums.select(*within, rank.alias("rank"), sold, "sum").where(F.col("rank") <= n)
            fields = zip([*within, "rank", sold, "sum"], schema.fields, strict=True)
            return keep_metadata(top, dict(fields)).toDF(*schema.names)

        return Plan(schema, apply, (*by_sources, "", product_source, ""))

    return plan


def _currencies(amount: Amount) -> list[Column]:
    """Aggregate the currencies of each product."""
    return [column.alias(name) for column, name in zip(amount.currencies() or (), _CURRENCIES, strict=False)]


def _rank(amount: Amount, group: WindowSpec, breaks_ties: str | None) -> Column:
    """Rank the products of a group by their sums; fails the job where they are in several currencies."""
    by_sum = F.desc("sum")
    rank = (
        F.rank().over(group.orderBy(by_sum))
        if breaks_ties is None
        else F.row_number().over(group.orderBy(by_sum, F.asc_nulls_last(breaks_ties)))
    )
    if amount.currency is None:
        return rank
    smallest, largest = (F.min(_CURRENCIES[0]).over(group), F.max(_CURRENCIES[1]).over(group))
    return F.coalesce(amount.refuse_mixed(smallest, largest), rank)
