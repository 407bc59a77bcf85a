"""Arrays into rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, MapType, StructType

from shopsmart_etl._core.columns import find_column, refuse_clashes
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import positions, quote, type_text
from shopsmart_etl._core.step import step
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError, SiblingArraysError
from shopsmart_etl.typing import Siblings, Transform

_SIBLINGS = ("refuse", "zip", "cross")


@step
def explode_arrays(
    *columns: str, keep_empty: bool = True, position: str | None = None, siblings: Siblings = "refuse"
) -> Transform:
    """Give each array element a row of its own, under the array's own name.

    Every other column is repeated on each row. An element that is a struct stays one (``flatten_struct`` opens
    it), and an element that is an array stays an array. A row whose array is empty or null stays, once, with a
    null element; ``position`` tells it from an element that is null.

    Args:
        *columns: Array columns at the top level; names are taken literally. With none, every array column.
        keep_empty: False drops the rows whose array is empty or null.
        position: A suffix; ``"_pos"`` adds the element's index, an int from 0, as ``<column>_pos`` before each
            exploded column. It is null where the array was empty or null.
        siblings: How several arrays relate. ``"refuse"`` takes one array only; ``"zip"`` pairs elements by index
            and pads the shorter array with nulls; ``"cross"`` makes every combination and so multiplies rows.

    Returns:
        A Transform whose result has the same columns in the same order, each array replaced by its element type
        (nullable where ``keep_empty`` or ``"zip"`` may leave no element).

    Raises:
        InvalidArgumentError: ``siblings`` is none of the three, or ``position`` is empty.
        ColumnNotFoundError: A named column is not there.
        ColumnTypeError: A named column is not an array.
        SiblingArraysError: There are several arrays and ``siblings`` is ``"refuse"``.
        ColumnClashError: A position column's name is taken.

    Example:
        >>> orders = spark.createDataFrame(
        ...     [(1, ["pen", None]), (2, []), (3, None)], "id int, items array<string>")
        >>> orders.transform(explode_arrays("items", position="_pos")).show()
        +---+---------+-----+
        | id|items_pos|items|
        +---+---------+-----+
        |  1|        0|  pen|
        |  1|        1| NULL|
        |  2|     NULL| NULL|
        |  3|     NULL| NULL|
        +---+---------+-----+
        <BLANKLINE>
    """
    if siblings not in _SIBLINGS:
        raise InvalidArgumentError("siblings", wanted="'refuse', 'zip' or 'cross'", found=siblings)
    if position == "":
        raise InvalidArgumentError("position", wanted="a suffix such as '_pos', or None", found=position)

    def explode(df: DataFrame) -> DataFrame:
        schema = df.schema
        arrays = _chosen(df, schema, columns)
        if not arrays:
            return df
        names = [field.name for field in schema.fields]
        if len(arrays) > 1 and siblings == "refuse":
            raise SiblingArraysError([names[at] for at in arrays])
        out = _named(names, arrays, position)
        if position is not None:
            refuse_clashes(out, ignores_case=partial(ignores_case, df), way_out="Give another position suffix")
        rows = df.toDF(*positions(len(names)))
        # Plain explode where no position is asked for: posexplode makes Parquet read every nested field (Spark 4.3).
        generator = f"{'posexplode' if position else 'explode'}{'_outer' if keep_empty else ''}"
        if len(arrays) > 1 and siblings == "zip":
            rows = _zip(rows, arrays, generator)
        else:
            for at in arrays:
                rows = rows.selectExpr("*", f"{generator}(`{at}`) AS {_columns(generator, at)}")
        return rows.selectExpr(*_in_order(len(names), arrays, position)).toDF(*(name for name, _ in out))

    return explode


def _chosen(df: DataFrame, schema: StructType, columns: Sequence[str]) -> list[int]:
    if not columns:
        return [at for at, field in enumerate(schema.fields) if isinstance(field.dataType, ArrayType)]
    found = sorted({find_column(schema, column, ignores_case=partial(ignores_case, df)) for column in columns})
    for at in found:
        field = schema.fields[at]
        if not isinstance(field.dataType, ArrayType):
            way_out = "A map's entries are an array: map_entries(...)" if isinstance(field.dataType, MapType) else ""
            raise ColumnTypeError(field.name, wanted="an array", found=type_text(field.dataType), way_out=way_out)
    return found


def _named(names: Sequence[str], arrays: Sequence[int], position: str | None) -> list[tuple[str, str]]:
    """List the result's columns in order: each one's name and, in words, where it comes from."""
    out: list[tuple[str, str]] = []
    for at, name in enumerate(names):
        if position is not None and at in arrays:
            out.append((name + position, f"the position of {quote(name)}"))
        out.append((name, f"column {quote(name)}"))
    return out


def _columns(generator: str, at: int | str) -> str:
    return f"(`p{at}`, `e{at}`)" if generator.startswith("pos") else f"`e{at}`"


def _zip(df: DataFrame, arrays: Sequence[int], generator: str) -> DataFrame:
    # arrays_zip is null as soon as one array is: without an empty array in its place the others' elements are lost.
    zipped = ", ".join(f"coalesce(`{at}`, array())" for at in arrays)
    rows = df.selectExpr("*", f"{generator}(arrays_zip({zipped})) AS {_columns(generator, 'z')}")
    elements = [f"`ez`.`{nth}` AS `e{at}`" for nth, at in enumerate(arrays)]
    indexes = [f"`pz` AS `p{at}`" for at in arrays] if generator.startswith("pos") else []
    return rows.selectExpr("*", *indexes, *elements)


def _in_order(count: int, arrays: Sequence[int], position: str | None) -> list[str]:
    """List the SQL names that put the generated columns where each array stood."""
    order: list[str] = []
    for at in range(count):
        if at in arrays:
            order += [f"`p{at}`", f"`e{at}`"] if position is not None else [f"`e{at}`"]
        else:
            order.append(f"`{at}`")
    return order
