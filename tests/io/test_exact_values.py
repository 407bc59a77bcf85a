"""Readers return what files say, or say that they could not: the kinds of values that Spark's own readers change."""

from __future__ import annotations

import bz2
import json
import re
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from chispa import assert_df_equality
from engines import VERSION, configured
from processes import LIMIT

import shopsmart_etl as etl
from shopsmart_etl import (
    ColumnClashError,
    HeaderMismatchError,
    InvalidArgumentError,
    RowRefusedError,
    SourceError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.exhaustive

CORRUPT = "_corrupt_record"
# Schemas with many fields of a type are read by an expression for each type, others by one for each field.
NARROW_AND_WIDE = pytest.mark.parametrize("fewest", [1, 8], ids=["as a wide schema", "as a narrow schema"])
PLAIN: dict[str, Any] = {"file_path_column": None, "file_modified_column": None}

# Text of each type that Spark reads as another value.
CHANGED: dict[str, list[str]] = {
    "DECIMAL(10, 2)": [
        "12,50",
        "1.234,50",
        "1,2,3",
        "1.255",
        "0.001",
        "0.10000000000000000001",
        "1 000",
        "\uff11",
        "5d",
        "1e999999999",
    ],
    "DECIMAL(38, 18)": ["1,5", "0.1234567890123456789"],
    "TIMESTAMP": ["12:30:00", "12:30", "2026", "202601", "2026-01", "2026-01-05 lunch", "20260105", "1767603600000"],
    "DATE": [
        "12:30:00",
        "2026",
        "202601",
        "2026-01-05 lunch",
        "20260105",
        "2026-01-05T23:00:00-05:00",
        "1767603600000",
    ],
    "TIMESTAMP_NTZ": ["12:30", "2026", "202601", "2026-01-05 lunch", "1767603600000", "2026-01-05T10:00:00+02:00"],
    "DOUBLE": ["5d", "5f", "0x1p3", "1e400", "-1e400", "1e-400", "1,5"],
    "FLOAT": ["5D", "1e39"],
    "INT": ["1.5", "3000000000", "1,000", "7L", "0x10"],
    "BIGINT": ["9223372036854775808", "1.5"],
    "BOOLEAN": ["yes", "1", "t"],
    "TINYINT": ["200", "128", "-129", ".5"],
}
EXACT: dict[str, list[tuple[str, Any]]] = {
    "DECIMAL(10, 2)": [("12.50", Decimal("12.50")), ("1e3", Decimal(1000)), ("7.1000", Decimal("7.10"))],
    "DECIMAL(38, 0)": [("2472806412562455808328", Decimal(2472806412562455808328))],
    "DECIMAL(38, 18)": [("0.123456789012345678", Decimal("0.123456789012345678"))],
    "DOUBLE": [("0.1", 0.1), ("1e300", 1e300)],
    "INT": [("1000.0", 1000), ("-7", -7)],
    "BIGINT": [("1e3", 1000)],
    "BOOLEAN": [("true", True), ("false", False)],
    "STRING": [("1.10", "1.10"), ("1e3", "1e3"), ("0.1000000000000000000001", "0.1000000000000000000001")],
}
TIMES = [("2026-01-05T10:00:00.123Z", datetime(2026, 1, 5, 10, 0, 0, 123000, tzinfo=timezone.utc))]


def rows_of_csv(
    spark: SparkSession, folder: Path, lines: Iterable[str | bytes], **options: Any
) -> list[tuple[Any, ...]]:
    file = folder / f"{len(list(folder.iterdir()))}.csv"
    file.write_bytes(b"\n".join(line.encode() if isinstance(line, str) else line for line in lines) + b"\n")
    return [tuple(row) for row in etl.read_csv_logs(spark, file, **{**PLAIN, **options}).collect()]


def rows_of_json(
    spark: SparkSession, folder: Path, lines: Iterable[str | bytes], **options: Any
) -> list[tuple[Any, ...]]:
    file = folder / f"{len(list(folder.iterdir()))}.json"
    file.write_bytes(b"\n".join(line.encode() if isinstance(line, str) else line for line in lines) + b"\n")
    return [tuple(row) for row in etl.read_json_payloads(spark, file, **{**PLAIN, **options}).collect()]


# --- Values of every type -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("multiline", [False, True])
def test_csv_text_that_is_no_value_is_a_corrupt_record(spark: SparkSession, tmp_path: Path, multiline: bool) -> None:
    types = list(CHANGED)
    schema = "id INT, " + ", ".join(f"c{at} {of}" for at, of in enumerate(types))
    lines, expected = ["id," + ",".join(f"c{at}" for at in range(len(types)))], []
    for at, of in enumerate(types):
        for text in CHANGED[of]:
            fields = [""] * len(types)
            fields[at] = f'"{text}"'
            lines.append(",".join(["7", *fields]))
            expected.append((7, *[None] * len(types), lines[-1]))
    assert rows_of_csv(spark, tmp_path, lines, schema=schema, multiline=multiline) == expected


@pytest.mark.sample
def test_csv_values_are_exact(spark: SparkSession, tmp_path: Path) -> None:
    for of, values in EXACT.items():
        rows = rows_of_csv(spark, tmp_path, ["id,c", *(f"1,{text}" for text, _ in values)], schema=f"id INT, c {of}")
        assert rows == [(1, value, None) for _, value in values]


def as_json(text: str) -> list[str]:
    """Write text as a JSON string and, where it is one, as a number."""
    try:
        json.loads(text)
    except ValueError:
        return [json.dumps(text)]
    return [json.dumps(text), text]


@NARROW_AND_WIDE
def test_json_text_that_is_no_value_is_a_corrupt_record(
    spark: SparkSession, tmp_path: Path, fewest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shopsmart_etl.io._leaf_groups.FEWEST", fewest)
    types = list(CHANGED)
    schema = "id INT, " + ", ".join(f"c{at} {of}, l{at} ARRAY<STRUCT<v: {of}>>" for at, of in enumerate(types))
    lines = []
    for at, of in enumerate(types):
        for text in CHANGED[of]:
            for token in as_json(text):
                lines += [f'{{"id": 7, "c{at}": {token}}}', f'{{"id": 7, "l{at}": [{{"v": {token}}}]}}']
    # A string of digits is no number.
    lines += [f'{{"id": 7, "c{types.index(of)}": "1"}}' for of in ("DOUBLE", "FLOAT", "INT", "BIGINT")]
    lines += [f'{{"id": 7, "c{types.index("BOOLEAN")}": "true"}}']
    rows = rows_of_json(spark, tmp_path, lines, schema=schema)
    assert [row[-1] for row in rows] == lines
    assert {row[0] for row in rows} == {7}
    values = [value for row in rows for value in row[1:-1] if value is not None]
    assert all(value == [(None,)] for value in values)
    pages = [f'{{"data": [{", ".join(lines)}, {{"id": 8}}]}}']
    paged = rows_of_json(spark, tmp_path, pages, schema=schema, record_path="data")
    assert [row[-1] for row in paged] == [*lines, None]


@NARROW_AND_WIDE
def test_json_values_are_exact(
    spark: SparkSession, tmp_path: Path, fewest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shopsmart_etl.io._leaf_groups.FEWEST", fewest)
    for of, values in EXACT.items():
        lines = [f'{{"id": 1, "c": {text}, "l": [{text}], "m": {{"k": {text}}}}}' for text, _ in values]
        schema = f"id INT, c {of}, l ARRAY<{of}>, m MAP<STRING, {of}>"
        rows = rows_of_json(spark, tmp_path, lines, schema=schema)
        assert rows == [(1, value, [value], {"k": value}, None) for _, value in values]


@pytest.mark.sample
@NARROW_AND_WIDE
def test_text_columns_keep_what_the_document_has(
    spark: SparkSession, tmp_path: Path, fewest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shopsmart_etl.io._leaf_groups.FEWEST", fewest)
    lines = [
        '{"s": {"a": 1.10, "b": [1e3, "x\\u00e9", null]}, "t": ["007", 1.50, true, {"n": 2.0}]}',
        '{"s": "00701", "t": []}',
        '{"s": true, "t": null}',
    ]
    rows = rows_of_json(spark, tmp_path, lines, schema="s STRING, t ARRAY<STRING>")
    assert json.loads(rows[0][0], parse_float=str) == {"a": "1.10", "b": ["1e3", "xé", None]}
    assert rows[0][1][:3] == ["007", "1.50", "true"]
    assert json.loads(rows[0][1][3], parse_float=str) == {"n": "2.0"}
    assert rows[1:] == [("00701", [], None), ("true", None, None)]


@pytest.mark.needs("variants")
def test_numbers_of_variants(spark: SparkSession, tmp_path: Path) -> None:
    digits = "1" * 37
    kept = ["7", "1.10", f"{digits}.5", "1e3", "-2.5E-7", "0e0", '"1e400"', "true", '{"a":[1.50,{"b":"x"}]}', "null"]
    lost = [
        "1e400",
        "-1E+400",
        "1e-400",
        "0.1e-999",
        f"{digits}12",
        f"0.{digits}12",
        '[1,{"b":1e999}]',
        '{"1e400":1e400}',
    ]
    for values in (kept, lost):
        lines = [f'{{"id": 1, "v": {value}, "l": [{{"w": {value}}}]}}' for value in values]
        file = tmp_path / f"{len(values)}.json"
        file.write_text("\n".join(lines), encoding="utf-8")
        df = etl.read_json_payloads(spark, file, schema="id INT, v VARIANT, l ARRAY<STRUCT<w: VARIANT>>", **PLAIN)
        rows = df.selectExpr("id", "to_json(v) AS v", "to_json(l[0].w) AS w", CORRUPT).collect()
        if values is lost:
            assert [tuple(row) for row in rows] == [(1, None, None, line) for line in lines]
            continue
        for row, value in zip(rows, kept, strict=True):
            assert row[CORRUPT] is None
            for found in (row["v"], row["w"]):
                assert json.loads(found or "null", parse_float=Decimal) == json.loads(value, parse_float=Decimal)


def test_declared_formats_are_read(spark: SparkSession, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "schema": "d DATE, t TIMESTAMP, p DECIMAL(10, 2), x DOUBLE",
        "date_formats": ["dd.MM.yyyy", "yyyyMMdd"],
        "timestamp_formats": ["epoch_millis", "iso8601"],
        "decimal_mark": ",",
    }
    at = datetime(2026, 1, 5, 9, tzinfo=timezone.utc)
    lines = ["d;t;p;x", "05.01.2026;1767603600000;12,50;0,5", "20260105;2026-01-05T09:00Z;1;1,5e3", "2026-01-05;;1.50;"]
    rows = rows_of_csv(spark, tmp_path, lines, sep=";", **options)
    utc = [(row[0], row[1] and row[1].astimezone(timezone.utc), *row[2:]) for row in rows]
    assert utc == [
        (date(2026, 1, 5), at, Decimal("12.50"), 0.5, None),
        (date(2026, 1, 5), at, Decimal(1), 1500.0, None),
        (None, None, None, None, lines[3]),
    ]
    documents = ['{"d": "05.01.2026", "t": 1767603600000, "p": "12,50", "x": 0.5}', '{"d": 20260105, "p": 12.5}']
    rows = rows_of_json(spark, tmp_path, documents, **options)
    assert [(*row[:1], *row[2:]) for row in rows] == [
        (date(2026, 1, 5), Decimal("12.50"), 0.5, None),
        (date(2026, 1, 5), Decimal("12.50"), None, None),
    ]
    assert rows[0][1].astimezone(timezone.utc) == at


@pytest.mark.parametrize(
    ("zone", "skipped"),
    [
        ("Europe/Paris", "2026-03-29 02:30:00"),
        ("America/New_York", "2026-03-08 02:00:00"),
        ("Australia/Lord_Howe", "2026-10-04 02:15:00"),  # by half an hour
        ("Pacific/Apia", "2011-12-30 12:00:00"),  # a whole day
    ],
)
def test_a_time_that_does_not_exist_is_a_corrupt_record(
    spark: SparkSession, tmp_path: Path, zone: str, skipped: str
) -> None:
    day = skipped[:10].replace("-", ".")
    lines = ["id,t", f"1,{skipped}", f"2,{day} {skipped[11:]}"]
    documents = [f'{{"id": 1, "t": "{skipped}"}}', f'{{"id": 2, "t": "{day} {skipped[11:]}"}}']
    options: dict[str, Any] = {"schema": "id INT, t TIMESTAMP", "timestamp_formats": ["iso8601", "yyyy.MM.dd HH:mm:ss"]}
    with configured(spark, {"spark.sql.session.timeZone": zone}):
        for multiline in (False, True):
            csv = rows_of_csv(spark, tmp_path, lines, multiline=multiline, **options)
            assert csv == [(1, None, lines[1]), (2, None, lines[2])]
        assert rows_of_json(spark, tmp_path, documents, **options) == [(1, None, documents[0]), (2, None, documents[1])]
        nested = [f'{{"i": [{{"t": "{skipped}"}}]}}']
        rows = rows_of_json(spark, tmp_path, nested, schema="i ARRAY<STRUCT<t: TIMESTAMP>>")
        assert rows == [([(None,)], nested[0])]


def test_decimals_are_rounded_by_request_and_listed(spark: SparkSession, tmp_path: Path) -> None:
    options = {"on_excess_decimals": "round"}
    rows = rows_of_csv(
        spark, tmp_path, ["id,p", "1,1.255", "2,1.250", "3,x"], schema="id INT, p DECIMAL(10, 2)", **options
    )
    assert rows == [(1, Decimal("1.26"), None, ["p"]), (2, Decimal("1.25"), None, []), (3, None, "3,x", [])]
    documents = ['{"p": 0.005, "i": [{"q": 1.0}, {"q": "1.2345"}]}', '{"p": 1}']
    schema = "p DECIMAL(10, 2), i ARRAY<STRUCT<q: DECIMAL(5, 3)>>"
    rows = rows_of_json(spark, tmp_path, documents, schema=schema, **options)
    assert [(row[0], row[-2:]) for row in rows] == [
        (Decimal("0.01"), (None, ["p", "i.q"])),
        (Decimal(1), (None, [])),
    ]


@pytest.mark.needs("observations")
def test_rounded_values_are_counted_in_an_audit(spark: SparkSession, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("id,p\n1,1.255\n2,1.250\n3,0.001\n", encoding="utf-8")
    rule, audit = etl.Rule("no amount was rounded", "cardinality(_rounded) = 0"), etl.Audit()
    rows = etl.read_csv_logs(spark, file, schema="id INT, p DECIMAL(10, 2)", on_excess_decimals="round")
    flagged = rows.transform(etl.flag_violations(rule)).transform(audit.violations(rule))
    flagged.transform(etl.write_table(tmp_path / "t"))
    assert audit.report().violations == {"no amount was rounded": 2}


def test_null_markers(spark: SparkSession, tmp_path: Path) -> None:
    lines = ["n,s", '"",""', r"\N,\N", "NULL,x", ",NULL"]
    assert rows_of_csv(spark, tmp_path, lines, schema="n INT, s STRING") == [
        (None, None, None),
        (None, r"\N", r"\N,\N"),
        (None, "x", "NULL,x"),
        (None, "NULL", None),
    ]
    got = rows_of_csv(spark, tmp_path, lines, schema="n INT, s STRING", null_markers=["", r"\N", "NULL"])
    assert got == [(None, None, None), (None, None, None), (None, "x", None), (None, None, None)]
    kept = rows_of_csv(spark, tmp_path, ["s", '""', "x"], schema="s STRING", null_markers=[])
    assert kept == [("", None), ("x", None)]
    document = r'{"n": "", "o": "", "l": ["", "\\N", "a"], "s": "say \"\"", "t": "\\N"}'
    schema = "n DECIMAL(4, 2), o STRUCT<x: INT>, l ARRAY<STRING>, s STRING, t STRING"
    rows = rows_of_json(spark, tmp_path, [document], schema=schema)
    assert rows == [(None, None, ["", r"\N", "a"], 'say ""', r"\N", document)]
    rows = rows_of_json(spark, tmp_path, [document], schema=schema, null_markers=["", r"\N"])
    assert rows == [(None, None, [None, None, "a"], 'say ""', None, None)]


# --- Bytes, quotes, lines -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("multiline", [False, True])
def test_bytes_of_another_encoding_are_a_corrupt_record(spark: SparkSession, tmp_path: Path, multiline: bool) -> None:
    bad = [b"Jos\xe9", b"\xff", b"\x80", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x98"]
    good = ["José", "\ufffd is written", "😀"]
    lines: list[str | bytes] = ["id,s", *(b"1," + one for one in bad), *(f"2,{one}" for one in good)]
    rows = rows_of_csv(spark, tmp_path, lines, schema="id INT, s STRING", multiline=multiline)
    assert [row[:2] for row in rows] == [(None, None)] * len(bad) + [(2, one) for one in good]
    assert [row[2] is None for row in rows] == [False] * len(bad) + [True] * len(good)
    documents = [b'{"s": "' + one + b'"}' for one in bad] + [json.dumps({"s": one}, ensure_ascii=False) for one in good]
    rows = rows_of_json(spark, tmp_path, documents, schema="s STRING")
    assert [row[0] for row in rows] == [None] * len(bad) + good
    assert [row[1] is None for row in rows] == [False] * len(bad) + [True] * len(good)


def test_json_in_another_encoding(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes('{"s": "José"}\n'.encode("latin-1"))
    rows = etl.read_json_payloads(spark, tmp_path / "a", schema="s STRING", encoding="ISO-8859-1").collect()
    assert [row["s"] for row in rows] == ["José"]
    (tmp_path / "b").write_bytes('{"s":\n"José"}'.encode("utf-16"))
    rows = etl.read_json_payloads(spark, tmp_path / "b", schema="s STRING", encoding="UTF-16", multiline=True).collect()
    assert [(row["s"], row[CORRUPT]) for row in rows] == [("José", None)]


WRONG_QUOTES = ['"open,b', 'a,"open', '"a"x,b', 'a,"b"x', '"a ""b,c', '"a \\"b\\" c",d', 'a,"', 'a,"""', '"a" ,b']
RIGHT_QUOTES = [
    ('"a ""b""",c', 'a "b"', "c"),
    ('5" disk,6"', '5" disk', '6"'),
    ('"a,b","c"', "a,b", "c"),
    ("'a',b", "'a'", "b"),
]


@pytest.mark.sample
@pytest.mark.parametrize("multiline", [False, True])
def test_wrong_quotes_are_a_corrupt_record(spark: SparkSession, tmp_path: Path, multiline: bool) -> None:
    # Over several lines, a quote may be closed further down.
    wrong = [line for line in WRONG_QUOTES if not (multiline and line.endswith('"'))]
    lines = ["s,t", *(line for pair in zip(wrong, ["x,y"] * 99, strict=False) for line in pair)]
    rows = rows_of_csv(spark, tmp_path, lines, schema="s STRING, t STRING", multiline=multiline)
    expected = [row for line in wrong for row in ((None, None, line), ("x", "y", None))]
    assert rows == expected
    rows = rows_of_csv(spark, tmp_path, ["s,t", *(one[0] for one in RIGHT_QUOTES)], schema="s STRING, t STRING")
    assert rows == [(*one[1:], None) for one in RIGHT_QUOTES]


def test_a_declared_escape(spark: SparkSession, tmp_path: Path) -> None:
    lines = ["s,t", r'"a \"b\" \\",c', r'"a ""b""",\N', r'"open \",c']
    rows = rows_of_csv(spark, tmp_path, lines, schema="s STRING, t STRING", escape="\\", null_markers=[r"\N"])
    assert rows == [('a "b" \\', "c", None), ('a "b"', None, None), (None, None, lines[3])]


def test_line_breaks_in_quotes_stay_as_they_are(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b's,t\r\n"one\r\ntwo",x\r\n"one\ntwo",y\n"open,z\n"a","b\rc"\r')
    rows = etl.read_csv_logs(spark, tmp_path / "a.csv", schema="s STRING, t STRING", multiline=True, **PLAIN).collect()
    assert [tuple(row) for row in rows] == [
        ("one\r\ntwo", "x", None),
        ("one\ntwo", "y", None),
        (None, None, '"open,z'),
        ("a", "b\rc", None),
    ]


@pytest.mark.parametrize("packed", [False, True])
def test_dialects(spark: SparkSession, tmp_path: Path, packed: bool) -> None:
    for number, sep in enumerate([";", "\t", "|", " ", "~"]):
        file = tmp_path / f"{number}.csv{'.bz2' if packed else ''}"
        text = f"\ufeffa{sep}b\n# a comment\n1{sep}'x{sep}''y'\n{sep}\n\n'2'{sep}\n".encode()
        if packed:
            text = bz2.compress(text)
        file.write_bytes(text)
        options: dict[str, Any] = {"sep": sep, "quote": "'", "comment": "#", **PLAIN}
        rows = etl.read_csv_logs(spark, file, schema="b STRING, a INT", **options).collect()
        blank = [(None, None, None)]
        assert [tuple(row) for row in rows] == [(f"x{sep}'y", 1, None), *blank, (None, 2, None)], sep
        rows = etl.read_csv_logs(spark, file, schema="a STRING, b STRING", header=False, **options).collect()
        assert [row["a"] for row in rows] == ["a", "1", None, "2"], sep
        rows = etl.read_csv_logs(spark, file, schema="a INT, b STRING", multiline=True, **options).collect()
        assert [row["a"] for row in rows] == [1, None, 2], sep


def test_lines_in_front_of_the_header_are_skipped(spark: SparkSession, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("Report, 2026\n\na,b\n1,x\n", encoding="utf-8")
    rows = etl.read_csv_logs(spark, tmp_path, schema="a INT, b STRING", skip_lines=2, **PLAIN).collect()
    assert [tuple(row) for row in rows] == [(1, "x", None)] * 2
    rows = etl.read_csv_logs(spark, tmp_path, schema="a INT, b STRING", skip_lines=3, header=False, **PLAIN).collect()
    assert [tuple(row) for row in rows] == [(1, "x", None)] * 2


def test_a_plain_other_separator_is_named(spark: SparkSession, tmp_path: Path) -> None:
    for sep in (";", "\t", "|"):
        with pytest.raises(HeaderMismatchError, match=re.escape(f"The separator looks like sep={sep!r}")):
            rows_of_csv(spark, tmp_path, [f"a{sep}b", f"1{sep}2"], schema="a INT, b INT")


def test_later_files_need_the_same_header(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n" * 2, encoding="utf-8")
    (tmp_path / "b.csv").write_text("b,a\n1,2\n", encoding="utf-8")
    for multiline in (False, True):
        with pytest.raises(Exception, match="header"):
            etl.read_csv_logs(spark, tmp_path, schema="a STRING, b STRING", multiline=multiline).collect()


# --- Headers, fields, names ---------------------------------------------------------------------------------------
def test_blank_and_repeated_names_in_a_header(spark: SparkSession, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(",price,Price,x\n0,1.00,2.00,y\n", encoding="utf-8")
    schema = etl.infer_schema(spark, str(file), format="csv")
    rows = etl.read_csv_logs(spark, file, schema=schema, **PLAIN)
    assert rows.columns == ["_c0", "price1", "Price2", "x", CORRUPT]
    assert [tuple(row) for row in rows.collect()] == [(0, Decimal("1.00"), Decimal("2.00"), "y", None)]


def test_extra_columns_of_a_header(spark: SparkSession, tmp_path: Path) -> None:
    lines = ["a,tax,B,note", '1,0.20,x,"say ""hi"""', "2,,y,"]
    with pytest.raises(HeaderMismatchError, match="the schema lacks 'tax', 'note'"):
        rows_of_csv(spark, tmp_path, lines, schema="b STRING, a INT")
    rows = rows_of_csv(spark, tmp_path, lines, schema="b STRING, a INT", on_extra="drop")
    assert rows == [("x", 1, None), ("y", 2, None)]
    rows = rows_of_csv(spark, tmp_path, lines, schema="b STRING, a INT", on_extra="rescue")
    assert [row[:3] for row in rows] == [("x", 1, None), ("y", 2, None)]
    assert [json.loads(row[3]) if row[3] else None for row in rows] == [{"tax": "0.20", "note": 'say "hi"'}, None]


def test_extra_fields_of_documents(spark: SparkSession, tmp_path: Path) -> None:
    schema = "id INT, c STRUCT<n: STRING>, i ARRAY<STRUCT<s: STRING>>"
    lines = [
        '{"id": 1, "c": {"n": "x"}, "i": [{"s": "a"}, {"s": "b"}]}',
        '{"id": 2, "new": 1.10, "c": {"n": "x", "vip": true}, "i": [{"s": "a"}, {"s": "b", "q": [1, "2"]}]}',
        '{"id": 4, "i": {"s": "a", "q": 5}}',
        '{"id": 3, "k\\"ey": null, "i": []}',
    ]
    assert [row[0] for row in rows_of_json(spark, tmp_path, lines, schema=schema)] == [1, 2, 4, 3]
    rows = rows_of_json(spark, tmp_path, lines, schema=schema, on_extra="rescue")
    assert [row[3] for row in rows] == [None] * 4
    rescued = [json.loads(row[4], parse_float=str) if row[4] else None for row in rows]
    assert rescued == [
        None,
        {"new": "1.10", "c": {"vip": True}, "i": [{}, {"q": [1, "2"]}]},
        {"i": [{"q": 5}]},
        {'k"ey': None},
    ]
    nested = (
        "id INT, m MAP<STRING, STRUCT<a: INT>>, d ARRAY<ARRAY<MAP<STRING, STRUCT<a: INT, b: ARRAY<STRUCT<c: INT>>>>>>"
    )
    documents = [
        '{"id": 1, "m": {"x": {"a": 1}, "y": {}}, "d": [[{"k": {"a": 1, "b": [{"c": 2}]}}]]}',
        '{"id": 2, "m": {"x": {"a": 1, "new": "v"}, "y\\"": {"A": 1, "b": [1]}, "z": null}}',
        '{"id": 3, "d": [[], [{}, {"k": {"a": 1, "b": [{"c": 2}, {"e": 1.50}]}, "l": {"a": 2}}]]}',
    ]
    if VERSION < (4, 0):
        with pytest.raises(UnsupportedError, match="on_extra: expected a schema of at most 3 types inside one another"):
            rows_of_json(spark, tmp_path, documents, schema=nested, on_extra="rescue")
        nested, documents = "id INT, m ARRAY<MAP<STRING, STRUCT<a: INT>>>", ['{"m": [{"x": {"a": 1, "new": 1}}]}']
        rows = rows_of_json(spark, tmp_path, documents, schema=nested, on_extra="rescue")
        assert json.loads(rows[0][3]) == {"m": [{"x": {"new": 1}}]}
        return
    rows = rows_of_json(spark, tmp_path, documents, schema=nested, on_extra="rescue")
    assert [json.loads(row[4], parse_float=str) if row[4] else None for row in rows] == [
        None,
        {"m": {"x": {"new": "v"}, 'y"': {"b": [1]}}},
        {"d": [{}, [{}, {"k": {"b": [{}, {"e": "1.50"}]}}]]},
    ]
    with etl.translate_errors(), pytest.raises(Exception, match="a document has fields that the schema lacks: "):
        rows_of_json(spark, tmp_path, lines, schema=schema, on_extra="error")
    with pytest.raises(RowRefusedError, match="the schema lacks"), etl.translate_errors():
        rows_of_json(spark, tmp_path, lines, schema=schema, on_extra="error")
    assert len(rows_of_json(spark, tmp_path, lines[:1], schema=schema, on_extra="error")) == 1


def test_names_are_compared_as_the_session_compares_them(spark: SparkSession, tmp_path: Path) -> None:
    schema, lines = "id INT, c STRUCT<Name: STRING>", ['{"ID": 1, "c": {"NAME": "x\\"Id\\":"}}', '{"id": 2}']
    assert rows_of_json(spark, tmp_path, lines, schema=schema) == [(1, ('x"Id":',), None), (2, None, None)]
    assert rows_of_csv(spark, tmp_path, ["ID,b", "1,x"], schema="id INT, B STRING") == [(1, "x", None)]
    in_text = '{"id": 1, "payload": {"ID": 7}}'
    assert rows_of_json(spark, tmp_path, [in_text], schema="id INT, payload STRING")[0][2] == in_text
    rescued = rows_of_json(spark, tmp_path, lines, schema=schema, on_extra="rescue")
    assert [row[3] for row in rescued] == [None, None]
    both = ['{"id": 1, "ID": 2}', '{"ID": 1, "id": 2}']
    assert [row[0] for row in rows_of_json(spark, tmp_path, both, schema="id INT")] == [2, 2]
    capitals = ['{"orderId": 1, "orderID": 2}', '{"ORDERID": 2}']
    assert [row[0] for row in rows_of_json(spark, tmp_path, capitals, schema="orderId INT")] == [2, 2]
    with_map = ['{"ID": 1, "m": {"Id": "x"}}', '{"id": 1, "m": {"k": "x"}}']
    rows = rows_of_json(spark, tmp_path, with_map, schema="id INT, m MAP<STRING, STRING>")
    assert rows == [(None, {"Id": "x"}, with_map[0]), (1, {"k": "x"}, None)]
    with configured(spark, {"spark.sql.caseSensitive": "true"}):
        assert [row[0] for row in rows_of_json(spark, tmp_path, lines, schema=schema)] == [None, 2]
        with pytest.raises(HeaderMismatchError):
            rows_of_csv(spark, tmp_path, ["ID,b", "1,x"], schema="id INT, B STRING")


FLAGGED = object()
# Values that Spark's parser changes, so that only the text of the document shows what they were.
HIDDEN: list[tuple[str, list[tuple[str, Any]]]] = [
    ("ARRAY<DECIMAL(38, 2)>", [("[1.5,12345678901234567.12]", [Decimal("1.50"), Decimal("12345678901234567.12")])]),
    (
        "MAP<STRING, DECIMAL(38, 2)>",
        [('{"b":1.5,"a":12345678901234567.12}', {"b": 1.5, "a": Decimal("12345678901234567.12")})],
    ),
    ("DECIMAL(38, 0)", [("2e23", Decimal("2e23")), ("9007199254740993e0", Decimal(9007199254740993))]),
    ("STRING", [("1e400", "1e400"), ("-0", "-0"), ('"0"', "0"), ('"Infinity"', "Infinity")]),
    (
        "STRING",
        [
            (r'"caf\ud83d"', FLAGGED),
            (r'"\n\ude00"', FLAGGED),
            (r'"\ud83d\ud83d\ude00"', FLAGGED),
            (r'"\ud83d\ude00"', "\U0001f600"),
            (r'"\\ud83d"', r"\ud83d"),
        ],
    ),
    ("BINARY", [("true", FLAGGED), ("1234", FLAGGED), ('"AQI="', bytearray(b"\x01\x02"))]),
    ("ARRAY<FLOAT>", [("[null,1e-400]", FLAGGED), (f"[0.{'0' * 50}1]", FLAGGED), ("[0.0,1]", [0.0, 1.0])]),
    ("FLOAT", [(f"0.{'0' * 50}1", FLAGGED), (f"0.{'0' * 38}1e-9", FLAGGED), ("0", 0.0)]),
]


@pytest.mark.parametrize(("of", "cases"), HIDDEN)
def test_values_that_only_the_text_shows(
    spark: SparkSession, tmp_path: Path, of: str, cases: list[tuple[str, Any]]
) -> None:
    lines = [f'{{"v": {text}}}' for text, _ in cases]
    rows = rows_of_json(spark, tmp_path, lines, schema=f"v {of}")
    for line, (_, expected), (value, corrupt) in zip(lines, cases, rows, strict=True):
        assert (FLAGGED if corrupt == line else value) == expected, line


def test_keys_that_are_escaped_or_spelled_twice(spark: SparkSession, tmp_path: Path) -> None:
    escaped = [r'{"\u00fcber": "x"}', r'{"\u00dcber": "x"}', r'{"\u0061\"b": 1}']
    rows = rows_of_json(spark, tmp_path, escaped, schema='`über` STRING, `a"b` INT')
    assert rows == [("x", None, None), (None, None, escaped[1]), (None, 1, None)]
    two_spellings = ['{"id": 1, "s": {"id": 2}}', '{"id": 1, "s": {"ID": 2}}']
    rows = rows_of_json(spark, tmp_path, two_spellings, schema="id INT, s STRUCT<ID: INT>")
    assert [row[-1] for row in rows] == [two_spellings[0], None]
    pages = ['{"data": [{"id": 1}], "data": [{"id": 2}]}', '{"data": [{"id": 3}]}', "[]"]
    assert rows_of_json(spark, tmp_path, pages, schema="id INT", record_path="data")[:2] == [
        (None, pages[0]),
        (3, None),
    ]
    assert rows_of_json(spark, tmp_path, ['[{"id": 1}, []]'], schema="id INT") == [(1, None), (None, "[]")]


def test_deep_schemas(spark: SparkSession, tmp_path: Path) -> None:
    schema, before, after = "INT", "", ""
    for _ in range(9):
        schema, before, after = (
            f"STRUCT<d: {schema}, price: DECIMAL(10, 2)>",
            f'{before}{{"d": ',
            f', "price": 1.5}}{after}',
        )
    lines = [f'{{"s": {before}{value}{after}}}' for value in ("1", '"x"', "1")]
    lines[2] = lines[2].replace("1.5", "12345678901234567.5")
    lines.append('{"s": {"d": ')
    rows = rows_of_json(spark, tmp_path, lines, schema=f"s {schema}")
    assert [row[-1] for row in rows] == [None, *lines[1:]]
    assert rows[0][0]["price"] == Decimal("1.50")
    with pytest.raises(UnsupportedError, match=r"on_extra: expected a schema of at most [38] types inside one another"):
        rows_of_json(spark, tmp_path, lines, schema=f"s {schema}", on_extra="rescue")


def test_extra_fields_keep_their_names(spark: SparkSession, tmp_path: Path) -> None:
    lines = [
        '{"Name": "a", "ID": 4, "S": {"NAME": "q", "Z": 1}}',
        '{"s": {"name": "a", "y": 1}, "s": {"name": "b", "z": 3}}',
    ]
    rows = rows_of_json(spark, tmp_path, lines, schema="id INT, s STRUCT<name: STRING>", on_extra="rescue")
    assert [row[1] for row in rows] == [("q",), ("b",)]
    assert [json.loads(row[-1]) for row in rows] == [{"Name": "a", "s": {"Z": 1}}, {"s": {"z": 3}}]


# --- Shapes -------------------------------------------------------------------------------------------------------
@NARROW_AND_WIDE
def test_shapes_are_read_as_the_schema_has_them(
    spark: SparkSession, tmp_path: Path, fewest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shopsmart_etl.io._leaf_groups.FEWEST", fewest)
    schema = "i ARRAY<STRUCT<n: INT>>, c STRUCT<n: INT>, m MAP<STRING, INT>, x INT"
    lines = [
        '{"i": {"n": 1.0}, "c": [], "m": [], "x": 1000.0}',
        '{"i": [], "c": {}, "m": {}, "x": 1e3}',
        '{"i": 7, "c": null, "m": null}',
        '{"i": [{"n": 1}, 7], "c": [{"n": 1}], "m": {"k": "1"}}',
        '{"i": "[{}]", "x": 1}',
    ]
    assert rows_of_json(spark, tmp_path, lines, schema=schema) == [
        ([(1,)], None, {}, 1000, None),
        ([], (None,), {}, 1000, None),
        (None, None, None, None, lines[2]),
        ([(1,), None], None, {"k": None}, None, lines[3]),
        (None, None, None, 1, lines[4]),
    ]


@pytest.mark.parametrize(
    "schema", ["m MAP<STRING, INT>", "m ARRAY<MAP<STRING, STRING>>", "m STRUCT<x: MAP<STRING, DOUBLE>>"]
)
@pytest.mark.parametrize("on_extra", ["drop", "rescue"])
def test_a_map_with_a_key_twice_is_a_corrupt_record(
    spark: SparkSession, tmp_path: Path, schema: str, on_extra: str
) -> None:
    value = '"v"' if "STRING>>" in schema else "1"
    around = {"M": "{}", "A": "[{}]", "S": '{{"x": {}}}'}[schema[2]]
    twice, once = (
        f'{{"m": {around.format(m)}}}' for m in (f'{{"a": {value}, "a": {value}}}', f'{{"a": {value}, "A": {value}}}')
    )
    rows = rows_of_json(spark, tmp_path, [twice, once], schema=schema, on_extra=on_extra)
    assert [row[1] for row in rows] == [twice, None]


def test_a_declaration_saves_the_search_for_values_that_the_parser_changes(spark: SparkSession, tmp_path: Path) -> None:
    lines = ['{"text": "a", "n": 1.50}', '{"text": 1.10, "n": "1,50"}', '{"text": "b", "n": 1', '{"TEXT": "c"}']
    assert rows_of_json(spark, tmp_path, lines, schema="text STRING, n DECIMAL(10, 2)", assume_canonical=True) == [
        ("a", Decimal("1.50"), None),
        ("1.1", None, lines[1]),
        (None, None, lines[2]),
        (None, None, None),
    ]


@pytest.mark.parametrize("multiline", [False, True])
def test_records_at_a_path_with_the_fields_of_their_envelope(
    spark: SparkSession, tmp_path: Path, multiline: bool
) -> None:
    pages = [
        '{"page": 1, "result": {"shop": "a", "orders": [{"id": 1}, {"id": "x"}]}}',
        '{"page": 2.0, "result": {"shop": "b", "orders": {"id": 3}}}',
        '{"page": 3, "result": {"shop": "c", "orders": []}}',
        '{"page": 4, "result": {"shop": 1.50, "orders": [{"id": 5}]}}',
        '{"page": 5, "result": {}}',
        '{"page": 6, "result": {"shop": "d", "orders": [{"id": 7}]}, "x": new}',
    ]
    rows = rows_of_json(
        spark,
        tmp_path,
        pages,
        schema="id INT",
        record_path="result.orders",
        envelope_schema="page INT, result STRUCT<shop: STRING>",
        multiline=multiline,
    )
    assert rows == [
        (1, 1, ("a",), None),
        (None, 1, ("a",), '{"id": "x"}'),
        (3, 2, ("b",), None),
        (5, 4, ("1.50",), None),
        (None, None, None, pages[4]),
        (None, None, None, pages[5]),
    ]


# --- Files and folders --------------------------------------------------------------------------------------------
def test_folders_keep_their_text_or_get_the_declared_type(spark: SparkSession, tmp_path: Path) -> None:
    for store in ("007", "x 1"):
        (tmp_path / f"store={store}").mkdir()
        (tmp_path / f"store={store}" / "a").write_text('{"id": 1}\n', encoding="utf-8")
    options: dict[str, Any] = PLAIN
    rows = etl.read_json_payloads(spark, tmp_path, schema="id INT", **options).collect()
    assert sorted(row["store"] for row in rows) == ["007", "x 1"]
    declared = etl.read_json_payloads(spark, tmp_path, schema="store INT, id INT", **options)
    assert declared.columns == ["store", "id", CORRUPT]
    assert sorted(map(tuple, declared.collect()), key=str) == [(7, 1, None), (None, 1, '{"id": 1}')]
    for folder in tmp_path.iterdir():  # each row of an array keeps the text
        (folder / "a").write_text('[{"id": 1}, {"id": 2}]', encoding="utf-8")
    arrays = etl.read_json_payloads(spark, tmp_path, schema="store INT, id INT", multiline=True, **options).collect()
    texts = [(row["store"], row["id"], row[CORRUPT]) for row in arrays]
    whole = '[{"id": 1}, {"id": 2}]'
    assert sorted(texts, key=str) == [(7, 1, None), (7, 2, None), (None, 1, whole), (None, 2, whole)]
    for folder in tmp_path.iterdir():
        (folder / "a").write_text("id\n1\n", encoding="utf-8")
    declared = etl.read_csv_logs(spark, tmp_path, schema="store STRING, id INT", **options)
    assert sorted(map(tuple, declared.collect())) == [("007", 1, None), ("x 1", 1, None)]
    for folder in tmp_path.iterdir():
        (folder / "a").write_text("store\n1\n", encoding="utf-8")
    with pytest.raises(ColumnClashError):
        etl.read_csv_logs(spark, tmp_path, schema="store STRING", **options)


@pytest.mark.parametrize("stream", [False, True])
def test_files_beside_folders_are_not_left_out(spark: SparkSession, tmp_path: Path, stream: bool) -> None:
    (tmp_path / "shop=1").mkdir()
    (tmp_path / "shop=1" / "a").write_text("id\n1\n", encoding="utf-8")
    (tmp_path / "b").write_text("id\n2\n", encoding="utf-8")
    for read in (etl.read_csv_logs, etl.read_json_payloads):
        with pytest.raises(SourceError, match=r"expected files only in folders named shop=; got others.*/b'"):
            read(spark, tmp_path, schema="id INT", stream=stream)


@pytest.mark.parametrize("read", [etl.read_csv_logs, etl.read_json_payloads])
@pytest.mark.parametrize("case_sensitive", ["true", "false"])
def test_files_left_out_are_found_by_the_folders_below_the_path(
    spark: SparkSession, tmp_path: Path, read: Callable[..., DataFrame], case_sensitive: str
) -> None:
    text = "id\n1\n" if read is etl.read_csv_logs else '{"id": 1}\n'
    # The key of a folder above the path is the name of one below it.
    above = tmp_path / "shop=9" / "in"
    (above / "shop=1").mkdir(parents=True)
    (above / "shop=1" / "a").write_text(text, encoding="utf-8")
    paths = [str(above), f"file://{above}", f"{above}/", str(tmp_path / "shop=9" / "i*")]
    with configured(spark, {"spark.sql.caseSensitive": case_sensitive}):
        for path in paths:
            assert [row["shop"] for row in read(spark, path, schema="id INT").collect()] == ["1"], path
        (above / "b").write_text(text, encoding="utf-8")
        for path in paths:
            with pytest.raises(SourceError, match=r"expected files only in folders named shop=; got .*/in/b'"):
                read(spark, path, schema="id INT")


def test_keys_of_folders_are_compared_as_the_session_compares_names(spark: SparkSession, tmp_path: Path) -> None:
    spelled = tmp_path / "spelled"
    for folder in ("shop=1", "SHOP=2"):
        (spelled / folder).mkdir(parents=True)
        (spelled / folder / "a").write_text('{"id": 1}\n', encoding="utf-8")
    rows = etl.read_json_payloads(spark, spelled, schema="Shop INT, id INT", **PLAIN).collect()
    assert sorted(map(tuple, rows)) == [(1, 1, None), (2, 1, None)]
    nested = tmp_path / "nested" / "shop=1" / "Shop=2"
    nested.mkdir(parents=True)
    (nested / "a").write_text('{"id": 1}\n', encoding="utf-8")
    with configured(spark, {"spark.sql.caseSensitive": "true"}):
        rows = etl.read_json_payloads(spark, tmp_path / "nested", schema="Shop INT, id INT", **PLAIN).collect()
        assert [row.asDict() for row in rows] == [{"Shop": 2, "id": 1, CORRUPT: None, "shop": "1"}]
        with pytest.raises(SourceError, match="expected folders with the same keys") as caught:
            etl.read_json_payloads(spark, spelled, schema="id INT").collect()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("stream", [False, True])
def test_folders_with_different_keys_are_refused_in_one_line(spark: SparkSession, tmp_path: Path, stream: bool) -> None:
    found = ["shop, day", "old", "day"]
    for case, folders in enumerate([("shop=1/day=2", "shop=2"), ("shop=1", "old/shop=2"), ("shop=1", "day=2")]):
        for folder in folders:
            (tmp_path / str(case) / folder).mkdir(parents=True)
            (tmp_path / str(case) / folder / "a").write_text("id\n1\n", encoding="utf-8")
        for read in (etl.read_csv_logs, etl.read_json_payloads):
            with pytest.raises(
                SourceError, match=f"expected folders with the same keys; got .*{found[case]}"
            ) as caught:
                read(spark, tmp_path / str(case), schema="id INT", stream=stream)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("read", "text"), [(etl.read_csv_logs, "id\n1\n"), (etl.read_json_payloads, '{"id": 1}')])
def test_the_path_of_a_file_opens_as_written(
    spark: SparkSession, tmp_path: Path, read: Callable[..., DataFrame], text: str
) -> None:
    file = tmp_path / "my file#1+%41é.txt"
    file.write_text(text, encoding="utf-8")
    path = read(spark, tmp_path, schema="id INT").first()["_file_path"]  # type: ignore[index]
    assert path.removeprefix("file://").removeprefix("file:") == str(file)
    assert read(spark, path, schema="id INT").count() == 1


@pytest.mark.parametrize("read", [etl.read_csv_logs, etl.read_json_payloads])
def test_a_stream_reads_values_as_a_batch_does(
    spark: SparkSession, tmp_path: Path, read: Callable[..., DataFrame]
) -> None:
    types = list(CHANGED)
    schema = "id INT, " + ", ".join(f"c{at} {of}" for at, of in enumerate(types))
    texts = [(at, text) for at, of in enumerate(types) for text in [*CHANGED[of], *dict(EXACT.get(of, []))]]
    if read is etl.read_csv_logs:
        lines = ["id," + ",".join(f"c{at}" for at in range(len(types)))]
        lines += [",".join(["7", *[""] * at, f'"{text}"', *[""] * (len(types) - at - 1)]) for at, text in texts]
        lines += ['7,"x', "7,1,2", "\ufeff7", '7,"x"y']
    else:
        lines = [f'{{"id": 7, "c{at}": {token}}}' for at, text in texts for token in as_json(text)]
        lines += ['{"id": 7', '{"id": 7, "new": 1}', "[]", "{'id': 7}", '{"id": 7} x']
    source = tmp_path / "in"
    source.mkdir()
    (source / "a").write_text("\n".join(lines) + "\n", encoding="utf-8")
    options: dict[str, Any] = {"schema": schema, "on_extra": "rescue"}
    writer = read(spark, source, stream=True, **options).writeStream.format("parquet")
    query = writer.option("checkpointLocation", str(tmp_path / "checkpoint")).trigger(availableNow=True)
    assert query.start(str(tmp_path / "out")).awaitTermination(LIMIT)
    batch = read(spark, source, **options)
    assert batch.where("_corrupt_record IS NOT NULL").count() > sum(map(len, CHANGED.values()))
    streamed = spark.read.schema(batch.schema).parquet(str(tmp_path / "out"))
    assert_df_equality(streamed, batch, ignore_row_order=True, ignore_nullable=True)


def test_compressed_files_are_read(spark: SparkSession, tmp_path: Path) -> None:
    for codec in ("gzip", "bz2", "zstd"):
        suffix = {"gzip": "gz", "zstd": "zst"}.get(codec, codec)
        csv, documents = tmp_path / f"a.csv.{suffix}", tmp_path / f"a.json.{suffix}"
        for file, text in ((csv, b"id,s\n1,x\n2,y\n"), (documents, b'{"id": 1, "s": "x"}\n{"id": 2, "s": "y"}\n')):
            file.write_bytes(bz2.compress(text) if codec == "bz2" else pa.compress(text, codec=codec, asbytes=True))
        for read, file in ((etl.read_csv_logs, csv), (etl.read_json_payloads, documents)):
            if codec == "zstd" and VERSION < (4, 0):
                # CSV fails where its header is read, and JSON in the job.
                with pytest.raises(Exception, match="zStandard"):
                    read(spark, file, schema="id INT, s STRING", **PLAIN).collect()
                continue
            rows = read(spark, file, schema="id INT, s STRING", **PLAIN).collect()
            assert [tuple(row) for row in rows] == [(1, "x", None), (2, "y", None)]


def test_trouble_with_paths_and_types_is_one_line(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "log_09:00.csv").write_text("id\n1\n", encoding="utf-8")
    (tmp_path / "ok.csv").write_text("id\n1\n", encoding="utf-8")
    for read in (etl.read_csv_logs, etl.read_json_payloads):
        with pytest.raises(SourceError, match="expected names of local files without ':'"):
            read(spark, tmp_path, schema="id INT")
        with pytest.raises(SourceError) as caught:
            read(spark, "C:\\logs\\a.csv", schema="id INT")
        assert "\n" not in str(caught.value)
        with pytest.raises((UnsupportedError, InvalidArgumentError)) as refused:
            read(spark, tmp_path / "ok.csv", schema="id VARCHAR(9)")
        assert "\n" not in str(refused.value)
        with pytest.raises(InvalidArgumentError, match="seperator: expected an option of this reader"):
            read(spark, tmp_path / "ok.csv", schema="id INT", seperator=";")  # type: ignore[call-arg]
