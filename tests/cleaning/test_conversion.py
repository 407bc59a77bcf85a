"""Converted amounts: by the latest rate of their time, exact, rounded once; flagged where there is no rate."""

from __future__ import annotations

import pickle
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from processes import LIMIT
from pyspark.sql.types import DecimalType, StructField, StructType
from strategies import batches, few_batches

from shopsmart_etl import (
    ColumnClashError,
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    RowRefusedError,
    UnsupportedError,
    convert_currency,
    parse_money,
    revenue,
    translate_errors,
)
from shopsmart_etl._core.column_tags import Link, currency_tag, tag_source, tag_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession

DAY = date(2026, 1, 1)
RATES = "case int, from_currency string, to_currency string, valid_from date, rate decimal(18, 8)"
ROWS = "case int, id int, amount decimal(12, 3), currency string, day date"
ROUNDING: dict[Any, str] = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN}
CODES = st.sampled_from(["EUR", "USD", "JPY", "usd", None])
DAYS = st.none() | st.integers(0, 40).map(lambda days: DAY + timedelta(days))
# Half a cent and half of the smallest rate are frequent.
AMOUNTS = st.none() | st.decimals(-(10**8), 10**8, places=3) | st.integers(-40, 40).map(lambda n: Decimal(n) / 8)
NUMBERS = st.sampled_from([None, Decimal(0), Decimal(-1), Decimal("0.5"), Decimal(3)]) | st.decimals(
    Decimal("0.00000001"), Decimal(10**8), places=8
)
CASES = st.tuples(
    st.lists(st.tuples(AMOUNTS, CODES, DAYS), max_size=12),
    st.lists(
        st.tuples(CODES, st.sampled_from(["EUR", "EUR", "USD"]), DAYS, NUMBERS),
        max_size=12,
        unique_by=lambda rate: rate[:3],
    ),
)


def step(rates: DataFrame, *amounts: str, **more: Any) -> Any:
    return convert_currency(
        *(amounts or ("amount",)), **{"currency": "currency", "timestamp": "day", "rates": rates, "to": "EUR", **more}
    )


def expected(amount: Decimal | None, code: Any, day: Any, rates: list[Any], rounding: str) -> Decimal | None:
    """Convert one amount in plain Python."""
    if amount is None or code is None:
        return None
    if code == "EUR":
        return amount if amount == round(amount, 2) else None
    valid = [rate for rate in rates if rate[:2] == (code, "EUR") and None not in (rate[2], day) and rate[2] <= day]
    rate = max(valid, key=lambda rate: rate[2])[3] if valid else None
    if rate is None or rate <= 0:
        return None
    with localcontext() as context:
        context.prec = 60
        converted = (amount * rate).quantize(Decimal("0.01"), rounding)
    return converted if abs(converted) < 10**13 else None


@few_batches
@given(batches(CASES), st.sampled_from(sorted(ROUNDING)))
def test_amounts_are_converted_as_in_plain_python_and_duckdb(
    spark: SparkSession, cases: list[Any], rounding: str
) -> None:
    rows: list[Any] = []
    rates: list[Any] = []
    for case, (lines, table) in enumerate(cases):
        rates += table
        for amount, code, day in lines:
            rows.append((case, len(rows), amount, code, day))
    # One table of rates: of several with equal keys, the first.
    unique = list({rate[:3]: rate for rate in reversed(rates)}.values())
    df = spark.createDataFrame(rows, ROWS)
    priced = spark.createDataFrame([(None, *rate) for rate in unique], RATES)
    found = df.transform(step(priced, rounding=rounding, decimal_type=DecimalType(15, 2))).collect()
    assert [tuple(row)[:5] for row in sorted(found, key=lambda row: row["id"])] == rows
    converted = {row["id"]: row["amount_eur"] for row in found}
    assert converted == {
        number: expected(amount, code, day, unique, ROUNDING[rounding]) for _, number, amount, code, day in rows
    }
    assert {row["id"] for row in found if row["amount_eur_unconverted"]} == {
        row["id"] for row in found if row["amount"] is not None and row["amount_eur"] is None
    }
    # The rates that another engine finds.
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE rows (id INT, code TEXT, day DATE)")
        connection.execute("CREATE TABLE rates (code TEXT, day DATE, rate DECIMAL(18, 8))")
        if rows:
            connection.executemany("INSERT INTO rows VALUES (?, ?, ?)", [(row[1], row[3], row[4]) for row in rows])
        euro = [(rate[0], rate[2], rate[3]) for rate in unique if rate[1] == "EUR" and rate[0] and rate[2]]
        if euro:
            connection.executemany("INSERT INTO rates VALUES (?, ?, ?)", euro)
        joined = connection.sql(
            "SELECT id, rate FROM rows ASOF LEFT JOIN rates ON rows.code = rates.code AND rows.day >= rates.day"
        ).fetchall()
    for number, rate in joined:
        _, _, amount, code, _ = rows[number]
        if code != "EUR" and amount is not None:
            with localcontext() as context:
                context.prec = 60
                value = (
                    None if rate is None or rate <= 0 else (amount * rate).quantize(Decimal("0.01"), ROUNDING[rounding])
                )
            assert converted[number] == (None if value is None or abs(value) >= 10**13 else value)


