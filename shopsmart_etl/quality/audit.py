"""What a chain did, counted in passing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from html import escape

from pyspark.sql import DataFrame
from pyspark.sql.types import BooleanType, DoubleType, FloatType, StructType
from typing_extensions import override

from shopsmart_etl._core.columns import find_column
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import literal
from shopsmart_etl._core.step import Step
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.quality._observed import Counts, Observed, Place
from shopsmart_etl.quality.rules import Rule
from shopsmart_etl.typing import Transform

_PARTS = "rows", "dropped", "missing", "filled", "violations"


@dataclass(frozen=True)
class AuditReport:
    """The figures of a run: prints as text, shows as a table in a notebook, and turns to JSON.

    Attributes:
        rows: Rows at each place that was counted, in the order of the chain.
        dropped: Rows that each step that was watched did not hand on.
        missing: Null (and NaN) values of each column.
        filled: Imputed values of each column.
        violations: Rows that break each rule.
        rows_in: Rows that came in, where the report was asked to reconcile.
        rows_out: Rows that went out, all ways together.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    filled: Mapping[str, int] = field(default_factory=dict)
    violations: Mapping[str, int] = field(default_factory=dict)
    rows_in: int | None = None
    rows_out: int | None = None

    @property
    def reconciled(self) -> bool | None:
        """Whether as many rows went out as came in; None where the report was not asked."""
        return None if self.rows_in is None else self.rows_in == self.rows_out

    def to_json(self) -> str:
        """Write the figures as JSON."""
        return json.dumps({**asdict(self), "reconciled": self.reconciled})

    def _lines(self) -> list[tuple[str, str, str]]:
        lines = [(part, name, f"{count:,}") for part in _PARTS for name, count in getattr(self, part).items()]
        if self.rows_in is not None:
            verdict = "reconciled" if self.reconciled else "NOT reconciled"
            lines.append((verdict, "rows in, rows out", f"{self.rows_in:,}, {self.rows_out:,}"))
        return lines

    @override
    def __repr__(self) -> str:
        lines = self._lines()
        widths = [max((len(line[at]) for line in lines), default=0) for at in range(3)]
        return "\n".join(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}" for a, b, c in lines)

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in self._lines())
        return f"<table><tbody>{rows}</tbody></table>"


