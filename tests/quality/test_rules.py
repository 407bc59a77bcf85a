"""Every ready-made rule: nulls, nested fields, and names that Spark would parse or confuse."""

from __future__ import annotations

import inspect
import math
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from engines import configured
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from shopsmart_etl import (
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    Rule,
    explode_arrays,
    flag_violations,
    keep_valid,
    pipeline,
    rules,
)

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
    "not_blank": (rules.not_blank, "IE", " \t\u00a0\u2003\u3000\u200b"),
}
# Rules that compare columns, rows or tables.
ROW_RULES = {"in_order", "references", "unique"}
THAT_ALLOW_NULL = [name for name in RULES if name != "not_null"]

HOSTILE = ["a.b", "a`b", "${env:HOME}", "Ab", "aB", "it''s", "a -- b", "a\nb", "element"]


def path_of(*names: str) -> str:
    return ".".join("`" + name.replace("`", "``") + "`" for name in names)


def test_every_rule_is_tested_here() -> None:
    assert RULES.keys() | ROW_RULES == {name for name in rules.__all__ if inspect.isfunction(getattr(rules, name))}
    allow_null = {name for name in rules.__all__ if "allow_null" in inspect.signature(getattr(rules, name)).parameters}
    assert allow_null == {*THAT_ALLOW_NULL, "in_order", "references"}


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


BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    "min_value": lambda value, bound: value >= bound,
    "above": lambda value, bound: value > bound,
    "max_value": lambda value, bound: value <= bound,
    "below": lambda value, bound: value < bound,
}
# Values in order for each type, then one that no bound and no order accepts.
ORDERED: dict[str, list[Any]] = {
    "int": [1, 2, 3],
    "decimal(10, 2)": [Decimal("1.99"), Decimal("2.00"), Decimal("2.01")],
    "double": [-math.inf, 2.0, 2.5, math.nan],
    "string": ["a", "ab", "b"],
    "date": [date(2026, 1, day) for day in (1, 2, 3)],
    "timestamp": [datetime(2026, 1, day, tzinfo=timezone.utc) for day in (1, 2, 3)],
}


@pytest.mark.parametrize("column_type", ORDERED)
def test_each_bound_is_inclusive_or_exclusive_as_its_name_says(spark: SparkSession, column_type: str) -> None:
    values = ORDERED[column_type]
    chosen = [{bound: values[1]} for bound in BOUNDS]
    chosen += [
        {lower: values[0], upper: values[2]} for lower in ("min_value", "above") for upper in ("max_value", "below")
    ]
    checked = [rules.in_range("v", **bounds) for bounds in chosen]
    df = spark.createDataFrame([(number, value) for number, value in enumerate(values)], f"id int, v {column_type}")
    flagged = df.transform(flag_violations(*checked)).orderBy("id").collect()
    assert [row["_violations"] for row in flagged] == [
        [
            rule.name
            for rule, bounds in zip(checked, chosen, strict=True)
            if not all(BOUNDS[bound](value, limit) for bound, limit in bounds.items()) or str(value) == "nan"
        ]
        for value in values
    ]


@pytest.mark.parametrize("column_type", ORDERED)
def test_two_columns_are_compared_in_rows_in_structs_and_in_each_element(spark: SparkSession, column_type: str) -> None:
    values = [*ORDERED[column_type], None]
    pairs = [(lower, upper) for lower in values for upper in values]
    pair = f"struct<a: {column_type}, b: struct<c: {column_type}>>"
    df = spark.createDataFrame(
        [(number, a, b, (a, (b,)), [(a, (b,)), None]) for number, (a, b) in enumerate(pairs)],
        f"id int, a {column_type}, b {column_type}, s {pair}, l array<{pair}>",
    )
    checked = {
        rules.in_order(lower, upper, allow_equal=allow_equal, allow_null=allow_null): (allow_equal, allow_null)
        for lower, upper in (("a", "b"), ("a", "s.b.c"), ("s.a", "s.b.c"), ("l.a", "l.b.c"))
        for allow_equal in (True, False)
        for allow_null in (True, False)
    }

    def is_valid(lower: Any, upper: Any, allow_equal: bool, allow_null: bool) -> bool:
        if lower is None or upper is None:
            return allow_null
        return bool(lower < upper or (allow_equal and lower == upper))

    flagged = df.transform(flag_violations(*checked)).orderBy("id").collect()
    assert [row["_violations"] for row in flagged] == [
        [rule.name for rule, options in checked.items() if not is_valid(*pair, *options)] for pair in pairs
    ]


