"""Writers and executors that are killed: nothing that was there is lost.

The driver is killed a few times in the default run; ``make test-faults`` does it a hundred times.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import duckdb
import pytest
from cluster import cluster
from processes import LIMIT, end_group, started, surroundings
from pyspark.errors import StreamingQueryException
from repository import SUPPORT
from seed import SEED
from writer import COUNTRIES, ROWS, rows, write

from shopsmart_etl import TargetExistsError, WriteConflictError, write_partitioned, write_table
from shopsmart_etl.io import _recovery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("SHOPSMART_KILLS", "3"))
SLOWEST = 4.0  # seconds from ready to done, about
COMMIT = 0.03  # seconds of a commit, about


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a short time before what is left is taken for that of a killed writer: it is."""
    monkeypatch.setattr(_recovery, "_SECONDS_WITHOUT_MOVES", 2.0)


class Moment(NamedTuple):
    """When a writer is killed: some seconds after it is ready, or after its commit begins."""

    seconds: float
    in_commit: bool


def moments(test: str) -> Iterator[Moment]:
    """Draw half of the moments from the whole write, and half from its commit, which takes milliseconds."""
    draw = random.Random(f"{SEED} {test}")  # noqa: S311 - a moment, no secret
    for number in range(KILLS):
        in_commit = number % 2 == 1
        yield Moment(draw.uniform(0, COMMIT if in_commit else SLOWEST), in_commit)


