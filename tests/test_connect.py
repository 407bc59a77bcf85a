"""On Spark Connect, as a session starts it for itself, chains give classic rows, with no request too many."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from chains import CHAINS, README, results
from engines import Worker, surroundings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.needs("a server of its own")


@pytest.fixture(scope="module")
def connect() -> dict[str, Any]:
    # A process of its own: a session of Spark Connect and a classic one do not live in one. SPARK_TESTING is PySpark's
    # way to a free port.
    with Worker("local[2]", environment=surroundings(SPARK_TESTING="1")) as worker:
        return worker.found


@pytest.fixture(scope="module")
def here(spark: SparkSession) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(results(spark)))
    return found


@pytest.mark.parametrize("chain", CHAINS)
def test_a_chain_gives_the_same_rows_and_schema(chain: str, connect: dict[str, Any], here: dict[str, Any]) -> None:
    assert connect["results"][chain] == here[chain]
    assert here[chain]["rows"]


def test_each_step_looks_the_schema_up_once(connect: dict[str, Any]) -> None:
    assert connect["counts"] == [1] * len(README)
