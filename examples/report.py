"""Render gold tables, and the audit of the run that wrote them, as one HTML page that opens offline.

Needs the extra ``report``, but neither Spark nor a network. The page has no scripts. Charts are SVG with the colours of
the page, so that they support dark mode. A table below each chart contains its values.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from charts import bars, over_time
from jinja2 import Environment, FileSystemLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from markupsafe import Markup

    Days = list[tuple[date, Any]]

BARS = 10
DATES, COUNTS = {"day", "cohort"}, {"active_users", "rank", "months_since", "cohort_size", "users"}
TYPES = dict.fromkeys(DATES, pa.date32()) | dict.fromkeys(COUNTS, pa.int64())
AUDIT = {"rows", "violations", "filled", "missing", "dropped", "rows_in", "rows_out", "reconciled"}


class ReportError(Exception):
    """An error that the user can fix."""


@dataclass(frozen=True)
class Panel:
    """A chart, its caption and its values."""

    title: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    chart: Markup | str = ""


@dataclass(frozen=True)
class Retention:
    """The size of each cohort, and the share of its users who order in each later month."""

    months: Sequence[int] = ()
    cohorts: Sequence[tuple[date, int, Sequence[Decimal | None]]] = ()


@dataclass
class Report:
    """The content of the page."""

    title: str
    headline: dict[str, str] = field(default_factory=dict)
    panels: list[Panel] = field(default_factory=list)
    retention: Retention = field(default_factory=Retention)
    audit: Mapping[str, Any] | None = None
    missing: list[str] = field(default_factory=list)


def table_of(path: Path) -> pa.Table:
    """Read a gold table. Partition columns are read as strings, so that a value such as 07 stays as it is."""
    folders = [column.name for column in pq.ParquetDataset(path).schema if pa.types.is_dictionary(column.type)]
    text = pa.schema([(name, pa.string()) for name in folders])
    return pq.read_table(path, partitioning=ds.partitioning(text, flavor="hive"))


def rows_of(table: pa.Table, *columns: str, others: int | None = 0) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return names and rows of these columns, then of ``others`` further columns (None: any number)."""
    names = [*columns, *(name for name in table.column_names if name not in columns)]
    if len(names) > table.num_columns or others not in (None, len(names) - len(columns)):
        more = {None: " and any more", 0: " alone", 1: " and one more"}[others]
        found = ", ".join(table.column_names) or "none"
        raise ReportError(f"wanted the columns {', '.join(columns)}{more}, found {found}")
    for column in columns:
        values = table[column].cast(TYPES.get(column, table[column].type))
        if column not in TYPES and not (pa.types.is_decimal(values.type) or pa.types.is_integer(values.type)):
            raise ReportError(f"wanted decimals or integers in {column}, found {values.type}")
        if values.null_count and column != "day":
            raise ReportError(f"wanted no nulls in {column}, found {values.null_count:,}")
        table = table.set_column(table.column_names.index(column), column, values)
    return names, list(zip(*(table[name].to_pylist() for name in names), strict=True))


def figure(value: Decimal | int) -> str:
    """Format a number with all of its digits; Python formats small ones as 0E-18."""
    return f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"


def named(value: object, column: str) -> str:
    """Format a value of a dimension; null is a separate group."""
    return f"no {column}" if value is None else str(value)


def daily(title: str, caption: Callable[[Days], str], days: Mapping[date | None, Any], *, name: str) -> Panel:
    """Build a panel of daily values. The null day is in the table, but not in the chart."""
    known = sorted((day, value) for day, value in days.items() if day is not None)
    undated = [("no day", days[None])] if None in days else []
    if not known:
        return Panel(title, "No days.", ["day", name], undated)
    chart = over_time(*zip(*known, strict=True), name=name)
    return Panel(title, caption(known), ["day", name], [*known, *undated], chart)


def users_by_day(table: pa.Table, report: Report) -> None:
    """Show the number of active users of each day."""
    _, rows = rows_of(table, "day", "active_users")  # groups are rejected, because their users do not add up

    def caption(days: Days) -> str:
        last, users = days[-1]
        report.headline[f"active users on {last}"] = f"{users:,}"
        fewest, most = (pick(days, key=lambda one: one[1]) for pick in (min, max))
        return f"From {fewest[1]:,} on {fewest[0]} to {most[1]:,} on {most[0]}, in {len(days):,} days."

    days = dict(rows)
    if len(days) < len(rows):
        raise ReportError(f"wanted a row a day, found {len(rows):,} of {len(days):,} days")
    report.panels.append(daily("Daily active users", caption, days, name="active users"))


def revenue_by_day(table: pa.Table, report: Report) -> None:
    """Show the revenue of each day, summed over all groups."""
    _, rows = rows_of(table, "day", "revenue", others=None)
    days: dict[date | None, Decimal] = defaultdict(Decimal)
    for day, revenue, *_ in rows:
        days[day] += revenue
    total = sum(days.values(), Decimal())
    report.headline["revenue"] = figure(total)

    def caption(known: Days) -> str:
        best, most = max(known, key=lambda one: one[1])
        return f"{figure(total)} in all; most on {best}, with {figure(most)}."

    report.panels.append(daily("Daily revenue", caption, days, name="revenue"))


