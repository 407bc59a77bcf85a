"""Run the suite on every PySpark, classic and Connect, and print a table; docs/engines.md holds one."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[2]
VERSIONS = ["3.5", "4.0", "4.1", "4.2", "4.3"]
CELLS = [f"{version}-{mode}" for version in VERSIONS for mode in ("classic", "connect")]
# The pip package of Spark 3.5 has no Connect server in it; a server of Spark 4.0 serves its client.
SERVERS = {"3.5": "4.0"}
PAGE = ROOT / "docs" / "engines.md"
TABLE = re.compile(r"(?<=<!-- matrix -->\n).*(?=<!-- end of matrix -->)", re.DOTALL)
ROW = re.compile(r"^\| (\d\S+) \| (\w+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


class Run(NamedTuple):
    """What became of a suite."""

    version: str
    mode: str
    passed: int
    failed: int
    skipped: int

    @property
    def cell(self) -> str:
        """Name the cell: the version without its patch, and the mode."""
        return f"{self.version.rpartition('.')[0]}-{self.mode}"


def run(cell: str, arguments: list[str]) -> Run:
    """Run the suite in one cell."""
    version, mode = cell.split("-")
    python, server = (
        ROOT / f".venv-spark-{one}" / "bin" / "python" for one in (version, SERVERS.get(version, version))
    )
    report = ROOT / "build" / "matrix" / f"{cell}.xml"
    report.unlink(missing_ok=True)
    done = subprocess.run(
        [python, "-m", "pytest", f"--junitxml={report}", *arguments],
        cwd=ROOT,
        env=os.environ | {"SHOPSMART_ENGINE": mode, "SHOPSMART_SERVER": str(server)},
        check=False,
    )
    known = subprocess.run(
        [python, "-c", "import pyspark; print(pyspark.__version__)"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if done.returncode not in (0, 1) or not report.exists():  # 1 is that tests failed
        return Run(known, mode, 0, 1, 0)
    suite = ET.parse(report).getroot()[0]  # noqa: S314 - what pytest has just written
    counts = suite.attrib
    failed, skipped = int(counts["failures"]) + int(counts["errors"]), int(counts["skipped"])
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    unsaid = {reason for one in suite.iter("skipped") if (reason := one.get("message", "")) not in page}
    if unsaid:
        print(f"skipped, and {PAGE.name} does not say why: {', '.join(sorted(unsaid))}")
        failed += len(unsaid)
    return Run(known, mode, int(counts["tests"]) - failed - skipped, failed, skipped)


def table(runs: list[Run]) -> str:
    """Write the runs as Markdown."""
    head = "| PySpark | mode | passed | failed | skipped |\n|---|---|---:|---:|---:|\n"
    return head + "".join(f"| {' | '.join(map(str, one))} |\n" for one in runs)


def write(runs: list[Run]) -> None:
    """Put the runs into the page's table, in place of earlier ones of the same cells."""
    page = PAGE.read_text(encoding="utf-8")
    earlier = [Run(version, mode, *map(int, counts)) for version, mode, *counts in ROW.findall(page)]
    latest = {one.cell: one for one in [*earlier, *runs]}
    text = table([latest[cell] for cell in CELLS if cell in latest])
    PAGE.write_text(TABLE.sub(lambda _: text, page), encoding="utf-8")


def main() -> int:
    """Run the cells that are asked for, and fail if a test has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--write", action="store_true", help="put the runs into the table of docs/engines.md")
    arguments, to_pytest = parser.parse_known_args()
    if "-m" not in to_pytest:
        to_pytest += ["-m", "not heavy and not engines and not lake"]
    runs = []
    for cell in arguments.cells:
        print(f"== PySpark {cell.replace('-', ', ')}", flush=True)
        runs.append(run(cell, to_pytest))
    print(table(runs))
    if arguments.write:
        write(runs)
    return int(any(one.failed or not one.passed for one in runs))


if __name__ == "__main__":
    sys.exit(main())
