"""Text tables for previews."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from typing_extensions import override


@dataclass(frozen=True, repr=False)
class TextTable:
    """A table of text that displays in a terminal and in a notebook, such as the preview of a step.

    Attributes:
        header: The title of each column.
        rows: One tuple of texts per row.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @override
    def __repr__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(len(line[index]) for line in lines) for index in range(len(self.header))]
        lines.insert(1, tuple("-" * width for width in widths))
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )

    def _repr_html_(self) -> str:
        def row(cells: Sequence[str], tag: str) -> str:
            return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

        body = "".join(row(cells, "td") for cells in self.rows)
        return f"<table><thead>{row(self.header, 'th')}</thead><tbody>{body}</tbody></table>"
