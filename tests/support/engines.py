"""The engine of the test run, and the features that some tests need and not every engine has."""

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

# SHOPSMART_ENGINE: classic; or connect or sail, with a server in a separate process. SHOPSMART_SERVER is the server's
# Python if it differs from the client's: the pip package of Spark 3.5 contains no Connect server.
ENGINE = os.environ.get("SHOPSMART_ENGINE", "classic")
SERVER = Path(os.environ.get("SHOPSMART_SERVER", sys.executable))
# An environment with pyspark-client and pysail, without a JVM.
CLIENT = ROOT / ".venv-client" / "bin" / "python"
VERSION = tuple(int(part) for part in pyspark.__version__.split(".")[:2])

# `make test` evaluates expressions without generated code: compiling it takes a fifth of the CPU time of jobs on a few
# rows. SHOPSMART_CODEGEN=1, which all parts of `make test-all` set, keeps Spark's defaults.
CODEGEN = os.environ.get("SHOPSMART_CODEGEN") == "1"
INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}

# With these settings SQL parses ``user`` as a function, as in the SQL standard.
RESERVED_WORDS = {"spark.sql.ansi.enabled": "true", "spark.sql.ansi.enforceReservedKeywords": "true"}


class Need(NamedTuple):
    """A feature that some tests need.

    Attributes:
        met: Whether this engine has the feature.
        reason: The reason for skipping the tests without it; docs/engines.md repeats it.
    """

    met: bool
    reason: str


NEEDS: Mapping[str, Need] = {
    "a server of its own": Need(VERSION >= (4, 0), "the pip package of Spark 3.5 does not include a Connect server"),
    "observations": Need(ENGINE == "classic" or VERSION >= (4, 2), "Spark Connect loses observations before 4.2"),
    "observations on Connect": Need(VERSION >= (4, 2), "Spark Connect loses observations before 4.2"),
    "rows counted once": Need(VERSION >= (4, 3), "Spark before 4.3 counts recomputed rows twice"),
    "jobs to count": Need(ENGINE == "classic", "Spark Connect does not report the number of jobs"),
    "a JVM": Need(ENGINE == "classic", "the client of Spark Connect has no JVM"),
    "accumulators": Need(ENGINE == "classic", "Spark Connect has no accumulators"),
    "columns in hints": Need(VERSION >= (4, 0), "PySpark 3.5 does not accept columns in hints"),
    "variants": Need(VERSION >= (4, 0), "Spark 3.5 has no variants"),
    "encodings that are refused": Need(VERSION >= (4, 0), "Spark 3.5 accepts every encoding that Java supports"),
    "names of unreadable files": Need(VERSION >= (4, 0), "Spark 3.5 does not name the file that it failed to read"),
    "declarative pipelines": Need(VERSION >= (4, 1), "Spark before 4.1 has no declarative pipelines"),
    "new fields in older files": Need(VERSION >= (4, 1), "Spark before 4.1 reads null structs in older files"),
    "own names of files": Need(VERSION >= (4, 0), "Spark 3.5 does not let a writer name its files"),
    "empty structs": Need(VERSION >= (4, 0), "Spark 3.5 does not support structs without fields"),
}


@contextmanager
def session(warehouse: str) -> Iterator[SparkSession]:
    """Start the session that all tests of a run share."""
    static = {"spark.sql.warehouse.dir": warehouse, "spark.log.level": "ERROR"}
    settings: dict[str, Any] = {"spark.sql.shuffle.partitions": "2", "spark.sql.session.timeZone": "UTC"}
    if VERSION < (4, 0):
        # The default from 4.0 on. Before, an invalid date fails the job, instead of marking its line as corrupt.
        settings["spark.sql.legacy.timeParserPolicy"] = "CORRECTED"
    if ENGINE == "classic":
        builder = SparkSession.builder.master("local[2]").appName("shopsmart_etl tests")
        # Plans of 4,000 columns need 4 GB. Over TCP, each task that reads rows made in Python waits 40 ms for a delayed
        # acknowledgement; Spark before 4.1 ignores the setting.
        local = {
            "spark.ui.enabled": "false",
            "spark.driver.memory": "4g",
            "spark.python.unix.domain.socket.enabled": "true",
            **({} if CODEGEN else INTERPRETED),
        }
        yield from _run_session(builder.config(map={**static, **settings, **local}))
        return
    with sail_server(SERVER) if ENGINE == "sail" else connect_server(SERVER, settings=static) as address:
        yield from _run_session(SparkSession.builder.remote(address).config(map=settings))


def _run_session(builder: SparkSession.Builder) -> Iterator[SparkSession]:
    spark = builder.getOrCreate()
    yield spark
    spark.stop()


@contextmanager
def configured(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """Change settings of a session, and restore them afterwards."""
    before = {name: str(spark.conf.get(name)) for name in settings}
    try:
        for name, value in settings.items():
            spark.conf.set(name, value)
        yield
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)


def failure_text(cause: str, *, error: str) -> str:
    """Return the text that a failed job's message contains: the cause, or with Connect 3.5 only the error."""
    return cause if ENGINE == "classic" or VERSION >= (4, 0) else error


def plan_of(df: DataFrame) -> str:
    """Return the text of the physical plan."""
    with redirect_stdout(io.StringIO()) as out:
        df.explain()
    return out.getvalue()


class Worker:
    """A separate process that runs the chains on another engine.

    The process reads encoded rows from stdin, and ends when stdin is closed.

    Attributes:
        report: The results of all chains.
    """

    def __init__(self, process: Popen[str]) -> None:
        """Wait for the results of a started process."""
        self._process = process
        self.report = self._answer()

    def result_of(self, line: str) -> dict[str, Any]:
        """Run the README's chain on encoded rows."""
        assert self._process.stdin is not None
        print(line, file=self._process.stdin, flush=True)
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
    """Start a worker on another engine; ``kind`` is the kind of the address, ``remote`` or ``master``."""
    command = [python, "-W", "ignore", Path(__file__).with_name("chains.py"), kind, address]
    with started(command, env=environment, stdin=PIPE, stdout=PIPE) as process:
        yield Worker(process)
