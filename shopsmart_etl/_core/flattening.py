"""Plan how structs are flattened, level by level. Needs no Spark session."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql.types import BooleanType, StructField, StructType

from shopsmart_etl._core.engine import is_sail
from shopsmart_etl._core.sql import positions

# From about 24 nested field accesses on, Spark's subexpression elimination doubles its time with each level
# (4.3: 6 s at 26 levels, over 90 s at 30). A guard every 8 levels keeps each access chain short.
_LEVELS_PER_GUARD = 8
_MARK = StructField("present", BooleanType(), nullable=False)


class Leaf(NamedTuple):
    """A column that a flatten ends in: where it was, and what it is.

    A leaf that marks a struct is true where the struct at its path is not null.
    """

    path: tuple[str, ...]
    field: StructField
    marks: bool = False


class Level(NamedTuple):
    """One step of a flatten: SQL expressions over columns that are named by position."""

    columns: int
    sql: list[str]


class Flattening(NamedTuple):
    """How a schema is flattened: level by level, and the leaves that result.

    The expressions name columns by their position in the level before (`` `0` ``, `` `1` ``, ...), so that no
    field name, whatever it holds, is ever parsed or compared.
    """

    levels: list[Level]
    leaves: list[Leaf]

    def apply(self, df: DataFrame) -> DataFrame:
        """Flatten a DataFrame of the schema; the leaves keep names that may be ambiguous."""
        hollow = bool(self.levels) and is_sail(df.sparkSession)
        for level in self.levels:
            df = df.toDF(*positions(level.columns))
            if hollow:
                df = df.selectExpr(*(f"if(`{at}` IS NULL, NULL, `{at}`) AS `{at}`" for at in range(level.columns)))
            df = df.selectExpr(*level.sql)
        return df


def opens(field: StructField) -> bool:
    """Tell whether a flatten opens this field."""
    # A struct without fields is a value too (null or not), so it stays as it is: opened it would vanish.
    return isinstance(field.dataType, StructType) and len(field.dataType.fields) > 0


def plan_flattening(
    schema: StructType, opened: Collection[int], max_depth: int | None = None, *, marked: bool = False
) -> Flattening:
    """Plan a flatten level by level.

    A struct is opened by a star (`` `3`.* ``), which Spark resolves by ordinal: that survives every name, costs
    one expression a struct instead of one a leaf, and leaves nested column pruning as it is.

    Args:
        schema: The DataFrame's schema.
        opened: Positions of the top-level columns to flatten.
        max_depth: How many levels of struct to open; None for all.
        marked: Whether each struct that may be null leaves a leaf that marks it before its own.

    Returns:
        The levels to select one after the other, and the leaves of the last.
    """
    leaves = [Leaf((field.name,), field) for field in schema.fields]
    opening = [position in opened and opens(field) for position, field in enumerate(schema.fields)]
    levels: list[Level] = []
    depth = 0
    while any(opening) and (max_depth is None or depth < max_depth):
        depth += 1
        if depth % _LEVELS_PER_GUARD == 0:
            levels.append(Level(len(leaves), [_guarded(at) if now else f"`{at}`" for at, now in enumerate(opening)]))
        sql, below = [], []
        for at, (leaf, now) in enumerate(zip(leaves, opening, strict=True)):
            if now and marked and leaf.field.nullable:
                sql.append(f"`{at}` IS NOT NULL")
                below.append((Leaf(leaf.path, _MARK, marks=True), False))
            sql.append(f"`{at}`.*" if now else f"`{at}`")
            below += [(one, opens(one.field)) for one in _opened(leaf)] if now else [(leaf, False)]
        levels.append(Level(len(leaves), sql))
        leaves, opening = [leaf for leaf, _ in below], [now for _, now in below]
    return Flattening(levels, leaves)


def _opened(leaf: Leaf) -> list[Leaf]:
    struct = leaf.field.dataType
    assert isinstance(struct, StructType)  # noqa: S101 - narrows the type; opens said so
    return [Leaf((*leaf.path, field.name), field) for field in struct.fields]


def _guarded(at: int) -> str:
    # Means the column itself; a conditional is where subexpression elimination stops.
    return f"if(isnull(`{at}`), null, `{at}`) AS `{at}`"
