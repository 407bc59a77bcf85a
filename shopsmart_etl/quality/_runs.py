"""The runs of an audit: which steps each has, and where their metrics are."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import NamedTuple

import pyspark
from pyspark.sql import DataFrame, SparkSession

from shopsmart_etl._core._sail import refuse_on_sail
from shopsmart_etl._core.session import is_connect
from shopsmart_etl.errors import AuditIncompleteError, InvalidArgumentError, UnsupportedError
from shopsmart_etl.quality._observed import Metrics, ObservationPoint

PARTS = "rows", "dropped", "missing", "filled", "violations"


class Counting(NamedTuple):
    """What a step counts.

    Attributes:
        call: The text of the step's call.
        part: The report's part.
        names: The names of the metrics in it.
    """

    call: str
    part: str
    names: tuple[str, ...]

    @property
    def taken(self) -> set[tuple[str, str]]:
        """The names that no other step of the run may use; counts and drops share theirs, since reports add them."""
        part = "rows" if self.part == "dropped" else self.part
        return {(part, name) for name in self.names}


@dataclass
class Counted:
    """One step in one run."""

    counting: Counting
    point: ObservationPoint
    indexes: range

    def values(self) -> dict[str, int]:
        """Return the metrics by name."""
        values = self.point.values()
        return {name: values[index] for name, index in zip(self.counting.names, self.indexes, strict=True)}


@dataclass
class Run:
    """The steps that one run has applied, in order, and for each watched step the count after it."""

    steps: list[Counted] = field(default_factory=list)
    after: dict[str, Counted] = field(default_factory=dict)

    def find(self, part: str, names: tuple[str, ...]) -> Counted | None:
        """Find the step that counts these metrics."""
        found = (step for step in self.steps if (step.counting.part, step.counting.names) == (part, names))
        return next(found, None)

    @property
    def is_recounted(self) -> bool:
        """Whether an aggregation has counted some metrics, since no write that ended had; known after ``values``."""
        return any(step.point.is_recounted for step in (*self.steps, *self.after.values()))

    def values(self) -> dict[str, dict[str, int]]:
        """Return the metrics by part and name.

        Raises:
            AuditIncompleteError: A watched step raised an error, so that the rows after it are not counted.
        """
        parts: dict[str, dict[str, int]] = {part: {} for part in PARTS}
        for step in self.steps:
            values = step.values()
            if step.counting.part == "dropped":
                [name] = step.counting.names
                if name not in self.after:
                    raise AuditIncompleteError(step.counting.call)
                values = {name: values[name] - self.after[name].values()[name]}
            parts[step.counting.part].update(values)
        return parts


class _Current(threading.local):
    """The run that a thread applies, and the point of the last step: threads do not share one."""

    run: Run | None = None
    last: ObservationPoint | None = None


class Runs:
    """All runs of an audit, in order. A run begins with a step that the thread's run before it has already."""

    def __init__(self, *, use_observation: bool) -> None:
        """Start without a run."""
        self._use_observation = use_observation
        self._current = _Current()
        self.all: list[Run] = []

    @property
    def newest(self) -> Run | None:
        """The newest run of this thread; where the thread has none, of all threads."""
        return self._current.run or (self.all[-1] if self.all else None)

    def count(self, df: DataFrame, counting: Counting, metrics: Metrics) -> DataFrame:
        """Count a step's metrics; return the DataFrame that is counted.

        Raises:
            InvalidArgumentError: Another step of the run has one of its names.
            UnsupportedError: The engine has no observations, or loses them.
        """
        if self._use_observation:
            _refuse_to_observe(df.sparkSession, counting.call)
        run = self._current.run
        if run is None or _begins_run(run, df, counting, use_observation=self._use_observation):
            self._current.run = run = Run()
            self._current.last = None
            self.all.append(run)
        observed, counted = self._observe(df, counting, metrics)
        run.steps.append(counted)
        return observed

    def count_after(self, df: DataFrame, counting: Counting, metrics: Metrics) -> DataFrame:
        """Count the rows after a watched step, in the run that has those before it."""
        [name] = counting.names
        # A step that is watched may begin a run itself, so the run of the rows before it need not be the current one.
        runs = (self._current.run, *reversed(self.all))
        run = next(run for run in runs if run and run.find("dropped", (name,)) and name not in run.after)
        observed, run.after[name] = self._observe(df, counting, metrics)
        return observed

    def _observe(self, df: DataFrame, counting: Counting, metrics: Metrics) -> tuple[DataFrame, Counted]:
        last = self._current.last
        if last is None or not last.precedes(df):
            self._current.last = last = ObservationPoint(df, use_observation=self._use_observation)
        observed, indexes = last.add(metrics)
        return observed, Counted(counting, last, indexes)


def _begins_run(run: Run, df: DataFrame, counting: Counting, *, use_observation: bool) -> bool:
    same = run.find(counting.part, counting.names)
    # In one chain if the step that has the names handed on this very DataFrame. Without observations that is also the
    # DataFrame that it was given, so that this may be another chain.
    is_same_chain = same is not None and use_observation and same.point.precedes(df)
    if same is not None and not is_same_chain:
        return True
    clashes = counting.taken & {taken for step in run.steps for taken in step.counting.taken}
    for _, name in sorted(clashes):
        raise InvalidArgumentError("name", expected="a name that no other step of this run has", got=name)
    return False


def _refuse_to_observe(spark: SparkSession, call: str) -> None:
    """Refuse observations on Sail and on Spark Connect before 4.2.

    Sail and Connect 3.5 have no observations. Connect 4.0 keeps only one observation per plan. Up to Connect 4.1, an
    observation that occurs twice in a plan is an error (SPARK-56322); a write that counts its rows has such a plan.

    Raises:
        UnsupportedError: The session does not support observations.
    """
    hint = "Use Audit(use_observation=False), which counts with aggregations"
    if is_connect(spark) and pyspark.__version__.startswith(("3.", "4.0.", "4.1.")):
        raise UnsupportedError(
            f"{call}: expected Spark Connect 4.2 or newer; got {pyspark.__version__}, which loses observations. {hint}"
        )
    refuse_on_sail(spark, call, why="has no observations", hint=hint)
