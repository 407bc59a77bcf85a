"""Sums and sketches run on streams too: a late row updates the day of its timestamp."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from processes import LIMIT
from pyspark.errors import AnalysisException

from shopsmart_etl import daily_active_users, daily_revenue, estimate_users, revenue, sketch_users

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession

    from shopsmart_etl import Transform

SCHEMA = "user string, at timestamp, country string, amount decimal(10, 2)"


def rows(spark: SparkSession, *values: str) -> DataFrame:
    return spark.sql(f"SELECT * FROM VALUES {', '.join(values)} AS t (user, at, country, amount)").selectExpr(
        "user", "TIMESTAMP(at) AS at", "country", "CAST(amount AS DECIMAL(10, 2)) AS amount"
    )


@pytest.mark.parametrize(
    "step",
    [
        daily_revenue(amount="amount", timestamp="at", timezone="Europe/London"),
        revenue(amount="amount", by="country"),
        sketch_users(user="user", timestamp="at", by=["country"]),
    ],
)
def test_a_stream_gives_what_all_of_its_rows_give(
    spark: SparkSession, new_path: Callable[[], str], step: Transform
) -> None:
    path = new_path()
    batches = [
        rows(spark, "('ada', '2026-01-02 10:00:00', 'GB', '5.00')", "('bob', '2026-01-03 10:00:00', NULL, NULL)"),
        rows(spark, "('eve', '2026-01-02 09:00:00', 'GB', '2.50')", "(NULL, NULL, 'IE', '-1.00')"),
    ]
    for batch in batches:
        batch.coalesce(1).write.mode("append").parquet(path)
    files = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).parquet(path)
    stream = files.transform(step).writeStream.outputMode("complete").format("memory").queryName("gold_stream")
    query = stream.trigger(availableNow=True).start()
    assert query.awaitTermination(LIMIT)
    assert query.lastProgress is not None
    assert query.lastProgress["batchId"] == len(batches) - 1
    streamed, whole = spark.table("gold_stream"), spark.read.schema(SCHEMA).parquet(path).transform(step)
    if "user_sketch" in streamed.columns:
        streamed, whole = (one.transform(estimate_users(by=["country"])) for one in (streamed, whole))
    assert sorted(map(str, streamed.collect())) == sorted(map(str, whole.collect()))
    assert streamed.count() == 3


def test_exact_users_of_a_stream_are_refused_and_never_wrong(spark: SparkSession, new_path: Callable[[], str]) -> None:
    path = new_path()
    rows(spark, "('ada', '2026-01-02 10:00:00', 'GB', '5.00')").write.parquet(path)
    users = spark.readStream.schema(SCHEMA).parquet(path).transform(daily_active_users(user="user", timestamp="at"))
    with pytest.raises(AnalysisException, match="Distinct aggregations are not supported"):
        users.writeStream.outputMode("complete").format("memory").queryName("gold_users").start()
