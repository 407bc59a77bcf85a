"""Column names in one style."""

from __future__ import annotations

import re
from itertools import pairwise

from pyspark.sql.types import StructType

from shopsmart_etl._core.checks import check_column
from shopsmart_etl._core.frame import Frame, Plan, replace_name
from shopsmart_etl._core.sql import path_text
from shopsmart_etl._core.step import Planner, step


@step
def snake_case_columns(*columns: str) -> Planner:
    """Rename columns to snake_case: ``InvoiceNo`` to ``invoice_no``, ``Unit Price`` to ``unit_price``.

    Words begin at a capital letter after a small letter or a digit, and at the last capital of several before a small
    letter (``HTTPStatus`` becomes ``http_status``). Spaces and other signs become one underscore. Underscores at the
    beginning stay, as in ``_corrupt_record``. A name without any letter or digit stays as it is. Rows, types, the order
    of the columns, and the fields inside structs are unchanged.

    Args:
        *columns: The columns to rename; names are taken literally. With none, every column.

    Returns:
        A Transform whose result has the same columns under their new names.

    Raises:
        InvalidArgumentError: A column is not named by a string.
        ColumnNotFoundError: A named column is not there.
        ColumnClashError: Two columns would have one name.

    Example:
        >>> logs = spark.createDataFrame(
        ...     [(1, "EIRE", ["new"]), (None, None, [])], "InvoiceNo int, `Ship Country` string, tags array<string>")
        >>> logs.transform(snake_case_columns()).show()
        +----------+------------+-----+
        |invoice_no|ship_country| tags|
        +----------+------------+-----+
        |         1|        EIRE|[new]|
        |      NULL|        NULL|   []|
        +----------+------------+-----+
        <BLANKLINE>
    """
    for column in columns:
        check_column("columns", column)

    def plan(frame: Frame) -> Plan:
        renamed = {frame.index(column) for column in columns} if columns else set(range(len(frame.names)))
        names = [snake_case(name) if index in renamed else name for index, name in enumerate(frame.names)]
        sources = tuple(path_text([name]) for name in frame.names)
        if names == frame.names:
            return frame.unchanged()
        hint = "Rename one of them first, or name the columns to rename"
        frame.check_clashes(zip(names, sources, strict=True), hint=hint)
        fields = [replace_name(field, name) for field, name in zip(frame.schema.fields, names, strict=True)]
        return Plan(StructType(fields), lambda df: df.toDF(*names), sources)

    return plan


def snake_case(name: str) -> str:
    """Write a name in snake_case.

    >>> [snake_case(name) for name in ("CustomerID", "HTTPStatus", "unit-price ($)", "_corrupt_record", "Größe", "$")]
    ['customer_id', 'http_status', 'unit_price', '_corrupt_record', 'größe', '$']
    """
    first = re.match("_*", name)
    leading = first[0] if first else ""
    words: list[str] = []
    for part in re.findall(r"[^\W_]+", name):
        begins = [0, *(at for at in range(1, len(part)) if _begins_word(part, at)), len(part)]
        words += [part[start:end].lower() for start, end in pairwise(begins)]
    return leading + "_".join(words) if words else name


def _begins_word(text: str, at: int) -> bool:
    before, here, after = text[at - 1], text[at], text[at + 1 : at + 2]
    return here.isupper() and (not before.isupper() or after.islower())
