"""Infer a schema from files, as code to review and paste."""

from __future__ import annotations

import re
from os import PathLike
from typing import Literal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from shopsmart_etl._core.checks import check_choice
from shopsmart_etl._core.spark_errors import translate_read_errors
from shopsmart_etl._core.sql import quote, type_sql
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.io._csv_inference import infer_csv
from shopsmart_etl.io._json_inference import check_record_path, infer_json
from shopsmart_etl.io._source import MAX_FIELDS, check_encoding, check_source, load, refuse_sail

_SIMPLE_NAME = re.compile(r"(?<!`)`([A-Za-z_][A-Za-z0-9_]*)`(?!`)")
_SEED = 1  # so that a sample is the same each time


def infer_schema(
    spark: SparkSession,
    path: str | PathLike[str],
    *,
    format: Literal["csv", "json"],  # noqa: A002 - Spark's own word for it
    record_path: str | None = None,
    multiline: bool = False,
    encoding: str = "UTF-8",
    sample: float = 1.0,
) -> str:
    """Infer a schema from files, to print, review and paste. Runs Spark jobs that read the files.

    A field gets a type other than ``string`` only if that type keeps each of its values exactly. Nulls, and empty
    fields of CSV files, are ignored; a field without any value is a string.

    =================================== ===================================================================
    values                              type
    =================================== ===================================================================
    integers                            ``int`` (CSV only), ``bigint`` or ``decimal(38,0)``
    numbers with decimals, and integers ``decimal(18,2)``, else ``decimal(38,18)``
    other JSON numbers                  ``double`` if all have at most 15 significant digits, else ``string``
    ``true`` and ``false``              ``boolean``
    CSV dates, ``2026-01-31``           ``date``
    CSV timestamps                      ``timestamp``: ISO 8601 without an offset, or all with ``Z``
    JSON strings, even empty ones       ``string``
    several kinds                       ``string``
    empty JSON arrays                   ``array<string>``
    =================================== ===================================================================

    Text that would not be written again as it is stays a string: ``007``, ``+1``, ``1e3``, ``-0``, ``12:30``, ``NaN``,
    numbers with spaces around them, dates that do not exist, and times that a change to summer time skips. Only these
    forms change: decimals get zeros up to their scale, ``T`` becomes a space, seconds may be added, zeros at the end of
    their fraction removed, and a time with ``Z`` is shown in the session's time zone.

    JSON text that cannot be parsed is ignored.

    Args:
        spark: The session.
        path: A file, a folder or a glob.
        format: The format of the files; CSV files have a header.
        record_path: The field of a JSON envelope that contains the documents, such as ``"response.orders"``. Names with
            a dot are in backticks.
        multiline: As for the reader.
        encoding: As for ``read_csv_logs``; JSON is in UTF-8.
        sample: The share of the rows to look at, from 0 to 1. Values of the other rows may not fit the schema.

    Returns:
        The DDL, a column a line: ``schema=`` of the readers takes it.

    Raises:
        SourceNotFoundError: The path does not exist or has no file.
        InvalidArgumentError: An argument is wrong.
        ColumnNotFoundError: No envelope has the field.
        ColumnTypeError: The field does not contain documents.
        ColumnClashError: JSON keys differ only in case, and the session ignores case.
        UnsupportedError: The session is on Sail.

    Example:
        >>> orders = ['{"id": 1, "zip": "007", "total": 9.9, "tags": ["new"]}', '{"id": 2, "total": null, "tags": []}']
        >>> print(infer_schema(spark, written(orders), format="json"))
        id bigint,
        tags ARRAY<string>,
        total decimal(18,2),
        zip string
        >>> print(infer_schema(spark, written(["user,zip,price", "ada,007,9.90", "bob,,"]), format="csv"))
        user string,
        zip string,
        price decimal(18,2)
    """
    source = check_source(spark, path, multiline=multiline)
    check_choice("format", format, ("csv", "json"))
    record_names = check_record_path(record_path)
    check_encoding(encoding, multiline=multiline)
    if not _is_number(sample) or not 0 < sample <= 1:
        raise InvalidArgumentError("sample", expected="a number greater than 0 and at most 1", got=sample)
    refuse_sail(spark, "infer_schema")
    with translate_read_errors(source):
        if format == "csv":
            columns = infer_csv(_sampled(_csv_texts(spark, source, encoding, multiline=multiline), sample))
        else:
            columns = infer_json(_sampled(_json_texts(spark, source, multiline=multiline), sample), record_names)
    return _ddl(columns)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _csv_texts(spark: SparkSession, path: str, encoding: str, *, multiline: bool) -> DataFrame:
    reader = spark.read.format("csv").options(
        header=True,
        escape='"',
        maxColumns=MAX_FIELDS,
        encoding=encoding,
        multiLine=multiline,
        recursiveFileLookup=True,
    )
    return load(spark, reader, path)


def _json_texts(spark: SparkSession, path: str, *, multiline: bool) -> DataFrame:
    reader = spark.read.format("text").options(wholetext=multiline, recursiveFileLookup=True)
    return load(spark, reader.schema("value STRING"), path)


def _sampled(df: DataFrame, share: float) -> DataFrame:
    return df if share == 1 else df.sample(fraction=float(share), seed=_SEED)


def _ddl(columns: StructType) -> str:
    lines = (f"{quote(field.name)} {type_sql(field.dataType)}" for field in columns)
    return ",\n".join(_SIMPLE_NAME.sub(r"\1", line) for line in lines)
