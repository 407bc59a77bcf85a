"""Questions that the package asks a session."""

from __future__ import annotations

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession


def ignores_case(df: DataFrame) -> bool:
    """Tell whether the DataFrame's session takes ``ID`` and ``id`` for one name, as Spark does by default.

    On Connect this is a request to the server, so callers ask only when two names differ in nothing but case.
    """
    return session_ignores_case(df.sparkSession)


def session_ignores_case(spark: SparkSession) -> bool:
    """Tell the same of a session."""
    return str(spark.conf.get("spark.sql.caseSensitive")).lower() != "true"


def path_exists(spark: SparkSession, path: str) -> bool:
    """Tell whether there is a file or a folder at a path; a glob passes, whatever it matches.

    Analyzes a stream from there, which looks at the path alone: a batch lists the folder, and logs a stack trace for a
    path that does not exist.
    """
    try:
        _ = spark.readStream.format("text").schema("value STRING").load(path).schema
    except AnalysisException as error:
        if "PATH_NOT_FOUND" not in str(error):
            raise
        return False
    return True
