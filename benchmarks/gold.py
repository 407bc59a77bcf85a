"""Gold tables against the same tables by hand: ratios measured in one run, never a limit that a test asserts.

``tables`` makes every gold table from silver with this package and with Spark SQL written by hand, compares the rows,
and counts the silver files that each way reads; ``incremental`` rebuilds the gold of the days that new rows affect,
and all of it.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

import shopsmart_etl as etl

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

DAYS = 30
USER = {"user": "user", "timestamp": "at"}
TABLES = {
    "daily users": etl.daily_active_users(**USER, by=["country"]),
    "weekly users": etl.active_users(**USER, period="week"),
    "monthly users": etl.active_users(**USER, period="month"),
    "new users": etl.new_and_returning_users(**USER),
    "retention": etl.cohort_retention(**USER),
    "funnel": etl.session_funnel("view", "cart", "buy", **USER, event="event", period="day"),
    "sketches": etl.sketch_users(**USER, by=["country"]),
    "daily revenue": etl.daily_revenue(amount="amount", timestamp="at", by=["country"]),
    "revenue by columns": etl.revenue(amount="amount", by=["country", "event"]),
    "orders": etl.order_metrics(
        order="invoice", amount="amount", timestamp="at", period="month", by=["country"], refund="invoice LIKE 'C%'"
    ),
    "top products": etl.top_products(20, product="sku", amount="amount"),
}
BY_HAND = {
    "daily users": "SELECT to_date(at) AS day, country, count(DISTINCT user) FROM silver GROUP BY 1, 2",
    "weekly users": "SELECT trunc(at, 'week') AS week, count(DISTINCT user) FROM silver GROUP BY 1",
    "monthly users": "SELECT trunc(at, 'month') AS month, count(DISTINCT user) FROM silver GROUP BY 1",
    "new users": """
        WITH seen AS (SELECT DISTINCT to_date(at) AS day, user FROM silver),
        first AS (SELECT *, min(day) OVER (PARTITION BY user) AS first FROM seen)
        SELECT day, count_if(user IS NOT NULL AND day = first), count_if(user IS NOT NULL AND day > first)
        FROM first GROUP BY 1""",
    "retention": """
        WITH active AS (SELECT DISTINCT user, trunc(at, 'month') AS month FROM silver
                        WHERE user IS NOT NULL AND at IS NOT NULL),
        first AS (SELECT month, min(month) OVER (PARTITION BY user) AS cohort FROM active),
        cells AS (SELECT cohort, month, count(*) AS users FROM first GROUP BY 1, 2),
        cohorts AS (SELECT cohort, map_from_entries(collect_list(struct(month, users))) AS users,
                           max(max(month)) OVER () AS last FROM cells GROUP BY 1),
        grid AS (SELECT *, explode(sequence(cohort, last, INTERVAL 1 MONTH)) AS month FROM cohorts)
        SELECT cohort, int(months_between(month, cohort)), users[cohort], coalesce(users[month], 0L),
               CAST(coalesce(users[month], 0L) / CAST(users[cohort] AS DECIMAL(20)) AS DECIMAL(5, 4)) FROM grid""",
    "funnel": """
        WITH gaps AS (SELECT *, at - lag(at) OVER (PARTITION BY user ORDER BY at) > INTERVAL 30 MINUTES AS pause
                      FROM silver WHERE user IS NOT NULL AND at IS NOT NULL),
        numbered AS (SELECT *, count_if(pause) OVER (PARTITION BY user ORDER BY at) AS number FROM gaps),
        sessions AS (
            SELECT min(at) AS start, array_sort(collect_list(if(event IN ('view', 'cart', 'buy'),
                struct(at, array_position(array('view', 'cart', 'buy'), event) AS step), NULL))) AS events
            FROM numbered GROUP BY user, number),
        reached AS (SELECT to_date(start) AS day, aggregate(events, 0, (n, e) -> if(e.step = n + 1, n + 1, n)) AS n
                    FROM sessions),
        days AS (SELECT day, count_if(n >= 1) AS a, count_if(n >= 2) AS b, count_if(n >= 3) AS c
                 FROM reached GROUP BY 1),
        steps AS (SELECT day, a, stack(3, 1, 'view', a, 2, 'cart', b, 3, 'buy', c) AS (step, event, n) FROM days)
        SELECT day, step, event, n, CAST(CAST(n AS DECIMAL(20)) / if(a > 0, a, NULL) AS DECIMAL(5, 4)) FROM steps""",
    "sketches": "SELECT to_date(at) AS day, country, hll_sketch_agg(user) AS user_sketch FROM silver GROUP BY 1, 2",
    "daily revenue": "SELECT to_date(at) AS day, country, coalesce(sum(amount), 0) FROM silver GROUP BY 1, 2",
    "revenue by columns": "SELECT country, event, coalesce(sum(amount), 0) FROM silver GROUP BY 1, 2",
    "orders": """
        WITH figures AS (
            SELECT trunc(at, 'month') AS month, country,
                   count(DISTINCT if(invoice LIKE 'C%', NULL, invoice)) AS orders,
                   coalesce(sum(if(invoice LIKE 'C%', NULL, amount)), 0) AS gross,
                   coalesce(sum(if(invoice LIKE 'C%', amount, NULL)), 0) AS refunds,
                   coalesce(sum(amount), 0) AS revenue,
                   sum(if(invoice NOT LIKE 'C%', amount, NULL)) AS ordered
            FROM silver GROUP BY 1, 2)
        SELECT month, country, orders, gross, refunds, revenue, CAST(ordered / orders AS DECIMAL(20, 2))
        FROM figures""",
    "top products": """
        WITH sums AS (SELECT sku, coalesce(sum(amount), 0) AS revenue FROM silver GROUP BY 1)
        SELECT * FROM (SELECT rank() OVER (ORDER BY revenue DESC) AS rank, * FROM sums) WHERE rank <= 20""",
}
# What the rows of one day are enough for.
DAILY = {
    "users": etl.daily_active_users(user="user", timestamp="day", by=["country"]),
    "revenue": etl.daily_revenue(amount="amount", timestamp="day", by=["country"]),
    "orders": etl.order_metrics(order="invoice", amount="amount", timestamp="day", refund="invoice LIKE 'C%'"),
    "sketches": etl.sketch_users(user="user", timestamp="day", by=["country"]),
}


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["tables", "incremental"])
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of silver (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds, interleaved (default: %(default)s)")
    options = parser.parse_args()
    quiet = {"spark.log.level": "ERROR", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    session = SparkSession.builder.master("local[2]").config(map=quiet).config("spark.sql.session.timeZone", "UTC")
    session = session.config("spark.sql.shuffle.partitions", "8")
    spark = session.config("spark.driver.memory", "4g").getOrCreate()
    folder = tempfile.mkdtemp()
    try:
        path = f"{folder}/silver"
        silver = silver_rows(spark, options.rows).transform(etl.write_partitioned(path, by="day"))
        silver.createOrReplaceTempView("silver")
        files = silver.inputFiles()
        print(f"silver: {options.rows:,} rows in {len(files)} files of {DAYS} days")
        if options.what == "tables":
            tables(spark, silver, options.rounds)
        else:
            incremental(spark, silver, folder, options.rows, options.rounds)
    finally:
        spark.stop()
        shutil.rmtree(folder)


def silver_rows(spark: SparkSession, rows: int) -> DataFrame:
    """Make silver: three rows an order, a hundred a user, over 30 days."""
    row, users = "id", max(rows // 100, 1)

    def draw(name: str, limit: int, of: str = "id DIV 3") -> str:
        return f"pmod(xxhash64({of}, '{name}'), {limit})"

    made = spark.range(rows).selectExpr(
        f"concat(if({draw('refund', 50)} = 0, 'C', ''), id DIV 3) AS invoice",
        f"if({draw('anonymous', 20)} = 0, NULL, concat('u', {draw('user', users)})) AS user",
        f"TIMESTAMP'2026-01-15 00:00:00' + make_dt_interval({draw('day', DAYS)}, 0, 0, {draw('second', 86400)}) AS at",
        f"if({draw('nowhere', 50)} = 0, NULL, concat('country ', {draw('country', 10)})) AS country",
        f"concat('sku ', {draw('sku', 20_000, row)}) AS sku",
        f"array('view', 'view', 'cart', 'buy', 'search')[CAST({draw('event', 5, row)} AS INT)] AS event",
        f"if({draw('unpaid', 30, row)} = 0, NULL, CAST(({draw('cents', 9_999, row)} + 1) * 0.01BD AS DECIMAL(10, 2)))"
        " AS amount",
    )
    return made.selectExpr("*", "to_date(at) AS day")


def tables(spark: SparkSession, silver: DataFrame, rounds: int) -> None:
    """Make every table both ways."""
    for name, step in TABLES.items():
        ours, theirs = silver.transform(step), spark.sql(BY_HAND[name])
        if name == "sketches":
            ours, theirs = (one.transform(etl.estimate_users(by=["country"])) for one in (ours, theirs))
            error = ours.toDF("day", "country", "a").join(theirs.toDF("day", "country", "b"), ["day", "country"])
            worst = error.selectExpr("max(abs(a - b) / b)").collect()[0][0]
            print(f"{name}: the two ways' estimates differ by {worst:.1%} at most")
        else:
            named = theirs.toDF(*ours.columns)
            differing = ours.exceptAll(named).count() + named.exceptAll(ours).count()
            print(f"{name}: {differing} rows differ of {ours.count():,}")
    ways: dict[str, Callable[[], object]] = {}
    for name, step in TABLES.items():
        ways[name] = partial(noop_of, silver, step)
        ways[f"{name}, SQL"] = partial(sql_of, spark, BY_HAND[name])
    ours, theirs = list(ways)[::2], list(ways)[1::2]
    for whose, names in (("shopsmart", ours), ("by hand", theirs)):
        print(f"silver files read for all tables, {whose}: {files_read(spark, [ways[name] for name in names]):,}")
    times = compared(ways, rounds)
    for one, other in zip(ours, theirs, strict=True):
        report({one: times[one], other: times[other]}, other)
    whole = {
        whose: [sum(taken) for taken in zip(*(times[name] for name in names), strict=True)]
        for whose, names in (("all tables", ours), ("all tables, SQL", theirs))
    }
    report(whole, "all tables, SQL")


def incremental(spark: SparkSession, silver: DataFrame, folder: str, rows: int, rounds: int) -> None:
    """Add rows that affect one day, three and ten, and update the daily tables; or rebuild them."""

    def update(filter_silver: etl.Transform | None) -> None:
        for name, step in DAILY.items():
            write = etl.write_partitioned(f"{folder}/{name}", by="day", if_exists="replace_partitions")
            silver.transform(etl.pipeline(*([filter_silver] if filter_silver else []), step, write))

    update(None)
    late = spark.createDataFrame([(number,) for number in range(10)], "n int").selectExpr(
        "date_add(DATE'2026-01-15', n) AS day"
    )
    ways: dict[str, Callable[[], None]] = {"all days": lambda: update(None)}
    for days in (1, 3, 10):
        new = late.where(f"day < date_add(DATE'2026-01-15', {days})")
        ways[f"{days} of {DAYS} days"] = lambda new=new: update(etl.filter_affected(new, by="day"))  # type: ignore[misc]
    for name, way in ways.items():
        print(f"silver files read, {name}: {files_read(spark, [way]):,}")
    print(f"of {rows:,} rows")
    report(compared(ways, rounds), "all days")


def noop(df: DataFrame) -> None:
    """Run all of it, and keep nothing."""
    df.write.format("noop").mode("overwrite").save()


def noop_of(df: DataFrame, step: etl.Transform) -> None:
    """Build a table and run it."""
    noop(df.transform(step))


def sql_of(spark: SparkSession, sql: str) -> None:
    """Run a table's SQL."""
    noop(spark.sql(sql))


