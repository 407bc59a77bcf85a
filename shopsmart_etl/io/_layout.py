"""Which task writes which rows, in what order, and how many of them go into a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pyspark
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    FloatType,
    IntegerType,
    MapType,
    ShortType,
    StringType,
    StructField,
    StructType,
)

from shopsmart_etl._core.spark_errors import Count, stop_write_sql
from shopsmart_etl._core.sql import literal, positions, quote
from shopsmart_etl.io._folders import ESCAPED
from shopsmart_etl.io._targets import HIDDEN_END, NULL_FOLDER

# The longest file name that file systems accept, in bytes.
_LONGEST_FOLDER = 255

# Estimated bytes of a value in a Parquet file: half its width, since it is encoded and compressed.
_BYTES: dict[type[DataType], int] = {
    BooleanType: 1,
    ByteType: 1,
    ShortType: 1,
    IntegerType: 2,
    DateType: 2,
    FloatType: 2,
}
_BYTES_OTHERS = 4
_BYTES_TEXT = 8
_ELEMENTS = 3


class Layout(NamedTuple):
    """How the rows of a write are arranged.

    Attributes:
        partitions: The partition columns, outermost first; none for a table without partitions.
        sort_by: The columns to sort by inside the files.
        max_partitions: How many partitions the rows may have; None for any number.
    """

    partitions: Sequence[StructField]
    sort_by: Sequence[str]
    max_partitions: int | None

    @property
    def names(self) -> list[str]:
        """The names of the partition columns."""
        return [field.name for field in self.partitions]

    def arrange(self, df: DataFrame) -> DataFrame:
        """Bring the rows of a partition together, in tasks of equal size, and sort them.

        Spark's rebalance makes few files for little data and, with adaptive execution, splits large partitions into
        several tasks. Streams have no adaptive execution, and cannot be sorted or counted.
        """
        names = [quote(name) for name in self.names]
        if not names:
            rows = df if df.isStreaming else df.hint("rebalance")
            return rows.sortWithinPartitions(*map(quote, self.sort_by)) if self.sort_by else rows
        texts = {field.name: _checked_for_folders(field) for field in self.partitions if _is_text(field)}
        rows = df.withColumns(texts) if texts else df  # Spark Connect refuses an empty mapping
        # PySpark 3.5 accepts no column in a hint. There a large partition is written by one task.
        old = pyspark.__version__.startswith("3.")
        rows = rows.repartition(*names) if old else rows.hint("rebalance", *names)
        if df.isStreaming:
            return rows
        if self.max_partitions is not None:
            rows = _counted(rows, names, self.max_partitions)
        return rows.sortWithinPartitions(*names, *map(quote, self.sort_by)) if self.sort_by else rows


def rows_per_file(schema: StructType, target_file_size: int) -> int:
    """Estimate how many rows make a file of a size.

    It caps the files of tasks that adaptive execution did not split; tasks that it splits usually write smaller files.
    """
    return max(1, target_file_size // max(1, _width(schema)))


def _width(of: DataType) -> int:
    if isinstance(of, StructType):
        return sum(_width(field.dataType) for field in of.fields)
    if isinstance(of, ArrayType):
        return _ELEMENTS * _width(of.elementType)
    if isinstance(of, MapType):
        return _ELEMENTS * (_width(of.keyType) + _width(of.valueType))
    if isinstance(of, StringType):
        return _BYTES_TEXT
    if isinstance(of, DecimalType):
        return max(1, of.precision // 4)
    return _BYTES.get(type(of), _BYTES_OTHERS)


def _is_text(field: StructField) -> bool:
    return isinstance(field.dataType, StringType)


def _checked_for_folders(field: StructField) -> Column:
    """Stop the job, before it commits, at a value that cannot be the name of a folder."""
    name = quote(field.name)
    column = f"partition column {field.name!r}: expected"
    blank = (
        f"{column} values that folders can tell from null; got an empty string or the text {NULL_FOLDER}; nothing was "
        "written. Replace it first, such as by null or 'unknown'"
    )
    hidden = (
        f"{column} values whose folders Spark reads; got one that ends with {HIDDEN_END}; nothing was written. Replace "
        "it first"
    )
    long = (
        f"{column} values that fit the name of a folder ({_LONGEST_FOLDER} bytes); got a longer one; nothing was "
        "written. Shorten it first"
    )
    room = _LONGEST_FOLDER - len(field.name.encode()) - 1
    folder = f"regexp_replace({name}, {literal(ESCAPED)}, '%00')"
    # The length is checked first, since escaping every value would take longer than writing it.
    too_long = f"octet_length({name}) * 3 > {room} AND octet_length({folder}) > {room}"
    return F.expr(
        f"CASE WHEN {name} IN ('', '{NULL_FOLDER}') THEN {stop_write_sql(literal(blank))} "
        f"WHEN endswith({name}, '{HIDDEN_END}') THEN {stop_write_sql(literal(hidden))} "
        f"WHEN {too_long} THEN {stop_write_sql(literal(long))} ELSE {name} END"
    )


def _counted(rows: DataFrame, names: Sequence[str], max_partitions: int) -> DataFrame:
    """Stop the job, before it writes, where the rows have more partitions.

    The partitions are counted from the shuffled rows that the write reads too: Spark reuses the exchange, so the
    source is read once. For that the count must need every column, or its exchange would differ. It groups by a hash,
    since grouping by the columns would count the rows of a large partition in one task; the 64-bit hashes of a few
    thousand values do not collide.

    The count returns no rows, and the union reads it through a shuffle: so it is finished before the write begins, as
    a part of the same query that no row has to pass through.
    """
    key = f"xxhash64({', '.join(f'isnull({name}), {name}' for name in names)})"
    unused = f"count_if({key} = 0 AND to_json(struct(*)) IS NULL)"
    each = rows.groupBy(F.expr(key)).agg(F.expr(unused)).toDF(*positions(2))
    total = each.agg(F.expr("count(1) + sum(`1`) AS partitions"))
    by = ", ".join(names).replace("`", "")
    stop = stop_write_sql(
        literal(f"expected at most {max_partitions:,} partitions by {by}; got "),
        Count("format_number(partitions, 0)"),
        literal(
            "; nothing was written: partition by columns of fewer values, such as a country or a day, or give "
            "files=FileOptions(max_partitions=None)"
        ),
    )
    none = total.where(F.expr(f"if(partitions > {max_partitions}, {stop}, false)"))
    return rows.unionByName(none.select().repartition(1), allowMissingColumns=True)