def test_columns_without_one_order_are_refused_before_a_job() -> None:
    element = StructType([StructField("v", IntegerType()), StructField("w", ArrayType(IntegerType()))])
    fields = {
        "i": IntegerType(),
        "t": StringType(),
        "f": FloatType(),
        "d": DoubleType(),
        "n": DecimalType(38, 0),
        "m": DecimalType(38, 38),
        "l": ArrayType(element),
        "o": StructType([StructField("v", IntegerType()), StructField("l", ArrayType(element))]),
    }
    columns = StructType([StructField(name, of) for name, of in fields.items()])
    for lower, upper, message in [
        ("i", "t", r"'t': expected the type of 'i', int; got string"),
        ("f", "d", r"'d': expected the type of 'f', float; got double"),
        ("i", "d", r"'d': expected the type of 'i', int; got double"),
        ("n", "m", r"'m': expected a number that fits decimal\(38,0\) of 'n' in 38 digits; got decimal\(38,38\)"),
        ("l", "l", r"'l': expected a type whose values have an order; got array"),
        ("i", "l.v", r"'l\.v': expected a path through structs; got array.* explode the array first"),
        ("o.v", "o.l.v", r"'o\.l\.v': expected a field in the same array as the other, or in none; got array"),
    ]:
        with pytest.raises(ColumnTypeError, match=message):
            flag_violations(rules.in_order(lower, upper)).preview(columns)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({}, "min_value: expected at least one bound, such as min_value= or below=; got None"),
        ({"min_value": 1, "above": 1}, "above: expected None, since min_value= is given; got 1"),
        ({"max_value": 1, "below": 0}, "below: expected None, since max_value= is given; got 0"),
        ({"above": 1, "below": 1}, "below: expected more than above, 1; got 1"),
        ({"above": 1, "max_value": 1}, "max_value: expected more than above, 1; got 1"),
        ({"min_value": 2, "max_value": 1}, "max_value: expected at least min_value, 2; got 1"),
        ({"above": math.inf}, "above: expected a bound that a value can be within; got inf"),
        ({"below": -math.inf, "min_value": 0.5}, "below: expected a bound that a value can be within; got -inf"),
        ({"above": "a", "below": 1}, "below: expected the type of above, 'a'; got 1"),
    ],
)
def test_bounds_that_no_value_is_within_are_refused(bounds: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^{message}$"):
        rules.in_range("v", **bounds)


def test_a_key_may_have_nulls_that_are_equal(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, None), (1, None), (None, None), (2, None), (2, 3)], "a int, b int")
    checked = [rules.unique("a", "b"), rules.unique("a", "b", nulls_equal=True), rules.unique("b", nulls_equal=True)]
    flagged = df.transform(flag_violations(*checked)).collect()
    found = sorted((str(row["a"]), str(row["b"]), *row["_violations"]) for row in flagged)
    assert found == [
        ("1", "None", "a, b is unique, nulls too", "b is unique, nulls too"),
        ("1", "None", "a, b is unique, nulls too", "b is unique, nulls too"),
        ("2", "3"),
        ("2", "None", "b is unique, nulls too"),
        ("None", "None", "b is unique, nulls too"),
    ]


