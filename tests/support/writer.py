"""A script that writes rows, for tests that kill it: prints ``ready`` before the write and ``done`` after it."""

from __future__ import annotations

import sys

from pyspark.sql import DataFrame, SparkSession

from shopsmart_etl import FileOptions, flag_violations, quarantine, rules, write_partitioned, write_stream, write_table

COUNTRIES = 6
ROWS = 60_000
# Several files in a partition, so that a commit moves many.
FILES = FileOptions(target_file_size=8_000)
IF_EXISTS = {"append": "append", "replace": "replace_partitions", "first": "error"}
RUN = "2026-01-02"


def rows(spark: SparkSession, version: int, count: int = ROWS) -> DataFrame:
    """Generate rows in several countries; incompressible text makes the write slow."""
    return spark.range(0, count, 1, 4).selectExpr(
        "id",
        f"{version} AS version",
        "sha2(CAST(id AS STRING), 512) AS text",
        f"concat('c', id % {COUNTRIES}) AS country",
    )


def report(state: str) -> None:
    """Print a state for the waiting process."""
    sys.stdout.write(f"{state}\n")
    sys.stdout.flush()


def write(kind: str, path: str, source: DataFrame) -> DataFrame:
    """Write rows in the requested way, and return the table."""
    if kind == "stream":
        stream = source.sparkSession.readStream.schema(source.schema).option("maxFilesPerTrigger", 1)
        step = write_stream(path, by="country", checkpoint=f"{path}-checkpoint", files=FILES)
        return stream.parquet(f"{path}-source").transform(step)
    if kind == "plain":
        return source.repartition(40).transform(write_table(path, if_exists="append", files=FILES))
    if kind == "quarantine":
        aside = write_partitioned(f"{path}-aside", by="run_id", if_exists="replace_partitions", files=FILES)
        source = source.transform(flag_violations(rules.in_range("id", max_value=ROWS - 601)))
        source = source.transform(quarantine(into=aside, run_id=RUN))
        kind = "replace"
    return source.transform(write_partitioned(path, by="country", if_exists=IF_EXISTS[kind], files=FILES))  # type: ignore[arg-type]


def main(kind: str, path: str, master: str = "local[2]") -> None:
    """Write rows in the requested way, in a session of its own."""
    builder = SparkSession.builder.master(master).config("spark.sql.shuffle.partitions", "2")
    spark = builder.config("spark.ui.enabled", "false").config("spark.log.level", "OFF").getOrCreate()
    rows(spark, 0, 10).write.format("noop").mode("overwrite").save()  # warm up the session
    report("ready")
    write(kind, path, rows(spark, 2))
    report("done")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
