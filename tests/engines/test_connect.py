"""On Spark Connect, chains return the rows of a classic session, and each step looks up the schema once."""

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
    # A separate process: a process cannot have both a Connect session and a classic session.
    with worker(connect_address, environment=surroundings()) as process:
        return process.report


@pytest.fixture(scope="module")
def expected(spark: SparkSession) -> dict[str, Any]:
    chain_results: dict[str, Any] = json.loads(json.dumps(results(spark)))
    return chain_results


@pytest.mark.parametrize("chain", CHAINS)
def test_a_chain_returns_the_same_rows_and_schema(
    chain: str, connect: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert connect["results"][chain] == expected[chain]
    assert expected[chain]["rows"]


def test_each_step_looks_up_the_schema_once(connect: dict[str, Any]) -> None:
    assert connect["analyze_requests"] == [1] * len(README)
