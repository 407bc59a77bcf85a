"""A schema from files: a type is inferred only if it keeps every value."""

from __future__ import annotations

import csv
import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from engines import configured
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DecimalType,
    DoubleType,
    LongType,
    StringType,
    StructType,
    TimestampType,
)
from strategies import batches, few_batches

from shopsmart_etl import (
    ColumnClashError,
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    SourceNotFoundError,
    infer_schema,
    read_csv_logs,
    read_json_payloads,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pyspark.sql import SparkSession

    Written = Callable[[list[str]], str]

pytestmark = pytest.mark.exhaustive

generated = settings(few_batches, suppress_health_check=[HealthCheck.function_scoped_fixture])
LARGE = "12345678901234567890"

CSV: list[tuple[str, list[str]]] = [
    ("int", ["1", "-20", "0", "", "2147483647", "-2147483648"]),
    ("bigint", ["1", "2147483648"]),
    ("bigint", ["-9223372036854775808", "9223372036854775807"]),
    ("decimal(38,0)", [LARGE, "-9223372036854775809"]),
    ("decimal(38,0)", ["9" * 38]),
    ("string", ["9" * 39, "1"]),
    ("decimal(18,2)", ["9.90", "12", "-0.5", "1234567890123456.78"]),
    ("decimal(38,18)", ["0.12345", "12345678901234567890"]),
    ("decimal(38,18)", ["1.500"]),
    ("string", ["123456789012345678901", "0.5"]),
    ("string", ["0.1234567890123456789"]),
    ("boolean", ["true", "false", ""]),
    ("string", ["true", "True"]),
    ("string", ["true", "1"]),
    ("date", ["2026-01-31", "2024-02-29"]),
    ("string", ["2026-01-31", "2026-02-29"]),
    ("string", ["0000-00-00"]),
    ("string", ["0000-01-01"]),
    ("string", ["2026-01-31", "2026-01-31 10:00:00"]),
    ("timestamp", ["2026-01-31 10:00:00", "2026-01-31T10:00", "2026-01-31 10:00:00.1234560"]),
    ("timestamp", ["2026-01-31T10:00:00Z", "2026-01-31 10:00:00.50Z"]),
    ("timestamp", ["2026-01-31T10:00Z"]),
    ("string", ["2026-01-31T10:00:00Z", "2026-01-31 10:00"]),
    ("string", ["2026-01-31T10:00:00+01:00"]),
    ("string", ["2026-01-31 10:00:00.1234567"]),
    ("string", ["2026-01-31 24:00:00"]),
    *(
        ("string", [text])
        for text in (
            *("007", "+353871234567", "+1", "12E3", "7D", "5d", "12:30", "90E12", "1e300", "0x10", "Infinity"),
            *("NaN", " 12", "12 ", "12\n", "-0", "-0.00", "-007", ".5", "5.", "1,5", "1_000", "null", "--1", "٣"),
            *("2026-1-5", " 2026-01-31", "2026-01-31\n", "2026-01", "true ", "2026-01-31T10", "10:00:00"),
        )
    ),
    ("string", []),
    ("string", ["1", "x"]),
]

# Fields and their values, written as JSON.
JSON: list[tuple[str, list[str]]] = [
    ("string", ['"00701"', '"+353871234567"', '"20260105"', '"12.50"']),
    ("string", ['"2026-01-31"', '"true"']),
    ("string", ['"12.50"', "null"]),
    ("bigint", ["1", "-9223372036854775808", "null"]),
    ("decimal(38,0)", ["1", LARGE]),
    ("double", ["1" + "0" * 40]),
    ("string", ["9" * 39]),
    ("decimal(18,2)", ["1", "2.50", "-0.5"]),
    ("decimal(38,18)", ["0.001", "53.34981", "100"]),
    ("decimal(38,18)", ["12345678901234567.25"]),
    ("double", ["1.5e3", "1", "0.1", "1e300", "0e99", "-2.5E-300"]),
    ("double", ["0.00000000000000000000001"]),
    ("string", ["1e3", LARGE]),
    ("string", ["1e3", "0.1234567890123456"]),
    ("string", ["1e309"]),
    ("string", ["1e-320"]),
    ("string", ["1e99999999"]),
    ("string", ["0.1234567890123456789"]),
    ("boolean", ["true", "false", "null"]),
    ("string", ["true", "1"]),
    ("string", ["true", '"true"']),
    ("string", ["1", '"1"']),
    ("string", ["1", '""']),
    ("string", ['{"a": 1}', '""']),
    ("string", ['{"a": 1}', "[]"]),
    ("string", ['{"a": 1}', "1"]),
    ("string", ["[1]", '""']),
    ("string", ["null"]),
    ("string", ["{}"]),
    ("string", ["NaN", "-Infinity"]),
    ("bigint", ["NaN", "1"]),
    ("ARRAY<string>", ["[]", "null"]),
    ("ARRAY<string>", ["[null]"]),
    ("ARRAY<string>", ['[1, "1"]', "[]"]),
    ("ARRAY<ARRAY<decimal(18,2)>>", ["[[1], []]", "[[2.5], null]", "[]"]),
    ("ARRAY<STRUCT<p: decimal(18,2), q: string>>", ['[{"p": 2.5}, {}]', '[{"q": ""}, {"p": 1}]', "[]"]),
    (
        "STRUCT<`[]`: bigint, `it's`: string, `q\"\\.\n`: bigint>",
        ['{"[]": 1, "it\'s": "\\"\\\\"}', r'{"q\"\\.\n": 2}'],
    ),
    ("STRUCT<n: string>", ['{"n": 1, "n": "2"}']),
    ("string", [r'"a\\"', r'"\"x, 12, \\\""', r'"\\\\"']),
]


def inferred(spark: SparkSession, path: str, **options: Any) -> list[tuple[str, DataType]]:
    """Infer a schema, and return its columns."""
    ddl = infer_schema(spark, path, **options)
    schema = spark.createDataFrame([], ddl).schema if ddl else StructType()
    return [(field.name, field.dataType) for field in schema]


def types(spark: SparkSession, texts: Sequence[str]) -> list[DataType]:
    columns = ", ".join(f"c{at} {text}" for at, text in enumerate(texts))
    return [field.dataType for field in spark.createDataFrame([], columns).schema]


def write_csv(path: Path, columns: list[list[str]]) -> str:
    """Write columns of texts, which may contain line breaks."""
    height = max(map(len, columns))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow([f"c{at}" for at in range(len(columns))])
        writer.writerows(zip(*(texts + [""] * (height - len(texts)) for texts in columns), strict=True))
    return str(path)


@pytest.mark.sample
def test_csv_types(spark: SparkSession, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "all.csv", [texts for _, texts in CSV])
    found = inferred(spark, path, format="csv", multiline=True)
    expected = types(spark, [text for text, _ in CSV])
    wrong = [(texts, one) for (_, texts), (_, one), right in zip(CSV, found, expected, strict=True) if one != right]
    assert not wrong


def test_times_that_summer_time_skips_are_text(spark: SparkSession, written: Written) -> None:
    path = written(["gap,hour", "2026-03-29 01:30:00,2026-10-25 01:30:00"])
    with configured(spark, {"spark.sql.session.timeZone": "Europe/Dublin"}):
        assert infer_schema(spark, path, format="csv") == "gap string,\nhour timestamp"
    assert infer_schema(spark, path, format="csv") == "gap timestamp,\nhour timestamp"


def test_blank_and_repeated_names_in_a_header(spark: SparkSession, written: Written) -> None:
    path = written(["a,,a,b c", "1,2,3,4"])
    assert infer_schema(spark, path, format="csv").splitlines() == ["a0 int,", "_c1 int,", "a2 int,", "`b c` int"]
    assert infer_schema(spark, written(["a,b"]), format="csv") == "a string,\nb string"


def test_json_types(spark: SparkSession, written: Written) -> None:
    height = max(len(values) for _, values in JSON)
    documents = [
        [f'"c{at:02}": {values[row]}' for at, (_, values) in enumerate(JSON) if row < len(values)]
        for row in range(height)
    ]
    found = inferred(spark, written([f"{{{', '.join(fields)}}}" for fields in documents]), format="json")
    expected = types(spark, [text for text, _ in JSON])
    assert [name for name, _ in found] == [f"c{at:02}" for at in range(len(JSON))]
    wrong = [(values, one) for (_, values), (_, one), right in zip(JSON, found, expected, strict=True) if one != right]
    assert not wrong


def test_invalid_json_is_ignored(spark: SparkSession, written: Written) -> None:
    lines = ['{"id": 1, "x": NaN}', '{"id": "2",}', '{"id": "3"', '{"id": "4"}{"id": 5}', "{'id': '6'}", "nothing", "7"]
    assert infer_schema(spark, written(lines), format="json") == "id bigint,\nx string"
    lines = ['\ufeff[{"id": 1, "x": NaN},', '{"id": "a\tb"}]']
    assert infer_schema(spark, written(lines), format="json", multiline=True) == "id string,\nx string"
    assert infer_schema(spark, written(['{"id"']), format="json", multiline=True) == ""


def test_json_pages(spark: SparkSession, written: Written) -> None:
    path = written(
        [
            '{"page": 1, "data": [{"id": 1, "c": {"lat": 53.34981, "it\'s": 1.5}, "items": [{"p": 2.5}]}]}',
            '{"page": 2, "data": [{"id": 2, "items": []}], "next": null}',
            '{"page": 3, "data": [{"id"',
            '{"page": 4, "data": ""}',
        ]
    )
    assert infer_schema(spark, path, format="json", record_path="data").splitlines() == [
        "c STRUCT<`it's`: decimal(18,2), lat: decimal(38,18)>,",
        "id bigint,",
        "items ARRAY<STRUCT<p: decimal(18,2)>>",
    ]
    with pytest.raises(ColumnNotFoundError, match="no column 'date'; did you mean 'data'"):
        infer_schema(spark, path, format="json", record_path="date")
    with pytest.raises(ColumnTypeError, match="column 'page': expected an array of documents; got bigint"):
        infer_schema(spark, path, format="json", record_path="page")
    with pytest.raises(ColumnTypeError, match=r"column 'page': expected an object or an array of objects; got bigint"):
        infer_schema(spark, path, format="json", record_path="page.data")


def test_a_path_of_records(spark: SparkSession, written: Written) -> None:
    path = written(
        ['[{"a": [{"b.c": {"d": [{"id": 1}]}, "ID": 1}, {"b.c": {"d": {}}}], "id": 1}]', '{"ID": 2, "a": []}']
    )
    for record_path in ("a.`b.c`.d", "A.`B.c`.d"):
        assert infer_schema(spark, path, format="json", record_path=record_path) == "id bigint"
    assert infer_schema(spark, path, format="json", record_path="a.`b.c`") == "d string"
    for wrong in ("a..b", "a.", ".a", "a.`b", "`a`b", "", 7):
        with pytest.raises(
            InvalidArgumentError, match=r"record_path: expected a field's path, such as 'response\.orde"
        ):
            infer_schema(spark, path, format="json", record_path=wrong)  # type: ignore[arg-type]


def test_keys_that_differ_only_in_case_are_kept_apart_or_refused(spark: SparkSession, written: Written) -> None:
    columns = written(['{"Id": 1}', '{"id": "x"}'])
    fields = written(['{"a": {"b.c": [{"Id": 1}, {"id": "x"}]}}'])
    text = written(['{"a": {"Id": 1, "id": 2}}', '{"a": ""}'])
    for path, first, second in ((columns, "Id", "id"), (fields, "a.`b.c`.Id", "a.`b.c`.id")):
        with pytest.raises(ColumnClashError, match=f"^key {re.escape(first)} and key {re.escape(second)} .*") as caught:
            infer_schema(spark, path, format="json")
        assert "spark.sql.caseSensitive=true" in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
    assert infer_schema(spark, text, format="json") == "a string"
    with configured(spark, {"spark.sql.caseSensitive": "true"}):
        assert infer_schema(spark, columns, format="json") == "Id bigint,\nid string"
        assert infer_schema(spark, fields, format="json") == "a STRUCT<`b.c`: ARRAY<STRUCT<Id: bigint, id: string>>>"


def test_deep_documents(spark: SparkSession, written: Written) -> None:
    depth = 8
    path = written(['{"a": [' * depth + '{"b": 1}' + "]}" * depth])
    expected = "STRUCT<b: bigint>"
    for _ in range(depth - 1):
        expected = f"STRUCT<a: ARRAY<{expected}>>"
    assert infer_schema(spark, path, format="json") == f"a ARRAY<{expected}>"


def test_the_readers_read_what_is_inferred(spark: SparkSession, written: Written) -> None:
    path = written(["id,zip,price,at", f"{LARGE},007,12345678901234567.25,2026-01-31T10:00", ",,,"])
    logs = read_csv_logs(spark, path, schema=infer_schema(spark, path, format="csv"))
    assert logs.select("id", "zip", "price", "_corrupt_record").collect()[0] == (
        int(LARGE),
        "007",
        Decimal("12345678901234567.25"),
        None,
    )
    path = written([f'{{"id": {LARGE}, "zip": "007", "price": 0.1, "far": 1.5e3}}'])
    orders = read_json_payloads(spark, path, schema=infer_schema(spark, path, format="json"))
    assert orders.select("far", "id", "price", "zip", "_corrupt_record").collect()[0] == (
        1500.0,
        int(LARGE),
        Decimal("0.1"),
        "007",
        None,
    )


def test_folders_and_samples(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "server=1").mkdir()
    (tmp_path / "server=1" / "a.csv").write_text("n\n" + "1\n" * 100, encoding="utf-8")
    assert infer_schema(spark, str(tmp_path), format="csv", sample=0.5) == "n int"
    (tmp_path / "server=1" / "a.csv").write_text('{"n": 1}\n' * 100, encoding="utf-8")
    assert infer_schema(spark, str(tmp_path), format="json", sample=0.5) == "n bigint"


def test_bad_arguments(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="format: expected one of 'csv', 'json'; got 'xml'"):
        infer_schema(spark, "x", format="xml")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="multiline=True with UTF-16"):
        infer_schema(spark, "x", format="csv", encoding="UTF-16")
    with pytest.raises(InvalidArgumentError, match="sample"):
        infer_schema(spark, "x", format="csv", sample=0)
    with pytest.raises(SourceNotFoundError):
        infer_schema(spark, str(tmp_path), format="json")


