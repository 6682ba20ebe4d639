"""The net and its features: the numbers of the reference, and the protocol of all nets."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch

from attnasr_cli.families.fastconformer.encoder import by_query
from attnasr_cli.families.fastconformer.features import DITHER, NemoMel
from attnasr_cli.families.fastconformer.net import Canary, CohereTranscribe, FastConformerConfig
from attnasr_cli.testing import check_net
from tests.families.fastconformer.conftest import VOCAB, noise

LITTLE = FastConformerConfig(
    vocab=6, bins=8, width=16, hidden=24, heads=2, layers=2, kernel=3, subsampling=4, channels=4,
    decoder_width=16, decoder_hidden=24, decoder_heads=2, decoder_layers=2, text_context=64,
)  # fmt: skip


def test_they_keep_the_protocol() -> None:
    from dataclasses import replace

    check_net(Canary, LITTLE)
    other = replace(
        LITTLE, decoder_width=12, bridge=True, learned_positions=True, tied=False, bias=False,
        conv_bias=False, scale=True,
    )  # fmt: skip
    check_net(CohereTranscribe, other)


@pytest.mark.parametrize("kind", ["canary", "cohere"])
def test_features_are_the_references(transformers: ModuleType, kind: str) -> None:
    """Alone and padded; of audio that is shorter than a frame, too."""
    theirs = (
        transformers.ParakeetFeatureExtractor(feature_size=128)
        if kind == "canary"
        else transformers.CohereAsrFeatureExtractor()
    )
    ours = NemoMel(128, DITHER if kind == "cohere" else 0.0)
    parts = [noise(0, 3.217), noise(1, 0.05), noise(2, 7.0), torch.zeros(8000) + 0.1]
    found, lengths = ours(parts[:3])
    wanted = theirs([p.numpy() for p in parts[:3]], sampling_rate=16_000, return_tensors="pt")
    assert lengths.tolist() == wanted["attention_mask"].sum(1).tolist()
    size = found.shape[1]
    assert torch.allclose(found, wanted["input_features"][:, :size], atol=1e-5)
    assert not wanted["input_features"][:, size:].any()
    for part in parts[:3]:
        alone = theirs(part.numpy(), sampling_rate=16_000, return_tensors="pt")["input_features"][0]
        mine = ours.extract(part)
        assert torch.allclose(mine, alone[: mine.shape[0]], atol=1e-5)
    assert torch.isfinite(ours.extract(parts[3])).all()
    assert ours.extract(torch.zeros(10)).shape == (2, 128)


@pytest.mark.parametrize(
    ("kind", "encoder"),
    [
        ("canary", {}),
        ("cohere", {}),
        ("canary", {"attention_bias": False, "convolution_bias": False, "scale_input": True}),
        ("canary", {"subsampling_factor": 4, "conv_kernel_size": 5}),
    ],
)
def test_numbers_are_the_references(pair: Any, kind: str, encoder: dict[str, Any]) -> None:
    """A padded batch: features of 3.2, 1.1 and 0.08 s."""
    reference, model, _ = pair(kind, **encoder)
    features = torch.randn(3, 321, 16, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([321, 110, 8])
    mask = torch.arange(321) < lengths[:, None]
    features = features * mask[..., None]
    tokens = torch.randint(0, VOCAB, (3, 12), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = reference.model.encoder(features, attention_mask=mask)
        frames, sizes = model.net.encoder(features, lengths)
        assert sizes.tolist() == wanted.attention_mask.sum(1).tolist()
        for b, size in enumerate(sizes.tolist()):
            gap = (frames[b, :size] - wanted.last_hidden_state[b, :size]).abs().max()
            assert float(gap) < 1e-4
        logits = reference(features, attention_mask=mask, decoder_input_ids=tokens).logits
        memory = model.net.encode(features, lengths)
        assert float((model.net.decode(memory, tokens) - logits).abs().max()) < 1e-4
        assert float(logits.std()) > 0.3  # no comparison of nothing with nothing
        alone = model.net.encode(features[1:2, :110], lengths[1:2])
        assert torch.allclose(alone.frames[0], memory.frames[1, : sizes[1]], atol=1e-5)


@pytest.mark.parametrize("kind", ["canary", "cohere"])
def test_attention_is_the_references(pair: Any, kind: str) -> None:
    reference, model, _ = pair(kind)
    features = torch.randn(1, 200, 16, generator=torch.Generator().manual_seed(0))
    tokens = torch.tensor([[1, 7, 9, 60]])
    reference.set_attn_implementation("eager")
    with torch.inference_mode():
        wanted = reference(features, decoder_input_ids=tokens, output_attentions=True)
        found = model.net.attend(model.net.encode(features, torch.tensor([200])), tokens)
    reference.set_attn_implementation("sdpa")
    assert torch.allclose(found, torch.stack(wanted.cross_attentions, 1), rtol=1e-4, atol=1e-5)


def test_distances_become_keys() -> None:
    for size in (1, 2, 5):
        distance = torch.arange(size - 1, -size, -1).float().expand(size, -1)
        places = torch.arange(size).float()
        assert torch.equal(by_query(distance), places[:, None] - places)
