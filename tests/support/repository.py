"""Paths of the repository and of the test data."""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SUPPORT = ROOT / "tests" / "support"
# Third-party data, which is not part of the repository.
DATA = Path(os.environ.get("SHOPSMART_DATA", ROOT.parent / "shared" / "data"))

# The columns of the UCI retail logs in it.
UCI = """InvoiceNo STRING, StockCode STRING, Description STRING, Quantity INT, InvoiceDate TIMESTAMP,
    UnitPrice DECIMAL(10, 2), CustomerID STRING, Country STRING"""

# A code block of a page: its language and its text.
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
