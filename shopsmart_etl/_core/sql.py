"""Write names, text, types and expressions as Spark SQL. Needs no Spark session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from shopsmart_etl.errors import UnsupportedError

# Begins what Spark replaces in SQL text, wherever it stands.
VARIABLE: Final = "${"


def quote(name: str) -> str:
    """Quote a name for SQL text.

    >>> print(quote("a`b.c"))
    `a``b.c`
    """
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """Write text as a SQL literal; as bytes if a session setting could make Spark unescape or substitute it.

    >>> print(literal("a"), literal("it's"))
    'a' CAST(X'69742773' AS STRING)
    """
    as_bytes = any(part in text for part in ("'", "\\", VARIABLE))
    return f"CAST(X'{text.encode().hex()}' AS STRING)" if as_bytes else f"'{text}'"


def field_of(sql: str, name: str) -> str:
    """Write a field of a struct.

    Spark replaces ``${...}`` in SQL text by the value of a setting or an environment variable, in backticks too. Such
    a name is written as two strings, which Spark's parser joins.

    >>> print(field_of("a", "b c"), field_of("a", "${env:HOME}"))
    a.`b c` a['$' '{env:HOME}']

    Raises:
        UnsupportedError: The name has a quote or a backslash too, whose escapes depend on the session.
    """
    if VARIABLE not in name:
        return f"{sql}.{quote(name)}"
    if "'" in name or "\\" in name:
        raise UnsupportedError(
            f"field {name!r}: expected a name without '${{', which Spark's parser replaces; got one that also has a "
            "quote or a backslash, which cannot be escaped. Rename the field"
        )
    return f"{sql}[{' '.join(_strings_without_variables(name))}]"


def path_sql(sql: str, path: Iterable[str]) -> str:
    """Write the field at a path inside nested structs.

    >>> path_sql("`0`", ["address", "zip.code"])
    '`0`.`address`.`zip.code`'
    """
    for name in path:
        sql = field_of(sql, name)
    return sql


def _strings_without_variables(text: str) -> list[str]:
    first, *rest = text.split(VARIABLE)
    parts = [first + "$", *("{" + part + "$" for part in rest[:-1]), "{" + rest[-1]]
    return [f"'{part}'" for part in parts]


def positions(count: int) -> list[str]:
    """Name columns by position.

    >>> positions(3)
    ['0', '1', '2']
    """
    return [str(position) for position in range(count)]


def path_text(path: Sequence[str]) -> str:
    """Write a path in Spark SQL syntax, with quotes only around the names that need them.

    >>> path_text(["customer", "zip.code"])
    'customer.`zip.code`'
    """
    return ".".join(name if name.isidentifier() else quote(name) for name in path)


def type_sql(data_type: DataType) -> str:
    """Write a type in SQL syntax, with quoted field names.

    >>> from pyspark.sql.types import ArrayType, BooleanType, StructField, StructType
    >>> print(type_sql(StructType([StructField("a b", ArrayType(BooleanType()))])))
    STRUCT<`a b`: ARRAY<boolean>>
    """
    if isinstance(data_type, StructType):
        return f"STRUCT<{', '.join(f'{quote(field.name)}: {type_sql(field.dataType)}' for field in data_type.fields)}>"
    if isinstance(data_type, ArrayType):
        return f"ARRAY<{type_sql(data_type.elementType)}>"
    if isinstance(data_type, MapType):
        return f"MAP<{type_sql(data_type.keyType)}, {type_sql(data_type.valueType)}>"
    return data_type.simpleString()


def type_text(data_type: DataType) -> str:
    """Write a type as Spark displays it, truncated to 200 characters.

    >>> from pyspark.sql.types import ArrayType, LongType
    >>> type_text(ArrayType(LongType()))
    'array<bigint>'
    """
    text = data_type.simpleString()
    max_length = 200
    return text if len(text) <= max_length else text[:max_length] + "..."


def call(function: str, *arguments: str) -> str:
    """Write a function call.

    >>> call("coalesce", "a", "b")
    'coalesce(a, b)'
    """
    return f"{function}({', '.join(arguments)})"


def cast(sql: str, data_type: DataType) -> str:
    """Write a cast.

    >>> from pyspark.sql.types import LongType
    >>> cast("a", LongType())
    'CAST(a AS bigint)'
    """
    return f"CAST({sql} AS {type_sql(data_type)})"


def try_cast(sql: str, data_type: DataType) -> str:
    """Write a cast that returns null where CAST fails in ANSI mode.

    >>> from pyspark.sql.types import LongType
    >>> try_cast("a", LongType())
    'try_cast(a AS bigint)'
    """
    return f"try_cast({sql} AS {type_sql(data_type)})"


def if_(condition: str, then: str, otherwise: str = "NULL") -> str:
    """Write a conditional; its value is ``otherwise``, null by default, if the condition is false or null.

    >>> if_("a > 0", "a")
    'if(a > 0, a, NULL)'
    """
    return call("if", condition, then, otherwise)


def if_not_null(sql: str, then: str) -> str:
    """Write a value that is null if another value is null.

    >>> if_not_null("a", "struct(a.b)")
    'if(a IS NULL, NULL, struct(a.b))'
    """
    return if_(f"{sql} IS NULL", "NULL", then)


def any_of(conditions: Iterable[str]) -> str:
    """Join conditions with OR; false if there are none. A single condition is returned unchanged.

    >>> any_of(["a", "b IS NULL"])
    '(a OR b IS NULL)'
    """
    return _join_conditions(" OR ", conditions) or "false"


def all_of(conditions: Iterable[str]) -> str:
    """Join conditions with AND; true if there are none. A single condition is returned unchanged.

    A condition that contains OR needs its own parentheses.

    >>> all_of(["a", "b IS NULL"])
    '(a AND b IS NULL)'
    """
    return _join_conditions(" AND ", conditions) or "true"


def lambda_(parameters: str | Sequence[str], body: str) -> str:
    """Write a lambda function.

    >>> lambda_("x", "x + 1"), lambda_(["k", "v"], "k")
    ('x -> x + 1', '(k, v) -> k')
    """
    return f"{parameters if isinstance(parameters, str) else call('', *parameters)} -> {body}"


def let(name: str, value: str, body: str) -> str:
    """Write a body that uses a value by a name, so that the value is computed once.

    >>> let("x", "a + b", "x * x")
    'get(transform(array(a + b), x -> x * x), 0)'
    """
    return f"get(transform(array({value}), {lambda_(name, body)}), 0)"


def compiled_apart(text: str) -> str:
    """Write a text column unchanged, so that Spark compiles each expression of its select as a method of its own.

    Spark generates one Java method for a whole stage. Java does not compile a method longer than 8,000 bytes, and runs
    it about ten times slower. An expression for which Spark generates no code, such as ``from_json``, prevents that;
    here its argument is always null, so that it does nothing.
    """
    return f"if(from_json(nullif({text}, {text}), 'a INT') IS NULL, {text}, NULL)"


def struct_of(fields: Iterable[tuple[str, str]]) -> str:
    """Write a struct of named values.

    >>> struct_of([("a b", "x"), ("c", "NULL")])
    'struct(x AS `a b`, NULL AS `c`)'
    """
    named = list(fields)
    # struct() without values is an error before Spark 4. In a string, a name is not replaced: see field_of.
    if not named or any(VARIABLE in name for name, _ in named):
        return call("named_struct", *(part for name, sql in named for part in (literal(name), sql)))
    return call("struct", *(f"{sql} AS {quote(name)}" for name, sql in named))


def _join_conditions(operator: str, conditions: Iterable[str]) -> str:
    joined = list(conditions)
    # Redundant parentheses slow down Spark's parser, noticeably in deep schemas.
    return f"({operator.join(joined)})" if len(joined) > 1 else "".join(joined)
