"""The seed of the tests that draw moments: random for each run, and the same in all of its processes."""

from __future__ import annotations

import os
import random

SEED = os.environ.setdefault("SHOPSMART_SEED", str(random.randrange(10**6)))  # noqa: S311 - no secret
