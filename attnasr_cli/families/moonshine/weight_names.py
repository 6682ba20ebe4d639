"""transformers' names of Moonshine's weights and sizes, and ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attnasr_cli.errors import ModelError
from attnasr_cli.families.common.folder import GENERIC, Fields
from attnasr_cli.families.moonshine.net import MoonshineConfig

TIED = "proj_out.weight"
"""the output layer, a second name of the token embedding"""

# Ours → transformers', applied in this order; what holds several of theirs is listed in _PARTS.
_TO_HF: tuple[tuple[str, str], ...] = (
    (r"^encoder\.front\.norm\.", "encoder.groupnorm."),
    (r"^encoder\.front\.", "encoder."),
    (r"^encoder\.norm\.", "encoder.layer_norm."),
    (r"^encoder(.*)\.mlp_norm\.", r"encoder\1.post_attention_layernorm."),
    (r"^decoder\.embed\.", "decoder.embed_tokens."),
    (r"\.blocks\.", ".layers."),
    (r"\.attn_norm\.", ".input_layernorm."),
    (r"\.cross_norm\.", ".post_attention_layernorm."),
    (r"\.mlp_norm\.", ".final_layernorm."),
    (r"\.attn\.out\.", ".self_attn.o_proj."),
    (r"\.attn\.", ".self_attn."),
    (r"\.cross\.query\.", ".encoder_attn.q_proj."),
    (r"\.cross\.out\.", ".encoder_attn.o_proj."),
    (r"\.cross\.", ".encoder_attn."),
    (r"\.up\.", ".mlp.fc1."),
    (r"\.down\.", ".mlp.fc2."),
)
_PARTS = {"qkv": ("q_proj", "k_proj", "v_proj"), "kv": ("k_proj", "v_proj")}

_SIZES = {
    "vocab": "vocab_size",
    "width": "hidden_size",
    "hidden": "intermediate_size",
    "heads": "encoder_num_attention_heads",
    "encoder_layers": "encoder_num_hidden_layers",
    "decoder_layers": "decoder_num_hidden_layers",
    "text_context": "max_position_embeddings",
}
"""ours → theirs"""
_FIXED: Mapping[str, tuple[Any, ...]] = {
    "attention_bias": (False, None),
    "encoder_hidden_act": ("gelu", None),
    "decoder_hidden_act": ("silu", None),
    "is_encoder_decoder": (True, None),
    "tie_word_embeddings": (True, None),
    "rope_scaling": (None,),
}
"""fields that may say only what the net does"""
_SAME_AS_HEADS = (
    "decoder_num_attention_heads",
    "encoder_num_key_value_heads",
    "decoder_num_key_value_heads",
)
_ROTARY = ("rope_theta", "partial_rotary_factor", "rope_parameters")
TOKENS = ("bos_token_id", "decoder_start_token_id", "eos_token_id")
_NO_MATTER = (
    "attention_dropout",
    "pad_head_dim_to_multiple_of",  # zeros that change no product
    "pad_token_id",
)


def to_hf(name: str) -> list[str]:
    """Our name of a weight → transformers' names of the weights that it holds, one under the
    other."""
    for pattern, replacement in _TO_HF:
        name = re.sub(pattern, replacement, name)
    own = name.split(".")[-2]
    parts = _PARTS.get(own, (own,))
    return [f"model.{name.replace(f'.{own}.', f'.{part}.')}" for part in parts]


def config_from_hf(table: Mapping[str, Any]) -> MoonshineConfig:
    """The sizes in a ``config.json``. Raises ModelError that names the field at fault."""
    fields = Fields(table, "Moonshine")
    known = (*_SIZES.values(), *_FIXED, *_SAME_AS_HEADS, *_ROTARY, *TOKENS, *_NO_MATTER, *GENERIC)
    fields.refuse_unknown(known)
    sizes: dict[str, Any] = {own: fields.number(theirs) for own, theirs in _SIZES.items()}
    for name, allowed in _FIXED.items():
        fields.only(name, allowed)
    for name in _SAME_AS_HEADS:
        fields.only(name, (sizes["heads"], None))
    rotary = table.get("rope_parameters") or {}
    if not isinstance(rotary, dict) or rotary.get("rope_type", "default") != "default":
        raise fields.cannot("rope_parameters", rotary)
    turned = Fields({**table, **rotary}, "Moonshine")
    share = turned.number("partial_rotary_factor", (int, float))
    base = turned.number("rope_theta", (int, float))
    rotated = int(sizes["width"] // sizes["heads"] * share)
    try:
        return MoonshineConfig(**sizes, rotated=rotated, rotary_base=float(base))
    except ValueError as problem:
        raise ModelError(f"config.json: {problem}", "not a Moonshine that is published") from None


def special_from_hf(table: Mapping[str, Any]) -> tuple[int, int]:
    """The tokens of start and end."""
    fields = Fields(table, "Moonshine")
    start = "decoder_start_token_id"
    name = start if table.get(start) is not None else "bos_token_id"
    return fields.number(name), fields.number("eos_token_id")


def config_to_hf(config: MoonshineConfig, bos: int, eos: int) -> dict[str, Any]:
    """A ``config.json`` that transformers reads."""
    share = config.rotated / (config.width // config.heads)
    return {
        "architectures": ["MoonshineForConditionalGeneration"],
        "model_type": "moonshine",
        **{theirs: getattr(config, own) for own, theirs in _SIZES.items()},
        **dict.fromkeys(_SAME_AS_HEADS, config.heads),
        **{name: allowed[0] for name, allowed in _FIXED.items() if allowed[0] is not None},
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": config.rotary_base,
            # Cut off by int(): a share just above the quotient gives the same channels back.
            "partial_rotary_factor": share + 1e-6 if share < 1 else 1.0,
        },
        "bos_token_id": bos,
        "decoder_start_token_id": bos,
        "eos_token_id": eos,
        "pad_token_id": eos,
        "dtype": "float32",
    }
