"""The types that signatures are written in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal, TypeAlias

from pyspark.sql import Column, DataFrame

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

Number: TypeAlias = int | float | Decimal
"""A number that fills a missing amount."""

Fill: TypeAlias = Number | Column | Callable[[Column], Column]
"""What a missing amount becomes: a number, a Column, or a function that computes one from the amounts."""

Fills: TypeAlias = Fill | Sequence[Fill]
"""One fill, or several, of which the first that is not null is taken."""

__all__ = ["Every", "Fill", "Fills", "IfExists", "Number", "Siblings", "TableFormat", "Transform"]
