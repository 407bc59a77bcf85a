"""The table in docs/engines.md matches the chains that the tests run on each engine."""

from __future__ import annotations

import inspect
import re

import chains
import pytest
from engines import NEEDS
from generated import on_engines
from repository import ROOT

PAGE = (ROOT / "docs" / "engines.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("<!-- engines -->")[2].partition("<!-- end of engines -->")[0]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines() if line.startswith("| `")]
ON_SAIL = {name: row[4] for row in ROWS for name in re.findall(r"`([\w.]+)`", row[0])}
SOURCE = inspect.getsource(chains).partition("REFUSED_ON_SAIL")[0]


def test_every_step_has_a_row() -> None:
    assert [name for row in ROWS for name in re.findall(r"`([\w.]+)`", row[0])] == on_engines()


@pytest.mark.parametrize("name", [name for name, cell in ON_SAIL.items() if cell.startswith("equal")])
def test_functions_that_are_equal_on_sail_are_in_the_chains(name: str) -> None:
    # A pipeline adds nothing to its steps.
    assert name == "pipeline" or re.search(rf"\b{re.escape(name)}\(", SOURCE)


def test_functions_that_fail_on_sail_are_tested() -> None:
    assert {name for name, cell in ON_SAIL.items() if "fails" in cell} == set(chains.FAILS_ON_SAIL)


def test_functions_that_are_refused_on_sail_are_tested() -> None:
    refused = {name for name, cell in ON_SAIL.items() if cell.startswith("refused")}
    assert refused == {name for name in chains.REFUSED_ON_SAIL if name.isidentifier()}


@pytest.mark.parametrize("need", NEEDS)
def test_every_reason_for_skipping_is_on_the_page(need: str) -> None:
    assert NEEDS[need].reason in " ".join(PAGE.split())
