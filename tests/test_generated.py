"""Generated documentation is up to date."""

from __future__ import annotations

import pytest
from generated import generated
from repository import ROOT

GENERATED = generated()


@pytest.mark.parametrize("path", GENERATED)
def test_a_generated_file_is_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == GENERATED[path], "run `make generated`, and review the changes"
