"""The notebook and the bundle's wheel task, on Spark Connect as Databricks runs them."""

from __future__ import annotations

import io
import re
import shutil
import sys
from contextlib import redirect_stdout
from runpy import run_path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from chispa import assert_df_equality
from databricks.bundles.jobs import Job
from processes import run, surroundings
from repository import BLOCK, EXAMPLES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = pytest.mark.databricks

HERE = EXAMPLES / "databricks"
NOTEBOOK = HERE / "logs_notebook.py"
BUNDLE: dict[str, Any] = yaml.safe_load((HERE / "databricks.yml").read_text(encoding="utf-8"))
JOB = BUNDLE["resources"]["jobs"]["orders"]
on_a_server = pytest.mark.needs("a server of its own", "observations on Connect")
TABLES = ["silver", "quarantine", "gold/daily_active_users", "gold/daily_revenue"]
# What Databricks does with a wheel task.
WHEEL_TASK = """
import sys
from importlib.metadata import distribution

package, entry_point, *sys.argv[1:] = sys.argv[1:]
(found,) = distribution(package).entry_points.select(name=entry_point)
found.load()()
"""


@pytest.fixture(scope="module")
def bronze(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("simulated")
    simulate = run_path(str(EXAMPLES / "simulate.py"))
    simulate["write_logs"](simulate["log_lines"](spark, 2000, days=2, servers=2, seed=1), f"{path}/logs")
    simulate["write_payloads"](spark, 250, f"{path}/payloads", days=2, seed=1)
    return path


def on_connect(*command: str | Path, address: str, **given: str) -> str:
    """Run a command whose sessions are of Spark Connect, in a process of its own, and give what it prints."""
    done = run(command, env=surroundings(SPARK_REMOTE=address, **given), cwd=ROOT)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def ran_locally(spark: SparkSession, example: str, source: Path, tables: Path, *more: str) -> str:
    with redirect_stdout(io.StringIO()) as account:
        run_path(str(EXAMPLES / example))["run"](spark, str(source), str(tables), *more)
    return account.getvalue()


def reconciled(account: str) -> str:
    (line,) = re.findall(r"^reconciled .*", account, flags=re.MULTILINE)
    return str(line)


def assert_same_tables(spark: SparkSession, found: Path, expected: Path) -> None:
    for name in TABLES:
        rows, counterpart = (spark.read.parquet(str(folder / name)) for folder in (found, expected))
        assert_df_equality(rows, counterpart, ignore_row_order=True)


@on_a_server
def test_the_notebook_gives_on_connect_what_the_example_gives(
    spark: SparkSession, bronze: Path, tmp_path: Path, connect_address: str
) -> None:
    expected = ran_locally(spark, "shopsmart_pipeline.py", bronze / "logs", tmp_path / "expected")
    page = (ROOT / "docs" / "databricks.md").read_text(encoding="utf-8")
    (command,) = (text for language, text in BLOCK.findall(page) if language == "sh" and "BRONZE" in text)
    before, own_server, command = command.partition('SPARK_REMOTE="local[2]" ')  # here the one of all tests
    assert own_server
    assert not before
    given = {"BRONZE": str(bronze), "TABLES": str(tmp_path / "tables")}
    account = on_connect("bash", "-c", command, address=connect_address, **given)
    assert reconciled(account) == reconciled(expected)
    assert_same_tables(spark, tmp_path / "tables", tmp_path / "expected")


@on_a_server
def test_the_wheel_task_gives_on_connect_what_the_example_gives(
    spark: SparkSession, bronze: Path, tmp_path: Path, connect_address: str
) -> None:
    pages = bronze / "payloads" / "pages"
    expected = ran_locally(spark, "nested_json_parser.py", pages, tmp_path / "expected", "data")
    project = shutil.copytree(EXAMPLES, tmp_path / "examples") / "databricks"
    build = ["bash", "-c", BUNDLE["artifacts"]["orders"]["build"]]
    built = run(build, cwd=project / BUNDLE["artifacts"]["orders"]["path"], env=surroundings())
    assert built.returncode == 0, built.stderr
    (dependency,) = JOB["environments"][0]["spec"]["dependencies"]
    (wheel,) = project.glob(dependency)
    task = JOB["tasks"][0]["python_wheel_task"]
    variables = {"${var.bronze}": str(pages), "${var.tables}": str(tmp_path / "tables")}
    parameters = [variables.get(parameter, parameter) for parameter in task["parameters"]]
    account = on_connect(
        *(sys.executable, "-c", WHEEL_TASK, task["package_name"], task["entry_point"], *parameters),
        address=connect_address,
        PYTHONPATH=str(wheel),
    )
    assert reconciled(account) == reconciled(expected)
    assert_same_tables(spark, tmp_path / "tables", tmp_path / "expected")


class Widgets:
    """Text widgets as a notebook on Databricks has them, where a job sets some."""

    def __init__(self, **given: str) -> None:
        self.given = given
        self.shown: dict[str, str] = {}

    def text(self, name: str, default: str) -> None:
        self.shown[name] = self.given.get(name, default)

    def get(self, name: str) -> str:
        return self.shown[name]


class Utilities:
    def __init__(self, widgets: Widgets) -> None:
        self.widgets = widgets


@pytest.mark.needs("observations")
def test_on_databricks_the_notebook_takes_its_session_and_widgets(
    spark: SparkSession, bronze: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["ipykernel", "-f", "kernel.json"])
    widgets = Widgets(logs=str(bronze / "logs"), tables=str(tmp_path / "tables"))
    given = {"spark": spark, "dbutils": Utilities(widgets)}
    with redirect_stdout(io.StringIO()):
        left = run_path(str(NOTEBOOK), init_globals=given)
    assert left["spark"] is spark
    assert spark.read.parquet(str(tmp_path / "tables" / "silver")).count() > 0


def test_the_notebook_is_in_the_source_format() -> None:
    first, *cells = re.split(r"^# COMMAND ----------\n", NOTEBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert first.startswith("# Databricks notebook source\n")
    magic = [first.removeprefix("# Databricks notebook source\n"), *(cell for cell in cells if "# MAGIC" in cell)]
    # A cell is of Python or of a magic, never of both.
    assert all(line.startswith("# MAGIC ") for cell in magic for line in cell.strip().splitlines())
    assert any("%pip install shopsmart-etl" in cell for cell in magic)


def test_the_job_is_one_that_bundles_know() -> None:
    job = Job.from_dict(JOB)
    assert job.name == BUNDLE["bundle"]["name"]
    keys = {environment["environment_key"] for environment in JOB["environments"]}
    assert {task["environment_key"] for task in JOB["tasks"]} == keys


def test_every_variable_is_declared_and_used() -> None:
    text = (HERE / "databricks.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{var\.(\w+)\}", text)) == set(BUNDLE["variables"])
