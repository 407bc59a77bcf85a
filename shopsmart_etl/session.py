"""The one question that the package asks a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def ignores_case(df: DataFrame) -> bool:
    """Tell whether the DataFrame's session takes ``ID`` and ``id`` for one name, as Spark does by default.

    On Connect this is a request to the server, so callers ask only when two names differ in nothing but case.
    """
    return str(df.sparkSession.conf.get("spark.sql.caseSensitive")).lower() != "true"
