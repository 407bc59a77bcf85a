"""Columns that drift, brought back: nothing cast that loses, nothing dropped that was not named."""

from __future__ import annotations

import json
import pickle
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    ShortType,
    StringType,
    StructField,
    StructType,
)
from strategies import SCHEMAS, few_batches, plain, rows

from shopsmart_etl import (
    ColumnClashError,
    InvalidArgumentError,
    RowRefusedError,
    SchemaDriftError,
    conform,
    flag_violations,
    keep_valid,
    rules,
    translate_errors,
)
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.step import plan_step

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def schema_of(spark: SparkSession, ddl: str) -> StructType:
    return spark.createDataFrame([], ddl).schema


def one(spark: SparkSession, value: object, have: str, expected: str, **options: Any) -> tuple[Any, list[str]]:
    """Conform one value, and give it with the paths that did not match."""
    df = spark.createDataFrame([(value,)], f"v {have}")
    row = df.transform(conform(schema_of(spark, f"v {expected}"), on_mismatch="null", **options)).collect()[0]
    return row["v"], row["_mismatched"]


def one_by_one(spark: SparkSession, cases: list[tuple[object, str, str]]) -> list[tuple[Any, bool]]:
    """Conform each value in a column of its own, all in one job, and give each with whether it did not match."""
    names = [f"v{number}" for number in range(len(cases))]
    have = ", ".join(f"{name} {kind}" for name, (_, kind, _) in zip(names, cases, strict=True))
    expected = ", ".join(f"{name} {kind}" for name, (_, _, kind) in zip(names, cases, strict=True))
    df = spark.createDataFrame([tuple(value for value, _, _ in cases)], have)
    (row,) = df.transform(conform(schema_of(spark, expected), on_mismatch="null")).collect()
    assert set(row["_mismatched"]) <= set(names)
    return [(row[name], name in row["_mismatched"]) for name in names]


UTC = timezone.utc
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


CAST_BACK: list[tuple[object, str, str, object]] = [
    (7, "int", "bigint", 7),
    (7, "tinyint", "decimal(5,2)", Decimal("7.00")),
    (7, "bigint", "int", 7),
    (7.0, "double", "int", 7),
    (9.9, "double", "decimal(8,2)", Decimal("9.90")),
    (Decimal("9.90"), "decimal(8,2)", "double", 9.9),
    (Decimal("9.00"), "decimal(8,2)", "int", 9),
    (Decimal("9.90"), "decimal(8,2)", "decimal(12,4)", Decimal("9.9000")),
    (Decimal("9.9000"), "decimal(12,4)", "decimal(8,2)", Decimal("9.90")),
    (7, "int", "string", "7"),
    (Decimal("9.90"), "decimal(8,2)", "string", "9.90"),
    (True, "boolean", "string", "true"),
    (date(2026, 1, 31), "date", "string", "2026-01-31"),
    (date(2026, 1, 31), "date", "timestamp", datetime(2026, 1, 31)),  # noqa: DTZ001 - as collected
    (datetime(2026, 1, 31), "timestamp", "date", date(2026, 1, 31)),  # noqa: DTZ001 - in UTC
    ("7", "string", "int", 7),
    (" 7 ", "string", "int", 7),
    ("9.9", "string", "decimal(8,2)", Decimal("9.90")),
    ("-9.900", "string", "decimal(8,2)", Decimal("-9.90")),
    ("9.9", "string", "double", 9.9),
    ("-Infinity", "string", "double", float("-inf")),
    (2.0**62, "double", "bigint", 2**62),
    (-(2.0**63), "double", "bigint", -(2**63)),
    ("true", "string", "boolean", True),
    ("2026-01-31", "string", "date", date(2026, 1, 31)),
    (None, "string", "date", None),
    (None, "double", "int", None),
]


