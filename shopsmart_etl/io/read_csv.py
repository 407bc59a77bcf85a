"""Read raw CSV logs into a bronze DataFrame without dropping a line."""

from __future__ import annotations

from os import PathLike

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    DateType,
    NumericType,
    StringType,
    StructType,
    TimestampNTZType,
    TimestampType,
)
from typing_extensions import Unpack

from shopsmart_etl._core.checks import check_schema
from shopsmart_etl.io._csv_lines import read_lines
from shopsmart_etl.io._source import check_charset, check_encoding, check_source, check_types, read_schema, refuse_sail
from shopsmart_etl.io.read_options import CsvOptions, CsvSettings

_TYPES = StringType, BinaryType, BooleanType, NumericType, DateType, TimestampType, TimestampNTZType


def read_csv_logs(
    spark: SparkSession,
    path: str | PathLike[str],
    *,
    schema: StructType | str,
    stream: bool = False,
    **options: Unpack[CsvOptions],
) -> DataFrame:
    """Read CSV logs without dropping lines.

    Fields become values of the schema's types by lossless casts alone. A line that cannot be read whole stays: what
    could be read of it is in its columns, and the line is in the corrupt-record column. That is a line with too few or
    too many fields, text that does not match the column's type (``12,50`` or ``1.255`` for two decimals, ``2026`` for a
    date), quotes that are not closed or followed by text, or bytes of another encoding.

    Blank lines are no records. Quoting is RFC 4180, or as the options say. A file that cannot be read at all, such as a
    gzip that is cut off, fails the job; so does a later file with another header.

    Args:
        spark: The session.
        path: A file, a folder or a glob. Folders named ``key=value`` become columns of text, after all others, or of
            the type that the schema declares for the key. Of other folders below, and of files whose names begin with
            ``_`` or ``.``, nothing is read. Files ending in ``.gz``, ``.bz2`` or ``.zst`` are decompressed.
        schema: The columns of the files, in any order, as a StructType or as DDL (``"user STRING, price
            DECIMAL(10, 2)"``). A blank or repeated name is that of ``infer_schema``: ``_c0``, ``price2``.
        stream: True reads a stream: files as they come into the folder. If the folder is empty when the stream begins,
            files are taken to have the schema's columns in its order.
        **options: The dialect, the formats of values, and the names of added columns; see ``CsvOptions``.

    Returns:
        A DataFrame of the schema's columns in the schema's order, all nullable, and the columns that are added: the
        corrupt record, then ``rescued_column`` and ``rounded_column`` where they are asked for, then the file and when
        it was changed, then those of folders.

    Raises:
        SourceNotFoundError: The path does not exist or has no file.
        SourceError: A folder contains both files and folders named ``key=value``. Spark would skip the files.
        HeaderMismatchError: The header lacks a column of the schema, or has one that the schema lacks.
        InvalidArgumentError: ``schema`` is neither a StructType nor DDL, or an option is unknown or has a wrong value.
        ColumnClashError: Two columns of the result have one name.
        UnsupportedError: The schema has a type that CSV text is not read as, or the session is on Sail.

    Example:
        >>> lines = ["user,price,tags", 'ada,9.90,"a ""b"" c"', "bob,,", "eve,free,x"]
        >>> logs = read_csv_logs(spark, written(lines), schema="user STRING, price DECIMAL(10, 2), tags STRING")
        >>> logs.drop("_file_path", "_file_modified").show()
        +----+-----+-------+---------------+
        |user|price|   tags|_corrupt_record|
        +----+-----+-------+---------------+
        | ada| 9.90|a "b" c|           NULL|
        | bob| NULL|   NULL|           NULL|
        | eve| NULL|      x|     eve,free,x|
        +----+-----+-------+---------------+
        <BLANKLINE>
    """
    source = check_source(spark, path, stream=stream)
    check_schema("schema", schema)
    settings = CsvSettings.of(options)
    check_encoding(settings.encoding, multiline=settings.reads_whole_files)
    refuse_sail(spark, "read_csv_logs")
    check_charset(spark, settings)
    columns = read_schema(spark, schema, settings)
    check_types(columns, _TYPES)
    return read_lines(spark, source, columns, settings, stream=stream)
