"""Infer a schema from files, as code to review and paste."""

from __future__ import annotations

import re
from os import PathLike
from typing import Any, Literal

from pyspark.sql import DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DecimalType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from shopsmart_etl._core.checks import check_choice, check_optional_text
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.spark_errors import translate_read_errors
from shopsmart_etl._core.sql import positions, quote, type_sql, type_text
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.io._source import MAX_FIELDS, check_encoding, check_source, load, refuse_sail

_CORRUPT = "_corrupt_record"
_SIMPLE_NAME = re.compile(r"(?<!`)`([A-Za-z_][A-Za-z0-9_]*)`(?!`)")
_MAX_DIGITS = 38  # of a decimal


def infer_schema(
    spark: SparkSession,
    path: str | PathLike[str],
    *,
    format: Literal["csv", "json"],  # noqa: A002 - Spark's own word for it
    records: str | None = None,
    multiline: bool = False,
    encoding: str = "UTF-8",
    sample: float = 1.0,
) -> str:
    """Infer a schema from files, to print, review and paste. Runs Spark jobs that read the files.

    Numbers with decimals become ``decimal(18,2)`` where all of them fit, else ``decimal(38,18)``. They become doubles
    only where they are written with an exponent (in JSON one such number makes doubles of all) or are too long for a
    decimal. Whole numbers that do not fit ``bigint`` become decimals without decimals. Numbers with leading zeros stay
    text. In JSON, dates are text.

    Args:
        spark: The session.
        path: A file, a folder or a glob.
        format: The format of the files; CSV files have a header.
        records: The field of a paged JSON envelope with the documents.
        multiline: As for the reader.
        encoding: As for ``read_csv_logs``.
        sample: The share of the rows to look at, from 0 to 1.

    Returns:
        The DDL, a column a line: ``schema=`` of the readers takes it.

    Raises:
        SourceNotFoundError: The path does not exist or has no file.
        InvalidArgumentError: An argument is wrong.
        ColumnNotFoundError: No envelope has the field.
        ColumnTypeError: The field is no array of documents.
        UnsupportedError: The session is on Sail.

    Example:
        >>> orders = ['{"id": 1, "total": 9.9, "tags": ["new"]}', '{"id": 2, "total": null, "tags": []}']
        >>> print(infer_schema(spark, written(orders), format="json"))
        id bigint,
        tags ARRAY<string>,
        total decimal(18,2)
        >>> print(infer_schema(spark, written(["user,zip,price", "ada,007,9.90", "bob,,"]), format="csv"))
        user string,
        zip string,
        price decimal(18,2)
    """
    source = check_source(spark, path, multiline=multiline)
    check_choice("format", format, ("csv", "json"))
    check_optional_text("records", records, expected="the name of a field, or None")
    check_encoding(encoding, multiline=multiline)
    if not _is_number(sample) or not 0 < sample <= 1:
        raise InvalidArgumentError("sample", expected="a number greater than 0 and at most 1", got=sample)
    refuse_sail(spark, "infer_schema")
    with translate_read_errors(source):
        columns = _infer(spark, source, format, records, multiLine=multiline, encoding=encoding, samplingRatio=sample)
    lines = (f"{quote(field.name)} {type_sql(_with_room(field.dataType))}" for field in columns)
    return ",\n".join(_SIMPLE_NAME.sub(r"\1", line) for line in lines)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _infer(spark: SparkSession, path: str, kind: str, records: str | None, **given: Any) -> StructType:  # noqa: ANN401 - Spark's options
    options = {**given, "recursiveFileLookup": True}
    if kind == "csv":
        options |= {"header": True, "escape": '"', "maxColumns": MAX_FIELDS}
        # A reader for each: an option stays with one, and on Connect before 4.0 with what it has loaded.
        inferred, text = (spark.read.format("csv").options(inferSchema=infer, **options) for infer in (True, False))
        return _of_csv(load(spark, inferred, path), load(spark, text, path))
    del options["encoding"]  # JSON is in UTF-8
    options |= {"prefersDecimal": True, "columnNameOfCorruptRecord": _CORRUPT}
    return _of_json(_load_json(spark, spark.read.format("json").options(**options), path), records)


def _load_json(spark: SparkSession, reader: DataFrameReader, path: str) -> DataFrame:
    try:
        return load(spark, reader, path)
    except Exception as error:
        # A number with an exponent, for which Spark makes a decimal that it does not have; 3.5 fails a job over it.
        if not re.search("negative.scale", str(error), re.IGNORECASE):
            raise
        return load(spark, reader.option("prefersDecimal", value=False), path)


def _of_json(df: DataFrame, records: str | None) -> StructType:
    schema = df.schema
    if records is not None:
        found = Frame.of(df).field(records)
        array = found.dataType
        if not isinstance(array, ArrayType) or not isinstance(array.elementType, StructType):
            raise ColumnTypeError(records, expected="an array of documents", got=type_text(array))
        schema = array.elementType
    return StructType([field for field in schema.fields if field.name != _CORRUPT])


def _of_csv(inferred: DataFrame, text: DataFrame) -> StructType:
    """Check the text of columns that were inferred as numbers."""
    fields = inferred.schema.fields
    numbers = [
        at
        for at, one in enumerate(fields)
        if isinstance(one.dataType, (IntegerType, LongType, DecimalType, DoubleType))
    ]
    if not numbers:
        return StructType(fields)
    padded = [F.bool_or(F.col(str(at)).rlike("^[+-]?0[0-9]")) for at in numbers]
    # An exponent, or no number at all: those are doubles indeed.
    floating = [F.bool_or(~F.col(str(at)).rlike("^[+-]?[0-9]*[.]?[0-9]*$")) for at in numbers]
    whole = [F.max(F.length(F.regexp_extract(str(at), "^[+-]?0*([0-9]*)", 1))) for at in numbers]
    decimals = [F.max(F.length(F.regexp_extract(str(at), "[.]([0-9]*)$", 1))) for at in numbers]
    found = (
        text.toDF(*positions(len(fields)))
        .agg(
            *(
                F.struct(*four).alias(str(at))
                for at, *four in zip(numbers, padded, floating, whole, decimals, strict=True)
            )
        )
        .collect()[0]
    )
    for at in numbers:
        has_zeros, is_floating, digits, scale = found[str(at)]
        if has_zeros:
            fields[at] = StructField(fields[at].name, StringType())
        elif isinstance(fields[at].dataType, DoubleType) and not is_floating and digits + scale <= _MAX_DIGITS:
            fields[at] = StructField(fields[at].name, DecimalType(max(digits + scale, 1), scale))
    return StructType(fields)


def _with_room(of: DataType) -> DataType:
    """Widen decimals for values that the sample did not have."""
    if isinstance(of, StructType):
        return StructType([StructField(one.name, _with_room(one.dataType)) for one in of.fields])
    if isinstance(of, ArrayType):
        return ArrayType(_with_room(of.elementType))
    if isinstance(of, DecimalType):
        for roomy in (DecimalType(18, 2), DecimalType(38, 18)) if of.scale else (DecimalType(38, 0),):
            if of.scale <= roomy.scale and of.precision - of.scale <= roomy.precision - roomy.scale:
                return roomy
    return of
