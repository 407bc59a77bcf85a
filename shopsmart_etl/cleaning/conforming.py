"""Columns conformed to a schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from shopsmart_etl._core._sail import refuse_on_sail
from shopsmart_etl._core.checks import check_choice, check_column, check_schema
from shopsmart_etl._core.depth import check_schema_depth
from shopsmart_etl._core.frame import Frame, Output, Plan
from shopsmart_etl._core.sql import call, cast, if_, lambda_, literal, path_text
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl._core.text_casts import EPOCH_UNITS, ISO_8601, Formats, check_formats
from shopsmart_etl.cleaning._conform_planner import ConformedFields, ConformPlanner
from shopsmart_etl.errors import SchemaDriftError

_ISO = (ISO_8601,)


@step
def conform(
    schema: StructType | str,
    *,
    on_missing: Literal["error", "null"] = "error",
    on_extra: Literal["error", "drop", "keep", "rescue"] = "error",
    on_mismatch: Literal["error", "null"] = "error",
    date_formats: Sequence[str] = _ISO,
    timestamp_formats: Sequence[str] = _ISO,
    mismatched_column: str = "_mismatched",
    rescued_column: str = "_rescued",
) -> Planner:
    """Conform columns and nested fields to a schema, by lossless casts.

    Columns and fields are matched by name, in any order. A cast is lossless if it can be undone. These always are:
    ``int`` to ``bigint``, numbers, booleans and dates to text, and void to every type. These are for some values:
    ``bigint`` to ``int``, ``double`` to ``decimal``, and text to a number, boolean, date or timestamp. Other values
    (``"1.005"`` for two decimals, ``3000000000`` for an ``int``) are mismatches, and so is every value of a type
    without such a cast. Nulls and empty arrays stay.

    Args:
        schema: The target columns: a StructType, or DDL text. Its nullability is ignored; use ``rules.not_null``.
        on_missing: What to do about a column or field that is missing: ``"error"``, or ``"null"``, which adds nulls.
        on_extra: What to do about one that is not in the schema: ``"error"``; ``"drop"``; ``"keep"``, after the others;
            ``"rescue"``, which moves it whole into a JSON column.
        on_mismatch: What to do about mismatches. ``"error"`` raises an error where the types have no lossless cast, and
            fails the job at other mismatches. ``"null"`` replaces the value by null and adds its path to
            ``mismatched_column``; with ``on_extra="rescue"`` the value is kept in the JSON.
        date_formats: The formats of dates in text: ``"iso8601"`` (``2026-01-31``) or Spark's datetime patterns; the
            first that matches is used. Text with a time of day is no date, nor is text with another offset than that of
            the session's time zone, in which its day may be another one.
        timestamp_formats: The formats of timestamps: ``"iso8601"`` (``2026-01-31T10:00``, with ``T`` or a space,
            seconds, at most six decimals and an offset where they are needed), Spark's datetime patterns, or
            ``"epoch_seconds"``, ``"epoch_millis"``, ``"epoch_micros"``, ``"epoch_nanos"``. Text without an offset is in
            the session's time zone; a time that a change to summer time leaves out is a mismatch, and of one that
            occurs twice, the earlier is used.
        mismatched_column: With ``on_mismatch="null"``, the name of the column with the paths of mismatches, an array
            of strings that is never null. ``keep_valid`` and ``quarantine`` can read it.
        rescued_column: With ``on_extra="rescue"``, the name of the column with the rescued values, as JSON text of the
            input's structure; null where nothing is rescued.

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
    formats = Formats(
        check_formats("date_formats", date_formats),
        check_formats("timestamp_formats", timestamp_formats, names=list(EPOCH_UNITS)),
    )
    check_column("mismatched_column", mismatched_column)
    check_column("rescued_column", rescued_column)

    def plan(frame: Frame) -> Plan:
        planner = ConformPlanner(frame, on_missing, on_extra, on_mismatch, formats)
        target = frame.as_schema("schema", schema)
        check_schema_depth("schema", target)
        conformed = planner.conform_fields(frame.schema, target, lambda index: f"`{index}`")
        if planner.differences:
            raise SchemaDriftError(planner.differences)
        outputs = _columns(frame, conformed)
        if on_mismatch == "null":
            outputs.append(_mismatched(mismatched_column, conformed))
        if on_extra == "rescue":
            outputs.append(_rescued(rescued_column, conformed, frame))
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
    if frame.is_sail:
        refuse_on_sail(
            frame.session,
            "conform(on_extra='rescue')",
            why="writes other JSON than Spark, null structs as structs of '' and 0",
            hint="Use on_extra='keep' or 'drop'",
        )
    return Output(field, call("to_json", conformed.rescued()))
