"""Infer a schema from files, as code to review and paste."""

from __future__ import annotations

import re
from os import PathLike
from typing import Literal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType
from typing_extensions import Unpack

from shopsmart_etl._core.checks import check_choice
from shopsmart_etl._core.spark_errors import translate_read_errors
from shopsmart_etl._core.sql import quote, type_sql
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.io._csv_inference import infer_csv
from shopsmart_etl.io._csv_lines import read_texts as read_fields
from shopsmart_etl.io._json_inference import infer_json
from shopsmart_etl.io._json_rows import read_texts, without_null_markers
from shopsmart_etl.io._source import check_charset, check_encoding, check_source, refuse_sail
from shopsmart_etl.io.read_options import CsvSettings, InferOptions, JsonSettings

_SIMPLE_NAME = re.compile(r"(?<!`)`([A-Za-z_][A-Za-z0-9_]*)`(?!`)")
_SEED = 1  # so that a sample is the same each time


def infer_schema(
    spark: SparkSession,
    path: str | PathLike[str],
    *,
    format: Literal["csv", "json"],  # noqa: A002 - Spark's own word for it
    sample: float = 1.0,
    **options: Unpack[InferOptions],
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
        format: The format of the files; CSV files need a header.
        sample: The share of the rows to look at, from 0 to 1. Values of the other rows may not fit the schema.
        **options: The dialect of CSV files, or where the documents are in JSON; see ``CsvOptions`` and ``JsonOptions``.
            Give the reader the same.

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
    source = check_source(spark, path)
    check_choice("format", format, ("csv", "json"))
    if not _is_number(sample) or not 0 < sample <= 1:
        raise InvalidArgumentError("sample", expected="a number greater than 0 and at most 1", got=sample)
    settings = CsvSettings.of(options) if format == "csv" else JsonSettings.of(options)
    if isinstance(settings, CsvSettings) and not settings.header:
        raise InvalidArgumentError("header", expected="True, for the names of the columns", got=False)
    is_whole = settings.reads_whole_files if isinstance(settings, CsvSettings) else settings.multiline
    check_encoding(settings.encoding, multiline=is_whole)
    refuse_sail(spark, "infer_schema")
    check_charset(spark, settings)
    with translate_read_errors(source):
        if isinstance(settings, CsvSettings):
            return _ddl(infer_csv(_sampled(read_fields(spark, source, settings), sample)))
        texts = read_texts(spark, source, settings, stream=False).df
        values = texts.select(without_null_markers(texts["text"], settings).alias("value"))
        return _ddl(infer_json(_sampled(values, sample), settings.record_names))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _sampled(df: DataFrame, share: float) -> DataFrame:
    return df if share == 1 else df.sample(fraction=float(share), seed=_SEED)


def _ddl(columns: StructType) -> str:
    lines = (f"{quote(field.name)} {type_sql(field.dataType)}" for field in columns)
    return ",\n".join(_SIMPLE_NAME.sub(r"\1", line) for line in lines)
