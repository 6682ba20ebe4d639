"""What docs/cluster.md says is done: its options exist, its files are what Ray takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

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


def test_the_cluster_file_is_what_ray_takes() -> None:
    ray = pytest.importorskip("ray", reason="needs Ray: the extra `cluster`")
    yaml = pytest.importorskip("yaml")
    jsonschema = pytest.importorskip("jsonschema")
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.S)]
    cluster, job = blocks
    schema = Path(ray.__file__).parent / "autoscaler" / "ray-schema.json"
    jsonschema.validate(cluster, json.loads(schema.read_text(encoding="utf-8")))
    assert cluster["head_node_type"] in cluster["available_node_types"]
    assert job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["maxReplicas"] == 64
