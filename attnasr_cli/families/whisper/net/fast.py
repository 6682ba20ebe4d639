"""Faster forms of a Whisper net for inference; the interface stays, the products change.

bfloat16 and float16: matrix products in the low precision, while the sum that runs through the
blocks, the norms and the positions stay in float32, so that rounding does not add up over layers.
int8 (CPU): weights in 8 bits with one scale for each row, activations quantised dynamically; reads
a quarter of the bytes, which determine the time of a decoder step. The encoder is then computed in
bfloat16 where the processor has instructions for it.
"""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn

from attnasr_cli.families.common.int8 import Quantized, Screened, can_quantize_rows, quantized
from attnasr_cli.families.whisper.net.blocks import Attention, Block
from attnasr_cli.families.whisper.net.memory import HeadMemory, PackedMemory, StepMemory
from attnasr_cli.families.whisper.net.model import Whisper
from attnasr_cli.nets.packed import Packed, can_pack, pack
from attnasr_cli.nets.protocol import Memory

COPIED = 1 << 30
"""bytes of float32 weights up to which a second, reordered copy is made"""
LOW = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class FastWhisper(Whisper):
    """A net whose parts have faster implementations than the reference."""

    def __init__(self, net: Whisper) -> None:
        """Takes over the parts of ``net``."""
        nn.Module.__init__(self)
        self.config, self.encoder, self.decoder = net.config, net.encoder, net.decoder
        self.readout: nn.Module | None = None
        """the output layer, where there is one beside the embedding"""
        self.memory_dtype: torch.dtype | None = None
        """type of keys and values of the memory; None: that of the weights"""
        self.packs_memory = False
        """whether they are stored as a ``StepMemory``"""

    def logits(self, x: Tensor) -> Tensor:
        if self.readout is None:
            return super().logits(x)
        return cast(Tensor, self.readout(x)).float()

    def project_memory(self, frames: Tensor) -> Memory:
        layers, dtype = self.cross_layers, self.memory_dtype
        if not self.packs_memory:
            return self.memory_of(frames, tuple(a.project_memory(frames, dtype) for a in layers))
        heads, kept = self.config.text_heads, dtype or frames.dtype
        kind: type[StepMemory[Any]] = PackedMemory if kept == torch.bfloat16 else HeadMemory
        stored = (kind.of(frames, a.key, a.value, heads, kept) for a in layers)
        return self.memory_of(frames, tuple(stored))


class FusedAttention(Attention):
    """Self-attention with query, key and value in one product."""

    def __init__(self, attention: Attention, fused: nn.Module) -> None:
        """Takes the place of ``attention``; fused: (…, D) → (…, 3D)."""
        nn.Module.__init__(self)
        self.heads, self.out, self.fused = attention.heads, attention.out, fused

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = self.fused(x).chunk(3, -1)
        return self.split(q), self.split(k), self.split(v)


def accelerate(
    net: Whisper,
    device: torch.device,
    dtype: str,
    low_encoder: bool = False,
    screened: bool = False,
) -> FastWhisper:
    """A net for inference on a device, in evaluation mode; ``net`` itself is not changed.

    dtype: float32, bfloat16, float16 or int8. low_encoder: with int8, the encoder in bfloat16.
    screened: with float32 on a CPU, the output layer looks in 8 bits first, and keys and values of
    the memory are kept in float16.
    """
    fast = FastWhisper(_shared_copy(net)).eval()
    on_cpu = device.type == "cpu"
    packs = on_cpu and (dtype == "bfloat16" or low_encoder) and can_pack()
    if dtype in LOW:
        _lower(fast.encoder, LOW[dtype])
        _lower(fast.decoder, LOW[dtype])
        if packs:
            _pack(fast, _readout(net.decoder.token_embedding.weight.detach()))
    elif dtype == "int8":
        if low_encoder:
            _lower(fast.encoder, torch.bfloat16)
            fast.encoder.ln_post = cast(Norm, fast.encoder.ln_post).norm
            if packs:
                pack(fast.encoder)
        else:
            _quantize(fast.encoder)
        fast.readout = quantized(fast.decoder.token_embedding.weight, None)
        _quantize(fast.decoder)
        if low_encoder:
            fast.memory_dtype = torch.bfloat16
            fast.packs_memory = packs
        else:
            fast.memory_dtype = torch.float16
            fast.packs_memory = on_cpu
    elif dtype == "float32":
        fast.packs_memory = on_cpu
        if on_cpu and can_pack(torch.float32) and _bytes(net) <= COPIED:
            embedding = net.decoder.token_embedding.weight.detach()
            _pack(fast, Screened(embedding) if screened else Packed(embedding, None))
            fast.memory_dtype = torch.float16 if screened else None
    else:
        raise ValueError(f"no form of the net for {dtype}")
    if on_cpu and (dtype != "float32" or fast.readout is not None):
        _own_storage(fast)
    if isinstance(fast.readout, Screened):  # one embedding, not two
        fast.readout.weight = fast.decoder.token_embedding.weight.detach()
    return fast.to(device)


