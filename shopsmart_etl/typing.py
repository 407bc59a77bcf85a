"""The types in public signatures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal, TypeAlias

from pyspark.sql import Column, DataFrame

Transform: TypeAlias = Callable[[DataFrame], DataFrame]
"""A function from DataFrame to DataFrame, for ``DataFrame.transform``."""

Shape: TypeAlias = Literal["single_object", "empty_array"]
"""A change of shape that ``conform`` accepts: an object for an array of objects, or an empty array for an object."""

Siblings: TypeAlias = Literal["error", "zip", "cross"]
"""How to explode several arrays of a row together: refuse, pair by index, or combine."""

IfExists: TypeAlias = Literal["error", "append", "replace_partitions", "replace_all"]
"""What to do if the table to be written already exists."""

OnNewColumns: TypeAlias = Literal["error", "add"]
"""What to do with columns that the existing table lacks."""

Period: TypeAlias = Literal["day", "week", "month"]
"""A calendar period; weeks start on Monday."""

TableFormat: TypeAlias = Literal["parquet", "delta", "iceberg"]
"""The format of a table."""

Number: TypeAlias = int | float | Decimal
"""A number to fill missing amounts with."""

Fill: TypeAlias = Number | Column | Callable[[Column], Column]
"""A fill for missing amounts: a number, a Column, or a function of the amount column that returns one."""

Fills: TypeAlias = Fill | Sequence[Fill]
"""One fill, or several, of which the first that is not null is used."""

__all__ = [
    "Fill",
    "Fills",
    "IfExists",
    "Number",
    "OnNewColumns",
    "Period",
    "Shape",
    "Siblings",
    "TableFormat",
    "Transform",
]
