"""Start Spark Connect and Sail servers on loopback, from a given Python environment."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from processes import daemon

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A JVM can need minutes to start on a busy machine.
_SECONDS_TO_START = 600
# By default, gRPC waits longer after each failed attempt to connect.
_CHANNEL_OPTIONS = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]


@contextmanager
def connect_server(python: Path = Path(sys.executable), *, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Start the Spark Connect server of an environment's PySpark, and yield the address for ``remote``."""
    code = "import importlib.util as u; print(u.find_spec('pyspark').submodule_search_locations[0])"
    home = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    port = _free_port()
    conf = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.ui.enabled": "false",
        **(settings or {}),
    }
    command = [f"{home}/bin/spark-submit", "--master", "local[2]", "--driver-memory", "4g"]
    command += [part for name, value in conf.items() for part in ("--conf", f"{name}={value}")]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    environment = {**os.environ, "SPARK_HOME": home, "PYSPARK_PYTHON": str(python)}
    with _serving(command, environment, port):
        yield f"sc://127.0.0.1:{port}"


@contextmanager
def sail_server(python: Path = Path(sys.executable)) -> Iterator[str]:
    """Start the Sail server of an environment, and yield the address for ``remote``."""
    port = _free_port()
    command = [str(python.parent / "sail"), "spark", "server", "--ip", "127.0.0.1", "--port", str(port)]
    with _serving(command, dict(os.environ), port):
        yield f"sc://127.0.0.1:{port}"


@contextmanager
def _serving(command: list[str], environment: dict[str, str], port: int) -> Iterator[None]:
    with daemon(command, env=environment, stdout=subprocess.DEVNULL) as server:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=_CHANNEL_OPTIONS) as channel:
            _wait(server, grpc.channel_ready_future(channel))
        yield


def _wait(server: subprocess.Popen[str], ready: grpc.Future) -> None:
    for _ in range(_SECONDS_TO_START):
        with suppress(grpc.FutureTimeoutError):
            ready.result(timeout=1)
            return
        assert server.poll() is None, f"the server ended with {server.returncode}"
    raise TimeoutError(f"the server did not answer in {_SECONDS_TO_START} s")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
