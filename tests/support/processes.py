"""Start processes in tests, each in its own process group, which ends with the test."""

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

# Seconds until a process that hangs is killed; long enough for a busy machine.
LIMIT = 900
# Starts the command, and kills the process group when stdin, a pipe from the test's process, is closed.
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
    """Return environment variables for a process with its own engine, with this Python's commands on the path."""
    # PySpark sets this variable when this process uses Connect; a process that inherits it would use Connect too.
    inherited = {name: value for name, value in os.environ.items() if name != "SPARK_CONNECT_MODE_ENABLED"}
    return inherited | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"} | given


@contextmanager
def started(command: Sequence[object], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a process, and kill its process group on exit. Options are those of ``subprocess.Popen``."""
    options = {"text": True, **options}
    with subprocess.Popen(list(map(str, command)), start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            end_group(process.pid)


@contextmanager
def daemon(command: Sequence[object], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a process that runs until the context exits, or until this process is killed."""
    with started(["sh", "-c", _GUARD, "sh", *command], stdin=subprocess.PIPE, **options) as process:
        yield process


def run(
    command: Sequence[object], *, env: Mapping[str, str], cwd: Path | None = None, limit: float = LIMIT
) -> subprocess.CompletedProcess[str]:
    """Run a command, and return its output and exit code. After ``limit`` seconds its process group is killed."""
    with started(command, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(timeout=limit)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def end_group(leader: int) -> None:
    """Kill a process group, if it still exists."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
