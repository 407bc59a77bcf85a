"""The best-selling products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, StructField, StructType

from shopsmart_etl._core.checks import check_choice, check_column, check_integer
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.sql import positions
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.gold._measures import check_grouping, exact_field, groups_of, named, total, total_type

# Ranks are ints.
_MAX_RANK = 2**31 - 1


@step
def top_products(
    n: int,
    *,
    product: str,
    amount: str | None = None,
    units: str | None = None,
    by: str | Sequence[str] = (),
    ties: Literal["keep", "break"] = "keep",
) -> Planner:
    """Rank products by revenue or by units sold, and keep the top ``n``.

    Negative amounts and units (refunds) are subtracted; nulls add nothing, and a product of nulls alone has 0. Products
    of equal sums share a rank, as in SQL's ``rank``: after two of rank 1 comes rank 3.

    Args:
        n: How many products to keep, at least 1.
        product: Column that identifies a product. Null is a product of its own.
        amount: Decimal or integer column to rank by; its sum is ``revenue``.
        units: Decimal or integer column to rank by; its sum is ``units``. Either ``amount`` or ``units`` is given.
        by: Further columns, such as a country: the top ``n`` of each group are kept. Null is a group of its own.
        ties: ``"keep"`` keeps every product whose rank is at most ``n``, which are more than ``n`` where the last ones
            tie; ``"break"`` keeps at most ``n``, and ranks equal sums by ``product``, nulls last.

    Returns:
        A Transform whose result has one row per product and group: the ``by`` columns, ``rank`` (int, not null), the
        product, ``revenue`` or ``units`` (decimal of ten digits more and the same scale, or long; not null). Row order
        is undefined. A sum that its type cannot hold fails the job.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, ``n`` is less than 1, both or none of ``amount`` and
            ``units`` are given, or ``ties`` is neither ``"keep"`` nor ``"break"``.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: The amount or units are neither a decimal nor an integer.
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
    grouping = check_grouping(by=by, timestamp_is_optional=True)
    check_choice("ties", ties, ("keep", "break"))

    def plan(frame: Frame) -> Plan:
        field = exact_field(frame, ranked_by)
        groups = groups_of(frame, grouping._replace(by=[*grouping.by, product]), results=["rank", result])
        # By position, the product being the last: no group's name is ambiguous.
        names = positions(len(groups))
        *within, sold = names
        *by_fields, product_field = (group.field for group in groups)
        *by_sources, product_source = (group.source for group in groups)
        rank_field = StructField("rank", IntegerType(), nullable=False)
        sum_field = StructField(result, total_type(field), nullable=False)
        schema = StructType([*by_fields, rank_field, product_field, sum_field])

        def apply(df: DataFrame) -> DataFrame:
            sums = df.groupBy(*named(groups, names)).agg(total(field).alias("sum"))
            window = Window.partitionBy(*within)
            ranked = (
                F.rank().over(window.orderBy(F.desc("sum")))
                if ties == "keep"
                else F.row_number().over(window.orderBy(F.desc("sum"), F.asc_nulls_last(sold)))
            )
            top = sums.select(*within, ranked.alias("rank"), sold, "sum").where(F.col("rank") <= n)
            return top.toDF(*schema.names)

        return Plan(schema, apply, (*by_sources, "", product_source, ""))

    return plan