def test_a_value_that_can_be_cast_back_is_cast(spark: SparkSession) -> None:
    found = one_by_one(spark, [(value, have, wanted) for value, have, wanted, _ in CAST_BACK])
    for (value, have, wanted, expected), (got, mismatched) in zip(CAST_BACK, found, strict=True):
        assert (got, mismatched) == (expected, False), (value, have, wanted)
        assert type(got) is type(expected), (value, have, wanted)


LOSING: list[tuple[object, str, str]] = [
    (3_000_000_000, "bigint", "int"),
    (2**53 + 1, "bigint", "double"),
    (2**63 - 1, "bigint", "double"),
    (16_777_217, "int", "float"),
    (7.5, "double", "int"),
    (float("nan"), "double", "int"),
    (0.125, "double", "decimal(8,2)"),
    (1e30, "double", "decimal(8,2)"),
    (Decimal("9.99"), "decimal(8,2)", "int"),
    (Decimal("9.999"), "decimal(8,3)", "decimal(8,2)"),
    (Decimal("1234567.00"), "decimal(9,2)", "decimal(8,2)"),
    (NOON, "timestamp", "date"),
    (2.0**63, "double", "bigint"),
    ("1e400", "string", "double"),
    ("seven", "string", "int"),
    ("7.5", "string", "int"),
    ("", "string", "int"),
    ("1.005", "string", "decimal(8,2)"),
    ("1234567", "string", "decimal(8,2)"),
    ("maybe", "string", "boolean"),
    ("31/01/2026", "string", "date"),
    ("2026-02-30", "string", "date"),
    ("2026", "string", "date"),
    ("12:30", "string", "timestamp"),
    # No cast at all:
    (1, "int", "boolean"),
    (7, "int", "date"),
    (NOON, "timestamp", "string"),
    (bytearray(b"7"), "binary", "string"),
    ("{}", "string", "struct<a: int>"),
    ([1], "array<int>", "int"),
    ({"a": 1}, "map<string, int>", "map<int, int>"),
]


def test_a_value_that_would_lose_something_is_null_and_its_path_is_listed(spark: SparkSession) -> None:
    for case, result in zip(LOSING, one_by_one(spark, LOSING), strict=True):
        assert result == (None, True), case


def test_dates_and_times_are_read_by_the_formats_that_are_declared(spark: SparkSession) -> None:
    formats = ("dd/MM/yyyy", "d. M. yyyy")
    assert one(spark, "31/01/2026", "string", "date", date_formats=formats)[0] == date(2026, 1, 31)
    assert one(spark, "3. 1. 2026", "string", "date", date_formats=formats)[0] == date(2026, 1, 3)
    assert one(spark, "2026-01-31", "string", "date", date_formats=formats) == (None, ["v"])
    df = spark.createDataFrame(
        [("2026-01-31T10:00:00Z",), ("2026-01-31 10:00:00",), ("2026-01-31T12:00:00.000+02:00",)], "v string"
    )
    at = df.transform(conform(schema_of(spark, "v timestamp"))).selectExpr("CAST(v AS STRING)").collect()
    assert {row[0] for row in at} == {"2026-01-31 10:00:00"}
    assert one(spark, "10 o'clock 2026", "string", "timestamp", timestamp_formats=["H 'o''clock' yyyy"])[1] == []


FIRST = StructType(
    [
        StructField("order_id", LongType()),
        StructField(
            "customer",
            StructType([StructField("id", StringType()), StructField("since", DateType())]),
        ),
        StructField(
            "items",
            ArrayType(
                StructType([StructField("sku", StringType()), StructField("price", DecimalType(8, 2))]),
            ),
        ),
        StructField("stock", MapType(StringType(), StructType([StructField("n", LongType())]))),
        StructField("tags", ArrayType(StringType())),
    ]
)
SECOND = (
    "items array<struct<price: string, sku: int, discounts: array<struct<code: string>>>>,"
    " order_id int, customer struct<id: int, since: string, vip: boolean>,"
    " stock map<string, struct<n: string, `at`: string>>, channel string"
)
ORDERS = [
    ([("9.90", 7, [("X",)]), ("free", 8, None), None], 1, (5, "2026-01-31", True), {"a": ("1", "x")}, "web"),
    ([("1.00", None, None)], 2, (None, "soon", None), {"a": ("many", None), "b": None}, None),
    ([], None, None, {}, None),
    (None, None, None, None, None),
]