def killed(
    kind: str, path: Path, moment: Moment, *, committing: Path | None = None, pattern: str = "*/*.parquet"
) -> bool:
    """Start a writer and kill it, with all that it started, at a moment; tell whether it was done."""
    command = [sys.executable, str(SUPPORT / "writer.py"), kind, str(path)]
    table = committing or path
    before = set(table.glob(pattern))
    with started(command, env=surroundings(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
        while moment.in_commit and writer.poll() is None and not commit_has_begun(table, before, pattern):
            time.sleep(0.0005)
        time.sleep(moment.seconds)  # the fault itself: a moment that nobody chose
        end_group(writer.pid)
        return "done" in writer.stdout.read()


def commit_has_begun(path: Path, before: set[Path], pattern: str) -> bool:
    return bool(list(path.glob(".spark-staging-*/_SUCCESS")) or set(path.glob(pattern)) - before)


def versions(table: DataFrame) -> dict[tuple[str, int], int]:
    return {
        (row["country"], row["version"]): row["count"] for row in table.groupBy("country", "version").count().collect()
    }


def all_of(version: int, count: int = ROWS) -> dict[tuple[str, int], int]:
    return {(f"c{country}", version): count // COUNTRIES for country in range(COUNTRIES)}


def read(spark: SparkSession, path: Path) -> DataFrame:
    return spark.read.schema(rows(spark, 1).schema).parquet(str(path))


def check_ids(table: DataFrame, path: Path, count: int = ROWS) -> None:
    """Check that each row of each version is there once, for Spark and for DuckDB."""
    versions = table.select("version").distinct().count()
    spark_ids = table.selectExpr("count(DISTINCT id, version)", "count(1)").collect()
    assert list(map(tuple, spark_ids)) == [(count * versions,) * 2]
    files = f"read_parquet('{path}/country=*/*.parquet', hive_partitioning = true)"
    with duckdb.connect() as other:
        found = other.sql(f"SELECT count(DISTINCT (id, version)), count(*) FROM {files}").fetchall()
    assert found == [(count * versions,) * 2]


def test_a_killed_replacement_is_finished_or_has_changed_nothing(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t"
    for moment in moments("replace"):
        write("replace", str(path), rows(spark, 1))
        done = killed("replace", path, moment)
        found = versions(read(spark, path))
        between = []
        for country in {f"c{number}" for number in range(COUNTRIES)}:
            old, new = found.get((country, 1), 0), found.get((country, 2), 0)
            if (old, new) not in {(ROWS // COUNTRIES, 0), (0, ROWS // COUNTRIES)}:
                # Killed while the old folder was removed, or before the new one was in its place: all of the new rows
                # are in the folder that they were written to first.
                between.append(country)
                assert not new
                assert list(path.glob(f".spark-staging-*/country={country}/*.parquet"))
        assert len(between) <= 1
        assert found == all_of(2) or not done
        table = write("append", str(path), rows(spark, 3))  # the next run, whatever it writes
        found = versions(table)
        assert found in (all_of(1) | all_of(3), all_of(2) | all_of(3)), moment
        check_ids(table, path)
        shutil.rmtree(path)


@pytest.mark.parametrize("kind", ["append", "first"])
def test_a_killed_append_or_first_write_is_undone_and_run_again(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    path, old = tmp_path / "t", all_of(1) if kind == "append" else {}
    for moment in moments(kind):
        if old:
            write("append", str(path), rows(spark, 1))
        done = killed(kind, path, moment)
        found = versions(read(spark, path)) if list(path.glob("*/*.parquet")) else {}
        assert {key: count for key, count in found.items() if key[1] == 1} == old
        assert found == old | all_of(2) or not done
        if found != old | all_of(2):
            assert versions(write(kind, str(path), rows(spark, 2))) == old | all_of(2), moment
        elif kind == "first":
            with pytest.raises(TargetExistsError):
                write(kind, str(path), rows(spark, 2))
        check_ids(read(spark, path), path)
        shutil.rmtree(path)


def test_a_killed_append_without_partitions_is_refused_or_was_not_begun(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t"
    for moment in moments("plain"):
        rows(spark, 1).repartition(40).transform(write_table(path))
        done = killed("plain", path, moment, pattern="*.parquet")
        found = {row["version"]: row["count"] for row in read(spark, path).groupBy("version").count().collect()}
        assert found[1] == ROWS
        assert found.get(2) == ROWS or not done
        try:
            write("plain", str(path), rows(spark, 3, 600))
        except WriteConflictError as error:
            assert "killed while it moved its files" in str(error)  # noqa: PT017 - most kills end in no error
            assert 0 < found[2] < ROWS
            # As the error says: the files of the killed append are those with its identifier.
            (identifier,) = re.findall(r"same identifiers \(([0-9a-f-]{36})\)", str(error))
            for file in path.glob(f"part-*{identifier}*"):
                file.unlink()
            shutil.rmtree(path / "_temporary")
            found.pop(2)
            write("plain", str(path), rows(spark, 3, 600))
        again = {row["version"]: row["count"] for row in read(spark, path).groupBy("version").count().collect()}
        assert again == found | {3: 600}, moment
        assert again.get(2, ROWS) == ROWS, moment
        shutil.rmtree(path)


def test_a_run_killed_after_or_in_its_quarantine_is_run_again(spark: SparkSession, tmp_path: Path) -> None:
    path, aside = tmp_path / "t", tmp_path / "t-aside"
    for number, moment in enumerate(moments("quarantine")):
        killed("quarantine", path, moment, committing=aside if number % 4 == 1 else path)
        table = write("quarantine", str(path), rows(spark, 2))
        check_ids(table, path, ROWS - 600)
        quarantined = spark.read.schema("id LONG, run_id STRING").parquet(str(aside)).collect()
        assert sorted(row["id"] for row in quarantined) == list(range(ROWS - 600, ROWS)), moment
        for folder in (path, aside):
            shutil.rmtree(folder)


def test_a_stream_killed_at_any_moment_and_run_again_writes_each_row_once(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t"
    rows(spark, 2).write.parquet(f"{path}-source")
    for moment in moments("stream"):
        done = killed("stream", path, moment)
        if path.exists() and list(path.glob("_spark_metadata/[0-9]*")):
            # Spark reads whole batches, each of one of four files.
            assert read(spark, path).count() % (ROWS // 4) == 0, moment
        if done:
            break
    try:
        table = write("stream", str(path), rows(spark, 2))
    except StreamingQueryException as error:
        # Killed while it noted its first offsets: Spark 4.3 wants the checkpoint, which knows of none, deleted.
        assert "should be empty on batch 0" in str(error)  # noqa: PT017 - most kills end in no error
        assert not list(Path(f"{path}-checkpoint/offsets").glob("[0-9]*"))
        shutil.rmtree(f"{path}-checkpoint")
        table = write("stream", str(path), rows(spark, 2))
    assert versions(table) == all_of(2)
    assert table.select("id").distinct().count() == ROWS


def test_an_executor_that_is_killed_costs_no_row(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t"
    rows(spark, 1).transform(write_partitioned(str(path), by="country"))
    with cluster(tmp_path / "cluster") as machines:
        script = str(SUPPORT / "writer.py")
        command = [sys.executable, script, "replace", str(path), machines.url]
        environment = surroundings(SPARK_LOCAL_IP="127.0.0.1", PYSPARK_PYTHON="python3")
        with started(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as writer:
            assert writer.stdout
            assert writer.stdout.readline() == "ready\n"
            os.kill(machines.executors()[0], signal.SIGKILL)
            assert writer.stdout.read() == "done\n"
            assert writer.wait(LIMIT) == 0
        assert machines.launched() > 2
    assert versions(read(spark, path)) == all_of(2)


@pytest.mark.parametrize("if_exists", ["append", "replace_partitions"])
def test_a_task_that_fails_half_way_leaves_what_was_there(spark: SparkSession, tmp_path: Path, if_exists: str) -> None:
    path = tmp_path / "t"
    rows(spark, 1, 600).transform(write_partitioned(str(path), by="country"))
    failing = rows(spark, 2, 600).selectExpr(
        "id", "version", "if(id = 599, raise_error('half-way'), text) AS text", "country"
    )
    with pytest.raises(Exception, match="half-way"):
        failing.transform(write_partitioned(str(path), by="country", if_exists=if_exists))  # type: ignore[arg-type]
    assert versions(read(spark, path)) == {(f"c{n}", 1): 100 for n in range(6)}