@few_batches
@given(batches(st.integers(-(10**9), 10**9)))
def test_there_and_back_by_exact_inverses_is_where_it_began(spark: SparkSession, cases: list[int]) -> None:
    days = [DAY + timedelta(number) for number in range(len(cases))]
    rows = [(0, n, Decimal(case) / 100, "USD", day) for n, (case, day) in enumerate(zip(cases, days, strict=True))]
    # Rates whose inverse is exact, of a power of two.
    there = [Decimal(2) ** (n % 7) for n in range(len(cases))]
    rates = [
        rate
        for day, number in zip(days, there, strict=True)
        for rate in ((0, "USD", "EUR", day, number), (0, "EUR", "USD", day, 1 / number))
    ]
    priced = spark.createDataFrame(rates, RATES)
    euro = spark.createDataFrame(rows, ROWS).transform(step(priced)).selectExpr("*", "'EUR' AS code")
    back = euro.withMetadata("amount_eur", {"comment": "in EUR"}).transform(
        step(priced, "amount_eur", currency="code", to="USD")
    )
    # Multiplied first, nothing is lost: the amount is back to the cent.
    assert [row for row in back.collect() if row["amount"] != row["amount_eur_usd"]] == []


@few_batches
@given(
    batches(st.tuples(st.integers(-(10**8), 10**8), st.decimals(Decimal("0.001"), Decimal(1000), places=8))),
    st.sampled_from(sorted(ROUNDING)),
)
def test_sums_there_and_back_differ_by_the_stated_rounding_alone(
    spark: SparkSession, cases: list[tuple[int, Decimal]], rounding: str
) -> None:
    """For rates without exact inverses: each amount is rounded once to six decimals, and once to two."""
    days = [DAY + timedelta(number) for number in range(len(cases))]
    amounts = [Decimal(cents).scaleb(-2) for cents, _ in cases]
    there = [rate for _, rate in cases]
    back = [(1 / rate).quantize(Decimal("0.00000001")) for rate in there]
    table: list[Any] = [(None, "EUR", "USD", day, rate) for day, rate in zip(days, there, strict=True)]
    table += [(None, "USD", "EUR", day, rate) for day, rate in zip(days, back, strict=True)]
    rates = spark.createDataFrame(table, RATES)
    rows: Any = [(0, number, *row, "EUR", day) for number, (*row, day) in enumerate(zip(amounts, days, strict=True))]
    options: dict[str, Any] = {"timestamp": "day", "rates": rates, "rounding": rounding}
    dollars = spark.createDataFrame(rows, ROWS.replace("12, 3", "12, 2")).transform(
        convert_currency("amount", currency="currency", to="USD", decimal_type=DecimalType(18, 6), **options)
    )
    named = dollars.selectExpr("*", "'USD' AS usd").withMetadata("amount_usd", {"comment": "in USD"})
    found = named.transform(convert_currency("amount_usd", currency="usd", to="EUR", **options))
    euro = {row["id"]: row["amount_usd_eur"] for row in found.collect()}
    most = [
        Decimal("0.005") + Decimal("0.0000005") * inverse + abs(amount) * abs(rate * inverse - 1)
        for amount, rate, inverse in zip(amounts, there, back, strict=True)
    ]
    for number, amount in enumerate(amounts):
        assert abs(euro[number] - amount) <= most[number]
    assert abs(sum(euro.values()) - sum(amounts)) <= sum(most)


