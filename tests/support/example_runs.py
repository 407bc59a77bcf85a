"""Run the examples in separate processes."""

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


def output_of(example: str, *arguments: str | Path, command: str = sys.executable) -> str:
    process = run(example, *arguments, command=command)
    assert process.returncode == 0, process.stderr
    assert "[Stage" not in process.stderr  # no progress bar outside of a terminal
    return process.stdout
