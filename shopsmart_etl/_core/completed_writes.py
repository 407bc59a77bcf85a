"""Tell observers which queries a write ran to their end.

Spark also delivers the metrics of an action that stopped early, such as ``show``, or failed, and nothing in them shows
that rows are missing. Only the code that runs an action knows that it reads every row and has succeeded: here, a write.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Protocol
from weakref import WeakSet

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

QUERY_SQL = "unix_micros(current_timestamp()) AS query"
"""A metric that identifies the query: Spark reads the time once for all observations of a query."""

# Spark delivers the metrics a moment after the action has ended.
_SECONDS_TO_ARRIVE = 30


class CompletedWrite:
    """A write that ran to its end."""

    def __init__(self, observation: Observation) -> None:
        """Keep the observation, whose metrics may still arrive."""
        self._observation: Observation | None = observation
        self._query: int | None = None

    @property
    def query(self) -> int | None:
        """The query that wrote the rows; None where Spark dropped the observation, as it may where no row is left."""
        observation = self._observation
        if observation is not None:
            self._query = arrived_metrics(observation, seconds=_SECONDS_TO_ARRIVE).get("query")
            self._observation = None
        return self._query


class WriteObserver(Protocol):
    """Waits for a write to run to its end."""

    def observes(self, spark: SparkSession) -> bool:
        """Return whether it observes DataFrames of a kind of session."""
        ...

    def add_completed(self, write: CompletedWrite) -> None:
        """Note a write that ran to its end."""
        ...


_observers: WeakSet[WriteObserver] = WeakSet()
_lock = Lock()


def add_write_observer(observer: WriteObserver) -> None:
    """Tell an observer of all writes, on every thread, for as long as it lives or until it is removed."""
    with _lock:
        _observers.add(observer)


def remove_write_observer(observer: WriteObserver) -> None:
    """Tell an observer of no more writes."""
    with _lock:
        _observers.discard(observer)


@contextmanager
def complete_write(df: DataFrame) -> Iterator[DataFrame]:
    """Return the rows to write; where the block ends without an error, tell the observers that all were written.

    Without an observer the rows are those that were given, since not every engine has observations.
    """
    with _lock:
        observers = [observer for observer in _observers if observer.observes(df.sparkSession)]
    if not observers:
        yield df
        return
    observation = Observation()
    yield df.observe(observation, F.expr(QUERY_SQL))
    write = CompletedWrite(observation)
    for observer in observers:
        observer.add_completed(write)


def arrived_metrics(observation: Observation, *, seconds: float) -> dict[str, int]:
    """Wait for metrics; return none where no action has run, or Spark ran the chain without the observation."""
    arrived: list[dict[str, int]] = []
    waiting = Thread(target=lambda: arrived.append(_get(observation)), daemon=True)
    waiting.start()
    waiting.join(seconds)
    return arrived[0] if arrived else {}


def _get(observation: Observation) -> dict[str, int]:
    try:
        # A copy, since on Connect a later action replaces the metrics.
        return dict(observation.get)
    except Exception:  # noqa: BLE001 - on classic Spark 4 a Java error, without a type of its own, means that there are none
        return {}