def test_the_time_of_rates_is_compared_with_that_of_the_rows(spark: SparkSession) -> None:
    rates = spark.sql("""SELECT 'USD' AS from_currency, 'EUR' AS to_currency, at AS valid_from, rate FROM VALUES
        (TIMESTAMP'2026-01-01 10:00:00', 2.0BD), (TIMESTAMP'2026-01-01 12:00:00', 3.0BD) AS t (at, rate)""")
    times = ["09:59:59.999999", "10:00:00", "11:59:59.999999", "12:00:00", "23:00:00"]
    rows = spark.createDataFrame([(time,) for time in times], "time string").selectExpr(
        "1.00BD AS amount", "'USD' AS currency", "CAST('2026-01-01 ' || time AS TIMESTAMP) AS day", "time"
    )
    found = {row["time"]: row["amount_eur"] for row in rows.transform(step(rates)).collect()}
    two, three = Decimal("2.00"), Decimal("3.00")
    assert found == dict(zip(times, [None, two, two, three, three], strict=True))
    by_day = rates.selectExpr("from_currency", "to_currency", "DATE(valid_from) AS valid_from", "rate").limit(1)
    assert {row["amount_eur"] for row in rows.transform(step(by_day)).collect()} <= {two, three}
    without_zone = rows.selectExpr("amount", "currency", "CAST(day AS TIMESTAMP_NTZ) AS day")
    for wrong in (without_zone, rows.selectExpr("amount", "currency", "DATE(day) AS day")):
        with pytest.raises(ColumnTypeError, match="column 'day': expected timestamp, as valid_from has; got"):
            wrong.transform(step(rates))


def test_two_rates_at_one_time_fail_the_job(spark: SparkSession) -> None:
    rates = spark.createDataFrame([(1, "USD", "EUR", DAY, Decimal(1)), (2, "USD", "EUR", DAY, Decimal(1))], RATES)
    rows = spark.createDataFrame([(1, 1, Decimal(1), "USD", DAY)], ROWS)
    message = "rates: expected one rate at each valid_from; got several from currency 'USD' to 'EUR'. Drop"
    with pytest.raises(RowRefusedError, match=message), translate_errors():
        rows.transform(step(rates)).collect()
    # Rates to another currency are not asked.
    assert rows.transform(step(rates, to="GBP")).first()["amount_gbp_unconverted"]  # type: ignore[index]


def test_columns_of_any_name_and_rates_from_the_rows_themselves(spark: SparkSession) -> None:
    rows = spark.createDataFrame(
        [("USD", "EUR", DAY, Decimal("0.5"), Decimal(3), "x", Decimal(4))],
        "from_currency string, to_currency string, valid_from date, rate decimal(18, 8), `a.b` decimal(9, 2), "
        "steps string, RATES decimal(9, 2)",
    )
    found = rows.transform(step(rows, "a.b", "rates", currency="from_currency", timestamp="valid_from"))
    assert found.columns == [*rows.columns, "a.b_eur", "a.b_eur_unconverted", "RATES_eur", "RATES_eur_unconverted"]
    assert [tuple(row)[7:] for row in found.collect()] == [(Decimal("1.50"), False, Decimal("2.00"), False)]
    assert [currency_tag(field) for field in found.schema.fields[7:]] == ["EUR", None, "EUR", None]
    assert not found.schema.fields[8].nullable


def test_a_converted_amount_is_added_over_all_currencies(spark: SparkSession) -> None:
    lines = spark.createDataFrame([("$1",), ("2 EUR",), ("3 JPY",)], "price string").transform(
        parse_money("price", currency_column="currency", currency_symbols={"$": "USD"})
    )
    rates = spark.createDataFrame([(1, "USD", "EUR", DAY, Decimal("0.5"))], RATES)
    euro = lines.selectExpr("*", "DATE'2026-01-02' AS day").transform(step(rates, "price"))
    found = euro.transform(revenue(amount="price_eur", by="price_eur_unconverted"))
    assert {tuple(row) for row in found.collect()} == {(False, Decimal("2.50")), (True, Decimal("0.00"))}
    assert currency_tag(found.schema["revenue"]) == "EUR"
    with pytest.raises(RowRefusedError, match="expected amounts in one currency"), translate_errors():
        euro.transform(revenue(amount="price", by="day")).collect()
    with pytest.raises(
        ColumnTypeError, match="column 'price_eur': expected amounts in the currencies of 'currency'; got"
    ):
        euro.transform(step(rates, "price_eur"))


