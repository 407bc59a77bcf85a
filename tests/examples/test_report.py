"""The page that the examples end in, opened in a browser, and what a terminal shows meanwhile."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shutil
import sys
from contextlib import redirect_stdout
from datetime import date, timedelta
from decimal import Decimal
from runpy import run_path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from axe_core_python.selenium import Axe
from example_runs import output_of, run
from processes import LIMIT, started, surroundings
from pyspark.sql import functions as F
from repository import EXAMPLES
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from shopsmart_etl import AuditReport, write_partitioned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

    Report = dict[str, Any]

pytest.importorskip("matplotlib", reason="the extra report is not installed")

BROWSER, DRIVER = (shutil.which("chromium") or shutil.which("google-chrome")), shutil.which("chromedriver")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
DAYS, DAY = 33, date(2026, 1, 1)
PAGES = ["logs", "orders"]
BY = {"logs": "Country", "orders": "customer_address_country"}
PRODUCT = {"logs": "StockCode", "orders": "items_sku"}
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]}
# Of each text in a chart, by WCAG's formula, against the panel that it stands on.
CONTRAST = """
const light = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).map((one) => one / 255)
    .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0.05);
return [...document.querySelectorAll("svg text")].map((text) => {
    const [ink, panel] = [getComputedStyle(text).fill, getComputedStyle(text.closest("section")).backgroundColor];
    return Math.max(light(ink), light(panel)) / Math.min(light(ink), light(panel));
});
"""


@pytest.fixture(scope="module")
def bronze(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("simulated")
    simulate = run_path(str(EXAMPLES / "simulate.py"))
    simulate["write_logs"](simulate["log_lines"](spark, 2000, days=DAYS, servers=1, seed=1), f"{path}/logs")
    simulate["write_payloads"](spark, 300, f"{path}/payloads", days=DAYS, seed=1)
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def shown(bronze: Path, runs: Path) -> str:
    """Run the example for logs in a terminal: all that it shows there."""
    terminal, inside = pty.openpty()
    command = [
        sys.executable,
        EXAMPLES / "shopsmart_pipeline.py",
        "--input",
        bronze / "logs",
        "--output",
        runs / "logs",
    ]
    # On one core, so that stages last.
    one_core = "--master local[1] pyspark-shell"
    environment = surroundings(SPARK_CONF_DIR=str(EXAMPLES / "conf"), PYSPARK_SUBMIT_ARGS=one_core)
    with started(command, env=environment, stdout=inside, stderr=inside) as job:
        os.close(inside)
        text = b""
        with open(terminal, "rb", buffering=0) as screen:  # noqa: PTH123 - a descriptor
            try:
                while some := screen.read(4096):
                    text += some
            except OSError:  # how Linux says that the terminal's other side is closed
                pass
        assert job.wait(LIMIT) == 0, text
    return text.decode()


@pytest.fixture(scope="module")
def page(spark: SparkSession, shown: str, bronze: Path, runs: Path) -> Path:
    """Make both pages, and give the folder that they are in."""
    assert shown
    with redirect_stdout(io.StringIO()):
        orders = run_path(str(EXAMPLES / "nested_json_parser.py"))["run"]
        orders(spark, str(bronze / "payloads" / "pages"), str(runs / "orders"), "data")
    for name in PAGES:
        run_of = runs / name
        said = output_of(
            "report.py", "--gold", run_of / "gold", "--audit", run_of / "audit", "--output", runs / f"{name}.html"
        )
        assert said.endswith(f"{runs / name}.html\n")
    return runs


@pytest.fixture(scope="module")
def report() -> Report:
    """Give what the script has, without a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        return run_path(str(EXAMPLES / "report.py"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    if not (BROWSER and DRIVER):
        pytest.skip("Chromium and its driver are not here: .ci/browser installs them on Debian")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))
    yield driver
    driver.quit()


def opened(browser: webdriver.Chrome, page: Path, *, width: int = 1000, scheme: str = "light") -> webdriver.Chrome:
    screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    browser.get(page.as_uri())
    return browser


def saved(folder: Path, **tables: dict[str, Any]) -> Path:
    """Save gold tables as Spark would, each in a folder, and give the folder that they are in."""
    for name, columns in tables.items():
        (folder / name).mkdir(parents=True)
        pq.write_table(pa.table(columns), folder / name / "part-0.parquet")
    return folder