def files_read(spark: SparkSession, ways: list[Callable[[], object]]) -> int:
    """Count the files that the scans of some ways read, each as often as it is read."""
    # The figures of the SQL tab, which Spark keeps also where no UI shows them.
    store = spark._jsparkSession.sharedState().statusStore()  # noqa: SLF001 - they have no other door
    before = store.executionsCount()
    for way in ways:
        way()
    time.sleep(2)  # the figures arrive on a bus of their own
    found = {}
    executions = store.executionsList()
    for at in range(before, executions.size()):
        execution = executions.apply(at)
        values, metrics = store.executionMetrics(execution.executionId()), execution.metrics()
        for number in range(metrics.size()):
            metric = metrics.apply(number)
            # Adaptive execution lists a scan once for each of its plans.
            if metric.name() == "number of files read" and values.contains(metric.accumulatorId()):
                found[metric.accumulatorId()] = int(values.apply(metric.accumulatorId()).replace(",", ""))
    return sum(found.values())


def compared(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Time each way in every round, one after the other, so that a slow minute is slow for all."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):  # the first warms up
        for name in ways if turn % 2 else reversed(ways):
            start = time.monotonic()
            ways[name]()
            if turn:
                times[name].append(time.monotonic() - start)
    return times


def report(times: dict[str, list[float]], base: str) -> None:
    """Print each way's median, and its ratio to the base, in the same round."""
    for name, taken in times.items():
        ratio = median(one / other for one, other in zip(taken, times[base], strict=True))
        print(f"{name:<20} {median(taken):8.2f} s   {ratio:5.3f} of {base}")


if __name__ == "__main__":
    main()
