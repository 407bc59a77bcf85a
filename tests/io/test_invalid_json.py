"""JSON that is not valid, in every position: each document is read or kept as a corrupt record, and none is lost."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from contextlib import suppress
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from engines import configured

import shopsmart_etl as etl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pyspark.sql import Row, SparkSession

pytestmark = pytest.mark.exhaustive

SCHEMA = "id INT, path STRING, price DECIMAL(10, 2), tags ARRAY<STRING>, items ARRAY<STRUCT<name: STRING, n: INT>>"
read = partial(etl.read_json_payloads, schema=SCHEMA, file_modified_column=None)
TEXT = "_corrupt_record"
COLUMNS = "id", "path", "price", "tags", "items"

# The kinds of invalid values that JSONTestSuite has, and a few more.
NUMBERS = (
    *(
        "++1",
        "+1",
        "+Inf",
        "-01",
        "-1.0.",
        "-2.",
        "-NaN",
        ".-1",
        ".2e-3",
        "0.1.2",
        "0.3e+",
        "0.3e",
        "0.e1",
        "0E",
        "0e+",
    ),
    *("1.0e+", "1.0e-", "1.0e", "1eE2", "2.e+3", "9.e+", "Inf", "NaN", "Infinity", "-Infinity", "1+2", "0x1", "0x42"),
    *("0e+-1", "-123.123foo", "123.123x", "-foo", "-.123", "-1x", "1ea", "1.80M-308", "1.2a-3", ".123", "012", "-012"),
    *("-", "1.", "1_000", "\uff11", "1,5e"),
)
WORDS = (
    *(
        "new",
        "None",
        "nul",
        "tru",
        "fals",
        "True",
        "NULL",
        "undefined",
        "abc",
        "\u00e9",
        "*",
        "<null>",
        r"\n",
        r"\u0020",
    ),
    *("\ufeff1", "\u2060", "/**/", "/*c*/1", "1//c", "#"),
)
STRINGS = [
    *(
        rf'"{body}"'
        for body in (r"\u", r"\u20", r"\u00A", r"\uqqqq", r"\uD800\u", r"\uD800\u1x", r"\a", r"\x00", r"\🌀")
    ),
    *(f'"a{sign}b"' for sign in ("\t", "\x00", "\x1f", "\\\t")),
    "'single'",
    '"a" "b"',
    '""x',
    '"\\',
    '"open',
    "'",
]
ARRAYS = (
    *(
        "[1 2]",
        "[1., 2]",
        '["": 1]',
        "[,1]",
        "[1,,2]",
        "[1,]",
        "[,]",
        "[:,]",
        "[-]",
        "[*]",
        "[1]]",
        "[1",
        "[",
        "[3[4]]",
    ),
    *("[1 000.0]", "[{", '["a]', "[][]", "[1]x", "][", "[}", "[1}"),
)
OBJECTS = (
    *('{"x", null}', '{"x"::"b"}', '{"a":"a" 1}', "{key: 1}", '{"a" b}', '{:"b"}', '{"a":', '{"a"', "{1:1}"),
    *("{null:null}", '{"i":0,,}', "{'a':0}", '{"i":0,}', '{"a":1}/**/', '{"a":1}//', '{"a":1}#', '{"a":1,,"c":2}'),
    *('{"a":1}}', '{"a": true} "x"', "{{}}", "{[]: 1}", "{", "}", "{,", '{"', '{"a', "{]}", '{"a": [}', '{"a":1]'),
)
INVALID = [*NUMBERS, *WORDS, *STRINGS, *ARRAYS, *OBJECTS]
# A document around the value: first, last and inner fields, of the schema and not, and in the place of the document.
DOCUMENTS = [
    '{{"id": {id}, "path": {value}}}',
    '{{"id": {id}, "price": {value}}}',
    '{{"id": {id}, "tags": [{value}]}}',
    '{{"id": {id}, "tags": ["a", {value}, "b"], "path": "x"}}',
    '{{"id": {id}, "items": [{{"name": {value}}}]}}',
    '{{"id": {id}, "items": [{{"n": 1}}, {{"name": "x", "n": {value}}}, {{"n": 3}}]}}',
    '{{"other": {value}, "id": {id}}}',
    '{{"id": {id}, "other": [{{"x": [{value}]}}]}}',
    '{{"id": {id}, {value}: 1}}',
    '{{"id": {id}, "path": "x"}} {value}',
    "{value}",
]

# The kinds of values that a strict parser has to accept.
VALID = [
    *("0", "-0", "-0.0", "0.5", "-1", "123", "20e1", "1E22", "1e-2", "1E+2", "0e1", "0E+1", "123.456789", "1e400"),
    *("-" + "9" * 60, "0." + "0" * 60 + "1", "1.5e-400", "true", "false", "null"),
    *('""', '" "', r'"\""', r'"\\"', r'"\/"', r'"\b\f\n\r\t"', r'"\\\\\"x"', r'"\u0000"', r'"\u0022"', r'"\u005C"'),
    *(r'"\u00e9\u00E9"', r'"\ud83d\ude00"', r'"\uFFFF"', r'"\u2028"', r'"\\u00e9"', r'"\ufeff"'),
    *('"é漢😀"', '"\u007f"', '"\u2028\u2029\ufffe"', '"/* no comment */"', '"[{,:}]"', '"\'"', '"' + "x" * 9_000 + '"'),
    *("[]", "[ ]", "[null]", "[1 , 2]", "[[[]], []]", '["a", 1, null, true, {}]', "[" * 40 + "]" * 40),
    *("{}", "{ }", '{"": 0}', '{"a": {"b": {}}}', '{"a": 1, "a": 2}', r'{"\u0000k": 1}', r'{"k\"": "}"}', '{"\ta": 1}'),
    *('{"a" : 1 , "b":[ ] }', "\t[\t1\t]\t", '{"min": -1.0e+28, "max": 1.0e+28}', '{"' + "k" * 300 + '": 1}'),
]


@pytest.fixture(params=["true", "false"], ids=["ANSI", "without ANSI"])
def ansi(request: pytest.FixtureRequest, spark: SparkSession) -> Iterator[str]:
    with configured(spark, {"spark.sql.ansi.enabled": request.param}):
        yield request.param


def rows_of_files(spark: SparkSession, folder: Path, texts: Iterable[str], **options: Any) -> dict[int, list[Row]]:
    """Read each text as a file of its own, all in one job, and return the rows of each."""
    folder.mkdir()
    for number, text in enumerate(texts):
        (folder / f"{number}.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    rows = defaultdict(list)
    for row in read(spark, str(folder), **options).coalesce(1).collect():
        rows[int(row["_file_path"].rpartition("/")[2].removesuffix(".json"))].append(row)
    return rows


def is_valid(text: str) -> bool:
    try:
        json.loads(text, parse_constant=int)  # no NaN: int takes none
    except ValueError:
        return False
    return True


def lost(row: Row) -> bool:
    """Tell whether a row has neither a value nor the text that it was to be read from."""
    return all(value is None for name, value in row.asDict().items() if name != "_file_path")


@pytest.mark.usefixtures("ansi")
@pytest.mark.parametrize("multiline", [False, True])
def test_every_valid_value_in_any_position_is_read(spark: SparkSession, tmp_path: Path, multiline: bool) -> None:
    # In the place of text and of an unknown field: there every kind of value fits the schema.
    shapes = [shape for shape in DOCUMENTS if "{value}" in shape and ('"path": {v' in shape or "other" in shape)]
    values = [value for value in VALID if is_valid(value)]
    texts = [shape.format(id=7, value=value) for shape in shapes for value in values]
    texts += [f" \t{text}\t " for text in texts[:20]]
    assert len(values) > len(VALID) - 2
    if multiline:
        texts = [text.replace(", ", "\r\n,\n") if '"/*' not in text else text for text in texts]
        found = rows_of_files(spark, tmp_path / "files", texts, multiline=True)
        rows = [row for number in range(len(texts)) for row in found[number]]
    else:
        (tmp_path / "lines.json").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8", newline="")
        rows = read(spark, str(tmp_path)).coalesce(1).collect()
    assert [row[TEXT] for row in rows if row[TEXT] is not None] == []
    assert [row["id"] for row in rows] == [7] * len(texts)
    for row, text in zip(rows, texts, strict=True):
        path = json.loads(text, parse_int=str, parse_float=str).get("path")
        if isinstance(path, str):
            assert row["path"] == path, text


@pytest.mark.usefixtures("ansi")
def test_an_invalid_value_in_any_position_loses_no_document(spark: SparkSession, tmp_path: Path) -> None:
    lines = [shape.format(id=7, value=value) for shape in DOCUMENTS for value in INVALID]
    (tmp_path / "lines.json").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    rows = read(spark, str(tmp_path)).collect()
    assert [row for row in rows if lost(row)] == []
    kept = [row[TEXT] for row in rows if row[TEXT] is not None]
    # Of an array, its elements are kept one by one; of documents one after another, those that are invalid.
    assert {line for line in lines if not is_valid(line) and not line.startswith("[") and "} {" not in line} <= set(
        kept
    )
    several = {line for line in lines if not is_valid(line) and line.startswith("{") and "} {" in line}
    assert several
    assert all(line in kept or any(text in kept for text in re.split(r"(?<=}) (?={)", line)) for line in several)


@pytest.mark.parametrize("multiline", [False, True])
@pytest.mark.parametrize(
    ("records", "page"), [("data", '{{"page": 1, "data": [{}], "next": "x"}}'), (None, "[{}]")], ids=["page", "array"]
)
def test_an_invalid_document_does_not_take_its_page_along(
    spark: SparkSession, tmp_path: Path, records: str | None, page: str, multiline: bool
) -> None:
    sound = '{"id": 1, "path": "[{\\"]}", "price": 12345678.91}', '{"id": 3, "tags": ["\\\\", "\\u0022"]}'
    shapes, values = DOCUMENTS[2::3], [*WORDS, *STRINGS[:9], "[1 2]", "[1., 2]", "+1", "[,]", '{"x"::"b"}', "{key: 1}"]
    invalid = [shape.format(id=2, value=value) for shape in shapes for value in values]
    pages = [page.format(f"{sound[0]}, {one},{sound[1]}") for one in invalid]
    if multiline:
        found = rows_of_files(spark, tmp_path / "pages", pages, record_path=records, multiline=True)
        rows = [row for number in range(len(pages)) for row in found[number]]
    else:
        (tmp_path / "pages.json").write_text("\n".join(pages) + "\n", encoding="utf-8")
        rows = read(spark, str(tmp_path), record_path=records).coalesce(1).collect()
    assert len(rows) == 3 * len(pages)
    assert {(row["id"], row["path"], str(row["price"]), row[TEXT]) for row in rows[::3]} == {
        (1, '[{"]}', "12345678.91", None)
    }
    assert {(row["id"], *row["tags"], row[TEXT]) for row in rows[2::3]} == {(3, "\\", '"', None)}
    assert [(row["id"], row[TEXT]) for row in rows[1::3]] == [(None, one.strip()) for one in invalid]


INSEPARABLE: dict[str | None, list[str]] = {
    None: [
        '[{"id": 1}, {"id": 2, "tags": [}]',
        '[{"id": 1}, {"id": 2, "path": "open}]',
        '[{"id": 1} {"id": 2}',
        '[{"id": 1}, new],',
        '[{"id": 1}, new][{"id": 2}]',
        '{"id": 1}]],"v":[[{"id": 2}',
        '{"id": 1}],[],"v":[[{"id": 2}',
        '[{"id": 1}]],"v":[[{"id": 2}]',
    ],
    "data": [
        '{"data": [{"id": 1}, new], "page": new}',
        '{"data": [{"id": 1}, new], "page"}',
        '{"data": [{"id": 1}, new], "data": [{"id": 2}]}',
        '{"other": [{"id": new}]}',
        '{"data": [{"id": 1}]}]],"v":[[{"data": [{"id": 2}]}',
        '[{"data": [{"id": 1}]}, new]',
    ],
}


@pytest.mark.parametrize("records", INSEPARABLE)
def test_a_page_whose_documents_cannot_be_told_apart_is_kept_whole(
    spark: SparkSession, tmp_path: Path, records: str | None
) -> None:
    texts = INSEPARABLE[records]
    found = rows_of_files(spark, tmp_path / "files", texts, record_path=records)
    for number, text in enumerate(texts):
        assert [(row["id"], row[TEXT]) for row in found[number]] == [(None, text)]


def test_long_strings_of_escapes_are_told_apart_too(spark: SparkSession, tmp_path: Path) -> None:
    note = json.dumps('"\n' * 50_000)
    page = f'{{"data": [{{"id": 1, "path": {note}}}, {{"id": 2, "tags": [new]}}, {{"id": 3}}]}}'
    (tmp_path / "a.json").write_text(page, encoding="utf-8")
    rows = read(spark, str(tmp_path), record_path="data").collect()
    assert [(row["id"], row[TEXT]) for row in rows] == [(1, None), (None, '{"id": 2, "tags": [new]}'), (3, None)]
    assert rows[0]["path"] == json.loads(note)


def mutated(text: str, random: Random) -> str:
    """Damage a text as a faulty writer, a cut or a flipped byte does."""
    for _ in range(random.randrange(1, 4)):
        at, other = random.randrange(len(text) + 1), random.randrange(len(text) + 1)
        text = random.choice(
            [
                text[:at],
                text[:at] + text[at + random.randrange(1, 6) :],
                text[:at] + random.choice(INVALID) + text[at:],
                text[:at] + random.choice('[]{},:"\\ \t\x00é0-+.eN') + text[at + 1 :],
                text[:at] + text[other:],
            ]
        )
    return text


def document(random: Random) -> dict[str, Any]:
    fields = {
        "id": random.randrange(1000),
        "path": random.choice(["", "/a", 'x"y', "{[", "\\", "é\u2028", "'"]),
        "price": random.choice([0.5, 12, 1234567.89]),
        "tags": random.choice([[], ["a"], ["]", "}"]]),
        "items": [{"name": random.choice(["pen", ",", '"']), "n": 1} for _ in range(random.randrange(3))],
        "other": random.choice([None, {"deep": [1, {"x": "y"}]}]),
    }
    return {name: fields[name] for name in ["id", *random.sample(list(fields), random.randrange(6))]}


def documents_in(text: str, records: str | None) -> list[Any] | None:
    """Return the documents of a text, by Python's parser; None where it is not valid, or an envelope has none."""
    try:
        value = json.loads(text, parse_constant=int)
    except ValueError:
        return None
    values = value if isinstance(value, list) else [value]
    if records is None:
        return values
    pages = [one.get(records) if isinstance(one, dict) else None for one in values]
    return None if any(not isinstance(one, list) for one in pages) else [one for page in pages for one in page or ()]


