"""Find the documents whose values Spark's JSON parser would change, by a regular expression over their text.

The parser takes a number with decimals through a double, where its field is text: ``1.10`` becomes ``"1.1"``, and
digits after the sixteenth are lost. It compares names by case, even where the session ignores case, and takes
``1e-400`` for zero. Such documents are rare, and are parsed by ``_json_exact``, which takes several times as long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from os.path import commonprefix

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    MapType,
    NumericType,
    StringType,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from shopsmart_etl._core.sql import all_of, any_of, call, field_of, lambda_, literal
from shopsmart_etl.io._json_types import parsed_type
from shopsmart_etl.io._leaf_groups import group_leaves

_STRING = r'"(?:[^"\\]++|\\.)*+"'
_WORD = "(?:true|false|null)"
# A number, an object or an array, where text is expected; and true, which is the text of bytes as well.
_NO_STRING, _NO_BYTES = r"[-0-9{\[]", r"[-0-9{\[t]"
_FLOATING = FloatType, DoubleType
_TIMES = DateType, TimestampType, TimestampNTZType
# What a double may hold as zero, and a decimal as another number.
_MAY_BE_ZERO = "(?:[0-9.]++[eE]|0[.][0-9]{38})"
_MAY_BE_ROUNDED = "(?:(?=[0-9.]{17})|[0-9.]++[eE])"
_ESCAPED_KEY = r'(?s)\\.[^"\\]*+"\s*+:'
# The escape of half a character: Java has no bytes for it. The text is read once, from its beginning on.
LONE_SURROGATE = (
    r"(?i)\A(?:[^\\]++|\\[^u]|\\u(?!d[89a-f])[0-9a-f]{4}|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2})*+\\ud[89a-f]"
)
# Each letter is looked at once.
_CAPITAL_IN_KEY = r'[A-Z][^"A-Z]*+"\s*+:'
_FIRST_SIGNS = ", ".join(f"'{sign}'" for sign in '-0123456789{["')
# How the parser writes numbers with decimals, -0 and infinity as text, and the start of objects and arrays.
_WRITTEN_BY_PARSER = r'^(-?[0-9]+[.][0-9.E-]+$|0$|"-?Infinity"$|[{\[])'
_Conditions = Callable[[str, DataType, int], list[str]]
_TO_COLON = r'"\s*+:\s*+'


def is_risky(text: str, documents: str, schema: StructType, *, ignores_case: bool) -> str:
    """Write the condition that the parser may have changed a value.

    Args:
        text: The SQL of the JSON text.
        documents: The SQL of the array of documents that were parsed from it.
        schema: The fields of a document.
        ignores_case: Whether the session takes names for equal that differ in case alone.
    """
    signs = any_of(_signs("d", schema, 0))
    fields = _risky_fields(schema, is_decimal=False)
    reasons = [all_of([call("exists", documents, lambda_("d", signs)), _is_found(text, fields)])] if signs else []
    # Nothing in a decimal shows that it had more digits than a double.
    reasons.append(_is_found(text, _risky_fields(schema, is_decimal=True)))
    reasons.append(is_changed(documents, schema))
    names = sorted(set(_names(schema)))
    if ignores_case and len({name.lower() for name in names}) < len(names):
        return "true"  # a key may be the name of one struct, and another spelling of the name in a second one
    if ignores_case and names:
        reasons.append(_has_other_case(text, names))
    if any(data_type.typeName() == "variant" for _, data_type in _fields(schema)):
        # Numbers that a variant holds as a double, anywhere inside.
        reasons.append(f"{text} RLIKE '[0-9][eE]|[0-9.]{{39}}'")
    # A key with an escaped character may be a name.
    escapes = any_of(f"{text} RLIKE {literal(pattern)}" for pattern in (_ESCAPED_KEY, LONE_SURROGATE))
    reasons.append(f"(contains({text}, {literal(chr(92))}) AND {escapes})")
    return any_of(reasons)


def is_changed(documents: str, schema: StructType) -> str:
    """Write the condition that a value of the documents shows that the parser has changed it."""
    return call("exists", documents, lambda_("d", any_of(_changes("d", schema, 0))))


def _changes(sql: str, target: DataType, depth: int) -> list[str]:
    """Write the conditions on a parsed value that the parser has changed it."""
    if isinstance(target, ByteType):
        # The parser takes 200 for -56.
        return [f"{sql} < 0"]
    if isinstance(target, _FLOATING):
        return [f"abs({sql}) = double('Infinity')"]
    if isinstance(target, _TIMES):
        # Text of a number with decimals. One without is unchanged; objects and arrays are no times.
        return [f"(contains({sql}, '.') AND NOT contains({sql}, ':'))"]
    return _inside(_changes, sql, target, depth)


def _signs(sql: str, target: DataType, depth: int) -> list[str]:
    """Write the conditions on a parsed value that the parser may have changed it."""
    if isinstance(target, _FLOATING):
        return [f"{sql} = 0"]
    if isinstance(target, BinaryType):
        return [f"(substring({sql}, 1, 1) IN ({_FIRST_SIGNS}) OR {sql} = 'true')"]
    if isinstance(target, StringType):
        # The first character is compared first, which is quicker.
        first = f"substring({sql}, 1, 1) IN ({_FIRST_SIGNS})"
        return [f"({first} AND {sql} RLIKE {literal(_WRITTEN_BY_PARSER)})"]
    return _inside(_signs, sql, target, depth)


def _inside(conditions: _Conditions, sql: str, target: DataType, depth: int) -> list[str]:
    """Write conditions on the values in a struct, an array or a map."""
    if isinstance(target, StructType):
        names = [field_of(sql, name) for name in target.names]
        groups, others = group_leaves(target.fields)
        found = [one for at in others for one in conditions(names[at], target.fields[at].dataType, depth)]
        for group in groups:
            each = conditions(f"x{depth}", group.type, depth + 1)
            found += [call("exists", group.array(names), lambda_(f"x{depth}", any_of(each)))] if each else []
        return found
    if isinstance(target, (ArrayType, MapType)):
        inner = target.elementType if isinstance(target, ArrayType) else target.valueType
        values = sql if isinstance(target, ArrayType) else call("map_values", sql)
        found = conditions(f"x{depth}", inner, depth + 1)
        return [call("exists", values, lambda_(f"x{depth}", any_of(found)))] if found else []
    return []


def _is_found(text: str, fields: Mapping[str, list[str]]) -> str:
    """Write the condition that text has a key whose value the parser changes."""
    risks = [rf"(?:{_alternatives(names)}){_TO_COLON}{value}" for value, names in fields.items()]
    pattern = rf'(?s)"(?:{"|".join(risks)})'
    return f"{text} RLIKE {literal(pattern)}" if risks else "false"


def _has_other_case(text: str, names: list[str]) -> str:
    """Write the condition that text has a key that differs from a name in case alone."""
    searched = f"{text} RLIKE {literal(_other_case_pattern(names))}"
    # Where no name has a capital letter, first that a key has one, which is quicker to find.
    return all_of([f"{text} RLIKE {literal(_CAPITAL_IN_KEY)}", searched]) if _are_lower(names) else searched


def _other_case_pattern(names: list[str]) -> str:
    """Return a pattern of a key that differs from a name in case alone."""
    exact = _alternatives(names)
    flags = "i" if exact.isascii() else "iu"
    return rf'(?s)"(?=(?{flags}:{exact})"\s*+:)(?!(?:{exact})")'


def _are_lower(names: list[str]) -> bool:
    return all(re.fullmatch("[a-z0-9_]+", name) for name in names)


def can_rename(schema: StructType) -> bool:
    """Return whether a key that differs from a name in case alone can only be that name: not the key of a map."""
    names = set(_names(schema))
    return len({name.lower() for name in names}) == len(names) and not _has_map(schema)


def _has_map(data_type: DataType) -> bool:
    if isinstance(data_type, StructType):
        return any(_has_map(field.dataType) for field in data_type.fields)
    return isinstance(data_type, MapType) or (isinstance(data_type, ArrayType) and _has_map(data_type.elementType))


def text_of_objects(schema: StructType) -> str | None:
    """Return a regular expression of text fields that have an object or an array; None if there are no such fields."""
    names = [name for name, data_type in _fields(schema) if _has_text(data_type) or data_type.typeName() == "variant"]
    return rf'(?s)"(?iu:{_alternatives(sorted(set(names)))}){_TO_COLON}[{{\[]' if names else None


def other_case_risk(schema: StructType) -> str:
    """Return a regular expression of keys that differ from a name of the schema in case alone."""
    return _other_case_pattern(sorted(set(_names(schema))))


def other_case_pattern(schema: StructType) -> str:
    """Return a regular expression of the keys that differ from a name of the schema in case alone, or not at all."""
    names = sorted(set(_names(schema)))
    return rf'(?s)(?<!\\)"((?iu:{_alternatives(names)}))"\s*+:'


def _risky_fields(schema: StructType, *, is_decimal: bool) -> dict[str, list[str]]:
    """List the names of fields by the patterns of the values that the parser would change there."""
    found: dict[str, set[str]] = {}
    for name, data_type in _fields(schema):
        parsed, pattern = parsed_type(data_type), None
        if isinstance(parsed, (StringType, *_FLOATING)):
            pattern = _text_risk(data_type)
        elif isinstance(parsed, (ArrayType, MapType)):
            pattern = _container_risk(data_type)
        if pattern and _is_decimal(data_type) == is_decimal:
            found.setdefault(pattern, set()).add(name)
    return {pattern: sorted(names) for pattern, names in found.items()}


def _text_risk(data_type: DataType) -> str:
    if isinstance(data_type, NumericType):
        return f"-?{_MAY_BE_ZERO if isinstance(data_type, _FLOATING) else _MAY_BE_ROUNDED}"
    return _NO_BYTES if isinstance(data_type, BinaryType) else _NO_STRING


def _is_decimal(data_type: DataType) -> bool:
    while isinstance(data_type, (ArrayType, MapType)):
        data_type = data_type.elementType if isinstance(data_type, ArrayType) else data_type.valueType
    return isinstance(data_type, DecimalType)


def _container_risk(data_type: DataType) -> str | None:
    """Return the pattern of an array or map of texts that contains something else."""
    inner = data_type.elementType if isinstance(data_type, ArrayType) else data_type.valueType  # type: ignore[attr-defined]
    innermost = inner
    while isinstance(innermost, (ArrayType, MapType)):
        innermost = innermost.elementType if isinstance(innermost, ArrayType) else innermost.valueType
    if isinstance(innermost, _FLOATING):
        is_flat = isinstance(data_type, ArrayType) and not _has_map(data_type)
        between = r"[-+0-9.eEnul,\s\[\]]" if is_flat else "."
        return rf"[\[{{]{between}*?{_MAY_BE_ZERO}"
    if isinstance(inner, (ArrayType, MapType)):
        # Of nested ones, the first that is not empty may already be risky.
        return r"[\[{]\s*+[^\s\]}]" if _has_text(inner) else None
    if parsed_type(inner).typeName() != "string":
        return None
    risk = _text_risk(inner)
    harmless = rf"(?!{risk})(?:{_STRING}|{_WORD}|[-+0-9.eE]++)\s*+,?+"
    if isinstance(data_type, ArrayType):
        return rf"\[(?:\s*+{harmless})*+\s*+{risk}"
    key = rf"\s*+{_STRING}\s*+:\s*+"
    return rf"\{{(?:{key}{harmless})*+{key}{risk}"


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


def _names(schema: StructType) -> Iterator[str]:
    return (name for name, _ in _fields(schema))


def _alternatives(names: Iterable[str]) -> str:
    """Join names as they stand in JSON text, by what they begin with: Java tries alternatives one after the other."""
    return _joined(name.replace("\\", "\\\\").replace('"', '\\"') for name in names)


def _joined(texts: Iterable[str]) -> str:
    by_first: dict[str, list[str]] = {}
    for text in texts:
        by_first.setdefault(text[:1], []).append(text)
    alternatives = []
    for same_start in by_first.values():
        prefix = commonprefix(same_start)  # noqa: RUF071 - of text, not of paths
        rests = [text[len(prefix) :] for text in same_start]
        alternatives.append(re.escape(prefix) + (f"(?:{_joined(rests)})" if len(rests) > 1 else ""))
    return "|".join(alternatives)
