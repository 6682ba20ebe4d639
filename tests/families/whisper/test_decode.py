"""Token sequences, languages and figures are those of openai-whisper's ``decode``."""

from __future__ import annotations

import math

import pytest
import torch

from attnasr_cli.families.whisper.decode.decoding import DecodingTask, TaskOptions, pick
from tests.families.whisper.conftest import ENGLISH, SMALL

INPUTS, TOKENS = 50, 14


@pytest.fixture(scope="module")
def inputs():
    """Encoder outputs of 50 windows, in one batch: (50, 1500, 64)"""
    return torch.randn(INPUTS, 1500, 64, generator=torch.Generator().manual_seed(7))


def reference_results(openai, reference, frames, **options):
    """Greedy in one batch; beams one by one, as the reference cannot batch them."""
    several = options.get("beam_size") or options.get("best_of")
    options = openai.DecodingOptions(fp16=False, sample_len=TOKENS, **options)
    if several:
        return [openai.decode(reference, x[None], options)[0] for x in frames]
    return openai.decode(reference, frames, options)


def ours(model, frames, temperature=0.0, previous=(), generators=(), **options):
    task = DecodingTask(model.net, model.tokenizer, TaskOptions(max_tokens=TOKENS, **options))
    memory = model.net.project_memory(frames)
    starts = task.detect(memory, previous)
    return task.decode(memory, starts, temperature, generators, previous)


def assert_same(found, wanted):
    assert [r.tokens for r in found] == [r.tokens for r in wanted]
    assert [r.text for r in found] == [r.text for r in wanted]
    for ours, theirs in zip(found, wanted, strict=True):
        assert math.isclose(ours.avg_logprob, theirs.avg_logprob, abs_tol=5e-4)
        assert math.isclose(ours.no_speech_prob, theirs.no_speech_prob, abs_tol=1e-5)
        assert math.isclose(ours.compression_ratio, theirs.compression_ratio)


CASES = {
    "greedy": ({}, {"beams": 1}),
    "greedy without timestamps": (
        {"without_timestamps": True},
        {"beams": 1, "timestamps": False},
    ),
    "beam 5": ({"beam_size": 5}, {}),
    "beam 5 without timestamps": (
        {"beam_size": 5, "without_timestamps": True},
        {"timestamps": False},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@torch.inference_mode()
def test_fifty_inputs_in_one_batch(openai, pair, inputs, case):
    reference, model = pair(SMALL)
    theirs, mine = case
    wanted = reference_results(openai, reference, inputs, language="de", **theirs)
    assert_same(ours(model, inputs, language="de", **mine), wanted)
    assert len({tuple(r.tokens) for r in wanted}) > INPUTS // 2  # not all the same text


@pytest.mark.parametrize("beams", [1, 5])
@torch.inference_mode()
def test_alone_is_as_in_a_batch(pair, inputs, beams):
    _, model = pair(SMALL)
    together = ours(model, inputs, language="en", beams=beams)
    for i in range(0, INPUTS, 10):
        alone = ours(model, inputs[i : i + 1], language="en", beams=beams)[0]
        assert alone.tokens == together[i].tokens


PROMPT, PREFIX = " What was said before", " And so"


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        ({"beam_size": 3, "patience": 2.0}, {"beams": 3, "patience": 2.0}),
        ({"beam_size": 4, "patience": 0.5}, {"beams": 4, "patience": 0.5}),
        ({"beam_size": 3, "length_penalty": 0.6}, {"beams": 3, "length_penalty": 0.6}),
        ({"task": "translate"}, {"beams": 1, "task": "translate"}),
        ({"suppress_tokens": ""}, {"beams": 1, "suppress": False}),
        ({"max_initial_timestamp": 0.2}, {"beams": 1, "max_initial_timestamp_s": 0.2}),
        ({"max_initial_timestamp": None}, {"beams": 1, "max_initial_timestamp_s": None}),
        ({"language": None}, {"beams": 1, "language": None}),
    ],
    ids=["patience 2", "patience 0.5", "length penalty", "translate", "suppress", "initial",
         "no initial", "detected language"],
)  # fmt: skip
@torch.inference_mode()
def test_each_option_is_the_references(openai, pair, inputs, theirs, mine):
    reference, model = pair(SMALL)
    some = inputs[:6]
    # one by one: with patience below 1 what the reference adds depends on the rest of its batch
    wanted = [
        reference_results(openai, reference, x[None], **({"language": "fr"} | theirs))[0]
        for x in some
    ]
    assert_same(ours(model, some, **({"language": "fr"} | mine)), wanted)


@pytest.mark.parametrize("beams", [1, 5])
@torch.inference_mode()
def test_prompt_and_prefix(openai, pair, inputs, beams):
    reference, model = pair(SMALL)
    text, some = model.tokenizer, inputs[:10]
    beam = {"beam_size": beams} if beams > 1 else {}
    long = " ".join([PROMPT.strip()] * 80)  # longer than the decoder holds: its end counts
    for prompt in (PROMPT, long):
        wanted = reference_results(
            openai, reference, some, language="en", prompt=prompt, prefix=PREFIX, **beam
        )
        previous = text.encode(" " + prompt.strip())
        prefix = tuple(text.encode(PREFIX))
        assert_same(ours(model, some, 0.0, previous, (), language="en", beams=beams, prefix=prefix),
                    wanted)  # fmt: skip


@torch.inference_mode()
def test_language_probabilities(openai, pair, inputs):
    reference, model = pair(SMALL)
    _, wanted = reference.detect_language(inputs[:8])
    task = DecodingTask(model.net, model.tokenizer, TaskOptions())
    for window_start, probs in zip(
        task.detect(model.net.project_memory(inputs[:8])), wanted, strict=True
    ):
        assert window_start.languages == pytest.approx(probs, abs=1e-5)
        assert window_start.language == max(probs, key=probs.get)


@torch.inference_mode()
def test_english_only(openai, pair, inputs):
    reference, model = pair(ENGLISH)
    wanted = reference_results(openai, reference, inputs[:5], language="en")
    assert_same(ours(model, inputs[:5], beams=1), wanted)


@pytest.mark.parametrize("samples", [1, 3])
@torch.inference_mode()
def test_sampling_draws_what_the_reference_draws(openai, pair, inputs, samples):
    reference, model = pair(SMALL)
    for i in range(4):
        torch.manual_seed(i)
        wanted = reference_results(
            openai, reference, inputs[i : i + 1], language="en", temperature=0.7,
            best_of=samples if samples > 1 else None,
        )  # fmt: skip
        generator = torch.Generator().manual_seed(i)
        found = ours(model, inputs[i : i + 1], 0.7, (), [generator], language="en", best_of=samples)
        assert_same(found, wanted)


@torch.inference_mode()
def test_sampling_alone_is_as_in_a_batch(pair, inputs):
    _, model = pair(SMALL)

    def generators(indices):
        return [torch.Generator().manual_seed(i) for i in indices]

    together = ours(model, inputs[:6], 0.5, (), generators(range(6)), language="en", best_of=2)
    for i in range(6):
        alone = ours(model, inputs[i : i + 1], 0.5, (), generators([i]), language="en", best_of=2)
        assert alone[0].tokens == together[i].tokens


def test_pick_copies_nothing_where_all_are_asked_for(pair, inputs):
    _, model = pair(SMALL)
    memory = model.net.project_memory(inputs[:3])
    assert pick(memory, [0, 1, 2]) is memory
    torch.testing.assert_close(pick(memory, [2]).frames, inputs[2:3])
