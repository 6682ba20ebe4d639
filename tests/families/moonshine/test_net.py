"""The net: the numbers of the reference, and the protocol of all nets."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from attnasr_cli.families.moonshine.net import LEAST, Moonshine, MoonshineConfig, positions
from attnasr_cli.testing import check_net
from tests.families.moonshine.conftest import BASE, SMALL, TINY, noise

LITTLE = MoonshineConfig(6, 16, 24, 2, 2, 2, 6, text_context=64)


def test_it_keeps_the_protocol() -> None:
    check_net(Moonshine, LITTLE, bins=160, frames=96)


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
        memory = model.net.listen(audio, lengths)
        wanted = encoder(audio).last_hidden_state
        assert memory.lengths.tolist() == [wanted.shape[1]]
        assert float((memory.frames - wanted).abs().max()) < 1e-4
        logits = reference(audio, decoder_input_ids=tokens).logits
        assert float((model.net.decode(memory, tokens) - logits).abs().max()) < 1e-4
        assert float(logits.std()) > 0.5  # no comparison of nothing with nothing


def test_attention_is_the_references(pair: Any) -> None:
    reference, model, _ = pair(SMALL)
    audio, tokens = noise(5, 1.3)[None], torch.tensor([[1, 7, 9, 20]])
    reference.set_attn_implementation("eager")
    with torch.inference_mode():
        wanted = reference(audio, decoder_input_ids=tokens, output_attentions=True)
        found = model.net.attend(model.net.listen(audio, torch.tensor([audio.shape[1]])), tokens)
    reference.set_attn_implementation("sdpa")
    assert torch.allclose(found, torch.stack(wanted.cross_attentions, 1), atol=1e-5)


def test_an_utterance_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(0)
    net = Moonshine(LITTLE).eval()
    parts = [noise(n, 0.3 + 0.37 * n) for n in range(4)]
    lengths = torch.tensor([part.shape[0] for part in parts])
    with torch.inference_mode():
        batch = net.listen(torch.nn.utils.rnn.pad_sequence(parts, batch_first=True), lengths)
        for b, part in enumerate(parts):
            alone = net.listen(part[None], lengths[b : b + 1])
            size = int(alone.lengths[0])
            assert int(batch.lengths[b]) == size == alone.frames.shape[1]
            assert torch.allclose(batch.frames[b, :size], alone.frames[0], atol=1e-5)


def test_positions_of_short_and_long_audio() -> None:
    found = positions(torch.tensor([0, LEAST - 1, LEAST, LEAST + 383, LEAST + 384, 480_000]))
    assert found.tolist() == [1, 1, 1, 1, 2, 1 + (480_000 - LEAST) // 384]
