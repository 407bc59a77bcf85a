"""A standalone Spark cluster on loopback: a master and workers, each a process of its own, from the pip package."""

from __future__ import annotations

import re
import subprocess
from collections import deque
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from threading import Thread, Timer
from typing import TYPE_CHECKING

import psutil
import pyspark
from processes import daemon, end_group, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator

SPARK = Path(str(pyspark.__file__)).parent
BOUND = 600  # seconds until a process that has not said what it should is ended; a busy machine needs minutes


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs.

    Attributes:
        url: The master's, as ``--master`` takes it.
        folder: Holds what the workers keep: ``work`` their applications, ``local`` shuffled rows.
        workers: The workers' process ids.
    """

    url: str
    folder: Path
    workers: list[int]

    def executors(self) -> list[int]:
        """List the process ids of the executors that run now."""
        started = [process for worker in self.workers for process in psutil.Process(worker).children(recursive=True)]
        return [process.pid for process in started if "CoarseGrainedExecutorBackend" in " ".join(_command(process))]

    def shuffled(self) -> set[str]:
        """List the files of shuffled rows that executors hold."""
        # Not pathlib's, which fails where a folder goes while it looks.
        return set(glob(f"{self.folder}/local/**/shuffle_*.data", recursive=True))  # noqa: PTH207

    def launched(self) -> int:
        """Count the executors that were ever launched."""
        return len(list(self.folder.glob("work/*/app-*/*")))


@contextmanager
def cluster(folder: Path, *, workers: int = 2) -> Iterator[Cluster]:
    """Run a master and workers of one core each, and end them with all that they started."""
    with ExitStack() as processes:
        master = _daemon(processes, folder, "master.Master")
        url = _said(master, r"spark://127\.0\.0\.1:\d+")
        pids = []
        for number in range(workers):
            home = str(folder / "work" / str(number))
            worker = _daemon(
                processes, folder, "worker.Worker", "--cores", "1", "--memory", "1g", "--work-dir", home, url
            )
            pids.append(worker.pid)
            _said(worker, "Successfully registered with master")
        yield Cluster(url, folder, pids)


def _daemon(processes: ExitStack, folder: Path, name: str, *arguments: str) -> subprocess.Popen[str]:
    settings = {
        "SPARK_CONF_DIR": str(folder),  # none: Spark's own log level, at which a process says that it is ready
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_HOME": str(SPARK),
        "SPARK_LOCAL_DIRS": str(folder / "local"),
    }
    command = [
        str(SPARK / "bin" / "spark-class"),
        f"org.apache.spark.deploy.{name}",
        *("--host", "127.0.0.1", "--port", "0", "--webui-port", "0"),
        *arguments,
    ]
    return processes.enter_context(
        daemon(command, env=surroundings(**settings), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    )


def _said(process: subprocess.Popen[str], pattern: str) -> str:
    """Wait until the process says something, and give it."""
    assert process.stdout
    heard: list[str] = []
    watchdog = Timer(BOUND, end_group, [process.pid])
    watchdog.start()
    for line in process.stdout:
        heard.append(line)
        if found := re.search(pattern, line):
            watchdog.cancel()
            # Read on, or the process would wait once the pipe is full.
            Thread(target=deque, args=(process.stdout, 0), daemon=True).start()
            return found[0]
    raise RuntimeError(f"the process never said {pattern!r}:\n{''.join(heard)}")


def _command(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []
