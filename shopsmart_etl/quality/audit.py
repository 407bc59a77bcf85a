"""Count what a chain does while it runs: rows, missing and imputed values, violations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from pyspark.sql.types import BooleanType
from typing_extensions import override

from shopsmart_etl._core.checks import (
    check_column,
    check_flag,
    check_optional_text,
    check_step,
    check_text,
    check_texts,
)
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.sql import literal
from shopsmart_etl._core.step import Chain, Planner
from shopsmart_etl.errors import AuditIncompleteError, InvalidArgumentError, UnsupportedError
from shopsmart_etl.quality._audit_step import AuditStep, PlannerOf, audit_step
from shopsmart_etl.quality._identity import reduce_by_identity
from shopsmart_etl.quality._missing import count_where, missing_metrics
from shopsmart_etl.quality._observed import Metrics
from shopsmart_etl.quality._rule import Rule
from shopsmart_etl.quality._runs import PARTS, Counting, Run, Runs
from shopsmart_etl.quality.audit_report import AuditReport
from shopsmart_etl.quality.violations import check_rules, find_violations
from shopsmart_etl.typing import Transform


class Audit:
    """Counts rows, missing values, imputed values and violations while a chain runs, in the same Spark job.

    Its methods build steps that leave rows and columns unchanged. The metrics are those of the first ``write_table`` or
    ``write_partitioned`` that runs the chain and succeeds. Spark does not show whether any other action, such as
    ``show``, ``collect`` or ``df.write``, has read all rows: after one, on classic Spark also after one that precedes
    the write, the report computes the metrics by an aggregation, which runs the chain again for each group of adjacent
    steps. The report does the same where Spark drops the observation, as it may where no row is left after a shuffle.
    Adjacent steps are counted together, which is cheaper.

    Two limits: if a step or join between a step of the audit and the write makes Spark stop reading early, such as
    ``limit``, a count before it is the number of rows that were read; and before Spark 4.3, recomputed rows are counted
    twice: those of a global sort such as ``orderBy``, which samples its input first, and those of a lost executor.
    ``use_observation=False`` has neither limit.

    The steps can be applied in any number of chains and as often as needed. Applying a step that the current run
    already has begins a new run; ``report`` is about the newest run, ``reports`` about all of them. Use each name once
    in a chain: a second use is refused where it follows the first directly, and begins a new run elsewhere. Each thread
    has its own runs; within a thread, apply a chain to its end before you apply one with the same audit again. An audit
    keeps its runs, with the plans of their DataFrames, as long as it lives.

    Steps are equal if they are equal calls of the same audit. Unpickling or copying an audit or its steps returns the
    audit that the process already has; in another process it creates one without runs.

    Args:
        use_observation: False is for engines that have no observations or lose them, Sail and Connect before Spark 4.2:
            the metrics are then computed by an aggregation for each group of adjacent steps, when a report first asks
            for them, which runs the chain up to there again.

    Example:
        >>> audit, logs = Audit(), spark.createDataFrame(
        ...     [("ada", 5, ["x"]), (None, None, []), ("bob", None, None)], "user string, paid int, tags array<string>")
        >>> silver = pipeline(
        ...     audit.count("bronze"),
        ...     audit.missing("paid"),
        ...     impute_financials("paid"),
        ...     audit.filled("paid"),
        ...     flag_violations(rules.not_null("user")),
        ...     audit.violations(rules.not_null("user")),
        ...     audit.count("silver"),
        ...     write_partitioned(new_path(), by="user"))
        >>> rows = logs.transform(silver).count()
        >>> audit.report(rows_in="bronze", rows_out="silver")
        rows        bronze                  3
        rows        silver                  3
        missing     paid                    2
        filled      paid                    2
        violations  user is not null        1
        reconciled  rows in, rows out  3, 3
    """

    def __init__(self, *, use_observation: bool = True) -> None:
        """Start without a run."""
        self._use_observation = check_flag("use_observation", use_observation)
        self._runs = Runs(use_observation=use_observation)

    @override
    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the identity and the settings: the runs are those of a session."""
        return reduce_by_identity(self, Audit, {"use_observation": self._use_observation})

    @override
    def __repr__(self) -> str:
        return "Audit()" if self._use_observation else "Audit(use_observation=False)"

    @audit_step
    def count(self, name: str) -> PlannerOf:
        """Count the rows at this point of the chain.

        Args:
            name: The name of the count in the report.

        Returns:
            A Transform that leaves rows and columns unchanged.
        """
        check_text("name", name, expected="the name of the count")
        return self._counts("rows", [name], lambda _: _rows)

    @audit_step
    def dropped(self, name: str, step: Transform) -> PlannerOf:
        """Count the rows that a step drops, such as the duplicates that ``deduplicate`` drops.

        Args:
            name: The name of the dropped rows in the report.
            step: The step, which drops rows and adds none.

        Returns:
            The step, with the rows before and after it counted.
        """
        check_text("name", name, expected="the name of the dropped rows")
        check_step("step", step)

        def count_after(call: str) -> Planner:
            return _plan(lambda df: self._runs.count_after(df, Counting(call, "dropped", (name,)), _rows))

        counts = self._counts("dropped", [name], lambda _: _rows), count_after
        before, after = (AuditStep(self.dropped, (name, step), {}, planner_of) for planner_of in counts)
        return lambda _: Chain([before, step, after])

    @audit_step
    def missing(self, *columns: str) -> PlannerOf:
        """Count the null values, and in float and double columns the NaN values, of columns.

        In columns of exploded arrays, rows without an element are not counted.

        Args:
            *columns: The columns' names, taken literally; at least one.

        Returns:
            A Transform that leaves rows and columns unchanged.
        """
        _check_columns(columns)

        return self._counts("missing", columns, partial(missing_metrics, columns))

    @audit_step
    def filled(self, *columns: str, flag_suffix: str = "_imputed") -> PlannerOf:
        """Count the values that ``impute_financials`` filled, by the flags of its top-level columns.

        Args:
            *columns: The columns that were filled, at least one.
            flag_suffix: The suffix that ``impute_financials`` was given.

        Returns:
            A Transform that leaves rows and columns unchanged. Applied to a DataFrame without the boolean column
            ``<column><flag_suffix>``, it raises ``ColumnNotFoundError`` or ``ColumnTypeError``.
        """
        _check_columns(columns)
        check_text("flag_suffix", flag_suffix, expected="the suffix of the flags' names")

        def metrics(frame: Frame) -> Metrics:
            indexes = [
                frame.require(column + flag_suffix, BooleanType, expected="the boolean that impute_financials adds")
                for column in columns
            ]
            return lambda column: [count_where(column(index)) for index in indexes]

        return self._counts("filled", columns, metrics)

    @audit_step
    def violations(self, *rules: Rule, violations_column: str = "_violations") -> PlannerOf:
        """Count the rows that violate each rule.

        Args:
            *rules: The rules that ``flag_violations`` was given.
            violations_column: The column that it added.

        Returns:
            A Transform that leaves rows and columns unchanged.
        """
        check_rules("rules", rules)
        check_column("violations_column", violations_column)

        def metrics(frame: Frame) -> Metrics:
            index = find_violations(frame, violations_column)
            return lambda column: [count_where(_is_violated(rule, column(index))) for rule in rules]

        return self._counts("violations", [rule.name for rule in rules], metrics)

    def report(self, *, rows_in: str | None = None, rows_out: str | Sequence[str] = ()) -> AuditReport:
        """Report the metrics of this thread's newest run, after the write that ran its chain.

        A thread that has applied no step of the audit reports the newest run of all.

        Args:
            rows_in: The name of the count of the input rows. None reconciles nothing.
            rows_out: The names of the counts, or of dropped rows, that should add up to the input rows.

        Returns:
            The report.

        Raises:
            AuditIncompleteError: No step of this audit was applied, or the step of a ``dropped`` raised an error.
            InvalidArgumentError: The run has no count of a name.
        """
        names = _check_reconciled(rows_in, rows_out)
        run = self._runs.newest
        if run is None:
            raise AuditIncompleteError("the audit")
        return _report(run, rows_in, names)

    def reports(self, *, rows_in: str | None = None, rows_out: str | Sequence[str] = ()) -> list[AuditReport]:
        """Report the metrics of every run, in the order in which they began.

        Args:
            rows_in: As in ``report``.
            rows_out: As in ``report``.

        Returns:
            A report for each run; none before the first one.

        Raises:
            AuditIncompleteError: The step of a ``dropped`` raised an error in one of the runs.
            InvalidArgumentError: A run has no count of a name.
        """
        names = _check_reconciled(rows_in, rows_out)
        return [_report(run, rows_in, names) for run in self._runs.all]

    def _counts(self, part: str, names: Sequence[str], metrics: Callable[[Frame], Metrics]) -> PlannerOf:
        def planner_of(call: str) -> Planner:
            counting = Counting(call, part, tuple(names))

            def plan(frame: Frame) -> Plan:
                if frame.is_streaming:
                    raise UnsupportedError(
                        "audit: expected a batch; got a stream. Use DataFrame.observe with a query listener"
                    )
                planned = metrics(frame)
                return frame.unchanged(lambda df: self._runs.count(df, counting, planned))

            return plan

        return planner_of


