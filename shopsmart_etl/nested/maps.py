"""A map into rows."""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql.types import MapType

from shopsmart_etl._core.columns import find_column, refuse_clashes
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import positions, quote, type_text
from shopsmart_etl._core.step import step
from shopsmart_etl.errors import ColumnTypeError
from shopsmart_etl.typing import Transform


@step
def explode_map(column: str, *, key: str | None = None, value: str | None = None) -> Transform:
    """Give each entry of a map a row of its own, its key and its value in a column each.

    Every other column is repeated on each row. A row whose map is empty or null stays, once, with a null key and
    value; no entry has a null key.

    Args:
        column: A map column at the top level; its name is taken literally.
        key: Name of the key's column; ``<column>_key`` if None.
        value: Name of the value's column; ``<column>_value`` if None.

    Returns:
        A Transform whose result has the same columns in the same order, the map replaced by its key and its value.

    Raises:
        ColumnNotFoundError: The column is not there.
        ColumnTypeError: The column is not a map.
        ColumnClashError: The name of the key's or the value's column is taken.

    Example:
        >>> items = spark.createDataFrame(
        ...     [(1, {"color": "red"}, ["new"]), (2, {"size": None}, []), (3, {}, None), (4, None, None)],
        ...     "id int, attributes map<string, string>, tags array<string>")
        >>> items.transform(explode_map("attributes")).show()
        +---+--------------+----------------+-----+
        | id|attributes_key|attributes_value| tags|
        +---+--------------+----------------+-----+
        |  1|         color|             red|[new]|
        |  2|          size|            NULL|   []|
        |  3|          NULL|            NULL| NULL|
        |  4|          NULL|            NULL| NULL|
        +---+--------------+----------------+-----+
        <BLANKLINE>
    """

    def explode(df: DataFrame) -> DataFrame:
        schema = df.schema
        at = find_column(schema, column, ignores_case=partial(ignores_case, df))
        field = schema.fields[at]
        if not isinstance(field.dataType, MapType):
            raise ColumnTypeError(field.name, wanted="a map", found=type_text(field.dataType))
        entry = [key or f"{field.name}_key", value or f"{field.name}_value"]
        names = [*schema.names[:at], *entry, *schema.names[at + 1 :]]
        origins = [f"column {quote(name)}" for name in schema.names]
        origins[at : at + 1] = [f"the key of {quote(field.name)}", f"the value of {quote(field.name)}"]
        refuse_clashes(
            zip(names, origins, strict=True),
            ignores_case=partial(ignores_case, df),
            way_out="Give another key= or value=",
        )
        columns = [f"`{other}`" for other in range(len(schema.fields))]
        # The generator's two columns stand where the map stood.
        columns[at] = f"explode_outer(`{at}`)"
        return df.toDF(*positions(len(columns))).selectExpr(*columns).toDF(*names)

    return explode
