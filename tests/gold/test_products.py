"""Top products: equal sums share a rank, or ties are broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shopsmart_etl import ColumnClashError, ColumnNotFoundError, ColumnTypeError, InvalidArgumentError, top_products

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@pytest.fixture
def lines(spark: SparkSession) -> DataFrame:
    return spark.sql("""SELECT sku, CAST(amount AS DECIMAL(10, 2)) AS amount, units, country FROM VALUES
        ('pen', '5.00', 1, 'EIRE'), ('pen', '-1.00', -1, 'EIRE'), ('ink', '4.00', 2, 'EIRE'), ('cup', '3.00', 9, NULL),
        (NULL, '3.00', NULL, 'EIRE'), ('hat', NULL, 4, NULL) AS t (sku, amount, units, country)""")


def table(df: DataFrame) -> list[tuple[Any, ...]]:
    return sorted((tuple(str(value) for value in row) for row in df.collect()), key=str)


def test_equal_sums_share_a_rank_and_all_within_n_are_kept(lines: DataFrame) -> None:
    top = lines.transform(top_products(3, product="sku", amount="amount"))
    assert table(top) == [
        ("1", "ink", "4.00"),
        ("1", "pen", "4.00"),
        ("3", "None", "3.00"),
        ("3", "cup", "3.00"),
    ]
    assert [(field.name, field.dataType.simpleString(), field.nullable) for field in top.schema.fields] == [
        ("rank", "int", False),
        ("sku", "string", True),
        ("revenue", "decimal(20,2)", False),
    ]


def test_broken_ties_go_by_the_product_nulls_last(lines: DataFrame) -> None:
    top = lines.transform(top_products(4, product="sku", amount="amount", ties="break"))
    assert table(top) == [("1", "ink", "4.00"), ("2", "pen", "4.00"), ("3", "cup", "3.00"), ("4", "None", "3.00")]
    assert lines.transform(top_products(3, product="sku", amount="amount", ties="break")).count() == 3


def test_units_rank_by_their_sum_refunds_taken_off(lines: DataFrame) -> None:
    top = lines.transform(top_products(9, product="sku", units="units"))
    assert top.dtypes[-1] == ("units", "bigint")
    assert table(top) == [
        ("1", "cup", "9"),
        ("2", "hat", "4"),
        ("3", "ink", "2"),
        ("4", "None", "0"),
        ("4", "pen", "0"),
    ]


def test_each_group_has_its_own_ranks(lines: DataFrame) -> None:
    top = lines.transform(top_products(1, product="sku", amount="amount", by=["country"]))
    assert top.columns == ["country", "rank", "sku", "revenue"]
    assert table(top) == [
        ("EIRE", "1", "ink", "4.00"),
        ("EIRE", "1", "pen", "4.00"),
        ("None", "1", "cup", "3.00"),
    ]


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (top_products(1, product="skuu", amount="amount"), ColumnNotFoundError, "did you mean 'sku'"),
        (top_products(1, product="sku", amount="d"), ColumnTypeError, "expected a decimal or an integer; got double"),
        (top_products(1, product="units", units="units"), ColumnClashError, "the result's units"),
        (top_products(1, product="sku", amount="amount", by=["Rank"]), ColumnClashError, "named 'Rank'"),
    ],
)
def test_a_wrong_column_is_named(lines: DataFrame, step: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        lines.selectExpr("*", "1D AS d", "1 AS Rank").transform(step)


def test_a_wrong_argument_is_refused_where_the_step_is_built() -> None:
    with pytest.raises(InvalidArgumentError, match=r"n: expected an integer of at least 1 .*; got 0"):
        top_products(0, product="sku", amount="amount")
    for amount, units in ((None, None), ("a", "u")):
        with pytest.raises(InvalidArgumentError, match="expected either amount or units"):
            top_products(1, product="sku", amount=amount, units=units)
    with pytest.raises(InvalidArgumentError, match="ties: expected one of 'keep', 'break'"):
        top_products(1, product="sku", amount="a", ties="drop")  # type: ignore[arg-type]
