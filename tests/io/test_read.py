"""Raw files in, every record accounted for."""

from __future__ import annotations

import gzip
import os
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from chispa import assert_df_equality
from engines import VERSION, configured, failure_text
from processes import LIMIT
from pyspark.sql.types import IntegerType, StructField, StructType

import shopsmart_etl as etl
from shopsmart_etl import (
    ColumnClashError,
    HeaderMismatchError,
    InvalidArgumentError,
    SourceNotFoundError,
    UnsupportedError,
    explode_arrays,
    flatten_struct,
    infer_schema,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    Written = Callable[[list[str]], str]

# Where the rows came from has tests of its own.
NO_ORIGIN: dict[str, Any] = {"file_path_column": None, "file_modified_column": None}
read_csv_logs: Callable[..., DataFrame] = partial(etl.read_csv_logs, **NO_ORIGIN)
read_json_payloads: Callable[..., DataFrame] = partial(etl.read_json_payloads, **NO_ORIGIN)

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


@pytest.mark.exhaustive
@pytest.mark.parametrize("multiline", [False, True])
def test_a_line_of_very_many_fields_is_a_corrupt_record(spark: SparkSession, written: Written, multiline: bool) -> None:
    wide = "," * 30_000
    path = written(["user,quantity", "ada,1", wide, "bob,2"])
    logs = read_csv_logs(spark, path, schema="user STRING, quantity INT", multiline=multiline)
    assert [tuple(row) for row in logs.collect()] == [("ada", 1, None), (None, None, wide), ("bob", 2, None)]
    assert infer_schema(spark, path, format="csv", multiline=multiline) == "user string,\nquantity int"


def test_a_header_of_very_many_fields_is_refused(spark: SparkSession, written: Written) -> None:
    path = written(["user" + "," * 30_000, "ada"])
    with pytest.raises(HeaderMismatchError, match="the schema lacks '_c1'"):
        read_csv_logs(spark, path, schema="user STRING")


def test_which_lines_are_corrupt_does_not_depend_on_the_query(logs: DataFrame) -> None:
    bad = logs.where("_corrupt_record IS NOT NULL")
    assert bad.count() == 4
    assert bad.select("_corrupt_record").count() == 4
    assert [row[0] for row in bad.select("user", "_corrupt_record").collect()] == ["cut", "wide", "text", "dear"]


def test_columns_are_found_by_name_and_come_in_the_schema_s_order(spark: SparkSession, written: Written) -> None:
    path = written(["price,note,user", "9.90,x,ada", "1.00,y", "free,z,bob"])
    logs = read_csv_logs(spark, path, schema="user STRING, price DECIMAL(6, 2), note STRING")
    expected = spark.createDataFrame(
        [
            ("ada", Decimal("9.90"), "x", None),
            (None, Decimal("1.00"), "y", "1.00,y"),
            ("bob", None, "z", "free,z,bob"),
        ],
        "user STRING, price DECIMAL(6, 2), note STRING, _corrupt_record STRING",
    )
    assert_df_equality(logs, expected)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("user,cost", "it lacks 'price'; the schema lacks 'cost'. Give the schema of these files"),
        ("user", "it lacks 'price'. Give"),
        ("user,price,tax", "the schema lacks 'tax'. Give"),
        ("user, price", "it lacks 'price'; the schema lacks ' price'. trim_header=True removes the spaces"),
    ],
)
def test_a_header_of_other_columns_is_refused_before_anything_is_read(
    spark: SparkSession, written: Written, header: str, message: str
) -> None:
    with pytest.raises(HeaderMismatchError) as caught:
        read_csv_logs(spark, written([header, "ada,1"]), schema="user STRING, price INT")
    assert message in str(caught.value)


