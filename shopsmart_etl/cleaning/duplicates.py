"""Duplicate rows, dropped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

from shopsmart_etl._core.checks import check_column, check_columns
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.sql import any_of, if_, positions, quote, type_text
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl._core.struct_paths import find_single_field, location_sql
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError, UnsupportedError


@step
def deduplicate(*keys: str, latest_by: str | Sequence[str] | None = None) -> Planner:
    """Keep one row of each key, the latest, or drop rows that are equal in every column.

    Rows with a null in their key are not duplicates of one another: all of them are kept. Where several rows of a key
    are the latest, the one with the greatest values in the other columns is kept, compared from left to right, nulls
    last. So the result is deterministic on every engine, whatever the order of the rows. Rows are shuffled by the key.

    A stream cannot wait for the latest row: the first row of each key is kept, and later ones are dropped within the
    watermark, which the stream needs (``DataFrame.withWatermark``).

    Args:
        *keys: The key columns, or the dotted paths of fields of structs, such as ``customer.id``. With none,
            rows that are equal in every column are duplicates; nulls are equal.
        latest_by: The column, or columns, whose greatest value is the latest; a row with a null is the oldest. None:
            the other columns decide.

    Returns:
        A Transform whose result has the same columns and one row of each key.

    Raises:
        InvalidArgumentError: ``latest_by`` is given without keys, or an argument is not a column's name.
        ColumnNotFoundError: A column is not found.
        ColumnTypeError: A key or ``latest_by`` column contains a map or a variant, which cannot be compared, or the
            path of a key contains an array.
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
    names = [check_column("keys", key) for key in keys]
    latest = [] if latest_by is None else check_columns("latest_by", latest_by)
    if latest and not names:
        raise InvalidArgumentError("keys", expected="at least one key column, since latest_by is given", got=keys)

    def plan(frame: Frame) -> Plan:
        if latest and frame.is_streaming:
            raise UnsupportedError(
                "latest_by: expected a batch; got a stream, whose latest row is never known. Leave latest_by out, "
                "which keeps the first row of each key, or deduplicate the table that the stream writes"
            )
        fields = frame.schema.fields
        locations = [find_single_field(frame, name) for name in names]
        keys = [(location_sql(location), location.field) for location in locations]
        keys = keys or [(f"`{index}`", field) for index, field in enumerate(fields)]
        latest_indexes = [frame.index(name) for name in latest]
        for field in (*(field for _, field in keys), *(fields[index] for index in latest_indexes)):
            _check_comparable(field)
        key = [sql for sql, _ in keys]
        if frame.is_streaming:
            return frame.by_position(partial(_keep_first, frame.schema, key, has_keys=bool(names)))
        if not names:
            return frame.by_position(lambda df: df.dropDuplicates())
        order = [f"`{index}`" for index in latest_indexes]
        others = [index for index in range(len(fields)) if f"`{index}`" not in {*key, *order}]
        order += [_comparable(index, fields[index].dataType) for index in others]
        return frame.by_position(partial(_keep_latest, frame.schema, key, order))

    return plan


def _keep_first(schema: StructType, key: Sequence[str], df: DataFrame, *, has_keys: bool) -> DataFrame:
    """Keep the first row of each key of a stream."""
    # Rows with a null in their key differ in this column.
    distinct = df.withColumn("distinct", F.expr(if_(_has_null(key), "uuid()", "''") if has_keys else "''"))
    # Fields become columns of their own, which a stream compares alone.
    nested = {sql: f"key {number}" for number, sql in enumerate(key) if not sql.strip("`").isdigit()}
    keyed = distinct.selectExpr("*", *(f"{sql} AS {quote(name)}" for sql, name in nested.items()))
    names = [nested.get(sql, sql.strip("`")) for sql in key]
    return _select_own(keyed.dropDuplicatesWithinWatermark([*names, "distinct"]), schema)


def _keep_latest(schema: StructType, key: Sequence[str], order: Sequence[str], df: DataFrame) -> DataFrame:
    """Keep the latest row of each key; the greatest in ``order`` is the latest."""
    latest_first = [F.expr(sql).desc_nulls_last() for sql in order] or [F.lit(1)]
    rank = F.row_number().over(Window.partitionBy(*map(F.expr, key)).orderBy(*latest_first))
    return _select_own(df.withColumn("rank", rank).where(any_of(["rank = 1", _has_null(key)])), schema)


def _select_own(df: DataFrame, schema: StructType) -> DataFrame:
    # Not drop(), for which a declarative pipeline would have to know the table already.
    return df.selectExpr(*map(quote, positions(len(schema.fields))))


def _has_null(key: Sequence[str]) -> str:
    return any_of(f"{sql} IS NULL" for sql in key)


def _comparable(index: int, of: DataType) -> str:
    # Maps and variants cannot be compared, but their text can.
    return f"to_json(struct(`{index}`))" if _is_incomparable(of) else f"`{index}`"


def _is_incomparable(of: DataType) -> bool:
    if isinstance(of, StructType):
        return any(_is_incomparable(field.dataType) for field in of.fields)
    if isinstance(of, ArrayType):
        return _is_incomparable(of.elementType)
    return isinstance(of, MapType) or of.typeName() == "variant"


def _check_comparable(field: StructField) -> None:
    if _is_incomparable(field.dataType):
        raise ColumnTypeError(
            field.name,
            expected="a type whose values can be compared",
            got=type_text(field.dataType),
            hint="Name keys of other types, or convert it to text with to_json first",
        )
