"""Draw related tables as a text tree and as a Mermaid entity-relationship diagram."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from shopsmart_etl._core.sql import type_text
from shopsmart_etl.nested._tables import RelationalColumn, RelationalTable


def tree_text(tables: Sequence[RelationalTable]) -> str:
    """Draw the tables as a tree; each line shows the primary key and the number of other columns."""
    return "\n".join(_branch(tables, tables[0], "", ""))


def mermaid_text(tables: Sequence[RelationalTable]) -> str:
    """Write the tables and their relations as a Mermaid ``erDiagram``."""
    lines = ["erDiagram"]
    lines += [
        f"    {_quoted(table.parent)} ||--o{{ {_quoted(table.name)} : {_quoted(table.path)}"
        for table in tables
        if table.parent is not None
    ]
    for table in tables:
        lines.append(f"    {_quoted(table.name)} {{")
        lines += [f"        {_attribute(column, table)}" for column in table.columns]
        lines.append("    }")
    return "\n".join(lines)


def _branch(tables: Sequence[RelationalTable], table: RelationalTable, prefix: str, indent: str) -> Iterator[str]:
    other_columns = sum(not column.key for column in table.columns)
    yield f"{prefix}{table.name} ({', '.join(table.primary_key)}) + {other_columns} columns"
    children = [child for child in tables if child.parent == table.name]
    for child in children:
        is_last = child is children[-1]
        yield from _branch(
            tables, child, indent + ("└── " if is_last else "├── "), indent + ("    " if is_last else "│   ")
        )


def _attribute(column: RelationalColumn, table: RelationalTable) -> str:
    keys = ["PK"] if column.key else []
    if column.name in table.foreign_key:
        keys.append("FK")
    name = _word(column.name)
    # Mermaid has no quoted attribute names, so a name with other characters goes into the comment.
    comment = "" if name == column.name else f" {_quoted(column.name)}"
    return f"{_word(type_text(column.type))} {name}{' ' + ', '.join(keys) if keys else ''}{comment}"


def _word(text: str) -> str:
    word = re.sub(r"[^A-Za-z0-9_()]", "_", text)
    return word if re.match(r"[A-Za-z]", word) else f"_{word}"


def _quoted(text: str) -> str:
    return '"' + re.sub(r'["%\\\s]', "_", text) + '"'
