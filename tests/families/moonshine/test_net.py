"""The net: the numbers of the reference, and the protocol of all nets."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from attnasr_cli.families.moonshine.net import LEAST, Moonshine, MoonshineConfig, positions
from attnasr_cli.families.moonshine.streaming.net import (
    MoonshineStreaming,
    MoonshineStreamingConfig,
)
from attnasr_cli.families.moonshine.streaming.window import window_mask, windowed_attention
from attnasr_cli.testing import check_net
from tests.families.moonshine.conftest import (
    BASE,
    SMALL,
    STREAMING,
    STREAMING_TIED,
    STREAMING_TINY,
    TINY,
    heard,
    noise,
)

LITTLE = MoonshineConfig(6, 16, 24, 2, 2, 2, 6, text_context=64)
LITTLE_STREAMING = MoonshineStreamingConfig(
    6, 16, 24, 2, 8, ((4, 2), (5, 0)), 12, 24, 2, 4, 2, 4, text_context=80
)


def test_it_keeps_the_protocol() -> None:
    check_net(Moonshine, LITTLE, bins=160, frames=96)
    check_net(MoonshineStreaming, LITTLE_STREAMING, bins=160, frames=96)


@pytest.mark.parametrize(
    ("sizes", "samples"),
    [(SMALL, LEAST), (SMALL, 50_000), (TINY, 16_001), (TINY, 50_000), (BASE, 50_000)],
)
def test_numbers_are_the_references(pair: Any, sizes: dict[str, Any], samples: int) -> None:
    reference, model, _ = pair(sizes)
    audio = noise(samples, 4.0)[None, :samples]
    tokens = torch.randint(3, 290, (1, 12), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        encoder = reference.model.encoder
        wanted = torch.tanh(encoder.conv1(audio[:, None]))
        wanted = torch.nn.functional.gelu(encoder.conv2(encoder.groupnorm(wanted)))
        wanted = torch.nn.functional.gelu(encoder.conv3(wanted)).transpose(1, 2)
        lengths = torch.tensor([samples])
        front = model.net.encoder.front(audio, lengths)
        assert float((front - wanted).abs().max()) < 1e-5
        memory = model.net.encode_samples(audio, lengths)
        wanted = encoder(audio).last_hidden_state
        assert memory.lengths.tolist() == [wanted.shape[1]]
        assert float((memory.frames - wanted).abs().max()) < 1e-4
        logits = reference(audio, decoder_input_ids=tokens).logits
        assert float((model.net.decode(memory, tokens) - logits).abs().max()) < 1e-4
        assert float(logits.std()) > 0.5  # no comparison of nothing with nothing


@pytest.mark.parametrize(
    ("sizes", "samples"),
    [
        (STREAMING, 80),
        (STREAMING, 50_001),
        (STREAMING_TIED, 30_079),
        (STREAMING_TINY, 16_001),
        (STREAMING_TINY, 50_000),
    ],
)
def test_numbers_of_the_streaming_net_are_the_references(
    pair: Any, sizes: dict[str, Any], samples: int
) -> None:
    reference, model, _ = pair(sizes)
    audio = noise(samples, 4.0)[:samples]
    tokens = torch.randint(3, 290, (1, 12), generator=torch.Generator().manual_seed(1))
    given, lengths = heard(reference, audio), torch.tensor([samples])
    with torch.inference_mode():
        encoder = reference.model.encoder
        wanted, _ = encoder.embedder(given["input_values"], given["attention_mask"])
        front = model.net.encoder.front(audio[None], lengths)
        assert float((front - wanted).abs().max()) < 1e-5
        memory = model.net.encode_samples(audio[None], lengths)
        wanted = encoder(**given).last_hidden_state
        assert memory.lengths.tolist() == [wanted.shape[1]]
        assert float((memory.frames - wanted).abs().max()) < 1e-4
        logits = reference(**given, decoder_input_ids=tokens).logits
        assert float((model.net.decode(memory, tokens) - logits).abs().max()) < 1e-4
        assert float(logits.std()) > 0.5


@pytest.mark.parametrize("sizes", [SMALL, STREAMING])
def test_attention_is_the_references(pair: Any, sizes: dict[str, Any]) -> None:
    reference, model, _ = pair(sizes)
    audio, tokens = noise(5, 1.3), torch.tensor([[1, 7, 9, 20]])
    reference.set_attn_implementation("eager")
    with torch.inference_mode():
        given = heard(reference, audio)
        wanted = reference(**given, decoder_input_ids=tokens, output_attentions=True)
        memory = model.net.encode_samples(audio[None], torch.tensor([audio.shape[0]]))
        found = model.net.attend(memory, tokens)
    reference.set_attn_implementation("sdpa")
    assert torch.allclose(found, torch.stack(wanted.cross_attentions, 1), atol=1e-5)


@pytest.mark.parametrize("streaming", [False, True])
def test_an_utterance_does_not_depend_on_its_batch(streaming: bool) -> None:
    torch.manual_seed(0)
    net = MoonshineStreaming(LITTLE_STREAMING) if streaming else Moonshine(LITTLE)
    net.eval()
    parts = [noise(n, 0.3 + 0.37 * n) for n in range(4)]
    lengths = torch.tensor([part.shape[0] for part in parts])
    with torch.inference_mode():
        batch = net.encode_samples(
            torch.nn.utils.rnn.pad_sequence(parts, batch_first=True), lengths
        )
        for b, part in enumerate(parts):
            alone = net.encode_samples(part[None], lengths[b : b + 1])
            size = int(alone.lengths[0])
            assert int(batch.lengths[b]) == size == alone.frames.shape[1]
            assert torch.allclose(batch.frames[b, :size], alone.frames[0], atol=1e-5)


def test_a_long_utterance_is_heard_in_blocks_as_in_one() -> None:
    """Attention in blocks gives what attention of all to all gives with the same windows."""
    generator = torch.Generator().manual_seed(1)
    lengths, size = torch.tensor([200, 70, 1]), 200
    q, k, v = torch.randn(3, 3, 2, size, 8, generator=generator)
    place = torch.arange(size)
    for before, after in ((16, 3), (5, 0), (1, 0), (100, 70)):
        distance = place[:, None] - place
        near = (distance < before) & (distance >= -after)
        seen = (near & (place < lengths[:, None, None])) | (distance == 0)
        wanted = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen[:, None])
        mask = window_mask(lengths, size, before, after)
        found = windowed_attention(q, k, v, mask, before, after)
        assert torch.allclose(found, wanted, atol=1e-6), (before, after)


def test_positions_of_short_and_long_audio() -> None:
    found = positions(torch.tensor([0, LEAST - 1, LEAST, LEAST + 383, LEAST + 384, 480_000]))
    assert found.tolist() == [1, 1, 1, 1, 2, 1 + (480_000 - LEAST) // 384]
