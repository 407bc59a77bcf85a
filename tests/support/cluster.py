"""Run a standalone Spark cluster from the pip package on loopback: a master and workers as separate processes."""

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
BOUND = 600  # seconds to wait for the output of a process; a busy machine needs minutes


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

    Attributes:
        url: The master's URL, for ``--master``.
        folder: The workers' files: applications in ``work``, shuffled rows in ``local``.
        workers: The workers' process ids.
    """

    url: str
    folder: Path
    workers: list[int]

    def executors(self) -> list[int]:
        """List the process ids of the running executors."""
        started = [process for worker in self.workers for process in psutil.Process(worker).children(recursive=True)]
        return [process.pid for process in started if "CoarseGrainedExecutorBackend" in " ".join(_command(process))]

    def shuffled(self) -> set[str]:
        """List the executors' files of shuffled rows."""
        # pathlib's glob fails if a folder is deleted meanwhile.
        return set(glob(f"{self.folder}/local/**/shuffle_*.data", recursive=True))  # noqa: PTH207

    def launched(self) -> int:
        """Count all executors that have been launched."""
        return len(list(self.folder.glob("work/*/app-*/*")))


@contextmanager
def cluster(folder: Path, *, workers: int = 2) -> Iterator[Cluster]:
    """Run a master and workers of one core each, and end them with all processes that they started."""
    with ExitStack() as processes:
        master = _daemon(processes, folder, "master.Master")
        url = _wait_for_output(master, r"spark://127\.0\.0\.1:\d+")
        pids = []
        for number in range(workers):
            home = str(folder / "work" / str(number))
            worker = _daemon(
                processes, folder, "worker.Worker", "--cores", "1", "--memory", "1g", "--work-dir", home, url
            )
            pids.append(worker.pid)
            _wait_for_output(worker, "Successfully registered with master")
        yield Cluster(url, folder, pids)


def _daemon(processes: ExitStack, folder: Path, name: str, *arguments: str) -> subprocess.Popen[str]:
    settings = {
        "SPARK_CONF_DIR": str(folder),  # without settings: Spark's default log level logs that a process is ready
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


def _wait_for_output(process: subprocess.Popen[str], pattern: str) -> str:
    """Wait until the process prints text that matches a pattern, and return that text."""
    assert process.stdout
    output: list[str] = []
    watchdog = Timer(BOUND, end_group, [process.pid])
    watchdog.start()
    for line in process.stdout:
        output.append(line)
        if match := re.search(pattern, line):
            watchdog.cancel()
            # Keep reading: the process blocks when the pipe is full.
            Thread(target=deque, args=(process.stdout, 0), daemon=True).start()
            return match[0]
    raise RuntimeError(f"the process did not print {pattern!r}:\n{''.join(output)}")


def _command(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []
