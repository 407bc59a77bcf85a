"""Every ready-made rule: nulls, nested fields, and names that Spark would parse or confuse."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from engines import configured
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, IntegerType, LongType, StringType, StructField, StructType

from shopsmart_etl import ColumnNotFoundError, ColumnTypeError, Rule, flag_violations, keep_valid, pipeline, rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

# Each rule of a column of text, with a value that satisfies it and one that violates it.
RULES: dict[str, tuple[Callable[..., Rule], str, str | None]] = {
    "not_null": (rules.not_null, "IE", None),
    "in_range": (lambda column, **options: rules.in_range(column, min_value="A", max_value="M", **options), "IE", "Z"),
    "one_of": (lambda column, **options: rules.one_of(column, "IE", "it's", **options), "IE", "XX"),
    "matches": (lambda column, **options: rules.matches(column, "[A-Z]{2}", **options), "IE", "ie"),
    "country_code": (rules.country_code, "IE", "UK"),
    "currency_code": (rules.currency_code, "EUR", "€"),
    "unique": (rules.unique, "IE", "twice"),
}
THAT_ALLOW_NULL = [name for name in RULES if name not in ("not_null", "unique")]

HOSTILE = ["a.b", "a`b", "${env:HOME}", "Ab", "aB", "it''s", "a -- b", "a\nb", "element"]


def path_of(*names: str) -> str:
    return ".".join("`" + name.replace("`", "``") + "`" for name in names)


def test_every_rule_is_tested_here() -> None:
    assert set(RULES) == {name for name in rules.__all__ if inspect.isfunction(getattr(rules, name))}
    assert [
        name for name in RULES if "allow_null" in inspect.signature(getattr(rules, name)).parameters
    ] == THAT_ALLOW_NULL


@pytest.mark.parametrize("ansi", ["true", "false"])
def test_each_rule_decides_about_columns_and_fields_of_structs_and_arrays(spark: SparkSession, ansi: str) -> None:
    """Compare every rule with its meaning, by columns of its own, in one job."""
    data: list[list[Any]] = [[], [], []]
    fields: list[StructField] = []
    checked: list[Rule] = []
    wanted: list[list[str]] = [[], [], []]
    element = StructType([StructField("v", StringType())])

    def add(rule: Rule, of: Any, values: list[Any], is_valid: list[bool]) -> None:
        fields.append(StructField(rule.columns[0].split(".")[0], of))
        checked.append(rule)
        for row, value in enumerate(values):
            data[row].append(value)
            wanted[row] += [] if is_valid[row] else [rule.name]

    for name, (make, good, bad) in RULES.items():
        if name != "unique":
            add(make(f"{name}1"), StringType(), [good, bad, None], [True, False, False])
            add(make(f"{name}2.v"), element, [(good,), (bad,), None], [True, False, False])
            arrays: list[Any] = [[(good,), None], [(good,), (bad,)], []]
            add(make(f"{name}3.v"), ArrayType(element), arrays, [True, False, True])
            add(make(f"{name}4.v"), ArrayType(element), [None, [(None,)], [None]], [True, False, True])
            nested: list[Any] = [[None, [], [(good,)]], [[(good,)], [(bad,)]], None]
            add(make(f"{name}5.v"), ArrayType(ArrayType(element)), nested, [True, False, True])
        if name in THAT_ALLOW_NULL:
            add(make(f"{name}6", allow_null=True), StringType(), [good, bad, None], [True, False, True])
            add(
                make(f"{name}7.v", allow_null=True),
                ArrayType(element),
                [[(None,)], [(bad,)], [()]],
                [True, False, True],
            )
    add(rules.unique("unique2.v"), element, [("a",), ("b",), ("b",)], [True, False, False])
    with configured(spark, {"spark.sql.ansi.enabled": ansi}):
        data[2] = [[(None,)] if value == [()] else value for value in data[2]]
        rows = [(number, *row) for number, row in enumerate(data)]
        df = spark.createDataFrame(rows, StructType([StructField("number", LongType()), *fields]))
        flagged = df.transform(flag_violations(*checked)).select("number", "_violations").orderBy("number").collect()
    assert [row["_violations"] for row in flagged] == wanted


def test_names_are_never_parsed_or_confused(spark: SparkSession) -> None:
    names = [name for name in HOSTILE if name != "aB"]
    struct = StructType([StructField(name, IntegerType()) for name in names])
    schema = StructType(
        [StructField(name, IntegerType()) for name in HOSTILE]
        + [StructField("s.t", struct), StructField("items", ArrayType(struct))]
    )
    count = len(names)
    df = spark.createDataFrame([(*range(len(HOSTILE)), tuple(range(count)), [tuple(range(count)), None])], schema)
    top = [rules.in_range(name, min_value=index, max_value=index) for index, name in enumerate(HOSTILE)]
    nested = [
        rules.in_range(path_of(root, name), min_value=index, max_value=index)
        for root in ("s.t", "items")
        for index, name in enumerate(names)
    ]
    wrong = [rules.one_of(rule.columns[0], -1) for rule in (*top, *nested)]
    flagged = df.transform(flag_violations(*top, *nested, *wrong, Rule("own", F.col("`a.b`") == 0)))
    [row] = flagged.collect()
    assert row["_violations"] == [rule.name for rule in wrong]
    assert flagged.drop("_violations").schema == df.schema
    assert df.transform(pipeline(flag_violations(*top, *nested), keep_valid())).collect() == df.collect()


def test_a_column_with_a_dot_in_its_name_wins_over_a_path(spark: SparkSession) -> None:
    df = spark.sql("SELECT named_struct('b', 1) AS a, 2 AS `a.b`")
    flagged = df.transform(flag_violations(rules.one_of("a.b", 2), rules.one_of("`a`.b", 1)))
    assert flagged.collect()[0]["_violations"] == []


def test_paths_that_a_rule_cannot_take_are_refused_before_a_job() -> None:
    struct = StructType([StructField("v", StringType())])
    schema = StructType([StructField("s", struct), StructField("items", ArrayType(struct))])
    with pytest.raises(ColumnNotFoundError, match=r"no column 'w'\. Columns: v"):
        flag_violations(rules.not_null("items.w")).preview(schema)
    with pytest.raises(ColumnTypeError, match=r"'items\.v': expected a number, to compare .*; got string"):
        flag_violations(rules.in_range("items.v", min_value=0)).preview(schema)
    with pytest.raises(ColumnTypeError, match=r"'items\.v': expected a path through structs; got array.* explode the"):
        flag_violations(rules.unique("s.v", "items.v")).preview(schema)
    assert flag_violations(rules.not_null("items.v")).preview(schema).rows[-1][1:] == ("_violations", "array<string>")


@pytest.mark.parametrize("name", THAT_ALLOW_NULL)
def test_a_rule_that_allows_null_is_named_so(name: str) -> None:
    make = RULES[name][0]
    assert make("a", allow_null=True).name == f"{make('a').name} or null"
    assert make("a", allow_null=True) != make("a")
    for wrong in (None, 1, "true"):
        with pytest.raises(ValueError, match="allow_null: expected True or False"):
            make("a", allow_null=wrong)


def test_values_at_the_limits_are_flagged_and_fail_no_job(spark: SparkSession) -> None:
    with configured(spark, {"spark.sql.ansi.enabled": "true"}):
        df = spark.sql(
            "SELECT CAST(repeat('9', 38) AS DECIMAL(38, 0)) AS n, double('Infinity') AS d, double('NaN') AS nan, "
            "repeat('ab', 1000000) AS s, DATE'-9999-01-01' AS day"
        )
        made = [
            rules.in_range("n", max_value=1.5),
            rules.in_range("d", max_value=10**37),
            rules.in_range("nan", max_value=float("inf")),
            rules.matches("s", "[ab]*c"),
            rules.one_of("s", "x"),
        ]
        flagged = df.transform(flag_violations(*made)).select("_violations").collect()
    assert flagged[0]["_violations"] == [rule.name for rule in made]
