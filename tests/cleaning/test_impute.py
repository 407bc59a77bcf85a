"""Missing amounts are filled and flagged, and nothing else changes."""

from __future__ import annotations

import math
import pickle
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DecimalType, StructField, StructType
from strategies import few_batches

from shopsmart_etl import (
    ColumnClashError,
    ColumnNotFoundError,
    ColumnTypeError,
    InexactFillError,
    InvalidArgumentError,
    RowRefusedError,
    UnsupportedError,
    daily_active_users,
    flag_violations,
    impute_financials,
    median_by,
    rules,
    translate_errors,
)
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.step import plan_step

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

AMOUNTS = st.none() | st.decimals(min_value=-1000, max_value=1000, places=2)
LOGS = StructType.fromJson(
    {
        "type": "struct",
        "fields": [
            {"name": "user", "type": "string", "nullable": True, "metadata": {}},
            {"name": "paid", "type": "decimal(10,2)", "nullable": True, "metadata": {"unit": "GBP"}},
            {"name": "at", "type": "date", "nullable": True, "metadata": {}},
            {"name": "tax", "type": "decimal(12,4)", "nullable": True, "metadata": {}},
        ],
    }
)


@few_batches
@given(
    st.lists(
        st.tuples(st.none() | st.sampled_from("abc"), AMOUNTS, st.none() | st.dates(), AMOUNTS),
        min_size=20,
        max_size=60,
    ),
    st.decimals(min_value=-100, max_value=100, places=2),
)
def test_only_what_was_missing_changes(spark: SparkSession, rows: list[Any], fill: Decimal) -> None:
    before = spark.createDataFrame(rows, LOGS)
    after = before.transform(impute_financials("paid", fill=fill))
    expected = [(user, fill if paid is None else paid, at, tax, paid is None) for user, paid, at, tax in rows]
    assert [tuple(row) for row in after.collect()] == expected
    paid = StructField("paid", DecimalType(10, 2), nullable=False, metadata={"unit": "GBP"})
    flag = StructField("paid_imputed", BooleanType(), nullable=False)
    assert after.schema == StructType([LOGS["user"], paid, LOGS["at"], LOGS["tax"], flag])
    users = daily_active_users(user="user", timestamp="at")
    assert sorted(after.transform(users).collect(), key=str) == sorted(before.transform(users).collect(), key=str)


@few_batches
@given(
    st.lists(
        st.tuples(
            st.none() | st.sampled_from("abcdefgh"), AMOUNTS, st.none() | st.integers(-9, 9), AMOUNTS, st.dates()
        ),
        min_size=20,
        max_size=60,
    ),
    st.decimals(min_value=-100, max_value=100, places=2),
)
def test_sums_grow_by_what_was_filled_and_by_nothing_else(spark: SparkSession, rows: list[Any], fill: Decimal) -> None:
    numbered = [(*row, number) for number, row in enumerate(rows)]
    schema = "user STRING, paid DECIMAL(10, 2), quantity INT, tax DECIMAL(8, 2), at DATE, number INT"
    before = spark.createDataFrame(numbered, schema)
    fills: dict[str, Any] = {"paid": [F.col("quantity") * F.col("tax"), median_by("user"), fill], "tax": fill}
    after = before.transform(impute_financials("paid", "tax", fill=fills))
    assert after.columns == [*before.columns, "paid_imputed", "paid_imputed_by", "tax_imputed"]
    was = [dict(zip(before.columns, row, strict=True)) for row in numbered]
    is_now = sorted(after.collect(), key=lambda row: row["number"])
    (sums,) = after.agg(F.sum("paid"), F.sum("tax")).collect()
    for column, total in zip(("paid", "tax"), sums, strict=True):
        known = [row[column] for row in was if row[column] is not None]
        assert [row[column] for row in is_now if not row[f"{column}_imputed"]] == known
        imputed = [row[column] for row in is_now if row[f"{column}_imputed"]]
        assert len(known) + len(imputed) == len(rows)
        assert total == sum(known) + sum(imputed)
        assert not after.schema[column].nullable
    others = ("user", "quantity", "at", "number")
    assert [[row[name] for name in others] for row in is_now] == [[row[name] for name in others] for row in was]
    users = daily_active_users(user="user", timestamp="at")
    assert sorted(after.transform(users).collect()) == sorted(before.transform(users).collect())


