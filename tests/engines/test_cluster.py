"""The examples give the same on a cluster, the wheel shipped to it, as on one machine; with executors killed too."""

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
]  # of the session that the examples are compared with

PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
COMMANDS = [text for language, text in BLOCK.findall(PAGE) if language == "sh"]
# Small executors, and no more compiling than a run of seconds repays.
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
    account: str


def command(*words: str) -> str:
    """Give the page's one command that has these words."""
    found: list[str] = [text for text in COMMANDS if all(word in text for word in words)]
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as one:
        yield one


@pytest.fixture(scope="module")
def bronze(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("simulated")
    simulate = run_path(str(EXAMPLES / "simulate.py"))
    simulate["write_logs"](simulate["log_lines"](spark, 2000, days=2, servers=2, seed=1), f"{path}/logs")
    simulate["write_payloads"](spark, 250, f"{path}/payloads", days=2, seed=1)
    return path


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, or take the one that these tests are run against."""
    folder = tmp_path_factory.mktemp("wheels")
    for built in ROOT.glob("*.whl"):
        shutil.copy(built, folder)
    if not list(folder.iterdir()):
        subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def local(spark: SparkSession, bronze: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Run the examples on this machine alone."""
    results = {}
    for example, arguments in {LOGS: ["logs"], ORDERS: ["payloads/pages", "data"]}.items():
        source, *more = arguments
        tables = tmp_path_factory.mktemp("local")
        with redirect_stdout(io.StringIO()) as account:
            run_path(str(EXAMPLES / example))["run"](spark, str(bronze / source), str(tables), *more)
        results[example] = Result(tables, account.getvalue())
    return results


@pytest.fixture
def submit(running: Cluster, bronze: Path, wheels: Path, tmp_path: Path) -> Iterator[Submit]:
    """Start an example with the page's command, in a Python that has neither this package nor PySpark.

    Gives the process, and where its tables will be.
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


def said(account: str, *, audit: bool = True) -> str:
    """Leave out of an account what differs from run to run: the time it took, where the tables are, or the audit."""
    told = re.sub(r" (in /|after )\S+|^done in .*", "", account, flags=re.MULTILINE)
    return told if audit else re.sub(r"^(rows|filled|violations|(NOT )?reconciled) .*\n", "", told, flags=re.MULTILINE)


def kill_executors(running: Cluster, job: subprocess.Popen[str]) -> None:
    """Kill all executors once they hold shuffled rows, which are lost with them."""
    others, until = running.shuffled(), time.monotonic() + BOUND
    while not running.shuffled() - others:
        assert time.monotonic() < until, "no executor has shuffled rows"
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
def test_an_example_gives_on_a_cluster_what_it_gives_on_one_machine(
    example: str, killed: int, spark: SparkSession, running: Cluster, submit: Submit, local: dict[str, Result]
) -> None:
    before = running.launched()
    job, tables = submit(example)
    if killed:
        kill_executors(running, job)
    account, errors = job.communicate(timeout=BOUND)
    assert job.returncode == 0, errors
    assert running.launched() - before == 2 + killed
    expected = local[example]
    audit = NEEDS["rows counted once"].met or not killed  # as docs/cluster.md says
    assert said(account, audit=audit) == said(expected.account, audit=audit)
    for name in TABLES:
        rows, wanted = (spark.read.parquet(str(folder / name)) for folder in (tables, expected.tables))
        assert_df_equality(rows, wanted, ignore_row_order=True)


@pytest.mark.heavy
@pytest.mark.skipif(bool(list(ROOT.glob("*.whl"))), reason="run against a wheel, there is no source to make one of")
def test_the_page_makes_wheels_of_the_package_and_of_what_it_needs(tmp_path: Path) -> None:
    make = ["bash", "-c", command("pip wheel")]
    made = run(make, cwd=ROOT, env=surroundings(WHEELS=str(tmp_path)))
    assert made.returncode == 0, made.stderr
    assert sorted(wheel.name.partition("-")[0] for wheel in tmp_path.iterdir()) == [
        "shopsmart_etl",
        "typing_extensions",
    ]