DIGITS = st.text("0123456789", min_size=1, max_size=20)
INTEGERS = st.one_of(st.integers(-(10**40), 10**40), st.integers(-(2**33), 2**33), st.integers(-3, 12)).map(str)
DECIMALS = st.builds("{}.{}".format, st.one_of(INTEGERS, st.just("-0")), DIGITS)
DATES = st.dates().map(str)
TIMES = st.builds(
    "{}{}{}{}".format,
    DATES,
    st.sampled_from(["T", " "]),
    st.sampled_from(["10:00", "00:00:00", "23:59:59.1", "12:30:00.120000", "01:02:03.0000001", "24:00", "1:00"]),
    st.sampled_from(["", "", "Z", "+01:00"]),
)
ODD = st.text("0019-.:TZ eEdD+\n", max_size=5)
WORDS = st.sampled_from(["true", "false", "True", "NaN", "Infinity", "007", "-0", "-0.0", "1e3", "7D", "2026-02-30"])
SHAPES: list[st.SearchStrategy[str]] = [
    INTEGERS,
    DECIMALS,
    DATES,
    TIMES,
    ODD,
    WORDS,
    st.sampled_from(["true", "false"]),
]
COLUMNS = st.lists(st.sampled_from(SHAPES), min_size=1, max_size=2).flatmap(
    lambda shapes: st.lists(st.one_of(*shapes), min_size=1, max_size=4)
)


