"""Rows that were sent more than once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from shopsmart_etl._core.columns import find_column
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import positions, type_text
from shopsmart_etl._core.step import step
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError, UnsupportedError
from shopsmart_etl.typing import Transform


@step
def deduplicate(*keys: str, latest_by: str | Sequence[str] | None = None) -> Transform:
    """Keep one row of each key, the latest, or drop rows that are equal in every column.

    Rows whose key has a null are not duplicates of one another: all of them stay. Where several rows of a key are the
    latest, the one kept is that with the greatest values in the other columns, from left to right, nulls last: the same
    one on every run and engine, in whatever order the rows came. The rows are shuffled by the key.

    A stream cannot wait for the latest row: there the first of each key stays, and the others are dropped as long as
    the watermark, which it must have (``DataFrame.withWatermark``), says that they may come.

    Args:
        *keys: The columns that tell rows apart. With none, rows that are equal in every column count as one, nulls
            being equal to each other.
        latest_by: The column, or columns, whose greatest value is the latest; a row without one is the oldest. None:
            the other columns decide.

    Returns:
        A Transform whose result has the same columns and one row of each key.

    Raises:
        InvalidArgumentError: ``latest_by`` is given without keys.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: A key or ``latest_by`` column is a map or a variant, which have no order.
        UnsupportedError: ``latest_by`` is given, and the DataFrame is a stream.

    Example:
        >>> events = spark.createDataFrame(
        ...     [(1, "sent", 10, ["a"]), (1, "paid", 20, []), (None, "sent", 10, None), (None, "sent", 10, None)],
        ...     "id int, state string, at int, tags array<string>")
        >>> events.transform(deduplicate("id", latest_by="at")).orderBy("id").show()
        +----+-----+---+----+
        |  id|state| at|tags|
        +----+-----+---+----+
        |NULL| sent| 10|NULL|
        |NULL| sent| 10|NULL|
        |   1| paid| 20|  []|
        +----+-----+---+----+
        <BLANKLINE>
        >>> events.transform(deduplicate()).count()
        3
    """
    latest = [latest_by] if isinstance(latest_by, str) else list(latest_by or ())
    if latest and not keys:
        raise InvalidArgumentError(
            "keys", wanted="the columns that tell rows apart, for latest_by to choose", found=keys
        )

    def drop(df: DataFrame) -> DataFrame:
        schema = df.schema
        if df.isStreaming and latest:
            raise UnsupportedError(
                "deduplicate cannot know a stream's latest row: leave latest_by out, which keeps the first of each "
                "key, or deduplicate what was written"
            )
        find = partial(find_column, schema, ignores_case=partial(ignores_case, df))
        key = [find(name) for name in keys] or list(range(len(schema.fields)))
        newest = [find(name) for name in latest]
        for at in (*key, *newest):
            _refuse_unordered(schema.fields[at].name, schema.fields[at].dataType)
        # Maps and variants have no order; their text has one.
        others = [
            f"to_json(struct(`{at}`))" if _is_unordered(field.dataType) else f"`{at}`"
            for at, field in enumerate(schema.fields)
            if at not in key and at not in newest
        ]
        order = [F.expr(sql).desc_nulls_last() for sql in (*(f"`{at}`" for at in newest), *others)]
        rows = df.toDF(*positions(len(schema.fields)))
        # Not drop(), for which a declarative pipeline would have to know the table already.
        own = [f"`{at}`" for at in positions(len(schema.fields))]
        # Rows whose key has a null are apart: each is the first of its kind.
        apart = " OR ".join(f"`{at}` IS NULL" for at in key)
        if df.isStreaming:
            each = rows.withColumn("apart", F.expr(f"if({apart}, uuid(), '')" if keys else "''"))
            once = each.dropDuplicatesWithinWatermark([*map(str, key), "apart"])
            return once.selectExpr(*own).toDF(*schema.names)
        if not keys:
            return rows.dropDuplicates().toDF(*schema.names)
        ranked = rows.withColumn(
            "rank", F.row_number().over(Window.partitionBy(*(str(at) for at in key)).orderBy(*order or [F.lit(1)]))
        )
        return ranked.where(f"rank = 1 OR {apart}").selectExpr(*own).toDF(*schema.names)

    return drop


def _is_unordered(of: DataType) -> bool:
    if isinstance(of, StructType):
        return any(_is_unordered(field.dataType) for field in of.fields)
    if isinstance(of, ArrayType):
        return _is_unordered(of.elementType)
    return isinstance(of, MapType) or of.typeName() == "variant"


def _refuse_unordered(name: str, of: DataType) -> None:
    if _is_unordered(of):
        raise ColumnTypeError(
            name,
            wanted="a type whose values can be compared",
            found=type_text(of),
            way_out="Name keys of other types, or turn it to text with to_json first",
        )
