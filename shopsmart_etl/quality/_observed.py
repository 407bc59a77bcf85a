"""Metrics at one point of a chain, counted by an observation, or by an aggregation of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from shopsmart_etl._core.completed_writes import (
    QUERY_SQL,
    CompletedWrite,
    add_write_observer,
    arrived_metrics,
    remove_write_observer,
)
from shopsmart_etl._core.session import is_connect
from shopsmart_etl._core.spark_errors import translate_errors
from shopsmart_etl._core.sql import VARIABLE, positions, quote

Metrics: TypeAlias = Callable[[Callable[[int], str]], Sequence[str]]
"""Writes metrics in SQL, given a function that writes a column by its position."""

# The metrics of one query arrive together, and those of a completed write have arrived before these are read.
_SECONDS_TO_ARRIVE = 1


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
        self._writes: list[CompletedWrite] = []
        self._values: list[int] = []
        self._recounted: list[int] = []
        self._result = df

    def precedes(self, df: DataFrame) -> bool:
        """Tell whether a DataFrame is the result of the last step here, and has not been cached since."""
        is_counted = bool(self._values or self._writes)
        return df is self._result and not is_counted and not (self._use_observation and df.is_cached)

    def add(self, metrics: Metrics) -> tuple[DataFrame, range]:
        """Add metrics; return the step's result, and the positions of the metrics among all of this point."""
        start = len(self._metrics)
        # By position, since the report's names may be any text.
        self._metrics += [F.expr(f"{sql} AS metric{index}") for index, sql in enumerate(metrics(self._column), start)]
        self._recounted = []
        if self._use_observation:
            self._observation = observation = Observation()
            observed = self._rows.observe(observation, *self._metrics, F.expr(QUERY_SQL))
            add_write_observer(self)
            self._result = observed if self._is_by_name else observed.toDF(*self._names)
        return self._result, range(start, len(self._metrics))

    def observes(self, spark: SparkSession) -> bool:
        """Return whether a session is of the kind of this one."""
        return is_connect(spark) == is_connect(self._rows.sparkSession)

    def add_completed(self, write: CompletedWrite) -> None:
        """Note a write that ran to its end, whose query may have counted these rows."""
        self._writes.append(write)
        # On Connect the metrics are there when the action ends, and the next action replaces them.
        if is_connect(self._rows.sparkSession):
            self._read_observation()

    def values(self) -> list[int]:
        """Return all metrics of this point: of a write that ran to its end, or else of an aggregation."""
        if not self._values:
            self._read_observation()
        if not self._values and not self._recounted:
            with translate_errors():
                self._recounted = self._in_order(self._rows.agg(*self._metrics).collect()[0].asDict())
        return self._values or self._recounted

    @property
    def is_recounted(self) -> bool:
        """Whether the metrics are those of an aggregation, though a write was to count them."""
        return self._use_observation and not self._values

    def _read_observation(self) -> None:
        """Keep the metrics of the observation if a write that ran to its end has counted them."""
        queries = {write.query for write in self._writes} - {None}
        if self._observation is None or not queries:
            return
        metrics = arrived_metrics(self._observation, seconds=_SECONDS_TO_ARRIVE)
        if metrics.get("query") in queries:
            self._values = self._in_order(metrics)
            remove_write_observer(self)

    def _in_order(self, metrics: dict[str, int]) -> list[int]:
        return [metrics[f"metric{index}"] for index in range(len(self._metrics))]

    def _column(self, index: int) -> str:
        return quote(self._names[index] if self._is_by_name else str(index))
