"""Parts of fine-tuning Whisper that need no run of it."""

from __future__ import annotations

import torch

from attnasr_cli.families.recipe.sections import AugmentConfig, LossConfig
from attnasr_cli.families.whisper.net.model import Whisper, WhisperConfig
from attnasr_cli.training.augment.spec import spec_augment
from attnasr_cli.training.loss import losses


def test_masks_are_the_mean_of_each_bin() -> None:
    features = torch.randn(2, 60, 8, generator=torch.Generator().manual_seed(0)) + 3
    lengths = torch.tensor([60, 40])
    features[1, 40:] = 0.0
    config = AugmentConfig(frequency_masks=1, frequency_width=8, time_masks_per_s=4.0)
    found = spec_augment(features, lengths, config, torch.Generator().manual_seed(2), False)
    changed = found != features
    for b, length in enumerate(lengths.tolist()):
        means = features[b, :length].mean(0).expand(length, 8)
        here = changed[b, :length]
        assert here.any()
        torch.testing.assert_close(found[b, :length][here], means[here])


def test_bfloat16_has_gradients_near_those_of_float32() -> None:
    """On a CPU attention has a way of its own in bfloat16; it must not be one without gradients."""
    torch.manual_seed(0)
    sizes = {"mels": 8, "width": 16, "audio_heads": 2, "audio_layers": 2, "text_heads": 2}
    net = Whisper(WhisperConfig(**sizes, text_layers=2, vocab=30, audio_context=60))
    features, lengths = torch.randn(2, 100, 8), torch.tensor([100, 80])
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        net.zero_grad()
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            targets = [[5, 6, 7], [8]]
            losses(net, features, lengths, targets, [1, 3], 2, LossConfig(ctc=0.0)).total.backward()
        found.append(torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]))
    assert len(found[1]) == sum(p.numel() for p in net.parameters())
    assert float(torch.cosine_similarity(found[0], found[1], dim=0)) > 0.98
