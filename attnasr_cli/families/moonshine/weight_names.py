"""transformers' names of Moonshine's weights and sizes, and ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attnasr_cli.errors import ModelError
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
_TOKENS = ("bos_token_id", "decoder_start_token_id", "eos_token_id")
_NO_MATTER = (
    "_name_or_path",
    "architectures",
    "attention_dropout",
    "auto_map",
    "dtype",
    "initializer_range",
    "model_type",
    "pad_head_dim_to_multiple_of",  # zeros that change no product
    "pad_token_id",
    "torch_dtype",
    "transformers_version",
    "use_cache",
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
    known = {*_SIZES.values(), *_FIXED, *_SAME_AS_HEADS, *_ROTARY, *_TOKENS, *_NO_MATTER}
    unknown = sorted(set(table) - known)
    if unknown:
        raise ModelError(
            f"config.json has the unknown field {unknown[0]!r}",
            "a newer kind of Moonshine, which this version does not compute",
        )
    sizes: dict[str, Any] = {own: _number(table, theirs) for own, theirs in _SIZES.items()}
    for name, allowed in _FIXED.items():
        if table.get(name) not in allowed:
            raise _cannot(name, table[name])
    for name in _SAME_AS_HEADS:
        if table.get(name) not in (sizes["heads"], None):
            raise _cannot(name, table[name])
    rotary = table.get("rope_parameters") or {}
    if not isinstance(rotary, dict) or rotary.get("rope_type", "default") != "default":
        raise _cannot("rope_parameters", rotary)
    share = _number({**table, **rotary}, "partial_rotary_factor", (int, float))
    base = _number({**table, **rotary}, "rope_theta", (int, float))
    rotated = int(sizes["width"] // sizes["heads"] * share)
    try:
        return MoonshineConfig(**sizes, rotated=rotated, rotary_base=float(base))
    except ValueError as problem:
        raise ModelError(f"config.json: {problem}", "not a Moonshine that is published") from None


def special_from_hf(table: Mapping[str, Any]) -> tuple[int, int]:
    """The tokens of start and end."""
    start, end = _number(table, "decoder_start_token_id"), _number(table, "eos_token_id")
    return int(start), int(end)


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


def _number(table: Mapping[str, Any], name: str, kinds: Any = int) -> Any:
    value = table.get(name)
    if value is None:
        raise ModelError(f"config.json lacks the field {name!r}", "copy the model again")
    if isinstance(value, bool) or not isinstance(value, kinds) or value < 0:
        raise ModelError(f"config.json: {name} is {value!r}", "copy the model again")
    return value


def _cannot(name: str, value: Any) -> ModelError:
    return ModelError(
        f"config.json: {name} is {value!r}", "this version does not compute such a Moonshine"
    )
