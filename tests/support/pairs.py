"""Two writers of one table at the same time, of any two kinds, in any format; each writes its version of the rows."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from writer import FILES, IF_EXISTS

from shopsmart_etl import compact_table, flag_violations, quarantine, rules, write_partitioned, write_stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import DataFrame, SparkSession

KINDS = ("append", "replace", "compact", "quarantine", "first", "stream")
# Those that remove the older rows of a partition.
REPLACING = ("replace", "quarantine")
# Those that a stream's table of Parquet refuses.
BATCHES = ("append", "replace", "quarantine", "first")
SCHEMA = "id LONG, version INT, country STRING"
# In a partition.
ROWS = 300
# Of a run, in its quarantine.
INVALID = 30
COUNTRIES = ("c0", "c1", "c2")


@dataclass(frozen=True)
class Target:
    """A table, and what its writers keep beside it.

    Attributes:
        table: The arguments that name the table: ``path``, or ``table``, and ``format``.
        aside: The same of the quarantine.
        folder: The folder of sources and checkpoints.
    """

    table: Mapping[str, Any]
    aside: Mapping[str, Any]
    folder: str


@dataclass(frozen=True)
class Writer:
    """One of two writers.

    Attributes:
        kind: What it does.
        version: The version of its rows.
        countries: The partitions of its rows.
        run: The identifier of its run, or of its stream, which has a source and a checkpoint.
    """

    kind: str
    version: int
    countries: Sequence[str] = field(default=COUNTRIES)
    run: str = ""


def rows(spark: SparkSession, version: int, countries: Sequence[str] = COUNTRIES, first: int = 0) -> DataFrame:
    """Generate rows of several partitions. Identifiers below 0 are invalid."""
    names = ", ".join(f"'{country}'" for country in countries)
    country = f"element_at(array({names}), CAST(pmod(id, {len(countries)}) AS INT) + 1) AS country"
    return spark.range(first, ROWS * len(countries), 1, 2).selectExpr("id", f"{version} AS version", country)


def write(writer: Writer, target: Target, spark: SparkSession) -> None:
    """Write, compact, or run a stream."""
    kind, source = writer.kind, rows(spark, writer.version, writer.countries)
    if kind == "compact":
        compact_table(spark, **{name: value for name, value in target.table.items() if name != "format"})
        return
    if kind == "stream":
        stream = spark.readStream.schema(SCHEMA)
        if "format" not in target.table:  # Parquet, where two batches are one more moment than one
            stream = stream.option("maxFilesPerTrigger", 1)
        step = write_stream(
            **target.table, by="country", checkpoint=f"{target.folder}/checkpoint-{writer.run}", files=FILES
        )
        stream.parquet(f"{target.folder}/source-{writer.run}").transform(step)
        return
    if kind == "quarantine":
        source = rows(spark, writer.version, writer.countries, -INVALID)
        aside = write_partitioned(**target.aside, by="run_id", if_exists="replace_partitions", files=FILES)
        source = source.transform(flag_violations(rules.in_range("id", min_value=0)))
        source = source.transform(quarantine(into=aside, run_id=writer.run))
    outcome: Any = IF_EXISTS.get(kind, "replace_partitions")
    source.transform(write_partitioned(**target.table, by="country", if_exists=outcome, files=FILES))


def write_at_once(
    spark: SparkSession, target: Target, writers: Sequence[Writer], distance: float
) -> list[Exception | None]:
    """Run two writers, the second some seconds after the first, and return the error of each."""
    for writer in writers:
        if writer.kind == "stream":
            source = rows(spark, writer.version, writer.countries)
            source.write.mode("append").parquet(f"{target.folder}/source-{writer.run}")
    start = Barrier(len(writers))

    def run(number: int) -> Exception | None:
        session = spark.newSession()
        start.wait()
        time.sleep(distance * number)
        try:
            write(writers[number], target, session)
        except Exception as error:  # noqa: BLE001 - a writer that fails has the error of any of its parts
            return error
        return None

    with ThreadPoolExecutor(len(writers)) as pool:
        return list(pool.map(run, range(len(writers))))


def count_versions(table: DataFrame) -> dict[str, dict[int, int]]:
    """Count the rows of each version in each partition, and check that none is there twice."""
    found: dict[str, dict[int, int]] = {}
    counts = table.groupBy("country", "version").agg(F.count("*").alias("rows"), F.countDistinct("id").alias("ids"))
    for row in counts.collect():
        assert row["rows"] == row["ids"], row
        found.setdefault(row["country"], {})[row["version"]] = row["rows"]
    return found


def check_versions(writers: Sequence[Writer], done: Sequence[bool], versions: set[int]) -> None:
    """Check which versions a partition has after two writers that have its rows."""
    succeeded = {writer.version for writer, is_done in zip(writers, done, strict=True) if is_done}
    succeeded -= {writer.version for writer in writers if writer.kind == "compact"}
    replaced = {
        writer.version for writer, is_done in zip(writers, done, strict=True) if is_done and writer.kind in REPLACING
    }
    if not replaced:
        # Nothing removes the rows of an append.
        assert succeeded <= versions
        return
    assert 1 not in versions
    assert len(versions & replaced) == 1
