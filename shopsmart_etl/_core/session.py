"""Ask a session for its kind and settings, and for schemas and paths."""

from __future__ import annotations

import re

from pyspark.errors import AnalysisException, ParseException, PySparkTypeError
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from shopsmart_etl._core.checks import check_schema
from shopsmart_etl._core.spark_errors import error_condition
from shopsmart_etl.errors import InvalidArgumentError, UnsupportedError


def is_connect(spark: SparkSession) -> bool:
    """Return whether the session is on Spark Connect, where DataFrames are analyzed lazily. Sends no request."""
    return ".connect." in type(spark).__module__


def session_ignores_case(spark: SparkSession) -> bool:
    """Return whether names that differ only in case are equal in a session."""
    return str(spark.conf.get("spark.sql.caseSensitive")).lower() != "true"


def parse_schema(spark: SparkSession, argument: str, schema: str) -> StructType:
    """Parse DDL text.

    Raises:
        InvalidArgumentError: The text is not valid DDL, or has CHAR or VARCHAR columns.
    """
    # DataFrames do not have these types: Spark drops them, or fails with an internal error.
    if re.search(r"\b(var)?char\s*\(", re.sub("`[^`]*`|'[^']*'", "", schema), re.IGNORECASE):
        raise InvalidArgumentError(argument, expected="STRING in place of CHAR and VARCHAR", got=schema)
    try:
        return spark.createDataFrame([], schema).schema
    except (ParseException, PySparkTypeError) as error:
        expected = "DDL such as 'user STRING, price DECIMAL(10, 2)'"
        raise InvalidArgumentError(argument, expected=expected, got=schema) from error


def schema_without_session(argument: str, schema: StructType | str) -> StructType:
    """Return a StructType as it is, and parse DDL text with the active session, since only Spark parses DDL.

    Raises:
        InvalidArgumentError: It is neither, or the text is not valid DDL.
        UnsupportedError: It is DDL text, and no session is active.
    """
    checked = check_schema(argument, schema)
    if isinstance(checked, StructType):
        return checked
    session = SparkSession.getActiveSession()
    if session is None:
        raise UnsupportedError(
            f"{argument}: DDL text needs an active Spark session; got none. Give a StructType, or start a session first"
        )
    return parse_schema(session, argument, checked)


def has_files(spark: SparkSession, folder: str) -> bool:
    """Return whether a folder exists and contains files."""
    return path_exists(spark, folder) and bool(spark.read.format("binaryFile").load(folder).inputFiles())


def path_exists(spark: SparkSession, path: str) -> bool:
    """Return whether a file or folder exists at a path; always true for a glob.

    Analyzes a stream, which checks only the path. A batch read would list the folder, and log a stack trace for a
    path that does not exist.
    """
    try:
        _ = spark.readStream.format("text").schema("value STRING").load(path).schema
    except AnalysisException as error:
        if error_condition(error) != "PATH_NOT_FOUND":
            raise
        return False
    return True
