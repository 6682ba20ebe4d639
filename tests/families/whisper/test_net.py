"""Features, encoder and logits are those of openai-whisper and transformers."""

from __future__ import annotations

import pytest
import torch

from attnasr_cli.families.whisper.checkpoint import load_whisper, save_hf
from attnasr_cli.families.whisper.features import MelRecorder, WhisperMel, log_mel
from attnasr_cli.families.whisper.net.model import Whisper, WhisperConfig
from attnasr_cli.nets.protocol import reorder
from tests.families.whisper.conftest import BASE, SMALL, TINY, WIDE_MEL, noise

SHAPES = {"tiny": TINY, "base": BASE, "128 bins": WIDE_MEL}


@pytest.mark.parametrize("bins", [80, 128])
@pytest.mark.parametrize("samples", [100, 250, 16_000, 480_000, 1_232_033])
def test_features_equal_the_references(openai, bins, samples):
    x = noise(1, samples / 16_000)[:samples]
    wanted = openai.log_mel_spectrogram(x, bins, padding=480_000)[:, : samples // 160].T
    found = log_mel(x, bins)
    assert found.shape == wanted.shape
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


def test_features_equal_transformers(transformers):
    x = noise(2, 25.0)  # both see silence behind it
    extractor = transformers.WhisperFeatureExtractor(feature_size=80)
    wanted = extractor(x.numpy(), sampling_rate=16_000, return_tensors="pt").input_features[0].T
    torch.testing.assert_close(log_mel(x, 80), wanted[:2500], rtol=0, atol=1e-5)


def test_features_do_not_depend_on_the_blocks():
    x = noise(3, 70.0)
    recorder = MelRecorder(80)
    for block in x.split(7_777):
        recorder.push(block)
    recorder.finish()
    whole = log_mel(x, 80)
    torch.testing.assert_close(recorder.window(5_900, 200), whole[5_900:6_100])
    assert recorder.window(6_990, 3_000).shape == (10, 80)
    assert recorder.window(7_000, 3_000).shape == (0, 80)


@pytest.mark.parametrize("dims", SHAPES.values(), ids=SHAPES.keys())
@torch.inference_mode()
def test_encoder_and_logits_equal_openai(pair, dims):
    reference, model = pair(dims)
    features, lengths = WhisperMel(dims["n_mels"])([noise(4)])
    wanted = reference.encoder(features.transpose(1, 2))
    memory = model.net.encode(features, lengths)
    torch.testing.assert_close(memory.frames, wanted, rtol=1e-4, atol=1e-4)
    tokens = torch.randint(0, dims["n_vocab"], (1, 12), generator=torch.Generator().manual_seed(1))
    logits = reference.logits(tokens, wanted)
    torch.testing.assert_close(model.net.decode(memory, tokens), logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dims", SHAPES.values(), ids=SHAPES.keys())
@torch.inference_mode()
def test_transformers_reads_what_is_saved(pair, transformers, dims, tmp_path):
    _, model = pair(dims)
    save_hf(tmp_path, model.net, model.tokenizer)
    theirs = transformers.WhisperForConditionalGeneration.from_pretrained(tmp_path).eval()
    features, lengths = WhisperMel(dims["n_mels"])([noise(5)])
    tokens = torch.randint(0, dims["n_vocab"], (1, 9), generator=torch.Generator().manual_seed(2))
    wanted = theirs(input_features=features.transpose(1, 2), decoder_input_ids=tokens)
    again = load_whisper(tmp_path)
    memory = again.net.encode(features, lengths)
    torch.testing.assert_close(
        memory.frames, wanted.encoder_last_hidden_state, rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(
        again.net.decode(memory, tokens), wanted.logits, rtol=1e-4, atol=1e-4
    )


SIZES = WhisperConfig(
    mels=8, width=16, audio_heads=2, audio_layers=1, text_heads=2, text_layers=2, vocab=30,
    audio_context=12, text_context=70,
)  # fmt: skip


@pytest.fixture
def small_net():
    torch.manual_seed(0)
    return Whisper(SIZES).eval()


@torch.inference_mode()
def test_step_by_step_is_all_at_once_across_a_growing_cache(small_net):
    memory = small_net.encode(torch.randn(2, 24, 8), torch.tensor([24, 20]))
    tokens = torch.randint(0, 30, (2, 70))
    wanted = small_net.decode(memory, tokens).log_softmax(-1)
    state = small_net.start(memory, 1)
    step = small_net.step(tokens[:, :3], state, memory)
    for u in range(3, 70):
        torch.testing.assert_close(step.log_probs, wanted[:, u - 1])
        step = small_net.step(tokens[:, u : u + 1], step.state, memory)
    torch.testing.assert_close(step.log_probs, wanted[:, -1])


@torch.inference_mode()
def test_reordered_rows_go_on_as_their_source(small_net):
    memory = small_net.encode(torch.randn(2, 24, 8), torch.tensor([24, 24]))
    tokens = torch.randint(0, 30, (6, 5))
    rows = torch.tensor([2, 0, 0, 5, 4, 3])
    step = small_net.step(tokens, small_net.start(memory, 3), memory)
    found = small_net.step(tokens[rows, :1], reorder(step.state, rows), memory).log_probs
    whole = torch.cat([tokens[rows], tokens[rows, :1]], 1)
    again = small_net.step(whole, small_net.start(memory, 3), memory)
    torch.testing.assert_close(found, again.log_probs)


@torch.inference_mode()
def test_a_short_window_alone_is_what_it_is_in_a_batch(small_net):
    features = torch.randn(2, 24, 8)
    batch = small_net.encode(features, torch.tensor([24, 10]))
    alone = small_net.encode(features[1:, :10], torch.tensor([10]))
    torch.testing.assert_close(batch.frames[1:], alone.frames)


@torch.inference_mode()
def test_attention_sums_to_one(small_net):
    memory = small_net.encode(torch.randn(2, 24, 8), torch.tensor([24, 20]))
    weights = small_net.attend(memory, torch.randint(0, 30, (2, 4)))
    assert weights.shape == (2, 2, 2, 4, 12)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 2, 4))
    logits, aligned = small_net.align(memory, torch.randint(0, 30, (2, 4)))
    assert logits.shape == (2, 4, 30)
    assert aligned.shape == (2, 2, 4, 12)  # the upper half of 2 layers, 2 heads


def test_more_frames_than_a_window_are_refused(small_net):
    with pytest.raises(ValueError, match="window"):
        small_net.encode(torch.randn(1, 25, 8), torch.tensor([25]))


def test_small_shapes_are_those_of_the_fixtures(pair):
    reference, model = pair(SMALL)
    assert sum(p.numel() for p in reference.parameters()) == sum(
        p.numel() for p in model.net.parameters()
    )
