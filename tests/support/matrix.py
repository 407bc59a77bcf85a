"""Run the tests on every PySpark version, classic and Connect, and print the table of docs/engines.md."""

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
# The pip package of Spark 3.5 contains no Connect server, so its client uses a server of Spark 4.0.
SERVERS = {"3.5": "4.0"}
PAGE = ROOT / "docs" / "engines.md"
TABLE = re.compile(r"(?<=<!-- matrix -->\n).*(?=<!-- end of matrix -->)", re.DOTALL)
ROW = re.compile(r"^\| (\d\S+) \| (\w+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


class Run(NamedTuple):
    """The result of a test run."""

    version: str
    mode: str
    passed: int
    failed: int
    skipped: int

    @property
    def cell(self) -> str:
        """The name of the cell: the version without its patch number, and the mode."""
        return f"{self.version.rpartition('.')[0]}-{self.mode}"


def run(cell: str, arguments: list[str]) -> Run:
    """Run the tests of one cell."""
    version, mode = cell.split("-")
    python, server = (
        ROOT / f".venv-spark-{number}" / "bin" / "python" for number in (version, SERVERS.get(version, version))
    )
    report = ROOT / "build" / "matrix" / f"{cell}.xml"
    report.unlink(missing_ok=True)
    process = subprocess.run(
        [python, "-m", "pytest", f"--junitxml={report}", *arguments],
        cwd=ROOT,
        env=os.environ | {"SHOPSMART_ENGINE": mode, "SHOPSMART_SERVER": str(server)},
        check=False,
    )
    full_version = subprocess.run(
        [python, "-c", "import pyspark; print(pyspark.__version__)"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if process.returncode not in (0, 1) or not report.exists():  # 1: some tests failed
        return Run(full_version, mode, 0, 1, 0)
    suite = ET.parse(report).getroot()[0]  # noqa: S314 - written by pytest
    counts = suite.attrib
    failed, skipped = int(counts["failures"]) + int(counts["errors"]), int(counts["skipped"])
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    undocumented = {reason for skip in suite.iter("skipped") if (reason := skip.get("message", "")) not in page}
    if undocumented:
        print(f"reasons for skipped tests that are missing in {PAGE.name}: {', '.join(sorted(undocumented))}")
        failed += len(undocumented)
    return Run(full_version, mode, int(counts["tests"]) - failed - skipped, failed, skipped)


def table(runs: list[Run]) -> str:
    """Return the runs as a Markdown table."""
    head = "| PySpark | mode | passed | failed | skipped |\n|---|---|---:|---:|---:|\n"
    return head + "".join(f"| {' | '.join(map(str, run))} |\n" for run in runs)


def write(runs: list[Run]) -> None:
    """Update the page's table with the runs."""
    page = PAGE.read_text(encoding="utf-8")
    earlier = [Run(version, mode, *map(int, counts)) for version, mode, *counts in ROW.findall(page)]
    latest = {run.cell: run for run in [*earlier, *runs]}
    text = table([latest[cell] for cell in CELLS if cell in latest])
    PAGE.write_text(TABLE.sub(lambda _: text, page), encoding="utf-8")


def main() -> int:
    """Run the requested cells, and return 1 if a test failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--write", action="store_true", help="update the table in docs/engines.md")
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
    return int(any(result.failed or not result.passed for result in runs))


if __name__ == "__main__":
    sys.exit(main())
