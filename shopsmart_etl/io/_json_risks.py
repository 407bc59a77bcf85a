"""Find the documents whose values Spark's JSON parser would change, by a regular expression over their text.

The parser takes a number with decimals through a double, where its field is text: ``1.10`` becomes ``"1.1"``, and
digits after the sixteenth are lost. It compares names with case, and takes ``1e-400`` for zero. Such documents are
rare, and are parsed by ``_json_exact``, which takes several times as long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    ByteType,
    DataType,
    DecimalType,
    DoubleType,
    FloatType,
    MapType,
    NumericType,
    StringType,
    StructType,
)

from shopsmart_etl._core.sql import all_of, any_of, call, lambda_, literal, quote
from shopsmart_etl.io._json_types import parsed_type

_STRING = r'"(?:[^"\\]++|\\.)*+"'
_WORD = "(?:true|false|null)"
# A number, an object or an array, where text is expected.
_NO_STRING = r"[-0-9{\[]"
_FLOATING = FloatType, DoubleType
# More digits than a float has room for.
_HUGE = "[0-9]{39}"
_LONG_NUMBER = "[0-9.]{17}|[eE]-[0-9]{3}"
_ESCAPED_KEY = r'\\[^"]*+"\s*+:'
_FIRST_SIGNS = ", ".join(f"'{sign}'" for sign in "-0123456789{[")
_TO_COLON = r'"\s*+:\s*+'


def is_risky(text: str, documents: str, schema: StructType, *, ignores_case: bool) -> str:
    """Write the condition that the parser may have changed a value.

    Args:
        text: The SQL of the JSON text.
        documents: The SQL of the array of documents that were parsed from it.
        schema: The fields of a document.
        ignores_case: Whether the session takes names for equal that differ in case alone.
    """
    certain, possible = _signs("d", schema, 0, ignores_case=ignores_case)
    # The names in the text are searched only if a value may come from another: that takes longer than to parse it.
    reasons = [call("exists", documents, lambda_("d", any_of(possible)))]
    if any(_is_decimal(data_type) for _, data_type in _fields(schema)):
        # A decimal of at most 15 digits is the same after a double.
        reasons.append(f"{text} RLIKE '{_LONG_NUMBER}'")
    searched = all_of([any_of(reasons), f"({_is_found(text, schema, ignores_case)})"])
    # A key with an escaped character may be a name.
    escaped = f"(contains({text}, {literal(chr(92))}) AND {text} RLIKE {literal(_ESCAPED_KEY)})"
    return any_of([call("exists", documents, lambda_("d", any_of(certain))), searched, escaped])


def _signs(sql: str, target: DataType, depth: int, *, ignores_case: bool) -> tuple[list[str], list[str]]:
    """Write the conditions on a parsed value that it was changed, and that it may have been."""
    x = f"x{depth}"
    if isinstance(target, StructType):
        certain, possible = [], []
        for field in target.fields:
            name = f"{sql}.{quote(field.name)}"
            more = _signs(name, field.dataType, depth, ignores_case=ignores_case)
            certain += more[0]
            # A field that is null may have its value under a key in another case.
            possible += [*more[1], *([f"{name} IS NULL"] if ignores_case else [])]
        return certain, possible
    if isinstance(target, (ArrayType, MapType)):
        inner = target.elementType if isinstance(target, ArrayType) else target.valueType
        values = sql if isinstance(target, ArrayType) else call("map_values", sql)
        signs = _signs(x, inner, depth + 1, ignores_case=ignores_case)
        found = ([call("exists", values, lambda_(x, any_of(conditions)))] if conditions else [] for conditions in signs)
        return next(found), next(found)
    if isinstance(target, ByteType):
        # The parser takes 200 for -56.
        return [f"{sql} < 0"], []
    if isinstance(target, _FLOATING):
        return [f"abs({sql}) = double('Infinity')"], [f"{sql} = 0"]
    if parsed_type(target).typeName() == "string" and not isinstance(target, NumericType):
        # Text that may come from a number, an object or an array.
        return [], [f"substring({sql}, 1, 1) IN ({_FIRST_SIGNS})"]
    return [], []


def _is_found(text: str, schema: StructType, ignores_case: bool) -> str:  # noqa: FBT001 - internal
    """Write the condition that text has a key whose value the parser changes."""
    # First that a key with such a value follows, and only then which key it is: names take longest to compare.
    risks = [
        rf'(?=[^"\\]*+{_TO_COLON}{first})(?:{_alternatives(names)}){_TO_COLON}{value}'
        for (first, value), names in _risky_fields(schema).items()
    ]
    names = sorted(set(_names(schema)))
    if ignores_case and names:
        risks.append(_other_case(names))
    # A quote that ends a string or a key is skipped.
    pattern = rf'(?s)"(?![,:}}\]\s])(?:{"|".join(risks)})'
    return f"{text} RLIKE {literal(pattern)}" if risks else "false"


def _other_case(names: list[str]) -> str:
    """Return a pattern of a key, from its first character on, that differs from a name in case alone."""
    exact = _alternatives(names)
    # Where all names are in lower case, most keys are seen to be no such key by their own characters.
    is_lower = all(re.fullmatch("[a-z0-9_]+", name) for name in names)
    quick = rf'(?={"[a-z0-9_]*+[A-Z]" if is_lower else ""}[^"\\]*+"\s*+:)'
    return rf'{quick}(?!(?:{exact})")(?iu:{exact})"\s*+:'


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
    return rf'(?s)"{_other_case(sorted(set(_names(schema))))}'


def other_case_pattern(schema: StructType) -> str:
    """Return a regular expression of the keys that differ from a name of the schema in case alone, or not at all."""
    names = sorted(set(_names(schema)))
    return rf'(?s)(?<!\\)"((?iu:{_alternatives(names)}))"\s*+:'


def _risky_fields(schema: StructType) -> dict[tuple[str, str], list[str]]:
    """List the names of fields by the patterns of the values that the parser would change there, and of their start."""
    found: dict[tuple[str, str], set[str]] = {}
    for name, data_type in _fields(schema):
        parsed, patterns = parsed_type(data_type), None
        if isinstance(parsed, (StringType, *_FLOATING)):
            patterns = _text_risk(data_type), _text_risk(data_type)
        elif isinstance(parsed, (ArrayType, MapType)) and (value := _container_risk(data_type)):
            patterns = r"[\[{]", value
        if patterns:
            found.setdefault(patterns, set()).add(name)
    return {patterns: sorted(names) for patterns, names in found.items()}


def _text_risk(data_type: DataType) -> str:
    if isinstance(data_type, _FLOATING):
        return f"-?(?:[0-9.]++[eE][-+]?[0-9]{{2}}|{_HUGE})"
    return "-?(?:(?=[0-9.]{17})|[0-9.]++[eE]-[0-9]{3})" if isinstance(data_type, NumericType) else _NO_STRING


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
        between = r"[-+0-9.eE,\s\[\]]" if is_flat else "."
        return rf"[\[{{]{between}*?(?:[0-9.][eE][-+]?[0-9]{{2}}|{_HUGE})"
    if isinstance(inner, (ArrayType, MapType)):
        # Of nested ones, the first that is not empty may already be risky.
        return r"[\[{]\s*+[^\s\]}]" if _has_text(inner) else None
    if parsed_type(inner).typeName() != "string":
        return None
    risk = _text_risk(inner)
    if isinstance(data_type, ArrayType):
        return rf"\[(?:\s*+(?:{_STRING}|{_WORD})\s*+,?+)*+\s*+{risk}"
    return rf"\{{(?:\s*+{_STRING}\s*+:\s*+(?:{_STRING}|{_WORD})\s*+,?+)*+\s*+{_STRING}\s*+:\s*+{risk}"


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
    """Join names as they stand in JSON text, by their first character: Java tries alternatives one after the other."""
    by_first: dict[str, list[str]] = {}
    for name in names:
        text = name.replace("\\", "\\\\").replace('"', '\\"')
        by_first.setdefault(text[:1], []).append(text[1:])
    return "|".join(
        re.escape(first) + (f"(?:{'|'.join(map(re.escape, rests))})" if len(rests) > 1 else re.escape(rests[0]))
        for first, rests in by_first.items()
    )
