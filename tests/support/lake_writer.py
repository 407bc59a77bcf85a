"""As ``writer``, in Delta Lake or Iceberg: a script for tests that kill it, with the jars of both."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lake_session import lake_session
from writer import ROWS, RUN, report, rows

from shopsmart_etl import (
    FileOptions,
    compact_table,
    flag_violations,
    quarantine,
    rules,
    write_partitioned,
    write_stream,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame, SparkSession

# A few files in a partition.
FILES = FileOptions(target_file_size=200_000)
OUTCOMES: Mapping[str, Any] = {
    "append": "append",
    "replace": "replace_partitions",
    "quarantine": "replace_partitions",
    "all": "replace_all",
    "first": "error",
}


def place(form: str, name: str, home: Path) -> dict[str, Any]:
    """Return the arguments that name a table: a folder of Delta Lake, or a table of Iceberg's catalog."""
    given = {"path": str(home / "delta" / name)} if form == "delta" else {"table": f"ice.db.{name}"}
    return {**given, "format": form}


def folder(form: str, name: str, home: Path) -> Path:
    """Return the folder of a table."""
    return home / ("delta" if form == "delta" else "iceberg/db") / name


def write(kind: str, form: str, home: Path, spark: SparkSession, source: DataFrame) -> None:
    """Write rows to the table ``t`` in the requested way, or compact it."""
    table = place(form, "t", home)
    if kind == "compact":
        compact_table(spark, **{name: value for name, value in table.items() if name != "format"})
        return
    if kind == "stream":
        stream = spark.readStream.schema(source.schema).option("maxFilesPerTrigger", 1)
        step = write_stream(**table, by="country", checkpoint=home / "checkpoint", files=FILES)
        stream.parquet(str(home / "source")).transform(step)
        return
    if kind == "quarantine":
        aside = write_partitioned(**place(form, "aside", home), by="run_id", if_exists="replace_partitions")
        source = source.transform(flag_violations(rules.in_range("id", max_value=ROWS - 601)))
        source = source.transform(quarantine(into=aside, run_id=RUN))
    source.transform(write_partitioned(**table, by="country", if_exists=OUTCOMES[kind], files=FILES))


def main(kind: str, form: str, home: str) -> None:
    """Write rows of version 2 in the requested way, in a session of its own."""
    spark = lake_session(Path(home))
    rows(spark, 0, 10).write.format("noop").mode("overwrite").save()  # warm up the session
    report("ready")
    write(kind, form, Path(home), spark, rows(spark, 2))
    report("done")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
