"""A script that writes rows, for tests that kill it: prints ``ready`` before the write and ``done`` after it."""

from __future__ import annotations

import sys

from pyspark.sql import DataFrame, SparkSession

from shopsmart_etl import write_partitioned, write_stream

COUNTRIES = 6
ROWS = 60_000


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


def main(kind: str, path: str, master: str = "local[2]") -> None:
    """Write rows in the requested way."""
    builder = SparkSession.builder.master(master).config("spark.sql.shuffle.partitions", "2")
    spark = builder.config("spark.ui.enabled", "false").config("spark.log.level", "OFF").getOrCreate()
    rows(spark, 0, 10).write.format("noop").mode("overwrite").save()  # warm up the session
    source = rows(spark, 2)
    step = write_partitioned(path, by="country", if_exists="append")
    if kind == "replace":
        step = write_partitioned(path, by="country", if_exists="replace_partitions")
    if kind == "stream":
        step = write_stream(path, by="country", checkpoint=f"{path}-checkpoint")
        source = spark.readStream.schema(source.schema).option("maxFilesPerTrigger", 1).parquet(f"{path}-source")
    report("ready")
    source.transform(step)
    report("done")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
