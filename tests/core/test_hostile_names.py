"""Names and values that Spark's SQL parser would replace, unescape or end early come back as they went in."""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from calls import SCHEMA, STEPS
from engines import configured
from pyspark.sql.types import ArrayType, DataType, IntegerType, LongType, MapType, StringType, StructField, StructType

import shopsmart_etl as etl
from shopsmart_etl import InvalidArgumentError, Rule, UnsupportedError, rules

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.exhaustive

HOSTILE = [
    "${env:HOME}",
    "a`b",
    "${spark.sql.shuffle.partitions}",
    "it's",
    "${system:user.home}${",
    "back\\slash",
    "/* -- */",
    'say "x";',
    "line\nbreak",
    "\u202eright to left",
    "$1 {x} %s",
    "\x00",
]
SESSIONS = [
    {"spark.sql.ansi.enabled": "true", "spark.sql.parser.escapedStringLiterals": "false"},
    {"spark.sql.ansi.enabled": "false", "spark.sql.parser.escapedStringLiterals": "true"},
    {"spark.sql.ansi.enabled": "true", "spark.sql.ansi.enforceReservedKeywords": "true"},
]
AT = datetime(2026, 1, 5, 10, tzinfo=timezone.utc)


def rows_with(text: str) -> list[tuple[Any, ...]]:
    one = ("a", "view", Decimal("9.90"), "9.90", 2, text, AT, date(2026, 1, 5), [text, "b"], {text: text}, 0)
    return [(1, *one, (text, "1"), text, None, [text]), (2, *one, (None, text), None, None, [])]


def names_of(data_type: DataType) -> list[str]:
    """List the names of all fields, at every depth."""
    if isinstance(data_type, StructType):
        return [name for field in data_type for name in (field.name, *names_of(field.dataType))]
    return names_of(data_type.elementType) if isinstance(data_type, ArrayType) else []


def renamed(data_type: DataType, names: dict[str, str]) -> DataType:
    if isinstance(data_type, StructType):
        return StructType(
            [StructField(names.get(field.name, field.name), renamed(field.dataType, names)) for field in data_type]
        )
    return ArrayType(renamed(data_type.elementType, names)) if isinstance(data_type, ArrayType) else data_type


def with_names(argument: Any, names: dict[str, str]) -> Any:
    if isinstance(argument, StructType):
        return renamed(argument, names)
    if isinstance(argument, Rule):
        return rules.in_range(names["units"], min_value=0)
    return names.get(argument, argument) if isinstance(argument, str) else argument


@pytest.mark.parametrize("rotation", [0, *(pytest.param(number, marks=pytest.mark.slow) for number in (1, 2))])
def test_steps_return_the_same_rows_whatever_the_names_are(spark: SparkSession, rotation: int) -> None:
    plain = spark.createDataFrame(rows_with("${env:HOME}"), SCHEMA)
    all_names = names_of(plain.schema)
    names = {name: f"{name}{HOSTILE[(at + rotation) % len(HOSTILE)]}" for at, name in enumerate(all_names)}
    hostile = plain.select(
        *(plain[field.name].cast(renamed(field.dataType, names)).alias(names[field.name]) for field in plain.schema)
    )
    conformed = StructType().add("id", LongType()).add("user", StringType())
    with configured(spark, SESSIONS[rotation]):
        for step, (args, kwargs) in STEPS.items():
            if step in ("pipeline", "snake_case_columns", "nest_struct"):  # changed below, or made of others
                continue
            args = (conformed,) if step == "conform" else args  # noqa: PLW2901 - text needs quotes
            expected = plain.transform(getattr(etl, step)(*args, **kwargs))
            changed_args = [with_names(argument, names) for argument in args]
            changed = {name: with_names(argument, names) for name, argument in kwargs.items()}
            found = hostile.transform(getattr(etl, step)(*changed_args, **changed))
            assert sorted(map(repr, values(found))) == sorted(map(repr, values(expected))), step
            if len(expected.columns) >= len(plain.columns):
                kept = [names[name] for name in expected.columns if name in names]
                assert [name for name in found.columns if name in kept] == kept, step


def values(df: DataFrame) -> list[tuple[Any, ...]]:
    return [without_names(row) for row in df.drop("_violations").collect()]


