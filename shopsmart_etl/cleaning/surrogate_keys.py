"""Keys computed from the values of columns."""

from __future__ import annotations

from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    IntegralType,
    StringType,
    StructField,
    TimestampNTZType,
    TimestampType,
)

from shopsmart_etl._core.checks import check_column, check_text
from shopsmart_etl._core.frame import Frame, Output, Plan
from shopsmart_etl._core.sql import call, cast, if_, type_text
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl._core.struct_paths import find_single_field, location_sql
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError

_NULL = "X'6E'"  # n
_FLOAT_HINT = (
    "Spark's text of a float depends on the Java version: cast it to a decimal. Name the fields of a struct; convert "
    "other types to text"
)


@step
def surrogate_key(*columns: str, key_column: str) -> Planner:
    """Add a key computed from columns: the SHA-256 of their values, the same on every run and in every time zone.

    Different values have different keys: null, an empty text, the text ``"1"`` and the number 1 differ, and so do
    ``("ab", "c")`` and ``("a", "bc")``. The order of the columns is part of the key, their names are not. Equal numbers
    have equal keys, whatever the size of an integer, or the precision and scale of a decimal: 1, 1.0 and 1.00. Text
    counts by its UTF-8 bytes, without its collation.

    The SHA-256 is that of each value in turn: ``n`` for null, otherwise a letter, the length in bytes, a colon and the
    value: ``s`` text, ``x`` bytes, ``b`` ``true`` or ``false``, ``d`` a number without trailing zeros, ``D`` days since
    1970, ``T`` microseconds since 1970 in UTC, and ``L`` microseconds since 1970 of a timestamp without time zone.

    Args:
        *columns: The columns, at least one: text, bytes, booleans, integers, decimals, dates and timestamps. A dotted
            path reaches into structs.
        key_column: The name of the new column.

    Returns:
        A Transform whose result has the same columns, then the key: 64 hexadecimal digits, never null.

    Raises:
        InvalidArgumentError: No column is named, or an argument has a wrong type.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: A column has another type, such as double or array, or is inside an array.
        UnsupportedError: The engine is Sail.
        ColumnClashError: The name of the key is already in use.

    Example:
        >>> from pyspark.sql import functions as F
        >>> orders = spark.createDataFrame(
        ...     [("shop", 1, ["new"]), ("", 2, []), (None, 2, None)], "source string, id int, tags array<string>")
        >>> keyed = orders.transform(surrogate_key("source", "id", key_column="order_key"))
        >>> keyed.withColumn("order_key", F.left("order_key", F.lit(8))).show()
        +------+---+-----+---------+
        |source| id| tags|order_key|
        +------+---+-----+---------+
        |  shop|  1|[new]| 70daaef8|
        |      |  2|   []| c70bac45|
        |  NULL|  2| NULL| 1c317731|
        +------+---+-----+---------+
        <BLANKLINE>
    """
    names = [check_column("columns", column) for column in columns]
    if not names:
        raise InvalidArgumentError("columns", expected="the names of the columns, at least one", got=columns)
    check_text("key_column", key_column, expected="the name of the new column")

    def plan(frame: Frame) -> Plan:
        frame.refuse_on_sail(
            "surrogate_key", why="would give rows with nulls other keys than Spark", hint="Use it on Spark"
        )
        locations = [find_single_field(frame, name) for name in names]
        parts = [
            _encoded(name, location_sql(location), location.field.dataType)
            for name, location in zip(names, locations, strict=True)
        ]
        # concat() of binary values is text in a session with spark.sql.function.concatBinaryAsString.
        key = call("sha2", cast(call("concat", *parts), BinaryType()), "256")
        kept = [frame.column(index) for index in range(len(frame.names))]
        # With a default, since Spark infers that a hash may be null.
        output = Output(StructField(key_column, StringType(), nullable=False), f"coalesce({key}, '')", is_new=True)
        return frame.select([*kept, output], hint="Give another key_column")

    return plan


def _encoded(name: str, sql: str, data_type: DataType) -> str:
    """Write a value as bytes, such that no value is the beginning of another."""
    tag, value = _tagged(name, sql, data_type)
    prefix = call("concat", f"'{tag}'", cast(call("octet_length", value), StringType()), "':'")
    encoded = call("concat", cast(prefix, BinaryType()), cast(value, BinaryType()))
    return call("coalesce", encoded, _NULL)


def _tagged(name: str, sql: str, data_type: DataType) -> tuple[str, str]:  # noqa: PLR0911 - a case for each type
    """Return the letter of a type, and the SQL of a value's text or bytes."""
    text = cast(sql, StringType())
    if isinstance(data_type, StringType):
        return "s", sql
    if isinstance(data_type, BinaryType):
        return "x", sql
    if isinstance(data_type, BooleanType):
        return "b", text
    if isinstance(data_type, IntegralType):
        return "d", text
    if isinstance(data_type, DecimalType):
        return "d", _decimal_text(sql) if data_type.scale else text
    if isinstance(data_type, DateType):
        return "D", cast(call("unix_date", sql), StringType())
    if isinstance(data_type, TimestampType):
        return "T", cast(call("unix_micros", sql), StringType())
    if isinstance(data_type, TimestampNTZType):
        return "L", cast(_local_micros(sql), StringType())
    expected = "text, bytes, a boolean, an integer, a decimal, a date or a timestamp"
    raise ColumnTypeError(name, expected=expected, got=type_text(data_type), hint=_FLOAT_HINT)


def _decimal_text(sql: str) -> str:
    """Write a decimal that has a scale as text without exponent and trailing zeros."""
    # By its text: Spark rounds to 34 digits in abs(), and to another scale where it compares with 0.
    signed = cast(sql, StringType())
    text = f"trim(LEADING '-' FROM {signed})"
    # Without ANSI mode Spark writes small decimals with an exponent: 1.5E-7.
    zeros = call("repeat", "'0'", f"CAST(substring_index({text}, 'E-', -1) AS INT) - 1")
    digits = call("replace", call("substring_index", text, "'E-'", "1"), "'.'", "''")
    plain = if_(f"{text} LIKE '%E-%'", call("concat", "'0.'", zeros, digits), text)
    short = f"trim(TRAILING '.' FROM trim(TRAILING '0' FROM {plain}))"
    return call("concat", if_(f"{signed} LIKE '-%'", "'-'", "''"), short)


def _local_micros(sql: str) -> str:
    """Write the microseconds since 1970 of a timestamp without time zone; a cast depends on the session's zone."""
    minutes = f"(CAST(unix_date(CAST({sql} AS DATE)) AS BIGINT) * 24 + hour({sql})) * 60 + minute({sql})"
    return f"({minutes}) * 60000000 + CAST(extract(SECOND FROM {sql}) * 1000000 AS BIGINT)"
