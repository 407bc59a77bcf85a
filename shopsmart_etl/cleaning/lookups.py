"""Columns of a table, added by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, StructField

from shopsmart_etl._core.checks import check_columns, check_text, is_dataframe
from shopsmart_etl._core.frame import Frame, Output, Plan
from shopsmart_etl._core.key_types import check_key_type
from shopsmart_etl._core.nested_fields import FieldLocation
from shopsmart_etl._core.spark_errors import Count, fail_sql
from shopsmart_etl._core.sql import all_of, call, if_, literal
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl._core.struct_paths import find_single_field, location_sql
from shopsmart_etl.errors import InvalidArgumentError, UnsupportedError


@step
def lookup(
    table: DataFrame,
    *,
    on: str | Sequence[str] | Mapping[str, str],
    columns: str | Sequence[str],
    flag_suffix: str = "_unmatched",
) -> Planner:
    """Look up columns in a table by key: a left join that never drops or multiplies rows.

    Each row gets the values of the one table row with an equal key. A row whose key is null or not in the table gets
    nulls, and is flagged. A key on several rows of the table fails the job; rows of the table with a null key are
    ignored. Spark joins as it does for any left join: by broadcast if the table is small or
    ``lookup(broadcast(table), ...)`` asks for it. The rows may be a stream, the table may not.

    Args:
        table: The table to look up in.
        on: The key columns, of the same name in both; or a mapping from the rows' columns to the table's, such as
            ``{"customer.country": "code"}``. A dotted path reaches into structs. The types must be equal; integers may
            have different sizes.
        columns: The columns of the table to add, at least one; names are taken literally.
        flag_suffix: The flag is named by the rows' key columns and this suffix: ``country_unmatched``.

    Returns:
        A Transform whose result has the same columns, then ``columns``, nullable, then a boolean that is true where the
        key was not found.

    Raises:
        InvalidArgumentError: An argument has a wrong type, or no column is named.
        UnsupportedError: The table is a stream, or the engine is Sail.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: A key has another type in the table, is no scalar, or is inside an array.
        ColumnClashError: The rows have a column with the name of an added one.
        RowRefusedError: Within ``translate_errors()``: the table has several rows with one key.

    Example:
        >>> orders = spark.createDataFrame(
        ...     [(1, ("DE",), ["new"]), (2, ("XX",), []), (3, None, None)],
        ...     "id int, customer struct<country: string>, tags array<string>")
        >>> countries = spark.createDataFrame([("DE", "Germany"), ("FR", "France")], "code string, name string")
        >>> orders.transform(lookup(countries, on={"customer.country": "code"}, columns="name")).orderBy("id").show()
        +---+--------+-----+-------+--------------------------+
        | id|customer| tags|   name|customer_country_unmatched|
        +---+--------+-----+-------+--------------------------+
        |  1|    {DE}|[new]|Germany|                     false|
        |  2|    {XX}|   []|   NULL|                      true|
        |  3|    NULL| NULL|   NULL|                      true|
        +---+--------+-----+-------+--------------------------+
        <BLANKLINE>
    """
    if not is_dataframe(table):
        raise InvalidArgumentError("table", expected="a DataFrame", got=table)
    keys = _check_keys(on)
    names = check_columns("columns", columns, at_least_one=True)
    check_text("flag_suffix", flag_suffix, expected="a suffix such as '_unmatched'")
    if table.isStreaming:
        raise UnsupportedError("table: expected a batch; got a stream. Write the stream to a table first")
    looked_up = _Table(table, list(keys.values()), names)

    def plan(frame: Frame) -> Plan:
        frame.refuse_on_sail(
            "lookup",
            why="fails the job at keys that are not duplicates",
            hint="Use DataFrame.join there, with a table whose keys are unique",
        )
        locations = [find_single_field(frame, name) for name in keys]
        for name, location, key in zip(keys, locations, looked_up.keys, strict=True):
            check_key_type(name, location.field, key.field)
        path = [part for location in locations for part in (frame.names[location.column], *location.path)]
        flag = StructField("_".join(path) + flag_suffix, BooleanType(), nullable=False)
        # The values depend on the check for duplicates too, which Spark drops with the flag if nothing reads that.
        values = [if_("found", f"`v{index}`") for index in range(len(names))]
        added = [Output(field, sql, is_new=True) for field, sql in zip(looked_up.fields, values, strict=True)]
        kept = [frame.column(index) for index in range(len(frame.names))]
        on = all_of(f"{location_sql(location)} = `k{index}`" for index, location in enumerate(locations))
        return frame.select(
            [*kept, *added, Output(flag, "found IS NULL", is_new=True)],
            after=lambda df: df.join(looked_up.unique_rows(), F.expr(on), "left"),
            hint="Rename the column in the table, or give another flag_suffix",
        )

    return plan


class _Table:
    """The columns of the table to look up in."""

    def __init__(self, df: DataFrame, keys: Sequence[str], columns: Sequence[str]) -> None:
        self._df = df
        self._key_names = keys
        self._column_names = columns

    @cached_property
    def _frame(self) -> Frame:
        return Frame.of(self._df)

    @cached_property
    def keys(self) -> list[FieldLocation]:
        return [find_single_field(self._frame, name) for name in self._key_names]

    @cached_property
    def fields(self) -> list[StructField]:
        fields = (self._frame.field(name) for name in self._column_names)
        return [StructField(field.name, field.dataType, nullable=True, metadata=field.metadata) for field in fields]

    def unique_rows(self) -> DataFrame:
        """Return a row for each key, with true as ``found``; fails the job at a key on several rows."""
        keys = [f"k{index}" for index in range(len(self.keys))]
        values = [f"v{index}" for index in range(len(self._column_names))]
        selected = [location_sql(location) for location in self.keys]
        selected += [f"`{self._frame.index(name)}`" for name in self._column_names]
        named = [f"{sql} AS {name}" for sql, name in zip(selected, [*keys, *values], strict=True)]
        rows = self._frame.name_by_position(self._df).selectExpr(*named)
        grouped = rows.where(all_of(f"{key} IS NOT NULL" for key in keys)).groupBy(*keys)
        # The first of a single row. An aggregate for each column, so that Spark can prune it.
        counted = grouped.agg(*(F.first(value).alias(value) for value in values), F.count("*").alias("n"))
        names = ", ".join(self._key_names)
        expected = literal(f"lookup: expected one row of the table for each key ({names}); got ")
        key = call("concat_ws", "', '", *(f"CAST({key} AS STRING)" for key in keys))
        failure = fail_sql(expected, Count("n"), "' rows for '", key)
        return counted.selectExpr(*keys, *values, f"{if_('n = 1', 'true', failure)} AS found")


def _check_keys(on: object) -> dict[str, str]:
    """Return the key columns of the table, by those of the rows."""
    if not isinstance(on, Mapping):
        return {name: name for name in check_columns("on", on, at_least_one=True)}
    names = [*on.keys(), *on.values()]
    if not names or not all(isinstance(name, str) and name for name in names):
        expected = "a mapping from columns of the rows to columns of the table, at least one"
        raise InvalidArgumentError("on", expected=expected, got=on)
    return dict(on)
