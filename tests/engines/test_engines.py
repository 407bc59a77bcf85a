"""Spark Connect and Sail servers, with a client without a JVM, and older Spark versions return the same rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from chains import CHAINS, FAILS_ON_SAIL, README, REFUSED_ON_SAIL, encode_rows, result_of, results
from engines import CLIENT, Worker, worker
from hypothesis import given
from hypothesis import strategies as st
from processes import run, surroundings
from pyspark.sql.types import ArrayType, DecimalType, LongType, StructField, StructType
from repository import ROOT
from servers import sail_server
from strategies import SCHEMAS, rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from pyspark.sql import SparkSession

pytestmark = pytest.mark.engines

# Only the client's environment: no Java on the path, and no JAVA_HOME.
ENVIRONMENT = {"PATH": str(CLIENT.parent)}
SAIL_LACKS = {
    "keyed": "surrogate_key is refused on Sail",
    "looked up": "lookup is refused on Sail",
    "rescued": "conform(on_extra='rescue') is refused on Sail",
}


def client(address: str) -> AbstractContextManager[Worker]:
    return worker(address, python=str(CLIENT), environment=ENVIRONMENT)


@pytest.fixture(scope="module")
def sail_address() -> Iterator[str]:
    with sail_server(CLIENT) as address:
        yield address


@pytest.fixture(scope="module")
def connect(connect_address: str) -> Iterator[Worker]:
    with client(connect_address) as process:
        yield process


@pytest.fixture(scope="module")
def sail(sail_address: str) -> Iterator[Worker]:
    with client(sail_address) as process:
        yield process


@pytest.fixture(scope="module", params=["3.5", "4.0", "4.1", "4.2"])
def older(request: pytest.FixtureRequest) -> Iterator[Worker]:
    python = ROOT / f".venv-spark-{request.param}" / "bin" / "python"
    if not python.exists():
        pytest.skip("the environment of this Spark version does not exist: run make test-matrix")
    with worker("local[2]", kind="master", python=str(python), environment=surroundings()) as process:
        assert process.report["version"].startswith(request.param)
        yield process


@pytest.fixture(scope="module")
def expected(spark: SparkSession) -> dict[str, Any]:
    chain_results: dict[str, Any] = json.loads(json.dumps(results(spark)))
    return chain_results


@pytest.mark.parametrize("chain", CHAINS)
def test_a_client_without_a_jvm_gets_the_same_rows_and_schema_from_spark(
    chain: str, connect: Worker, expected: dict[str, Any]
) -> None:
    assert connect.report["java"] is None
    assert connect.report["results"][chain] == expected[chain]
    assert expected[chain]["rows"]


def test_an_older_spark_returns_the_same_rows_and_schemas(older: Worker, expected: dict[str, Any]) -> None:
    assert older.report["results"] == expected


def test_a_client_without_a_jvm_looks_up_the_schema_once_per_step(connect: Worker) -> None:
    assert connect.report["analyze_requests"] == [1] * len(README)


@pytest.mark.parametrize("chain", [name for name in CHAINS if name not in SAIL_LACKS])
def test_sail_returns_the_same_rows_and_columns(chain: str, sail: Worker, expected: dict[str, Any]) -> None:
    result = sail.report["results"][chain]
    assert "error" not in result
    assert result["rows"] == expected[chain]["rows"]
    assert columns(result["schema"]) == columns(expected[chain]["schema"])


@pytest.mark.parametrize(("chain", "message"), SAIL_LACKS.items())
def test_a_chain_that_sail_does_not_support_fails_with_one_line(chain: str, message: str, sail: Worker) -> None:
    assert message in sail.report["results"][chain]["message"]


def test_calls_with_wrong_results_on_sail_are_refused(sail: Worker) -> None:
    messages: dict[str, str] = sail.report["refused"]
    assert {name: text.startswith(name) for name, text in messages.items() if name != "Audit"} == {
        name: True for name in REFUSED_ON_SAIL if name != "Audit"
    }
    assert all(" is refused on Sail, which " in text for text in messages.values())
    assert messages["Audit"] == (
        "audit.count('rows') is refused on Sail, which has no observations. "
        "Use Audit(use_observation=False), which counts with aggregations"
    )


@pytest.mark.parametrize("step", FAILS_ON_SAIL)
def test_calls_that_fail_on_sail_work_on_spark(step: str, connect: Worker, sail: Worker) -> None:
    assert connect.report["failed"][step] is None
    assert sail.report["failed"][step]


@pytest.mark.parametrize("engine", ["connect", "sail"])
def test_an_audit_without_observations_counts_the_same(engine: str, request: pytest.FixtureRequest) -> None:
    metrics = request.getfixturevalue(engine).report["audit_metrics"]
    assert (metrics["rows"], metrics["missing"]) == ({"bronze": 3}, {"total": 1, "items": 1})


@pytest.mark.parametrize("engine", ["connect", "sail"])
def test_the_example_prints_the_output_on_the_page(engine: str, request: pytest.FixtureRequest) -> None:
    address = request.getfixturevalue(f"{engine}_address")
    command = [str(CLIENT), "-W", "ignore", str(ROOT / "examples" / "remote.py"), "--remote", address]
    process = run(command, env=ENVIRONMENT)
    assert process.returncode == 0, process.stderr
    assert f"```console\n{process.stdout.strip()}\n```" in (ROOT / "docs" / "engines.md").read_text(encoding="utf-8")


def columns(schema: dict[str, Any]) -> str:
    """Return names and types, without nullability: Sail marks more columns as nullable than Spark."""
    return StructType.fromJson(schema).simpleString()


@st.composite
def orders(draw: st.DrawFn) -> tuple[StructType, list[Any]]:
    """Generate documents with the columns of the README's chain, and with other generated fields."""
    price = StructField("price", DecimalType(12, 2))
    item = StructType([price, StructField("more", draw(SCHEMAS))])
    schema = StructType(
        [
            StructField("id", LongType()),
            StructField("customer", draw(SCHEMAS)),
            StructField("items", ArrayType(item, draw(st.booleans()))),
        ]
    )
    return schema, draw(st.lists(rows(schema), min_size=1, max_size=4))


@given(documents=orders())
def test_generated_documents_return_the_same_rows_and_schema_on_spark_connect(
    spark: SparkSession, connect: Worker, documents: tuple[StructType, list[Any]]
) -> None:
    line = encode_rows(*documents)
    assert connect.result_of(line) == json.loads(json.dumps(result_of(spark, line)))


@given(documents=orders())
def test_generated_documents_return_the_same_rows_and_schema_on_an_older_spark(
    spark: SparkSession, older: Worker, documents: tuple[StructType, list[Any]]
) -> None:
    line = encode_rows(*documents)
    assert older.result_of(line) == json.loads(json.dumps(result_of(spark, line)))


@given(documents=orders())
def test_generated_documents_return_the_same_rows_and_types_on_sail(
    spark: SparkSession, sail: Worker, documents: tuple[StructType, list[Any]]
) -> None:
    line = encode_rows(*documents)
    result, expected = sail.result_of(line), json.loads(json.dumps(result_of(spark, line)))
    assert columns(result["schema"]) == columns(expected["schema"])
    assert result["rows"] == expected["rows"]