def has_values(document: object) -> bool:
    return isinstance(document, dict) and any(document.get(name) is not None for name in COLUMNS)


def objects_of_other_fields(text: str) -> int:
    """Count the valid objects in a text that have no value for the schema: they are rows of nulls, and rightly so."""
    found = 0
    for start in re.finditer(r"{", text):
        with suppress(ValueError):
            found += not has_values(json.JSONDecoder(parse_constant=int).raw_decode(text, start.start())[0])
    return found


@pytest.mark.parametrize("records", [None, "data"])
def test_no_mutation_of_a_file_loses_a_document(
    spark: SparkSession, tmp_path: Path, ansi: str, records: str | None
) -> None:
    random = Random(f"ansi: {ansi}, records: {records}")  # noqa: S311 - no secret
    texts = []
    for _ in range(300):
        made = [document(random) for _ in range(random.randrange(1, 4))]
        whole: Any = made[0] if len(made) == 1 else made
        text = json.dumps(whole if records is None else {"page": 1, records: made}, ensure_ascii=False)
        texts.append(mutated(text, random) if random.random() < 0.9 else text)
    found = rows_of_files(spark, tmp_path / "files", texts, record_path=records, multiline=True)
    for number, text in enumerate(texts):
        rows, documents = found.get(number, []), documents_in(text, records)
        if documents is None:
            assert any(row[TEXT] is not None for row in rows) or not text.strip(" \t\r\n"), text
            assert sum(map(lost, rows)) <= objects_of_other_fields(text), text
        else:
            assert len(rows) == len(documents), text
            for row, one in zip(rows, documents, strict=True):
                assert row[TEXT] is not None or lost(row) is not has_values(one), text
