"""Figures that a chain is asked for: one place of it, and one step that counts there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Thread
from typing import TypeAlias

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

from shopsmart_etl._core.engine import refuse_to_observe
from shopsmart_etl._core.sql import positions, quote
from shopsmart_etl.errors import AuditIncompleteError, UnsupportedError

# Writes the figures of a DataFrame in SQL, given what reaches a column by its position.
Counts: TypeAlias = Callable[[DataFrame, Callable[[int], str]], dict[str, str]]

# Spark hands the figures over a moment after the action has ended.
_SECONDS_TO_ARRIVE = 30


class Place:
    """A place of a chain, and all that is counted there by steps that stand side by side.

    One node of the plan counts for all of them: each node takes rows out of the code that Spark compiles, and back.
    """

    def __init__(self, df: DataFrame, *, in_passing: bool) -> None:
        """Begin with nothing counted."""
        self._names = df.schema.names
        self._told_apart = len({name.lower() for name in self._names}) == len(self._names)
        self._rows = df if self._told_apart else df.toDF(*positions(len(self._names)))
        self.in_passing = in_passing
        self._figures: list[Column] = []
        self._observation: Observation | None = None
        self._got: list[int] = []
        self._end = df

    def ends_in(self, df: DataFrame) -> bool:
        """Tell whether a DataFrame is what the last step here handed on, and has not been cached since."""
        return df is self._end and not (self.in_passing and df.is_cached)

    def column(self, at: int) -> str:
        """Reach a column by its position, in SQL."""
        return quote(self._names[at] if self._told_apart else str(at))

    def count(self, figures: Sequence[str]) -> tuple[DataFrame, range]:
        """Count more; give the DataFrame to hand on, and where these figures will be among all of this place."""
        before = len(self._figures)
        # By position, since the report's names may be any text.
        self._figures += [F.expr(f"{figure} AS figure{at}") for at, figure in enumerate(figures, before)]
        self._got = []
        if self.in_passing:
            self._observation = observation = Observation()
            observed = self._rows.observe(observation, *self._figures)
            self._end = observed if self._told_apart else observed.toDF(*self._names)
        return self._end, range(before, len(self._figures))

    def figures(self, call: str) -> list[int]:
        """Give all figures of this place; wait for them, but not for an action that never comes."""
        if not self._got:
            got = _arrived(self._observation, call) if self._observation is not None else {}
            if not got:
                got = self._rows.agg(*self._figures).collect()[0].asDict()
                # Spark's optimizer takes away what stands behind no rows, the observation with it. Where there are
                # rows, the action had no need of them.
                if self.in_passing and any(got.values()):
                    raise AuditIncompleteError(call)
            self._got = [got[f"figure{at}"] for at in range(len(self._figures))]
        return self._got


class Observed:
    """One step's figures, before and after they are there."""

    def __init__(self, part: str, call: str, counts: Counts, place: Callable[[DataFrame], Place]) -> None:
        """Say what is counted, and how the place is found where."""
        self.part = part
        self.call = call
        self._counts = counts
        self._find = place
        self._place: Place | None = None
        self._found: dict[str, int] = {}

    def observe(self, df: DataFrame) -> DataFrame:
        """Hand on a DataFrame that is counted."""
        if self._place is not None:
            raise UnsupportedError(f"{self.call} stands in a chain already; make a step for each place that is counted")
        if df.isStreaming:
            raise UnsupportedError(
                "an audit counts one batch; on a stream, use DataFrame.observe with a query listener"
            )
        place = self._find(df)
        if place.in_passing:
            refuse_to_observe(df.sparkSession, self.call)
        counts = self._counts(df, place.column)
        self._place = place
        if not counts:
            return df
        counted, figures = place.count(list(counts.values()))
        self._found = dict(zip(counts, figures, strict=True))
        return counted

    def figures(self) -> dict[str, int]:
        """Give the figures, once there are some."""
        if self._place is None:
            raise AuditIncompleteError(self.call)
        if not self._found:
            return {}
        got = self._place.figures(self.call)
        return {name: got[at] for name, at in self._found.items()}


def _arrived(observation: Observation, call: str) -> dict[str, int]:
    """Wait for the figures; none come where Spark has run the chain without the observation."""
    got: list[dict[str, int]] = []
    waiting = Thread(target=lambda: got.append(_get(observation)), daemon=True)
    waiting.start()
    waiting.join(_SECONDS_TO_ARRIVE)
    if not got:
        raise AuditIncompleteError(call)
    return got[0]


def _get(observation: Observation) -> dict[str, int]:
    try:
        return observation.get
    except Exception:  # noqa: BLE001 - on classic Spark 4 a Java error, without a type of its own, says that there are none
        return {}
