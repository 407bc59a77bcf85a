"""The engine that this run is on, and what a test needs that not every engine has."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Any, NamedTuple

import pyspark
from processes import started
from pyspark.sql import SparkSession
from repository import ROOT
from servers import connect_server, sail_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from subprocess import Popen

    from pyspark.sql import DataFrame

# SHOPSMART_ENGINE: classic; or connect or sail, a server in a process of its own. SHOPSMART_SERVER is the server's
# Python where that is not the client's: the pip package of Spark 3.5 has no server in it.
ENGINE = os.environ.get("SHOPSMART_ENGINE", "classic")
SERVER = Path(os.environ.get("SHOPSMART_SERVER", sys.executable))
# With pyspark-client and pysail, and no JVM.
CLIENT = ROOT / ".venv-client" / "bin" / "python"
VERSION = tuple(int(part) for part in pyspark.__version__.split(".")[:2])

# Where SQL takes ``user`` for a function, as the standard has it.
RESERVED_WORDS = {"spark.sql.ansi.enabled": "true", "spark.sql.ansi.enforceReservedKeywords": "true"}


class Need(NamedTuple):
    """What some tests need.

    Attributes:
        met: Whether this engine has it.
        reason: Why the tests are skipped where it has not; docs/engines.md repeats it.
    """

    met: bool
    reason: str


NEEDS: Mapping[str, Need] = {
    "a server of its own": Need(VERSION >= (4, 0), "the pip package of Spark 3.5 has no Connect server in it"),
    "observations": Need(ENGINE == "classic" or VERSION >= (4, 2), "Spark Connect loses observations before 4.2"),
    "observations on Connect": Need(VERSION >= (4, 2), "Spark Connect loses observations before 4.2"),
    "rows counted once": Need(VERSION >= (4, 3), "Spark before 4.3 counts again what it computes again"),
    "jobs to count": Need(ENGINE == "classic", "Spark Connect does not say how many jobs it ran"),
    "accumulators": Need(ENGINE == "classic", "Spark Connect has no accumulators"),
    "columns in hints": Need(VERSION >= (4, 0), "PySpark 3.5 takes no column in a hint"),
    "variants": Need(VERSION >= (4, 0), "Spark 3.5 has no variants"),
    "encodings that are refused": Need(VERSION >= (4, 0), "Spark 3.5 reads every encoding that Java knows"),
    "names of unreadable files": Need(VERSION >= (4, 0), "Spark 3.5 does not say which file it failed to read"),
    "declarative pipelines": Need(VERSION >= (4, 1), "Spark before 4.1 has no declarative pipelines"),
    "empty structs": Need(VERSION >= (4, 0), "Spark 3.5 has no columns of structs without fields"),
}


@contextmanager
def session(warehouse: str) -> Iterator[SparkSession]:
    """Give the session that a run's tests share."""
    static = {"spark.sql.warehouse.dir": warehouse, "spark.log.level": "ERROR"}
    settings: dict[str, Any] = {"spark.sql.shuffle.partitions": "2", "spark.sql.session.timeZone": "UTC"}
    if VERSION < (4, 0):
        # As from 4.0 on. Before, a day that is none fails the job that should keep its line as corrupt.
        settings["spark.sql.legacy.timeParserPolicy"] = "CORRECTED"
    if ENGINE == "classic":
        made = SparkSession.builder.master("local[2]").appName("shopsmart_etl tests")
        # Memory for plans of 4,000 columns.
        local = {"spark.ui.enabled": "false", "spark.driver.memory": "4g"}
        yield from _used(made.config(map={**static, **settings, **local}))
        return
    with sail_server(SERVER) if ENGINE == "sail" else connect_server(SERVER, settings=static) as address:
        yield from _used(SparkSession.builder.remote(address).config(map=settings))


def _used(builder: SparkSession.Builder) -> Iterator[SparkSession]:
    spark = builder.getOrCreate()
    yield spark
    spark.stop()


@contextmanager
def configured(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """Set a session's settings, and set them back."""
    before = {name: str(spark.conf.get(name)) for name in settings}
    try:
        for name, value in settings.items():
            spark.conf.set(name, value)
        yield
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)


def told(cause: str, *, error: str) -> str:
    """Give what is told of a job that failed: the cause, or from PySpark 3.5's client for Connect the error alone."""
    return cause if ENGINE == "classic" or VERSION >= (4, 0) else error


def plan_of(df: DataFrame) -> str:
    """Give the text of a physical plan."""
    with redirect_stdout(io.StringIO()) as out:
        df.explain()
    return out.getvalue()


class Worker:
    """Another engine, in a process of its own: what it makes of the chains, and of the README's on any case.

    The process reads what to do from its stdin, and ends where that is closed.
    """

    def __init__(self, process: Popen[str]) -> None:
        """Wait for the results of a process that has started."""
        self._process = process
        self.found = self._answer()

    def result_of(self, case: str) -> dict[str, Any]:
        """Run the README's chain on a case."""
        assert self._process.stdin is not None
        print(case, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the other engine's process has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def worker(
    address: str,
    *,
    kind: str = "remote",
    python: str = sys.executable,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Worker]:
    """Start another engine, whose kind is that of the address: ``remote``, or ``master``."""
    command = [python, "-W", "ignore", Path(__file__).with_name("chains.py"), kind, address]
    with started(command, env=environment, stdin=PIPE, stdout=PIPE) as process:
        yield Worker(process)
