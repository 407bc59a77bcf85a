"""The report of an audited run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from html import escape

from typing_extensions import override

from shopsmart_etl.errors import InvalidArgumentError, LimitExceededError
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

    def check(
        self,
        *,
        max_quarantined: float | None = None,
        max_dropped: float | Mapping[str, float] | None = None,
        max_violations: float | Mapping[str, float] | None = None,
    ) -> AuditReport:
        """Check the run against limits, which are shares of the input rows, such as 0.05.

        The input rows are those of ``rows_in``, if the report was asked to reconcile; it is then checked that it does.
        Otherwise, they are the first count.

        Args:
            max_quarantined: The largest share of rows in the count ``quarantined``, which
                ``quarantine(into=pipeline(audit.count("quarantined"), ...))`` makes. None for no limit.
            max_dropped: The largest share of rows that each watched step drops, or a limit for each name.
            max_violations: The largest share of rows that violate each rule, or a limit for each name.

        Returns:
            The report itself.

        Raises:
            InvalidArgumentError: A limit is not between 0 and 1, or the report has no count for it.
            LimitExceededError: The run exceeds a limit, or does not reconcile. The error names all that do.

        Example:
            >>> audit, logs = Audit(), spark.createDataFrame(
            ...     [("ada", 5, ["x"]), (None, 7, [])], "user string, paid int, tags array<string>")
            >>> known = rules.not_null("user")
            >>> steps = audit.count("bronze"), flag_violations(known), audit.violations(known)
            >>> rows = logs.transform(pipeline(*steps, write_table(new_path()))).count()
            >>> report = audit.report().check(max_violations=0.5)
            >>> report.check(max_violations={"user is not null": 0.1})
            Traceback (most recent call last):
            shopsmart_etl.errors.LimitExceededError: the run exceeds its limits:
              violations of 'user is not null': expected at most 0.1 of 2 rows; got 1
        """
        quarantined = None if max_quarantined is None else {"quarantined": max_quarantined}
        checked = [
            *_limits("max_quarantined", quarantined, self.rows, "rows '{}'"),
            *_limits("max_dropped", max_dropped, self.dropped, "dropped rows '{}'"),
            *_limits("max_violations", max_violations, self.violations, "violations of '{}'"),
        ]
        total = next(iter(self.rows.values()), None) if self.rows_in is None else self.rows_in
        if checked and total is None:
            raise InvalidArgumentError(
                "report", expected="a count of the input rows, by audit.count(...)", got=self.rows
            )
        exceeded = [
            f"{name}: expected at most {limit} of {total:,} rows; got {count:,}"
            for name, limit, count in checked
            if count > Decimal(str(limit)) * (total or 0)  # exact, unlike the float
        ]
        if self.reconciled is False:
            exceeded.append(f"rows out: expected the {self.rows_in:,} rows in; got {self.rows_out:,}")
        if exceeded:
            raise LimitExceededError(exceeded)
        return self

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


def _limits(
    argument: str, limits: float | Mapping[str, float] | None, counts: Mapping[str, int], text: str
) -> Iterator[tuple[str, float, int]]:
    """Yield the text, the limit and the count of each name with a limit."""
    if limits is None:
        return
    by_name = limits if isinstance(limits, Mapping) else dict.fromkeys(counts, limits)
    if not by_name:
        raise InvalidArgumentError(argument, expected="a report with counts for it", got=limits)
    for name, limit in by_name.items():
        if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 <= limit <= 1:
            raise InvalidArgumentError(argument, expected="a share of rows from 0 to 1", got=limit)
        if name not in counts:
            raise InvalidArgumentError(
                argument, expected=f"a count of the report, one of {', '.join(counts) or '(none)'}", got=name
            )
        yield text.format(name), limit, counts[name]
