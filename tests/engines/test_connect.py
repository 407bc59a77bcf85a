"""On Spark Connect, chains give the rows of a classic session, with one look-up of the schema a step."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from chains import CHAINS, README, results
from engines import worker
from processes import surroundings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.engines, pytest.mark.needs("a server of its own")]


@pytest.fixture(scope="module")
def connect(connect_address: str) -> dict[str, Any]:
    # A process of its own: a session of Spark Connect and a classic one do not live in one.
    with worker(connect_address, environment=surroundings()) as other:
        return other.found


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