# Types, fills, and what the columns then hold.
FILLS: list[tuple[str, Any, Any]] = [
    ("tinyint", -128, -128),
    ("smallint", 7, 7),
    ("int", 2.0, 2),
    ("bigint", 2**63 - 1, 2**63 - 1),
    ("decimal(5,2)", 0, Decimal("0.00")),
    ("decimal(5,2)", 0.1, Decimal("0.10")),
    ("decimal(2,2)", Decimal("-0.99"), Decimal("-0.99")),
    ("decimal(38,0)", 10**38 - 1, Decimal(10**38 - 1)),
    ("float", 0.5, 0.5),
    ("double", -0.1, -0.1),
]


def test_the_type_is_kept_and_no_null_is_left(spark: SparkSession) -> None:
    names = [f"amount_{number}" for number in range(len(FILLS))]
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, (kind, _, _) in zip(names, FILLS, strict=True))
    fills = {name: fill for name, (_, fill, _) in zip(names, FILLS, strict=True)}
    filled = spark.sql(f"SELECT {nulls}").transform(impute_financials(*names, fill=fills))
    flags = [(f"{name}_imputed", "boolean") for name in names]
    assert filled.dtypes == [*((name, kind) for name, (kind, _, _) in zip(names, FILLS, strict=True)), *flags]
    assert not any(field.nullable for field in filled.schema.fields)
    (row,) = filled.collect()
    assert tuple(row) == (*(held for _, _, held in FILLS), *(True for _ in FILLS))


@pytest.mark.parametrize("kind", ["float", "double"])
def test_nan_is_missing_and_infinity_is_not(spark: SparkSession, kind: str) -> None:
    df = spark.sql(f"SELECT CAST(v AS {kind}) v FROM VALUES ('NaN'), ('Infinity'), (NULL), ('1.5') AS t(v)")
    filled = df.transform(impute_financials("v", fill=0))
    assert [tuple(row) for row in filled.collect()] == [
        (0.0, True),
        (float("inf"), False),
        (0.0, True),
        (1.5, False),
    ]


@pytest.mark.parametrize(
    ("kind", "fill"),
    [
        ("int", 1.5),
        ("tinyint", 128),
        ("bigint", 2**63),
        ("decimal(4,2)", 100),
        ("decimal(18,2)", Decimal("0.001")),
        ("double", Decimal("0.1")),
        ("double", 2**53 + 1),
        ("float", 0.1),
        ("float", 1e300),
        ("double", 10**400),
    ],
)
def test_a_fill_that_the_type_cannot_hold_is_refused(spark: SparkSession, kind: str, fill: Any) -> None:
    df = spark.sql(f"SELECT CAST(1 AS {kind}) AS amount")
    with pytest.raises(InexactFillError, match=r"column 'amount': expected a fill that .* exactly; got"):
        df.transform(impute_financials("amount", fill=fill))


@pytest.fixture
def logs(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([("a", None, 1), (None, 5, None)], "user string, paid int, tax int")


def test_a_mapping_gives_each_column_its_fill(spark: SparkSession, logs: DataFrame) -> None:
    filled = logs.transform(impute_financials("tax", "paid", fill={"paid": 7, "tax": -1}, flag_suffix=None))
    expected = spark.createDataFrame([("a", 7, 1), (None, 5, -1)], "user string, paid int, tax int").select(
        "user", F.coalesce("paid", F.lit(0)).alias("paid"), F.coalesce("tax", F.lit(0)).alias("tax")
    )
    assert_df_equality(filled, expected)


def test_flags_stand_last_in_the_order_of_the_call(logs: DataFrame) -> None:
    filled = logs.transform(impute_financials("tax", "paid", flag_suffix="?"))
    assert filled.columns == ["user", "paid", "tax", "tax?", "paid?"]


def test_a_case_twin_of_the_column_is_left_alone(spark: SparkSession) -> None:
    spark.conf.set("spark.sql.caseSensitive", "true")
    try:
        df = spark.sql("SELECT CAST(NULL AS INT) AS Tax, CAST(NULL AS INT) AS tax, 'x' AS `a.b``c`")
        (row,) = df.transform(impute_financials("tax")).collect()
        assert tuple(row) == (None, 0, "x", True)
    finally:
        spark.conf.unset("spark.sql.caseSensitive")


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (impute_financials("payed"), ColumnNotFoundError, "no column 'payed'; did you mean 'paid'"),
        (impute_financials("user"), ColumnTypeError, "column 'user': expected a decimal.*got string. Parse or cast"),
    ],
)
def test_a_wrong_column_is_named(logs: DataFrame, step: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        logs.transform(step)


def test_a_second_run_does_not_overwrite_the_flags(logs: DataFrame) -> None:
    step = impute_financials("paid")
    with pytest.raises(ColumnClashError, match="paid_imputed"):
        logs.transform(step).transform(step)


@few_batches
@given(
    st.lists(
        st.tuples(AMOUNTS, st.none() | st.lists(st.none() | st.tuples(AMOUNTS, st.none() | st.floats()), max_size=3)),
        min_size=20,
        max_size=60,
    )
)
def test_fields_inside_arrays_are_filled_where_they_are(spark: SparkSession, rows: list[Any]) -> None:
    df = spark.createDataFrame(
        [((None if paid is None else (paid,)), items) for paid, items in rows],
        "payment STRUCT<amount: DECIMAL(10, 2)>, items ARRAY<STRUCT<price: DECIMAL(10, 2), weight: DOUBLE>>",
    )
    filled = df.transform(impute_financials("items.price", "payment.amount", "items.weight", fill=7))
    wanted = [
        (
            None if paid is None else (paid, False),
            None if items is None else [None if item is None else _filled_item(*item) for item in items],
        )
        for paid, items in rows
    ]
    assert [_plain(row) for row in filled.collect()] == wanted
    assert filled.columns == df.columns


def _filled_item(price: Decimal | None, weight: float | None) -> tuple[Any, ...]:
    no_weight = weight is None or math.isnan(weight)
    return (7 if price is None else price, 7.0 if no_weight else weight, price is None, no_weight)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_plain(one) for one in value)
    return [_plain(one) for one in value] if isinstance(value, list) else value


