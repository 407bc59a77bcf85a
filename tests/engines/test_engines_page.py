"""What docs/engines.md says of each engine is what the tests run."""

from __future__ import annotations

import inspect
import re

import chains
import pytest
from engines import NEEDS
from repository import ROOT

import shopsmart_etl

PAGE = (ROOT / "docs" / "engines.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")]
ON_SAIL = {name: row[4] for row in ROWS for name in re.findall(r"`(\w+)`", row[0])}
SOURCE = inspect.getsource(chains).partition("REFUSED_ON_SAIL")[0]


def test_every_step_has_its_row() -> None:
    steps = {name for name in shopsmart_etl.__all__ if name.islower()} | {"Audit"}
    named = [name for row in ROWS for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(named) == sorted(steps)


@pytest.mark.parametrize("name", [name for name, says in ON_SAIL.items() if says.startswith("equal")])
def test_what_is_called_equal_is_in_the_chains(name: str) -> None:
    # A pipeline is only its steps, one after the other.
    assert name == "pipeline" or re.search(rf"\b{name}\(", SOURCE)


def test_what_is_said_to_fail_is_tried() -> None:
    assert {name for name, says in ON_SAIL.items() if "fails" in says} == set(chains.FAILS_ON_SAIL)


def test_what_is_called_refused_is_tried() -> None:
    refused = {name for name, says in ON_SAIL.items() if says.startswith("refused")}
    assert refused == {name for name in chains.REFUSED_ON_SAIL if name.isidentifier()}


@pytest.mark.parametrize("need", NEEDS)
def test_every_reason_for_skipping_is_on_the_page(need: str) -> None:
    assert NEEDS[need].reason in " ".join(PAGE.split())
