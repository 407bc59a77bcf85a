"""Figures that one place of a chain is asked for."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import TypeAlias

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

from shopsmart_etl.errors import AuditIncompleteError, UnsupportedError
from shopsmart_etl.schema import positions, quote

# Makes the figures of a DataFrame, given what reaches a column by its position.
Counts: TypeAlias = Callable[[DataFrame, Callable[[int], Column]], dict[str, Column]]

# Spark hands the figures over a moment after the action has ended.
_SECONDS_TO_ARRIVE = 30


class Observed:
    """One step's figures, before and after they are there."""

    def __init__(self, part: str, call: str, counts: Counts, *, in_passing: bool) -> None:
        """Say what is counted, and how: in passing, or by an aggregation of its own."""
        self.part = part
        self.call = call
        self._counts = counts
        self._names: list[str] | None = None
        self._observation = Observation() if in_passing else None
        self._aggregated: DataFrame | None = None

    def observe(self, df: DataFrame) -> DataFrame:
        """Hand on a DataFrame that is counted."""
        if self._names is not None:
            raise UnsupportedError(f"{self.call} stands in a chain already; make a step for each place that is counted")
        if df.isStreaming:
            raise UnsupportedError(
                "an audit counts one batch; on a stream, use DataFrame.observe with a query listener"
            )
        names = df.schema.names
        told_apart = len({name.lower() for name in names}) == len(names)
        counts = self._counts(df, lambda at: F.col(quote(names[at]) if told_apart else str(at)))
        self._names = list(counts)
        if not counts:
            return df
        # By position, since the report's names may be any text.
        aliased = [count.alias(f"figure{at}") for at, count in enumerate(counts.values())]
        placed = df if told_apart else df.toDF(*positions(len(names)))
        if self._observation is None:
            self._aggregated = placed.agg(*aliased)
            return df
        observed = placed.observe(self._observation, *aliased)
        return observed if told_apart else observed.toDF(*names)

    def figures(self) -> dict[str, int]:
        """Wait for the figures, but not for an action that never comes."""
        if self._names is None:
            raise AuditIncompleteError(self.call)
        if not self._names:
            return {}
        got = self._aggregated.collect()[0].asDict() if self._aggregated is not None else self._arrived()
        return {name: got[f"figure{at}"] for at, name in enumerate(self._names)}

    def _arrived(self) -> dict[str, int]:
        observation = self._observation
        got: list[dict[str, int]] = []
        waiting = Thread(target=lambda: got.append(observation.get if observation else {}), daemon=True)
        waiting.start()
        waiting.join(_SECONDS_TO_ARRIVE)
        if not got or not got[0]:
            raise AuditIncompleteError(self.call)
        return got[0]
