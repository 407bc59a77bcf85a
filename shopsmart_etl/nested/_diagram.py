"""Related tables as text: a tree for a terminal, a Mermaid entity-relationship diagram for a page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from shopsmart_etl._core.sql import type_text

if TYPE_CHECKING:
    # The model draws itself with this module.
    from shopsmart_etl.nested.relational_model import Table, TableColumn


def tree_text(tables: Sequence[Table]) -> str:
    """Draw the tables as a tree: each with its primary key and how many other columns it has."""
    return "\n".join(_branch(tables, tables[0], "", ""))


def mermaid_text(tables: Sequence[Table]) -> str:
    """Write the tables and their relations in Mermaid's ``erDiagram``."""
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


def _branch(tables: Sequence[Table], table: Table, first: str, rest: str) -> Iterator[str]:
    others = sum(not column.key for column in table.columns)
    yield f"{first}{table.name} ({', '.join(table.primary_key)}) + {others} columns"
    children = [child for child in tables if child.parent == table.name]
    for child in children:
        last = child is children[-1]
        yield from _branch(tables, child, rest + ("└── " if last else "├── "), rest + ("    " if last else "│   "))


def _attribute(column: TableColumn, table: Table) -> str:
    keys = ["PK"] if column.key else []
    if column.name in table.foreign_key:
        keys.append("FK")
    name = _word(column.name)
    # Mermaid knows no quoted attribute names, so that a name it cannot write stands in the comment.
    comment = "" if name == column.name else f" {_quoted(column.name)}"
    return f"{_word(type_text(column.type))} {name}{' ' + ', '.join(keys) if keys else ''}{comment}"


def _word(text: str) -> str:
    word = re.sub(r"[^A-Za-z0-9_()]", "_", text)
    return word if re.match(r"[A-Za-z]", word) else f"_{word}"


def _quoted(text: str) -> str:
    return '"' + re.sub(r'["%\\\s]', "_", text) + '"'
