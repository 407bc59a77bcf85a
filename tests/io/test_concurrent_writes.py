"""Two writers of one Parquet table at the same time: each row is there once, and partitions are replaced as a whole.

Each pair starts at another distance. ``SHOPSMART_SEED`` repeats a run, ``SHOPSMART_PAIRS`` is the number of pairs of
each two kinds; below ten, the seed also chooses the kinds.
"""

from __future__ import annotations

import os
import random
import shutil
from itertools import product
from typing import TYPE_CHECKING

import duckdb
import pytest
from pairs import (
    BATCHES,
    COUNTRIES,
    INVALID,
    KINDS,
    ROWS,
    SCHEMA,
    Target,
    Writer,
    check_versions,
    count_versions,
    write,
    write_at_once,
)
from seed import SEED

from shopsmart_etl import TargetExistsError, UnsupportedError

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = pytest.mark.faults

PAIRS = int(os.environ.get("SHOPSMART_PAIRS", "2"))
SECONDS_BETWEEN = 0.3
ALL, OTHER, NONE, STREAMED = "all", "other", "none", "streamed"
# The kinds of two writers, and the partitions that the table has.
CASES = [
    *product(product(("append", "replace"), repeat=2), (ALL, OTHER)),
    *((kinds, NONE) for kinds in (("append", "append"), ("append", "replace"), ("replace", "replace"))),
    *(((kind, "first"), NONE) for kind in BATCHES),
    *(((kind, "quarantine"), ALL) for kind in ("append", "replace", "quarantine")),
    *(((kind, "stream"), existing) for kind in (*BATCHES, "stream") for existing in (NONE, STREAMED)),
    *(((kind, "compact"), STREAMED if kind == "stream" else ALL) for kind in KINDS),
]
CHOSEN = CASES if PAIRS >= 10 else sorted(random.Random(f"{SEED} kinds").sample(CASES, 9))  # noqa: S311 - no secret


def target_in(folder: Path) -> Target:
    return Target({"path": folder / "t"}, {"path": folder / "aside"}, str(folder))


def counted(spark: SparkSession, path: Path, *, streamed: bool = False) -> dict[str, dict[int, int]]:
    """Count the rows of each version in each partition, with Spark and with DuckDB."""
    found = count_versions(spark.read.schema(SCHEMA).parquet(str(path)))
    if not streamed:
        files = f"read_parquet('{path}/country=*/*.parquet', hive_partitioning = true, hive_types_autocast = false)"
        query = f"SELECT country, version, count(*), count(DISTINCT id) FROM {files} GROUP BY ALL"
        others: dict[str, dict[int, int]] = {}
        with duckdb.connect() as other:
            for country, version, count, ids in other.sql(query).fetchall():
                assert count == ids
                others.setdefault(country, {})[version] = count
        assert others == found
    return found


def prepare(spark: SparkSession, folder: Path, existing: str) -> None:
    """Write the table that the two writers find, of version 1; once, and copied for each pair."""
    target = target_in(folder)
    if existing == STREAMED:
        assert write_at_once(spark, target, [Writer("stream", 1, run="a")], 0) == [None]
    elif existing != NONE:
        first = folder.parent / "first"
        if not first.exists():
            write(Writer("first", 1, COUNTRIES if existing == ALL else (OTHER,)), target_in(first), spark)
        shutil.copytree(first / "t", folder / "t")


@pytest.mark.parametrize(("kinds", "existing"), CHOSEN, ids=[f"{'+'.join(kinds)} {old}" for kinds, old in CHOSEN])
def test_two_writers_at_once(spark: SparkSession, tmp_path: Path, kinds: tuple[str, str], existing: str) -> None:
    draw = random.Random(f"{SEED} {kinds} {existing}")  # noqa: S311 - no secret
    for number in range(PAIRS):
        folder = tmp_path / str(number)
        folder.mkdir()
        prepare(spark, folder, existing)
        # Two runs of one job, or of two, in either order.
        runs = draw.choice((("a", "a"), ("a", "b")))
        writers = [Writer(kind, 2 + place, run=run) for place, (kind, run) in enumerate(zip(kinds, runs, strict=True))]
        if draw.random() < 0.5:
            writers.reverse()
        distance = draw.uniform(0, SECONDS_BETWEEN)
        errors = write_at_once(spark, target_in(folder), writers, distance)
        try:
            check_pair(spark, folder, writers, errors)
        except AssertionError as error:
            raise AssertionError(SEED, distance, writers, list(map(str, errors))) from error
        shutil.rmtree(folder)


