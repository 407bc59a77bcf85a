"""Which engine it is, where that has mistakes that are gone round or refused: Sail, and older Sparks on Connect."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import pyspark
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from shopsmart_etl.errors import UnsupportedError

# What every Spark has a setting for. Sail has none, and says so in its own words; Databricks may keep it to itself.
_ALWAYS_SET = "spark.app.id"
_NOT_SET_ON_SAIL = "configuration not found"

_known: WeakKeyDictionary[SparkSession, bool] = WeakKeyDictionary()


def is_sail(spark: SparkSession) -> bool:
    """Tell whether the session's server is Sail: one small request a session, none where Spark runs in the process.

    Sail reads the fields of a null struct as what lies beneath: ``if(s IS NULL, NULL, s)`` puts nulls there. It has no
    files' metadata, no observations, and no writes that leave what is there alone when they fail.
    """
    if not _on_connect(spark):
        return False
    if spark not in _known:
        _known[spark] = _lacks_what_spark_has(spark)
    return _known[spark]


def _on_connect(spark: SparkSession) -> bool:
    return ".connect." in type(spark).__module__


def _lacks_what_spark_has(spark: SparkSession) -> bool:
    # A setting and not the version: declarative pipelines answer no query while they are defined.
    try:
        spark.conf.get(_ALWAYS_SET)
    except PySparkException as error:
        return _NOT_SET_ON_SAIL in str(error)
    return False


def refuse_on_sail(spark: SparkSession, what: str, *, why: str, way_out: str) -> None:
    """Refuse something that Sail gets wrong.

    Raises:
        UnsupportedError: The session is on Sail.
    """
    if is_sail(spark):
        raise UnsupportedError(f"{what} is refused on Sail, which {why}. {way_out}")


def refuse_to_observe(spark: SparkSession, what: str) -> None:
    """Refuse to count in passing on Sail, which has no observations, and on Connect before Spark 4.2.

    Spark 3.5 has none there, 4.0 loses all but one of a plan's, and to 4.1 one that is in a plan twice is an error
    (SPARK-56322), as those of the rows of a write are, which are counted.

    Raises:
        UnsupportedError: There are none, or they are lost.
    """
    way_out = "Audit(in_passing=False) counts with aggregations of their own"
    if _on_connect(spark) and pyspark.__version__.startswith(("3.", "4.0.", "4.1.")):
        raise UnsupportedError(f"{what} is refused on Spark Connect before 4.2, which loses observations. {way_out}")
    refuse_on_sail(spark, what, why="has no observations", way_out=way_out)


def refuse_writing_on_sail(spark: SparkSession, what: str) -> None:
    """Refuse to write files there.

    Raises:
        UnsupportedError: The session is on Sail.
    """
    refuse_on_sail(
        spark,
        what,
        why="deletes partitions that it should not, and leaves part of the rows when a write fails",
        way_out="Write there with DataFrame.write, where a failure can be undone",
    )
