"""Check the arguments of public functions. Needs no Spark session."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pyspark.sql.types import DecimalType, StructType

from shopsmart_etl._core.sql import quote
from shopsmart_etl._shown import nearest
from shopsmart_etl.errors import InvalidArgumentError

# A part of a table name: quoted in backticks, where two backticks are one, or plain.
_NAME_PART = re.compile(r"`((?:[^`]|``)+)`|(\w+)")

MAX_PRECISION: Final = 38
"""The most digits of a decimal in Spark."""

_LONGEST_NAME = 255
_LONGEST_PATH = 4095


def check_text(argument: str, value: object, *, expected: str = "a string", empty: bool = False) -> str:
    """Check that a value is a non-empty string.

    Args:
        argument: The parameter's name.
        value: The argument.
        expected: What the parameter accepts, for the message.
        empty: Whether to accept the empty string.

    Raises:
        InvalidArgumentError: The value is not a string, or is empty.
    """
    if not isinstance(value, str) or not (value or empty):
        raise InvalidArgumentError(argument, expected=expected, got=value)
    return value


def check_optional_text(argument: str, value: object, *, expected: str = "a string, or None") -> str | None:
    """Check that a value is a non-empty string or None."""
    return None if value is None else check_text(argument, value, expected=expected)


def check_column(argument: str, value: object) -> str:
    """Check that a value is a column name."""
    return check_text(argument, value, expected="the name of a column")


def check_columns(argument: str, values: object, *, at_least_one: bool = False) -> list[str]:
    """Check that a value is a column name or a sequence of them, and return them as a list.

    Raises:
        InvalidArgumentError: The value is neither, or is empty and ``at_least_one`` is true.
    """
    names = [values] if isinstance(values, str) else values
    expected = f"the name of a column, or a sequence of them{', at least one' if at_least_one else ''}"
    if not isinstance(names, Sequence) or not all(isinstance(name, str) and name for name in names):
        raise InvalidArgumentError(argument, expected=expected, got=values)
    if at_least_one and not names:
        raise InvalidArgumentError(argument, expected=expected, got=values)
    return list(names)


def check_texts(argument: str, values: object, *, expected: str) -> tuple[str, ...]:
    """Check that a value is a sequence of strings. A single string is refused, since iterating it gives letters."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence):
        raise InvalidArgumentError(argument, expected=expected, got=values)
    if not all(isinstance(value, str) for value in values):
        raise InvalidArgumentError(argument, expected=expected, got=values)
    return tuple(values)


def check_options(options: Mapping[str, object], allowed: Sequence[str], *, call: str) -> None:
    """Check the names of options.

    Raises:
        InvalidArgumentError: An option is unknown.
    """
    for name in options:
        if name not in allowed:
            close = nearest(name, allowed)
            hint = f"; did you mean {close!r}?" if close else f": {', '.join(allowed)}"
            raise InvalidArgumentError(name, expected=f"an option of {call}{hint}", got=options[name])


def check_choice(argument: str, value: Any, choices: Iterable[str]) -> Any:  # noqa: ANN401 - callers use it as a Literal
    """Check that a value is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise InvalidArgumentError(argument, expected=f"one of {', '.join(map(repr, choices))}", got=value)
    return value


def check_flag(argument: str, value: object) -> bool:
    """Check that a value is True or False."""
    if not isinstance(value, bool):
        raise InvalidArgumentError(argument, expected="True or False", got=value)
    return value


def check_integer(
    argument: str, value: object, *, min_value: int | None = None, max_value: int | None = None, optional: bool = False
) -> Any:  # noqa: ANN401 - int, or None if optional
    """Check that a value is an integer within bounds, or None if it is optional."""
    if optional and value is None:
        return None
    bounds = [f"at least {min_value}"] if min_value is not None else []
    bounds += [f"at most {max_value}"] if max_value is not None else []
    expected = f"an integer{' of ' if bounds else ''}{' and '.join(bounds)}{', or None' if optional else ''}"
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if (
        not is_integer
        or (min_value is not None and value < min_value)  # type: ignore[operator]
        or (max_value is not None and value > max_value)  # type: ignore[operator]
    ):
        raise InvalidArgumentError(argument, expected=expected, got=value)
    return value


def check_decimal_type(argument: str, value: object) -> DecimalType:
    """Check that a value is a decimal type with the digits that Spark's decimals have."""
    if not isinstance(value, DecimalType) or not 0 <= value.scale <= value.precision <= MAX_PRECISION:
        raise InvalidArgumentError(argument, expected="a DecimalType, such as DecimalType(18, 2)", got=value)
    return value


