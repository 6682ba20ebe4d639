"""Random weights of Canary's and Cohere's shapes, made and saved by the reference itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.families.fastconformer.checkpoint import load_model
from attnasr_cli.families.fastconformer.published import CANARY, COHERE, Kind

TEXTS = (
    "Mr. Quilter is the apostle of the middle classes, and we are glad to welcome his gospel.",
    "Größe, Straße und Öl – 42 % davon.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "Η Γλώσσα μου έδωσαν ελληνική.",
    "Żółw, źdźbło, ćma – dwa tysiące dwadzieścia pięć.",
    "Il-ħobż tal-Malti huwa tajjeb ħafna.",
    "今天天气很好，我们去公园吧。",
    "오늘 날씨가 좋네요",
    "السلام عليكم ورحمة الله",
    "Chào buổi sáng, bạn khỏe không?",
)
CONTROL = (
    "<|endoftext|>", "<|startoftranscript|>", "<|pnc|>", "<|nopnc|>", "<|startofcontext|>",
    "<|itn|>", "<|noitn|>", "<|timestamp|>", "<|notimestamp|>", "<|diarize|>", "<|nodiarize|>",
    "<|emo:undefined|>",
)  # fmt: skip
LANGUAGES = sorted({*CANARY.languages, *COHERE.languages})
SPECIAL = ("<unk>", "<|nospeech|>", "<pad>", *CONTROL, *(f"<|{code}|>" for code in LANGUAGES))
VOCAB = 200
MERGES = 14
END_BIAS = 2.0
GAINS = {"mlp": 6.0, "encoder_attn": 5.0, "self_attn": 3.0}
"""with which texts are lively and of every length"""
KINDS = {"canary": CANARY, "cohere": COHERE}
ENCODER = {
    "model_type": "parakeet_encoder",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "subsampling_conv_channels": 8,
    "num_mel_bins": 16,
    "scale_input": False,
}
DECODER = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 8,
    "max_position_embeddings": 40,
}
TOKENS = {
    "eos_token_id": SPECIAL.index("<|endoftext|>"),
    "bos_token_id": SPECIAL.index("<|startoftranscript|>"),
    "pad_token_id": SPECIAL.index("<pad>"),
    "decoder_start_token_id": SPECIAL.index("<|startofcontext|>"),
}


@pytest.fixture(scope="session")
def transformers() -> ModuleType:
    """The reference library. It imports torchaudio, which may need our stand-in first."""
    import attnasr_cli.audio._torchaudio  # noqa: F401

    return pytest.importorskip("transformers", reason="needs transformers: the extra `dev`")


def configuration(transformers: ModuleType, kind: Kind, **encoder: Any) -> Any:
    """A small configuration of a kind; Cohere's decoder is narrower than its encoder."""
    heard = {**ENCODER, **encoder}
    if kind is CANARY:
        return transformers.CanaryConfig(
            encoder_config=heard, decoder_config={**DECODER, **TOKENS}, vocab_size=VOCAB, **TOKENS
        )
    narrow = {**DECODER, "hidden_size": 24, "head_dim": 6}
    start = {"decoder_start_token_id": tokenizer_of(VOCAB).token_to_id("▁")}
    return transformers.CohereAsrConfig(encoder_config=heard, **narrow, **(TOKENS | start))


