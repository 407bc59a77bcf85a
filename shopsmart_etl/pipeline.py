"""Several steps as one."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.step import Step, step

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from shopsmart_etl.typing import Transform


@step
def pipeline(*steps: Transform) -> Transform:
    """Compose steps into one step that applies them from left to right.

    Args:
        *steps: Transforms; any function from DataFrame to DataFrame will do, a pipeline too. With none,
            the DataFrame passes through as it is.

    Returns:
        A Transform whose result is that of the last step.

    Raises:
        InvalidArgumentError: A step cannot be called.

    Example:
        >>> silver = pipeline(flatten_struct("customer"), impute_financials("total"))
        >>> silver
        pipeline(flatten_struct('customer'), impute_financials('total'))
        >>> orders = spark.createDataFrame(
        ...     [((7, "EIRE"), None), (None, 5)], "customer struct<id: int, country: string>, total int")
        >>> orders.transform(silver).show()
        +-----------+----------------+-----+-------------+
        |customer_id|customer_country|total|total_imputed|
        +-----------+----------------+-----+-------------+
        |          7|            EIRE|    0|         true|
        |       NULL|            NULL|    5|        false|
        +-----------+----------------+-----+-------------+
        <BLANKLINE>
    """
    for number, one in enumerate(steps, start=1):
        if not callable(one):
            raise InvalidArgumentError(f"step {number}", wanted="a function from DataFrame to DataFrame", found=one)

    def run(df: DataFrame) -> DataFrame:
        return reduce(lambda done, one: done.transform(one), steps, df)

    return Step(run, steps)
