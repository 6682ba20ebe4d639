"""Reads and writes the sizes in a ``config.json``, of transformers or of Cohere, which uses NeMo's
names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attnasr_cli.errors import ModelError
from attnasr_cli.families.common.folder import DECODER_SIZES, GENERIC, Fields
from attnasr_cli.families.fastconformer.net import FastConformerConfig
from attnasr_cli.families.fastconformer.published import Kind

_ENCODER = {
    "bins": "num_mel_bins",
    "width": "hidden_size",
    "hidden": "intermediate_size",
    "heads": "num_attention_heads",
    "layers": "num_hidden_layers",
    "kernel": "conv_kernel_size",
    "subsampling": "subsampling_factor",
    "channels": "subsampling_conv_channels",
}
_SWITCHES = {"bias": "attention_bias", "conv_bias": "convolution_bias", "scale": "scale_input"}
"""ours → theirs"""
_ENCODER_FIXED: Mapping[str, tuple[Any, ...]] = {
    "model_type": ("parakeet_encoder",),
    "hidden_act": ("silu",),
    "subsampling_conv_kernel_size": (3,),
    "subsampling_conv_stride": (2,),
}
_DECODER_FIXED: Mapping[str, tuple[Any, ...]] = {
    "hidden_act": ("relu",),
    "attention_bias": (True,),
    "is_encoder_decoder": (True, None),
}
"""fields that must have a value that the net implements"""
_ENCODER_FREE = (
    "activation_dropout", "attention_dropout", "dropout", "dropout_positions", "layerdrop",
    "max_position_embeddings", "num_key_value_heads",
)  # fmt: skip
_DECODER_FREE = ("attention_dropout", "head_dim", "num_key_value_heads")
_TOP = ("encoder_config", "decoder_config", "tie_word_embeddings", "vocab_size")
TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")

_NEMO_ENCODER = {
    "bins": "feat_in",
    "width": "d_model",
    "heads": "n_heads",
    "layers": "n_layers",
    "kernel": "conv_kernel_size",
    "subsampling": "subsampling_factor",
    "channels": "subsampling_conv_channels",
}
_NEMO_DECODER = {
    "decoder_width": "hidden_size",
    "decoder_hidden": "inner_size",
    "decoder_heads": "num_attention_heads",
    "decoder_layers": "num_layers",
    "text_context": "max_sequence_length",
}
_NEMO_FIXED: Mapping[str, tuple[Any, ...]] = {
    "subsampling": ("dw_striding", None),
    "self_attention_model": ("rel_pos", None),
    "conv_norm_type": ("batch_norm", None),
    "causal_downsampling": (False, None),
}


def config_from_hf(table: Mapping[str, Any], kind: Kind) -> FastConformerConfig:
    """The sizes in a ``config.json``. Raises ModelError that names the field at fault."""
    if kind.bridge and "transf_decoder" in table and "encoder_config" not in table:
        return _made(_from_nemo(Fields(table, kind.title)))
    top = Fields(table, kind.title)
    encoder = top.inner("encoder_config")
    decoder = top if kind.bridge else top.inner("decoder_config")
    decoder_fields = (*DECODER_SIZES.values(), *_DECODER_FIXED, *_DECODER_FREE)
    known = (*_TOP, *GENERIC, *TOKENS, *(decoder_fields if kind.bridge else ()))
    top.refuse_unknown(known if kind.bridge else (*known, "is_encoder_decoder"))
    encoder.refuse_unknown(
        (*_ENCODER.values(), *_SWITCHES.values(), *_ENCODER_FIXED, *_ENCODER_FREE, *GENERIC)
    )
    if not kind.bridge:
        decoder.refuse_unknown((*decoder_fields, *GENERIC, *TOKENS))
    sizes = _sizes(encoder, _ENCODER) | _sizes(decoder, DECODER_SIZES)
    for own, theirs in _SWITCHES.items():
        sizes[own] = encoder.only(theirs, (True, False))
    for fields, fixed in ((encoder, _ENCODER_FIXED), (decoder, _DECODER_FIXED)):
        for name, allowed in fixed.items():
            fields.only(name, allowed)
    encoder.only("num_key_value_heads", (None, sizes["heads"]))
    decoder.only("num_key_value_heads", (None, sizes["decoder_heads"]))
    each = sizes["decoder_width"] // max(sizes["decoder_heads"], 1)
    decoder.only("head_dim", (None, each))
    top.only("vocab_size", (sizes["vocab"],))
    tied = top.only("tie_word_embeddings", (True, False))
    return _made(sizes | {"tied": tied, "bridge": kind.bridge, "learned_positions": kind.bridge})


def _sizes(fields: Fields, names: Mapping[str, str]) -> dict[str, Any]:
    return {own: fields.number(theirs) for own, theirs in names.items()}


def _from_nemo(top: Fields) -> dict[str, Any]:
    """Sizes in the form that Cohere published, ignoring settings of training."""
    encoder = top.inner("encoder")
    decoder = top.inner("transf_decoder").inner("config_dict")
    for name, allowed in _NEMO_FIXED.items():
        encoder.only(name, allowed)
    decoder.only("hidden_act", ("relu", None))
    decoder.only("pre_ln", (True, None))
    sizes = _sizes(encoder, _NEMO_ENCODER) | _sizes(decoder, _NEMO_DECODER)
    return sizes | {
        "vocab": top.number("vocab_size"),
        "hidden": int(sizes["width"] * encoder.number("ff_expansion_factor", (int, float))),
        "scale": bool(encoder.table.get("xscaling", False)),
        "bias": encoder.table.get("use_bias", True) is not False,
        "conv_bias": encoder.table.get("use_bias", True) is not False,
        "tied": False,
        "bridge": True,
        "learned_positions": True,
    }


def _made(sizes: dict[str, Any]) -> FastConformerConfig:
    try:
        return FastConformerConfig(**sizes)
    except ValueError as problem:
        raise ModelError(f"config.json: {problem}", "not a model that is published") from None


def config_to_hf(
    config: FastConformerConfig, kind: Kind, tokens: Mapping[str, int]
) -> dict[str, Any]:
    """A ``config.json`` that transformers reads; tokens: those of ``TOKENS``."""
    encoder = {
        **{theirs: getattr(config, own) for own, theirs in (_ENCODER | _SWITCHES).items()},
        **{name: allowed[0] for name, allowed in _ENCODER_FIXED.items()},
        **dict.fromkeys(("dropout", "activation_dropout", "attention_dropout", "layerdrop"), 0.0),
    }
    decoder = {
        **{theirs: getattr(config, own) for own, theirs in DECODER_SIZES.items()},
        **{name: allowed[0] for name, allowed in _DECODER_FIXED.items()},
        "num_key_value_heads": config.decoder_heads,
        "head_dim": config.decoder_width // config.decoder_heads,
    }
    inner = {} if kind.bridge else {"decoder_config": {**decoder, "model_type": "canary_decoder"}}
    return {
        "architectures": [ARCHITECTURES[kind.model_type]],
        "model_type": kind.model_type,
        **(decoder if kind.bridge else {"vocab_size": config.vocab, "is_encoder_decoder": True}),
        "encoder_config": encoder,
        **inner,
        "tie_word_embeddings": config.tied,
        **tokens,
        "dtype": "float32",
    }


ARCHITECTURES = {
    "canary": "CanaryForConditionalGeneration",
    "cohere_asr": "CohereAsrForConditionalGeneration",
}
