"""Pure walks over a StructType: names, paths, clashes. Nothing here needs a Spark session."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql.types import ArrayType, BooleanType, DataType, MapType, StructField, StructType

from shopsmart_etl.engine import is_sail
from shopsmart_etl.errors import ColumnClashError, ColumnNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from pyspark.sql import DataFrame

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


def quote(name: str) -> str:
    """Quote a name for SQL text.

    >>> print(quote("a`b.c"))
    `a``b.c`
    """
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """Write text as a SQL literal; by its bytes where a sign in it is escaped, since how depends on the session.

    >>> print(literal("a"), literal("it's"))
    'a' CAST(X'69742773' AS STRING)
    """
    return f"CAST(X'{text.encode().hex()}' AS STRING)" if "'" in text or "\\" in text else f"'{text}'"


def positions(count: int) -> list[str]:
    """Name columns by position.

    >>> positions(3)
    ['0', '1', '2']
    """
    return [str(position) for position in range(count)]


def find_column(schema: StructType, name: str, *, ignores_case: Callable[[], bool]) -> int:
    """Find a top-level column as Spark would: by its exact name, else the one that differs only in case.

    Args:
        schema: Where to look.
        name: The name, literally: a dot is part of it.
        ignores_case: Tells whether the session ignores case; asked only where no name fits exactly.

    Returns:
        The column's position.

    Raises:
        ColumnNotFoundError: There is no such column, or more than one.
    """
    names = schema.names
    found = [position for position, other in enumerate(names) if other == name]
    if not found:
        twins = [position for position, other in enumerate(names) if other.lower() == name.lower()]
        found = twins if twins and ignores_case() else []
    if len(found) != 1:
        raise ColumnNotFoundError(name, names)
    return found[0]


def refuse_clashes(named: Iterable[tuple[str, str]], *, ignores_case: Callable[[], bool], way_out: str) -> None:
    """Refuse columns of which two would carry one name.

    Args:
        named: Each column's name and, in words, where it comes from.
        ignores_case: Tells whether the session ignores case; asked only where two names differ in nothing else.
        way_out: What the user can do about it.

    Raises:
        ColumnClashError: Two names are the same to the session.
    """
    exact: dict[str, str] = {}
    folded: dict[str, str] = {}
    for name, origin in named:
        twin = exact.get(name) or (folded.get(name.lower()) if name.lower() in folded and ignores_case() else None)
        if twin is not None:
            raise ColumnClashError(name, (twin, origin), way_out=way_out)
        exact[name] = origin
        folded[name.lower()] = origin


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


def path_text(path: Sequence[str]) -> str:
    """Write a path as Spark SQL takes it, quoting only the names that need it.

    >>> path_text(["customer", "zip.code"])
    'customer.`zip.code`'
    """
    return ".".join(name if name.isidentifier() else quote(name) for name in path)


def type_sql(data_type: DataType) -> str:
    """Write a type as SQL takes it, whatever its fields are named.

    >>> print(type_sql(StructType([StructField("a b", ArrayType(BooleanType()))])))
    STRUCT<`a b`: ARRAY<boolean>>
    """
    if isinstance(data_type, StructType):
        return f"STRUCT<{', '.join(f'{quote(one.name)}: {type_sql(one.dataType)}' for one in data_type.fields)}>"
    if isinstance(data_type, ArrayType):
        return f"ARRAY<{type_sql(data_type.elementType)}>"
    if isinstance(data_type, MapType):
        return f"MAP<{type_sql(data_type.keyType)}, {type_sql(data_type.valueType)}>"
    return data_type.simpleString()


def type_text(data_type: DataType) -> str:
    """Write a type as Spark does, shortened where it would fill the terminal.

    >>> from pyspark.sql.types import ArrayType, LongType
    >>> type_text(ArrayType(LongType()))
    'array<bigint>'
    """
    text = data_type.simpleString()
    longest = 200
    return text if len(text) <= longest else text[:longest] + "..."


def _opened(leaf: Leaf) -> list[Leaf]:
    struct = leaf.field.dataType
    assert isinstance(struct, StructType)  # noqa: S101 - narrows the type; opens said so
    return [Leaf((*leaf.path, field.name), field) for field in struct.fields]


def _guarded(at: int) -> str:
    # Means the column itself; a conditional is where subexpression elimination stops.
    return f"if(isnull(`{at}`), null, `{at}`) AS `{at}`"
