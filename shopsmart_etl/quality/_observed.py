"""Metrics at one point of a chain, counted by an observation, or by an aggregation of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Thread
from typing import TypeAlias

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

from shopsmart_etl._core.session import is_connect
from shopsmart_etl._core.sql import VARIABLE, positions, quote
from shopsmart_etl.errors import AuditIncompleteError

Metrics: TypeAlias = Callable[[Callable[[int], str]], Sequence[str]]
"""Writes metrics in SQL, given a function that writes a column by its position."""

# Spark delivers the metrics a moment after the action has ended.
_SECONDS_TO_ARRIVE = 30


class ObservationPoint:
    """A point of a chain, with everything that adjacent steps count there.

    One node of the plan counts for all of them: Spark interrupts compiled code at each such node.
    """

    def __init__(self, df: DataFrame, *, use_observation: bool) -> None:
        """Start without metrics."""
        self._names = df.schema.names
        is_unique = len({name.lower() for name in self._names}) == len(self._names)
        self._is_by_name = is_unique and not any(VARIABLE in name for name in self._names)
        self._rows = df if self._is_by_name else df.toDF(*positions(len(self._names)))
        self._use_observation = use_observation
        self._metrics: list[Column] = []
        self._observation: Observation | None = None
        self._values: list[int] = []
        self._result = df

    def precedes(self, df: DataFrame) -> bool:
        """Tell whether a DataFrame is the result of the last step here, and has not been cached since."""
        return df is self._result and not (self._use_observation and df.is_cached)

    def add(self, metrics: Metrics) -> tuple[DataFrame, range]:
        """Add metrics; return the step's result, and the positions of the metrics among all of this point."""
        start = len(self._metrics)
        # By position, since the report's names may be any text.
        self._metrics += [F.expr(f"{sql} AS metric{index}") for index, sql in enumerate(metrics(self._column), start)]
        self._values = []
        if self._use_observation:
            self._observation = observation = Observation()
            observed = self._rows.observe(observation, *self._metrics)
            self._result = observed if self._is_by_name else observed.toDF(*self._names)
        return self._result, range(start, len(self._metrics))

    def values(self, call: str) -> list[int]:
        """Return all metrics of this point. Waits for them, but not for an action that was never run.

        Raises:
            AuditIncompleteError: No action has counted them.
        """
        if not self._values:
            values = _arrived(self._observation, call) if self._observation is not None else {}
            if not values:
                values = self._rows.agg(*self._metrics).collect()[0].asDict()
                # Spark drops an observation below a relation that turns out to be empty, as adaptive execution does
                # after a shuffle without rows. On Connect that looks like an observation that no action has run.
                if self._use_observation and any(values.values()) and is_connect(self._rows.sparkSession):
                    raise AuditIncompleteError(call)
            self._values = [values[f"metric{index}"] for index in range(len(self._metrics))]
        return self._values

    def _column(self, index: int) -> str:
        return quote(self._names[index] if self._is_by_name else str(index))


def _arrived(observation: Observation, call: str) -> dict[str, int]:
    """Wait for the metrics; none come where Spark has run the chain without the observation."""
    arrived: list[dict[str, int]] = []
    waiting = Thread(target=lambda: arrived.append(_get(observation)), daemon=True)
    waiting.start()
    waiting.join(_SECONDS_TO_ARRIVE)
    if not arrived:
        raise AuditIncompleteError(call)
    return arrived[0]


def _get(observation: Observation) -> dict[str, int]:
    try:
        return observation.get
    except Exception:  # noqa: BLE001 - on classic Spark 4 a Java error, without a type of its own, means that there are none
        return {}
