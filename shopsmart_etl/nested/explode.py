"""Explode arrays into rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import get_args

from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, IntegerType, MapType, StructField

from shopsmart_etl._core.checks import check_choice, check_column, check_flag, check_optional_text
from shopsmart_etl._core.frame import Frame, Output, Plan
from shopsmart_etl._core.sql import path_text, quote
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.errors import SiblingArraysError
from shopsmart_etl.typing import Siblings


@step
def explode_arrays(
    *columns: str, keep_empty: bool = True, position_suffix: str | None = None, siblings: Siblings = "error"
) -> Planner:
    """Explode array columns into one row per element, and keep rows whose array is empty or null.

    The element replaces the array under the same name; all other columns are repeated on each row. Null elements and
    duplicates are kept. A row whose array is empty or null becomes one row with a null element; with
    ``position_suffix`` its position is null, which distinguishes it from a null element. Elements that are structs or
    arrays are not flattened or exploded further.

    Args:
        *columns: Names of top-level array columns, taken literally. Default: all array columns.
        keep_empty: Whether to keep rows whose array is empty or null.
        position_suffix: Suffix of a column that is added before each exploded column, with the element's index as an
            int from 0; null if the array is empty or null. With ``"_pos"`` its name is ``<column>_pos``.
        siblings: How to explode several arrays. ``"error"`` allows one array only; ``"zip"`` pairs elements by index
            and pads shorter arrays with nulls; ``"cross"`` returns every combination, which multiplies rows.

    Returns:
        A Transform whose result has the same columns in the same order, with each array replaced by its element type
        (nullable with ``keep_empty``, or with ``"zip"`` and several arrays), and with the position columns.

    Raises:
        InvalidArgumentError: An argument has a wrong type or value.
        ColumnNotFoundError: A column in ``columns`` does not exist.
        ColumnTypeError: A column in ``columns`` is not an array.
        SiblingArraysError: There are several arrays, and ``siblings`` is ``"error"``.
        ColumnClashError: The name of a position column is already in use.

    Example:
        >>> orders = spark.createDataFrame(
        ...     [(1, ["pen", None]), (2, []), (3, None)], "id int, items array<string>")
        >>> orders.transform(explode_arrays("items", position_suffix="_pos")).show()
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
    names = [check_column("columns", column) for column in columns]
    check_flag("keep_empty", keep_empty)
    check_optional_text("position_suffix", position_suffix, expected="a suffix such as '_pos', or None")
    check_choice("siblings", siblings, get_args(Siblings))

    def plan(frame: Frame) -> Plan:
        arrays = _arrays(frame, names)
        if not arrays:
            return frame.unchanged()
        if len(arrays) > 1 and siblings == "error":
            raise SiblingArraysError([frame.names[index] for index in arrays])
        may_lack_element = keep_empty or (len(arrays) > 1 and siblings == "zip")
        # Use posexplode only for positions: it makes Spark read every nested field from Parquet (4.3).
        generator = f"{'posexplode' if position_suffix else 'explode'}{'_outer' if keep_empty else ''}"
        outputs: list[Output] = []
        for index in range(len(frame.schema.fields)):
            if index not in arrays:
                outputs.append(frame.column(index))
                continue
            if position_suffix is not None:
                outputs.append(_position(frame.schema.fields[index], index, position_suffix, nullable=may_lack_element))
            outputs.append(_element(frame.schema.fields[index], index, nullable=may_lack_element))
        explode = partial(_zip if siblings == "zip" and len(arrays) > 1 else _one_by_one, arrays, generator)
        return frame.select(outputs, after=explode, hint="Give another position_suffix")

    return plan


def _arrays(frame: Frame, columns: Sequence[str]) -> list[int]:
    if not columns:
        return [index for index, field in enumerate(frame.schema.fields) if isinstance(field.dataType, ArrayType)]
    return sorted(
        {frame.require(column, ArrayType, expected="an array", hint=_hint(frame, column)) for column in columns}
    )


def _hint(frame: Frame, column: str) -> str:
    return "For a map, use explode_map" if isinstance(frame.field(column).dataType, MapType) else ""


def _element(field: StructField, index: int, *, nullable: bool) -> Output:
    array = field.dataType
    assert isinstance(array, ArrayType)  # noqa: S101 - narrows the type, checked by _arrays
    element = StructField(field.name, array.elementType, nullable or array.containsNull, field.metadata)
    return Output(element, f"`e{index}`", f"{path_text([field.name])}[]")


def _position(field: StructField, index: int, suffix: str, *, nullable: bool) -> Output:
    position = StructField(field.name + suffix, IntegerType(), nullable)
    return Output(position, f"`p{index}`", f"the position of {quote(field.name)}", is_new=True)


def _generated(generator: str, index: int | str) -> str:
    return f"(`p{index}`, `e{index}`)" if generator.startswith("pos") else f"`e{index}`"


def _one_by_one(arrays: Sequence[int], generator: str, df: DataFrame) -> DataFrame:
    for index in arrays:
        df = df.selectExpr("*", f"{generator}(`{index}`) AS {_generated(generator, index)}")
    return df


def _zip(arrays: Sequence[int], generator: str, df: DataFrame) -> DataFrame:
    # arrays_zip returns null if any array is null, which would drop the elements of the other arrays.
    zipped = ", ".join(f"coalesce(`{index}`, array())" for index in arrays)
    rows = df.selectExpr("*", f"{generator}(arrays_zip({zipped})) AS {_generated(generator, 'z')}")
    elements = [f"`ez`.`{number}` AS `e{index}`" for number, index in enumerate(arrays)]
    positions = [f"`pz` AS `p{index}`" for index in arrays] if generator.startswith("pos") else []
    return rows.selectExpr("*", *positions, *elements)
