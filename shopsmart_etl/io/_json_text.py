"""Write JSON text in SQL."""

from __future__ import annotations

from shopsmart_etl._core.sql import if_


def object_of_members(members: str) -> str:
    """Write the text of an object from that of its members; null where there are none."""
    return if_(f"size({members}) > 0", f"concat('{{', array_join({members}, ','), '}}')")


def array_of_extras(found: str) -> str:
    """Write the text of an array, ``{}`` for nulls; null where all are."""
    some = f"exists({found}, e -> e IS NOT NULL)"
    return if_(some, f"concat('[', array_join(transform({found}, e -> coalesce(e, '{{}}')), ','), ']')")


def json_text(text: str) -> str:
    """Write a string as JSON."""
    array = f"to_json(array({text}))"
    return f"substring({array}, 2, length({array}) - 2)"