FALLBACKS = "paid DECIMAL(10, 2), quantity INT, price DECIMAL(6, 2), country STRING, at INT"


@few_batches
@given(
    st.lists(
        st.tuples(AMOUNTS, st.none() | st.integers(-9, 9), AMOUNTS, st.none() | st.sampled_from("abcdefghijklmnop")),
        min_size=20,
        max_size=60,
    )
)
def test_fallbacks_are_tried_in_order_and_the_one_used_is_named(spark: SparkSession, rows: list[Any]) -> None:
    fills: list[Any] = [F.col("quantity") * F.col("price"), median_by("country"), 0]
    df = spark.createDataFrame([(*row, at) for at, row in enumerate(rows)], FALLBACKS)
    filled = df.transform(impute_financials("paid", fill=fills)).orderBy("at")
    groups: dict[Any, list[Decimal]] = {}
    for paid, _, _, country in rows:
        groups.setdefault(country, []).extend([] if paid is None else [paid])
    for row, (paid, quantity, price, country) in zip(filled.collect(), rows, strict=True):
        product = None if quantity is None or price is None else quantity * price
        known = sorted(groups[country])
        median = known[(len(known) - 1) // 2] if known else None
        used = next(at for at, value in enumerate([product, median, 0]) if value is not None)
        assert row["paid"] == (paid if paid is not None else [product, median, 0][used])
        assert row["paid_imputed"] == (paid is None)
        assert row["paid_imputed_by"] == (used if paid is None else None)
    assert filled.columns == [*df.columns, "paid_imputed", "paid_imputed_by"]
    assert not filled.schema["paid"].nullable


def test_what_no_fallback_fills_stays_null_without_a_flag(spark: SparkSession) -> None:
    df = spark.sql("SELECT CAST(NULL AS INT) AS paid, CAST(NULL AS INT) AS tax")
    filled = df.transform(impute_financials("paid", fill=F.col("tax")))
    assert tuple(filled.collect()[0]) == (None, None, False)


def test_a_computed_fill_that_does_not_fit_fails_the_job(spark: SparkSession) -> None:
    df = spark.sql("SELECT CAST(NULL AS DECIMAL(10, 2)) AS paid, CAST(0.125 AS DECIMAL(5, 3)) AS tax")
    filled = df.transform(impute_financials("paid", fill=F.col("tax")))
    with pytest.raises(
        Exception, match=r"column 'paid': expected a fill that decimal\(10,2\) represents exactly; got another number"
    ):
        filled.collect()


def test_a_row_s_column_fills_the_fields_of_its_items(spark: SparkSession) -> None:
    df = spark.createDataFrame([(5, [(1,), (None,)])], "base INT, items ARRAY<STRUCT<price: INT>>")
    filled = df.transform(impute_financials("items.price", fill=[F.col("base"), 0]))
    assert _plain(filled.collect()[0]) == (5, [(1, False, None), (5, True, 0)])


def test_a_median_does_not_reach_inside(spark: SparkSession) -> None:
    df = spark.createDataFrame([(5, [(1,)])], "base INT, items ARRAY<STRUCT<price: INT>>")
    with pytest.raises(UnsupportedError, match=r"at the top level to fill by median_by\('base'\); got a nested field"):
        df.transform(impute_financials("items.price", fill=median_by("base")))


def test_a_literal_name_goes_before_a_path_and_backticks_hold_dots(spark: SparkSession) -> None:
    df = spark.sql(
        "SELECT CAST(NULL AS INT) AS `s.x`, named_struct('x', CAST(NULL AS INT), 'a.b', CAST(NULL AS INT)) AS s"
    )
    assert tuple(df.transform(impute_financials("s.x", flag_suffix=None)).collect()[0]) == (0, (None, None))
    assert tuple(df.transform(impute_financials("s.`a.b`", flag_suffix=None)).collect()[0]) == (None, (None, 0))


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (impute_financials("s.totl"), ColumnNotFoundError, "no column 'totl'; did you mean 'total'"),
        (
            impute_financials("s.total.x"),
            ColumnTypeError,
            r"column 's\.total': expected a struct or an array of structs",
        ),
        (impute_financials("s.name"), ColumnTypeError, r"column 's\.name': expected a decimal.*got string"),
        (impute_financials("s.total", flag_suffix="_?"), ColumnClashError, "new column `total_.` would both be named"),
    ],
)
def test_a_wrong_path_is_named(spark: SparkSession, step: Any, error: type[Exception], message: str) -> None:
    df = spark.sql("SELECT named_struct('total', 1, 'name', 'a', 'Total_?', 2) AS s")
    with pytest.raises(error, match=message):
        df.transform(step)


