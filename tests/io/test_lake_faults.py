"""Writers of the real Delta Lake and Iceberg that are killed, or run two at a time: each is one commit, or nothing.

``make test-faults`` kills and pairs as often as SHOPSMART_KILLS and SHOPSMART_PAIRS say, at moments that SHOPSMART_SEED
draws; ``make test-lake`` does it a few times.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from itertools import combinations_with_replacement, cycle, islice
from threading import Event, Thread
from typing import TYPE_CHECKING

import duckdb
import pytest
from lake_session import JARS, lake_session
from lake_writer import folder, place, write
from pairs import (
    COUNTRIES,
    INVALID,
    KINDS,
    ROWS,
    Target,
    Writer,
    check_versions,
    count_versions,
    write_at_once,
)
from pairs import write as write_pair
from processes import end_group, started, surroundings
from pyspark.sql import functions as F
from repository import SUPPORT
from seed import SEED
from writer import COUNTRIES as KILLED_COUNTRIES
from writer import ROWS as KILLED_ROWS
from writer import rows

from shopsmart_etl import TargetExistsError, WriteConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from pyspark.sql import DataFrame, SparkSession

pytestmark = [
    pytest.mark.lake,
    pytest.mark.faults,
    pytest.mark.skipif(not JARS, reason="the jars of Delta Lake and Iceberg are not here: make test-lake"),
]
KILLS = int(os.environ.get("SHOPSMART_KILLS", "1"))
PAIRS = int(os.environ.get("SHOPSMART_PAIRS", "1"))
FORMATS = ("delta", "iceberg")
SLOWEST = 5.0  # seconds from ready to done, about
COMMIT = 0.2  # seconds from the first file of a commit to its end, about
SECONDS_BETWEEN = 0.5
WRITES = ("append", "replace", "all", "first", "stream", "quarantine")
CASES = list(combinations_with_replacement(KINDS, 2))
CHOSEN = CASES if PAIRS >= 10 else sorted(random.Random(f"{SEED} lake").sample(CASES, 5))  # noqa: S311 - no secret


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def lake(home: Path) -> Iterator[SparkSession]:
    session = lake_session(home)
    yield session
    session.stop()


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest, lake: SparkSession, home: Path) -> Iterator[str]:
    yield request.param
    clear(lake, request.param, home)


def clear(spark: SparkSession, form: str, home: Path) -> None:
    """Drop the tables of a test, and what streams have beside them."""
    for name in ("t", "aside"):
        if form == "iceberg":
            spark.sql(f"DROP TABLE IF EXISTS ice.db.{name} PURGE")
        shutil.rmtree(folder(form, name, home), ignore_errors=True)
    for beside in (*home.glob("source*"), *home.glob("checkpoint*")):
        shutil.rmtree(beside)


def read(spark: SparkSession, table: dict[str, Any]) -> DataFrame:
    return spark.table(table["table"]) if "table" in table else spark.read.format("delta").load(table["path"])


def count_rows(spark: SparkSession, form: str, home: Path, name: str = "t") -> dict[str, dict[int, int]]:
    """Count the rows of each version in each partition, with Spark and, from the table's files, with DuckDB."""
    place_of = place(form, name, home)
    table = read(spark, place_of)
    # A quarantine is partitioned by its runs.
    found = count_versions(table if name == "t" else table.withColumn("country", F.col("run_id")))
    if form == "delta":
        files = table.inputFiles()
    else:
        files = [row["file_path"] for row in spark.table(f"{place_of['table']}.files").collect()]
    if not files:
        assert found == {}
        return found
    with duckdb.connect() as other:
        paths = [file.removeprefix("file://").removeprefix("file:") for file in files]
        (ids,) = other.sql(
            "SELECT count(DISTINCT (id, version)), count(*) FROM read_parquet($files)", params={"files": paths}
        ).fetchall()
    assert ids == (sum(count for counts in found.values() for count in counts.values()),) * 2
    return found


def is_table(spark: SparkSession, form: str, home: Path) -> bool:
    if form == "iceberg":
        return spark.catalog.tableExists("ice.db.t")
    return bool(list((folder(form, "t", home) / "_delta_log").glob("*.json")))


