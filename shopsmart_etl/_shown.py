"""Show values and names in messages: truncated, and values of rows hidden where the user asks for it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from difflib import get_close_matches

# Enough to recognize a table, without filling the terminal with the names of a 10,000-column schema.
_MAX_NAMES = 12
_MAX_VALUE_LENGTH = 200
# Enough to recognize a value of a row.
MAX_SHOWN = 40
HIDDEN = "(hidden)"


def shown_argument(value: object) -> str:
    """Return the repr of an argument in one line, truncated."""
    if type(value).__name__ == "DataFrame":  # its repr can run a job
        return "a DataFrame"
    text = repr(value).replace("\n", " ")
    return text if len(text) <= _MAX_VALUE_LENGTH else f"{text[:_MAX_VALUE_LENGTH]}..."


def shows_values() -> bool:
    """Return whether messages may quote values of rows: unless SHOPSMART_ETL_SHOW_VALUES is another word than true."""
    return os.environ.get("SHOPSMART_ETL_SHOW_VALUES", "").strip().lower() in ("", "1", "true")


def shown_value(value: object) -> str:
    """Return the repr of a value of a row, truncated; or that it is hidden."""
    text = repr(value)
    return (text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}...") if shows_values() else HIDDEN


def nearest(name: str, available: Sequence[str]) -> str | None:
    """Return the most similar name, ignoring case, or None: for ``contry``, ``Country``."""
    by_lower = {other.lower(): other for other in available}
    close = get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[close[0]] if close else None


def listed(names: Sequence[str]) -> str:
    """Join names, and say how many more there are than are shown."""
    shown = ", ".join(names[:_MAX_NAMES])
    more = len(names) - _MAX_NAMES
    return f"{shown}, ... ({more} more)" if more > 0 else shown or "(none)"
