"""On Spark Connect the same chains give the same rows, with no more requests than steps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from chains import CHAINS, README, results

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def connect() -> dict[str, Any]:
    # A process of its own: a session of Spark Connect and a classic one do not live in one.
    script = str(Path(__file__).parent / "chains.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def classic(spark: SparkSession) -> dict[str, Any]:
    return results(spark)


@pytest.mark.parametrize("chain", CHAINS)
def test_a_chain_gives_the_same_rows_and_schema(chain: str, connect: dict[str, Any], classic: dict[str, Any]) -> None:
    assert connect["results"][chain] == json.loads(json.dumps(classic[chain]))
    assert classic[chain]["rows"]


def test_each_step_looks_the_schema_up_once(connect: dict[str, Any]) -> None:
    assert connect["counts"] == [1] * len(README)
