"""Every registered net of ours is held to the protocol; a plugin by its own test."""

import pytest

from attnasr_cli.families.whisper.net.model import Whisper, WhisperConfig
from attnasr_cli.nets import find_net
from attnasr_cli.testing import check_net

SMALL = {"vocab": 6, "bins": 8, "width": 16, "layers": 2}
CASES = {
    "las-additive": ("las", {"decoder_width": 12}),
    "las-location": ("las", {"attention": "location", "location_kernel": 5}),
    "las-dot": ("las", {"attention": "dot", "decoder_layers": 2}),
    "las-multihead": ("las", {"attention": "multihead", "heads": 2, "ctc": False}),
    "las-pyramid": ("las", {"subsampling": 2, "pyramid": (2,)}),
    "transformer": ("transformer", {"heads": 2, "hidden": 24, "decoder_layers": 2}),
    "transformer-no-ctc": ("transformer", {"heads": 2, "hidden": 24, "ctc": False}),
    "conformer": ("conformer", {"heads": 2, "hidden": 24, "kernel": 5, "decoder_layers": 2}),
    "conformer-inner": (
        "conformer",
        {"heads": 2, "hidden": 24, "kernel": 3, "inner_ctc": (1,), "subsampling": 8},
    ),
    "conformer-half": (
        "conformer",
        {"heads": 2, "hidden": 24, "kernel": 3, "layers": 3, "inner_ctc": (1,), "half": (2, 3)},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_net_keeps_the_protocol(case: str) -> None:
    name, sizes = CASES[case]
    cls = find_net(name)
    check_net(cls, cls.Config(**{**SMALL, "channels": 4, **sizes}))


def test_whisper_keeps_the_protocol() -> None:
    """Its sizes have other names. The window is as long as the longest utterance of the checks:
    what is longer is refused and not cut, and the memory of what is shorter is as long as the
    window, so that no position of it counts as padding."""
    config = WhisperConfig(
        mels=8, width=16, audio_heads=2, audio_layers=2, text_heads=2, text_layers=2, vocab=6,
        audio_context=48, text_context=16,
    )  # fmt: skip
    check_net(Whisper, config, bins=config.mels, frames=config.window)