def _own_storage(net: nn.Module) -> None:
    """Copy norms, positions and biases that still share memory with the file they were read from: a
    single one would keep the whole file in memory."""
    for tensor in (*net.parameters(), *net.buffers()):
        if tensor.dtype == torch.float32:  # what is lower is a copy already
            tensor.data = tensor.data.clone()
    for module in net.modules():
        if isinstance(module, Packed | Quantized) and module.bias is not None:
            module.bias = module.bias.clone()


def _pack(net: FastWhisper, readout: nn.Module) -> None:
    pack(net.encoder)
    pack(net.decoder)
    net.readout = readout
    net.packs_memory = True


def _bytes(net: nn.Module) -> int:
    return sum(p.numel() * p.element_size() for p in net.parameters())


def _readout(weight: Tensor) -> nn.Module:
    """The output layer (V, D) with a bfloat16 net, half of the bytes that a step reads. In 8 bits
    with sums in float32 it is faster than in bfloat16 and no less precise: bfloat16 sums often make
    the most probable tokens tie."""
    if can_quantize_rows():
        return quantized(weight, None)
    return Packed(weight.bfloat16(), None)


def _shared_copy(net: Whisper) -> Whisper:
    """New modules that share the storage of ``net``: replacing their parts does not change
    ``net``."""
    memo: dict[int, object] = {
        id(p): nn.Parameter(p.detach(), requires_grad=False) for p in net.parameters()
    }
    memo |= {id(buffer): buffer.detach() for buffer in net.buffers()}
    return copy.deepcopy(net, memo)


class Norm(nn.Module):
    """Layer norm in float32 with output in the type of the next product."""

    def __init__(self, norm: nn.LayerNorm, dtype: torch.dtype) -> None:
        super().__init__()
        self.norm, self.dtype = norm, dtype

    def forward(self, x: Tensor) -> Tensor:
        """(…, D) → (…, D) in ``dtype``"""
        return cast(Tensor, self.norm(x.float())).to(self.dtype)


def _lower(part: nn.Module, dtype: torch.dtype) -> None:
    """Products in ``dtype``, norms and positions in float32."""
    for module in list(part.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.LayerNorm):
                setattr(module, name, Norm(child, dtype))
            elif isinstance(child, nn.Linear | nn.Conv1d | nn.Embedding):
                child.to(dtype)
    _fuse(part)


def _fuse(part: nn.Module) -> None:
    """Query, key and value of attention to itself in one product."""
    for block in list(part.modules()):
        if isinstance(block, Block):
            attention = block.attn
            weight, bias = fused_weights(attention)
            fused = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
            fused.weight = nn.Parameter(weight, requires_grad=False)
            fused.bias = nn.Parameter(bias, requires_grad=False)
            block.attn = FusedAttention(attention, fused)


def fused_weights(attention: Attention) -> tuple[Tensor, Tensor]:
    """Weights (3D, D) and biases (3D,) of query, key and value one below the other."""
    parts = (attention.query, attention.key, attention.value)
    weight = torch.cat([part.weight for part in parts])
    zero = torch.zeros_like(attention.query.bias)
    return weight, torch.cat([attention.query.bias, zero, attention.value.bias])


def _quantize(part: nn.Module) -> None:
    """All linear layers of a part in int8."""
    for block in list(part.modules()):
        if isinstance(block, Block):
            block.attn = FusedAttention(block.attn, quantized(*fused_weights(block.attn)))
    for module in list(part.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                setattr(module, name, quantized(child.weight, child.bias))