def test_a_nested_case_twin_is_refused(spark: SparkSession) -> None:
    spark.conf.set("spark.sql.caseSensitive", "true")
    try:
        df = spark.sql("SELECT named_struct('ID', 1, 'id', CAST(NULL AS INT)) AS s")
        assert df.transform(impute_financials("s.id", flag_suffix=None)).collect()[0]["s"]["id"] == 0
    finally:
        spark.conf.unset("spark.sql.caseSensitive")
    with pytest.raises(ColumnClashError, match="Flatten the struct first"):
        df.transform(impute_financials("s.id"))


@pytest.mark.parametrize(
    ("columns", "fill", "message"),
    [
        ((), 0, "columns: expected the names of the columns to fill, at least one"),
        (("a",), float("nan"), "fill: expected a finite number"),
        (("a",), True, "fill: expected a finite number"),
        (("a",), "0", "fill: expected a finite number"),
        (("a", "b"), {"a": 0}, "fill: expected a value for each of a, b"),
    ],
)
def test_a_wrong_argument_fails_where_the_step_is_built(columns: tuple[str, ...], fill: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        impute_financials(*columns, fill=fill)


def test_a_step_is_a_value() -> None:
    fill: dict[str, Any] = {"paid": [median_by("country", "day"), 0], "tax": 1.5}
    step = impute_financials("paid", "tax", fill=fill)
    same = impute_financials("paid", "tax", fill=dict(reversed(fill.items())))
    assert step == same == pickle.loads(pickle.dumps(step))  # noqa: S301 - our own
    assert hash(step) == hash(same)
    assert step != impute_financials("paid", "tax")


def test_medians_by_equal_columns_are_equal() -> None:
    fill = median_by("country", "day")
    assert fill == median_by("country", "day") == pickle.loads(pickle.dumps(fill))  # noqa: S301 - our own
    assert hash(fill) == hash(median_by("country", "day"))
    assert fill != median_by("country")
    assert repr(fill) == "median_by('country', 'day')"


def test_a_plan_has_the_schema_of_the_result(spark: SparkSession) -> None:
    df = spark.sql(
        "SELECT CAST(NULL AS DECIMAL(10, 2)) AS paid, 1.5D AS weight, 7 AS n, 'x' AS country,"
        " array(named_struct('price', CAST(NULL AS INT), 'sku', 'a')) AS items"
    )
    for step in (
        impute_financials("paid", "weight", fill=[median_by("country"), 0]),
        impute_financials("weight", "n", fill=F.col("n")),
        impute_financials("items.price", "n", fill=[F.col("n"), 0]),
    ):
        result = df.transform(step)
        assert [row[1:] for row in step.preview(df.schema).rows] == result.dtypes
        planned = plan_step(step, Frame(df.schema)).schema
        assert [field.nullable for field in planned][:4] == [field.nullable for field in result.schema][:4]


def test_a_suffix_of_digits_leaves_the_other_columns_alone(spark: SparkSession) -> None:
    df = spark.range(1).selectExpr(*(f"CAST(NULL AS INT) AS {name}" for name in "abcdefghijkl"))
    (row,) = df.transform(impute_financials("b", flag_suffix="1")).collect()
    assert tuple(row) == (None, 0, *[None] * 10, True)


def test_the_columns_of_a_median_are_names_or_paths(spark: SparkSession) -> None:
    df = spark.sql("SELECT 'a' AS `the.group`, named_struct('b c', 1) AS s, p AS paid FROM VALUES (3), (NULL) AS t (p)")
    for by in ("the.group", "s.`b c`", "s.b c", "S"):
        filled = df.transform(impute_financials("paid", fill=median_by(by), flag_suffix=None))
        assert [row["paid"] for row in filled.collect()] == [3, 3]
    with pytest.raises(ColumnNotFoundError, match="no column 'grp'"):
        df.transform(impute_financials("paid", fill=median_by("grp")))


@pytest.mark.parametrize("wrong", [None, object(), [], b"x", "", True, int, float("nan"), Decimal("sNaN"), {1}, [None]])
def test_a_wrong_fill_is_refused(wrong: Any) -> None:
    for fill in (wrong, [0, wrong], {"paid": wrong}):
        with pytest.raises(InvalidArgumentError, match="fill: expected"):
            impute_financials("paid", fill=fill)


@pytest.mark.parametrize("wrong", [None, 1, True, object(), [], [1], b"x", ""])
def test_arguments_of_a_wrong_type_are_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="columns: expected the name of a column"):
        impute_financials("paid", wrong)
    with pytest.raises(InvalidArgumentError, match="by: expected the name of a column"):
        median_by("country", wrong)
    if wrong is not None:
        with pytest.raises(InvalidArgumentError, match="flag_suffix: expected a suffix"):
            impute_financials("paid", flag_suffix=wrong)


