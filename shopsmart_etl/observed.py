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
        self._aggregate: Callable[[], DataFrame] | None = None

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
        self._aggregate = lambda: placed.agg(*aliased)
        if self._observation is None:
            return df
        observed = placed.observe(self._observation, *aliased)
        return observed if told_apart else observed.toDF(*names)

    def figures(self) -> dict[str, int]:
        """Wait for the figures, but not for an action that never comes."""
        if self._names is None:
            raise AuditIncompleteError(self.call)
        if not self._names:
            return {}
        got = self._arrived() if self._observation is not None else {}
        if not got and self._aggregate is not None:
            got = self._aggregate().collect()[0].asDict()
            # Spark's optimizer takes away what stands behind no rows, the observation with it. Where there are rows,
            # the action had no need of them.
            if self._observation is not None and any(got.values()):
                raise AuditIncompleteError(self.call)
        return {name: got[f"figure{at}"] for at, name in enumerate(self._names)}

    def _arrived(self) -> dict[str, int]:
        """Wait for the figures; none come where Spark has run the chain without the observation."""
        got: list[dict[str, int]] = []
        waiting = Thread(target=lambda: got.append(_get(self._observation)), daemon=True)
        waiting.start()
        waiting.join(_SECONDS_TO_ARRIVE)
        if not got:
            raise AuditIncompleteError(self.call)
        return got[0]


def _get(observation: Observation | None) -> dict[str, int]:
    try:
        return observation.get if observation is not None else {}
    except Exception:  # noqa: BLE001 - on classic Spark 4 a Java error, without a type of its own, says that there are none
        return {}
