"""Every gold table against plain SQL in another engine, over the same files: equal to the cent and to the row."""

from __future__ import annotations

import re
import runpy
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import pytest
from repository import DATA, ROOT, UCI

from shopsmart_etl import (
    active_users,
    cohort_retention,
    daily_active_users,
    daily_revenue,
    new_and_returning_users,
    order_metrics,
    read_csv_logs,
    revenue,
    session_funnel,
    top_products,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import DataFrame, SparkSession

    from shopsmart_etl import Transform

# The files of each gold step compare it with plain Python; this is the second witness, on more rows.
pytestmark = pytest.mark.engines

AMOUNT = "CAST(Quantity * UnitPrice AS DECIMAL(18, 2)) AS Amount"
CENTS = "CAST(100 * {} AS HUGEINT)"


class Case(NamedTuple):
    """A gold step, and what it must give, over a table ``shop`` in DuckDB."""

    step: Transform
    sql: str


def half_up(cents: str, by: str) -> str:
    """Divide cents in integers, since DuckDB's quotients are doubles."""
    return f"CAST(sign({cents}) * ((2 * abs({cents}) + {by}) // (2 * {by})) AS DECIMAL(18, 0)) * 0.01::DECIMAL(3, 2)"


def orders_by(columns: str) -> str:
    sale = "NOT coalesce(InvoiceNo LIKE 'C%', false)"
    paid = f"sum({CENTS.format('Amount')}) FILTER ({sale} AND InvoiceNo IS NOT NULL)"
    return f"""
        SELECT {columns}, orders, coalesce(gross, 0), coalesce(refunds, 0), coalesce(revenue, 0),
               if(orders = 0, NULL, {half_up("coalesce(paid, 0)", "orders")})
        FROM (SELECT {columns}, count(DISTINCT InvoiceNo) FILTER ({sale}) AS orders,
                     sum(Amount) FILTER ({sale}) AS gross,
                     sum(Amount) FILTER (NOT ({sale})) AS refunds, sum(Amount) AS revenue, {paid} AS paid
              FROM shop GROUP BY ALL)"""


TOKYO = "(((InvoiceDate AT TIME ZONE 'UTC') AT TIME ZONE 'Asia/Tokyo')::DATE)"
ORDERS: dict[str, Any] = {"order": "InvoiceNo", "amount": "Amount", "refund": "InvoiceNo LIKE 'C%'"}
USER = {"user": "CustomerID", "timestamp": "InvoiceDate"}
FIRST = "(SELECT CustomerID, min(InvoiceDate) AS first FROM shop WHERE CustomerID IS NOT NULL GROUP BY ALL)"
RANKED = "SELECT StockCode, coalesce(sum({}), 0) AS total FROM shop GROUP BY ALL"
CASES = {
    "daily users": Case(
        daily_active_users(**USER), "SELECT InvoiceDate::DATE, count(DISTINCT CustomerID) FROM shop GROUP BY ALL"
    ),
    "daily users of a zone by country": Case(
        daily_active_users(**USER, timezone="Asia/Tokyo", by=["Country"]),
        f"SELECT {TOKYO}, Country, count(DISTINCT CustomerID) FROM shop GROUP BY ALL",
    ),
    "weekly users": Case(
        active_users(**USER, period="week"),
        "SELECT date_trunc('week', InvoiceDate)::DATE, count(DISTINCT CustomerID) FROM shop GROUP BY ALL",
    ),
    "monthly users": Case(
        active_users(**USER, period="month", timezone="Asia/Tokyo"),
        f"SELECT date_trunc('month', {TOKYO})::DATE, count(DISTINCT CustomerID) FROM shop GROUP BY ALL",
    ),
    "new and returning users": Case(
        new_and_returning_users(**USER, period="week", by=["Country"]),
        f"""SELECT date_trunc('week', InvoiceDate)::DATE AS week, Country,
                count(DISTINCT CustomerID) FILTER (week = date_trunc('week', first)),
                count(DISTINCT CustomerID) FILTER (week > date_trunc('week', first))
            FROM shop LEFT JOIN {FIRST} USING (CustomerID) GROUP BY ALL""",
    ),
    "daily revenue by country": Case(
        daily_revenue(amount="Amount", timestamp="InvoiceDate", by=["Country"]),
        "SELECT InvoiceDate::DATE, Country, coalesce(sum(Amount), 0) FROM shop GROUP BY ALL",
    ),
    "revenue by country": Case(
        revenue(amount="Amount", by="Country"), "SELECT Country, coalesce(sum(Amount), 0) FROM shop GROUP BY ALL"
    ),
    "monthly revenue": Case(
        order_metrics(**ORDERS, timestamp="InvoiceDate", period="month"),
        orders_by("month").replace(
            "FROM shop", "FROM (SELECT *, date_trunc('month', InvoiceDate)::DATE AS month FROM shop)"
        ),
    ),
    "orders per country": Case(order_metrics(**ORDERS, by=["Country"]), orders_by("Country")),
    "top 20 products by revenue": Case(
        top_products(20, product="StockCode", amount="Amount"),
        f"""SELECT rank() OVER (ORDER BY total DESC) AS rank, * FROM ({RANKED.format("Amount")}) QUALIFY rank <= 20""",
    ),
    "top 20 products by units": Case(
        top_products(20, product="StockCode", units="Quantity", ties="break"),
        f"""SELECT row_number() OVER (ORDER BY total DESC, StockCode NULLS LAST) AS rank, *
            FROM ({RANKED.format("Quantity")}) QUALIFY rank <= 20""",
    ),
    "retention": Case(
        cohort_retention(**USER),
        f"""WITH active AS (SELECT DISTINCT CustomerID AS u, date_trunc('month', InvoiceDate)::DATE AS month FROM shop
                            WHERE CustomerID IS NOT NULL AND InvoiceDate IS NOT NULL),
            first AS (SELECT u, min(month) AS cohort FROM active GROUP BY ALL),
            sizes AS (SELECT cohort, count(*) AS size FROM first GROUP BY ALL),
            months AS (SELECT unnest(generate_series((SELECT min(month) FROM active), (SELECT max(month) FROM active),
                                                     INTERVAL 1 MONTH))::DATE AS month),
            cells AS (SELECT cohort, month, count(*) AS users FROM active JOIN first USING (u) GROUP BY ALL)
            SELECT cohort, datediff('month', cohort, month)::INT, size, coalesce(users, 0) AS there,
                   {half_up("(100 * there)", "size")} * 0.01::DECIMAL(3, 2)
            FROM sizes JOIN months ON month >= cohort LEFT JOIN cells USING (cohort, month)""".replace(
            "2 * abs((100 * there))", "2 * abs((10000 * there))"
        ),
    ),
}


@pytest.fixture(scope="module")
def other() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture(scope="module", params=["simulated", "retail"])
def shop(
    request: pytest.FixtureRequest,
    spark: SparkSession,
    other: duckdb.DuckDBPyConnection,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DataFrame]:
    """Give the rows to Spark, and make them the table ``shop`` in DuckDB."""
    if request.param == "retail":
        if not DATA.is_dir():
            pytest.skip("the third-party data are not here: set SHOPSMART_DATA")
        files = DATA / "uci_online_retail" / "by-day"
        types = dict(re.findall(r"(\w+) (\w+(?:\([^)]*\))?)", UCI))
        rows = f"read_csv('{files}/*.csv', header = true, quote = '\"', escape = '\"', columns = {types})"
        read = read_csv_logs(spark, str(files), schema=UCI)
    else:
        path = str(tmp_path_factory.mktemp("simulated"))
        simulate = runpy.run_path(str(ROOT / "examples" / "simulate.py"))
        lines = simulate["log_lines"](spark, 6000, days=62, servers=1, seed=1)
        simulate["write_logs"](lines.coalesce(1), f"{path}/logs")
        logs = read_csv_logs(spark, f"{path}/logs", schema=f"{UCI}, Discount DECIMAL(10, 2), Revenue DECIMAL(18, 2)")
        logs.coalesce(1).write.parquet(f"{path}/silver")
        rows = f"'{path}/silver/*.parquet'"
        read = spark.read.parquet(f"{path}/silver")
    other.sql(f"CREATE OR REPLACE TABLE shop AS SELECT *, {AMOUNT} FROM {rows}")
    # Kept, so that the files are not read again for every gold table.
    shop = read.selectExpr("*", AMOUNT).cache()
    yield shop
    shop.unpersist()


def rows(found: list[Any]) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in found), key=repr)


