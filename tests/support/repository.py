"""Where the repository is, and the data beside it."""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SUPPORT = ROOT / "tests" / "support"
# Third-party data, which are no part of the repository.
DATA = Path(os.environ.get("SHOPSMART_DATA", ROOT.parent / "shared" / "data"))

# The columns of the UCI's retail logs among them.
UCI = """InvoiceNo STRING, StockCode STRING, Description STRING, Quantity INT, InvoiceDate TIMESTAMP,
    UnitPrice DECIMAL(10, 2), CustomerID STRING, Country STRING"""

# A block of a page: its language and its text.
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