def check_pair(spark: SparkSession, folder: Path, writers: list[Writer], errors: list[Exception | None]) -> None:
    """Check the table after two writers, and what the next write makes of it."""
    kinds, done = {writer.kind for writer in writers}, [error is None for error in errors]
    for writer, error in zip(writers, errors, strict=True):
        assert (writer.kind == "compact") == isinstance(error, UnsupportedError) or "stream" in kinds
    if "stream" in kinds:
        check_stream(spark, folder, writers, done)
        return
    # One that has found no table does not append to that of the other.
    assert all(done) or kinds != {"append"} or any(isinstance(error, TargetExistsError) for error in errors)
    # Each may find, after its commit, that the other has written too: then both raise.
    assert not all(done) or kinds != {"first"}
    if any("at the same moment" in str(error) for error in errors):
        # The replacement has said that rows of the append may be missing; the append itself may have failed, too.
        return
    both_first = any("by another writer at the same time" in str(error) for error in errors)
    assert any(done) or both_first or kinds <= {"compact", "first"}  # which refuse a table that is there
    path = folder / "t"
    if not all(done) and not both_first:
        # The next write finishes or undoes what the one that failed has left.
        write(Writer("append", 4, ("next",)), target_in(folder), spark)
    found = counted(spark, path)
    for country in COUNTRIES:
        counts = found.get(country, {})
        if both_first:  # and has said so: the rows of the others are all there
            counts = {
                writer.version: counts.get(writer.version, 0) for writer in writers if done[writers.index(writer)]
            }
        assert set(counts.values()) <= {ROWS}
        check_versions(writers, done, set(counts))
    check_quarantine(spark, folder / "aside", writers, done)


def check_quarantine(spark: SparkSession, aside: Path, writers: list[Writer], done: list[bool]) -> None:
    """Check that each run that ended has its own invalid rows in the quarantine, each once."""
    if not aside.exists():
        assert all(writer.kind != "quarantine" for writer in writers)
        return
    table = spark.read.schema("id LONG, version INT, run_id STRING").parquet(str(aside))
    found = count_versions(table.withColumnRenamed("run_id", "country"))
    for run in {
        writer.run for writer, is_done in zip(writers, done, strict=True) if is_done and writer.kind == "quarantine"
    }:
        assert list(found[run].values()) == [INVALID]
        assert set(found[run]) <= {writer.version for writer in writers if writer.run == run}


def check_stream(spark: SparkSession, folder: Path, writers: list[Writer], done: list[bool]) -> None:
    """Check that rows of a writer that succeeded are read, whatever the other was: a stream's log hides others."""
    has_rows = any(done) or (folder / "t" / "_spark_metadata").exists()
    found = counted(spark, folder / "t", streamed=True) if has_rows else {}
    for writer, is_done in zip(writers, done, strict=True):
        if is_done:
            assert all(found[country].get(writer.version) == ROWS for country in COUNTRIES)
    assert all(set(counts.values()) == {ROWS} for counts in found.values())


def test_two_replacements_of_different_partitions(spark: SparkSession, tmp_path: Path) -> None:
    draw = random.Random(f"{SEED} different")  # noqa: S311 - no secret
    some, others = ("c0", "c1"), ("c2", "c3")
    first = target_in(tmp_path / "first")
    write(Writer("first", 1, (*some, *others, "c4")), first, spark)
    versions = dict.fromkeys(some, 2) | dict.fromkeys(others, 3) | {"c4": 1}
    for _ in range(PAIRS):
        folder = tmp_path / "pair"
        shutil.copytree(tmp_path / "first", folder)
        distance = draw.uniform(0, SECONDS_BETWEEN)
        writers = [Writer("replace", 2, some), Writer("replace", 3, others)]
        errors = write_at_once(spark, target_in(folder), writers, distance)
        assert errors == [None, None], (SEED, distance, errors)
        expected = {country: {version: ROWS} for country, version in versions.items()}
        assert counted(spark, folder / "t") == expected, SEED
        shutil.rmtree(folder)
