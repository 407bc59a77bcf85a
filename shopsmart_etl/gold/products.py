"""The products that sell best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from shopsmart_etl._core.sql import positions
from shopsmart_etl._core.step import step
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.gold._measures import exact_field, groups_of, refuse_text, total
from shopsmart_etl.typing import Transform


@step
def top_products(
    n: int,
    *,
    product: str,
    amount: str | None = None,
    units: str | None = None,
    by: Sequence[str] = (),
    ties: Literal["keep", "break"] = "keep",
) -> Transform:
    """Rank the products by revenue or by units, and keep the first ``n``.

    Negative amounts and units (refunds) count as such, and nulls add nothing. Products of equal sums share a rank, as
    in SQL's ``rank``: after two of rank 1 comes rank 3.

    Args:
        n: How many products to keep; at least 1.
        product: The column that identifies a product; null is a product of its own.
        amount: Rank by this column's sum, as ``revenue``: a decimal or an integer.
        units: Rank by this column's sum, as ``units``: likewise. Either ``amount`` or ``units`` is given.
        by: Further columns, such as a country: the first ``n`` of each group are kept, null being a group of its own.
        ties: ``"keep"`` keeps every product whose rank is within ``n``, so that more come where the last ones tie;
            ``"break"`` keeps ``n`` at most, and ranks equal sums by ``product``, nulls last.

    Returns:
        A Transform whose result has one row a product and group: the ``by`` columns, ``rank`` (int), the product,
        ``revenue`` or ``units`` (decimal of ten digits more and the same scale, or long; not null). Rows are in no
        order.

    Raises:
        InvalidArgumentError: ``n`` is less than 1; not just one of ``amount`` and ``units`` is given; ``ties`` is
            neither; ``by`` is a string.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: The amount or units are neither decimal nor integer.
        ColumnClashError: ``product`` or a ``by`` column is named like a column of the result.

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
    refuse_text("by", by)
    if n < 1:
        raise InvalidArgumentError("n", wanted="at least 1", found=n)
    if (amount is None) == (units is None):
        raise InvalidArgumentError("amount", wanted="either amount or units, to rank by", found=(amount, units))
    if ties not in ("keep", "break"):
        raise InvalidArgumentError("ties", wanted="'keep' or 'break'", found=ties)
    measure, result = (units, "units") if amount is None else (amount, "revenue")

    def rank(df: DataFrame) -> DataFrame:
        schema = df.schema
        assert measure is not None  # noqa: S101 - narrows the type; one of the two is given
        one = exact_field(df, schema, measure)
        groups = groups_of(df, schema, by=[*by, product], results=["rank", result])
        # By position, the product being the last: whatever the groups are named, no name is ambiguous.
        names = positions(len(groups.columns))
        *within, sold = names
        sums = df.groupBy(*groups.named(names)).agg(total(one).alias("sum"))
        window = Window.partitionBy(*within)
        ranked = (
            F.rank().over(window.orderBy(F.desc("sum")))
            if ties == "keep"
            else F.row_number().over(window.orderBy(F.desc("sum"), F.asc_nulls_last(sold)))
        )
        first = sums.select(*within, ranked.alias("rank"), sold, "sum").where(F.col("rank") <= n)
        return first.toDF(*groups.names[:-1], "rank", groups.names[-1], result)

    return rank
