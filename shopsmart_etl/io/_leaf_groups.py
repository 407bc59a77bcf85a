"""Group the fields of wide schemas by type, so that each group needs one expression.

Spark takes tens of seconds to plan a cast for each of 1,000 fields. Fields of one type are therefore put into an array,
and cast by one function of its elements. Where there are few of them, a cast for each is faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

from shopsmart_etl._core.sql import call, lambda_

FEWEST = 8


class LeafGroup(NamedTuple):
    """Fields of one type that is no container.

    Attributes:
        type: The type.
        positions: The positions of the fields.
    """

    type: DataType
    positions: list[int]

    def array(self, values: list[str]) -> str:
        """Write an array of the group's values, given the SQL of all fields' values."""
        return call("array", *(values[position] for position in self.positions))

    def transformed(self, values: list[str], each: str, body: Callable[[str, DataType], str]) -> str:
        """Write the array of what a function makes of each of the group's values."""
        return call("transform", self.array(values), lambda_(each, body(each, self.type)))


class Grouped(NamedTuple):
    """The fields of a schema.

    Attributes:
        groups: Those that are in a group.
        others: The positions of the others.
    """

    groups: list[LeafGroup]
    others: list[int]


def group_leaves(fields: Iterable[StructField], *, leave_out: tuple[type[DataType], ...] = ()) -> Grouped:
    """Group fields by their types; ``leave_out`` names the types that need no expression."""
    by_type: dict[str, LeafGroup] = {}
    others = []
    for position, field in enumerate(fields):
        if isinstance(field.dataType, (StructType, ArrayType, MapType, *leave_out)):
            others.append(position)
        else:
            group = by_type.setdefault(field.dataType.simpleString(), LeafGroup(field.dataType, []))
            group.positions.append(position)
    groups = [group for group in by_type.values() if len(group.positions) >= FEWEST]
    small = [position for group in by_type.values() if group not in groups for position in group.positions]
    return Grouped(groups, sorted([*others, *small]))
