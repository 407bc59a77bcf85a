"""Plan how to flatten structs, level by level. Needs no Spark session."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql.types import BooleanType, StructField, StructType

from shopsmart_etl._core.depth import MAX_DEPTH, check_column_depth
from shopsmart_etl._core.sql import positions

# Beyond about 24 nested field accesses, Spark's subexpression elimination doubles its time with each level
# (4.3: 6 s at 26 levels, over 90 s at 30). A guard every 8 levels keeps each access chain short.
_LEVELS_PER_GUARD = 8
_PRESENT = StructField("present", BooleanType(), nullable=False)


class Leaf(NamedTuple):
    """A column of a flattened schema.

    Attributes:
        path: The names of the fields from the top-level column to the leaf.
        field: The leaf's field.
        is_presence: Whether the leaf is a boolean that is true if the struct at ``path`` is not null.
    """

    path: tuple[str, ...]
    field: StructField
    is_presence: bool = False


class Level(NamedTuple):
    """One select of a flatten: the number of input columns, and SQL expressions over them, named by position."""

    columns: int
    sql: list[str]


class Flattening(NamedTuple):
    """How to flatten a schema: the selects, one per level, and the resulting leaves.

    The expressions refer to columns by their position in the previous level (`` `0` ``, `` `1` ``, ...), so that
    Spark never parses or compares field names.
    """

    levels: list[Level]
    leaves: list[Leaf]

    def apply(self, df: DataFrame, *, fills_null_structs: bool) -> DataFrame:
        """Flatten a DataFrame that has the schema. The leaves keep their own names, which may be ambiguous.

        Args:
            df: The DataFrame.
            fills_null_structs: Whether the engine, like Sail, returns non-null values for the fields of a null struct.
        """
        for level in self.levels:
            df = df.toDF(*positions(level.columns))
            if fills_null_structs:
                df = df.selectExpr(*_with_null_structs(level))
            df = df.selectExpr(*level.sql)
        return df


def is_non_empty_struct(field: StructField) -> bool:
    """Return whether a field is a struct with fields, which a flatten replaces by them."""
    # A struct without fields is kept: replacing it by its fields would drop the column.
    return isinstance(field.dataType, StructType) and len(field.dataType.fields) > 0


def plan_flattening(
    schema: StructType, columns: Collection[int], max_depth: int | None = None, *, with_presence: bool = False
) -> Flattening:
    """Plan a flatten level by level.

    Each struct is expanded by a star (`` `3`.* ``), which Spark resolves by ordinal: it works for every name, costs
    one expression per struct instead of one per leaf, and keeps nested column pruning.

    Args:
        schema: The DataFrame's schema.
        columns: Indexes of the top-level columns to flatten.
        max_depth: How many levels of structs to flatten; None for all.
        with_presence: Whether to add a presence leaf before the leaves of each nullable struct.

    Returns:
        The levels to select one after the other, and the leaves of the last level.

    Raises:
        ColumnTypeError: There are more levels than Spark can plan in seconds.
    """
    leaves = [Leaf((field.name,), field) for field in schema.fields]
    expanded = [index in columns and is_non_empty_struct(field) for index, field in enumerate(schema.fields)]
    levels: list[Level] = []
    depth = 0
    while any(expanded) and (max_depth is None or depth < max_depth):
        depth += 1
        if depth > MAX_DEPTH:
            roots = {leaf.path[0] for leaf, expand in zip(leaves, expanded, strict=True) if expand}
            check_column_depth(field for field in schema.fields if field.name in roots)
        if depth % _LEVELS_PER_GUARD == 0:
            guards = [_guarded(index) if expand else f"`{index}`" for index, expand in enumerate(expanded)]
            levels.append(Level(len(leaves), guards))
        sql, following = [], []
        for index, (leaf, expand) in enumerate(zip(leaves, expanded, strict=True)):
            if expand and with_presence and leaf.field.nullable:
                sql.append(f"`{index}` IS NOT NULL")
                following.append((Leaf(leaf.path, _PRESENT, is_presence=True), False))
            sql.append(f"`{index}`.*" if expand else f"`{index}`")
            children = _children(leaf) if expand else []
            following += [(child, is_non_empty_struct(child.field)) for child in children] or [(leaf, False)]
        levels.append(Level(len(leaves), sql))
        leaves, expanded = [leaf for leaf, _ in following], [expand for _, expand in following]
    return Flattening(levels, leaves)


def _children(leaf: Leaf) -> list[Leaf]:
    struct = leaf.field.dataType
    assert isinstance(struct, StructType)  # noqa: S101 - narrows the type, checked by is_non_empty_struct
    return [Leaf((*leaf.path, field.name), field) for field in struct.fields]


def _with_null_structs(level: Level) -> list[str]:
    # Of structs alone: a column that is computed loses its metadata.
    expressions = set(level.sql)
    structs = {index for index in range(level.columns) if f"`{index}`.*" in expressions}
    return [
        f"if(`{index}` IS NULL, NULL, `{index}`) AS `{index}`" if index in structs else f"`{index}`"
        for index in range(level.columns)
    ]


def _guarded(index: int) -> str:
    # Equal to the column; subexpression elimination does not look inside a conditional.
    return f"if(isnull(`{index}`), null, `{index}`) AS `{index}`"
