"""A process that a test starts ends with everything that it started, however the test ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from processes import daemon, run, started, surroundings

if TYPE_CHECKING:
    from collections.abc import Callable

# A shell that starts another process, prints its id, and waits.
PARENT = ["sh", "-c", "sleep 600 & echo $!; wait"]
SECONDS = 60


def ends(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("start", [started, daemon])
def test_a_test_that_fails_leaves_no_process(start: Callable[..., object]) -> None:
    child = 0

    def fail() -> None:
        nonlocal child
        with start(PARENT, stdout=subprocess.PIPE) as parent:  # type: ignore[attr-defined]
            child = int(parent.stdout.readline())
            assert not gone(child)
            raise RuntimeError("the test fails")

    with pytest.raises(RuntimeError, match="the test fails"):
        fail()
    assert ends(lambda: gone(child))


def test_a_command_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    note = tmp_path / "child"
    with pytest.raises(subprocess.TimeoutExpired):
        run(["sh", "-c", f"sleep 600 & echo $! >'{note}'; wait"], env=surroundings(), limit=1)
    assert ends(lambda: gone(int(note.read_text(encoding="utf-8"))))


def test_a_daemon_ends_where_the_process_that_started_it_is_killed() -> None:
    script = f"""
import subprocess, sys
from processes import daemon
with daemon({PARENT!r}, stdout=subprocess.PIPE) as parent:
    print(parent.stdout.readline(), flush=True)
    sys.stdin.read()
"""
    environment = surroundings(PYTHONPATH=str(Path(__file__).parent / "support"))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with started([sys.executable, "-c", script], env=environment, **pipes) as killed:
        assert killed.stdout is not None
        child = int(killed.stdout.readline())
        assert not gone(child)
        killed.send_signal(signal.SIGKILL)
        assert ends(lambda: gone(child))


def test_a_command_s_output_and_code_are_returned() -> None:
    done = run(["sh", "-c", "echo out; echo error >&2; exit 3"], env=surroundings())
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "error\n", 3)
