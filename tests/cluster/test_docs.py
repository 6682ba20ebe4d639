"""What docs/cluster.md says is done: its options exist, its files are what Ray takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from attnasr_cli.cluster import backlog, pool, recordings, run
from attnasr_cli.transcribe.options import OPTIONS

TEXT = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")
OTHERS = {"--model", "--nodes", "--ntasks-per-node", "--cpus-per-task", "--gpus-per-node"}
OF_RAY = {"--address", "--min-nodes"}


def test_every_option_that_is_named_exists() -> None:
    flags = {option.flag for option in OPTIONS} | OTHERS | OF_RAY
    assert set(re.findall(r"--[a-z][a-z-]+", TEXT)) <= flags
    for option in OPTIONS:
        if option.panel == "Cluster":
            assert option.flag in TEXT


def test_the_numbers_are_those_of_the_program() -> None:
    assert (run.CHUNK_BATCHES, run.LONG_CHUNKS, pool.AT_ONCE, run.DEATHS) == (2, 2, 2, 3)
    assert f"up to {run.FEW}" in TEXT
    assert run.SHARES == 8
    assert recordings.STRETCHES == 16
    assert backlog.UNKNOWN_S > 0


def blocks() -> list[Any]:
    """The YAML files: of the autoscaler, and of KubeRay."""
    yaml = pytest.importorskip("yaml")
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.S)]


def test_the_cluster_file_is_what_ray_takes() -> None:
    """Read as ``ray up`` reads it, up to the first question to the cloud."""
    util = pytest.importorskip("ray.autoscaler._private.util", reason="needs Ray: `cluster`")
    full = util.prepare_config(blocks()[0])
    util.validate_config(full)
    assert full["max_workers"] == full["available_node_types"]["gpu"]["max_workers"] == 16
    assert any("--autoscaling-config" in line for line in full["head_start_ray_commands"])
    assert any("--address=$RAY_HEAD_IP" in line for line in full["worker_start_ray_commands"])
    with pytest.raises(Exception, match="head_node_type"):
        util.validate_config(util.prepare_config(blocks()[0] | {"head_node_type": "other"}))


def test_the_job_of_kubernetes_names_what_it_mounts() -> None:
    job = blocks()[1]
    spec = job["spec"]["rayClusterSpec"]
    assert spec["enableInTreeAutoscaling"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    assert groups[1]["maxReplicas"] == 64
    for group in groups:
        pod = group["template"]["spec"]
        mounted = {m["name"] for c in pod["containers"] for m in c["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}
