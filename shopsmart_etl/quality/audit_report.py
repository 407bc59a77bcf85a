"""The report of an audited run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from html import escape

from typing_extensions import override

from shopsmart_etl.quality._runs import PARTS


@dataclass(frozen=True)
class AuditReport:
    """The metrics of a run: prints as text, shows as a table in a notebook, and converts to JSON.

    Attributes:
        rows: Number of rows by the name of the count, in the order of the chain.
        dropped: Number of rows that each watched step dropped.
        missing: Number of null (and NaN) values of each column.
        filled: Number of imputed values of each column.
        violations: Number of rows that violate each rule.
        rows_in: Number of input rows, where the report was asked to reconcile.
        rows_out: Number of output rows, all outputs together.
        is_recounted: Whether the report has counted some of these itself, since no write of the package that ran to its
            end had counted them: they are those of the rows now, written or not.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    filled: Mapping[str, int] = field(default_factory=dict)
    violations: Mapping[str, int] = field(default_factory=dict)
    rows_in: int | None = None
    rows_out: int | None = None
    is_recounted: bool = field(default=False, compare=False)

    @property
    def reconciled(self) -> bool | None:
        """Whether there are as many output rows as input rows; None where the report was not asked."""
        return None if self.rows_in is None else self.rows_in == self.rows_out

    def to_json(self) -> str:
        """Write the metrics as JSON."""
        return json.dumps({**asdict(self), "reconciled": self.reconciled})

    def _lines(self) -> list[tuple[str, str, str]]:
        lines = [(part, name, f"{count:,}") for part in PARTS for name, count in getattr(self, part).items()]
        if self.rows_in is not None:
            verdict = "reconciled" if self.reconciled else "NOT reconciled"
            lines.append((verdict, "rows in, rows out", f"{self.rows_in:,}, {self.rows_out:,}"))
        if self.is_recounted:
            lines.append(("recounted", "not counted by a finished write", ""))
        return lines

    @override
    def __repr__(self) -> str:
        lines = self._lines()
        widths = [max((len(line[index]) for line in lines), default=0) for index in range(3)]
        return "\n".join(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}" for a, b, c in lines)

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in self._lines())
        return f"<table><tbody>{rows}</tbody></table>"
