"""The examples return the same on a cluster as on one machine, also if executors are killed."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, redirect_stdout, suppress
from pathlib import Path
from runpy import run_path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import typing_extensions
from chispa import assert_df_equality
from cluster import BOUND, SPARK, Cluster, cluster
from engines import NEEDS
from processes import run, started, surroundings
from repository import BLOCK, EXAMPLES, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import SparkSession

    Submit = Callable[[str], tuple[subprocess.Popen[str], Path]]

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.needs("observations"),
]  # for the local session, whose results are compared

PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
COMMANDS = [text for language, text in BLOCK.findall(PAGE) if language == "sh"]
# Small executors, and no full JIT compilation in short runs.
DEFAULTS = """\
spark.driver.memory 512m
spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1
spark.executor.memory 512m
spark.executor.extraJavaOptions -XX:TieredStopAtLevel=1
spark.ui.enabled false
"""
LOGS, ORDERS = "shopsmart_pipeline.py", "nested_json_parser.py"
TABLES = ["silver", "quarantine", "gold/daily_active_users", "gold/daily_revenue"]


class Result(NamedTuple):
    tables: Path
    output: str


def command(*words: str) -> str:
    """Return the page's only command that contains these words."""
    matches: list[str] = [text for text in COMMANDS if all(word in text for word in words)]
    assert len(matches) == 1
    return matches[0]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as started_cluster:
        yield started_cluster


@pytest.fixture(scope="module")
def bronze(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("simulated")
    simulate = run_path(str(EXAMPLES / "simulate.py"))
    simulate["write_logs"](simulate["log_lines"](spark, 2000, days=2, servers=2, seed=1), f"{path}/logs")
    simulate["write_payloads"](spark, 250, f"{path}/payloads", days=2, seed=1)
    return path


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, or copy the wheel that is being tested."""
    folder = tmp_path_factory.mktemp("wheels")
    for built in ROOT.glob("*.whl"):
        shutil.copy(built, folder)
    if not list(folder.iterdir()):
        subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def local(spark: SparkSession, bronze: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Run the examples in the local session."""
    results = {}
    for example, (source, *arguments) in {LOGS: ["logs"], ORDERS: ["payloads/pages", "data"]}.items():
        tables = tmp_path_factory.mktemp("local")
        with redirect_stdout(io.StringIO()) as output:
            run_path(str(EXAMPLES / example))["run"](spark, str(bronze / source), str(tables), *arguments)
        results[example] = Result(tables, output.getvalue())
    return results


@pytest.fixture
def submit(running: Cluster, bronze: Path, wheels: Path, tmp_path: Path) -> Iterator[Submit]:
    """Submit an example with the page's command, from a Python without this package and PySpark.

    Returns the process, and the path of its tables.
    """
    (tmp_path / "spark-defaults.conf").write_text(DEFAULTS, encoding="utf-8")
    (tmp_path / "installed").mkdir()
    shutil.copy(str(typing_extensions.__file__), tmp_path / "installed")
    environment = surroundings(
        PYSPARK_PYTHON=str(Path(sys.base_prefix) / "bin" / "python3"),
        PYTHONPATH=str(tmp_path / "installed"),
        SPARK_CONF_DIR=str(tmp_path),
        SPARK_HOME=str(SPARK),
        MASTER=running.url,
        WHEELS=str(wheels),
        BRONZE=str(bronze),
        OUT=str(tmp_path),
    )

    def start(example: str) -> tuple[subprocess.Popen[str], Path]:
        submitted = ["bash", "-c", command("spark-submit", example)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        job = jobs.enter_context(started(submitted, cwd=ROOT, env=environment, **pipes))
        return job, tmp_path / {LOGS: "logs", ORDERS: "orders"}[example]

    with ExitStack() as jobs:
        yield start


def comparable(output: str, *, audit: bool = True) -> str:
    """Remove what differs between runs from an example's output: times, paths, and the audit if it is False."""
    text = re.sub(r" (in /|after )\S+|^done in .*", "", output, flags=re.MULTILINE)
    return text if audit else re.sub(r"^(rows|filled|violations|(NOT )?reconciled) .*\n", "", text, flags=re.MULTILINE)


def kill_executors(running: Cluster, job: subprocess.Popen[str]) -> None:
    """Kill all executors as soon as they have shuffled rows, so that these rows are lost."""
    files_before, deadline = running.shuffled(), time.monotonic() + BOUND
    while not running.shuffled() - files_before:
        assert time.monotonic() < deadline, "no executor has shuffled rows"
        with suppress(subprocess.TimeoutExpired):
            job.wait(0.05)
            pytest.fail(f"the job ended before it had shuffled rows: {job.communicate()[1]}")
    for executor in running.executors():
        os.kill(executor, signal.SIGKILL)


@pytest.mark.parametrize(
    ("example", "killed"),
    [
        pytest.param(LOGS, 0, marks=pytest.mark.heavy),
        (LOGS, 2),
        (ORDERS, 0),
        pytest.param(ORDERS, 2, marks=pytest.mark.heavy),
    ],
)
def test_an_example_returns_the_same_on_a_cluster_as_on_one_machine(
    example: str, killed: int, spark: SparkSession, running: Cluster, submit: Submit, local: dict[str, Result]
) -> None:
    launched_before = running.launched()
    job, tables = submit(example)
    if killed:
        kill_executors(running, job)
    output, errors = job.communicate(timeout=BOUND)
    assert job.returncode == 0, errors
    assert running.launched() - launched_before == 2 + killed
    expected = local[example]
    audit = NEEDS["rows counted once"].met or not killed  # documented in docs/cluster.md
    assert comparable(output, audit=audit) == comparable(expected.output, audit=audit)
    for name in TABLES:
        actual_rows, expected_rows = (spark.read.parquet(str(folder / name)) for folder in (tables, expected.tables))
        assert_df_equality(actual_rows, expected_rows, ignore_row_order=True)


@pytest.mark.heavy
@pytest.mark.skipif(bool(list(ROOT.glob("*.whl"))), reason="a wheel is being tested, without the source to build one")
def test_the_page_builds_wheels_of_the_package_and_its_dependencies(tmp_path: Path) -> None:
    build = ["bash", "-c", command("pip wheel")]
    process = run(build, cwd=ROOT, env=surroundings(WHEELS=str(tmp_path)))
    assert process.returncode == 0, process.stderr
    assert sorted(wheel.name.partition("-")[0] for wheel in tmp_path.iterdir()) == [
        "shopsmart_etl",
        "typing_extensions",
    ]