def revenue_by_country(table: pa.Table, report: Report) -> None:
    """Show the revenue of each country. At most ten bars are drawn; the last one sums the remaining countries."""
    (_, dimension), rows = rows_of(table, "revenue", others=1)
    ranked = sorted(
        ((named(country, dimension), revenue) for revenue, country in rows), key=lambda one: (-one[1], one[0])
    )
    shown, others = (ranked, []) if len(ranked) <= BARS else (ranked[: BARS - 1], ranked[BARS - 1 :])
    drawn = [*shown, (f"{len(others)} others", sum(revenue for _, revenue in others))] if others else shown
    if not drawn:
        report.panels.append(Panel("Revenue by country", "No rows.", [dimension, "revenue"], []))
        return
    total, (first, most) = sum(revenue for _, revenue in ranked), ranked[0]
    share = f", {most / total:.1%} of all" if total > 0 else ""
    caption = f"Most in {first}: {figure(most)}{share}; countries in all: {len(ranked):,}."
    chart = bars(*zip(*drawn, strict=True), name="revenue-by-country")
    report.panels.append(Panel("Revenue by country", caption, [dimension, "revenue"], ranked, chart))


def best_products(table: pa.Table, report: Report) -> None:
    """Show the best-selling products."""
    measure = next((one for one in ("revenue", "units") if one in table.column_names), "revenue or units")
    (*_, product), rows = rows_of(table, "rank", measure, others=1)
    ranked = sorted((rank, named(one, product), sold) for rank, sold, one in rows)
    if not ranked:
        report.panels.append(Panel("Top products", "No rows.", ["rank", product, measure], []))
        return
    _, first, most = ranked[0]
    caption = f"Best by {measure}: {first}, with {figure(most)}."
    chart = bars([one for _, one, _ in ranked], [sold for *_, sold in ranked], name="top-products")
    report.panels.append(Panel("Top products", caption, ["rank", product, measure], ranked, chart))


def retention(table: pa.Table, report: Report) -> None:
    """Show the share of each month's new users who ordered in each later month."""
    _, rows = rows_of(table, "cohort", "months_since", "cohort_size", "users", "retention")
    sizes = {cohort: size for cohort, _, size, *_ in rows}
    shares = {(cohort, since): share for cohort, since, *_, share in rows}
    months = range(max((since for _, since, *_ in rows), default=-1) + 1)
    cohorts = [(cohort, sizes[cohort], [shares.get((cohort, since)) for since in months]) for cohort in sorted(sizes)]
    report.retention = Retention(months, cohorts)


TABLES = {
    "daily_active_users": users_by_day,
    "daily_revenue": revenue_by_day,
    "revenue_by_country": revenue_by_country,
    "top_products": best_products,
    "cohort_retention": retention,
}


def audit_of(path: Path) -> Mapping[str, Any]:
    """Read the JSON of an AuditReport, from a file or from a folder that Spark wrote."""
    files = sorted(path.glob("part-*")) if path.is_dir() else [path]
    text = "".join(file.read_text(encoding="utf-8", errors="replace") for file in files)
    try:
        audit: Any = json.loads(text)
    except json.JSONDecodeError:
        audit = None
    if not (isinstance(audit, dict) and audit.keys() >= AUDIT):
        raise ReportError(f"{path}: expected the JSON of an audit's report, found {text[:40]!r}")
    # By the counts on the page, which a reader can compare.
    return {**audit, "reconciled": None if audit["rows_in"] is None else audit["rows_in"] == audit["rows_out"]}


def make(gold: Path, audit: Path | None, title: str) -> str:
    """Build the page from a folder of gold tables and, optionally, an audit."""
    report = Report(title, missing=[name for name in TABLES if not (gold / name).is_dir()])
    if len(report.missing) == len(TABLES):
        raise ReportError(f"{gold}: none of the tables {', '.join(TABLES)}")
    with localcontext(Context(prec=76)):  # twice the digits of a Spark decimal, so that sums are exact
        for name, show in TABLES.items():
            if name not in report.missing:
                try:
                    show(table_of(gold / name), report)
                except (ReportError, pa.ArrowException) as error:
                    raise ReportError(f"{name}: {str(error).splitlines()[0]}") from None
    report.audit = audit_of(audit) if audit else None
    if report.audit and report.audit["rows_in"] is not None:
        report.headline["rows in"] = f"{report.audit['rows_in']:,}"
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": figure, "words": lambda name: name.replace("_", " ")}
    return environment.get_template("report.html.j2").render(report=report)


def main() -> None:
    """Read the options, write the page, and print its path."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--gold", required=True, type=Path, help="the folder of gold tables that a pipeline wrote")
    parser.add_argument(
        "--audit", type=Path, help="the JSON of its audit's report: a file, or a folder that Spark wrote"
    )
    parser.add_argument("--output", required=True, type=Path, help="the page; one that is there is replaced")
    parser.add_argument("--title", default="Shop report", help="what the page is called (default: %(default)s)")
    options = parser.parse_args()
    try:
        page = make(options.gold, options.audit, options.title)
        options.output.write_text(page, encoding="utf-8")
    except (ReportError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    print(f"report  {len(page) / 1024:,.0f} KB: {options.output.resolve()}")


if __name__ == "__main__":
    main()
