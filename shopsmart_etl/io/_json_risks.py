"""Find the documents whose values Spark's JSON parser would change, by a regular expression over their text.

The parser takes a number with decimals through a double, where its field is text: ``1.10`` becomes ``"1.1"``, and
digits after the sixteenth are lost. It compares names with case, and takes ``1e-400`` for zero. Such documents are
rare, and are parsed by ``_json_exact``, which takes several times as long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pyspark.sql.types import ArrayType, BooleanType, DataType, DoubleType, FloatType, MapType, NumericType, StructType

from shopsmart_etl.io._json_types import parsed_type

_STRING = r'"(?:[^"\\]++|\\.)*+"'
_WORD = "(?:true|false|null)"
# A number, an object or an array, where text is expected.
_NO_STRING = r"[-0-9{\[]"
_TO_COLON = r'"\s*+:\s*+'


def risk_pattern(schema: StructType, *, ignores_case: bool) -> str:
    """Return a regular expression that matches in each document whose values the parser would change."""
    names = sorted(set(_names(schema)))
    risks = [rf'"(?:{_alternatives(names_of)}){_TO_COLON}{value}' for value, names_of in _risky_fields(schema).items()]
    if ignores_case and names:
        risks.append(other_case_risk(schema).removeprefix("(?s)"))
    # A key with an escaped character.
    risks.append(r'\\u[0-9A-Fa-f]{4}[^"]*+"\s*+:')
    pattern = rf"(?=[\"\\])(?:{'|'.join(risks)})"
    if any(isinstance(data_type, (FloatType, DoubleType)) for data_type in _types(schema)):
        # A number that a double makes infinite or zero.
        pattern += r"|[eE][-+]?[0-9]{2,}+[\s,}\]]|[0-9]{39}"
    return f"(?s){pattern}"


def can_rename(schema: StructType) -> bool:
    """Return whether a key that differs from a name in case alone can only be that name: not the key of a map."""
    names = set(_names(schema))
    return len({name.lower() for name in names}) == len(names) and not _has_map(schema)


def _has_map(data_type: DataType) -> bool:
    if isinstance(data_type, StructType):
        return any(_has_map(field.dataType) for field in data_type.fields)
    return isinstance(data_type, MapType) or (isinstance(data_type, ArrayType) and _has_map(data_type.elementType))


def other_case_risk(schema: StructType) -> str:
    """Return a regular expression of keys that differ from a name of the schema in case alone."""
    names = sorted(set(_names(schema)))
    return rf'(?s)"(?!(?:{_alternatives(names)})")(?iu:{_alternatives(names)})"\s*+:'


def other_case_pattern(schema: StructType) -> str:
    """Return a regular expression of the keys that differ from a name of the schema in case alone, or not at all."""
    names = sorted(set(_names(schema)))
    return rf'(?s)(?<!\\)"((?iu:{_alternatives(names)}))"\s*+:'


def _risky_fields(schema: StructType) -> dict[str, list[str]]:
    """List the names of fields by the pattern of the values that the parser would change there."""
    found: dict[str, set[str]] = {}
    for name, data_type in _fields(schema):
        parsed, pattern = parsed_type(data_type), None
        if parsed.typeName() == "string":
            pattern = _text_risk(data_type)
        elif isinstance(parsed, (ArrayType, MapType)):
            pattern = _container_risk(data_type)
        if pattern:
            found.setdefault(pattern, set()).add(name)
    return {pattern: sorted(names) for pattern, names in found.items()}


def _text_risk(data_type: DataType) -> str:
    # A decimal of at most 15 digits is the same after a double.
    return r"-?(?:(?=[0-9.]{17})[0-9]|[0-9.]++[eE])" if isinstance(data_type, NumericType) else _NO_STRING


def _container_risk(data_type: DataType) -> str | None:
    """Return the pattern of an array or map of texts that contains something else."""
    inner = data_type.elementType if isinstance(data_type, ArrayType) else data_type.valueType  # type: ignore[attr-defined]
    if isinstance(inner, (ArrayType, MapType)):
        # Of nested ones, the first that is not empty may already be risky.
        return r"[\[{]\s*+[^\s\]}]" if _has_text(inner) else None
    if parsed_type(inner).typeName() != "string":
        return None
    if isinstance(data_type, ArrayType):
        return rf"\[(?:\s*+(?:{_STRING}|{_WORD})\s*+,?+)*+\s*+{_text_risk(inner)}"
    return rf"\{{(?:\s*+{_STRING}\s*+:\s*+(?:{_STRING}|{_WORD})\s*+,?+)*+\s*+{_STRING}\s*+:\s*+{_text_risk(inner)}"


def _has_text(data_type: DataType) -> bool:
    while isinstance(data_type, (ArrayType, MapType)):
        data_type = data_type.elementType if isinstance(data_type, ArrayType) else data_type.valueType
    return not isinstance(data_type, (StructType, BooleanType)) and parsed_type(data_type).typeName() == "string"


def _fields(data_type: DataType) -> Iterator[tuple[str, DataType]]:
    if isinstance(data_type, StructType):
        for field in data_type.fields:
            yield field.name, field.dataType
            yield from _fields(field.dataType)
    elif isinstance(data_type, ArrayType):
        yield from _fields(data_type.elementType)
    elif isinstance(data_type, MapType):
        yield from _fields(data_type.valueType)


def _types(data_type: DataType) -> Iterator[DataType]:
    """List a type and all types inside it."""
    yield data_type
    if isinstance(data_type, StructType):
        for field in data_type.fields:
            yield from _types(field.dataType)
    elif isinstance(data_type, (ArrayType, MapType)):
        yield from _types(data_type.elementType if isinstance(data_type, ArrayType) else data_type.valueType)


def _names(schema: StructType) -> Iterator[str]:
    return (name for name, _ in _fields(schema))


def _alternatives(names: Iterable[str]) -> str:
    """Join names as they stand in JSON text, by their first character: Java tries alternatives one after the other."""
    by_first: dict[str, list[str]] = {}
    for name in names:
        text = name.replace("\\", "\\\\").replace('"', '\\"')
        by_first.setdefault(text[:1], []).append(text[1:])
    return "|".join(
        re.escape(first) + (f"(?:{'|'.join(map(re.escape, rests))})" if len(rests) > 1 else re.escape(rests[0]))
        for first, rests in by_first.items()
    )
