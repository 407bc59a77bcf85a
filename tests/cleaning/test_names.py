"""Columns are renamed to snake_case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from chispa import assert_df_equality

from shopsmart_etl import ColumnClashError, ColumnNotFoundError, snake_case_columns
from shopsmart_etl.cleaning.names import snake_case

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.parametrize(
    ("name", "renamed"),
    [
        ("InvoiceNo", "invoice_no"),
        ("CustomerID", "customer_id"),
        ("HTTPStatus", "http_status"),
        ("Unit Price", "unit_price"),
        ("unit-price ($)", "unit_price"),
        ("already_snake_case", "already_snake_case"),
        ("ALLCAPS", "allcaps"),
        ("Top10Products", "top10_products"),
        ("__Hidden", "__hidden"),
        ("a.b`c", "a_b_c"),
        ("ÜberName", "über_name"),
        ("價格", "價格"),
        ("$$", "$$"),
        ("_", "_"),
    ],
)
def test_a_name_is_written_in_snake_case(name: str, renamed: str) -> None:
    assert snake_case(name) == renamed
    assert snake_case(renamed) == renamed


def test_columns_are_renamed_and_nothing_else_changes(spark: SparkSession) -> None:
    ddl = "`{}` int COMMENT 'the id', `{}` struct<InnerName: string>, `{}` array<int>"
    rows = [(1, ("a",), [1]), (None, None, None)]
    df = spark.createDataFrame(rows, ddl.format("OrderID", "Ship To", "a.B"))
    expected = spark.createDataFrame(rows, ddl.format("order_id", "ship_to", "a_b"))
    assert_df_equality(df.transform(snake_case_columns()), expected)
    assert df.transform(snake_case_columns("Ship To")).columns == ["OrderID", "ship_to", "a.B"]
    assert expected.transform(snake_case_columns()) is expected


def test_columns_that_would_have_one_name_are_refused(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, 2)], "`Unit Price` int, UnitPrice int")
    with pytest.raises(ColumnClashError, match="`Unit Price` and UnitPrice would both be named 'unit_price'"):
        df.transform(snake_case_columns())
    assert df.transform(snake_case_columns("UnitPrice")).columns == ["Unit Price", "unit_price"]
    with pytest.raises(ColumnNotFoundError, match="did you mean 'UnitPrice'"):
        df.transform(snake_case_columns("UnitPrise"))