def random_reference(transformers: ModuleType, kind: Kind, seed: int = 1, **encoder: Any) -> Any:
    """transformers' model with random weights that give lively text of every length."""
    generator = torch.Generator().manual_seed(seed)
    config = configuration(transformers, kind, **encoder)
    cls = getattr(transformers, config_class(kind))
    model = cls(config)
    with torch.no_grad():
        for name, parameter in [*model.named_parameters(), *model.named_buffers()]:
            noise = torch.randn(parameter.shape, generator=generator)
            if not parameter.is_floating_point() or "inv_freq" in name or "positional_emb" in name:
                continue
            if name.endswith("running_var"):
                parameter.copy_(1.0 + 0.3 * noise.abs())
            elif parameter.ndim == 1:
                parameter.copy_(0.1 * noise + (1.0 if name.endswith("weight") else 0.0))
            else:
                gain = next((g for part, g in GAINS.items() if part in name), 1.5)
                parameter.copy_(gain * noise / parameter[0].numel() ** 0.5)
        words, head = model.model.decoder.embed_tokens.weight, model.proj_out.weight
        for table in {words.data_ptr(): words, head.data_ptr(): head}.values():
            table /= table.norm(dim=1, keepdim=True)  # none wins by its size
        model.proj_out.bias[: len(SPECIAL)] = -3.0  # no control tokens
        model.proj_out.bias[TOKENS["eos_token_id"]] = END_BIAS  # and ends are not rare
        for piece, token in tokenizer_of(VOCAB).get_vocab().items():
            if piece.startswith("▁"):
                model.proj_out.bias[token] += 1.0  # nor are words
    return model.eval()


def config_class(kind: Kind) -> str:
    return (
        "CanaryForConditionalGeneration" if kind is CANARY else "CohereAsrForConditionalGeneration"
    )


@lru_cache
def tokenizer_of(size: int) -> Any:
    """As a sentencepiece model of NeMo is converted: merges of pieces with ▁, control tokens."""
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
    )

    words = [f"▁{word}" for text in TEXTS for word in text.split()]
    begun = _frequent((word[0], word[1]) for word in words)[:MERGES]
    inside = _frequent(pair for word in words for pair in pairwise(word[1:]))[:MERGES]
    merges = [*begun, *inside]
    characters = _frequent(c for word in words for c in word)[: size - len(SPECIAL) - len(merges)]
    merges = [pair for pair in merges if set(pair) <= set(characters)]
    pieces = [*SPECIAL, *characters, *("".join(pair) for pair in merges)]
    pieces += [f"<|spare{i}|>" for i in range(size - len(pieces))]
    ids = {piece: token for token, piece in enumerate(pieces)}
    library = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True))
    library.normalizer = normalizers.Sequence(
        [normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")]
    )
    library.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    library.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    plain = ("<unk>", "<pad>")  # these two are no control tokens
    controls = [p for p in pieces if p.startswith("<") and p not in plain]
    library.add_special_tokens([AddedToken(p, normalized=False) for p in controls])
    library.add_tokens([AddedToken(p, special=False, normalized=False) for p in plain])
    assert library.get_vocab_size() == size
    return library


def _frequent(things: Iterable[Any]) -> list[Any]:
    """Each once, the frequent ones first, in the same order every time."""
    counts = Counter(things)
    return sorted(counts, key=lambda thing: (-counts[thing], thing))


def write_tokenizer(path: Path, size: int = VOCAB) -> Path:
    tokenizer_of(size).save(str(path))
    return path


def save_folder(reference: Any, folder: Path, languages: tuple[str, ...] = ()) -> Path:
    """A Hugging Face folder as it is published."""
    reference.save_pretrained(folder)
    write_tokenizer(folder / "tokenizer.json")
    if languages:
        listed = "".join(f"- {code}\n" for code in languages)
        (folder / "README.md").write_text(f"---\nlanguage:\n{listed}---\n# A model\n")
    return folder


@pytest.fixture(scope="session")
def pair(transformers: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """name of a kind → (reference, our model with the same weights, its folder), made once."""
    made: dict[str, tuple[Any, Model, Path]] = {}

    def make(name: str, **encoder: Any) -> tuple[Any, Model, Path]:
        key = f"{name} {sorted(encoder.items())}"
        if key not in made:
            kind = KINDS[name]
            reference = random_reference(transformers, kind, **encoder)
            folder = save_folder(reference, tmp_path_factory.mktemp("hf") / "random")
            made[key] = reference, load_model(kind, folder, "random"), folder
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
