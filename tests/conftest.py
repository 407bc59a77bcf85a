"""Fixtures for the shared Spark session and for files, and the selection and order of tests."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from engines import CODEGEN, NEEDS, session
from hypothesis import settings
from processes import surroundings
from seed import SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

# No deadline: the time of a Spark job varies. `make test-properties` runs more cases.
settings.register_profile("local", max_examples=7, deadline=None)
CASES = int(os.environ.get("SHOPSMART_CASES", "200"))
settings.register_profile("ci", max_examples=CASES, deadline=None, print_blob=True)
settings.load_profile("local")

# For short runs: full JIT compilation would take half of the CPU time, and the verification of Spark's classes a fifth
# of that of a JVM's first jobs. Generated code is verified.
_JVM_FLAGS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData" + (
    "" if CODEGEN else " -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
)
# Markers that tests get from the fixtures that they use.
_BY_FIXTURE = {"spark": "spark", "browser": "examples", "shown": "examples"}
# Markers of tests that only `make test-all` runs.
_SLOW = {"cluster", "databricks", "declarative", "engines", "examples", "faults", "heavy", "lake"}


def pytest_configure() -> None:
    """Handle SIGTERM like an interrupt, so that fixtures are torn down and end their processes."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_report_header() -> str:
    return f"random moments of kills and writers, and random dirty records: SHOPSMART_SEED={SEED} repeats them"


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a value without its address in memory, which differs between the processes of a run."""
    return f"{argname}-{type(val).__name__}" if " at 0x" in repr(val) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that use Spark or are slow, skip tests that this engine does not support, run fast tests first."""
    for item in items:
        for fixture in set(getattr(item, "fixturenames", ())) & set(_BY_FIXTURE):
            item.add_marker(_BY_FIXTURE[fixture])
        names = {marker.name for marker in item.iter_markers()}
        if names & _SLOW or ({"exhaustive", "spark"} <= names and "sample" not in names):
            item.add_marker("slow")
        for marker in item.iter_markers("needs"):
            for need in (NEEDS[name] for name in marker.args):
                if not need.met:
                    item.add_marker(pytest.mark.skip(reason=need.reason))
    items.sort(key=lambda item: (bool(item.get_closest_marker("slow")), bool(item.get_closest_marker("spark"))))


@pytest.fixture(scope="session", autouse=True)
def _flags_and_folder_of_every_jvm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Set flags for short runs, and a temporary folder, for all JVMs of this run."""
    folder = str(tmp_path_factory.mktemp("jvm"))
    flags = os.environ.get("JAVA_TOOL_OPTIONS", _JVM_FLAGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", f"{flags} '-Djava.io.tmpdir={folder}'")
        patch.setenv("SPARK_LOCAL_DIRS", folder)
        patch.setenv("TMPDIR", folder)
        # Spark starts python3 from the path as its Python workers, which must have this Python's version.
        patch.setenv("PATH", surroundings()["PATH"])
        yield


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    with session(str(tmp_path_factory.mktemp("warehouse"))) as spark:
        yield spark


@pytest.fixture(scope="session")
def connect_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a Spark Connect server for all tests that need one in addition to the session."""
    # A local import: only tests of Connect need gRPC.
    from servers import connect_server  # noqa: PLC0415

    settings = {
        "spark.log.level": "ERROR",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("served")),
    }
    with connect_server(settings=settings) as address:
        yield address


@pytest.fixture
def written(tmp_path: Path) -> Callable[[list[str]], str]:
    """Return a function that writes lines to a new file and returns its path."""

    def write(lines: list[str]) -> str:
        path = tmp_path / f"lines-{len(list(tmp_path.iterdir()))}"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def new_path(tmp_path: Path) -> Callable[[], str]:
    """Return a function that returns a path that does not exist."""
    return lambda: str(tmp_path / f"new-{len(list(tmp_path.iterdir()))}")