def test_a_second_version_of_a_payload_comes_back_as_the_first(spark: SparkSession) -> None:
    second = spark.createDataFrame(ORDERS, SECOND)
    got = second.transform(conform(FIRST, on_missing="null", on_extra="rescue", on_mismatch="null"))
    expected = spark.createDataFrame(
        [
            (1, ("5", date(2026, 1, 31)), [("7", Decimal("9.90")), ("8", None), None], {"a": (1,)}, None),
            (2, (None, None), [(None, Decimal("1.00"))], {"a": (None,), "b": None}, None),
            (None, None, [], {}, None),
            (None, None, None, None, None),
        ],
        FIRST,
    )
    assert_df_equality(got.drop("_mismatched", "_rescued"), expected, ignore_nullable=True)
    assert [row[0] for row in got.select("_mismatched").collect()] == [
        ["items.price"],
        ["customer.since", "stock.n"],
        [],
        [],
    ]
    rescued = [None if row[0] is None else json.loads(row[0]) for row in got.select("_rescued").collect()]
    assert rescued == [
        {
            "channel": "web",
            "customer": {"vip": True},
            "items": [{"discounts": [{"code": "X"}]}, {"price": "free"}, None],
            "stock": {"a": {"at": "x"}},
        },
        {"customer": {"since": "soon"}, "items": [None], "stock": {"a": {"n": "many"}, "b": None}},
        None,
        None,
    ]


def test_extra_columns_are_dropped_or_kept_as_said(spark: SparkSession) -> None:
    second = spark.createDataFrame(ORDERS, SECOND).drop("stock", "items")
    first = StructType([FIRST["customer"]])
    options: dict[str, Any] = {"on_mismatch": "null"}
    dropped = second.transform(conform(first, on_extra="drop", **options))
    assert dropped.columns == ["customer", "_mismatched"]
    assert dropped.schema["customer"].dataType.simpleString() == "struct<id:string,since:date>"
    kept = second.transform(conform(first, on_extra="keep", **options))
    assert kept.columns == ["customer", "order_id", "channel", "_mismatched"]
    assert kept.schema["customer"].dataType.simpleString() == "struct<id:string,since:date,vip:boolean>"
    assert kept.selectExpr("customer.vip", "channel").first() == (True, "web")


def test_every_difference_is_refused_in_one_error(spark: SparkSession) -> None:
    drifted = spark.createDataFrame(
        [], "order_id boolean, custmer struct<id: string>, items array<struct<sku: string>>"
    )
    with pytest.raises(SchemaDriftError) as caught:
        drifted.transform(conform(StructType(FIRST.fields[:3])))
    assert str(caught.value).splitlines() == [
        "the columns do not fit the schema:",
        "  order_id: expected bigint; got boolean, which has no lossless cast to it. on_mismatch='null' makes it null",
        "  customer: expected struct<id:string,since:date>; got no such column. Did you mean custmer?",
        "  items.price: expected decimal(8,2); got no such column. on_missing='null' adds it",
        "  custmer: expected no such column; got struct<id:string>. on_extra='drop', 'keep' or 'rescue' accepts it",
    ]
    assert len(caught.value.differences) == 4


def test_a_value_that_does_not_match_fails_the_job_and_is_named(spark: SparkSession) -> None:
    drifted = spark.createDataFrame(
        [([("x", "9.90"), ("it's", "free")],)], "items array<struct<sku: string, price: string>>"
    )
    with pytest.raises(Exception, match=r"column 'items.price': expected decimal\(8,2\); got free"):
        drifted.transform(conform(StructType([FIRST["items"]]))).collect()


