"""Writers that are killed, disks that are full, folders that cannot be written to: nothing that was there is lost.

The driver is killed a few times in the default run; ``make test-faults`` does it at least thirty times.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cluster import cluster
from engines import failure_text
from processes import LIMIT, end_group, started, surroundings
from pyspark.errors import StreamingQueryException
from repository import SUPPORT
from writer import COUNTRIES, ROWS, rows

from shopsmart_etl import write_partitioned, write_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("SHOPSMART_KILLS", "2"))
MOUNT, UMOUNT = shutil.which("mount") or "", shutil.which("umount") or ""
SLOWEST = 4.0  # seconds from ready to done, about


def killed(kind: str, path: Path, after: float) -> bool:
    """Start a writer and kill it, with all that it started, some time after it is ready; tell whether it was done."""
    script = str(SUPPORT / "writer.py")
    command = [sys.executable, script, kind, str(path)]
    with started(command, env=surroundings(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
        time.sleep(after)  # the fault itself: a moment that nobody chose
        end_group(writer.pid)
        return "done" in writer.stdout.read()


def moments(seed: int) -> Iterator[float]:
    draw = random.Random(seed)  # noqa: S311 - a moment, no secret
    return (draw.uniform(0, SLOWEST) for _ in range(KILLS))


def versions(table: DataFrame) -> dict[tuple[str, int], int]:
    return {
        (row["country"], row["version"]): row["count"] for row in table.groupBy("country", "version").count().collect()
    }


def all_of(version: int) -> dict[tuple[str, int], int]:
    return {(f"c{country}", version): ROWS // COUNTRIES for country in range(COUNTRIES)}


def read(spark: SparkSession, path: Path) -> DataFrame:
    return spark.read.schema(rows(spark, 1).schema).parquet(str(path))


def test_a_replace_killed_at_any_moment_leaves_each_partition_old_or_new(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t"
    replace = write_partitioned(str(path), by="country", if_exists="replace_partitions")
    for after in moments(1):
        rows(spark, 1).transform(replace)
        done = killed("replace", path, after)
        found = versions(read(spark, path))
        for country in {f"c{number}" for number in range(COUNTRIES)}:
            old, new = found.get((country, 1), 0), found.get((country, 2), 0)
            # Killed while the files were moved: between the removal of the old folder and the move of the new one, all
            # of the new rows are in the folder that they were written to first.
            between = not old and not new and list(path.glob(f".spark-staging-*/country={country}/*.parquet"))
            assert (old, new) in {(ROWS // COUNTRIES, 0), (0, ROWS // COUNTRIES)} or between
        assert found == all_of(2) or not done
        rows(spark, 2).transform(replace)
        assert versions(read(spark, path)) == all_of(2)
        shutil.rmtree(path)


def test_an_append_killed_at_any_moment_leaves_what_was_there(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t"
    for after in moments(2):
        rows(spark, 1).transform(write_partitioned(str(path), by="country"))
        done = killed("append", path, after)
        found = versions(read(spark, path))
        assert {key: count for key, count in found.items() if key[1] == 1} == all_of(1)
        new = {key: count for key, count in found.items() if key[1] == 2}
        # Killed while the files were moved: some of the new ones are there, and the folder of the others still is.
        assert new in ({}, all_of(2)) or (path / "_temporary").exists()
        assert new == all_of(2) or not done
        if not new:  # run again, it writes each row once, whatever the killed run had in its own folder
            rows(spark, 2).transform(write_partitioned(str(path), by="country", if_exists="append"))
            assert versions(read(spark, path)) == all_of(1) | all_of(2)
        shutil.rmtree(path)


def test_a_stream_killed_at_any_moment_and_run_again_writes_each_row_once(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t"
    rows(spark, 2).write.parquet(f"{path}-source")
    for after in moments(3):
        if killed("stream", path, after):
            break
    stream = spark.readStream.schema(rows(spark, 2).schema).parquet(f"{path}-source")
    step = write_stream(path, by="country", checkpoint=f"{path}-checkpoint")
    try:
        table = stream.transform(step)
    except StreamingQueryException as error:
        # Killed while it noted its first offsets: Spark 4.3 wants the checkpoint, which knows of none, deleted.
        assert "should be empty on batch 0" in str(error)  # noqa: PT017 - most kills end in no error
        assert not list(Path(f"{path}-checkpoint/offsets").glob("[0-9]*"))
        shutil.rmtree(f"{path}-checkpoint")
        table = stream.transform(step)
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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    if not MOUNT:
        pytest.skip("there is no mount to make a small disk with")
    done = subprocess.run([MOUNT, "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("a small disk can be mounted by root alone")
    yield disk
    # Lazily: a task that failed may still hold the file that it could not write.
    subprocess.run([UMOUNT, "-l", disk], check=True)


@pytest.mark.parametrize("if_exists", ["append", "replace_partitions"])
def test_a_full_disk_leaves_what_was_there(spark: SparkSession, small_disk: Path, if_exists: str) -> None:
    path = small_disk / "t"
    some = rows(spark, 1).where("id < 20000")
    some.transform(write_partitioned(str(path), by="country"))
    before = versions(read(spark, path))
    with pytest.raises(Exception, match=failure_text("No space left on device", error="TASK_WRITE_FAILED")):
        rows(spark, 2).transform(write_partitioned(str(path), by="country", if_exists=if_exists))  # type: ignore[arg-type]
    assert versions(read(spark, path)) == before


def test_a_disk_that_cannot_be_written_to_leaves_what_was_there(spark: SparkSession, small_disk: Path) -> None:
    path = small_disk / "t"
    rows(spark, 1, 600).transform(write_partitioned(str(path), by="country"))
    before = versions(read(spark, path))
    subprocess.run([MOUNT, "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(
        Exception, match=failure_text("Mkdirs failed|Read-only file system|mkdir", error="TASK_WRITE_FAILED")
    ):
        rows(spark, 2, 600).transform(write_partitioned(str(path), by="country", if_exists="append"))
    assert versions(read(spark, path)) == before


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
