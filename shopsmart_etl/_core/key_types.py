"""Check the types of keys of joins. Needs no Spark session."""

from __future__ import annotations

from pyspark.sql.types import ArrayType, IntegralType, MapType, StructField, StructType

from shopsmart_etl._core.sql import quote, type_text
from shopsmart_etl.errors import ColumnTypeError


def check_key_type(name: str, field: StructField, table_field: StructField) -> None:
    """Check that a key's types are equal: Spark would cast text and numbers to one another, and find other rows.

    Args:
        name: The name of the column, or the path of the field.
        field: The key of the rows.
        table_field: The key of the table.

    Raises:
        ColumnTypeError: The types differ, or are not scalar. Integers may have different sizes.
    """
    data_type, table_type = field.dataType, table_field.dataType
    if isinstance(data_type, (ArrayType, MapType, StructType)) or data_type.typeName() == "variant":
        hint = "Name the fields of a struct"
        raise ColumnTypeError(name, expected="a key of a scalar type", got=type_text(data_type), hint=hint)
    if data_type != table_type and not (isinstance(data_type, IntegralType) and isinstance(table_type, IntegralType)):
        expected = f"{type_text(table_type)}, as {quote(table_field.name)} of the table"
        raise ColumnTypeError(name, expected=expected, got=type_text(data_type), hint="Cast one of them first")
