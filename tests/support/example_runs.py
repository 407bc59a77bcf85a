"""Run the examples as processes of their own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import processes
from processes import surroundings
from repository import EXAMPLES

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


def run(example: str, *arguments: str | Path, command: str = sys.executable) -> subprocess.CompletedProcess[str]:
    environment = surroundings(PYSPARK_PYTHON="python3", SPARK_CONF_DIR=str(EXAMPLES / "conf"))
    return processes.run([command, EXAMPLES / example, *arguments], env=environment)


def ran(example: str, *arguments: str | Path, command: str = sys.executable) -> str:
    done = run(example, *arguments, command=command)
    assert done.returncode == 0, done.stderr
    assert "[Stage" not in done.stderr  # a bar is for terminals
    return done.stdout
