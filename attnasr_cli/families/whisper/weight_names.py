"""Names of Whisper's weights and sizes: one table for each foreign format."""

from __future__ import annotations

import re
from typing import Any

from attnasr_cli.errors import ModelError
from attnasr_cli.families.whisper.net.model import WhisperConfig

# Ours and OpenAI's → transformers', applied in this order.
_TO_HF: tuple[tuple[str, str], ...] = (
    (r"^encoder\.positional_embedding$", "encoder.embed_positions.weight"),
    (r"^decoder\.positional_embedding$", "decoder.embed_positions.weight"),
    (r"^decoder\.token_embedding\.", "decoder.embed_tokens."),
    (r"^encoder\.ln_post\.", "encoder.layer_norm."),
    (r"^decoder\.ln\.", "decoder.layer_norm."),
    (r"\.blocks\.", ".layers."),
    (r"\.attn_ln\.", ".self_attn_layer_norm."),
    (r"\.cross_attn_ln\.", ".encoder_attn_layer_norm."),
    (r"\.mlp_ln\.", ".final_layer_norm."),
    (r"\.cross_attn\.", ".encoder_attn."),
    (r"\.attn\.", ".self_attn."),
    (r"\.query\.", ".q_proj."),
    (r"\.key\.", ".k_proj."),
    (r"\.value\.", ".v_proj."),
    (r"\.out\.", ".out_proj."),
    (r"\.mlp\.0\.", ".fc1."),
    (r"\.mlp\.2\.", ".fc2."),
)
HF_PREFIX = "model."
HF_TIED = "proj_out.weight"
"""the output layer, a second name of the token embedding"""

ALIGNMENT_HEADS = {
    "tiny.en": "1:0 2:0 2:5 3:0 3:1 3:2 3:3 3:4",
    "tiny": "2:2 3:0 3:2 3:3 3:4 3:5",
    "base.en": "3:3 4:7 5:1 5:5 5:7",
    "base": "3:1 4:2 4:3 4:7 5:1 5:2 5:4 5:6",
    "small.en": "6:6 7:0 7:3 7:8 8:2 8:5 8:7 9:0 9:4 9:8 9:10 10:0 10:1 10:2 10:3 10:6 10:11 "
    "11:2 11:4",
    "small": "5:3 5:9 8:0 8:4 8:7 8:8 9:0 9:7 9:9 10:5",
    "medium.en": "11:4 14:1 14:12 14:14 15:4 16:0 16:4 16:9 17:12 17:14 18:7 18:10 18:15 20:0 "
    "20:3 20:9 20:14 21:12",
    "medium": "13:15 15:4 15:15 16:1 20:0 23:4",
    "large-v1": "9:19 11:2 11:4 11:17 22:7 22:11 22:17 23:2 23:15",
    "large-v2": "10:12 13:17 16:11 16:12 16:13 17:15 17:16 18:4 18:11 18:19 19:11 21:2 21:3 22:3 "
    "22:9 22:12 23:5 23:7 23:13 25:5 26:1 26:12 27:15",
    "large-v3": "7:0 10:17 12:18 13:12 16:1 17:14 19:11 21:4 24:1 25:6",
    "large-v3-turbo": "2:4 2:11 3:3 3:6 3:11 3:14",
}
"""layer:head pairs found by OpenAI to follow the audio; its own files do not hold them"""


def to_hf(name: str) -> str:
    """Our name of a weight → transformers'."""
    for pattern, replacement in _TO_HF:
        name = re.sub(pattern, replacement, name)
    return HF_PREFIX + name


