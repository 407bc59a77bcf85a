"""Read raw JSON documents into a bronze DataFrame without dropping one."""

from __future__ import annotations

from os import PathLike

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    MapType,
    NumericType,
    StringType,
    StructType,
    TimestampNTZType,
    TimestampType,
)
from typing_extensions import Unpack

from shopsmart_etl._core.checks import check_schema
from shopsmart_etl._core.frame import Frame
from shopsmart_etl.io._json_rows import read_documents
from shopsmart_etl.io._source import (
    check_charset,
    check_encoding,
    check_source,
    read_schema,
    refuse_sail,
    unsupported_type,
)
from shopsmart_etl.io.read_options import JsonOptions, JsonSettings

_TYPES = StringType, BinaryType, BooleanType, NumericType, DateType, TimestampType, TimestampNTZType


def read_json_payloads(
    spark: SparkSession,
    path: str | PathLike[str],
    *,
    schema: StructType | str,
    stream: bool = False,
    **options: Unpack[JsonOptions],
) -> DataFrame:
    """Read JSON documents, every one of them.

    A line has one document or several, one after another or in an array; with ``multiline``, so has a file. Text that
    is not valid JSON is kept as it is in the corrupt-record column, with null in all other columns. A value of another
    type than the schema's is null, and the document's text is in the corrupt-record column too.

    Numbers keep every digit, in text columns as well: ``1.10`` is ``"1.10"``. A string is no integer, double or
    boolean. Strings become decimals, dates and timestamps by lossless casts alone: ``"12,50"``, or ``1.255`` for two
    decimals, or ``"2026"`` for a date, make a corrupt record. What loses nothing is read: ``1000.0`` as an integer, one
    object for an array of them, ``[]`` for an object without fields. If a key occurs twice in an object, the last value
    is read; in a map, the document is a corrupt record.

    Each document of a page or an array is read by itself: one that is invalid does not affect the others. If quotes or
    brackets do not balance, so that the documents cannot be separated, the whole text is one corrupt record. A file
    that cannot be read at all, such as a gzip that is cut off, fails the job.

    Args:
        spark: The session.
        path: A file, a folder or a glob. Folders named ``key=value`` become columns of text, after all others, or of
            the type that the schema declares for the key. Of other folders below, and of files whose names begin with
            ``_`` or ``.``, nothing is read. Files ending in ``.gz``, ``.bz2`` or ``.zst`` are decompressed.
        schema: The columns of one document, as a StructType or as DDL. Fields that a document lacks are null. Names are
            compared as the session compares them.
        stream: True reads a stream: files as they come into the folder.
        **options: Where the documents are, the formats of values, and the names of added columns; see
            ``JsonOptions``.

    Returns:
        A DataFrame of the schema's columns, all nullable, then those of ``envelope_schema``, and the columns that are
        added: the corrupt record, then ``rescued_column`` and ``rounded_column`` where they are asked for, then the
        file and when it was changed, then those of folders.

    Raises:
        SourceNotFoundError: The path does not exist or has no file.
        SourceError: A folder contains both files and folders named ``key=value``. Spark would skip the files.
        InvalidArgumentError: ``schema`` is neither a StructType nor DDL, or an option is unknown or has a wrong value.
        ColumnClashError: Two columns of the result have one name.
        UnsupportedError: The schema has a type that JSON is not read as, or the session is on Sail.
        RowRefusedError: With ``on_extra="error"``, within ``translate_errors()``: a document has fields that the schema
            lacks.

    Example:
        >>> pages = ['{"page": 1, "data": [{"id": 1, "tags": ["new"]}, {"id": 2, "tags": []}]}',
        ...          '{"page": 2, "data": []}', '{"page": 3, "data": [{"id": nu']
        >>> orders = read_json_payloads(spark, written(pages), schema="id INT, tags ARRAY<STRING>", record_path="data")
        >>> orders.drop("_file_path", "_file_modified").show(truncate=False)
        +----+-----+------------------------------+
        |id  |tags |_corrupt_record               |
        +----+-----+------------------------------+
        |1   |[new]|NULL                          |
        |2   |[]   |NULL                          |
        |NULL|NULL |{"page": 3, "data": [{"id": nu|
        +----+-----+------------------------------+
        <BLANKLINE>
    """
    source = check_source(spark, path, stream=stream)
    check_schema("schema", schema)
    settings = JsonSettings.of(options)
    check_encoding(settings.encoding, multiline=settings.multiline)
    refuse_sail(spark, "read_json_payloads")
    check_charset(spark, settings)
    columns = read_schema(spark, schema, settings)
    envelope = None
    if settings.envelope_schema is not None:
        envelope = Frame(columns, session=spark).as_schema("envelope_schema", settings.envelope_schema)
        _check_types(envelope)
    _check_types(columns)
    return read_documents(spark, source, columns, envelope, settings, stream=stream)


def _check_types(data_type: DataType, column: str = "") -> None:
    """Refuse types that JSON is not read as.

    Raises:
        UnsupportedError: A field has such a type, or a map has keys that are not strings.
    """
    if isinstance(data_type, StructType):
        for field in data_type.fields:
            _check_types(field.dataType, column or field.name)
    elif isinstance(data_type, ArrayType):
        _check_types(data_type.elementType, column)
    elif isinstance(data_type, MapType) and isinstance(data_type.keyType, StringType):
        _check_types(data_type.valueType, column)
    elif data_type.typeName() != "variant" and (
        not isinstance(data_type, _TYPES) or data_type.typeName() in {"char", "varchar"}
    ):
        raise unsupported_type(column, data_type)
