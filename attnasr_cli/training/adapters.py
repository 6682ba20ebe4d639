"""Chooses what is trained of a net: all of it, parts of it, or low-rank adapters beside it.

LoRA (Hu et al. 2021, arXiv:2106.09685) adds to a matrix W the product of two thin ones, s·B·A, and
trains only these, through peft. The net that is evaluated and saved has the sums W + s·B·A, and is
a model like any other.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from attnasr_cli.errors import AttnasrError, UsageError
from attnasr_cli.families.recipe.sections import LoraConfig
from attnasr_cli.nets.protocol import Net

BASE, DOWN, UP = ".base_layer.", ".lora_A.default.", ".lora_B.default."


def freeze(net: nn.Module, parts: Sequence[str]) -> None:
    """Freeze the parameters of some parts. parts: prefixes of parameter names, such as ``encoder``
    or ``encoder.blocks.0``. Raises UsageError for a part that the net lacks."""
    names = [name for name, _ in net.named_parameters()]
    for part in parts:
        inside = [name for name in names if name == part or name.startswith(f"{part}.")]
        if not inside:
            have = sorted({name.split(".")[0] for name in names})
            raise UsageError(
                f"[init] freeze: the net has no part {part!r}", f"it has {', '.join(have)}"
            )
        for name in inside:
            net.get_parameter(name).requires_grad_(False)
    if not any(p.requires_grad for p in net.parameters()):
        raise UsageError("[init] freeze leaves nothing to train", "freeze fewer parts")


def with_adapters(net: Net, config: LoraConfig, seed: int = 1) -> Net:
    """The net with adapters beside its linear layers, which alone are trained.

    It shares its other parameters with ``net``, which stays as it is. seed: of the random A; B
    begins as 0, so that the adapters change nothing at first. Raises UsageError where no layer has
    a name of the configuration, AttnasrError without peft.
    """
    from attnasr_cli.audio import _torchaudio  # noqa: F401 - peft would load its compiled parts

    try:
        from peft import LoraConfig as PeftConfig
        from peft import inject_adapter_in_model
    except ImportError:
        raise AttnasrError(
            "[lora] needs peft", "pip install 'attnasr[lora]', or train all weights"
        ) from None
    linear = [name for name, module in net.named_modules() if isinstance(module, nn.Linear)]
    chosen = [
        name for name in linear if not config.layers or name.rsplit(".", 1)[-1] in config.layers
    ]
    if not chosen:
        have = sorted({name.rsplit(".", 1)[-1] for name in linear})
        raise UsageError(
            f"[lora] layers: the net has no linear layer {' or '.join(config.layers)}",
            f"it has {', '.join(have)}",
        )
    shared: Any = {id(p): p for p in net.parameters()}
    adapted: Net = copy.deepcopy(net, shared)
    wanted = PeftConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=chosen,
    )
    torch.manual_seed(seed)
    inject_adapter_in_model(wanted, adapted)
    for (
        p
    ) in adapted.parameters():  # peft makes them in the type of the layer: bfloat16 learns little
        if p.requires_grad:
            p.data = p.data.float()
    return adapted


def plain_weights(values: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """Weights of a net with adapters → those of the net without, W + scale·B·A.

    Others stay as they are. scale: alpha over rank.
    """
    merged = {
        name.replace(BASE, "."): value
        for name, value in values.items()
        if DOWN not in name and UP not in name
    }
    for name, down in values.items():
        if DOWN not in name:
            continue
        up = values[name.replace(DOWN, UP)]
        target = name.replace(DOWN, ".")
        sum_ = merged[target].float() + scale * (up.float() @ down.float())
        merged[target] = sum_.to(merged[target].dtype)
    return merged


def trained(net: nn.Module) -> int:
    """Parameters that are trained."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def share_of(net: nn.Module) -> str:
    """The share of parameters that are trained, as a sentence for a note."""
    whole = sum(p.numel() for p in net.parameters())
    return f"{trained(net) / 1e6:.2f} M of {whole / 1e6:.1f} M parameters are trained"
