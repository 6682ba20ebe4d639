"""Joins a Ray cluster or starts one on this machine; Ray's failures become one-line errors."""

from __future__ import annotations

import contextlib
import math
import os
import socket
from dataclasses import dataclass
from typing import Any

from attnasr_cli import device
from attnasr_cli.errors import ClusterError, UsageError

LOCAL, AUTO = "local", "auto"
STORE_BYTES = 100 * 2**20
"""size of Ray's object store on this machine; results are small"""
PATIENCE_S = 5.0
"""how long to wait for a connection to the cluster"""
STARTS = 3
"""attempts to start Ray on this machine"""
CLIENT = "ray://"


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
    if address != AUTO:
        _knock(address)
    return _attempt(ray, address, address=address, **quiet)


def _knock(address: str) -> None:
    """Raises ClusterError where nothing answers at the address; Ray itself would wait for a
    minute."""
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(
            f"--cluster {address}", "use local, auto, host:port, or ray://host:port from outside"
        )
    try:
        socket.create_connection((host, int(port)), PATIENCE_S).close()
    except (OSError, OverflowError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise ClusterError(
            f"no Ray cluster at {address}: {reason}",
            "is it running (ray status), and is the port right (6379, or 10001 for ray://)?",
        ) from None


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
        if shown == LOCAL:
            hint = "see the logs in /tmp/ray/session_latest/logs"
        raise ClusterError(f"no Ray cluster at {shown}: {text[:200]}", hint) from None
