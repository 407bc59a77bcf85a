"""Detect Sail, and refuse what it does not support. Everything about Sail is here."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from shopsmart_etl._core.session import is_connect
from shopsmart_etl.errors import UnsupportedError

# Every Spark session has this setting. Sail does not, and its error has this text; Databricks may refuse to show it.
_SPARK_SETTING = "spark.app.id"
_SAIL_ERROR = "configuration not found"

_is_sail_by_session: WeakKeyDictionary[SparkSession, bool] = WeakKeyDictionary()


def is_sail(spark: SparkSession) -> bool:
    """Return whether the session's server is Sail. Sends one small request per Connect session.

    Sail returns non-null values for the fields of a null struct; ``if(s IS NULL, NULL, s)`` makes them null. It has no
    file metadata and no observations, and a failed write can damage existing data.
    """
    if not is_connect(spark):
        return False
    if spark not in _is_sail_by_session:
        _is_sail_by_session[spark] = _lacks_spark_setting(spark)
    return _is_sail_by_session[spark]


def _lacks_spark_setting(spark: SparkSession) -> bool:
    # Read a setting, not the version: a declarative pipeline runs no query while it is being defined.
    try:
        spark.conf.get(_SPARK_SETTING)
    except PySparkException as error:
        return _SAIL_ERROR in str(error)
    return False


def refuse_on_sail(spark: SparkSession, operation: str, *, why: str, hint: str) -> None:
    """Refuse an operation that Sail does not support or gets wrong.

    Raises:
        UnsupportedError: The session is on Sail.
    """
    if is_sail(spark):
        raise UnsupportedError(f"{operation} is refused on Sail, which {why}. {hint}")


def refuse_writing_on_sail(spark: SparkSession, operation: str) -> None:
    """Refuse to write files on Sail.

    Raises:
        UnsupportedError: The session is on Sail.
    """
    refuse_on_sail(
        spark,
        operation,
        why="deletes partitions that it should not, and leaves part of the rows when a write fails",
        hint="Write there with DataFrame.write, where a failure can be undone",
    )
