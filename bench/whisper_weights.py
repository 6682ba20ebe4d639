"""Random Whisper weights of real shapes, for the benches: no real ones are needed to measure time
and memory."""

from __future__ import annotations

from pathlib import Path

import torch

from attnasr_cli.families.whisper.checkpoint import save_hf
from attnasr_cli.families.whisper.net.model import Whisper, WhisperConfig
from attnasr_cli.families.whisper.tokenizer import WhisperTokenizer
from attnasr_cli.families.whisper.tokenizer_file import read_vocabulary
from attnasr_cli.families.whisper.vocabulary import find_ranks

SIZES = {
    "tiny": WhisperConfig(),
    "base": WhisperConfig(width=512, audio_heads=8, audio_layers=6, text_heads=8, text_layers=6),
    "small": WhisperConfig(
        width=768, audio_heads=12, audio_layers=12, text_heads=12, text_layers=12
    ),
}


def vocabulary() -> WhisperTokenizer:
    """The multilingual vocabulary, from an installed openai-whisper or the current folder."""
    size = WhisperConfig().vocab
    return read_vocabulary(find_ranks(size) or Path("multilingual.tiktoken"), size)


def write(size: str, folder: Path) -> Whisper:
    """Weights from a seed, written as a Hugging Face folder; returns the net."""
    torch.manual_seed(0)
    net = Whisper(SIZES[size]).eval()
    save_hf(folder, net, vocabulary())
    return net
