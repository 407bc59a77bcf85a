"""Names of columns and nested fields in one style."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

from shopsmart_etl._core.checks import check_column, check_flag
from shopsmart_etl._core.column_tags import rename_tagged
from shopsmart_etl._core.depth import check_column_depth
from shopsmart_etl._core.frame import Frame, Plan, keep_metadata
from shopsmart_etl._core.sql import path_text, quote
from shopsmart_etl._core.step import Planner, step

_HINT = "Rename one of them first, or name the columns to rename"
# Spark nests one expression per changed field. It fails with a StackOverflowError at 200.
_MAX_CHANGED: Final = 50
_NESTED_HINT = "Rename one of them first, or keep the names of all nested fields with nested=False"


@step
def snake_case_columns(*columns: str, nested: bool = True) -> Planner:
    """Rename columns to snake_case: ``InvoiceNo`` to ``invoice_no``, ``Unit Price`` to ``unit_price``.

    Words begin at a capital letter after a small letter or a digit, and at the last capital of several before a small
    letter (``HTTPStatus`` becomes ``http_status``). Spaces and other signs become one underscore. Underscores at the
    beginning stay, as in ``_corrupt_record``. A name without any letter or digit stays as it is. Fields of structs are
    renamed too, also inside arrays and maps. The keys of maps are values, which do not change. Rows, types, the order
    of columns and fields, null structs, nullability and metadata are unchanged.

    Args:
        *columns: The columns to rename, with the fields inside them; names are taken literally. With none, every
            column.
        nested: Whether to rename the fields inside structs, arrays and maps. Of a renamed struct, Spark still reads
            only the fields that later steps use, if it has at most 50 fields, none with metadata, and none NOT NULL
            in a nullable struct. Other structs, arrays and maps are read whole. To avoid that, flatten structs and
            explode arrays before this step.

    Returns:
        A Transform whose result has the same columns under their new names.

    Raises:
        InvalidArgumentError: A column is not named by a string, or ``nested`` is not True or False.
        ColumnNotFoundError: A named column is not there.
        ColumnTypeError: A column with nested fields to rename is nested too deep for Spark.
        ColumnClashError: Two columns, or two fields of one struct, would have one name.

    Example:
        >>> logs = spark.createDataFrame(
        ...     [(1, ("Ada", "EIRE"), ["new"]), (None, None, [])],
        ...     "InvoiceNo int, `Ship To` struct<FullName: string, Country: string>, tags array<string>")
        >>> logs.transform(snake_case_columns()).select("invoice_no", "ship_to.full_name", "tags").show()
        +----------+---------+-----+
        |invoice_no|full_name| tags|
        +----------+---------+-----+
        |         1|      Ada|[new]|
        |      NULL|     NULL|   []|
        +----------+---------+-----+
        <BLANKLINE>
    """
    for column in columns:
        check_column("columns", column)
    check_flag("nested", nested)

    def plan(frame: Frame) -> Plan:
        selected = {frame.index(column) for column in columns} if columns else set(range(len(frame.names)))
        names = [snake_case(name) if index in selected else name for index, name in enumerate(frame.names)]
        sources = tuple(path_text([name]) for name in frame.names)
        if names != frame.names:
            frame.check_clashes(zip(names, sources, strict=True), hint=_HINT)
        fields = [rename_tagged(field, name) for field, name in zip(frame.schema.fields, names, strict=True)]
        changed: dict[int, tuple[StructField, StructField]] = {}
        for index in sorted(selected) if nested else ():
            old = frame.schema.fields[index]
            data_type = _rename_type(frame, old.dataType, [old.name])
            if data_type != old.dataType:
                check_column_depth([old])
                fields[index] = StructField(names[index], data_type, old.nullable, fields[index].metadata)
                changed[index] = (old, fields[index])
        if names == frame.names and not changed:
            return frame.unchanged()
        fields_before = zip(fields, frame.schema.fields, strict=True)
        retagged = {str(index): new for index, (new, old) in enumerate(fields_before) if new.metadata != old.metadata}

        def apply(df: DataFrame) -> DataFrame:
            if changed or retagged:
                df = keep_metadata(_rename_nested(frame.name_by_position(df), changed), retagged)
            return df.toDF(*names)

        return Plan(StructType(fields), apply, sources)

    return plan


def _rename_type(frame: Frame, data_type: DataType, path: list[str]) -> DataType:
    """Return a type with the names of its fields in snake_case.

    Raises:
        ColumnClashError: Two fields of a struct would have one name.
    """
    if isinstance(data_type, ArrayType):
        return ArrayType(_rename_type(frame, data_type.elementType, path), data_type.containsNull)
    if isinstance(data_type, MapType):
        key = _rename_type(frame, data_type.keyType, [*path, "key"])
        value = _rename_type(frame, data_type.valueType, [*path, "value"])
        return MapType(key, value, data_type.valueContainsNull)
    if not isinstance(data_type, StructType):
        return data_type
    names = [snake_case(name) for name in data_type.names]
    if names != data_type.names:
        frame.check_clashes(
            [(name, path_text([*path, old])) for name, old in zip(names, data_type.names, strict=True)],
            hint=_NESTED_HINT,
        )
    inner_types = (_rename_type(frame, old.dataType, [*path, old.name]) for old in data_type.fields)
    return StructType(
        [
            rename_tagged(StructField(old.name, inner_type, old.nullable, old.metadata), name)
            for name, old, inner_type in zip(names, data_type.fields, inner_types, strict=True)
        ]
    )


def _rename_nested(df: DataFrame, changed: Mapping[int, tuple[StructField, StructField]]) -> DataFrame:
    """Rename the fields inside columns, each named by its position."""
    if not changed:
        return df
    values = {str(index): _renamed(F.col(str(index)), old, new) for index, (old, new) in changed.items()}
    return keep_metadata(df.withColumns(values), {str(index): new for index, (_, new) in changed.items()})


def _renamed(value: Column, old: StructField, new: StructField) -> Column:
    """Return the value in a type that differs from its own only in names.

    A cast keeps everything, but makes Spark read all fields of the struct. Spark's optimizer removes changes of fields
    that no later step uses, but they keep nullability and metadata of few structs.
    """
    if old.dataType == new.dataType:
        return value
    if not isinstance(old.dataType, StructType) or not isinstance(new.dataType, StructType) or not _can_change(old):
        return value.cast(new.dataType)
    # A struct cannot lose its last field, so it has another one meanwhile, with a name longer than all names.
    other_field = "_" * (1 + max(map(len, [*old.dataType.names, *new.dataType.names])))
    struct = value.withField(other_field, F.lit(None)).dropFields(*map(quote, old.dataType.names))
    for before, after in zip(old.dataType.fields, new.dataType.fields, strict=True):
        struct = struct.withField(quote(after.name), _renamed(value.getField(before.name), before, after))
    return struct.dropFields(other_field)


def _can_change(field: StructField) -> bool:
    """Return whether a struct whose fields are all replaced keeps their nullability and metadata.

    Spark takes the fields of a nullable struct for nullable, drops the metadata of a replaced field, and finds no field
    whose name another one has.
    """
    fields = field.dataType.fields if isinstance(field.dataType, StructType) else []
    keeps_nullability = not field.nullable or all(inner.nullable for inner in fields)
    has_metadata = any(inner.metadata for inner in fields)
    has_unique_names = len({inner.name.lower() for inner in fields}) == len(fields)
    return keeps_nullability and not has_metadata and has_unique_names and _count_fields(field.dataType) <= _MAX_CHANGED


def _count_fields(data_type: DataType) -> int:
    """Return how many fields are in structs, but not inside arrays and maps."""
    fields = data_type.fields if isinstance(data_type, StructType) else []
    return len(fields) + sum(_count_fields(field.dataType) for field in fields)


def snake_case(name: str) -> str:
    """Write a name in snake_case.

    >>> [snake_case(name) for name in ("CustomerID", "HTTPStatus", "unit-price ($)", "_corrupt_record", "Größe", "$")]
    ['customer_id', 'http_status', 'unit_price', '_corrupt_record', 'größe', '$']
    """
    first = re.match("_*", name)
    leading = first[0] if first else ""
    words: list[str] = []
    for part in re.findall(r"[^\W_]+", name):
        bounds = [0, *(index for index in range(1, len(part)) if _begins_word(part, index)), len(part)]
        words += [part[start:end].lower() for start, end in pairwise(bounds)]
    return leading + "_".join(words) if words else name


def _begins_word(text: str, index: int) -> bool:
    before, letter, after = text[index - 1], text[index], text[index + 1 : index + 2]
    return letter.isupper() and (not before.isupper() or after.islower())