def _plan(apply: Transform) -> Planner:
    return lambda frame: frame.unchanged(apply)


def _report(run: Run, rows_in: str | None, rows_out: Sequence[str]) -> AuditReport:
    values = run.values()
    rows, dropped, missing, filled, violations = (values[part] for part in PARTS)
    report = AuditReport(rows, dropped, missing, filled, violations, is_recounted=run.is_recounted)
    counts = {**values["rows"], **values["dropped"]}
    named = [("rows_in", rows_in)] if rows_in is not None else []
    for argument, name in [*named, *(("rows_out", name) for name in rows_out)]:
        if name not in counts:
            raise InvalidArgumentError(argument, expected=f"one of {', '.join(counts)}", got=name)
    if rows_in is None:
        return report
    return replace(report, rows_in=counts[rows_in], rows_out=sum(counts[name] for name in rows_out))


def _check_columns(columns: Sequence[str]) -> None:
    for column in columns:
        check_column("columns", column)
    if not columns or len(set(columns)) < len(columns):
        raise InvalidArgumentError("columns", expected="the names of columns, at least one, each once", got=columns)


def _check_reconciled(rows_in: object, rows_out: object) -> tuple[str, ...]:
    check_optional_text("rows_in", rows_in, expected="the name of a count, or None")
    expected = "the name of a count, or a sequence of them, each once"
    names = check_texts("rows_out", [rows_out] if isinstance(rows_out, str) else rows_out, expected=expected)
    if len(set(names)) < len(names):
        raise InvalidArgumentError("rows_out", expected=expected, got=rows_out)
    return names


def _rows(_: Callable[[int], str]) -> Sequence[str]:
    return ["count(1)"]


def _is_violated(rule: Rule, column: str) -> str:
    return f"size({column}) > 0 AND array_contains({column}, {literal(rule.name)})"
