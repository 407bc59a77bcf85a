"""One Spark session for the whole run, files for each test, and which tests run when."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from engines import NEEDS, session
from hypothesis import settings
from processes import surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

# No deadline: a Spark job's time says nothing. `make test-properties` tries more cases than a developer waits for.
settings.register_profile("local", max_examples=10, deadline=None)
CASES = int(os.environ.get("SHOPSMART_CASES", "200"))
settings.register_profile("ci", max_examples=CASES, deadline=None, print_blob=True)
settings.load_profile("local")

# Tests run for seconds: compiling their code as far as a service's takes half of the CPU time.
_JVM_FLAGS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData"
# A test that uses one of these fixtures gets its marker.
_BY_FIXTURE = {"spark": "spark", "browser": "examples", "shown": "examples"}
# Markers of tests that `make test` leaves to `make test-all`.
_SLOW = {"cluster", "databricks", "declarative", "engines", "examples", "faults", "heavy", "lake"}


def pytest_configure() -> None:
    """End with all fixtures torn down, and so all processes ended, where the run is terminated too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses Spark and what is slow, skip what this engine lacks, and run what is quick first."""
    for item in items:
        for fixture in set(getattr(item, "fixturenames", ())) & set(_BY_FIXTURE):
            item.add_marker(_BY_FIXTURE[fixture])
        if _SLOW & {marker.name for marker in item.iter_markers()}:
            item.add_marker("slow")
        for marker in item.iter_markers("needs"):
            for need in (NEEDS[name] for name in marker.args):
                if not need.met:
                    item.add_marker(pytest.mark.skip(reason=need.reason))
    items.sort(key=lambda item: (bool(item.get_closest_marker("slow")), bool(item.get_closest_marker("spark"))))


@pytest.fixture(scope="session", autouse=True)
def _flags_and_folder_of_every_jvm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the JVMs of this run, those of its processes too, flags for short runs, and a folder for what they leave."""
    folder = str(tmp_path_factory.mktemp("jvm"))
    flags = os.environ.get("JAVA_TOOL_OPTIONS", _JVM_FLAGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", f"{flags} '-Djava.io.tmpdir={folder}'")
        patch.setenv("SPARK_LOCAL_DIRS", folder)
        patch.setenv("TMPDIR", folder)
        # Spark's Python workers are the python3 on the path, and have to be of this Python's version.
        patch.setenv("PATH", surroundings()["PATH"])
        yield


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    with session(str(tmp_path_factory.mktemp("warehouse"))) as spark:
        yield spark


@pytest.fixture(scope="session")
def connect_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve Spark Connect to all tests that need a server as well as the session."""
    # Not imported above: only tests of Connect need gRPC.
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
    """Write lines to a file of its own, and give its path."""

    def write(lines: list[str]) -> str:
        path = tmp_path / f"lines-{len(list(tmp_path.iterdir()))}"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def new_path(tmp_path: Path) -> Callable[[], str]:
    """Give a path at which nothing is yet."""
    return lambda: str(tmp_path / f"new-{len(list(tmp_path.iterdir()))}")