def log_files(form: str, home: Path) -> set[Path]:
    """List the files of a table's log; the first new one shows that a commit has begun."""
    return set((folder(form, "t", home) / ("_delta_log" if form == "delta" else "metadata")).glob("*"))


def kill(kind: str, form: str, home: Path, seconds: float, *, in_commit: bool) -> bool:
    """Start a writer and kill it at a moment, with all that it started; tell whether it was done."""
    command = [sys.executable, str(SUPPORT / "lake_writer.py"), kind, form, str(home)]
    before = log_files(form, home)
    with started(command, env=surroundings(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
        while in_commit and writer.poll() is None and not log_files(form, home) - before:
            time.sleep(0.0005)
        time.sleep(seconds)  # the fault itself: a moment that nobody chose
        end_group(writer.pid)
        return "done" in writer.stdout.read()


def moments(test: str) -> Iterator[tuple[float, bool]]:
    """Draw half of the moments from the whole write, and half from its commit."""
    draw = random.Random(f"{SEED} {test}")  # noqa: S311 - a moment, no secret
    for _ in range(KILLS):
        in_commit = draw.random() < 0.5
        yield draw.uniform(0, COMMIT if in_commit else SLOWEST), in_commit


def all_of(*versions: int, count: int = KILLED_ROWS) -> dict[str, dict[int, int]]:
    counts = dict.fromkeys(versions, count // KILLED_COUNTRIES)
    return {f"c{country}": counts for country in range(KILLED_COUNTRIES)}


def test_a_compaction_killed_at_any_moment_leaves_each_row_once(lake: SparkSession, home: Path, form: str) -> None:
    for version in (1, 2, 3):
        write("append", form, home, lake, rows(lake, version))
    for seconds, in_commit in moments(f"compact {form}"):
        kill("compact", form, home, seconds, in_commit=in_commit)
        assert count_rows(lake, form, home) == all_of(1, 2, 3), (SEED, seconds)
        # Its small files are there for the next one, which is not disturbed by what the killed one left.
        write("compact", form, home, lake, rows(lake, 1))
        assert count_rows(lake, form, home) == all_of(1, 2, 3), (SEED, seconds)
        write("all", form, home, lake, rows(lake, 1))
        for version in (2, 3):
            write("append", form, home, lake, rows(lake, version))


def test_a_write_killed_at_any_moment_is_one_commit_or_nothing(lake: SparkSession, home: Path, form: str) -> None:
    kinds = random.Random(f"{SEED} writes {form}").sample(WRITES, len(WRITES))  # noqa: S311 - no secret
    for kind, (seconds, in_commit) in zip(islice(cycle(kinds), KILLS), moments(f"writes {form}"), strict=True):
        before = {} if kind in ("first", "stream") else all_of(1)
        if before:
            write("first", form, home, lake, rows(lake, 1))
        if kind == "stream":
            rows(lake, 2).write.parquet(str(home / "source"))
        done = kill(kind, form, home, seconds, in_commit=in_commit)
        found = count_rows(lake, form, home) if is_table(lake, form, home) else {}
        after = all_of(1, 2) if kind == "append" else all_of(2, count=KILLED_ROWS - 600 * (kind == "quarantine"))
        if kind == "stream":
            # One batch is one of four files.
            assert sum(counts[2] for counts in found.values()) % (KILLED_ROWS // 4) == 0
        else:
            assert found in (before, after), (SEED, kind, seconds)
        assert found == after or not done
        if kind != "append" or found == before:
            run_again(kind, form, home, lake, exists=found == after)
        assert count_rows(lake, form, home) == after, (SEED, kind, seconds)
        if kind == "quarantine":
            assert [sum(counts.values()) for counts in count_rows(lake, form, home, "aside").values()] == [600]
        clear(lake, form, home)


def run_again(kind: str, form: str, home: Path, spark: SparkSession, *, exists: bool) -> None:
    """Run a killed writer again; a first write refuses the table that it has committed."""
    if kind == "first" and exists:
        with pytest.raises(TargetExistsError):
            write(kind, form, home, spark, rows(spark, 2))
        return
    write(kind, form, home, spark, rows(spark, 2))


def watch(look: Callable[[], dict[str, dict[int, int]]], end: Event, seen: list[dict[str, dict[int, int]]]) -> None:
    """Read a table while others write to it."""
    while not end.is_set():
        seen.append(look())


@pytest.mark.parametrize("kinds", CHOSEN, ids=["+".join(kinds) for kinds in CHOSEN])
def test_two_writers_at_once_are_two_commits_or_one(
    lake: SparkSession, home: Path, form: str, kinds: tuple[str, str]
) -> None:
    draw = random.Random(f"{SEED} {kinds} {form}")  # noqa: S311 - no secret
    target = Target(place(form, "t", home), place(form, "aside", home), str(home))
    # PAIRS in the two formats together where only these compact; of the others, Parquet has as many.
    for _ in range(-(-PAIRS // (2 if "compact" in kinds else 10))):
        # A table that exists, of several small files a partition; or none, where both may create it.
        existing = "compact" in kinds or ("first" not in kinds and draw.random() < 0.7)
        runs = draw.choice((("a", "a"), ("a", "b")))
        writers = [Writer(kind, 2 + at, run=run) for at, (kind, run) in enumerate(zip(kinds, runs, strict=True))]
        if draw.random() < 0.5:
            writers.reverse()
        if existing:
            write_pair(Writer("first", 1), target, lake)
            write_pair(Writer("append", 0), target, lake)
        end, seen = Event(), list[dict[str, dict[int, int]]]()

        def look() -> dict[str, dict[int, int]]:
            return count_versions(read(lake, dict(target.table)))

        reader = Thread(target=watch, args=(look, end, seen))
        if existing:
            reader.start()
        distance = draw.uniform(0, SECONDS_BETWEEN)
        errors = write_at_once(lake, target, writers, distance)
        end.set()
        if existing:
            reader.join()
        try:
            check_pair(lake, form, home, writers, errors, is_existing=existing)
            # A reader saw each commit as a whole.
            assert all(set(counts.values()) == {ROWS} for found in seen for counts in found.values())
            assert all(len({frozenset(counts) for counts in found.values()}) == 1 for found in seen)
        except AssertionError as error:
            raise AssertionError(SEED, distance, writers, list(map(str, errors))) from error
        clear(lake, form, home)


def check_pair(
    spark: SparkSession,
    form: str,
    home: Path,
    writers: list[Writer],
    errors: list[Exception | None],
    *,
    is_existing: bool,
) -> None:
    done = [error is None for error in errors]
    kinds = [writer.kind for writer in writers]
    assert all(isinstance(error, (WriteConflictError, TargetExistsError)) for error in errors if error)
    assert any(done)
    if is_existing and set(kinds) <= {"append", "compact"} and "append" in kinds:
        assert all(done)
    found = count_rows(spark, form, home)
    for country in COUNTRIES:
        assert set(found[country].values()) == {ROWS}
        check_versions(writers, done, set(found[country]))
    failed = {writer.version for writer, is_done in zip(writers, done, strict=True) if not is_done}
    assert not failed & set(found["c0"])  # nothing of one that raised
    assert all(set(counts) == set(found["c0"]) for counts in found.values())
    for writer, is_done in zip(writers, done, strict=True):
        if is_done and writer.kind == "quarantine":
            assert list(count_rows(spark, form, home, "aside")[writer.run].values()) == [INVALID]


def test_two_replacements_of_different_partitions_both_succeed(lake: SparkSession, home: Path, form: str) -> None:
    draw = random.Random(f"{SEED} different {form}")  # noqa: S311 - no secret
    target = Target(place(form, "t", home), place(form, "aside", home), str(home))
    write_pair(Writer("first", 1, ("c0", "c1", "c2")), target, lake)
    distance = draw.uniform(0, SECONDS_BETWEEN)
    writers = [Writer("replace", 2, ("c0",)), Writer("replace", 3, ("c1",))]
    assert write_at_once(lake, target, writers, distance) == [None, None], (SEED, distance)
    assert count_rows(lake, form, home) == {"c0": {2: ROWS}, "c1": {3: ROWS}, "c2": {1: ROWS}}
