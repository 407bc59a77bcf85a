"""Processes that a test starts end with their child processes, even if the test fails or is killed."""

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

# A shell that starts a child process, prints its id, and waits.
PARENT = ["sh", "-c", "sleep 600 & echo $!; wait"]
SECONDS = 60


def becomes_true(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("start", [started, daemon])
def test_a_failed_test_ends_its_processes(start: Callable[..., object]) -> None:
    child = 0

    def fail() -> None:
        nonlocal child
        with start(PARENT, stdout=subprocess.PIPE) as parent:  # type: ignore[attr-defined]
            child = int(parent.stdout.readline())
            assert not has_ended(child)
            raise RuntimeError("the test fails")

    with pytest.raises(RuntimeError, match="the test fails"):
        fail()
    assert becomes_true(lambda: has_ended(child))


def test_a_command_that_takes_too_long_is_killed_with_its_child_processes(tmp_path: Path) -> None:
    pid_file = tmp_path / "child"
    with pytest.raises(subprocess.TimeoutExpired):
        run(["sh", "-c", f"sleep 600 & echo $! >'{pid_file}'; wait"], env=surroundings(), limit=1)
    assert becomes_true(lambda: has_ended(int(pid_file.read_text(encoding="utf-8"))))


def test_a_daemon_ends_when_its_parent_is_killed() -> None:
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
        assert not has_ended(child)
        killed.send_signal(signal.SIGKILL)
        assert becomes_true(lambda: has_ended(child))


def test_the_output_and_exit_code_of_a_command_are_returned() -> None:
    process = run(["sh", "-c", "echo out; echo error >&2; exit 3"], env=surroundings())
    assert (process.stdout, process.stderr, process.returncode) == ("out\n", "error\n", 3)