def test_an_amount_that_is_in_the_currency_stays_itself_or_is_flagged(spark: SparkSession) -> None:
    amounts = ["1.005", "1.5", "99.99", "100"]
    rows = spark.createDataFrame([(1, n, Decimal(text), "EUR", None) for n, text in enumerate(amounts)], ROWS)
    # Its rate is not used.
    rates = spark.createDataFrame([(1, "EUR", "EUR", DAY, Decimal(7))], RATES)
    found = rows.transform(step(rates, decimal_type=DecimalType(4, 2))).orderBy("id").collect()
    kept = [None, Decimal("1.50"), Decimal("99.99"), None]
    assert [(row["amount_eur"], row["amount_eur_unconverted"]) for row in found] == [
        (amount, amount is None) for amount in kept
    ]


def test_a_stream_is_converted_by_a_table(spark: SparkSession, new_path: Callable[[], str]) -> None:
    path = new_path()
    rates = spark.createDataFrame([(1, "USD", "EUR", DAY, Decimal("0.5"))], RATES)
    spark.createDataFrame([(1, 1, Decimal(3), "USD", DAY), (1, 2, Decimal(3), None, DAY)], ROWS).write.parquet(path)
    stream = spark.readStream.schema(ROWS).parquet(path).transform(step(rates))
    query = stream.writeStream.format("memory").queryName("converted").trigger(availableNow=True).start()
    assert query.awaitTermination(LIMIT)
    rows = spark.table("converted").orderBy("id").select("id", "amount_eur", "amount_eur_unconverted").collect()
    assert [tuple(row) for row in rows] == [(1, Decimal("1.50"), False), (2, None, True)]
    with pytest.raises(UnsupportedError, match="rates: expected a table; got a stream"):
        step(spark.readStream.schema(RATES).parquet(path))


def test_wrong_columns_are_named_in_the_plan(spark: SparkSession) -> None:
    rows, rates = (spark.createDataFrame([], schema) for schema in (ROWS, RATES))
    with pytest.raises(
        ColumnTypeError, match=r"column 'rate': expected a decimal of at most 25 digits, since 'amount' has"
    ):
        rows.transform(step(rates.drop("rate").selectExpr("*", "CAST(1 AS DECIMAL(38, 18)) AS rate")))
    with pytest.raises(
        ColumnTypeError, match=r"column 'wide': expected a decimal of at most 36 digits; got decimal\(38,2\)"
    ):
        rows.selectExpr("*", "CAST(amount AS DECIMAL(38, 2)) AS wide").transform(step(rates, "wide"))
    with pytest.raises(ColumnTypeError, match="column 'rate': expected a decimal; got double"):
        rows.transform(step(rates.drop("rate").selectExpr("*", "1D AS rate")))
    with pytest.raises(ColumnNotFoundError, match="no column 'valid_from'"):
        rows.transform(step(rates.drop("valid_from")))
    with pytest.raises(ColumnTypeError, match="column 'id': expected a decimal; got int"):
        rows.transform(step(rates, "id"))
    with pytest.raises(ColumnClashError, match="would both be named 'amount_eur'"):
        rows.selectExpr("*", "1 AS Amount_EUR").transform(step(rates))
    fields = StructType(rows.schema.fields[:2]).add("day", "date")
    other = tag_source(StructField("amount", DecimalType(12, 3)), Link.CURRENCY, "x")
    tagged = StructType([*fields, other, tag_target(rows.schema["currency"], Link.CURRENCY, "x")]).add("code", "string")
    assert len(step(rates).preview(tagged).rows) == 8
    with pytest.raises(ColumnTypeError, match="expected amounts in the currencies of 'code'; got those of 'currency'"):
        step(rates, currency="code").preview(tagged)


def test_wrong_arguments_are_refused_where_the_step_is_built(spark: SparkSession) -> None:
    rates = spark.createDataFrame([], RATES)
    for wrong in ("eur", "EURO", "€", "", None, 7):
        with pytest.raises(InvalidArgumentError, match="to: expected a code of ISO 4217 in capitals"):
            step(rates, to=wrong)
    with pytest.raises(InvalidArgumentError, match=r"amounts: expected .* at least one"):
        convert_currency(currency="currency", timestamp="day", rates=rates, to="EUR")
    with pytest.raises(InvalidArgumentError, match="rounding: expected one of 'half_up', 'half_even'"):
        step(rates, rounding="down")
    with pytest.raises(UnsupportedError, match="cannot be pickled"):
        pickle.dumps(step(rates))
