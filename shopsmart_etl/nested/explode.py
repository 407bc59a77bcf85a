"""Explode arrays into rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import get_args

from pyspark.sql import DataFrame
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    ByteType,
    DataType,
    DateType,
    IntegerType,
    MapType,
    ShortType,
    StructField,
    StructType,
)

from shopsmart_etl._core.checks import check_choice, check_column, check_flag, check_optional_text
from shopsmart_etl._core.column_tags import Link, new_presence_value, tag_source, tag_target
from shopsmart_etl._core.frame import Frame, Output, Plan
from shopsmart_etl._core.sql import VARIABLE, path_text, quote
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.errors import SiblingArraysError
from shopsmart_etl.typing import Siblings

# Types of the fields that are cheap to read, the cheapest first.
_CHEAP: tuple[type[DataType], ...] = (BooleanType, ByteType, ShortType, IntegerType, DateType)


@step
def explode_arrays(
    *columns: str,
    keep_empty: bool = True,
    position_suffix: str | None = None,
    present_suffix: str | None = "_present",
    siblings: Siblings = "error",
) -> Planner:
    """Explode array columns into one row per element, and keep rows whose array is empty or null.

    The element replaces the array under the same name; all other columns are repeated on each row. Null elements and
    duplicates are kept. A row whose array is empty or null becomes one row with a null element, and is no element: its
    ``<column>_present`` is false. Elements that are structs or arrays are not flattened or exploded further.

    The metadata of the element, and of the leaves that ``flatten_struct`` makes of it, links to the ``_present``
    column. ``impute_financials``, ready-made rules, ``Audit.missing`` and ``top_products`` follow the link, and do not
    take a row without an element for an item with missing values. Parquet and Delta tables keep the link; Iceberg
    tables and computed columns do not, so impute before, or give ``impute_financials`` the ``present_column``.

    Args:
        *columns: Names of top-level array columns, taken literally. Default: all array columns.
        keep_empty: Whether to keep rows whose array is empty or null.
        position_suffix: Suffix of a column that is added before each exploded column, with the element's index as an
            int from 0; null if the array is empty or null. With ``"_pos"`` its name is ``<column>_pos``.
        present_suffix: Suffix of a boolean column that is added directly before each exploded column: true where the
            row has an element, even a null one. It is added if there may be rows without one: with ``keep_empty``, or
            with ``"zip"`` and several arrays. None adds no column, and no link.
        siblings: How to explode several arrays. ``"error"`` allows one array only; ``"zip"`` pairs elements by index
            and pads shorter arrays with nulls; ``"cross"`` returns every combination, which multiplies rows.

    Returns:
        A Transform whose result has the same columns in the same order, with each array replaced by its element type
        (nullable with ``keep_empty``, or with ``"zip"`` and several arrays), and with the position columns and the
        presence columns (not null).

    Raises:
        InvalidArgumentError: An argument has a wrong type or value.
        ColumnNotFoundError: A column in ``columns`` does not exist.
        ColumnTypeError: A column in ``columns`` is not an array.
        SiblingArraysError: There are several arrays, and ``siblings`` is ``"error"``.
        ColumnClashError: The name of a position or presence column is already in use.

    Example:
        >>> orders = spark.createDataFrame(
        ...     [(1, ["pen", None]), (2, []), (3, None)], "id int, items array<string>")
        >>> orders.transform(explode_arrays("items", position_suffix="_pos")).show()
        +---+---------+-------------+-----+
        | id|items_pos|items_present|items|
        +---+---------+-------------+-----+
        |  1|        0|         true|  pen|
        |  1|        1|         true| NULL|
        |  2|     NULL|        false| NULL|
        |  3|     NULL|        false| NULL|
        +---+---------+-------------+-----+
        <BLANKLINE>
    """
    names = [check_column("columns", column) for column in columns]
    check_flag("keep_empty", keep_empty)
    check_optional_text("position_suffix", position_suffix, expected="a suffix such as '_pos', or None")
    check_optional_text("present_suffix", present_suffix, expected="a suffix such as '_present', or None")
    check_choice("siblings", siblings, get_args(Siblings))

    def plan(frame: Frame) -> Plan:
        arrays = _arrays(frame, names)
        if not arrays:
            return frame.unchanged()
        if len(arrays) > 1 and siblings == "error":
            raise SiblingArraysError([frame.names[index] for index in arrays])
        is_zipped = len(arrays) > 1 and siblings == "zip"
        may_lack_element = keep_empty or is_zipped
        marks = present_suffix if may_lack_element else None
        # Use posexplode only for positions: it makes Spark read every nested field from Parquet (4.3).
        has_positions = position_suffix is not None or (is_zipped and marks is not None)
        generator = f"{'posexplode' if has_positions else 'explode'}{'_outer' if keep_empty else ''}"
        outputs: list[Output] = []
        for index, field in enumerate(frame.schema.fields):
            if index not in arrays:
                outputs.append(frame.column(index))
                continue
            if position_suffix is not None:
                outputs.append(_position(field, index, position_suffix, nullable=may_lack_element))
            element = _element(field, index, nullable=may_lack_element)
            if marks is not None:
                value = new_presence_value(frame, field.name)
                condition = _zipped_presence(index) if is_zipped else _presence(field, index, has_positions)
                outputs.append(_mark(field, condition, marks, value))
                element = element._replace(field=tag_source(element.field, Link.PRESENCE, value))
            outputs.append(element)
        explode = partial(_zip if is_zipped else _one_by_one, arrays, generator)
        return frame.select(outputs, after=explode, hint="Give another position_suffix= or present_suffix=")

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


def _mark(field: StructField, condition: str, suffix: str, value: str) -> Output:
    mark = tag_target(StructField(field.name + suffix, BooleanType(), nullable=False), Link.PRESENCE, value)
    return Output(mark, condition, f"whether {quote(field.name)} has an element", is_new=True)


def _presence(field: StructField, index: int, has_positions: bool) -> str:  # noqa: FBT001 - a condition
    """Write whether a row has an element of an array that is exploded alone.

    Not from the element: with a second use of it, Spark (3.5 to 4.3) reads all of its nested fields. The array of one
    field has the same size, and is read with the one field that a query uses.
    """
    if has_positions:
        return f"(`p{index}` IS NOT NULL)"
    name = _cheapest_field(field)
    return f"(coalesce(size(`{index}`{'' if name is None else '.' + quote(name)}), 0) > 0)"


def _zipped_presence(index: int) -> str:
    return f"coalesce(`p{index}` < size(`{index}`), false)"


def _cheapest_field(field: StructField) -> str | None:
    """Return the name of the field of an array of structs that is read fastest; None for another array."""
    array = field.dataType
    assert isinstance(array, ArrayType)  # noqa: S101 - narrows the type, checked by _arrays
    struct = array.elementType
    if not isinstance(struct, StructType):
        return None
    lower = [name.lower() for name in struct.names]
    ranks = {
        field.name: next((rank for rank, types in enumerate(_CHEAP) if isinstance(field.dataType, types)), len(_CHEAP))
        for field in struct.fields
        if lower.count(field.name.lower()) == 1 and VARIABLE not in field.name
    }
    return min(ranks, key=ranks.__getitem__, default=None)


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