def figures(browser: webdriver.Chrome, table: str) -> list[list[str]]:
    """Read the cells of a table's body, shown or not."""
    rows = "[...document.querySelectorAll(`#${arguments[0]} tbody tr`)]"
    read: list[list[str]] = browser.execute_script(
        f"return {rows}.map((row) => [...row.cells].map((cell) => cell.textContent))", table
    )
    return read


def exact(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def test_a_terminal_shows_the_tasks_of_the_running_stage_and_the_steps_with_counts_and_time(shown: str) -> None:
    assert re.search(r"\[Stage \d+:[=>\s]+\(\d+ \+ 1\) / \d+\]", shown)
    assert re.search(r"silver +1,9\d\d rows out, 11 partitions, 11 files after \d+\.\d s\r\n", shown)
    assert re.search(rf"gold +{DAYS} rows after \d+\.\d s in \S+/gold/daily_active_users\r\n", shown)


@pytest.mark.parametrize("name", PAGES)
def test_the_figures_of_a_page_are_those_of_the_gold_tables(
    spark: SparkSession, browser: webdriver.Chrome, page: Path, name: str
) -> None:
    opened(browser, page / f"{name}.html")
    gold = {path.name: spark.read.parquet(str(path)) for path in (page / name / "gold").iterdir()}
    users = gold["daily_active_users"].orderBy("day").collect()
    assert [(day, exact(count)) for day, count in figures(browser, "daily-active-users-figures")] == [
        (str(day), count) for day, count in users
    ]
    assert len(users) == DAYS
    revenue = gold["daily_revenue"].groupBy("day").agg(F.sum("revenue")).orderBy("day").collect()
    assert [(day, exact(total)) for day, total in figures(browser, "daily-revenue-figures")] == [
        (str(day), total) for day, total in revenue
    ]
    countries = gold["revenue_by_country"].orderBy(F.desc("revenue"), BY[name]).collect()
    assert [(country, exact(total)) for country, total in figures(browser, "revenue-by-country-figures")] == [
        (country or f"no {BY[name]}", total) for country, total in countries
    ]
    assert sum(total for _, total in countries) == sum(total for _, total in revenue)
    products = gold["top_products"].orderBy("rank").select("rank", PRODUCT[name], "revenue").collect()
    assert [
        (exact(rank), product, exact(sold)) for rank, product, sold in figures(browser, "top-products-figures")
    ] == [tuple(row) for row in products]
    assert len(products) == 10
    headline = browser.find_elements(By.TAG_NAME, "dd")
    assert [exact(one.text) for one in headline[:2]] == [users[-1][1], sum(total for _, total in revenue)]


@pytest.mark.parametrize("name", PAGES)
def test_the_heat_map_shades_each_share_of_the_retention_table(
    spark: SparkSession, browser: webdriver.Chrome, page: Path, name: str
) -> None:
    opened(browser, page / f"{name}.html")
    table = spark.read.parquet(str(page / name / "gold" / "cohort_retention"))
    rows = {
        (row["cohort"].strftime("%Y-%m"), row["months_since"]): (row["cohort_size"], row["retention"])
        for row in table.collect()
    }
    cells = {
        (cohort, since): (exact(size), Decimal(share.rstrip("%")) / 100)
        for cohort, size, *shares in figures(browser, "retention-figures")
        for since, share in enumerate(shares)
        if share
    }
    assert cells == rows
    assert len(rows) == 3
    shaded = browser.execute_script(
        "return [...document.querySelectorAll('.share')].map((cell) => getComputedStyle(cell).backgroundColor)"
    )
    depths = [float([*re.findall(r"[\d.]+", colour), 1.0][3]) for colour in shaded]
    shares = [share for _, (_, share) in sorted(cells.items())]
    assert depths == pytest.approx([float(share) * 0.45 for share in shares], abs=0.005)


@pytest.mark.parametrize("name", PAGES)
def test_the_charts_are_as_high_and_as_long_as_the_figures(browser: webdriver.Chrome, page: Path, name: str) -> None:
    opened(browser, page / f"{name}.html")
    for line, table in {"active-users-line": "daily-active-users", "revenue-line": "daily-revenue"}.items():
        drawn = browser.find_element(By.CSS_SELECTOR, f"#{line} path").get_attribute("d") or ""
        heights = [-float(y) for y in re.findall(r"[ML] \S+ (\S+)", drawn)]
        values = [float(exact(row[1])) for row in figures(browser, f"{table}-figures")]
        assert len(heights) == DAYS
        scale = (max(heights) - min(heights)) / (max(values) - min(values))
        assert heights == pytest.approx([max(heights) - (max(values) - value) * scale for value in values], abs=0.01)
    for bars, last in {"revenue-by-country": 1, "top-products": 2}.items():
        boxes = "return document.getElementById(arguments[0]).getBBox().width"
        lengths = [browser.execute_script(boxes, f"{bars}-bar-{at}") for at in range(10)]
        values = [float(exact(row[last])) for row in figures(browser, f"{bars}-figures")]
        shown = [*values[:9], sum(values[9:])]  # of more than ten, the last ones share a bar
        assert lengths == pytest.approx([lengths[0] * value / shown[0] for value in shown], abs=0.05)


@pytest.mark.parametrize("name", PAGES)
def test_the_quality_panel_has_the_figures_of_the_audit(
    spark: SparkSession, browser: webdriver.Chrome, page: Path, name: str
) -> None:
    opened(browser, page / f"{name}.html")
    [[text]] = spark.read.text(str(page / name / "audit")).collect()
    audit: dict[str, Any] = json.loads(text)
    for part in ("rows", "filled", "violations"):
        assert {one: exact(count) for one, count in figures(browser, f"quality-{part}")} == audit[part]
    said = browser.find_element(By.ID, "reconciliation").text
    assert said.startswith("✓ Reconciled")
    assert said.endswith(f"{audit['rows_in']:,} rows in, {audit['rows_out']:,} rows out.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1000])
def test_a_page_is_accessible_and_its_text_stands_out(
    browser: webdriver.Chrome, page: Path, scheme: str, width: int
) -> None:
    opened(browser, page / "logs.html", scheme=scheme, width=width)
    for details in browser.find_elements(By.TAG_NAME, "summary"):
        details.click()
    found = Axe().run(browser, options=AXE)
    assert [(one["id"], node["html"]) for one in found["violations"] for node in one["nodes"]] == []
    assert {"color-contrast", "document-title", "scrollable-region-focusable"} <= {one["id"] for one in found["passes"]}
    ratios = browser.execute_script(CONTRAST)
    assert len(ratios) > 30
    assert min(ratios) >= 4.5


def test_dark_mode_is_dark_and_light_mode_light(browser: webdriver.Chrome, page: Path) -> None:
    def brightness(scheme: str) -> tuple[int, int]:
        opened(browser, page / "logs.html", scheme=scheme)
        colours = [
            browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color"),
            browser.find_element(By.CSS_SELECTOR, "svg text").value_of_css_property("fill"),
        ]
        paper, ink = (sum(int(one) for one in re.findall(r"\d+", colour)[:3]) for colour in colours)
        return paper, ink

    paper, ink = brightness("light")
    assert ink < 150
    assert paper > 600
    paper, ink = brightness("dark")
    assert paper < 150
    assert ink > 600


def test_a_phone_scrolls_down_only_and_reads_text_in_charts(browser: webdriver.Chrome, page: Path) -> None:
    for name in PAGES:
        opened(browser, page / f"{name}.html", width=360)
        for details in browser.find_elements(By.TAG_NAME, "summary"):
            details.click()
        assert browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]") == [360, 360]
        high = "return [...document.querySelectorAll('svg text')].map((one) => one.getBoundingClientRect().height)"
        assert min(browser.execute_script(high)) >= 10


def test_the_keyboard_opens_and_scrolls_the_figures(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page / "logs.html")
    reached = []
    for _ in range(4):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        browser.switch_to.active_element.send_keys(Keys.ENTER)
        reached.append(browser.switch_to.active_element.text)
        browser.switch_to.active_element.send_keys(Keys.TAB)
        assert browser.switch_to.active_element.get_attribute("aria-label") == reached[-1]
    titles = "daily active users", "daily revenue", "revenue by country", "top products"
    assert reached == [f"Figures of {title}" for title in titles]
    assert all(one.get_attribute("open") for one in browser.find_elements(By.TAG_NAME, "details"))
    browser.switch_to.active_element.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.get_attribute("aria-label") == "Retention by cohort"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_and_the_console_stays_empty(browser: webdriver.Chrome, page: Path, name: str) -> None:
    for kind in ("browser", "performance"):
        browser.get_log(kind)  # type: ignore[no-untyped-call] # what pages before it left
    opened(browser, page / f"{name}.html")
    events = [json.loads(one["message"])["message"] for one in browser.get_log("performance")]  # type: ignore[no-untyped-call]
    asked = [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [(page / f"{name}.html").as_uri()]
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_ids_of_a_page_are_unique(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page / "logs.html")
    ids = browser.execute_script("return [...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids)) > 20


def test_nulls_refunds_single_days_and_strange_names_are_shown_as_they_are(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    day, money = date(2026, 1, 1), [Decimal("-0.01"), Decimal("5.00")]
    gold = saved(
        tmp_path / "gold",
        daily_active_users={"day": [None, day], "active_users": [3, 1_000_000]},
        daily_revenue={"day": [day, None], "revenue": money},
        revenue_by_country={"land": ["A", None], "revenue": money},
        top_products={
            "rank": [1, 1],
            "item": ["<script>alert(1)</script>", "$a$ & 茶 of a long name"],
            "units": [2, 2],
        },
    )
    report = AuditReport(rows={"in": 2, "out": 1}, rows_in=2, rows_out=1).to_json()
    (tmp_path / "audit.json").write_text(report, encoding="utf-8")
    done = run("report.py", "--gold", gold, "--audit", tmp_path / "audit.json", "--output", tmp_path / "page.html")
    assert done.stdout.startswith("report ")
    assert "Warning" not in done.stderr
    opened(browser, tmp_path / "page.html")
    assert figures(browser, "daily-active-users-figures") == [["2026-01-01", "1,000,000"], ["no day", "3"]]
    assert figures(browser, "daily-revenue-figures") == [["2026-01-01", "-0.01"], ["no day", "5.00"]]
    assert figures(browser, "revenue-by-country-figures") == [["no land", "5.00"], ["A", "-0.01"]]
    assert figures(browser, "top-products-figures") == [
        ["1", "$a$ & 茶 of a long name", "2"],
        ["1", "<script>alert(1)</script>", "2"],
    ]
    assert browser.find_element(By.CSS_SELECTOR, "dl div:nth-child(2) dd").text == "4.99"
    assert browser.find_element(By.ID, "reconciliation").text.startswith("✗ Not reconciled")
    assert "cohort_retention" in browser.find_element(By.CSS_SELECTOR, "main > p.note").text
    assert browser.find_elements(By.TAG_NAME, "script") == []


@pytest.mark.examples
@pytest.mark.parametrize(
    ("name", "by", "columns"),
    [
        ("daily_active_users", "day", {"day": [DAY, date(2026, 1, 4)], "active_users": [2, 3]}),
        ("daily_revenue", "day", {"day": [DAY, DAY, None], "land": ["A", None, "A"], "revenue": [5, 4, 3]}),
        ("revenue_by_country", "land", {"land": ["A", "07", None], "revenue": [5, 4, 3]}),
        ("revenue_by_country", "store", {"store": [7, 8, None], "revenue": [5, 4, 3]}),
        ("top_products", "sku", {"rank": [1, 2, 2], "sku": [12, 3, None], "units": [5, 4, 4]}),
        (
            "cohort_retention",
            "cohort",
            {"cohort": [DAY], "months_since": [0], "cohort_size": [5], "users": [5], "retention": [Decimal(1)]},
        ),
    ],
)
def test_a_table_in_folders_is_the_same_page(
    spark: SparkSession, report: Report, tmp_path: Path, name: str, by: str, columns: dict[str, list[Any]]
) -> None:
    gold = saved(tmp_path / "gold", **{name: columns})
    table = spark.read.parquet(str(gold / name))
    table.transform(write_partitioned(f"{tmp_path}/folders/{name}", by=by))
    assert len(list((tmp_path / "folders" / name).glob(f"{by}=*"))) == len(set(columns[by]))
    assert report["make"](tmp_path / "folders", None, "Gold") == report["make"](gold, None, "Gold")


def test_money_of_38_digits_is_shown_and_summed_to_the_last_one(browser: webdriver.Chrome, tmp_path: Path) -> None:
    most, least = Decimal("12345678901234567890.123456789012345678"), Decimal("1E-18")
    money = pa.array([most, least, Decimal(0)], pa.decimal128(38, 18))
    gold = saved(
        tmp_path / "gold",
        daily_revenue={"day": [DAY] * 3, "land": ["A", "B", "C"], "revenue": money},
        revenue_by_country={"land": ["A", "B", "C"], "revenue": money},
    )
    output_of("report.py", "--gold", gold, "--output", tmp_path / "page.html")
    opened(browser, tmp_path / "page.html")
    total = "12,345,678,901,234,567,890.123456789012345679"
    assert figures(browser, "daily-revenue-figures") == [["2026-01-01", total]]
    assert [revenue for _, revenue in figures(browser, "revenue-by-country-figures")] == [
        "12,345,678,901,234,567,890.123456789012345678",
        "0.000000000000000001",
        "0.000000000000000000",
    ]
    assert browser.find_element(By.TAG_NAME, "dd").text == total


@pytest.mark.parametrize(("days", "marks"), [(2, 3), (40, 1)])
def test_a_line_has_a_gap_where_days_have_no_row_and_a_mark_where_a_day_stands_alone(
    report: Report, days: int, marks: int
) -> None:
    known = [*(DAY + timedelta(at) for at in range(days)), DAY + timedelta(days + 29)]
    svg = report["over_time"](known, range(days, -1, -1), name="users")
    line = svg[svg.index('id="users-line"') :].split("</g>")[0]
    [path] = re.findall(r'<path d="([^"]+)"', line.split("<defs>")[0])
    assert re.findall("[ML]", path) == ["M", *["L"] * (days - 1), "M"]
    assert line.count("<use ") == marks


def test_the_axes_of_a_chart_read_as_money_does(report: Report) -> None:
    def texts(*values: str) -> list[str]:
        return re.findall(r"<text [^>]+>(.+)</text>", report["bars"](["A"], list(map(Decimal, values)), name="x"))

    assert texts("0.50") == ["0", "0.15", "0.3", "0.45", "A"]
    assert texts("5000000") == ["0", "1.5M", "3M", "4.5M", "A"]


@pytest.mark.parametrize("days", [1, 31, 32])
def test_ids_of_a_page_of_few_days_are_unique_and_found(report: Report, tmp_path: Path, days: int) -> None:
    column = [DAY + timedelta(at) for at in range(days)]
    tables = {
        name: {"day": column, name.split("_", 1)[1]: range(days)} for name in ("daily_active_users", "daily_revenue")
    }
    page = report["make"](saved(tmp_path, **tables), None, "Gold")
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', page)) < set(ids)


def test_gold_tables_without_a_row_make_a_page(browser: webdriver.Chrome, tmp_path: Path) -> None:
    none = pa.array([], pa.decimal128(20, 2))
    gold = saved(
        tmp_path / "gold",
        daily_active_users={"day": [], "active_users": []},
        daily_revenue={"day": [], "revenue": none},
        revenue_by_country={"land": [], "revenue": none},
        top_products={"rank": [], "item": [], "revenue": none},
        cohort_retention={"cohort": [], "months_since": [], "cohort_size": [], "users": [], "retention": none},
    )
    output_of("report.py", "--gold", gold, "--output", tmp_path / "page.html")
    opened(browser, tmp_path / "page.html")
    captions = [one.text for one in browser.find_elements(By.TAG_NAME, "figcaption")]
    assert captions == ["No days.", "No days.", "No rows.", "No rows."]


def refused(report: Report, *arguments: str | Path) -> str:
    """Run the report in this process, and give the line that it ends with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["report.py", *map(str, arguments), "--output", "page.html"])
        with pytest.raises(SystemExit) as stopped:
            report["main"]()
    [line] = str(stopped.value).splitlines()
    assert line.startswith("report.py: ")
    return line.removeprefix("report.py: ")


def test_what_is_refused_is_one_line_and_makes_no_page(tmp_path: Path) -> None:
    done = run("report.py", "--gold", tmp_path / "nope", "--output", tmp_path / "page.html")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"report.py: {tmp_path}/nope: none of the tables daily_active_users, ")
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("name", "columns", "message"),
    [
        (
            "daily_active_users",
            {"day": [DAY], "land": ["A"], "active_users": [1]},
            "wanted the columns day, active_users alone, found day, land, active_users",
        ),
        (
            "daily_active_users",
            {"at": [DAY], "active_users": [1]},
            "wanted the columns day, active_users alone, found at, active_users",
        ),
        (
            "daily_active_users",
            {"day": ["soon"], "active_users": [1]},
            "Failed to parse string: 'soon'",
        ),
        ("daily_active_users", {"day": [DAY], "active_users": [None]}, "wanted no nulls in active_users, found 1"),
        ("daily_active_users", {"day": [DAY, DAY], "active_users": [1, 2]}, "wanted a row a day, found 2 of 1 days"),
        ("daily_revenue", {"day": [DAY]}, "wanted the columns day, revenue and any more, found day"),
        ("daily_revenue", {"day": [DAY], "revenue": [0.1]}, "wanted decimals or integers in revenue, found double"),
        (
            "revenue_by_country",
            {"land": ["A"], "town": ["B"], "revenue": [5]},
            "wanted the columns revenue and one more, found land, town, revenue",
        ),
        (
            "top_products",
            {"land": ["A"], "rank": [1], "item": ["B"], "units": [5]},
            "wanted the columns rank, units and one more, found land, rank, item, units",
        ),
        (
            "top_products",
            {"rank": [1], "item": ["B"], "sold": [5]},
            "wanted the columns rank, revenue or units and one more, found rank, item, sold",
        ),
        (
            "cohort_retention",
            {"cohort": [DAY], "users": [1]},
            "wanted the columns cohort, months_since, cohort_size, users, retention alone, found cohort, users",
        ),
    ],
)
def test_a_table_of_other_columns_is_refused_in_one_line(
    report: Report, tmp_path: Path, name: str, columns: dict[str, list[Any]], message: str
) -> None:
    assert refused(report, "--gold", saved(tmp_path, **{name: columns})).startswith(f"{name}: {message}")


def test_a_corrupt_file_is_refused_in_one_line(report: Report, tmp_path: Path) -> None:
    gold = saved(tmp_path, daily_revenue={"day": [DAY], "revenue": [5]})
    (gold / "daily_revenue" / "part-1.parquet").write_text("cut off", encoding="utf-8")
    assert re.match(r"daily_revenue: .*part-1\.parquet", refused(report, "--gold", gold))


@pytest.mark.parametrize(("rows_in", "rows_out", "reconciled"), [(2, 2, True), (2, 1, False), (None, None, None)])
@pytest.mark.parametrize("claimed", [True, False, None])
def test_the_counts_of_an_audit_show_whether_it_reconciles(
    report: Report,
    tmp_path: Path,
    rows_in: int | None,
    rows_out: int | None,
    reconciled: bool | None,
    claimed: bool | None,
) -> None:
    audit = json.loads(AuditReport(rows_in=rows_in, rows_out=rows_out).to_json()) | {"reconciled": claimed}
    (tmp_path / "audit.json").write_text(json.dumps(audit), encoding="utf-8")
    assert report["audit_of"](tmp_path / "audit.json") == audit | {"reconciled": reconciled}


@pytest.mark.parametrize("content", [b"rows  5", b"5", b"", b"[]", b'{"rows_in": 5}', b"\xff"])
def test_an_audit_that_is_none_is_refused_in_one_line(report: Report, tmp_path: Path, content: bytes) -> None:
    gold = saved(tmp_path, daily_active_users={"day": [DAY], "active_users": [1]})
    (tmp_path / "audit").write_bytes(content)
    found = repr(content.decode(errors="replace"))
    assert refused(report, "--gold", gold, "--audit", tmp_path / "audit") == (
        f"{tmp_path}/audit: expected the JSON of an audit's report, found {found}"
    )
