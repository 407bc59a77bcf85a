"""Which task gets which rows of a write, in what order, and how many of them go into a file."""

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

from shopsmart_etl._core.sql import literal, positions, quote
from shopsmart_etl.io._tables import HIDDEN_END, NULL_FOLDER, STOPPED

# What file systems take for one name, in bytes.
_LONGEST_FOLDER = 255
# What Spark writes as three signs in the name of a folder.
_ESCAPED = r"""[\x00-\x1F\x7F"#%'*/:=?\\{\[\]^]"""

# About what a value takes in a Parquet file: half its width, since it is encoded and compressed.
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
        partitions: The partition columns, outermost first.
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

        Spark's rebalance makes few files for a small partition and, with adaptive execution, several tasks of a large
        one. A stream has no adaptive execution, order or whole to count.
        """
        texts = {field.name: _fit_for_folders(field) for field in self.partitions if _is_text(field)}
        names = [quote(name) for name in self.names]
        rows = df.withColumns(texts) if texts else df  # which Spark Connect refuses to do with none
        # PySpark 3.5 takes no column in a hint. There a large partition stays with one task.
        old = pyspark.__version__.startswith("3.")
        rows = rows.repartition(*names) if old else rows.hint("rebalance", *names)
        if df.isStreaming:
            return rows
        if self.max_partitions is not None:
            rows = _counted(rows, names, self.max_partitions)
        return rows.sortWithinPartitions(*names, *map(quote, self.sort_by)) if self.sort_by else rows


def rows_per_file(schema: StructType, target_file_size: int) -> int:
    """Guess how many rows make a file of a size.

    It caps the files of tasks that adaptive execution did not split; those it splits are smaller, as a rule.
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


def _fit_for_folders(field: StructField) -> Column:
    """Stop the job, before it commits, at a value that a folder's name cannot hold."""
    name = quote(field.name)
    blank = (
        f"{STOPPED} partition column {field.name!r} holds an empty string or the text {NULL_FOLDER}, which folders "
        "cannot tell from null; nothing was written: replace it first, say by null or 'unknown'"
    )
    hidden = (
        f"{STOPPED} partition column {field.name!r} holds a value that ends with {HIDDEN_END}, whose folder Spark "
        "does not read; nothing was written: replace it first. It begins with "
    )
    long = (
        f"{STOPPED} partition column {field.name!r} holds a value that is too long for the name of a folder "
        f"({_LONGEST_FOLDER} bytes); nothing was written: shorten it first. It begins with "
    )
    room = _LONGEST_FOLDER - len(field.name.encode()) - 1
    folder = f"regexp_replace({name}, {literal(_ESCAPED)}, '%00')"
    # The length is looked at first, since to escape every value would take longer than to write it.
    too_long = f"octet_length({name}) * 3 > {room} AND octet_length({folder}) > {room}"
    return F.expr(
        f"CASE WHEN {name} IN ('', '{NULL_FOLDER}') THEN raise_error({literal(blank)}) "
        f"WHEN endswith({name}, '{HIDDEN_END}') THEN raise_error(concat({literal(hidden)}, left({name}, 20))) "
        f"WHEN {too_long} THEN raise_error(concat({literal(long)}, left({name}, 20))) ELSE {name} END"
    )


def _counted(rows: DataFrame, names: Sequence[str], most: int) -> DataFrame:
    """Stop the job, before it writes, where the rows have more partitions.

    The partitions are counted from the shuffled rows that the write reads too: Spark reuses the exchange, so the
    source is read once. For that the count must need every column, or its exchange would be another one. It groups by
    a hash, since by the columns themselves the rows of a large partition would be counted in one task; of a few
    thousand values no two share one.

    The count gives no rows, and hands them over by a shuffle: so it is done before the write begins, as a part of
    the same job that no row has to pass.
    """
    key = f"xxhash64({', '.join(f'isnull({name}), {name}' for name in names)})"
    unused = f"count_if({key} = 0 AND to_json(struct(*)) IS NULL)"
    each = rows.groupBy(F.expr(key)).agg(F.expr(unused)).toDF(*positions(2))
    seen = each.agg(F.expr("count(1) + sum(`1`) AS partitions"))
    by = ", ".join(names).replace("`", "")
    why = literal(
        f"{STOPPED} wanted at most {most:,} partitions by {by}; nothing was written: partition by columns of fewer "
        "values, such as a country or a day, or say max_partitions=None. Found "
    )
    none = seen.where(F.expr(f"if(partitions > {most}, raise_error(concat({why}, partitions)), false)"))
    return rows.unionByName(none.select().repartition(1), allowMissingColumns=True)