def config_from_openai(dims: dict[str, Any], stem: str) -> WhisperConfig:
    """The ``dims`` of an OpenAI file, and the alignment heads of its name where it is known."""
    config = WhisperConfig(
        mels=dims["n_mels"],
        width=dims["n_audio_state"],
        audio_heads=dims["n_audio_head"],
        audio_layers=dims["n_audio_layer"],
        text_heads=dims["n_text_head"],
        text_layers=dims["n_text_layer"],
        vocab=dims["n_vocab"],
        audio_context=dims["n_audio_ctx"],
        text_context=dims["n_text_ctx"],
        alignment_heads=known_heads(stem, dims["n_text_layer"], dims["n_text_head"]),
    )
    for side, heads in (("audio", config.audio_heads), ("text", config.text_heads)):
        if heads < 1 or config.width % heads:
            raise ModelError(
                f"{heads} {side} heads for a width of {config.width}", "not a Whisper model"
            )
    if dims["n_text_state"] != config.width:
        raise ModelError("encoder and decoder have different widths", "not a Whisper model")
    return config


def known_heads(stem: str, layers: int, heads: int) -> tuple[tuple[int, int], ...]:
    """The alignment heads of a published model by what its file or folder is called, or none."""
    stem = re.sub(r"^(faster-whisper|whisper|ggml)-", "", stem)
    stem = re.sub(r"-(f16|f32|q\d_[01])$", "", stem)
    name = {"turbo": "large-v3-turbo", "large": "large-v3"}.get(stem, stem)
    pairs = [pair.split(":") for pair in ALIGNMENT_HEADS.get(name, "").split()]
    found = tuple((int(layer), int(head)) for layer, head in pairs)
    return found if all(layer < layers and head < heads for layer, head in found) else ()


def config_from_hf(config: dict[str, Any], generation: dict[str, Any]) -> WhisperConfig:
    """``config.json`` and ``generation_config.json`` of transformers. Raises ModelError where the
    architecture is a different one."""
    if config.get("model_type") != "whisper":
        raise ModelError(
            f"this is a {config.get('model_type', 'nameless')!r} model, not Whisper",
            "attnasr loads its own models and Whisper's",
        )
    missing = [key for key in ("d_model", "vocab_size", "encoder_layers") if key not in config]
    if missing:
        raise ModelError(f"config.json lacks {missing[0]}", "copy the folder again")
    width = config["d_model"]
    for key in ("encoder_ffn_dim", "decoder_ffn_dim"):
        if config.get(key, 4 * width) != 4 * width:
            raise ModelError(f"{key} is {config[key]}, not 4 · d_model", "not a Whisper net")
    if config.get("activation_function", "gelu") != "gelu" or config.get("scale_embedding"):
        raise ModelError("another activation or embedding scale", "not a Whisper net")
    heads = generation.get("alignment_heads") or ()
    return WhisperConfig(
        mels=config.get("num_mel_bins", 80),
        width=width,
        audio_heads=config["encoder_attention_heads"],
        audio_layers=config["encoder_layers"],
        text_heads=config["decoder_attention_heads"],
        text_layers=config["decoder_layers"],
        vocab=config["vocab_size"],
        audio_context=config.get("max_source_positions", 1500),
        text_context=config.get("max_target_positions", 448),
        alignment_heads=tuple((int(layer), int(head)) for layer, head in heads),
    )


def config_to_hf(config: WhisperConfig, eot: int) -> dict[str, Any]:
    """``config.json`` for transformers. eot: the end-of-text token."""
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "is_encoder_decoder": True,
        "activation_function": "gelu",
        "d_model": config.width,
        "encoder_layers": config.audio_layers,
        "encoder_attention_heads": config.audio_heads,
        "encoder_ffn_dim": 4 * config.width,
        "decoder_layers": config.text_layers,
        "decoder_attention_heads": config.text_heads,
        "decoder_ffn_dim": 4 * config.width,
        "num_hidden_layers": config.audio_layers,
        "num_mel_bins": config.mels,
        "max_source_positions": config.audio_context,
        "max_target_positions": config.text_context,
        "vocab_size": config.vocab,
        "bos_token_id": eot,
        "eos_token_id": eot,
        "pad_token_id": eot,
        "decoder_start_token_id": eot + 1,
        "scale_embedding": False,
        "torch_dtype": "float32",
    }