def without_names(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return tuple(map(without_names, value))
    return value


RULES: dict[str, Callable[[str], Rule]] = {
    "not null": rules.not_null,
    "in range": lambda column: rules.in_range(column, min_value="${"),
    "one of": lambda column: rules.one_of(column, *HOSTILE[:-1]),
    "matches": lambda column: rules.matches(column, r".*(?s).*"),
    "unique": rules.unique,
    "country": rules.country_code,
}


@pytest.mark.parametrize("session", SESSIONS)
def test_rules_of_hostile_names_and_values_decide_the_same(spark: SparkSession, session: dict[str, str]) -> None:
    texts = [*HOSTILE, "IE", None]
    with configured(spark, session):
        for name in ("${env:HOME}", "a`'\\", "x ${"):
            df = spark.createDataFrame([(text,) for text in texts], "c STRING")
            flagged = df.transform(etl.flag_violations(*(rule("c") for rule in RULES.values())))
            hostile = df.toDF(name).transform(etl.flag_violations(*(rule(name) for rule in RULES.values())))
            expected = [len(row["_violations"]) for row in flagged.collect()]
            assert [len(row["_violations"]) for row in hostile.collect()] == expected, name


@pytest.mark.parametrize(
    ("pattern", "text", "is_match"),
    [
        ("(?x)a b # c", "ab", True),
        ("(?x)a b # c", "abc", False),
        (r"\Qa.b", "a.b", True),
        (r"\Qa.b", "a.bc", False),
        (r"\Qa.b\E|c", "c", True),
        (r"\\Q", r"\Q", True),
        ("a|ab", "ab", True),
    ],
)
def test_a_pattern_does_not_swallow_its_end(spark: SparkSession, pattern: str, text: str, is_match: bool) -> None:
    df = spark.createDataFrame([(text,)], "c STRING").transform(etl.flag_violations(rules.matches("c", pattern)))
    assert (df.transform(etl.keep_valid()).count() == 1) is is_match


@pytest.mark.sample
def test_readers_keep_hostile_names_and_values(spark: SparkSession, tmp_path: Path) -> None:
    names = [name for name in HOSTILE if "\n" not in name and "\x00" not in name]
    document = {name: {name: name} for name in names}
    (tmp_path / "a.json").write_text(json.dumps(document), encoding="utf-8")
    schema = StructType().add("id", IntegerType())
    for name in names:
        schema.add(name, StructType().add(name, StringType()))
    plain = {"file_path_column": None, "file_modified_column": None}
    (row,) = etl.read_json_payloads(spark, tmp_path / "a.json", schema=schema, **plain).collect()  # type: ignore[arg-type]
    assert [tuple(value) for value in row[1:-1]] == [(name,) for name in names]
    rescued = etl.read_json_payloads(spark, tmp_path / "a.json", schema="id INT", on_extra="rescue", **plain)  # type: ignore[arg-type]
    assert json.loads(rescued.collect()[0]["_rescued"]) == document
    quoted = [name.replace('"', '""') for name in names]
    line = ",".join(f'"{name}"' for name in quoted)
    (tmp_path / "a.csv").write_text(f"{line}\n{line}\n", encoding="utf-8")
    columns = StructType([StructField(name, StringType()) for name in names])
    (row,) = etl.read_csv_logs(spark, tmp_path / "a.csv", schema=columns, **plain).collect()  # type: ignore[arg-type]
    assert list(row[:-1]) == names


def test_tables_keep_hostile_names_or_refuse_them_before_they_write(spark: SparkSession, tmp_path: Path) -> None:
    names = [name for name in HOSTILE if "\n" not in name and "\x00" not in name]
    df = spark.createDataFrame(
        [(*names, "x")], StructType([StructField(name, StringType()) for name in [*names, "by"]])
    )
    for number in range(2):
        written = df.transform(etl.write_partitioned(tmp_path / "t", by="by", if_exists="append"))
        assert [tuple(row) for row in written.collect()] == [(*names, "x")] * (number + 1)
    for name in (name for name in names if "${" in name):
        with pytest.raises(InvalidArgumentError, match="replaces"):
            df.transform(etl.write_partitioned(tmp_path / "other", by=name))
    assert not (tmp_path / "other").exists()


def test_a_name_that_no_sql_text_can_have_is_refused(spark: SparkSession) -> None:
    inner = StructType().add("${env:HOME}'", IntegerType())
    df = spark.createDataFrame([((1,),)], StructType().add("s", inner))
    with pytest.raises(UnsupportedError, match="Rename the field"):
        df.transform(etl.conform(StructType().add("s", StructType().add("${env:HOME}'", LongType()))))


def test_maps_keep_hostile_keys(spark: SparkSession) -> None:
    df = spark.createDataFrame(
        [({name: name for name in HOSTILE},)], StructType().add("m", MapType(StringType(), StringType()))
    )
    rows = df.transform(etl.explode_map("m")).collect()
    assert {tuple(row) for row in rows} == {(name, name) for name in HOSTILE}
