"""The code blocks of the pages run, and print the output on the page."""

from __future__ import annotations

import contextlib
import doctest
import io
from typing import TYPE_CHECKING, Any

import pytest
from repository import BLOCK, ROOT

import shopsmart_etl

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
# The README is tested in every run, the other pages with the examples.
MARKS: dict[str, Any] = {
    "README.md": pytest.mark.smoke,
    "dirt.md": (pytest.mark.examples, pytest.mark.needs("names of unreadable files", "observations")),
    "nested.md": (pytest.mark.examples, pytest.mark.needs("variants")),
    "quality.md": (pytest.mark.examples, pytest.mark.needs("observations")),
}
CHECKER = doctest.OutputChecker()
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=MARKS.get(page.name, pytest.mark.examples), id=page.name) for page in PAGES]
)
def test_the_blocks_of_a_page_print_the_output_on_the_page(spark: SparkSession, page: Path) -> None:
    names = {"spark": spark}
    printed = ""
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            assert printed.strip() == "", f"the page does not show the output of a block: {printed}"
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(text, page.name, "exec"), names)  # noqa: S102 - the page is our own
            printed = out.getvalue()
        elif language == "text":
            assert CHECKER.check_output(text, printed, FLAGS), (
                f"the page shows\n{text}\nbut the block prints\n{printed}"
            )
            printed = ""
    assert printed.strip() == "", f"the page does not show the output of a block: {printed}"


def test_the_reference_and_the_readme_list_every_public_name() -> None:
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in shopsmart_etl.__all__ if f"`{name}" not in reference] == []
    steps = [name for name in shopsmart_etl.__all__ if not name.endswith("Error")]
    assert [name for name in steps if f"| `{name}` |" not in readme] == []
