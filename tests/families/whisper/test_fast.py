"""Faster forms give nearly the same numbers, and leave the net that they came from alone."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest
import torch

from attnasr_cli.families.whisper.checkpoint import load_whisper, save_hf
from attnasr_cli.families.whisper.decode.decoding import DecodingTask, TaskOptions
from attnasr_cli.families.whisper.features import WhisperMel
from attnasr_cli.families.whisper.net.fast import accelerate
from tests.families.whisper.conftest import SMALL, noise

CPU = torch.device("cpu")
FORMS = [("float32", False), ("bfloat16", False), ("int8", False), ("int8", True)]


@pytest.fixture(scope="module")
def heard():
    return WhisperMel(80)([noise(1, 12.0), noise(2, 30.0)])


@pytest.mark.parametrize(("dtype", "low_encoder"), FORMS)
@torch.inference_mode()
def test_log_probs_stay_close(pair, heard, dtype, low_encoder):
    _, model = pair(SMALL)
    tokens = torch.randint(0, 51865, (2, 10), generator=torch.Generator().manual_seed(0))
    wanted = model.net.decode(model.net.encode(*heard), tokens).log_softmax(-1)
    fast = accelerate(model.net, CPU, dtype, low_encoder)
    memory = fast.encode(*heard)
    logits = fast.decode(memory, tokens)
    assert logits.dtype == torch.float32
    error = (logits.log_softmax(-1) - wanted).abs()
    assert error.mean() < {"float32": 1e-5, "bfloat16": 0.05, "int8": 0.15}[dtype]
    state = fast.start(memory, 1)
    for u in range(10):  # and step by step as all at once
        step = fast.step(tokens[:, u : u + 1], state, memory)
        state = step.state
    assert (step.log_probs - logits[:, -1].log_softmax(-1)).abs().mean() < 0.1
    torch.testing.assert_close(step.weights.sum(-1), torch.ones(2), rtol=0, atol=0.02)


@pytest.mark.parametrize(("dtype", "low_encoder"), FORMS)
@torch.inference_mode()
def test_every_form_decodes_alike(pair, heard, dtype, low_encoder):
    _, model = pair(SMALL)
    texts = []
    for form in ("float32", dtype):
        net = accelerate(model.net, CPU, form, low_encoder)
        task = DecodingTask(net, model.tokenizer, TaskOptions(language="en", beams=3, max_tokens=6))
        memory = net.encode(*heard)
        results = task.decode(memory, task.detect(memory), 0.0, [])
        texts.append([result.avg_logprob for result in results])
    assert texts[1] == pytest.approx(texts[0], abs=0.5)


def test_the_net_itself_is_left_alone(pair):
    _, model = pair(SMALL)
    before = {name: weight.clone() for name, weight in model.net.state_dict().items()}
    for dtype, low_encoder in FORMS:
        accelerate(model.net, CPU, dtype, low_encoder)
    after = model.net.state_dict()
    assert set(before) == set(after)
    for name, weight in before.items():
        assert after[name].dtype == torch.float32
        torch.testing.assert_close(after[name], weight, rtol=0, atol=0)
    assert all(parameter.requires_grad for parameter in model.net.parameters())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux what is in use")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_the_file_of_the_weights_is_let_go(pair, tmp_path, dtype):
    """One copy of the weights: none of the net's own tensors keeps the file in memory."""
    _, model = pair(SMALL)
    save_hf(tmp_path, model.net, model.tokenizer)
    fast = accelerate(load_whisper(tmp_path).net, CPU, dtype)
    gc.collect()
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()
    assert not fast.training


def test_an_unknown_form_is_refused(pair):
    _, model = pair(SMALL)
    with pytest.raises(ValueError, match="float8"):
        accelerate(model.net, CPU, "float8")
