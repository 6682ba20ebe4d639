"""Random weights of Moonshine's shapes, made and saved by the reference library itself."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.families.moonshine.checkpoint import load_moonshine

TEXTS = (
    "Mr. Quilter is the apostle of the middle classes, and we are glad to welcome his gospel.",
    "Größe, Straße und Öl – 42 % davon.",
    "Съешь же ещё этих мягких французских булок.",
    "今天天气很好，我们去公园吧。",
    "السلام عليكم ورحمة الله",
    "오늘 날씨가 좋네요",
    "Chào buổi sáng, bạn khỏe không?",
    "emoji 🎧 and  two spaces ",
)
CHARACTERS = "▁abcdeghilmnorstuyzöстеа天我мال오"
MERGES = [
    ("▁", "t"), ("h", "e"), ("▁t", "he"), ("▁", "a"), ("i", "n"), ("▁", "s"), ("▁", "m"),
    ("▁", "d"), ("▁", "o"), ("▁", "с"), ("▁", "т"),
]  # fmt: skip
LETTERS = 3 + 256 + len(CHARACTERS) + len(MERGES)
"""tokens of the test's vocabulary: special ones, bytes, pieces of text"""
SMALL = {
    "vocab_size": LETTERS,
    "hidden_size": 48,
    "intermediate_size": 96,
    "encoder_num_hidden_layers": 2,
    "decoder_num_hidden_layers": 3,
    "encoder_num_attention_heads": 4,
    "decoder_num_attention_heads": 4,
    "max_position_embeddings": 60,
}
TINY = {"pad_head_dim_to_multiple_of": 8, "max_position_embeddings": 194}
"""the published shapes are transformers' defaults"""
BASE = TINY | {
    "hidden_size": 416,
    "intermediate_size": 1664,
    "encoder_num_hidden_layers": 8,
    "decoder_num_hidden_layers": 8,
    "partial_rotary_factor": 0.62,
}
WINDOWS = [[16, 4], [16, 0], [5, 2]]
STREAMING = {
    "vocab_size": LETTERS,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,  # the default configuration has none, and cannot be computed
    "head_dim": 10,
    "max_position_embeddings": 250,
    "encoder_config": {
        "hidden_size": 50,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "head_dim": 8,
        "sliding_windows": WINDOWS,
    },
}
"""Moonshine Streaming: heads that do not divide a width, encoder and decoder of two widths"""
STREAMING_TINY = {"num_key_value_heads": 8, "encoder_config": {}}
"""as published"""
STREAMING_TIED = {
    **STREAMING,
    "hidden_size": 50,
    "tie_word_embeddings": True,
    "max_position_embeddings": 120,
}
"""with no layer between encoder and decoder, and one table of tokens"""


@pytest.fixture(scope="session")
def transformers() -> ModuleType:
    """The reference library. It imports torchaudio, which may need our stand-in first."""
    import attnasr_cli.audio._torchaudio  # noqa: F401

    return pytest.importorskip("transformers", reason="needs transformers: the extra `dev`")


def new_reference(transformers: ModuleType, sizes: dict[str, Any]) -> Any:
    """transformers' model of these sizes: Moonshine's, or Moonshine Streaming's where it has an
    encoder's."""
    sizes = {"pad_token_id": 2, **sizes}
    if "encoder_config" in sizes:
        config = transformers.MoonshineStreamingConfig(**sizes)
        return transformers.MoonshineStreamingForConditionalGeneration(config)
    return transformers.MoonshineForConditionalGeneration(transformers.MoonshineConfig(**sizes))


def heard(reference: Any, audio: torch.Tensor) -> dict[str, torch.Tensor]:
    """samples (N,) as its processor hands them to a reference: Moonshine Streaming's are filled up
    to a frame, with a mask, without which it would not keep its windows."""
    if reference.config.model_type == "moonshine":
        return {"input_values": audio[None]}
    rest = -audio.shape[0] % 80
    mask = torch.ones(1, audio.shape[0], dtype=torch.long)
    pad = torch.nn.functional.pad
    return {"input_values": pad(audio[None], (0, rest)), "attention_mask": pad(mask, (0, rest))}


def random_reference(transformers: ModuleType, sizes: dict[str, Any], seed: int = 1) -> Any:
    """transformers' model with random weights that give lively text of every length."""
    generator = torch.Generator().manual_seed(seed)
    model = new_reference(transformers, sizes)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 0:
                parameter.copy_(0.2 * noise)
            elif parameter.ndim == 1:
                parameter.copy_(0.1 * noise + (1.0 if name.endswith("weight") else 0.0))
            else:
                gain = 3.0 if "conv1" in name else 1.5
                parameter.copy_(gain * noise / parameter[0].numel() ** 0.5)
        words = model.proj_out.weight
        words[3:259] *= 0.3  # bytes are rare
        words[LETTERS - len(MERGES) : LETTERS] *= 1.4  # most of these begin a word
        words[2] *= 3.0  # and ends are not rare
    return model.eval()


def write_tokenizer(path: Path, size: int) -> Path:
    """A vocabulary of the published kind: pieces with ▁, and bytes for what they cannot spell."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces += [*CHARACTERS, *("".join(pair) for pair in MERGES)]
    ids = {piece: token for token, piece in enumerate(pieces)}
    library = Tokenizer(models.BPE(ids, MERGES, unk_token="<unk>", byte_fallback=True))
    replace = normalizers.Replace(" ", "▁")
    library.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), replace])
    library.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    library.add_special_tokens([AddedToken(t, normalized=False) for t in ("<unk>", "<s>", "</s>")])
    more = size - library.get_vocab_size()
    library.add_special_tokens([AddedToken(f"<<ST_{i}>>", normalized=False) for i in range(more)])
    assert library.get_vocab_size() == size
    library.save(str(path))
    return path


def save_folder(reference: Any, folder: Path, language: str | None = "en") -> Path:
    """A Hugging Face folder as it is published."""
    reference.save_pretrained(folder)
    write_tokenizer(folder / "tokenizer.json", reference.config.vocab_size)
    if language is not None:
        card = f"---\nlicense: mit\nlanguage:\n- {language}\n---\n# A model\n"
        (folder / "README.md").write_text(card)
    return folder


@pytest.fixture(scope="session")
def pair(transformers: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """sizes → (reference, our model with the same weights, its folder), made once."""
    made: dict[str, tuple[Any, Model, Path]] = {}

    def make(sizes: dict[str, Any], seed: int = 1) -> tuple[Any, Model, Path]:
        key = f"{sorted(sizes.items())} {seed}"
        if key not in made:
            reference = random_reference(transformers, sizes, seed)
            folder = save_folder(reference, tmp_path_factory.mktemp("hf") / "random")
            made[key] = reference, load_moonshine(folder, "random"), folder
        return made[key]

    return make


def noise(seed: int, seconds: float) -> torch.Tensor:
    """Samples (N,) of coloured noise with a slow envelope, so that inputs differ."""
    generator = torch.Generator().manual_seed(seed)
    n = int(16_000 * seconds)
    x = torch.randn(n, generator=generator)
    x = torch.nn.functional.avg_pool1d(x[None, None], 1 + 2 * (seed % 4), 1, seed % 4)[0, 0]
    steps = torch.rand(2 + int(seconds * (1 + seed % 3)), generator=generator)
    envelope = torch.nn.functional.interpolate(steps[None, None], n, mode="linear")[0, 0]
    return 0.5 * x * envelope
