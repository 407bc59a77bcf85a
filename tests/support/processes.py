"""Processes that tests start: each in a group of its own, which ends with the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Long enough for a busy machine: the limit ends what hangs, and measures nothing.
LIMIT = 900
# Starts the command, and kills the whole group when its stdin, a pipe from the test's process, is closed.
_GUARD = """
exec 3<&0
"$@" </dev/null 3<&- &
command=$!
(cat <&3 >/dev/null; kill -KILL 0) &
wait "$command"
status=$?
trap "" TERM; kill -TERM 0 2>/dev/null
exit "$status"
"""


def surroundings(**given: str) -> dict[str, str]:
    """Return the environment of a process with an engine of its own, and this Python's commands on its path."""
    # Set by PySpark once this process is on Connect, and then so is any other that inherits it.
    inherited = {name: value for name, value in os.environ.items() if name != "SPARK_CONNECT_MODE_ENABLED"}
    return inherited | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"} | given


@contextmanager
def started(command: Sequence[object], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a process, and end it with everything that it started. Options are those of ``subprocess.Popen``."""
    options = {"text": True, **options}
    with subprocess.Popen(list(map(str, command)), start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            end_group(process.pid)


@contextmanager
def daemon(command: Sequence[object], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a process that does not end by itself. It ends too where this process is killed."""
    with started(["sh", "-c", _GUARD, "sh", *command], stdin=subprocess.PIPE, **options) as process:
        yield process


def run(
    command: Sequence[object], *, env: Mapping[str, str], cwd: Path | None = None, limit: float = LIMIT
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return what it printed.

    If it takes too long, it is ended with everything that it started.
    """
    with started(command, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(timeout=limit)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def end_group(leader: int) -> None:
    """Kill a process group; nothing happens where it has ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
