"""A first schema for files, as code to paste."""

from __future__ import annotations

import re
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

from shopsmart_etl._core.columns import find_column
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import positions, quote, type_sql, type_text
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.io._source import MOST_FIELDS, load, refuse_encoding, refuse_sail

_CORRUPT = "_corrupt_record"
_SIMPLE_NAME = re.compile(r"(?<!`)`([A-Za-z_][A-Za-z0-9_]*)`(?!`)")
_MOST_DIGITS = 38  # of a decimal


def infer_schema(
    spark: SparkSession,
    path: str,
    *,
    files: Literal["csv", "json"],
    records: str | None = None,
    multiline: bool = False,
    encoding: str = "UTF-8",
    sample: float = 1.0,
) -> str:
    """Infer a schema from files, to print, look over and paste. Runs Spark jobs that read the files.

    Numbers with decimals become decimals, of 18 digits and two decimals where that holds those that were seen, else of
    38 and 18; never doubles, except where they are written with an exponent (in JSON one such number makes doubles of
    all) or are too long for a decimal. Whole numbers that no ``bigint`` holds become decimals without decimals. Numbers
    with leading zeros stay text. In JSON, dates are text.

    Args:
        spark: The session.
        path: A file, a folder or a glob.
        files: What they are; CSV has a header.
        records: The field of a paged JSON envelope that holds the documents.
        multiline: As for the reader.
        encoding: As for ``read_csv_logs``.
        sample: The share of the rows to look at, from 0 to 1.

    Returns:
        The DDL, a column a line: ``schema=`` of the readers takes it.

    Raises:
        SourceNotFoundError: The path does not exist or holds no file.
        InvalidArgumentError: An argument is wrong.
        ColumnNotFoundError: No envelope has the field.
        ColumnTypeError: The field holds no array of documents.
        UnsupportedError: The session is on Sail.

    Example:
        >>> orders = ['{"id": 1, "total": 9.9, "tags": ["new"]}', '{"id": 2, "total": null, "tags": []}']
        >>> print(infer_schema(spark, written(orders), files="json"))
        id bigint,
        tags ARRAY<string>,
        total decimal(18,2)
        >>> print(infer_schema(spark, written(["user,zip,price", "ada,007,9.90", "bob,,"]), files="csv"))
        user string,
        zip string,
        price decimal(18,2)
    """
    if files not in ("csv", "json"):
        raise InvalidArgumentError("files", wanted="'csv' or 'json'", found=files)
    if not 0 < sample <= 1:
        raise InvalidArgumentError("sample", wanted="a share from 0 to 1", found=sample)
    refuse_encoding(encoding, multiline=multiline)
    refuse_sail(spark, "infer_schema")
    options: dict[str, Any] = {"multiLine": multiline, "samplingRatio": sample, "recursiveFileLookup": True}
    if files == "csv":
        options |= {"header": True, "escape": '"', "encoding": encoding, "maxColumns": MOST_FIELDS}
        # A reader for each: an option stays with one, and on Connect before 4.0 with what it has loaded.
        inferred, text = (spark.read.format("csv").options(inferSchema=infer, **options) for infer in (True, False))
        columns = _of_csv(load(spark, inferred, path), load(spark, text, path))
    else:
        options |= {"prefersDecimal": True, "columnNameOfCorruptRecord": _CORRUPT}
        columns = _of_json(_load_json(spark, spark.read.format("json").options(**options), path), records)
    lines = (f"{quote(field.name)} {type_sql(_comfortable(field.dataType))}" for field in columns)
    return ",\n".join(_SIMPLE_NAME.sub(r"\1", line) for line in lines)


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
        found = schema.fields[find_column(schema, records, ignores_case=lambda: ignores_case(df))]
        array = found.dataType
        if not isinstance(array, ArrayType) or not isinstance(array.elementType, StructType):
            raise ColumnTypeError(records, wanted="an array of documents", found=type_text(array))
        schema = array.elementType
    return StructType([field for field in schema.fields if field.name != _CORRUPT])


def _of_csv(inferred: DataFrame, text: DataFrame) -> StructType:
    """Look once more at what was inferred as a number."""
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
        elif isinstance(fields[at].dataType, DoubleType) and not is_floating and digits + scale <= _MOST_DIGITS:
            fields[at] = StructField(fields[at].name, DecimalType(max(digits + scale, 1), scale))
    return StructType(fields)


def _comfortable(of: DataType) -> DataType:
    """Give decimals room for what the sample did not have."""
    if isinstance(of, StructType):
        return StructType([StructField(one.name, _comfortable(one.dataType)) for one in of.fields])
    if isinstance(of, ArrayType):
        return ArrayType(_comfortable(of.elementType))
    if isinstance(of, DecimalType):
        for roomy in (DecimalType(18, 2), DecimalType(38, 18)) if of.scale else (DecimalType(38, 0),):
            if of.scale <= roomy.scale and of.precision - of.scale <= roomy.precision - roomy.scale:
                return roomy
    return of
