"""The same rows from servers in processes of their own, to a client that has no JVM, and from older Sparks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from chains import CHAINS, FAILS_ON_SAIL, README, REFUSED_ON_SAIL, case, result_of, results
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

# Nothing of this machine's but the client's environment: no Java on the path, and no home of one.
ENVIRONMENT = {"PATH": str(CLIENT.parent)}
SAIL_LACKS = {
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
    with client(connect_address) as other:
        yield other


@pytest.fixture(scope="module")
def sail(sail_address: str) -> Iterator[Worker]:
    with client(sail_address) as other:
        yield other


@pytest.fixture(scope="module", params=["3.5", "4.0", "4.1", "4.2"])
def older(request: pytest.FixtureRequest) -> Iterator[Worker]:
    python = ROOT / f".venv-spark-{request.param}" / "bin" / "python"
    if not python.exists():
        pytest.skip("the environment of another Spark is not here: make test-matrix makes it")
    with worker("local[2]", kind="master", python=str(python), environment=surroundings()) as other:
        assert other.found["version"].startswith(request.param)
        yield other


@pytest.fixture(scope="module")
def here(spark: SparkSession) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(results(spark)))
    return found


@pytest.mark.parametrize("chain", CHAINS)
def test_a_client_without_a_jvm_gets_the_same_rows_and_schema_from_spark(
    chain: str, connect: Worker, here: dict[str, Any]
) -> None:
    assert connect.found["java"] is None
    assert connect.found["results"][chain] == here[chain]
    assert here[chain]["rows"]


def test_an_older_spark_gives_the_same_rows_and_schemas(older: Worker, here: dict[str, Any]) -> None:
    assert older.found["results"] == here


def test_such_a_client_looks_the_schema_up_once_a_step(connect: Worker) -> None:
    assert connect.found["counts"] == [1] * len(README)


@pytest.mark.parametrize("chain", [name for name in CHAINS if name not in SAIL_LACKS])
def test_sail_gives_the_same_rows_and_columns(chain: str, sail: Worker, here: dict[str, Any]) -> None:
    found = sail.found["results"][chain]
    assert "error" not in found
    assert found["rows"] == here[chain]["rows"]
    assert columns(found["schema"]) == columns(here[chain]["schema"])


@pytest.mark.parametrize(("chain", "why"), SAIL_LACKS.items())
def test_what_sail_lacks_fails_in_one_line(chain: str, why: str, sail: Worker) -> None:
    assert why in sail.found["results"][chain]["says"]


def test_what_sail_does_wrongly_is_refused(sail: Worker) -> None:
    assert {name: said.startswith(name) for name, said in sail.found["refused"].items() if name != "Audit"} == {
        name: True for name in REFUSED_ON_SAIL if name != "Audit"
    }
    assert all(" is refused on Sail, which " in said for said in sail.found["refused"].values())
    assert sail.found["refused"]["Audit"] == (
        "audit.count('rows') is refused on Sail, which has no observations. "
        "Audit(in_passing=False) counts with aggregations of their own"
    )


@pytest.mark.parametrize("step", FAILS_ON_SAIL)
def test_what_fails_on_sail_works_on_spark(step: str, connect: Worker, sail: Worker) -> None:
    assert connect.found["failed"][step] is None
    assert sail.found["failed"][step]


@pytest.mark.parametrize("engine", ["connect", "sail"])
def test_an_audit_without_observations_counts_the_same(engine: str, request: pytest.FixtureRequest) -> None:
    figures = request.getfixturevalue(engine).found["audited"]
    assert (figures["rows"], figures["missing"]) == ({"bronze": 3}, {"total": 1, "items": 1})


@pytest.mark.parametrize("engine", ["connect", "sail"])
def test_the_example_prints_what_the_page_shows(engine: str, request: pytest.FixtureRequest) -> None:
    address = request.getfixturevalue(f"{engine}_address")
    command = [str(CLIENT), "-W", "ignore", str(ROOT / "examples" / "remote.py"), "--remote", address]
    done = run(command, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert f"```console\n{done.stdout.strip()}\n```" in (ROOT / "docs" / "engines.md").read_text(encoding="utf-8")


def columns(schema: dict[str, Any]) -> str:
    """Write names and types; Sail takes more columns for nullable than Spark does."""
    return StructType.fromJson(schema).simpleString()


@st.composite
def orders(draw: st.DrawFn) -> tuple[StructType, list[Any]]:
    """Generate documents that the README's chain can be run on, whatever else is in them."""
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
def test_any_documents_give_the_same_rows_and_schema_on_spark_connect(
    spark: SparkSession, connect: Worker, documents: tuple[StructType, list[Any]]
) -> None:
    line = case(*documents)
    assert connect.result_of(line) == json.loads(json.dumps(result_of(spark, line)))


@given(documents=orders())
def test_any_documents_give_the_same_rows_and_schema_on_an_older_spark(
    spark: SparkSession, older: Worker, documents: tuple[StructType, list[Any]]
) -> None:
    line = case(*documents)
    assert older.result_of(line) == json.loads(json.dumps(result_of(spark, line)))


@given(documents=orders())
def test_any_documents_give_the_same_rows_and_types_on_sail(
    spark: SparkSession, sail: Worker, documents: tuple[StructType, list[Any]]
) -> None:
    line = case(*documents)
    found, wanted = sail.result_of(line), json.loads(json.dumps(result_of(spark, line)))
    assert columns(found["schema"]) == columns(wanted["schema"])
    assert found["rows"] == wanted["rows"]
