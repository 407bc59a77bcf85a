"""The types that signatures are written in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from pyspark.sql import DataFrame

Transform: TypeAlias = Callable[[DataFrame], DataFrame]
"""One step of a chain: takes a DataFrame, gives a DataFrame; goes into ``DataFrame.transform``."""

Siblings: TypeAlias = Literal["refuse", "zip", "cross"]
"""How several arrays of one row relate when they are exploded together."""

IfExists: TypeAlias = Literal["error", "append", "replace_partitions", "replace_all"]
"""What a write leaves behind where a table is already there."""

Every: TypeAlias = Literal["day", "week", "month"]
"""The periods that gold tables have a row for; weeks begin on Monday."""

TableFormat: TypeAlias = Literal["parquet", "delta", "iceberg"]
"""What a table is made of."""

__all__ = ["Every", "IfExists", "Siblings", "TableFormat", "Transform"]
