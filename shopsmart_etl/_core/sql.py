"""Write names, text and types as Spark SQL. Needs no Spark session."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql.types import ArrayType, DataType, MapType, StructType


def quote(name: str) -> str:
    """Quote a name for SQL text.

    >>> print(quote("a`b.c"))
    `a``b.c`
    """
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """Write text as a SQL literal; by its bytes where a sign in it is escaped, since how depends on the session.

    >>> print(literal("a"), literal("it's"))
    'a' CAST(X'69742773' AS STRING)
    """
    return f"CAST(X'{text.encode().hex()}' AS STRING)" if "'" in text or "\\" in text else f"'{text}'"


def positions(count: int) -> list[str]:
    """Name columns by position.

    >>> positions(3)
    ['0', '1', '2']
    """
    return [str(position) for position in range(count)]


def path_text(path: Sequence[str]) -> str:
    """Write a path as Spark SQL takes it, quoting only the names that need it.

    >>> path_text(["customer", "zip.code"])
    'customer.`zip.code`'
    """
    return ".".join(name if name.isidentifier() else quote(name) for name in path)


def type_sql(data_type: DataType) -> str:
    """Write a type as SQL takes it, whatever its fields are named.

    >>> from pyspark.sql.types import ArrayType, BooleanType, StructField, StructType
    >>> print(type_sql(StructType([StructField("a b", ArrayType(BooleanType()))])))
    STRUCT<`a b`: ARRAY<boolean>>
    """
    if isinstance(data_type, StructType):
        return f"STRUCT<{', '.join(f'{quote(one.name)}: {type_sql(one.dataType)}' for one in data_type.fields)}>"
    if isinstance(data_type, ArrayType):
        return f"ARRAY<{type_sql(data_type.elementType)}>"
    if isinstance(data_type, MapType):
        return f"MAP<{type_sql(data_type.keyType)}, {type_sql(data_type.valueType)}>"
    return data_type.simpleString()


def type_text(data_type: DataType) -> str:
    """Write a type as Spark does, shortened where it would fill the terminal.

    >>> from pyspark.sql.types import ArrayType, LongType
    >>> type_text(ArrayType(LongType()))
    'array<bigint>'
    """
    text = data_type.simpleString()
    longest = 200
    return text if len(text) <= longest else text[:longest] + "..."