def normal_form(text: str, of: DataType) -> str:
    """Return the text that a value of a type is written as."""
    if isinstance(of, DecimalType) and of.scale:
        whole, _, decimals = text.partition(".")
        return f"{whole}.{decimals.ljust(of.scale, '0')}"
    if isinstance(of, TimestampType):
        day, time = text[:10], text[11:].removesuffix("Z")
        time = time if time.count(":") == 2 else f"{time}:00"
        return f"{day} {time.rstrip('0').removesuffix('.') if '.' in time else time}"
    return text


@generated
@given(batches(COLUMNS, size=40))
def test_csv_text_of_an_inferred_type_is_written_again_as_it_is(
    spark: SparkSession, tmp_path: Path, columns: list[list[str]]
) -> None:
    path = write_csv(tmp_path / "generated.csv", columns)
    found = [one for _, one in inferred(spark, path, format="csv", multiline=True)]
    logs = read_csv_logs(spark, path, schema=infer_schema(spark, path, format="csv", multiline=True), multiline=True)
    names = [f"c{index}" for index in range(len(columns))]
    *texts_again, corrupt = zip(
        *logs.select(*(logs[name].cast("string") for name in names), "_corrupt_record").collect(), strict=True
    )
    assert set(corrupt) == {None}
    for texts, of, again in zip(columns, found, texts_again, strict=True):
        written = [text or None for text in texts] + [None] * (len(again) - len(texts))
        assert list(again) == [text and normal_form(text, of) for text in written]