def test_mismatched_paths_are_violations_for_later_steps(spark: SparkSession) -> None:
    logs = spark.createDataFrame([("1",), ("x",), (None,)], "n string")
    conformed = logs.transform(conform(schema_of(spark, "n int"), on_mismatch="null"))
    assert [row["n"] for row in conformed.transform(keep_valid(violations_column="_mismatched")).collect()] == [1, None]
    assert conformed.transform(flag_violations(rules.not_null("n"))).count() == 3


def test_what_has_the_schema_already_is_left_as_it_is(spark: SparkSession) -> None:
    orders = spark.createDataFrame([], FIRST)
    plan = orders.transform(conform(FIRST))
    assert plan.schema == orders.schema


def test_names_are_compared_as_the_session_compares_them(spark: SparkSession) -> None:
    shouted = spark.createDataFrame([(1, (2,))], "ID int, S struct<N: int>")
    expected = schema_of(spark, "id int, s struct<n: bigint>")
    got = shouted.transform(conform(expected))
    assert got.schema == expected
    assert got.collect() == [(1, (2,))]
    spark.conf.set("spark.sql.caseSensitive", "true")
    try:
        with pytest.raises(SchemaDriftError, match=r"id: expected int; got no such column\. Did you mean ID"):
            shouted.transform(conform(expected))
    finally:
        spark.conf.unset("spark.sql.caseSensitive")


def test_odd_names_are_names(spark: SparkSession) -> None:
    odd = StructType(
        [StructField(name, StructType([StructField(name, IntegerType())])) for name in ("a.b", "it's `%s`\\")]
    )
    text = StructType([StructField(f.name, StructType([StructField(f.name, StringType())])) for f in odd.fields])
    df = spark.createDataFrame([(("1",), ("x",))], text)
    row = df.transform(conform(odd, on_extra="rescue", on_mismatch="null")).collect()[0]
    assert row["a.b"] == (1,)
    assert row["_mismatched"] == ["`it's ``%s``\\`.`it's ``%s``\\`"]
    assert json.loads(row["_rescued"]) == {"it's `%s`\\": {"it's `%s`\\": "x"}}


def test_bad_arguments_fail_where_the_step_is_built() -> None:
    with pytest.raises(
        InvalidArgumentError, match="on_extra: expected one of 'error', 'drop', 'keep', 'rescue'; got 'ignore'"
    ):
        conform(FIRST, on_extra="ignore")  # type: ignore[arg-type]


def test_a_name_that_is_taken_is_refused(spark: SparkSession) -> None:
    taken = spark.createDataFrame([], "n int, _mismatched int")
    with pytest.raises(ColumnClashError, match="Give another mismatched_column="):
        taken.transform(conform(taken.schema, on_mismatch="null"))
    twins = spark.createDataFrame([], "s struct<N: int, n: int>")
    with pytest.raises(ColumnClashError, match="caseSensitive=true"):
        twins.transform(conform(schema_of(spark, "s struct<n: bigint>")))


@pytest.mark.exhaustive
def test_thirty_levels_are_conformed_in_no_time(spark: SparkSession) -> None:
    have: DataType = StringType()
    expected: DataType = IntegerType()
    for _ in range(29):
        have, expected = StructType([StructField("s", have)]), StructType([StructField("s", expected)])
    value: Any = "7"
    for _ in range(29):
        value = (value,)
    df = spark.createDataFrame([(value,)], StructType([StructField("s", have)]))
    step = conform(StructType([StructField("s", expected)]), on_extra="rescue", on_mismatch="null")
    assert df.transform(step).selectExpr(".".join(["s"] * 30)).first() == (7,)
    assert df.transform(step).select("_mismatched", "_rescued").first() == ([], None)


NUMBERS: list[DataType] = [
    ByteType(),
    ShortType(),
    IntegerType(),
    LongType(),
    FloatType(),
    DoubleType(),
    DecimalType(6, 2),
    DecimalType(38, 0),
]