class Audit:
    """Counts rows, missing values, imputed values and violations while a chain runs, in the same Spark job.

    Its methods make steps that hand on what they are given. The figures are those of the first action that runs the
    whole chain: let that be the write, since an action that stops early, such as ``show``, or fails, counts what it
    saw. Before Spark 4.3, rows that are computed again are counted again: those of a global sort such as ``orderBy``,
    which samples them first, and those of an executor that is lost. Steps that stand side by side count together,
    which costs less. A step stands in one chain, once.

    Args:
        in_passing: False is for engines that have no observations or lose them, Sail and Connect before
            Spark 4.2: the figures of each place are then counted by one aggregation, when the report is
            first asked for, which runs the chain up to there again.

    Example:
        >>> audit, logs = Audit(), spark.createDataFrame(
        ...     [("ada", 5, ["x"]), (None, None, []), ("bob", None, None)], "user string, paid int, tags array<string>")
        >>> silver = pipeline(
        ...     audit.count("bronze"),
        ...     audit.missing("paid"),
        ...     impute_financials("paid"),
        ...     audit.filled(),
        ...     flag_violations(not_null("user")),
        ...     audit.violations(not_null("user")),
        ...     audit.count("silver"),
        ...     write_partitioned(new_path(), by="user"))
        >>> rows = logs.transform(silver).count()
        >>> audit.report(rows_in="bronze", rows_out=["silver"])
        rows        bronze                  3
        rows        silver                  3
        missing     paid                    2
        filled      paid                    2
        violations  user is not null        1
        reconciled  rows in, rows out  3, 3
    """

    def __init__(self, *, in_passing: bool = True) -> None:
        """Begin with nothing counted."""
        self._in_passing = in_passing
        self._observed: list[Observed] = []
        self._counted: set[tuple[str, str]] = set()
        self._dropped: dict[str, tuple[Observed, Observed]] = {}
        self._last: Place | None = None

    def count(self, name: str) -> Transform:
        """Count the rows at this place of the chain.

        Args:
            name: What the report calls the place.

        Returns:
            A step that changes nothing.
        """
        self._take(name)
        return self._step("rows", f"count({name!r})", _rows(name))

    def dropped(self, name: str, step: Transform) -> Transform:
        """Count the rows that a step does not hand on, such as the duplicates that ``deduplicate`` drops.

        Args:
            name: What the report calls them.
            step: The step, which takes rows away and adds none.

        Returns:
            The step, watched.
        """
        self._take(name)
        call = f"audit.dropped({name!r}, {step!r})"
        before, after = (Observed("dropped", call, _rows(name), self._place) for _ in range(2))
        self._dropped[name] = before, after
        made = Step(lambda df: after.observe(step(before.observe(df))), runs_spark=True)
        made.built_by(call)
        return made

    def missing(self, *columns: str) -> Transform:
        """Count null, and in float and double columns NaN, in each of some columns.

        Args:
            *columns: Their names, literally; at least one.

        Returns:
            A step that changes nothing.
        """
        if not columns:
            raise InvalidArgumentError("columns", wanted="the columns to count in, at least one", found=columns)
        for name in columns:
            self._take(name, "missing")

        def counts(df: DataFrame, column: Callable[[int], str]) -> dict[str, str]:
            schema = df.schema
            found = {name: find_column(schema, name, ignores_case=lambda: ignores_case(df)) for name in columns}
            return {name: _count(_is_missing(schema, at, column)) for name, at in found.items()}

        return self._step("missing", f"missing({', '.join(map(repr, columns))})", counts)

    def filled(self, *, flag_suffix: str = "_imputed") -> Transform:
        """Count what ``impute_financials`` filled, by its flags at the top level.

        Args:
            flag_suffix: The suffix that it was given.

        Returns:
            A step that changes nothing.
        """

        def counts(df: DataFrame, column: Callable[[int], str]) -> dict[str, str]:
            return {
                one.name.removesuffix(flag_suffix): _count(column(at))
                for at, one in enumerate(df.schema.fields)
                if one.name.endswith(flag_suffix) and isinstance(one.dataType, BooleanType)
            }

        return self._step("filled", "filled()", counts)

    def violations(self, *rules: Rule, violations: str = "_violations") -> Transform:
        """Count the rows that break each rule.

        Args:
            *rules: The rules that ``flag_violations`` was given.
            violations: The column that it added.

        Returns:
            A step that changes nothing.
        """
        if not rules:
            raise InvalidArgumentError("rules", wanted="the rules that were flagged, at least one", found=rules)
        for rule in rules:
            self._take(rule.name, "violations")

        def counts(df: DataFrame, column: Callable[[int], str]) -> dict[str, str]:
            broken = column(find_column(df.schema, violations, ignores_case=lambda: ignores_case(df)))
            some = f"size({broken}) > 0"
            return {rule.name: _count(f"{some} AND array_contains({broken}, {literal(rule.name)})") for rule in rules}

        return self._step("violations", f"violations({', '.join(map(repr, rules))})", counts)

    def report(self, *, rows_in: str | None = None, rows_out: Sequence[str] = ()) -> AuditReport:
        """Gather the figures, after the action that ran the chain.

        Args:
            rows_in: The name of the count of what came in; None reconciles nothing.
            rows_out: The names of the counts, dropped rows among them, that together should be as large.

        Returns:
            The report.

        Raises:
            AuditIncompleteError: A step of this audit has not been run by an action.
            InvalidArgumentError: A name was never counted.
        """
        parts: dict[str, dict[str, int]] = {part: {} for part in _PARTS}
        for one in self._observed:
            parts[one.part].update(one.figures())
        for name, (before, after) in self._dropped.items():
            parts["dropped"][name] = before.figures()[name] - after.figures()[name]
        counts = {**parts["rows"], **parts["dropped"]}
        for name in [*([rows_in] if rows_in is not None else []), *rows_out]:
            if name not in counts:
                raise InvalidArgumentError("rows_in, rows_out", wanted=f"one of {', '.join(counts)}", found=name)
        report = AuditReport(parts["rows"], parts["dropped"], parts["missing"], parts["filled"], parts["violations"])
        if rows_in is None:
            return report
        return replace(report, rows_in=counts[rows_in], rows_out=sum(counts[name] for name in rows_out))

    def _take(self, name: str, part: str = "rows") -> None:
        if (part, name) in self._counted:
            raise InvalidArgumentError("name", wanted="a name that this audit has not counted yet", found=name)
        self._counted.add((part, name))

    def _place(self, df: DataFrame) -> Place:
        if self._last is None or not self._last.ends_in(df):
            self._last = Place(df, in_passing=self._in_passing)
        return self._last

    def _step(self, part: str, call: str, counts: Counts) -> Transform:
        observed = Observed(part, f"audit.{call}", counts, self._place)
        self._observed.append(observed)
        made = Step(observed.observe, runs_spark=True)
        made.built_by(observed.call)
        return made


def _rows(name: str) -> Counts:
    return lambda _, __: {name: "count(1)"}


def _count(condition: str) -> str:
    # Not count_if, for which Spark copies every row with the condition as one column more.
    return f"count(CASE WHEN {condition} THEN 1 END)"


def _is_missing(schema: StructType, at: int, reach: Callable[[int], str]) -> str:
    column = reach(at)
    floating = isinstance(schema.fields[at].dataType, (FloatType, DoubleType))
    return f"{column} IS NULL OR isnan({column})" if floating else f"{column} IS NULL"
