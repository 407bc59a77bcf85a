"""A writer in a process of its own, to be killed: says ``ready`` before it writes and ``done`` after."""

from __future__ import annotations

import sys

from pyspark.sql import DataFrame, SparkSession

from shopsmart_etl import write_partitioned

COUNTRIES = 6
ROWS = 60_000


def rows(spark: SparkSession, version: int, count: int = ROWS) -> DataFrame:
    """Make rows in several countries, each of a version; text that does not compress makes the write take a while."""
    return spark.range(0, count, 1, 4).selectExpr(
        "id",
        f"{version} AS version",
        "sha2(CAST(id AS STRING), 512) AS text",
        f"concat('c', id % {COUNTRIES}) AS country",
    )


def say(word: str) -> None:
    """Tell the process that waits."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(kind: str, path: str, master: str = "local[2]") -> None:
    """Write what is asked for."""
    builder = SparkSession.builder.master(master).config("spark.sql.shuffle.partitions", "2")
    spark = builder.config("spark.ui.enabled", "false").config("spark.log.level", "OFF").getOrCreate()
    rows(spark, 0, 10).write.format("noop").mode("overwrite").save()  # what is slow the first time
    source = rows(spark, 2)
    step = write_partitioned(path, by="country", if_exists="append")
    if kind == "replace":
        step = write_partitioned(path, by="country", if_exists="replace_partitions")
    if kind == "stream":
        step = write_partitioned(path, by="country", if_exists="append", checkpoint=f"{path}-checkpoint")
        source = spark.readStream.schema(source.schema).option("maxFilesPerTrigger", 1).parquet(f"{path}-source")
    say("ready")
    source.transform(step)
    say("done")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