@pytest.mark.hypothesis
@few_batches
@given(
    pairs=st.lists(
        st.tuples(st.sampled_from(NUMBERS), st.sampled_from([*NUMBERS, StringType()])),
        min_size=12,
        max_size=12,
        unique_by=lambda pair: (pair[0].simpleString(), pair[1].simpleString()),
    ),
    numbers=st.lists(
        st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300) | st.floats(width=32), min_size=20, max_size=60
    ),
)
def test_a_number_comes_back_as_it_was_or_is_a_mismatch(
    spark: SparkSession, pairs: list[tuple[DataType, DataType]], numbers: list[Any]
) -> None:
    source = spark.createDataFrame([(str(number),) for number in numbers], "v string")
    kinds = [(have.simpleString(), f"v{number}", f"was{number}") for number, (have, _) in enumerate(pairs)]
    numeric = source.selectExpr(
        *(f"try_cast(v AS {have}) AS {name}" for have, v, was in kinds for name in (v, was)),
    )
    schema = [
        field
        for (_, v, was), (have, expected) in zip(kinds, pairs, strict=True)
        for field in (StructField(v, expected), StructField(was, have))
    ]
    got = numeric.transform(conform(StructType(schema), on_mismatch="null"))
    # A mismatch is null; any other value can be cast back.
    wrong = [
        f"if({was} IS NOT NULL AND (({v} IS NULL) != array_contains(_mismatched, '{v}')"
        f" OR {v} IS NOT NULL AND NOT CAST({v} AS {have}) <=> {was}), '{v}', NULL)"
        for have, v, was in kinds
    ]
    found = got.selectExpr("*", f"array_compact(array({', '.join(wrong)})) AS wrong").where("cardinality(wrong) > 0")
    assert found.collect() == [], pairs


@pytest.mark.hypothesis
@given(st.data())
def test_a_schema_conforms_to_itself_and_to_its_columns_in_another_order(
    spark: SparkSession, data: st.DataObject
) -> None:
    schema = data.draw(SCHEMAS)
    drawn = data.draw(st.lists(rows(schema), max_size=8))
    df = spark.createDataFrame(drawn, schema)
    same = df.transform(conform(schema))
    assert same.schema == schema
    turned = StructType(data.draw(st.permutations(schema.fields)))
    back = df.transform(conform(turned)).transform(conform(schema))
    assert back.schema.simpleString() == schema.simpleString()
    nothing = df.transform(conform(StructType([]), on_extra="rescue", on_mismatch="null"))
    assert nothing.columns == ["_mismatched", "_rescued"]
    kept = df.transform(conform(StructType([]), on_extra="keep"))
    assert kept.schema == schema
    # All in one job.
    found = same.union(back).union(kept).collect()
    assert plain([tuple(row) for row in found]) == plain(drawn * 3)


def test_a_step_is_a_value() -> None:
    step = conform(FIRST, on_extra="drop")
    assert step == conform(FIRST, on_extra="drop") == pickle.loads(pickle.dumps(step))  # noqa: S301 - our own
    assert hash(step) == hash(conform(FIRST, on_extra="drop"))
    assert step != conform(FIRST, on_extra="keep")
    assert conform("id int") == conform("id int")


def test_a_preview_has_the_names_and_types_of_the_result(spark: SparkSession) -> None:
    second = spark.createDataFrame([], SECOND)
    for on_extra in ("drop", "keep", "rescue"):
        step = conform(FIRST, on_missing="null", on_extra=on_extra, on_mismatch="null")
        assert [row[1:] for row in step.preview(second.schema).rows] == second.transform(step).dtypes
    sources = [row[0] for row in conform(StructType(FIRST.fields[:1]), on_extra="keep").preview(second.schema).rows]
    assert sources == ["order_id", "items", "customer", "stock", "channel"]
    with pytest.raises(SchemaDriftError):
        conform(FIRST).preview(second.schema)