def check_path(argument: str, value: object, *, expected: str = "a path: a string or a pathlib.Path") -> str:
    """Check that a value is a path, and return it as a string.

    Raises:
        InvalidArgumentError: It is no path, has the character NUL, or is too long for a local file system.
    """
    path = check_text(argument, os.fspath(value) if isinstance(value, os.PathLike) else value, expected=expected)
    if "\0" in path:
        raise InvalidArgumentError(argument, expected="a path without the character NUL", got=path)
    # The limits of local file systems. A glob may list many names, and object stores have other limits.
    is_local = path.startswith("file:") or not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", path)
    if is_local and not set(path) & set("*?[]{}"):
        if len(path.encode(errors="replace")) > _LONGEST_PATH:
            raise InvalidArgumentError(argument, expected=f"a path of at most {_LONGEST_PATH} bytes", got=path)
        if any(len(name.encode(errors="replace")) > _LONGEST_NAME for name in path.split("/")):
            raise InvalidArgumentError(argument, expected=f"names of at most {_LONGEST_NAME} bytes", got=path)
    return path


def check_schema(argument: str, value: object) -> StructType | str:
    """Check that a value is a StructType or text. Only a session can parse DDL, so the text is not checked here."""
    if not isinstance(value, (StructType, str)) or value == "":
        raise InvalidArgumentError(
            argument, expected="a StructType, or DDL such as 'user STRING, price DECIMAL(10, 2)'", got=value
        )
    return value


def check_table_name(argument: str, value: object) -> str:
    """Check that a value is a table name, with parts that are plain or in backticks, and quote each part.

    >>> print(check_table_name("table", "main.silver.`my orders`"))
    `main`.`silver`.`my orders`

    Raises:
        InvalidArgumentError: The value is not a table name.
    """
    expected = "a table's name, such as main.silver.orders, whose parts are plain or in backticks"
    text = check_text(argument, value, expected=expected)
    parts, end = [], 0
    while match := _NAME_PART.match(text, end):
        parts.append(match[1].replace("``", "`") if match[1] else match[2])
        end = match.end() + 1
        if text[end - 1 : end] != ".":
            break
    if end != len(text) + 1:
        raise InvalidArgumentError(argument, expected=expected, got=value)
    return ".".join(map(quote, parts))


def check_session(argument: str, value: object) -> Any:  # noqa: ANN401 - a SparkSession of classic Spark or Connect
    """Check that a value is a SparkSession. Compares names, since classic Spark and Connect have different classes."""
    classes = type(value).__mro__
    if not any(base.__name__ == "SparkSession" and base.__module__.startswith("pyspark.") for base in classes):
        raise InvalidArgumentError(argument, expected="a SparkSession", got=value)
    return value


def is_dataframe(value: object) -> bool:
    """Return whether a value is a DataFrame. Compares names, since classic Spark and Connect have different classes."""
    return type(value).__name__ == "DataFrame" and type(value).__module__.startswith("pyspark.sql")


def is_column(value: object) -> bool:
    """Return whether a value is a Column. Compares names, since Connect has another class before Spark 4."""
    return type(value).__name__ == "Column" and type(value).__module__.startswith("pyspark.sql")


def check_condition(argument: str, value: object, *, expected: str) -> object:
    """Check that a value is a condition: SQL text or a Column."""
    if not is_column(value) and not (isinstance(value, str) and value.strip()):
        raise InvalidArgumentError(argument, expected=expected, got=value)
    return value


def check_step(argument: str, value: object) -> Any:  # noqa: ANN401 - a Transform
    """Check that a value is callable."""
    if not callable(value):
        raise InvalidArgumentError(argument, expected="a function from DataFrame to DataFrame", got=value)
    return value
