"""Simulate web servers: write CSV transaction logs and nested JSON order payloads.

Spark computes every value from the row number and the seed (``spark.range``). The same seed gives the same rows at any
parallelism, and memory use does not depend on the number of rows.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Rows per thousand; the remaining rows have no country.
COUNTRIES = {
    "United Kingdom": 700,
    "Germany": 80,
    "France": 70,
    "EIRE": 50,
    "Spain": 30,
    "Netherlands": 25,
    "Belgium": 15,
    "Switzerland": 10,
    "Portugal": 8,
    "Bahrain": 2,
}
# As in real catalogues: with a quote, with a comma, and with both.
PRODUCTS = ["WHITE METAL LANTERN", 'RECORD FRAME 7" SINGLE SIZE', "BAG, RED RETROSPOT", 'LETTER "D", BLING KEY RING']
PAGE = 100
FIRST_DAY = "2026-01-01"


class Draws:
    """Deterministic random values of a row, as SQL text. Each name gives an independent value."""

    def __init__(self, row: str, seed: int) -> None:
        """Draw for the row whose number is this SQL expression."""
        self.row = row
        self.seed = seed

    def below(self, limit: int | str, name: str) -> str:
        """Draw an integer from 0 to below the limit, which is a number or SQL."""
        return f"pmod(xxhash64({self.row}, {self.seed}, '{name}'), {limit})"

    def one_of(self, values: list[str], name: str) -> str:
        """Draw one of the values."""
        listed = ", ".join(f"'{value}'" for value in values)
        return f"array({listed})[CAST({self.below(len(values), name)} AS INT)]"

    def code(self, prefix: str, limit: int, name: str) -> str:
        """Draw a code such as ``u1234``."""
        return f"concat('{prefix}', {self.below(limit, name)})"

    def popular(self, prefix: str, limit: int, name: str) -> str:
        """Draw a code with low numbers far more often, because few customers and products account for most orders."""
        most = self.below(limit, f"{name} at most")
        return f"concat('{prefix}', {self.below(f'1 + {most}', name)})"

    def mostly(self, value: str, missing: int, name: str) -> str:
        """Return the value, or null in ``missing`` of a thousand rows."""
        return f"if({self.below(1000, f'{name} is missing')} < {missing}, NULL, {value})"

    def amount(self, cents: int, name: str) -> str:
        """Draw an exact amount of at least 0.01."""
        return f"CAST(({self.below(cents, name)} + 1) * 0.01BD AS DECIMAL(10, 2))"

    def country(self) -> str:
        """Draw a country. Most rows have the first one."""
        upto, cases = 0, []
        for country, share in COUNTRIES.items():
            upto += share
            cases.append(f"WHEN draw < {upto} THEN '{country}'")
        # transform binds the draw to a name, so that it is computed once.
        return f"transform(array({self.below(1000, 'country')}), draw -> CASE {' '.join(cases)} END)[0]"

    def moment(self, days: int) -> str:
        """Draw a second within the days."""
        day, second = self.below(days, "day"), self.below(86_400, "second")
        return f"TIMESTAMP'{FIRST_DAY} 00:00:00' + make_interval(0, 0, 0, {day}, 0, 0, {second})"


def log_lines(spark: SparkSession, rows: int, *, days: int, servers: int, seed: int) -> DataFrame:
    """Build the log lines, with the columns server, day, number and line. The header of each file is line -1."""
    draw = Draws("id", seed)
    fields = spark.range(rows).selectExpr(
        "id AS number",
        f"concat('web-', {draw.below(servers, 'server')} + 1) AS server",
        f"if({draw.below(1000, 'cancelled')} < 20, -1, 1) * CAST({draw.below(12, 'quantity')} + 1 AS INT) AS Quantity",
        f"{draw.moment(days)} AS InvoiceDate",
        f"{draw.amount(5000, 'price')} AS UnitPrice",
        f"{draw.mostly(draw.amount(300, 'discount'), 600, 'discount')} AS Discount",
        f"{draw.popular('2', 8000, 'stock')} AS StockCode",
        f"{draw.one_of(PRODUCTS, 'product')} AS Description",
        f"{draw.mostly(draw.popular('u', 5000, 'user'), 50, 'user')} AS CustomerID",
        f"{draw.country()} AS Country",
        f"{draw.below(1000, 'revenue is missing')} < 40 AS unpaid",
        f"{draw.below(2000, 'malformed')} AS malformed",
    )
    lines = fields.selectExpr(
        "server",
        "CAST(InvoiceDate AS DATE) AS day",
        "number",
        "malformed",
        """to_csv(named_struct(
            'InvoiceNo', concat(if(Quantity < 0, 'C', ''), 536365 + number), 'StockCode', StockCode,
            'Description', Description, 'Quantity', Quantity, 'InvoiceDate', InvoiceDate, 'UnitPrice', UnitPrice,
            'Discount', Discount, 'Revenue', if(unpaid, NULL, Quantity * UnitPrice - coalesce(Discount, 0)),
            'CustomerID', CustomerID, 'Country', Country
        ), map('escape', '"', 'timestampFormat', 'yyyy-MM-dd HH:mm:ss')) AS line""",
    ).selectExpr(
        "server",
        "day",
        "number",
        # A truncated line, an extra field, a word instead of a number.
        """CASE malformed WHEN 0 THEN substring(line, 1, 24) WHEN 1 THEN concat(line, ',oops')
           WHEN 2 THEN regexp_replace(line, ',-?[0-9]+,2026', ',many,2026') ELSE line END AS line""",
    )
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,Discount,Revenue,CustomerID,Country"
    files = spark.range(servers).selectExpr(
        "concat('web-', id + 1) AS server",
        f"explode(sequence(DATE'{FIRST_DAY}', date_add(DATE'{FIRST_DAY}', {days - 1}))) AS day",
        "-1L AS number",
        f"'{header}' AS line",
    )
    return lines.union(files)


def write_logs(lines: DataFrame, path: str) -> None:
    """Write one CSV file per server and day, with the header first."""
    ordered = lines.repartition("server", "day").sortWithinPartitions("server", "day", "number")
    # The lines are already CSV, some deliberately malformed: do not quote, and use a separator that no line contains.
    raw = ordered.select("server", "day", "line").write.partitionBy("server", "day")
    raw.options(sep="\u0001", quote="", ignoreLeadingWhiteSpace=False, ignoreTrailingWhiteSpace=False).csv(path)


def struct(**fields: str) -> str:
    """Return the SQL of a struct from the SQL of its fields."""
    return "named_struct(" + ", ".join(f"'{name}', {value}" for name, value in fields.items()) + ")"


def order(row: str, *, days: int, seed: int) -> str:
    """Return the SQL of one order document. Spark omits null fields from the JSON."""
    draw = Draws(row, seed)
    geo = struct(
        lat=f"CAST(({draw.below(18_000, 'lat')} - 9000) * 0.01BD AS DOUBLE)",
        lon=f"CAST(({draw.below(36_000, 'lon')} - 18000) * 0.01BD AS DOUBLE)",
    )
    address = struct(city=draw.code("City ", 90, "city"), country=draw.country(), geo=draw.mostly(geo, 200, "geo"))
    user = draw.mostly(draw.popular("u", 5000, "user"), 50, "user")
    customer = struct(id=user, name=draw.popular("Customer ", 5000, "user"), address=address)
    payment = struct(
        method=draw.one_of(["card", "invoice", "voucher"], "method"),
        currency="'GBP'",
        amount=draw.mostly(draw.amount(50_000, "paid"), 50, "paid"),
    )
    items = f"transform({_some(5, draw, 'items')}, line -> {_item(row, seed)})"
    tags = f"transform({_some(4, draw, 'tags')}, tag -> concat('tag-', tag))"
    return struct(
        order_id=f"concat('o-', {row})",
        placed_at=draw.moment(days),
        customer=customer,
        items=draw.mostly(items, 20, "items"),
        payment=payment,
        tags=draw.mostly(tags, 100, "tags"),
    )


def _item(row: str, seed: int) -> str:
    draw = Draws(f"{row} * 10 + line", seed)
    discount = struct(
        code=draw.one_of(["TENOFF", "NEW", "BULK"], "code"),
        amount=Draws(f"({row} * 10 + line) * 10 + cut", seed).amount(200, "cut"),
    )
    return struct(
        sku=draw.popular("S", 8000, "sku"),
        quantity=f"CAST({draw.below(5, 'quantity')} + 1 AS INT)",
        price=draw.mostly(draw.amount(9000, "price"), 30, "price"),
        attributes=struct(
            color=draw.mostly(draw.one_of(["red", "green", "blue"], "color"), 100, "color"),
            size=draw.one_of(["S", "M", "L"], "size"),
        ),
        discounts=f"transform({_some(3, draw, 'discounts')}, cut -> {discount})",
    )


def _some(limit: int, draw: Draws, name: str) -> str:
    # A slice, because sequence(1, 0) counts down.
    return f"slice(sequence(1, {limit}), 1, CAST({draw.below(limit, name)} AS INT))"


def write_payloads(spark: SparkSession, orders: int, path: str, *, days: int, seed: int) -> None:
    """Write the same orders twice: as one document per line, and in pages of a hundred."""
    documents = spark.range(orders).selectExpr(f"{order('id', days=days, seed=seed)} AS document").select("document.*")
    documents.write.json(f"{path}/lines")
    last = f"least((id + 1) * {PAGE}, {orders}) - 1"
    data = f"transform(sequence(id * {PAGE}, {last}), number -> {order('number', days=days, seed=seed)})"
    pages = spark.range(-(-orders // PAGE)).selectExpr("id + 1 AS page", f"{data} AS data")
    pages.write.json(f"{path}/pages")


def main() -> None:
    """Read the options, write the files, and print a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", required=True, help="a folder that does not exist yet")
    parser.add_argument("--rows", type=int, default=50_000, help="lines of CSV (default: %(default)s)")
    parser.add_argument("--orders", type=int, default=10_000, help="JSON documents (default: %(default)s)")
    parser.add_argument("--days", type=int, default=7, help="from 2026-01-01 on (default: %(default)s)")
    parser.add_argument("--servers", type=int, default=3, help="web servers (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other data (default: %(default)s)")
    options = parser.parse_args()
    if Path(options.output).exists():
        sys.exit(f"simulate.py: {options.output!r} already exists; choose another --output")
    bar = str(sys.stdout.isatty()).lower()  # Spark's progress bar
    quiet = SparkSession.builder.config(map={"spark.log.level": "ERROR", "spark.ui.showConsoleProgress": bar})
    spark = quiet.appName(parser.prog).config("spark.sql.session.timeZone", "UTC").getOrCreate()
    try:
        start = time.monotonic()
        lines = log_lines(spark, options.rows, days=options.days, servers=options.servers, seed=options.seed)
        write_logs(lines, f"{options.output}/logs")
        write_payloads(spark, options.orders, f"{options.output}/payloads", days=options.days, seed=options.seed)
        taken = time.monotonic() - start
        files = options.servers * options.days
        print(f"simulated  {options.rows:,} log lines in {files} files, {options.orders:,} orders, {taken:.1f} s")
        print(f"           {options.output}/logs, {options.output}/payloads/lines, {options.output}/payloads/pages")
    finally:
        spark.stop()


if __name__ == "__main__":
    main()
