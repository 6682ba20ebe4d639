"""A writer of CTranslate2's folders for tests, after its published converter."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import torch
from torch import Tensor

from attnasr_cli.families.whisper.net.model import Whisper

TYPES = [torch.float32, torch.int8, torch.int16, torch.int32, torch.float16, torch.bfloat16]
ALIAS = {"decoder/projection/weight": "decoder/embeddings/weight"}


def variables(net: Whisper) -> dict[str, Tensor]:
    """The weights by CTranslate2's names, in float32, and the sizes that it writes beside them."""
    w = {name: tensor.detach() for name, tensor in net.state_dict().items()}
    config = net.config
    found = {
        "encoder/num_heads": torch.tensor(config.audio_heads, dtype=torch.int16),
        "decoder/num_heads": torch.tensor(config.text_heads, dtype=torch.int16),
        "decoder/activation": torch.tensor(3, dtype=torch.int8),
        "decoder/pre_norm": torch.tensor(1, dtype=torch.int8),
        "encoder/position_encodings/encodings": w["encoder.positional_embedding"],
        "decoder/position_encodings/encodings": w["decoder.positional_embedding"],
        "decoder/embeddings/weight": w["decoder.token_embedding.weight"],
    }

    def linear(to: str, *modules: str) -> None:
        weights = [w[f"{module}.weight"] for module in modules]
        # What has no bias, the key, gets zeros there.
        biases = [w.get(f"{m}.bias", torch.zeros(len(x))) for m, x in zip(modules, weights)]  # noqa: B905
        found[f"{to}/weight"], found[f"{to}/bias"] = torch.cat(weights), torch.cat(biases)

    def norm(to: str, module: str) -> None:
        found[f"{to}/gamma"], found[f"{to}/beta"] = w[f"{module}.weight"], w[f"{module}.bias"]

    linear("encoder/conv1", "encoder.conv1")
    linear("encoder/conv2", "encoder.conv2")
    norm("encoder/layer_norm", "encoder.ln_post")
    norm("decoder/layer_norm", "decoder.ln")
    for side, layers in (("encoder", config.audio_layers), ("decoder", config.text_layers)):
        for i in range(layers):
            to, ours = f"{side}/layer_{i}", f"{side}.blocks.{i}"
            parts = [f"{ours}.attn.{part}" for part in ("query", "key", "value")]
            linear(f"{to}/self_attention/linear_0", *parts)
            linear(f"{to}/self_attention/linear_1", f"{ours}.attn.out")
            norm(f"{to}/self_attention/layer_norm", f"{ours}.attn_ln")
            if side == "decoder":
                linear(f"{to}/attention/linear_0", f"{ours}.cross_attn.query")
                parts = [f"{ours}.cross_attn.{part}" for part in ("key", "value")]
                linear(f"{to}/attention/linear_1", *parts)
                linear(f"{to}/attention/linear_2", f"{ours}.cross_attn.out")
                norm(f"{to}/attention/layer_norm", f"{ours}.cross_attn_ln")
            linear(f"{to}/ffn/linear_0", f"{ours}.mlp.0")
            linear(f"{to}/ffn/linear_1", f"{ours}.mlp.2")
            norm(f"{to}/ffn/layer_norm", f"{ours}.mlp_ln")
    return found


def quantize(found: dict[str, Tensor], kind: str) -> dict[str, Tensor]:
    """The converter's ``--quantization``."""
    rest = {"float16": torch.float16, "int8_float16": torch.float16, "bfloat16": torch.bfloat16}
    result = {}
    for name, value in found.items():
        matrix = name.endswith("/weight")
        if matrix and kind.startswith("int8"):
            peak = value.flatten(1).abs().amax(1)
            scale = 127 / torch.where(peak == 0, 127, peak)
            result[name] = (value * scale.view(-1, *[1] * (value.ndim - 1))).round().to(torch.int8)
            result[f"{name}_scale"] = scale
        elif matrix and kind == "int16":
            scale = 2**10 / value.abs().max()
            result[name], result[f"{name}_scale"] = (value * scale).round().to(torch.int16), scale
        else:
            result[name] = value.to(rest.get(kind, value.dtype)) if value.ndim else value
    return result


def to_bytes(found: dict[str, Tensor], alias: dict[str, str] = ALIAS, **head: object) -> bytes:
    """The content of ``model.bin``. head: version, spec, revision where they are other ones."""

    def text(name: str) -> bytes:
        return struct.pack("<H", len(name) + 1) + name.encode() + b"\0"

    out = [struct.pack("<I", head.get("version", 6)), text(str(head.get("spec", "WhisperSpec")))]
    out += [struct.pack("<II", head.get("revision", 3), len(found))]
    for name, value in sorted(found.items()):
        data = value.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        shape = struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        out += [text(name), shape, struct.pack("<BI", TYPES.index(value.dtype), len(data)), data]
    out.append(struct.pack("<I", len(alias)))
    return b"".join([*out, *(text(a) + text(b) for a, b in alias.items())])


def write_folder(path: Path, model: object, kind: str = "float32") -> Path:
    """A folder like those that the converter writes, with ``tokenizer.json`` copied into it."""
    path.mkdir(parents=True, exist_ok=True)
    net, tokenizer = model.net, model.tokenizer  # type: ignore[attr-defined]
    (path / "model.bin").write_bytes(to_bytes(quantize(variables(net), kind)))
    table = {
        "alignment_heads": [[1, 2], [2, 0]],
        "lang_ids": list(tokenizer.languages.values()),
        "suppress_ids": tokenizer.suppressed,
        "suppress_ids_begin": tokenizer.blank,
    }
    (path / "config.json").write_text(json.dumps(table))
    (path / "tokenizer.json").write_bytes(tokenizer.to_bytes())
    names = {token: piece for piece, token in tokenizer.vocabulary.items()}
    names |= {token: name for name, token in tokenizer.specials.items()}
    begin = tokenizer.timestamp_begin
    names |= {begin + i: f"<|{i / 50:.2f}|>" for i in range(tokenizer.size - begin)}
    listed = [names[token] for token in range(tokenizer.size)]
    (path / "vocabulary.txt").write_text("".join(f"{name}\n" for name in listed), encoding="utf-8")
    (path / "vocabulary.json").write_text(json.dumps(listed))
    return path
