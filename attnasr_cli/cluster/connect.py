"""Joins a Ray cluster or starts one on this machine; Ray's failures become one-line errors."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from dataclasses import dataclass
from typing import Any

from attnasr_cli import device
from attnasr_cli.errors import ClusterError, UsageError

LOCAL, AUTO = "local", "auto"
STORE_BYTES = 100 * 2**20
"""size of Ray's object store on this machine; results are small"""
PATIENCE_S = 5.0
"""how long to wait for a connection to the cluster"""
ANSWER_S = 10.0
"""how long to wait for its first words, also where its head is busy"""
STARTS = 3
"""attempts to start Ray on this machine"""
CLIENT = "ray://"
SETTINGS = b"\x04"
"""type of the frame that a connection of HTTP/2 begins with; in its header: length (3 bytes), type,
flags, number of the stream (4 bytes), which is 0"""
FRAME_BYTES = 9
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + SETTINGS + bytes(5)
"""what a client says first: the preface, and settings that change nothing"""


@dataclass
class Cluster:
    """A connected cluster, and the resources of one worker."""

    ray: Any
    address: str
    workers: int | None
    """how many to start; None: as many as fit"""
    cpus: float
    gpus: float
    started: bool
    """whether it was started here and is stopped at the end"""
    dashboard: str = ""
    """host and port of Ray's dashboard, or empty"""

    def actor(self, cls: type) -> Any:
        """A new worker, wherever Ray finds room."""
        options = {
            "num_cpus": self.cpus,
            "num_gpus": self.gpus,
            "max_concurrency": 2,
            "max_restarts": 0,
            "max_task_retries": 0,
        }
        return self.ray.remote(cls).options(**options).remote()

    def wanted(self) -> int:
        """How many workers there should be now; at least one, which lets an autoscaling cluster
        grow."""
        if self.workers is not None:
            return self.workers
        there = self.ray.cluster_resources()
        rooms = [there.get("CPU", 0.0) / self.cpus] if self.cpus else []
        if self.gpus:
            rooms.append(there.get("GPU", 0.0) / self.gpus)
        return max(int(min(rooms, default=1.0)), 1)

    def room(self) -> str:
        """The resources of the cluster, in a few words."""
        there = self.ray.cluster_resources()
        needs = f"each needs {self.cpus:g} CPU" + (f" and {self.gpus:g} GPU" if self.gpus else "")
        has = f"{there.get('CPU', 0.0):g} CPU and {there.get('GPU', 0.0):g} GPU"
        return f"{needs}; the cluster has {has} at the moment"

    def close(self) -> None:
        """Stop it, if it was started here."""
        if self.started:
            self.ray.shutdown()


def connect(
    address: str, workers: int | None = None, cpus: float | None = None, gpus: float | None = None
) -> Cluster:
    """Connect to a cluster. address: ``local`` starts Ray here, ``auto`` joins the cluster that
    this machine belongs to, else ``host:port`` or ``ray://host:port``. workers, cpus, gpus: how
    many, and what each takes.

    Raises UsageError without Ray, ClusterError where there is no cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # A worker that takes no GPU sees none; said here, as Ray warns of a change of its default.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise UsageError("--cluster needs Ray", "pip install 'attnasr[cluster]'") from None
    started, dashboard = False, ""
    if not ray.is_initialized():
        dashboard = _join(ray, address, workers, cpus)
        started = True
    if gpus is None:
        gpus = 1.0 if ray.cluster_resources().get("GPU", 0.0) else 0.0
    return Cluster(ray, address, workers, 1.0 if cpus is None else cpus, gpus, started, dashboard)


def _join(ray: Any, address: str, workers: int | None, cpus: float | None) -> str:
    """Returns where Ray's dashboard is, or an empty text."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address == LOCAL:
        room: dict[str, Any] = {"include_dashboard": False, "object_store_memory": STORE_BYTES}
        # Ray makes its workers nicer than what else runs here: they are all that runs of this
        room["_system_config"] = {"worker_niceness": 0}
        needed = math.ceil((workers or 0) * (cpus or 1.0))
        cores = needed or device.cores()
        for _ in range(STARTS - 1):  # on a busy machine Ray gives up on parts of itself
            with contextlib.suppress(ClusterError):
                return _attempt(ray, address, address=LOCAL, num_cpus=cores, **room, **quiet)
            ray.shutdown()
        return _attempt(ray, address, address=LOCAL, num_cpus=cores, **room, **quiet)
    found = _found() if address == AUTO else address
    if found:
        _knock(found)
    return _attempt(ray, address, address=address, **quiet)


def _found() -> str:
    """host:port that ``auto`` leads to, maybe of a cluster that is gone; an empty text where Ray
    has to say it."""
    named = os.environ.get("RAY_ADDRESS", "")
    if named:
        return named if named.removeprefix(CLIENT).rpartition(":")[2].isdigit() else ""
    try:
        from ray._private.services import get_ray_address_from_environment

        return str(get_ray_address_from_environment(AUTO, None))
    except Exception:  # none is found, or another version of Ray
        return ""


def _knock(address: str) -> None:
    """Raises ClusterError where nothing answers at the address, or something that is not Ray; Ray
    itself would wait for minutes."""
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(
            f"--cluster {address}", "use local, auto, host:port, or ray://host:port from outside"
        )
    try:
        with socket.create_connection((host, int(port)), PATIENCE_S) as connection:
            greeted = _greets(connection)
    except (OSError, OverflowError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise ClusterError(
            f"no Ray cluster at {address}: {reason}",
            "is it running (ray status), and is the port right (6379, or 10001 for ray://)?",
        ) from None
    if not greeted and os.environ.get("RAY_USE_TLS", "0") in ("", "0"):
        raise ClusterError(
            f"no Ray cluster at {address}: something else answers there",
            "is the port right (6379, or 10001 for ray://)? A cluster with TLS needs RAY_USE_TLS=1",
        )


def _greets(connection: socket.socket) -> bool:
    """Whether the other end speaks HTTP/2, as gRPC does, which Ray is built on. RFC 9113, 3.4: both
    sides begin with their settings."""
    frame = b""
    try:
        connection.settimeout(ANSWER_S)
        connection.sendall(HELLO)
        end = time.monotonic() + ANSWER_S
        while len(frame) < FRAME_BYTES and time.monotonic() < end:
            more = connection.recv(FRAME_BYTES - len(frame))
            if not more:
                return False
            frame += more
    except OSError:  # it says nothing in time, or hangs up
        return False
    return frame[3:4] == SETTINGS and frame[5:] == bytes(4)


def _attempt(ray: Any, shown: str, **how: Any) -> str:
    try:
        return str(getattr(ray.init(**how), "dashboard_url", "") or "")
    except ImportError as problem:
        raise UsageError(f"--cluster {shown}: {problem}", "pip install 'ray[client]'") from None
    except Exception as problem:
        text = " ".join(str(problem).split()) or type(problem).__name__
        if "ersion mismatch" in text or "version mismatch" in text.lower():
            raise ClusterError(
                f"the cluster at {shown} has another Ray or Python: {text[:200]}",
                f"this is Ray {ray.__version__}; install the same on all machines",
            ) from None
        hint = "start one with ray start --head, or use --cluster local"
        if "Failed to connect" in text and "RAY_AUTH_MODE" not in os.environ:
            hint = "if it wants a token (~/.ray/auth_token), set RAY_AUTH_MODE=token"
        if shown == LOCAL:
            hint = "see the logs in /tmp/ray/session_latest/logs"
        raise ClusterError(f"no Ray cluster at {shown}: {text[:200]}", hint) from None