@pytest.mark.parametrize("case", CASES)
def test_a_gold_table_is_that_of_another_engine(case: str, shop: DataFrame, other: duckdb.DuckDBPyConnection) -> None:
    ours = rows(shop.transform(CASES[case].step).collect())
    theirs = rows(other.sql(CASES[case].sql).fetchall())
    assert ours == theirs
    assert len(ours) > 2


def test_the_funnel_is_that_of_another_engine(
    spark: SparkSession, other: duckdb.DuckDBPyConnection, new_path: Callable[[], str]
) -> None:
    path = new_path()
    # Some at one moment, some hours apart; a tenth of the rows has no user.
    spark.range(8000).selectExpr(
        "if(pmod(hash(id), 10) = 0, NULL, pmod(xxhash64(id, 'user'), 100)) AS user",
        "timestamp_seconds(1767225600 + pmod(xxhash64(id, 'at'), 800) * 120) AS moment",
        "array('view', 'view', 'cart', 'buy', 'search')[pmod(hash(id, 'event'), 5)] AS event",
    ).write.parquet(path)
    way = {"user": "user", "timestamp": "moment", "event": "event", "period": "day", "timezone": "Asia/Tokyo"}
    ours = spark.read.parquet(path).transform(session_funnel("view", "cart", "buy", **way))  # type: ignore[arg-type]
    theirs = other.sql(f"""
        WITH logs AS (SELECT * FROM '{path}/*.parquet' WHERE user IS NOT NULL),
        gaps AS (SELECT *, moment - lag(moment) OVER mine > INTERVAL 30 MINUTE AS pause
                 FROM logs WINDOW mine AS (PARTITION BY user ORDER BY moment)),
        numbered AS (SELECT *, coalesce(sum(pause::INT) OVER mine, 0) AS number
                     FROM gaps WINDOW mine AS (PARTITION BY user ORDER BY moment)),
        viewed AS (SELECT user, number, min(moment) AS start, min(moment) FILTER (event = 'view') AS view
                   FROM numbered GROUP BY ALL),
        carted AS (SELECT user, number, start, view, min(moment) FILTER (event = 'cart' AND moment >= view) AS cart
                   FROM numbered JOIN viewed USING (user, number) GROUP BY ALL),
        bought AS (SELECT user, number, start, view, cart, min(moment) FILTER (event = 'buy' AND moment >= cart) AS buy
                   FROM numbered JOIN carted USING (user, number) GROUP BY ALL),
        days AS (SELECT (start AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Tokyo')::DATE AS day,
                        count(view) AS first, count(cart) AS second, count(buy) AS third FROM bought GROUP BY ALL),
        steps AS (SELECT day, 1 AS step, 'view' AS event, first AS n, first FROM days
                  UNION ALL SELECT day, 2, 'cart', second, first FROM days
                  UNION ALL SELECT day, 3, 'buy', third, first FROM days)
        SELECT day, step, event, n, CAST((20000 * n + first) // (2 * first) AS DECIMAL(18, 0)) * 0.0001::DECIMAL(5, 4)
        FROM steps""")
    assert rows(ours.collect()) == rows(theirs.fetchall())
    assert ours.where("step = 3 AND sessions > 5").count() > 0
