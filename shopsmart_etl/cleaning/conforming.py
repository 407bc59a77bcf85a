"""Columns conformed to a schema."""

from __future__ import annotations

from typing import Literal

from pyspark.sql.types import ArrayType, StringType, StructField, StructType
from typing_extensions import Unpack

from shopsmart_etl._core.checks import check_choice, check_schema
from shopsmart_etl._core.depth import check_schema_depth
from shopsmart_etl._core.frame import Frame, Output, Plan
from shopsmart_etl._core.sql import call, cast, if_, lambda_, literal, path_text
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.cleaning._conform_planner import ConformPlanner
from shopsmart_etl.cleaning._conformed import ConformedFields
from shopsmart_etl.cleaning.conform_options import ConformOptions, ConformSettings
from shopsmart_etl.errors import SchemaDriftError


@step
def conform(
    schema: StructType | str,
    *,
    on_missing: Literal["error", "null"] = "error",
    on_extra: Literal["error", "drop", "keep", "rescue"] = "error",
    on_mismatch: Literal["error", "null"] = "error",
    **options: Unpack[ConformOptions],
) -> Planner:
    """Conform columns and nested fields to a schema, by lossless casts.

    Columns and fields are matched by name, in any order. A cast is lossless if it can be undone. These always are:
    ``int`` to ``bigint``, numbers, booleans and dates to text, and void to every type. These are for some values:
    ``bigint`` to ``int``, ``double`` to ``decimal``, ``1000.0`` to ``bigint``, text to a number, boolean, date or
    timestamp, and, where ``timestamp_formats`` has a unit, numbers to timestamps. Other values
    (``"1.005"`` for two decimals, ``3000000000`` for an ``int``) are mismatches, and so is every value of a type
    without such a cast. Nulls and empty arrays stay.

    Args:
        schema: The target columns: a StructType, or DDL text. Its nullability is ignored; use ``rules.not_null``.
        on_missing: What to do about a column or field that is missing: ``"error"``, or ``"null"``, which adds nulls.
        on_extra: What to do about one that is not in the schema: ``"error"``; ``"drop"``; ``"keep"``, after the others;
            ``"rescue"``, which moves it whole into a JSON column. Fields are kept, dropped or rescued inside structs,
            arrays and maps too; kept ones come after the others of their struct.
        on_mismatch: What to do about mismatches. ``"error"`` raises an error where the types have no lossless cast, and
            fails the job at other mismatches. ``"null"`` replaces the value by null and adds its path to
            ``mismatched_column``; with ``on_extra="rescue"`` the value is kept in the JSON.
        **options: The formats of values, the changes of shape to accept, and the names of added columns; see
            ``ConformOptions``.

    Returns:
        A Transform whose result has the schema's columns in its order, then extra columns that are kept, then
        ``mismatched_column`` and ``rescued_column``.

    Raises:
        InvalidArgumentError: An argument is not one of the choices, or ``schema`` is neither a StructType nor DDL, or
            has more than 50 types inside one another.
        SchemaDriftError: There are differences that are errors; it lists all of them.
        ColumnClashError: The session takes two names for one, or the name of a new column is taken.
        UnsupportedError: ``on_extra`` is ``"rescue"``, there is something to rescue, and the session is on Sail.
        RowRefusedError: With ``on_mismatch="error"``, within ``translate_errors()``: the job met a mismatch.

    Example:
        >>> from pyspark.sql.types import ArrayType, DecimalType, LongType, StringType, StructType
        >>> second = spark.createDataFrame(
        ...     [(1, "9.90", ["new"], True), (2, "free", [], None), (None, None, None, None)],
        ...     "id int, price string, tags array<string>, gift boolean")
        >>> first = StructType().add("id", LongType()).add("price", DecimalType(8, 2))
        >>> first = first.add("tags", ArrayType(StringType()))
        >>> second.transform(conform(first, on_extra="rescue", on_mismatch="null")).show(truncate=False)
        +----+-----+-----+-----------+----------------+
        |id  |price|tags |_mismatched|_rescued        |
        +----+-----+-----+-----------+----------------+
        |1   |9.90 |[new]|[]         |{"gift":true}   |
        |2   |NULL |[]   |[price]    |{"price":"free"}|
        |NULL|NULL |NULL |[]         |NULL            |
        +----+-----+-----+-----------+----------------+
        <BLANKLINE>
    """
    if not isinstance(schema, StructType):  # one without fields is allowed, and drops or rescues every column
        check_schema("schema", schema)
    check_choice("on_missing", on_missing, ("error", "null"))
    check_choice("on_extra", on_extra, ("error", "drop", "keep", "rescue"))
    check_choice("on_mismatch", on_mismatch, ("error", "null"))
    settings = ConformSettings.of(options)

    def plan(frame: Frame) -> Plan:
        planner = ConformPlanner(frame, on_missing, on_extra, on_mismatch, settings.formats, settings.shapes)
        target = frame.as_schema("schema", schema)
        check_schema_depth("schema", target)
        conformed = planner.conform_fields(frame.schema, target, lambda index: f"`{index}`")
        if planner.differences:
            raise SchemaDriftError(planner.differences)
        outputs = _columns(frame, conformed)
        if on_mismatch == "null":
            outputs.append(_mismatched(settings.mismatched_column, conformed))
        if on_extra == "rescue":
            outputs.append(_rescued(settings.rescued_column, conformed, frame))
        # Here and not by select, which does not compare columns that keep their name.
        frame.check_clashes(
            ((output.field.name, f"column {number}") for number, output in enumerate(outputs, start=1)),
            hint="Give another mismatched_column= or rescued_column=, or rename the column first",
        )
        return frame.select(outputs)

    return plan


def _columns(frame: Frame, conformed: ConformedFields) -> list[Output]:
    names = frame.names
    return [
        Output(field, sql, "" if index is None else path_text([names[index]]))
        for field, sql, index in zip(conformed.fields, conformed.values, conformed.indexes, strict=True)
    ]


def _mismatched(name: str, conformed: ConformedFields) -> Output:
    """Write the column with the paths of the values that do not match."""
    paths = (if_(condition, literal(path)) for path, condition in conformed.mismatches)
    array = cast(call("array", *paths), ArrayType(StringType()))
    field = StructField(name, ArrayType(StringType()), nullable=False)
    return Output(field, call("filter", array, lambda_("x", "x IS NOT NULL")))


def _rescued(name: str, conformed: ConformedFields, frame: Frame) -> Output:
    """Write the column with what has no place in the schema."""
    field = StructField(name, StringType())
    if not conformed.rescue_conditions:
        return Output(field, cast("NULL", StringType()))
    frame.refuse_on_sail(
        "conform(on_extra='rescue')",
        why="writes other JSON than Spark, null structs as structs of '' and 0",
        hint="Use on_extra='keep' or 'drop'",
    )
    return Output(field, call("to_json", conformed.rescued()))