def test_a_median_needs_a_column() -> None:
    with pytest.raises(InvalidArgumentError, match="by: expected the names of the grouping columns"):
        median_by()


def test_a_function_that_makes_no_column_is_refused(logs: DataFrame) -> None:
    with pytest.raises(InvalidArgumentError, match="fill: expected a function from Column to Column; got 7"):
        logs.transform(impute_financials("paid", fill=lambda _: 7))  # type: ignore[arg-type]


@pytest.mark.parametrize("fill", [Decimal("1E+999999"), Decimal("1E-999999"), 10**400])
def test_a_number_of_a_thousand_digits_is_refused(logs: DataFrame, fill: Any) -> None:
    with pytest.raises(InexactFillError):
        logs.transform(impute_financials("paid", fill=fill))


@pytest.mark.parametrize(("kind", "tax"), [("decimal(10,2)", "0.125BD"), ("tinyint", "300"), ("int", "double('NaN')")])
def test_a_job_that_fails_at_a_fill_raises_the_whole_reason(spark: SparkSession, kind: str, tax: str) -> None:
    df = spark.sql(f"SELECT CAST(NULL AS {kind}) AS paid, {tax} AS tax FROM VALUES (1) AS t (x)")
    filled = df.transform(impute_financials("paid", fill=F.col("tax")))
    reason = f"column 'paid': expected a fill that {kind} represents exactly; got another number. Round it, "
    reason += "or cast the column to a wider type first"
    for action in (filled.collect, filled.agg(F.count("paid")).collect):
        with pytest.raises(RowRefusedError) as caught, translate_errors():
            action()
        assert caught.value.reason.lower() == reason.lower()


def test_the_order_of_a_mapping_of_fills_does_not_matter(spark: SparkSession) -> None:
    df = spark.createDataFrame([(None, None)], "a int, b int")
    one, other = (impute_financials("a", "b", fill=dict(fill)) for fill in ([("a", 1), ("b", 2)], [("b", 2), ("a", 1)]))
    assert one == other
    assert df.transform(one).columns == df.transform(other).columns == ["a", "b", "a_imputed", "b_imputed"]


def test_names_that_the_rows_have_twice_are_no_clash(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, 2, None)], "id int, id2 int, paid int").toDF("id", "id", "paid")
    assert [tuple(row) for row in df.transform(impute_financials("paid")).collect()] == [(1, 2, 0, True)]
    assert [tuple(row) for row in df.transform(flag_violations(rules.not_null("paid"))).collect()] == [
        (1, 2, None, ["paid is not null"])
    ]
