"""One Spark session for the whole run, and files for each test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from engines import NEEDS, session
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

# No deadline: a Spark job's time says nothing. `make test-properties` tries more cases than a developer waits for.
settings.register_profile("local", max_examples=10, deadline=None)
CASES = int(os.environ.get("SHOPSMART_CASES", "200"))
settings.register_profile("ci", max_examples=CASES, deadline=None, print_blob=True)
settings.load_profile("local")


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    with session(str(tmp_path_factory.mktemp("warehouse"))) as spark:
        yield spark


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that need what this engine lacks."""
    for item in items:
        for marker in item.iter_markers("needs"):
            for need in (NEEDS[name] for name in marker.args):
                if not need.met:
                    item.add_marker(pytest.mark.skip(reason=need.reason))


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
