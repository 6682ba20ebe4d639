"""Reads ggml files of whisper.cpp, such as ``ggml-base.en.bin`` and ``ggml-base-q5_1.bin``.

Tensors have OpenAI's names, which are ours, in float32, float16 or blocks of few bits. The text
pieces of the vocabulary are in the file; special tokens follow from the number of tokens. Which
heads follow the audio is not in it: that is known by the name of the file.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from attnasr_cli.errors import ModelError
from attnasr_cli.families.common.hollow import hollow
from attnasr_cli.families.whisper.binary.ggml import GgmlFile, open_ggml
from attnasr_cli.families.whisper.net.model import Whisper, WhisperConfig
from attnasr_cli.families.whisper.vocabulary import Vocabulary, from_pieces
from attnasr_cli.families.whisper.weight_names import config_from_openai


def read_ggml(path: Path) -> tuple[WhisperConfig, dict[str, Tensor], Vocabulary]:
    """Sizes, weights in float32, and the vocabulary of a file. Raises ModelError."""
    with open_ggml(path) as file:
        config = _config(file)
        with hollow():
            wanted = Whisper(config).state_dict()
        weights = {}
        for name, tensor in file.tensors.items():
            like = wanted.get(name)
            if like is not None and tensor.shape not in (like.shape, (*like.shape, 1)):
                raise ModelError(
                    f"{path}: {name} is {tensor.shape}, not {tuple(like.shape)}",
                    "not a Whisper net",
                )
            read = file.read(name)
            # The convolutions' biases have an axis more, to be added to frames.
            weights[name] = read if like is None else read.view(like.shape)
        try:
            vocabulary = from_pieces(file.vocabulary, config.vocab)
        except ValueError as problem:
            raise ModelError(f"damaged {path}: {problem}", "copy it again") from None
    return config, weights, vocabulary


def _config(file: GgmlFile) -> WhisperConfig:
    sizes = file.sizes
    layers = max(sizes["n_audio_layer"], sizes["n_text_layer"])
    if layers > len(file.tensors):
        raise ModelError(
            f"{file.path} has {len(file.tensors)} tensors for {layers} layers", "copy it again"
        )
    try:
        return config_from_openai(sizes, file.path.stem)
    except ModelError as problem:
        raise ModelError(f"{file.path}: {problem.message}", problem.hint) from None
