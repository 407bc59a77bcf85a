"""Recognize and split values in JSON text, given as SQL, that Spark's parser need not be able to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from shopsmart_etl._core.sql import any_of, call, if_, lambda_, let, literal, struct_of

BYTE_ORDER_MARK: Final = "\ufeff"  # at the start of a file
SPACE: Final = " \t\r\n"
BLANK: Final = f"^[{SPACE}{BYTE_ORDER_MARK}]*"
STRING: Final = r'"(?:[^"\\]++|\\.)*+"'
# Every character is in exactly one part, so that joining the parts returns the text. No group repeats: Java's regular
# expressions recurse into those, and overflow the stack on long strings.
_PART = r'(?s)\\.|["\[\]{},\\]|[^"\\\[\]{},]+'
_NO_TEXTS = "CAST(array() AS ARRAY<STRING>)"


def is_array(text: str) -> str:
    """Write whether text begins as a JSON array does."""
    pattern = literal(rf"{BLANK}\[")
    return f"(NOT startswith({text}, '{{') AND {text} RLIKE {pattern})"


def bare(text: str) -> str:
    """Write text without the blanks around it."""
    return call("btrim", text, literal(SPACE + BYTE_ORDER_MARK))


def without_null_markers(text: str, markers: Sequence[str]) -> str:
    """Write JSON text with null for the strings that mean null."""
    if not markers:
        return text
    strings = "|".join(_escaped(json.dumps(marker, ensure_ascii=False)) for marker in markers)
    # After the sign in front of the string.
    pattern = rf"([:\[,]\s*+)(?:{strings})(?=\s*+[,}}\]])"
    return call("regexp_replace", text, literal(pattern), literal("$1null"))


def _escaped(text: str) -> str:
    return "".join(sign if sign.isalnum() else f"\\{sign}" if sign.isascii() else sign for sign in text)


def split(text: str) -> str:
    """Split a JSON array or object at its own commas; null where brackets and quotes do not balance.

    What lies between the commas need not be valid: only strings and brackets are looked at.
    """
    scan = call("aggregate", "parts", _start(), lambda_(["scan", "part"], _next("scan", "part")))
    parts = call("regexp_extract_all", text, literal(_PART), "0")
    return let("parts", parts, let("scan", scan, _pieces("parts", "scan")))


def _start() -> str:
    none = {"index": "0", "depth": "0", "quoted": "false", "whole": "true", "cuts": "CAST(array() AS ARRAY<INT>)"}
    return struct_of(none.items())


def _next(scan: str, part: str) -> str:
    """Add a part to the scan.

    Cuts are the bracket that opens the value, each comma directly inside it, and the bracket that closes it.
    """
    index, depth, quoted, cuts = f"{scan}.index + 1", f"{scan}.depth", f"{scan}.quoted", f"{scan}.cuts"
    opens = f"(NOT {quoted} AND {part} IN ('[', '{{'))"
    closes = f"(NOT {quoted} AND {part} IN (']', '}}'))"
    comma = f"(NOT {quoted} AND {part} = ',' AND {depth} = 1)"
    outermost = any_of([f"({opens} AND {depth} = 0)", comma, f"({closes} AND {depth} = 1)"])
    following = {
        "index": index,
        "depth": f"{depth} + {if_(opens, '1', if_(closes, '-1', '0'))}",
        "quoted": f"{quoted} <> ({part} = '\"')",
        "whole": f"({scan}.whole AND ({depth} > 0 OR ({index} = 1 AND {opens})))",
        "cuts": if_(outermost, f"concat({cuts}, array({index}))", cuts),
    }
    return struct_of(following.items())


def _pieces(parts: str, scan: str) -> str:
    """Write the texts between the cuts; null unless the brackets and quotes balance."""
    first, last = f"get({scan}.cuts, cut - 1)", f"get({scan}.cuts, cut)"
    between = f"slice({parts}, {first} + 1, {last} - {first} - 1)"
    piece = lambda_("cut", bare(call("array_join", between, "''")))
    found = call("transform", f"sequence(1, greatest(size({scan}.cuts) - 1, 1))", piece)
    brackets = f"concat(get({parts}, 0), get({parts}, size({parts}) - 1))"
    balanced = f"({scan}.whole AND {scan}.depth = 0 AND NOT {scan}.quoted AND {brackets} IN ('[]', '{{}}'))"
    is_empty = "(size(pieces) = 1 AND get(pieces, 0) = '')"
    without_blanks = if_(is_empty, _NO_TEXTS, if_("NOT array_contains(pieces, '')", "pieces"))
    return if_(balanced, let("pieces", found, without_blanks))
