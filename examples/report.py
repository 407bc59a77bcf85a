"""Gold tables, and the audit of the run that made them, to one HTML page that opens offline.

Needs the extra ``report``, and neither Spark nor a network. The page has no script: charts are SVG that takes its
colours from the page, so that they follow dark mode, and the figures of each stand in a table below it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from charts import bars, over_time
from jinja2 import Environment, FileSystemLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from markupsafe import Markup

    Days = list[tuple[date, Any]]

BARS = 10


class ReportError(Exception):
    """What the user can mend."""


@dataclass(frozen=True)
class Panel:
    """A chart, what it says in a sentence, and its figures."""

    title: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    chart: Markup | str = ""


@dataclass(frozen=True)
class Retention:
    """Of each cohort, its size and the share of its users in each month since."""

    months: Sequence[int] = ()
    cohorts: Sequence[tuple[date, int, Sequence[Decimal | None]]] = ()


@dataclass
class Report:
    """All that the page shows."""

    title: str
    headline: dict[str, str] = field(default_factory=dict)
    panels: list[Panel] = field(default_factory=list)
    retention: Retention = field(default_factory=Retention)
    audit: Mapping[str, Any] | None = None
    missing: list[str] = field(default_factory=list)


def rows_of(gold: Path, name: str, *columns: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Read a gold table that has these columns: all of its columns, and its rows in the order of its columns."""
    table = pq.read_table(gold / name)
    if lacking := [column for column in columns if column not in table.column_names]:
        raise ReportError(f"{name}: wanted the column {lacking[0]!r}, found {', '.join(table.column_names)}")
    return table.column_names, list(zip(*table.to_pydict().values(), strict=True))


def named(value: object, column: str) -> str:
    """Write a value of a dimension; null is a group of its own."""
    return f"no {column}" if value is None else str(value)


def daily(title: str, caption: Callable[[Days], str], days: Mapping[date | None, Any], *, name: str) -> Panel:
    """Make a panel of days: those that are known are drawn, the null day is in the figures alone."""
    known = sorted((day, value) for day, value in days.items() if day is not None)
    undated = [("no day", days[None])] if None in days else []
    if not known:
        return Panel(title, "No days.", ["day", name], undated)
    chart = over_time(*zip(*known, strict=True), name=name)
    return Panel(title, caption(known), ["day", name], [*known, *undated], chart)


def users_by_day(gold: Path, report: Report) -> None:
    """Show how many users there were each day."""
    columns, rows = rows_of(gold, "daily_active_users", "day", "active_users")
    if len(columns) > 2:  # noqa: PLR2004 - users of groups do not add up
        raise ReportError(f"daily_active_users: wanted a row a day, found groups by {', '.join(columns[1:-1])}")

    def caption(days: Days) -> str:
        last, users = days[-1]
        report.headline[f"active users on {last}"] = f"{users:,}"
        fewest, most = (pick(days, key=lambda one: one[1]) for pick in (min, max))
        return f"From {fewest[1]:,} on {fewest[0]} to {most[1]:,} on {most[0]}, in {len(days):,} days."

    report.panels.append(daily("Daily active users", caption, dict(rows), name="active users"))


def revenue_by_day(gold: Path, report: Report) -> None:
    """Show the revenue of each day, all groups together."""
    columns, rows = rows_of(gold, "daily_revenue", "day", "revenue")
    days: dict[date | None, Decimal] = defaultdict(Decimal)
    for row in rows:
        one = dict(zip(columns, row, strict=True))
        days[one["day"]] += one["revenue"]
    total = sum(days.values(), Decimal())
    report.headline["revenue"] = f"{total:,}"

    def caption(known: Days) -> str:
        best, most = max(known, key=lambda one: one[1])
        return f"{total:,} in all; most on {best}, with {most:,}."

    report.panels.append(daily("Daily revenue", caption, days, name="revenue"))


def revenue_by_country(gold: Path, report: Report) -> None:
    """Show the revenue of each country; those beyond the first ten share a bar."""
    (dimension, *_), rows = rows_of(gold, "revenue_by_country", "revenue")
    ranked = sorted(
        ((named(country, dimension), revenue) for country, revenue in rows), key=lambda one: (-one[1], one[0])
    )
    shown, others = (ranked, []) if len(ranked) <= BARS else (ranked[: BARS - 1], ranked[BARS - 1 :])
    drawn = [*shown, (f"{len(others)} others", sum(revenue for _, revenue in others))] if others else shown
    if not drawn:
        report.panels.append(Panel("Revenue by country", "No rows.", [dimension, "revenue"], []))
        return
    total, (first, most) = sum(revenue for _, revenue in ranked), ranked[0]
    share = f", {most / total:.1%} of all" if total > 0 else ""
    caption = f"Most in {first}: {most:,}{share}; countries in all: {len(ranked):,}."
    chart = bars(*zip(*drawn, strict=True), name="revenue-by-country")
    report.panels.append(Panel("Revenue by country", caption, [dimension, "revenue"], ranked, chart))


def best_products(gold: Path, report: Report) -> None:
    """Show the products that sell best."""
    (_, product, measure), rows = rows_of(gold, "top_products", "rank")
    ranked = sorted((rank, named(one, product), sold) for rank, one, sold in rows)
    if not ranked:
        report.panels.append(Panel("Top products", "No rows.", ["rank", product, measure], []))
        return
    _, first, most = ranked[0]
    caption = f"Best by {measure}: {first}, with {most:,}."
    chart = bars([one for _, one, _ in ranked], [sold for *_, sold in ranked], name="top-products")
    report.panels.append(Panel("Top products", caption, ["rank", product, measure], ranked, chart))


def retention(gold: Path, report: Report) -> None:
    """Show which share of each month's new users came back in each later month."""
    names = "cohort", "months_since", "cohort_size", "retention"
    columns, rows = rows_of(gold, "cohort_retention", *names)
    cells = [tuple(row[columns.index(name)] for name in names) for row in rows]
    sizes = {cohort: size for cohort, _, size, _ in cells}
    shares = {(cohort, since): share for cohort, since, _, share in cells}
    months = range(max((since for _, since, _, _ in cells), default=-1) + 1)
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
    """Read the JSON of an AuditReport, from a file or from the folder that Spark wrote it to."""
    files = sorted(path.glob("part-*")) if path.is_dir() else [path]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    try:
        audit: Mapping[str, Any] = json.loads(text)
    except json.JSONDecodeError:
        raise ReportError(f"{path}: wanted the JSON of an audit's report, found {text[:40]!r}") from None
    return audit


def make(gold: Path, audit: Path | None, title: str) -> str:
    """Make the page from a folder of gold tables, and an audit if there is one."""
    report = Report(title, missing=[name for name in TABLES if not (gold / name).is_dir()])
    if len(report.missing) == len(TABLES):
        raise ReportError(f"{gold}: none of the tables {', '.join(TABLES)}")
    for name, show in TABLES.items():
        if name not in report.missing:
            show(gold, report)
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
    environment.filters["words"] = lambda name: name.replace("_", " ")
    return environment.get_template("report.html.j2").render(report=report)


def main() -> None:
    """Read the options, write the page, say where it is."""
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