class Number(str):
    """The text of a JSON number."""

    __slots__ = ()


EXPONENTS = st.builds("{}e{}".format, st.one_of(st.integers(-99, 99).map(str), DECIMALS), st.integers(-330, 330))
NUMBERS = st.one_of(INTEGERS, DECIMALS, EXPONENTS, st.floats(allow_nan=False, allow_infinity=False).map(repr)).map(
    Number
)
SMALL = st.one_of(st.integers(-9, 9), st.decimals(-99, 99, places=2)).map(str).map(Number)
STRINGS = st.one_of(st.text('09."\\,:[{ é\n', max_size=4), INTEGERS, st.just(""))
LEAVES: list[st.SearchStrategy[Any]] = [SMALL, NUMBERS, STRINGS, st.booleans(), st.none()]
NAMES = st.sampled_from(["a", "b", 'q"', "[]", "é\\.", "s"])


def _fields(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    values = st.recursive(
        leaf, lambda of: st.one_of(st.lists(of, max_size=2), st.dictionaries(NAMES, of, max_size=2)), max_leaves=4
    )
    return st.lists(values, min_size=1, max_size=3)


# Fields of one kind of leaf, or of several kinds.
FIELDS = st.sampled_from([*LEAVES, st.one_of(*LEAVES)]).flatmap(_fields)


def written_json(value: Any) -> str:
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(written_json, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(name)}: {written_json(one)}' for name, one in value.items())}}}"
    return json.dumps(value)


def keeps(of: DataType, value: Any) -> bool:
    """Return whether a type keeps a value that Python's json read."""
    if value is None or isinstance(of, StringType):
        return True
    if isinstance(of, StructType) and isinstance(value, dict):
        return all(name in of.names and keeps(of[name].dataType, one) for name, one in value.items())
    if isinstance(of, ArrayType) and isinstance(value, list):
        return all(keeps(of.elementType, one) for one in value)
    return (
        keeps_number(of, value)
        if isinstance(value, Decimal)
        else isinstance(of, BooleanType) and value in (True, False)
    )


def keeps_number(of: DataType, value: Decimal) -> bool:
    if isinstance(of, DoubleType):
        return Decimal(repr(float(value))) == value
    if isinstance(of, LongType):
        return value == value.to_integral_value() and -(2**63) <= value < 2**63
    # No more digits than Decimal computes with are compared.
    _, digits, exponent = value.as_tuple()
    assert isinstance(of, DecimalType)
    assert isinstance(exponent, int)
    return -exponent <= of.scale and len(digits) + exponent <= of.precision - of.scale


@generated
@given(batches(FIELDS, size=40))
def test_an_inferred_type_keeps_every_json_value(spark: SparkSession, tmp_path: Path, fields: list[list[Any]]) -> None:
    documents = [
        {f"c{at:02}": values[row] for at, values in enumerate(fields) if row < len(values)}
        for row in range(max(map(len, fields)))
    ]
    lines = [written_json(document) for document in documents]
    (tmp_path / "generated.json").write_text("\n".join(lines), encoding="utf-8")
    path = str(tmp_path / "generated.json")
    found = dict(inferred(spark, path, format="json"))
    assert list(found) == [f"c{at:02}" for at in range(len(fields))]
    for line in lines:
        for name, value in json.loads(line, parse_int=Decimal, parse_float=Decimal).items():
            assert keeps(found[name], value), (name, found[name], value)
    orders = read_json_payloads(spark, path, schema=infer_schema(spark, path, format="json"))
    for line, row in zip(lines, orders.collect(), strict=True):
        assert row["_corrupt_record"] is None
        document = json.loads(line, parse_int=Number, parse_float=Number)
        for name, of in found.items():
            assert is_same(row[name], of, document.get(name)), (name, of, row[name], document)


def is_same(found: Any, of: DataType, value: Any) -> bool:
    """Return whether a value that the reader returned is that of the document."""
    if found is None or value is None:
        return found is value
    if isinstance(of, StructType):
        return all(is_same(found[field.name], field.dataType, value.get(field.name)) for field in of)
    if isinstance(of, ArrayType):
        return all(is_same(one, of.elementType, other) for one, other in zip(found, value, strict=True))
    if isinstance(of, StringType):
        # Numbers, booleans and objects are kept as they are written.
        is_text = isinstance(value, str)
        return bool(found == value if is_text else json.loads(found, parse_int=Number, parse_float=Number) == value)
    if isinstance(of, BooleanType):
        return found is value
    return Decimal(repr(found) if isinstance(found, float) else found) == Decimal(value)
