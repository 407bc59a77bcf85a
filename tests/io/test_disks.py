"""Disks that are full, folders that cannot be written to: nothing that was there is lost."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from engines import failure_text
from writer import COUNTRIES, ROWS, rows

from shopsmart_etl import TableError, write_partitioned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.faults

MOUNT, UMOUNT = shutil.which("mount") or "", shutil.which("umount") or ""


def versions(table: DataFrame) -> dict[tuple[str, int], int]:
    return {
        (row["country"], row["version"]): row["count"] for row in table.groupBy("country", "version").count().collect()
    }


def all_of(version: int, count: int = ROWS) -> dict[tuple[str, int], int]:
    return {(f"c{country}", version): count // COUNTRIES for country in range(COUNTRIES)}


def read(spark: SparkSession, path: Path) -> DataFrame:
    return spark.read.schema(rows(spark, 1).schema).parquet(str(path))


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


def check_next_write(spark: SparkSession, path: Path, before: dict[tuple[str, int], int], if_exists: str) -> None:
    """Check that a table is written as if the write that failed before had not been."""
    table = rows(spark, 2, 600).transform(write_partitioned(str(path), by="country", if_exists=if_exists))  # type: ignore[arg-type]
    assert versions(table) == all_of(2, 600) | (before if if_exists == "append" else {})
    assert table.selectExpr("count(DISTINCT id, version) = count(1)").collect()[0][0]


@pytest.mark.parametrize("if_exists", ["append", "replace_partitions"])
def test_a_full_disk_leaves_what_was_there(spark: SparkSession, small_disk: Path, if_exists: str) -> None:
    path = small_disk / "t"
    some = rows(spark, 1).where("id < 20000")
    some.transform(write_partitioned(str(path), by="country"))
    before = versions(read(spark, path))
    with pytest.raises(Exception, match=failure_text("No space left on device", error="TASK_WRITE_FAILED")):
        rows(spark, 2).transform(write_partitioned(str(path), by="country", if_exists=if_exists))  # type: ignore[arg-type]
    assert versions(read(spark, path)) == before
    subprocess.run([MOUNT, "-o", "remount,size=64m", small_disk], check=True)
    check_next_write(spark, path, before, if_exists)


@pytest.mark.parametrize("if_exists", ["append", "replace_partitions"])
def test_a_disk_that_cannot_be_written_to_leaves_what_was_there(
    spark: SparkSession, small_disk: Path, if_exists: str
) -> None:
    path = small_disk / "t"
    rows(spark, 1, 600).transform(write_partitioned(str(path), by="country"))
    before = versions(read(spark, path))
    subprocess.run([MOUNT, "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(TableError, match=r"cannot create .* nothing was written"):
        rows(spark, 2, 600).transform(write_partitioned(str(path), by="country", if_exists=if_exists))  # type: ignore[arg-type]
    assert versions(read(spark, path)) == before
    subprocess.run([MOUNT, "-o", "remount,rw", small_disk], check=True)
    check_next_write(spark, path, before, if_exists)


@pytest.mark.parametrize("if_exists", ["append", "replace_partitions"])
def test_a_commit_that_fails_half_way_says_what_it_has_moved(
    spark: SparkSession, tmp_path: Path, small_disk: Path, if_exists: str
) -> None:
    path = tmp_path / "t"
    rows(spark, 1, 600).transform(write_partitioned(str(path), by="country"))
    # One partition is a disk of its own, which cannot be written to.
    (small_disk / "file").touch()
    subprocess.run([MOUNT, "--bind", small_disk, path / "country=c3"], check=True)
    try:
        subprocess.run([MOUNT, "-o", "remount,bind,ro", path / "country=c3"], check=True)
        with pytest.raises(
            TableError, match=r"failed while it moved its files .* Before you retry an append, remove"
        ) as raised:
            rows(spark, 2, 600).transform(write_partitioned(str(path), by="country", if_exists=if_exists))  # type: ignore[arg-type]
    finally:
        subprocess.run([UMOUNT, "-l", path / "country=c3"], check=True)
    found = versions(read(spark, path))
    if if_exists == "append":
        # The old rows, and some of the new ones: the files of the job that the error names.
        assert found.items() >= all_of(1, 600).items()
        (identifier,) = re.findall(r"[0-9a-f-]{36}", str(raised.value))
        new = list(path.glob(f"*/part-*{identifier}*"))
        assert bool(new) == (found != all_of(1, 600))
        for file in new:
            file.unlink()
    else:
        # Each partition is old or new; the one that failed is not on the disk that could not be written to.
        assert all((country, 1) in found or (country, 2) in found for country in {f"c{n}" for n in range(COUNTRIES)})
    check_next_write(spark, path, all_of(1, 600), if_exists)