def test_a_plan_says_which_columns_are_null(spark: SparkSession) -> None:
    source = StructType(
        [
            StructField("same", ArrayType(StringType(), containsNull=False), nullable=False, metadata={"unit": "kg"}),
            StructField("s", StructType([StructField("a", IntegerType(), nullable=False)])),
            StructField("a", ArrayType(IntegerType()), nullable=False),
        ]
    )
    wanted = schema_of(spark, "a array<bigint>, s struct<a: int, b: int>, same array<string>")
    df = spark.createDataFrame([], source)
    step = conform(wanted, on_missing="null", on_mismatch="null", on_extra="rescue")
    assert plan_step(step, Frame(source)).schema == df.transform(step).schema


def test_a_schema_can_be_ddl(spark: SparkSession) -> None:
    df = spark.createDataFrame([("1", [])], "id string, tags array<string>")
    assert_df_equality(
        df.transform(conform("tags ARRAY<STRING>, id BIGINT", on_mismatch="null")),
        df.transform(conform(schema_of(spark, "tags ARRAY<STRING>, id BIGINT"), on_mismatch="null")),
    )
    with pytest.raises(InvalidArgumentError, match="schema: expected DDL"):
        df.transform(conform("id bigint bigint"))


@pytest.mark.parametrize("wrong", [None, 1, True, object(), [], [1], b"x", ""])
def test_arguments_of_a_wrong_type_are_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="schema: expected"):
        conform(wrong)
    for argument in ("on_missing", "on_extra", "on_mismatch", "mismatched_column", "rescued_column"):
        with pytest.raises(InvalidArgumentError, match=f"{argument}: expected"):
            conform(FIRST, **{argument: wrong})
    for argument in ("date_formats", "timestamp_formats"):
        if wrong != []:
            with pytest.raises(InvalidArgumentError, match=f"{argument}: expected a sequence"):
                conform(FIRST, **{argument: wrong})


def test_one_date_format_is_not_taken_for_its_letters() -> None:
    with pytest.raises(InvalidArgumentError, match=r"date_formats: expected a sequence .*; got 'yyyy-MM-dd'"):
        conform(FIRST, date_formats="yyyy-MM-dd")


@pytest.mark.parametrize("text", ["free", "it's\nfree"])
def test_a_job_that_fails_at_a_mismatch_raises_the_whole_reason(spark: SparkSession, text: str) -> None:
    df = spark.createDataFrame([([(text,)],)], "items array<struct<price: string>>")
    conformed = df.transform(conform("items array<struct<price: decimal(8,2)>>"))
    reason = f"column 'items.price': expected decimal(8,2); got {text}".replace("\n", " ")
    for action in (conformed.collect, conformed.agg(F.count("items.price")).collect):
        with pytest.raises(RowRefusedError) as caught, translate_errors():
            action()
        assert caught.value.reason == str(caught.value) == reason


@pytest.mark.parametrize(
    ("void", "target", "expected"),
    [
        ("NULL", "INT", None),
        ("NULL", "STRUCT<a: INT, b: ARRAY<DATE>>", None),
        ("NULL", "MAP<STRING, DECIMAL(9, 2)>", None),
        ("array()", "ARRAY<STRUCT<a: INT>>", []),
        ("array(NULL)", "ARRAY<TIMESTAMP>", [None]),
        ("map()", "MAP<STRING, ARRAY<INT>>", {}),
        ("map('k', NULL)", "MAP<STRING, BOOLEAN>", {"k": None}),
        ("named_struct('a', NULL, 'b', array(array()))", "STRUCT<b: ARRAY<ARRAY<BINARY>>, a: STRING>", ([[]], None)),
    ],
)
@pytest.mark.parametrize("on_mismatch", ["error", "null"])
def test_a_column_without_a_type_gets_one(
    spark: SparkSession, void: str, target: str, expected: Any, on_mismatch: Any
) -> None:
    result = spark.sql(f"SELECT {void} AS v").transform(conform(f"v {target}", on_mismatch=on_mismatch))
    assert result.schema["v"].dataType.simpleString() == spark.createDataFrame([], f"v {target}").dtypes[0][1]
    row = result.first()
    assert row is not None
    assert row["v"] == expected
    if on_mismatch == "null":
        assert row["_mismatched"] == []
