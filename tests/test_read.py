"""Raw files in, every record accounted for."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from chispa import assert_df_equality
from pyspark.sql.types import IntegerType, StructField, StructType

from shopsmart_etl import (
    ColumnClashError,
    InvalidArgumentError,
    SourceNotFoundError,
    explode_arrays,
    flatten_struct,
    read_csv_logs,
    read_json_payloads,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    Written = Callable[[list[str]], str]

CSV = [
    "user,quantity,price,note",
    'ada,1,9.90,"7"" single, gold"',
    "bob,,,",
    "cut,1",
    "wide,1,1.00,x,y",
    "text,many,1.00,x",
    "dear,1,12345678.00,x",
]
CSV_SCHEMA = "user STRING, quantity INT, price DECIMAL(6, 2), note STRING"


@pytest.fixture
def logs(spark: SparkSession, written: Written) -> DataFrame:
    return read_csv_logs(spark, written(CSV), schema=CSV_SCHEMA)


def test_every_csv_line_is_a_row_and_bad_lines_are_kept_verbatim(spark: SparkSession, logs: DataFrame) -> None:
    one = Decimal("1.00")
    expected = spark.createDataFrame(
        [
            ("ada", 1, Decimal("9.90"), '7" single, gold', None),
            ("bob", None, None, None, None),
            ("cut", 1, None, None, "cut,1"),
            ("wide", 1, one, "x", "wide,1,1.00,x,y"),
            ("text", None, one, "x", "text,many,1.00,x"),
            ("dear", 1, None, "x", "dear,1,12345678.00,x"),
        ],
        CSV_SCHEMA + ", _corrupt_record STRING",
    )
    assert_df_equality(logs, expected)


def test_which_lines_are_corrupt_does_not_depend_on_the_query(logs: DataFrame) -> None:
    bad = logs.where("_corrupt_record IS NOT NULL")
    assert bad.count() == 4
    assert bad.select("_corrupt_record").count() == 4
    assert [row[0] for row in bad.select("user", "_corrupt_record").collect()] == ["cut", "wide", "text", "dear"]


def test_a_header_that_is_not_the_schema_fails_and_names_the_file(spark: SparkSession, written: Written) -> None:
    path = written(["quantity,user,price,note", "1,ada,9.90,x"])
    with pytest.raises(Exception, match=r"(?s)header does not conform to the schema.*" + path.rpartition("/")[2]):
        read_csv_logs(spark, path, schema=CSV_SCHEMA).collect()


def test_folders_named_key_value_become_columns(spark: SparkSession, tmp_path: Path) -> None:
    for server in ("web-1", "web-2"):
        (tmp_path / f"server={server}").mkdir()
        (tmp_path / f"server={server}" / "a.csv").write_text("user\nada\n", encoding="utf-8")
    logs = read_csv_logs(spark, str(tmp_path), schema="user STRING")
    assert sorted(tuple(row) for row in logs.collect()) == [("ada", None, "web-1"), ("ada", None, "web-2")]


def test_the_corrupt_record_column_can_have_another_name(spark: SparkSession, written: Written) -> None:
    logs = read_csv_logs(spark, written(["n", "x"]), schema="n INT", corrupt_record="bad line")
    assert [tuple(row) for row in logs.collect()] == [(None, "x")]
    assert logs.columns == ["n", "bad line"]


DOCUMENTS = [
    '{"id": 1, "price": 0.1, "tags": ["a"], "extra": true}',
    '{"id": 2}',
    '{"id": "two", "price": 12.345}',
    '{"id": 3, "price": ',
    '{"id": 4, "price": "7.50", "tags": []}',
]
DOCUMENT = "id INT, price DECIMAL(10, 2), tags ARRAY<STRING>"


def test_every_document_is_a_row_and_bad_ones_are_kept_verbatim(spark: SparkSession, written: Written) -> None:
    payloads = read_json_payloads(spark, written(DOCUMENTS), schema=DOCUMENT)
    rows = [tuple(row) for row in payloads.collect()]
    assert rows[:2] == [(1, Decimal("0.10"), ["a"], None), (2, None, None, None)]
    assert [row[-1] for row in rows[2:4]] == DOCUMENTS[2:4]
    assert rows[4] == (4, Decimal("7.50"), [], None)
    assert payloads.where("_corrupt_record IS NOT NULL").count() == 2
    assert payloads.select("_corrupt_record").where("_corrupt_record IS NOT NULL").count() == 2


def test_a_paged_envelope_gives_a_row_a_document(spark: SparkSession, written: Written) -> None:
    pages = ['{"page": 1, "data": [{"id": 1}, {"id": 2, "tags": ["a"]}, null]}', '{"page": 2, "data": []}', '{"da']
    payloads = read_json_payloads(spark, written(pages), schema=DOCUMENT, records="data")
    assert [tuple(row) for row in payloads.collect()] == [
        (1, None, None, None),
        (2, None, ["a"], None),
        (None, None, None, None),
        (None, None, None, '{"da'),
    ]
    plain = read_json_payloads(spark, written(DOCUMENTS), schema=DOCUMENT)
    assert payloads.schema == plain.schema


def test_names_in_the_documents_cannot_collide_with_the_envelope(spark: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "document=7"
    folder.mkdir()
    (folder / "a.json").write_text('{"position": [{"position": 1, "Position2": 2}]}\n', encoding="utf-8")
    schema = "position INT, Position2 INT"
    payloads = read_json_payloads(spark, str(tmp_path), schema=schema, records="position")
    assert payloads.columns == ["position", "Position2", "_corrupt_record", "document"]
    assert [tuple(row) for row in payloads.collect()] == [(1, 2, None, 7)]


def test_a_document_over_many_lines(spark: SparkSession, written: Written) -> None:
    path = written(["[", '{"id":', "1},", '{"id": 2}', "]"])
    assert [row["id"] for row in read_json_payloads(spark, path, schema=DOCUMENT, multiline=True).collect()] == [1, 2]


def test_payloads_go_on_into_flatten_and_explode(spark: SparkSession, written: Written) -> None:
    pages = ['{"data": [{"c": {"n": "x"}, "items": [{"p": 1}, {"p": 2}]}, {"items": []}]}']
    schema = "c STRUCT<n: STRING>, items ARRAY<STRUCT<p: INT>>"
    lines = (
        read_json_payloads(spark, written(pages), schema=schema, records="data")
        .transform(flatten_struct())
        .transform(explode_arrays("items"))
        .transform(flatten_struct("items"))
    )
    assert [tuple(row) for row in lines.collect()] == [("x", 1, None), ("x", 2, None), (None, None, None)]


@pytest.mark.parametrize("read", [read_csv_logs, read_json_payloads])
def test_nothing_to_read_is_said_in_one_line(
    spark: SparkSession, tmp_path: Path, read: Callable[..., DataFrame]
) -> None:
    with pytest.raises(SourceNotFoundError, match=r"nothing to read at '.*/nope': there is no such file or folder"):
        read(spark, str(tmp_path / "nope"), schema="a INT")
    with pytest.raises(SourceNotFoundError, match="the folder holds no file"):
        read(spark, str(tmp_path), schema="a INT")


def test_a_schema_can_be_a_struct_type(spark: SparkSession, written: Written) -> None:
    schema = StructType([StructField("n", IntegerType(), nullable=False)])
    assert read_csv_logs(spark, written(["n", "1"]), schema=schema).dtypes == [
        ("n", "int"),
        ("_corrupt_record", "string"),
    ]


def test_a_wrong_schema_is_refused(spark: SparkSession, written: Written) -> None:
    with pytest.raises(InvalidArgumentError, match="schema: wanted DDL such as"):
        read_csv_logs(spark, written(["a"]), schema="a NUMBER NUMBER")
    with pytest.raises(InvalidArgumentError, match="schema: wanted a StructType"):
        read_csv_logs(spark, written(["a"]), schema=["a"])  # type: ignore[arg-type]
    with pytest.raises(ColumnClashError, match="_corrupt_record"):
        read_csv_logs(spark, written(["a"]), schema="a INT, _CORRUPT_RECORD STRING")
