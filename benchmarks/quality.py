"""Quality checks against named alternatives: ratios measured in one run, never a limit that a test asserts.

``audit`` runs a chain over dirty logs with and without rules and audit, and counts its Spark jobs; ``dqx`` runs ten
rules over the same rows with this package and with databricks-labs-dqx, and compares the verdicts row by row.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import shopsmart_etl as etl

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from dirt import CSV, HEADER, lines  # noqa: E402 - the path comes first

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

SCHEMA = (
    "kind STRING, order_id STRING, user STRING, at TIMESTAMP, country STRING, quantity INT, price STRING, "
    "tax DECIMAL(10, 2), rate DOUBLE, day DATE"
)
RULES = [
    etl.Rule("the line could be read", "_corrupt_record IS NULL"),
    etl.Rule("the price could be read", "NOT price_unreadable"),
    etl.rules.not_null("order_id"),
    etl.rules.not_null("user"),
    etl.rules.not_null("at"),
    etl.rules.in_range("quantity", min_value=1, max_value=1_000_000),
    etl.rules.in_range("price", min_value=0),
    etl.rules.one_of("country", "GB", "IE", "DE"),
    etl.rules.matches("order_id", "^o-[0-9]+$"),
    etl.rules.matches("user", "^u-[0-9]+$"),
]


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["audit", "dqx"])
    parser.add_argument("--lines", type=int, default=3_000_000, help="dirty lines (default: %(default)s)")
    parser.add_argument("--dirty", type=float, default=0.05, help="the share of dirty lines (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds, interleaved (default: %(default)s)")
    options = parser.parse_args()
    quiet = {"spark.log.level": "ERROR", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    spark = SparkSession.builder.master("local[2]").config(map=quiet).config("spark.driver.memory", "4g").getOrCreate()
    folder = tempfile.mkdtemp()
    try:
        write_logs(f"{folder}/logs", options.lines, options.dirty)
        logs = etl.read_csv_logs(spark, f"{folder}/logs", schema=SCHEMA)
        (audit if options.what == "audit" else dqx)(spark, logs, folder, options.rounds)
    finally:
        spark.stop()
        shutil.rmtree(folder)


def write_logs(path: str, number: int, dirty: float) -> None:
    """Write dirty lines to four files."""
    Path(path).mkdir()
    for part in range(4):
        with Path(f"{path}/{part}.csv").open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(HEADER + "\n")
            file.writelines(line + "\n" for _, line in lines(CSV, number // 4, part, dirty))


def audit(spark: SparkSession, logs: DataFrame, folder: str, rounds: int) -> None:
    """Take logs to a partitioned silver table with rules, flags and audit, and without."""
    runs = count()

    def plain() -> None:
        logs.transform(
            etl.pipeline(
                etl.parse_money("price"),
                etl.impute_financials("price"),
                etl.write_partitioned(f"{folder}/plain-{next(runs)}", by="country"),
            )
        )

    def audited() -> None:
        watch = etl.Audit()
        silver = etl.pipeline(
            watch.count("bronze"),
            etl.parse_money("price"),
            etl.flag_violations(*RULES),
            etl.impute_financials("price"),
            # Side by side, where they count together; what is missing of the price is what was filled.
            watch.violations(*RULES),
            watch.missing("user"),
            watch.filled("price"),
            watch.count("silver"),
            lambda df: df.drop("_violations"),
            etl.write_partitioned(f"{folder}/audited-{next(runs)}", by="country"),
        )
        logs.transform(silver)
        if not watch.report(rows_in="bronze", rows_out=["silver"]).reconciled:
            sys.exit("the audit does not add up")

    ways = {"without": plain, "rules and audit": audited}
    print(f"jobs: {', '.join(f'{name} {jobs(spark, way)}' for name, way in ways.items())}")
    report(compared(ways, rounds), "without")


def dqx(spark: SparkSession, logs: DataFrame, folder: str, rounds: int) -> None:
    """Flag rows by ten rules with both, and compare which rules each row breaks."""
    from unittest.mock import create_autospec  # noqa: PLC0415 - dqx wants a Databricks workspace, of which it uses nothing

    from databricks.labs.dqx import check_funcs as check  # noqa: PLC0415 - needed for this alone
    from databricks.labs.dqx.engine import DQEngineCore  # noqa: PLC0415
    from databricks.labs.dqx.rule import DQRowRule  # noqa: PLC0415
    from databricks.sdk import WorkspaceClient  # noqa: PLC0415

    logs.transform(etl.parse_money("price")).write.parquet(f"{folder}/rows")
    rows = spark.read.parquet(f"{folder}/rows")

    def row(rule: etl.Rule, function: Callable[..., object], column: str | None, **arguments: object) -> DQRowRule:
        return DQRowRule(
            name=rule.name, criticality="error", check_func=function, column=column, check_func_kwargs=arguments
        )

    def sql(rule: etl.Rule, condition: str) -> DQRowRule:
        return row(rule, check.sql_expression, None, expression=condition)

    peers = [
        sql(RULES[0], "_corrupt_record IS NULL"),
        sql(RULES[1], "NOT price_unreadable"),
        row(RULES[2], check.is_not_null, "order_id"),
        row(RULES[3], check.is_not_null, "user"),
        row(RULES[4], check.is_not_null, "at"),
        # A null is a violation here, and none there.
        sql(RULES[5], "coalesce(quantity BETWEEN 1 AND 1000000, false)"),
        sql(RULES[6], "coalesce(price >= 0, false)"),
        row(RULES[7], check.is_not_null_and_is_in_list, "country", allowed=["'GB'", "'IE'", "'DE'"]),
        sql(RULES[8], "coalesce(order_id RLIKE '^o-[0-9]+$', false)"),
        sql(RULES[9], "coalesce(user RLIKE '^u-[0-9]+$', false)"),
    ]
    engine = DQEngineCore(create_autospec(WorkspaceClient), spark)
    ours = rows.transform(etl.flag_violations(*RULES))
    theirs = engine.apply_checks(rows, peers)
    names = F.array_sort(F.coalesce(F.transform("_errors", lambda one: one["name"]), F.array()))
    both = ours.select("order_id", "at", F.array_sort("_violations").alias("broken"))
    other = theirs.select("order_id", "at", names.alias("broken"))
    differing = both.exceptAll(other).count() + other.exceptAll(both).count()
    print(f"rows with another verdict: {differing} of {rows.count():,}")
    flagged = {
        "dqx flags": lambda: noop(engine.apply_checks(rows, peers)),
        "shopsmart flags": lambda: noop(rows.transform(etl.flag_violations(*RULES))),
    }
    report(compared(flagged, rounds), "dqx flags")

    def split_by_dqx() -> None:
        for side in engine.apply_checks_and_split(rows, peers):
            noop(side)

    def split() -> None:
        checked = rows.transform(etl.flag_violations(*RULES))
        noop(checked.transform(etl.keep_valid()))
        noop(checked.transform(etl.keep_invalid()))

    report(compared({"dqx split": split_by_dqx, "shopsmart split": split}, rounds), "dqx split")


def noop(df: DataFrame) -> None:
    """Run all of it, and keep nothing."""
    df.write.format("noop").mode("overwrite").save()


def jobs(spark: SparkSession, way: Callable[[], None]) -> int:
    """Count the Spark jobs of a way."""
    spark.sparkContext.setJobGroup(way.__name__, way.__name__)
    way()
    return len(spark.sparkContext.statusTracker().getJobIdsForGroup(way.__name__))


def compared(ways: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Time each way in every round, one after the other, so that a slow minute is slow for all."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):  # the first warms up
        for name, way in ways.items():
            start = time.monotonic()
            way()
            if turn:
                times[name].append(time.monotonic() - start)
    return times


def report(times: dict[str, list[float]], base: str) -> None:
    """Print each way's median, and its ratio to the base, in the same round."""
    for name, taken in times.items():
        ratio = median(one / other for one, other in zip(taken, times[base], strict=True))
        print(f"{name:<16} {median(taken):6.2f} s   {ratio:5.3f} of {base}")


if __name__ == "__main__":
    main()
