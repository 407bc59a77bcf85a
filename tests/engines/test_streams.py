"""Steps return the same rows on streams as on batch DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from chains import CHAINS, orders, to_json_value
from processes import LIMIT
from pyspark.errors import AnalysisException

from shopsmart_etl import ShopSmartError, explode_arrays, relationalize

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.exhaustive

STREAMED = [
    "readme",
    "nested again",
    "inside",
    "once",
    "maps",
    "conformed",
    "rescued",
    "broken",
    "rules of all kinds",
    "sound",
]
# These chains need all rows at once, and a stream never has all rows.
NEED_ALL_ROWS = ["round trip", "rules", "latest", "median"]


@pytest.fixture(scope="module")
def source(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("orders") / "parquet")
    orders(spark).repartitionByRange(2, "id").write.parquet(path)
    return path


@pytest.fixture
def streamed(spark: SparkSession, source: str) -> Callable[..., list[Any]]:
    """Return a function that runs a step on a stream of the orders, one file per batch, and returns all rows."""

    def run(step: Callable[[DataFrame], DataFrame]) -> list[Any]:
        stream = spark.readStream.schema(orders(spark).schema).option("maxFilesPerTrigger", 1).parquet(source)
        output = stream.transform(step)
        assert output.isStreaming
        query = output.writeStream.format("memory").queryName("streamed").trigger(availableNow=True).start()
        assert query.awaitTermination(LIMIT)
        return rows(spark.table("streamed"))

    return run


def rows(df: DataFrame) -> list[Any]:
    return sorted((to_json_value(row) for row in df.collect()), key=repr)


@pytest.mark.parametrize("chain", STREAMED)
def test_a_chain_returns_the_same_rows_as_in_batch(
    chain: str, spark: SparkSession, streamed: Callable[..., list[Any]]
) -> None:
    streamed_rows = streamed(CHAINS[chain])
    assert streamed_rows == rows(orders(spark).transform(CHAINS[chain]))
    assert streamed_rows


def test_the_chain_of_the_readme_returns_these_rows(streamed: Callable[..., list[Any]]) -> None:
    first, second = "2026-01-01 10:00:00+00:00", "2026-01-01 11:00:00+00:00"
    assert streamed(CHAINS["readme"]) == [
        [1, "Ada", "EIRE", "$5.00", True, "ink", "0.00", None, first, True],
        [1, "Ada", "EIRE", "$5.00", True, "pen", "2.50", [["a", 1]], first, False],
        [2, "Bob", None, "free", False, None, None, None, second, False],
        [3, None, None, None, False, None, None, None, None, False],
    ]


def test_arrays_are_zipped(streamed: Callable[..., list[Any]]) -> None:
    def zipped(df: DataFrame) -> DataFrame:
        arrays = df.selectExpr("id", "transform(items, item -> item.sku) AS skus", "array(1, 2, 3) AS numbers")
        return arrays.transform(explode_arrays("skus", "numbers", siblings="zip", present_suffix=None)).where("id = 1")

    assert streamed(zipped) == [[1, "ink", 2], [1, "pen", 1], [1, None, 3]]


def test_relationalize_splits_a_stream_into_streams(streamed: Callable[..., list[Any]]) -> None:
    def lines(df: DataFrame) -> DataFrame:
        return relationalize(df, root="orders", key="id")["orders_items"]

    assert streamed(lines) == [[1, 0, "pen", "2.50", 1], [1, 1, "ink", None, None]]


@pytest.mark.parametrize("chain", NEED_ALL_ROWS)
def test_a_chain_that_needs_all_rows_refuses_a_stream(chain: str, streamed: Callable[..., list[Any]]) -> None:
    with pytest.raises((ShopSmartError, AnalysisException)):
        streamed(CHAINS[chain])
