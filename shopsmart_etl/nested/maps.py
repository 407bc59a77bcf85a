"""Explode maps into rows."""

from __future__ import annotations

from pyspark.sql.types import BooleanType, MapType, StructField

from shopsmart_etl._core.checks import check_column, check_optional_text
from shopsmart_etl._core.column_tags import Link, new_presence_value, tag_source, tag_target
from shopsmart_etl._core.frame import Frame, Output, Plan
from shopsmart_etl._core.sql import quote
from shopsmart_etl._core.step import Planner, step


@step
def explode_map(column: str, *, key_column: str | None = None, value_column: str | None = None) -> Planner:
    """Explode a map column into one row per entry, with a key column and a value column.

    All other columns are repeated on each row. A row whose map is empty or null becomes one row with a null key and
    value; since the keys of a map are never null, a null key identifies these rows. The metadata of the key and the
    value links to the key, so that ``impute_financials`` and rules do not take such a row for an entry with a missing
    value, as with ``explode_arrays``; a boolean key has no link. Null values are kept.

    Args:
        column: The name of a top-level map column, taken literally.
        key_column: The name of the key column. Default: ``<column>_key``.
        value_column: The name of the value column. Default: ``<column>_value``.

    Returns:
        A Transform whose result has the same columns in the same order, with the map replaced by the key column and
        the value column, both nullable.

    Raises:
        InvalidArgumentError: An argument has a wrong type, or is empty.
        ColumnNotFoundError: ``column`` does not exist.
        ColumnTypeError: ``column`` is not a map.
        ColumnClashError: The name of the key or value column is already in use.

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
    check_column("column", column)
    check_optional_text("key_column", key_column)
    check_optional_text("value_column", value_column)

    def plan(frame: Frame) -> Plan:
        index = frame.require(column, MapType, expected="a map")
        field = frame.schema.fields[index]
        map_type = field.dataType
        assert isinstance(map_type, MapType)  # noqa: S101 - narrows the type, checked by require
        key = StructField(key_column or f"{field.name}_key", map_type.keyType)
        value = StructField(value_column or f"{field.name}_value", map_type.valueType)
        if not isinstance(map_type.keyType, BooleanType):
            link = new_presence_value(frame, field.name)
            key = tag_target(tag_source(key, Link.PRESENCE, link), Link.PRESENCE, link)
            value = tag_source(value, Link.PRESENCE, link)
        entry = [
            Output(key, "key", f"the key of {quote(field.name)}", is_new=True),
            Output(value, "value", f"the value of {quote(field.name)}", is_new=True),
        ]
        outputs = [frame.column(other) for other in range(len(frame.schema.fields))]
        outputs[index : index + 1] = entry
        return frame.select(
            outputs,
            after=lambda df: df.selectExpr("*", f"explode_outer(`{index}`) AS (key, value)"),
            hint="Give another key_column= or value_column=",
        )

    return plan
