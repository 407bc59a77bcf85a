"""Two writers of one Parquet table at the same time: each row is there once, and partitions are replaced as a whole.

Each pair starts at another distance. ``SHOPSMART_SEED`` repeats a run, ``SHOPSMART_PAIRS`` is the number of pairs.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F
from seed import SEED
from writer import FILES, IF_EXISTS

from shopsmart_etl import write_partitioned

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.faults

PAIRS = int(os.environ.get("SHOPSMART_PAIRS", "2"))
# In a partition.
ROWS = 300
COUNTRIES = ["c0", "c1", "c2"]
SECONDS_BETWEEN = 0.3
# The kinds of two writers, and the partitions that the table has.
CASES = [(kinds, existing) for kinds in product(("append", "replace"), repeat=2) for existing in (COUNTRIES, ["other"])]
CASES.append((("first", "first"), []))


def rows(spark: SparkSession, version: int, countries: list[str] = COUNTRIES) -> DataFrame:
    names = ", ".join(f"'{country}'" for country in countries)
    country = f"element_at(array({names}), CAST(id % {len(countries)} AS INT) + 1) AS country"
    return spark.range(0, ROWS * len(countries), 1, 2).selectExpr("id", f"{version} AS version", country)


def write(kind: str, path: Path, df: DataFrame) -> None:
    df.transform(write_partitioned(path, by="country", if_exists=IF_EXISTS[kind], files=FILES))  # type: ignore[arg-type]


def written(spark: SparkSession, path: Path) -> dict[str, dict[int, int]]:
    """Count the rows of each version in each partition, and check that none is there twice."""
    table = spark.read.schema("id LONG, version INT, country STRING").parquet(str(path))
    found: dict[str, dict[int, int]] = {}
    counts = table.groupBy("country", "version").agg(F.count("*").alias("rows"), F.countDistinct("id").alias("ids"))
    for row in counts.collect():
        assert row["rows"] == row["ids"]
        found.setdefault(row["country"], {})[row["version"]] = row["rows"]
    return found


def write_at_once(
    spark: SparkSession,
    path: Path,
    kinds: tuple[str, str],
    distance: float,
    countries: tuple[list[str], list[str]] = (COUNTRIES, COUNTRIES),
) -> list[Exception | None]:
    """Write versions 2 and 3 at the same time, and return the error of each."""
    start = Barrier(2)

    def run(number: int) -> Exception | None:
        session = spark.newSession()
        start.wait()
        time.sleep(distance * number)
        try:
            write(kinds[number], path, rows(session, 2 + number, countries[number]))
        except Exception as error:  # noqa: BLE001 - a writer that fails has the error of any of its parts
            return error
        return None

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, range(2)))


@pytest.mark.parametrize(("kinds", "existing"), CASES, ids=[f"{'+'.join(kinds)} {len(old)}" for kinds, old in CASES])
def test_two_writers_at_once(spark: SparkSession, tmp_path: Path, kinds: tuple[str, str], existing: list[str]) -> None:
    path, first = tmp_path / "t", tmp_path / "first"
    draw = random.Random(f"{SEED} {kinds} {existing}")  # noqa: S311 - no secret
    if existing:
        write("first", first, rows(spark, 1, existing))
    for _ in range(PAIRS):
        if existing:
            shutil.copytree(first, path)
        distance = draw.uniform(0, SECONDS_BETWEEN)
        errors = write_at_once(spark, path, kinds, distance)
        done = [error is None for error in errors]
        assert all(done) or kinds != ("append", "append"), (SEED, distance)
        if kinds == ("first", "first"):
            # Each may find, after its commit, that the other has written too: then both raise.
            assert not all(done), (SEED, distance)
            shutil.rmtree(path)
            continue
        if any("at the same moment" in str(error) for error in errors):
            # The replacement has said that rows of the append may be missing; the append itself may have failed, too.
            shutil.rmtree(path)
            continue
        assert any(done), (SEED, distance, list(map(str, errors)))
        if not all(done):  # the next write finishes or undoes what the one that failed has left
            write("append", path, rows(spark, 4, ["next"]))
        found = written(spark, path)
        for country in COUNTRIES:
            counts = found.get(country, {})
            assert set(counts.values()) == {ROWS}, (SEED, distance, done, country, counts)
            check(kinds, done, set(counts))
        shutil.rmtree(path)


def test_two_replacements_of_different_partitions(spark: SparkSession, tmp_path: Path) -> None:
    path, first = tmp_path / "t", tmp_path / "first"
    draw = random.Random(f"{SEED} different")  # noqa: S311 - no secret
    some, others = ["c0", "c1"], ["c2", "c3"]
    write("first", first, rows(spark, 1, [*some, *others, "c4"]))
    versions = dict.fromkeys(some, 2) | dict.fromkeys(others, 3) | {"c4": 1}
    for _ in range(PAIRS):
        shutil.copytree(first, path)
        distance = draw.uniform(0, SECONDS_BETWEEN)
        errors = write_at_once(spark, path, ("replace", "replace"), distance, (some, others))
        assert errors == [None, None], (SEED, distance, errors)
        assert written(spark, path) == {country: {version: ROWS} for country, version in versions.items()}, SEED
        shutil.rmtree(path)


def check(kinds: tuple[str, str], done: list[bool], versions: set[int]) -> None:
    """Check which versions a partition has."""
    succeeded = {2 + number for number in range(2) if done[number]}
    replaced = {2 + number for number in range(2) if done[number] and kinds[number] == "replace"}
    if not replaced:
        # Nothing removes the rows of an append.
        assert succeeded <= versions
        return
    assert 1 not in versions
    assert len(versions & replaced) == 1