def test_a_reference_must_be_in_the_table_and_changes_no_row(spark: SparkSession) -> None:
    """Between other rules, with names that Spark would parse, and next to a Column of the same DataFrame."""
    users = spark.createDataFrame([(1, "x"), (1, "y"), (None, "z"), (3, "v")], "`a.b` long, found string")
    countries = spark.createDataFrame([(("IE",),), (None,)], "place struct<code: string>")
    df = spark.createDataFrame(
        [(1, 1, ("IE",), "k"), (1, 1, ("IE",), "k"), (2, 2, ("XX",), None), (3, None, None, "k")],
        "id int, `key` int, `rule 1` struct<`c.d`: string>, found string",
    )
    checked = [
        rules.not_null("found"),
        rules.references("key", users, "a.b"),
        Rule("own", df["id"] < 3),
        rules.references("`rule 1`.`c.d`", countries, "place.code"),
        rules.references("key", users, "a.b", allow_null=True),
        rules.references("key", users, "a.b", table_name="users"),
        rules.unique("id"),
    ]
    names = [rule.name for rule in checked]
    flagged = df.transform(flag_violations(*checked))
    assert flagged.drop("_violations").schema == df.schema
    assert flagged.columns == [*df.columns, "_violations"]
    found = sorted((row["id"], *(names.index(name) for name in row["_violations"])) for row in flagged.collect())
    assert found == [(1, 6), (1, 6), (2, 0, 1, 3, 4, 5), (3, 1, 2, 3, 5)]
    assert names[5] == "key is in a.b of users"
    assert df.transform(pipeline(flag_violations(checked[1]), keep_valid())).collect() == df.limit(2).collect()


def test_rows_without_an_element_reference_nothing(spark: SparkSession) -> None:
    orders = spark.sql("SELECT 1 AS id, array('pen', 'cup', NULL) AS sku UNION ALL SELECT 2, array()")
    products = spark.sql("SELECT 'pen' AS sku")
    lines = orders.transform(pipeline(explode_arrays("sku"), flag_violations(rules.references("sku", products, "sku"))))
    found = sorted((row["id"], str(row["sku"]), len(row["_violations"])) for row in lines.collect())
    assert found == [(1, "None", 1), (1, "cup", 1), (1, "pen", 0), (2, "None", 0)]


def test_a_row_without_an_element_is_not_equal_to_a_null_element(spark: SparkSession) -> None:
    orders = spark.sql("SELECT 1 AS id, array('pen', NULL) AS sku UNION ALL SELECT 2, array() UNION ALL SELECT 3, NULL")
    checked = flag_violations(rules.unique("sku", nulls_equal=True))
    for lines in (orders, orders.union(orders.where("id = 1"))):
        flagged = lines.transform(pipeline(explode_arrays("sku"), checked)).collect()
        violated = [row["id"] for row in flagged if row["_violations"]]
        assert violated == ([] if lines is orders else [1, 1, 1, 1])


def test_references_that_cannot_be_joined_are_refused_before_a_job(spark: SparkSession) -> None:
    df = spark.sql("SELECT 1 AS id, array('a') AS tags, 'x' AS text")
    table = spark.sql("SELECT 1L AS id, named_struct('a', 1) AS s")
    for column, key, message in [
        ("text", "id", r"'text': expected bigint, as `id` of the table; got string"),
        ("tags", "id", r"'tags': expected a key of a scalar type; got array"),
        ("id", "nothing", r"no column 'nothing'"),
        ("nothing", "id", r"no column 'nothing'"),
    ]:
        with pytest.raises((ColumnTypeError, ColumnNotFoundError), match=message):
            df.transform(flag_violations(rules.references(column, table, key)))
    stream = spark.readStream.format("rate").load()
    for wrong in (stream, "table", None):
        with pytest.raises(InvalidArgumentError, match="table: expected a DataFrame that is not a stream; got "):
            rules.references("id", wrong, "value")  # type: ignore[arg-type]
    flagged = stream.transform(flag_violations(rules.references("value", table, "id")))
    assert flagged.isStreaming
    assert flagged.columns == ["timestamp", "value", "_violations"]
