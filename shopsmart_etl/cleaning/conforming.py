"""Columns that drift, brought back to the schema that is meant."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from shopsmart_etl._core.casts import Formats
from shopsmart_etl._core.columns import refuse_clashes
from shopsmart_etl._core.engine import refuse_on_sail
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import literal, positions
from shopsmart_etl._core.step import step
from shopsmart_etl.cleaning._conform_planner import Fitting
from shopsmart_etl.errors import InvalidArgumentError, SchemaDriftError
from shopsmart_etl.typing import Transform

_ISO_DATES = ("yyyy-MM-dd",)
_ISO_TIMESTAMPS = ("yyyy-MM-dd'T'HH:mm:ss[.SSSSSS][XXX]", "yyyy-MM-dd HH:mm:ss[.SSSSSS][XXX]")
_CHOICES = {
    "on_missing": ("refuse", "null"),
    "on_extra": ("refuse", "drop", "keep", "rescue"),
    "on_mismatch": ("refuse", "null"),
}


@step
def conform(
    schema: StructType,
    *,
    on_missing: Literal["refuse", "null"] = "refuse",
    on_extra: Literal["refuse", "drop", "keep", "rescue"] = "refuse",
    on_mismatch: Literal["refuse", "null"] = "refuse",
    date_formats: Sequence[str] = _ISO_DATES,
    timestamp_formats: Sequence[str] = _ISO_TIMESTAMPS,
    mismatched: str = "_mismatched",
    rescued: str = "_rescued",
) -> Transform:
    """Bring columns to a schema, nested fields too, by casts that lose nothing.

    Columns and fields are found by name, in any order. Cast is what could be cast back: ``int`` to ``bigint``, and
    numbers, booleans and dates to text, always; ``bigint`` to ``int``, ``double`` to ``decimal``, and text to a number,
    a boolean, a date or a timestamp where the value is one. Other values (``"1.005"`` for two decimals, ``3000000000``
    for an ``int``) do not match, nor do those of a type without such a cast.

    Args:
        schema: The columns wanted. Nullability is not looked at: ``not_null`` is the rule for that.
        on_missing: What becomes of a column or field that is not there: ``"refuse"``, or ``"null"`` adds it as null.
        on_extra: What becomes of one that the schema does not name: ``"refuse"``; ``"drop"``; ``"keep"`` leaves it
            behind the others; ``"rescue"`` puts it, whole, into a JSON column.
        on_mismatch: What becomes of a value that does not match: ``"refuse"`` fails where the types have no cast, and
            else the job when it comes to the value; ``"null"`` makes it null and names its path. With
            ``on_extra="rescue"`` the value goes into the JSON.
        date_formats: How text is read as a date, the first that fits, in Spark's datetime patterns.
        timestamp_formats: How text is read as a timestamp; without an offset it is in the session's time zone.
        mismatched: Name of the column, with ``on_mismatch="null"``, of the paths of values that do not match:
            an array of strings, never null. ``keep_valid`` and ``quarantine`` take it as ``violations``.
        rescued: Name of the string column, with ``on_extra="rescue"``, of JSON in the shape of the input; null where
            all had its place.

    Returns:
        A Transform whose result has the schema's columns in its order, then extra columns that are kept, then
        ``mismatched`` and ``rescued``.

    Raises:
        SchemaDriftError: What is refused; every difference is listed.
        InvalidArgumentError: An argument is none of the choices, or no StructType.
        UnsupportedError: ``on_extra`` is ``"rescue"``, something is to be rescued, and the session is on Sail.
        ColumnClashError: Two names are the same to the session, or that of a new column is taken.

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
    if not isinstance(schema, StructType):
        raise InvalidArgumentError("schema", wanted="a StructType", found=schema)
    for argument, found in (("on_missing", on_missing), ("on_extra", on_extra), ("on_mismatch", on_mismatch)):
        if found not in _CHOICES[argument]:
            raise InvalidArgumentError(argument, wanted=f"one of {', '.join(_CHOICES[argument])}", found=found)
    formats = Formats(tuple(date_formats), tuple(timestamp_formats))

    def bring(df: DataFrame) -> DataFrame:
        have = df.schema
        fitting = Fitting(on_missing, on_extra, on_mismatch, formats, partial(ignores_case, df))
        fitted = fitting.fit_fields(have, schema, lambda at: f"`{at}`")
        if fitting.refused:
            raise SchemaDriftError(fitting.refused)
        columns = list(fitted.values)
        if on_mismatch == "null":
            broken = (f"if({test}, {literal(path)}, NULL)" for path, test in fitted.lost)
            columns.append(
                (mismatched, f"filter(CAST(array({', '.join(broken)}) AS ARRAY<STRING>), x -> x IS NOT NULL)")
            )
        if on_extra == "rescue":
            if fitted.worth:
                refuse_on_sail(
                    df.sparkSession,
                    "conform(on_extra='rescue')",
                    why="writes other JSON than Spark, null structs as structs of '' and 0",
                    way_out="Take on_extra='keep' or 'drop'",
                )
            columns.append((rescued, f"to_json({fitted.rescued()})" if fitted.worth else "CAST(NULL AS STRING)"))
        refuse_clashes(
            ((name, f"column {number}") for number, (name, _) in enumerate(columns, start=1)),
            ignores_case=fitting.ignores_case,
            way_out="Give another mismatched= or rescued=, or rename the column first",
        )
        # With aliases, since Spark Connect marks the columns that it had to name itself in their metadata.
        placed = df.toDF(*positions(len(have.fields)))
        made = placed.selectExpr(*(f"{sql} AS `{at}`" for at, (_, sql) in enumerate(columns)))
        return made.toDF(*(name for name, _ in columns))

    return bring
