"""Names of weights: ours, those of transformers, and those of NeMo.

Cohere's are published, and written by transformers, under the names of NeMo.
"""

from __future__ import annotations

import re

# Ours → transformers', applied in this order; what holds several of theirs is listed in _PARTS.
_TO_HF: tuple[tuple[str, str], ...] = (
    (r"^encoder\.front\.first\.", "encoder.subsampling.layers.0."),
    (r"^encoder\.front\.out\.", "encoder.subsampling.linear."),
    (r"\.blocks\.", ".layers."),
    # of the encoder
    (r"\.ff([12])_norm\.", r".norm_feed_forward\1."),
    (r"\.ff([12])\.up\.", r".feed_forward\1.linear1."),
    (r"\.ff([12])\.down\.", r".feed_forward\1.linear2."),
    (r"^(encoder.*)\.attn_norm\.", r"\1.norm_self_att."),
    (r"\.attn\.distance\.", ".self_attn.relative_k_proj."),
    (r"\.attn\.content_bias$", ".self_attn.bias_u"),
    (r"\.attn\.distance_bias$", ".self_attn.bias_v"),
    (r"\.conv_norm\.", ".norm_conv."),
    (r"\.conv\.gate\.", ".conv.pointwise_conv1."),
    (r"\.conv\.depth\.", ".conv.depthwise_conv."),
    (r"\.conv\.norm\.mean$", ".conv.norm.running_mean"),
    (r"\.conv\.norm\.variance$", ".conv.norm.running_var"),
    (r"\.conv\.out\.", ".conv.pointwise_conv2."),
    (r"^(encoder\.layers\.\d+)\.norm\.", r"\1.norm_out."),
    # of the decoder
    (r"\.bridge\.", ".proj."),
    (r"\.embed\.", ".embed_tokens."),
    (r"\.positions\.", ".pos_emb."),
    (r"\.embed_norm\.", ".embedding_layernorm."),
    (r"\.attn_norm\.", ".input_layernorm."),
    (r"\.cross_norm\.", ".post_attention_layernorm."),
    (r"\.mlp_norm\.", ".final_layernorm."),
    (r"^(decoder.*)\.up\.", r"\1.mlp.fc1."),
    (r"^(decoder.*)\.down\.", r"\1.mlp.fc2."),
    (r"\.cross\.query\.", ".encoder_attn.q_proj."),
    (r"\.cross\.out\.", ".encoder_attn.o_proj."),
    (r"\.cross\.", ".encoder_attn."),
    (r"\.attn\.out\.", ".self_attn.o_proj."),
    (r"\.attn\.", ".self_attn."),
)
_PARTS = {"qkv": ("q_proj", "k_proj", "v_proj"), "kv": ("k_proj", "v_proj")}
_STAGE = re.compile(r"^encoder\.front\.stages\.(\d+)\.(depth|point)\.")
_HEAD = {"decoder.head": "proj_out.weight", "decoder.head_bias": "proj_out.bias"}

# transformers' → NeMo's, applied in this order.
_TO_NEMO: tuple[tuple[str, str], ...] = (
    (r"^proj_out\.", "log_softmax.mlp.layer0."),
    (r"\.subsampling\.layers\.", ".pre_encode.conv."),
    (r"\.subsampling\.linear\.", ".pre_encode.out."),
    (r"\.conv\.norm\.", ".conv.batch_norm."),
    (r"encoder\.(.*)\.self_attn\.([qkv])_proj", r"encoder.\1.self_attn.linear_\2"),
    (r"encoder\.(.*)\.self_attn\.o_proj", r"encoder.\1.self_attn.linear_out"),
    (r"\.relative_k_proj", ".linear_pos"),
    (r"\.bias_([uv])$", r".pos_bias_\1"),
    (r"decoder\.proj\.", "encoder_decoder_proj."),
    (r"decoder\.pos_emb\.weight", "transf_decoder._embedding.position_embedding.pos_enc"),
    (r"decoder\.embed_tokens", "transf_decoder._embedding.token_embedding"),
    (r"decoder\.embedding_layernorm", "transf_decoder._embedding.layer_norm"),
    (r"decoder\.norm\.", "transf_decoder._decoder.final_layer_norm."),
    (r"decoder\.layers\.", "transf_decoder._decoder.layers."),
    (r"\.input_layernorm\.", ".layer_norm_1."),
    (r"\.post_attention_layernorm\.", ".layer_norm_2."),
    (r"\.final_layernorm\.", ".layer_norm_3."),
    (r"_decoder(.*)\.self_attn\.", r"_decoder\1.first_sub_layer."),
    (r"\.encoder_attn\.", ".second_sub_layer."),
    (r"_sub_layer\.q_proj", "_sub_layer.query_net"),
    (r"_sub_layer\.k_proj", "_sub_layer.key_net"),
    (r"_sub_layer\.v_proj", "_sub_layer.value_net"),
    (r"_sub_layer\.o_proj", "_sub_layer.out_projection"),
    (r"\.mlp\.fc1\.", ".third_sub_layer.dense_in."),
    (r"\.mlp\.fc2\.", ".third_sub_layer.dense_out."),
)
TIED = ("proj_out.weight", "log_softmax.mlp.layer0.weight")
"""a second name of the token embedding, where it is also the output layer"""
COUNTER = ".num_batches_tracked"
"""ends the name of what says how long a normalisation was trained"""
FEATURES = "preprocessor.featurizer."
"""begins the names of NeMo's window and filters"""


def to_hf(name: str) -> list[str]:
    """Our name of a weight → transformers' names of the weights that it holds, one under the
    other."""
    if name in _HEAD:
        return [_HEAD[name]]
    stage = _STAGE.match(name)
    if stage is not None:
        place = 3 * int(stage[1]) + (2 if stage[2] == "depth" else 3)  # a ReLU is counted too
        return [f"model.encoder.subsampling.layers.{place}.{name[stage.end() :]}"]
    for pattern, replacement in _TO_HF:
        name = re.sub(pattern, replacement, name)
    own = name.split(".")[-2]
    parts = _PARTS.get(own, (own,))
    return [f"model.{name.replace(f'.{own}.', f'.{part}.')}" for part in parts]


def aliases(name: str) -> tuple[str, ...]:
    """A name of transformers → the names under which a file may hold the same weight."""
    nemo = name
    for pattern, replacement in _TO_NEMO:
        nemo = re.sub(pattern, replacement, nemo)
    return (name, nemo, nemo.removeprefix("model."))