def test_a_later_file_with_another_header_fails_and_is_named(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user,price\nada,1\n" * 2, encoding="utf-8")
    (tmp_path / "b.csv").write_text("price,user\n1,ada\n", encoding="utf-8")
    why = failure_text(r"(?s)header does not conform to the schema.*[ab]\.csv", error=r"FAILED_READ_FILE.*[ab]\.csv")
    with pytest.raises(Exception, match=why):
        read_csv_logs(spark, str(tmp_path), schema="user STRING, price STRING").collect()


def test_padded_header_names_are_trimmed_on_request(spark: SparkSession, written: Written) -> None:
    path = written([" price ,user", "1,ada"])
    logs = read_csv_logs(spark, path, schema="user STRING, price INT", trim_header=True)
    assert [tuple(row) for row in logs.collect()] == [("ada", 1, None)]
    assert logs.columns == ["user", "price", "_corrupt_record"]


@pytest.mark.parametrize(
    ("raw", "options", "rows"),
    [
        (b"user,note\r\nada,x\r\nbob,y\r\n", {}, [("ada", "x"), ("bob", "y")]),
        (b"\xef\xbb\xbfuser,note\nada,x\n", {}, [("ada", "x")]),
        ("user,note\nJosé,£1\n".encode("latin-1"), {"encoding": "ISO-8859-1"}, [("José", "£1")]),
        ("user,note\nJosé,£1\n".encode("utf-16"), {"encoding": "UTF-16", "multiline": True}, [("José", "£1")]),
        (b'user,note\nada,"two\nlines"\nbob,y\n', {"multiline": True}, [("ada", "two\nlines"), ("bob", "y")]),
        (gzip.compress(b"user,note\nada,x\n"), {}, [("ada", "x")]),
        (b"user,note\n", {}, []),
        (b"", {}, []),
    ],
    ids=["CRLF", "BOM", "Latin-1", "UTF-16", "line breaks in quotes", "gzip", "a header alone", "empty"],
)
def test_files_are_read_as_they_come(
    spark: SparkSession, tmp_path: Path, raw: bytes, options: dict[str, Any], rows: list[Any]
) -> None:
    path = tmp_path / ("logs.csv.gz" if raw[:2] == b"\x1f\x8b" else "logs.csv")
    path.write_bytes(raw)
    logs = read_csv_logs(spark, str(path), schema="user STRING, note STRING", **options)
    assert [tuple(row) for row in logs.collect()] == [(*row, None) for row in rows]


def test_folders_named_key_value_become_columns(spark: SparkSession, tmp_path: Path) -> None:
    for server in ("web-1", "web-2"):
        (tmp_path / f"server={server}").mkdir()
        (tmp_path / f"server={server}" / "a.csv").write_text("user\nada\n", encoding="utf-8")
    logs = read_csv_logs(spark, str(tmp_path), schema="user STRING")
    assert sorted(tuple(row) for row in logs.collect()) == [("ada", None, "web-1"), ("ada", None, "web-2")]


def test_the_corrupt_record_column_can_have_another_name(spark: SparkSession, written: Written) -> None:
    logs = read_csv_logs(spark, written(["n", "x"]), schema="n INT", corrupt_record_column="bad line")
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


@pytest.mark.exhaustive
def test_a_paged_envelope_gives_a_row_a_document(spark: SparkSession, written: Written) -> None:
    pages = [
        '{"page": 1, "data": [{"id": 1}, {"id": 2, "tags": ["a"]}]}',
        '{"page": 2, "data": []}',
        '{"da',
        '{"page": 3, "data": [{"id": 3}, null, {"id": "four", "tags": ["b"]}]}',
        '{"page": 4}',
        '{"page": 5, "data": null}',
        '[{"data": [{"id": 5}]}, {"data": [{"id": 6}]}]',
        '{"data": [{"id": 7}, 8]}',
    ]
    payloads = read_json_payloads(spark, written(pages), schema=DOCUMENT, record_path="data")
    assert [tuple(row) for row in payloads.collect()] == [
        (1, None, None, None),
        (2, None, ["a"], None),
        (None, None, None, pages[2]),
        (3, None, None, None),
        (None, None, None, "null"),
        (None, None, ["b"], '{"id": "four", "tags": ["b"]}'),
        (None, None, None, pages[4]),
        (None, None, None, pages[5]),
        (5, None, None, None),
        (6, None, None, None),
        (7, None, None, None),
        (None, None, None, "8"),
    ]
    plain = read_json_payloads(spark, written(DOCUMENTS), schema=DOCUMENT)
    assert payloads.schema == plain.schema


# What a line or a file is, and its rows; None where it is kept whole as a corrupt record.
TEXTS: list[tuple[str, list[Any] | None]] = [
    ('{"id": 1, "id": 2}', [(2, None)]),
    ('{"id": 1,}', None),
    ('[{"id": 1}, {"id": 2},]', None),
    ('{"id": 1}{"id": 2}', [(1, None), (2, None)]),
    ('{"id": 1} {"id": 2}  {"id": 3', [(1, None), (2, None), (None, '{"id": 3')]),
    ('{"id": 1, "x": {} {"id": 2}', None),
    ('{"id": 1} x', None),
    ('[{"id": 1}][{"id": 2}]', None),
    ('{"id": 1', None),
    ('{"id": 01}', None),
    ("{'id': 1}", None),
    ('{"id": NaN}', None),
    ("null", None),
    ("7", None),
    ('"x"', None),
    ("id: 1", None),
    ("]", None),
    ('{"id": "one"}', None),
    ('[{"id": 1}, {"id": 2}]', [(1, None), (2, None)]),
    ('[{"id": 1}, {"id": "two"}, null]', [(1, None), (None, '{"id": "two"}'), (None, "null")]),
    (' \t{"id": 1}  ', [(1, None)]),
    (' \t[{"id": 1}]  ', [(1, None)]),
    ("\ufeff" + '{"id": 1}', [(1, None)]),
    ("\ufeff" + '[{"id": 1}]', [(1, None)]),
    ("{}", [(None, None)]),
    ("[]", []),
    ("  \t ", []),
    ("", []),
]


@pytest.mark.parametrize("multiline", [False, True])
def test_whatever_a_line_or_a_file_holds_is_read_or_kept(spark: SparkSession, tmp_path: Path, multiline: bool) -> None:
    for number, (text, _) in enumerate(TEXTS):
        (tmp_path / f"{number}.json").write_text(text, encoding="utf-8")
    read = etl.read_json_payloads(spark, str(tmp_path), schema="id INT", multiline=multiline, file_modified_column=None)
    found: dict[str, list[Any]] = {}
    for number, corrupt, path in read.collect():
        found.setdefault(path.rpartition("/")[2], []).append((number, corrupt))
    for number, (text, rows) in enumerate(TEXTS):
        got = found.get(f"{number}.json", [])
        if rows is None:
            assert [corrupt for _, corrupt in got] == [text]
        else:
            assert got == rows, text


def test_a_file_may_have_several_documents_over_many_lines(spark: SparkSession, written: Written) -> None:
    path = written(['{"id":', "1}", '{"id": 2, "note": "}\\n{"}', '{"id": "x",', '"y": 0}'])
    got = read_json_payloads(spark, path, schema="id INT", multiline=True)
    assert [tuple(row) for row in got.collect()] == [(1, None), (2, None), (None, '{"id": "x",\n"y": 0}')]


def test_bytes_that_are_no_utf8_lose_no_row(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes('{"name": "José"}\n{"name": "x"}\n'.encode("latin-1"))
    assert read_json_payloads(spark, str(tmp_path), schema="name STRING").count() == 2


def test_amounts_beside_a_document_that_does_not_fit_are_exact(spark: SparkSession, written: Written) -> None:
    amount = "12345678901234567890123.89"
    path = written([f'[{{"id": "x"}}, {{"price": {amount}}}]'])
    got = read_json_payloads(spark, path, schema="id INT, price DECIMAL(38, 2)").collect()
    assert [row["price"] for row in got] == [None, Decimal(amount)]
    assert [row["_corrupt_record"] for row in got] == ['{"id": "x"}', None]


READERS = pytest.mark.parametrize(
    ("read", "text"),
    [(etl.read_csv_logs, "id\n1\n2\n"), (etl.read_json_payloads, '{"id": 1}\n{"id": 2}\n')],
    ids=["CSV", "JSON"],
)


@READERS
def test_every_row_says_where_it_came_from(
    spark: SparkSession, tmp_path: Path, read: Callable[..., DataFrame], text: str
) -> None:
    folder = tmp_path / "server=web 1"
    folder.mkdir()
    file = folder / "a b.log"
    file.write_text(text, encoding="utf-8")
    rows = read(spark, str(tmp_path), schema="id INT")
    assert rows.columns == ["id", "_corrupt_record", "_file_path", "_file_modified", "server"]
    changed = int(file.stat().st_mtime)
    got = [
        tuple(row) for row in rows.selectExpr("id", "_file_path", "unix_seconds(_file_modified)", "server").collect()
    ]
    assert [(row[0], *row[2:]) for row in got] == [(1, changed, "web 1"), (2, changed, "web 1")]
    assert unquote(unquote(got[0][1])).endswith("/server=web 1/a b.log")
    named = read(
        spark,
        str(tmp_path),
        schema="id INT",
        corrupt_record_column="bad",
        file_path_column="file",
        file_modified_column=None,
    )
    assert named.columns == ["id", "bad", "file", "server"]


def test_a_column_of_the_file_does_not_pass_for_what_spark_knows_of_it(spark: SparkSession, written: Written) -> None:
    path, schema = written(["id,_metadata", "1,x"]), "id INT, _metadata STRING"
    rows = etl.read_csv_logs(spark, path, schema=schema).collect()
    assert rows[0]["_file_path"].endswith(path)
    assert [row[:2] for row in rows] == [(1, "x")]
    path = written(["_metadata", "x"])
    if VERSION < (4, 0):
        with pytest.raises(UnsupportedError, match="expected no column '_metadata' before Spark 4"):
            etl.read_csv_logs(spark, path, schema="_metadata STRING")
    rows = read_csv_logs(spark, path, schema="_metadata STRING").collect()
    assert [row[0] for row in rows] == ["x"]


@pytest.mark.exhaustive
@READERS
def test_a_stream_is_read_as_a_batch_is(
    spark: SparkSession, tmp_path: Path, read: Callable[..., DataFrame], text: str
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    stream = read(spark, str(source), schema="id INT", stream=True)
    assert stream.isStreaming

    def run() -> None:
        write = stream.writeStream.format("parquet").option("checkpointLocation", str(tmp_path / "checkpoint"))
        query = write.trigger(availableNow=True).start(str(tmp_path / "out"))
        assert query.awaitTermination(LIMIT)

    (source / "a").write_text(text, encoding="utf-8")
    run()
    (source / "b").write_text(text + "{x,\n", encoding="utf-8")
    run()
    streamed = spark.read.parquet(str(tmp_path / "out"))
    batch = read(spark, str(source), schema="id INT")
    assert batch.count() == 5
    assert_df_equality(streamed, batch, ignore_row_order=True)


@READERS
def test_a_stream_from_nowhere_is_refused(
    spark: SparkSession, tmp_path: Path, read: Callable[..., DataFrame], text: str
) -> None:
    assert text
    with pytest.raises(SourceNotFoundError):
        read(spark, str(tmp_path / "nope"), schema="id INT", stream=True)


@pytest.mark.needs("names of unreadable files")
@READERS
def test_a_file_that_cannot_be_read_fails_the_job_and_is_named(
    spark: SparkSession, tmp_path: Path, read: Callable[..., DataFrame], text: str
) -> None:
    (tmp_path / "good").write_text(text, encoding="utf-8")
    packed = gzip.compress((text + text * 20_000).encode())
    (tmp_path / "cut.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(Exception, match=r"FAILED_READ_FILE.*cut\.gz"):
        read(spark, str(tmp_path / "*"), schema="id INT").collect()
    (tmp_path / "cut.gz").write_bytes(b"no gzip")
    with pytest.raises(Exception, match=r"FAILED_READ_FILE.*cut\.gz"):
        read(spark, str(tmp_path / "[cg]*"), schema="id INT").collect()


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
@READERS
def test_a_file_without_permission_fails_the_job_and_is_named(
    spark: SparkSession, tmp_path: Path, read: Callable[..., DataFrame], text: str
) -> None:
    (tmp_path / "good").write_text(text, encoding="utf-8")
    (tmp_path / "secret").write_text(text, encoding="utf-8")
    (tmp_path / "secret").chmod(0)
    with pytest.raises(Exception, match=r"secret.*[Pp]ermission"):
        read(spark, str(tmp_path), schema="id INT").collect()


@pytest.mark.needs("encodings that are refused")
def test_cp850_is_read_where_the_session_allows_it_and_refused_in_a_line_elsewhere(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes("user,note\nJosé,£1\n".encode("cp850"))
    read = partial(read_csv_logs, spark, str(tmp_path), schema="user STRING, note STRING", encoding="cp850")
    with pytest.raises(
        InvalidArgumentError, match=r"encoding: expected an encoding that Spark supports .*javaCharsets=true"
    ):
        read()
    spark.conf.set("spark.sql.legacy.javaCharsets", "true")
    try:
        assert [tuple(row) for row in read().collect()] == [("José", "£1", None)]
    finally:
        spark.conf.unset("spark.sql.legacy.javaCharsets")


@pytest.mark.parametrize("encoding", ["UTF-16", "utf-16le", "UTF-32"])
def test_characters_of_many_bytes_are_not_read_by_the_line(spark: SparkSession, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes("user\nada\n".encode(encoding))
    with pytest.raises(InvalidArgumentError, match="encoding: expected multiline=True with UTF-16 and UTF-32; got"):
        read_csv_logs(spark, str(tmp_path), schema="user STRING", encoding=encoding)


@pytest.mark.exhaustive
def test_names_in_the_documents_cannot_collide_with_the_envelope(spark: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "document=7"
    folder.mkdir()
    (folder / "a.json").write_text('{"position": [{"position": 1, "Position2": 2}]}\n', encoding="utf-8")
    schema = "position INT, Position2 INT"
    payloads = read_json_payloads(spark, str(tmp_path), schema=schema, record_path="position")
    assert payloads.columns == ["position", "Position2", "_corrupt_record", "document"]
    assert [tuple(row) for row in payloads.collect()] == [(1, 2, None, "7")]


def test_a_document_over_many_lines(spark: SparkSession, written: Written) -> None:
    path = written(["[", '{"id":', "1},", '{"id": 2}', "]"])
    assert [row["id"] for row in read_json_payloads(spark, path, schema=DOCUMENT, multiline=True).collect()] == [1, 2]


def test_payloads_go_on_into_flatten_and_explode(spark: SparkSession, written: Written) -> None:
    pages = ['{"data": [{"c": {"n": "x"}, "items": [{"p": 1}, {"p": 2}]}, {"items": []}]}']
    schema = "c STRUCT<n: STRING>, items ARRAY<STRUCT<p: INT>>"
    lines = (
        read_json_payloads(spark, written(pages), schema=schema, record_path="data")
        .transform(flatten_struct())
        .transform(explode_arrays("items"))
        .transform(flatten_struct("items"))
    )
    assert [tuple(row)[:3] for row in lines.collect()] == [("x", True, 1), ("x", True, 2), (None, False, None)]


@pytest.mark.parametrize("read", [read_csv_logs, read_json_payloads])
def test_nothing_to_read_is_said_in_one_line(
    spark: SparkSession, tmp_path: Path, read: Callable[..., DataFrame]
) -> None:
    with pytest.raises(SourceNotFoundError, match=r"nothing to read at '.*/nope': there is no such file or folder"):
        read(spark, str(tmp_path / "nope"), schema="a INT")
    (tmp_path / "2026").mkdir()
    (tmp_path / "2026" / "logs").write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(SourceNotFoundError, match=r"the folder has no file; a glob such as logs/\* reads"):
        read(spark, str(tmp_path), schema="a INT")


def test_a_schema_can_be_a_struct_type(spark: SparkSession, written: Written) -> None:
    schema = StructType([StructField("n", IntegerType(), nullable=False)])
    assert read_csv_logs(spark, written(["n", "1"]), schema=schema).dtypes == [
        ("n", "int"),
        ("_corrupt_record", "string"),
    ]


def test_a_wrong_schema_is_refused(spark: SparkSession, written: Written) -> None:
    with pytest.raises(InvalidArgumentError, match="schema: expected DDL such as"):
        read_csv_logs(spark, written(["a"]), schema="a NUMBER NUMBER")
    with pytest.raises(InvalidArgumentError, match="schema: expected a StructType"):
        read_csv_logs(spark, written(["a"]), schema=["a"])
    with pytest.raises(ColumnClashError, match="_corrupt_record"):
        read_csv_logs(spark, written(["a"]), schema="a INT, _CORRUPT_RECORD STRING")
    with pytest.raises(ColumnClashError, match="Leave it out of the schema, or give another corrupt_record_column="):
        etl.read_json_payloads(spark, written(["a"]), schema="a INT, _file_path STRING")


@READERS
def test_names_are_compared_as_the_session_compares_them(
    spark: SparkSession, tmp_path: Path, read: Callable[..., DataFrame], text: str
) -> None:
    (tmp_path / "a").write_text(text.replace("id", "FILE"), encoding="utf-8")
    options = {
        "schema": "FILE INT",
        "corrupt_record_column": "File",
        "file_path_column": "file",
        "file_modified_column": "fILE",
    }
    with pytest.raises(ColumnClashError, match="'File'"):
        read(spark, str(tmp_path), **options)
    with pytest.raises(ColumnClashError, match="the corrupt_record_column and the file_path_column"):
        read(spark, str(tmp_path), **{**options, "schema": "other INT"})
    with configured(spark, {"spark.sql.caseSensitive": "true"}):
        with pytest.raises(ColumnClashError, match="the file_path_column and the file_modified_column"):
            read(spark, str(tmp_path), **{**options, "file_modified_column": "file"})
        rows = read(spark, str(tmp_path), **options)
        assert rows.columns == ["FILE", "File", "file", "fILE"]
        assert [row[:2] for row in rows.collect()] == [(1, None), (2, None)]
