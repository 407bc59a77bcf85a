"""Split CSV text into records, and records into fields, by RFC 4180 or a declared dialect."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import Literal

from pyspark.sql import Column
from pyspark.sql import functions as F

from shopsmart_etl._core.sql import any_of, call, if_, literal
from shopsmart_etl.io.read_options import CsvSettings

_LONGEST = 2**31 - 1


class CsvText:
    """The dialect of CSV text, as regular expressions.

    Quantifiers are possessive: Java's regular expressions recurse into the others, and overflow the stack.
    """

    def __init__(self, settings: CsvSettings) -> None:
        """Take the dialect from the settings."""
        self._settings = settings
        self._sep, quote, escape = settings.sep, settings.quote, settings.escape
        sep, self._quote = re.escape(settings.sep), quote
        self._field = rf"[^{sep}\r\n]*+"
        if quote is not None:
            q = re.escape(quote)
            inner = (
                rf"[^{q}]++|{q}{q}" if escape is None else rf"[^{q}{re.escape(escape)}]++|{re.escape(escape)}.|{q}{q}"
            )
            self._field = rf"(?:{q}(?:{inner})*+{q}|(?!{q}){self._field})"
        # Before each field a separator, the first one's added: a match without a character would end the search.
        self._each_field = rf"(?s)\G{sep}({self._field})(?={sep}|\z)"
        record = rf"{self._field}(?:{sep}{self._field})*+(?=[\r\n]|\z)"
        # A record, or a line where there is none: a quote that is not closed corrupts its own line alone.
        comment = "" if settings.comment is None else rf"{re.escape(settings.comment)}[^\r\n]*+|"
        self._each_record = rf"(?s)\G({comment}{record}|[^\r\n]*+)(?:\r\n|[\r\n]|\z)"

    def names(self, header: str) -> list[str]:
        """Return the names in a header."""
        quoting: Literal[0, 3] = csv.QUOTE_NONE if self._quote is None else csv.QUOTE_MINIMAL
        escape = self._settings.escape
        rows = csv.reader(
            [header], delimiter=self._sep, quotechar=self._quote or '"', quoting=quoting, escapechar=escape
        )
        names = next(rows, [])
        return [name.strip() for name in names] if self._settings.trim_header else names

    def other_separator(self, header: str) -> str | None:
        """Return the separator that a header plainly has, if it is another one."""
        counts = {other: header.count(other) for other in (",", ";", "\t", "|") if other != self._sep}
        best = max(counts, key=lambda other: counts[other])
        return best if counts[best] and self._sep not in header else None

    def is_blank(self, line: str) -> str:
        """Write the condition that a line, given as SQL, is no record: blank, or a comment."""
        # A line of separators is a record of empty fields.
        filled = f"{line} RLIKE {literal(rf'[^ {chr(9)}]|[{re.escape(self._sep)}]')}"
        # Compared first, which takes a tenth of the time: lines that begin with a character after the blank.
        blank = f"NOT ({line} > '!' OR {filled})"
        comment = self._settings.comment
        return blank if comment is None else f"({blank} OR startswith({line}, {literal(comment)}))"

    def fields(self, line: Column) -> Column:
        """Return the fields of a line as they are written; null where quotes are wrong."""
        plain = F.split(line, re.escape(self._sep), -1)
        if self._quote is None:
            return plain
        quoted = F.regexp_extract_all(F.concat(F.lit(self._sep), line), F.lit(self._each_field), F.lit(1))
        complete = F.array_join(quoted, self._sep) == line
        return F.when(F.contains(line, F.lit(self._quote)), F.when(complete, quoted)).otherwise(plain)

    def records(self, text: Column) -> Column:
        """Return the records of a file's text, its header, blank lines and comments among them."""
        skipped = self._settings.skip_lines
        if skipped:
            text = F.regexp_replace(text, rf"\A(?:[^\r\n]*+(?:\r\n|[\r\n]|\z)){{1,{skipped}}}+", "")
        return F.regexp_extract_all(text, F.lit(self._each_record), F.lit(1))

    def value(self, field: str) -> str:
        """Write the value of a field, given as SQL: without quotes, and null for a null marker."""
        if self._quote is not None:
            inner = f"substring({field}, 2, length({field}) - 2)"
            field = if_(f"startswith({field}, {literal(self._quote)})", self._unescaped(inner), field)
        for marker in self._settings.null_markers:
            field = call("nullif", field, literal(marker))
        return field

    def _unescaped(self, inner: str) -> str:
        assert self._quote is not None  # noqa: S101 - narrows the type
        q, escape = self._quote, self._settings.escape
        if escape is None:
            return call("replace", inner, literal(q + q), literal(q))
        pattern = rf"(?s){re.escape(escape)}(.)|{re.escape(q)}({re.escape(q)})"
        return call("regexp_replace", inner, literal(pattern), literal("$1$2"))


def distinct_names(names: list[str], *, ignores_case: bool) -> list[str]:
    """Name blank columns by their index, and add the index to names that are repeated, as Spark does.

    >>> distinct_names(["", "a", "b", "A"], ignores_case=True)
    ['_c0', 'a1', 'b', 'A3']
    """
    compared = [name.lower() if ignores_case else name for name in names]
    return [
        f"_c{index}" if not name else f"{name}{index}" if compared.count(compared[index]) > 1 else name
        for index, name in enumerate(names)
    ]


def rescued_fields(columns: Sequence[tuple[str, str]]) -> Column:
    """Return JSON text of columns, each given by its name and its column; null if all are null."""
    if not columns:
        return F.lit(None).cast("string")
    fields = F.struct(*(F.col(column).alias(name) for name, column in columns))
    return F.when(F.expr(any_of(f"{column} IS NOT NULL" for _, column in columns)), F.to_json(fields))
