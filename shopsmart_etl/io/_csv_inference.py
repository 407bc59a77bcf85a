"""Infer the types of CSV columns from the text of their fields."""

from __future__ import annotations

from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql.types import DateType, StructField, StructType, TimestampType

from shopsmart_etl._core.sql import positions
from shopsmart_etl._core.text_casts import Formats, parse_text
from shopsmart_etl.io._possible_types import Fits, bits, case, common_type, matches, number_fits

_FORMATS: Final = Formats()
# A number would lose the sign of zero.
_NEGATIVE_ZERO = "^-0([.]0*)?" + r"\z"
# Not every engine has the year 0.
_DATE = "^(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIMESTAMP = _DATE + "[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6}0*)?)?"


def infer_csv(texts: DataFrame) -> StructType:
    """Infer the types of columns of text. Runs one job.

    Args:
        texts: The columns as strings.
    """
    names = texts.columns
    if not names:
        return StructType()
    # Each column as rows: the size of the plan does not depend on the number of columns.
    fields = ", ".join(f"`{position}`" for position in positions(len(names)))
    cells = texts.toDF(*positions(len(names))).selectExpr(f"posexplode(array({fields})) AS (position, text)")
    found = cells.selectExpr("position", f"{_text_fits('text')} AS fits").groupBy("position").agg({"fits": "bit_and"})
    fits = {position: None if bitmap is None else Fits(bitmap) for position, bitmap in found.collect()}
    return StructType([StructField(name, common_type(fits.get(position))) for position, name in enumerate(names)])


def _text_fits(sql: str) -> str:
    """Write the bits of the types that text becomes, and from which it can be written again; null for empty text."""

    def is_valid(pattern: str, data_type: DateType | TimestampType) -> str:
        return f"{matches(sql, pattern)} AND {parse_text(sql, data_type, _FORMATS)} IS NOT NULL"

    number = number_fits(sql, as_double=False)
    date = case(
        (is_valid(_DATE + r"\z", DateType()), bits(Fits.DATE)),
        (is_valid(_TIMESTAMP + r"\z", TimestampType()), bits(Fits.TIMESTAMP)),
        (is_valid(_TIMESTAMP + r"Z\z", TimestampType()), bits(Fits.UTC_TIMESTAMP)),
        otherwise="0",
    )
    return case(
        (f"{sql} IS NULL OR {sql} = ''", "NULL"),
        (matches(sql, _NEGATIVE_ZERO), "0"),
        (f"{sql} IN ('true', 'false')", bits(Fits.BOOLEAN)),
        (matches(sql, "^[0-9]{4}-"), date),
        otherwise=f"coalesce({number}, 0)",
    )
