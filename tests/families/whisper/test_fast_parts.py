"""What makes the net fast on a CPU computes what its plain form computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from attnasr_cli.families.common.int8 import (
    DynamicallyQuantized,
    PairwiseQuantized,
    Quantized,
    Screened,
    can_quantize_pairs,
    can_quantize_rows,
    quantized,
)
from attnasr_cli.families.whisper.net.attention import _blocked
from attnasr_cli.families.whisper.net.blocks import Projected, cross_attention
from attnasr_cli.families.whisper.net.fast import accelerate
from attnasr_cli.families.whisper.net.memory import HeadMemory, PackedMemory, StepMemory
from attnasr_cli.families.whisper.net.model import Whisper, WhisperConfig
from attnasr_cli.nets.packed import Packed, can_pack
from attnasr_cli.nets.protocol import Memory, Tree, reorder, select
from attnasr_cli.recognize.recognizer import Recognizer
from tests.families.whisper.conftest import SMALL

CPU = torch.device("cpu")
CONFIG = WhisperConfig(
    mels=8, width=24, audio_heads=3, audio_layers=2, text_heads=3, text_layers=2, vocab=600,
    audio_context=50, text_context=150,
)  # fmt: skip
packs = pytest.mark.skipif(not can_pack(), reason="no bfloat16 in this oneDNN")
BY_ROWS = [
    pytest.param(kind, marks=pytest.mark.skipif(not can, reason="not on this processor"))
    for kind, can in ((Quantized, can_quantize_rows()), (PairwiseQuantized, can_quantize_pairs()))
]
"""layers in 8 bits with a scale for each row"""


@pytest.fixture(scope="module")
def net() -> Whisper:
    torch.manual_seed(0)
    return Whisper(CONFIG).eval()


def memory_of(net: Whisper, utterances: int) -> Memory:
    features = torch.randn(utterances, 100, 8, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        return net.encode(features, torch.full((utterances,), 100))


@pytest.mark.parametrize("scale", [1.0, 30.0, 300.0])
def test_attention_in_blocks(scale: float) -> None:
    """Also where scores leave the range in which exponentials can be summed as they are."""
    generator = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(2, 3, 700, 16, generator=generator).bfloat16() for _ in range(3))
    q = q * scale
    found = _blocked(q, k, v).float()
    scores = ((q * 0.25) @ k.transpose(-1, -2)).float()  # rounded as they are there
    wanted = scores.softmax(-1) @ v.float()
    assert torch.isfinite(found).all()
    assert (found - wanted).abs().mean() < 0.01


@torch.inference_mode()
def test_windows_one_by_one_are_a_batch(net: Whisper) -> None:
    together, alone = memory_of(net, 3), memory_of(net, 1)
    torch.testing.assert_close(together.frames[:1], alone.frames)
    with torch.enable_grad():  # as in training: all at once
        features = torch.randn(3, 100, 8, generator=torch.Generator().manual_seed(3))
        batch = net.encode(features, torch.full((3,), 100))
    torch.testing.assert_close(batch.frames, together.frames)
    torch.testing.assert_close(batch.keys[1].values, together.keys[1].values)


def moved(state: Tree, tokens: torch.Tensor, order: Sequence[int]) -> tuple[Tree, torch.Tensor]:
    rows = torch.tensor(list(order))
    return reorder(state, rows), tokens[rows]


@pytest.mark.parametrize("form", ["float32", "bfloat16"])
@torch.inference_mode()
def test_beams_in_one_store_remember_their_own_past(net: Whisper, form: str) -> None:
    """Random reordering, spreading and dropping of rows = each row's tokens read from the start."""
    generator = torch.Generator().manual_seed(5)
    fast = accelerate(net, CPU, form)
    memory = memory_of(fast, 3)
    tokens = torch.randint(0, 600, (3, 4), generator=generator)
    step = fast.step(tokens, fast.start(memory, 1), memory)
    state, tokens = moved(step.state, tokens, [b for b in range(3) for _ in range(4)])
    for u in range(70):  # longer than the first storage
        new = torch.randint(0, 600, (len(tokens), 1), generator=generator)
        tokens = torch.cat([tokens, new], 1)
        step = fast.step(new, state, memory)
        state = step.state
        utterances = len(tokens) // 4
        parents = torch.randint(0, 4, (utterances, 4), generator=generator)
        order = (parents + 4 * torch.arange(utterances)[:, None]).view(-1)
        state, tokens = moved(state, tokens, order.tolist())
        if u == 40:  # the first utterance is done
            state, tokens = moved(state, tokens, range(4, 12))
            memory = select(memory, torch.tensor([1, 2]))
        if u == 50:  # rows that are no groups of 4, as a sampler may ask for
            state, tokens = moved(state, tokens, [1, 2, 5, 6, 7, 4])
            state, tokens = moved(state, tokens, [0, 1, 0, 1, 3, 3, 4, 5])
    new = torch.randint(0, 600, (len(tokens), 1), generator=generator)
    found = fast.step(new, state, memory).log_probs
    whole = torch.cat([tokens, new], 1)
    for b in range(2):
        one = select(memory, torch.tensor([b]))
        for row in range(4 * b, 4 * b + 4):
            wanted = fast.decode(one, whole[row : row + 1])[0, -1].log_softmax(-1)
            near = {"float32": 1e-4, "bfloat16": 0.05}[form]
            torch.testing.assert_close(found[row], wanted, rtol=0, atol=near)


@pytest.mark.parametrize(
    ("kind", "dtype", "near"),
    [
        pytest.param(PackedMemory, torch.float32, 1e-5, marks=packs),
        pytest.param(PackedMemory, torch.bfloat16, 0.02, marks=packs),
        (HeadMemory, torch.float32, 1e-5),
        (HeadMemory, torch.float16, 2e-3),
    ],
)
@pytest.mark.parametrize("heads", [1, 3, 6, 8])
@torch.inference_mode()
def test_memory_of_steps_is_attention(
    heads: int, kind: type[StepMemory[object]], dtype: torch.dtype, near: float
) -> None:
    generator = torch.Generator().manual_seed(7)
    frames = torch.randn(3, 90, 16 * heads, generator=generator)
    queries = torch.randn(3, heads, 5, 16, generator=generator)
    key, value = (torch.randn(16 * heads, 16 * heads, generator=generator) / 8 for _ in range(2))

    def split(x: torch.Tensor) -> torch.Tensor:
        return x.view(3, 90, heads, 16).transpose(1, 2)

    packed = kind.of(frames, lambda x: x @ key, lambda x: x @ value, heads, dtype)
    wanted, weights = cross_attention(
        queries, Projected(split(frames @ key), split(frames @ value))
    )
    found, found_weights = packed.cross_attention(queries, True)
    assert found_weights is not None
    assert (found.float() - wanted).abs().mean() < near
    assert (found_weights.float() - weights).abs().mean() < near / 20
    assert packed.cross_attention(queries, False)[1] is None
    last = packed.index_select(0, torch.tensor([2])).cross_attention(queries[2:], False)[0]
    torch.testing.assert_close(last, found[2:], rtol=0, atol=0)


@packs
@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-5), (torch.bfloat16, 0.1)])
@torch.inference_mode()
def test_packed_layers_are_linear_layers(dtype: torch.dtype, near: float) -> None:
    x, weight, bias = torch.randn(2, 5, 40), torch.randn(30, 40), torch.randn(30)
    found = Packed(weight.to(dtype), bias.to(dtype))(x)
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), F.linear(x, weight, bias), rtol=near / 2, atol=near)


@pytest.mark.parametrize("kind", BY_ROWS)
@torch.inference_mode()
def test_eight_bits_do_not_depend_on_the_other_rows(
    kind: type[Quantized | PairwiseQuantized],
) -> None:
    generator = torch.Generator().manual_seed(9)
    x, weight = (torch.randn(n, 64, generator=generator) for n in (7, 300))
    x[3] *= 1000
    x[4] = 0
    layer = kind(weight, torch.ones(300))
    found = layer(x)
    wanted = F.linear(x, weight, torch.ones(300))
    error = (found - wanted).std(-1) / wanted.std(-1).clamp_min(1e-6)
    assert error[[0, 1, 2, 3, 5, 6]].max() < 0.03
    torch.testing.assert_close(found[4], torch.ones(300))
    for row in range(7):
        torch.testing.assert_close(layer(x[row : row + 1])[0], found[row], rtol=0, atol=0)


@pytest.mark.parametrize("kind", BY_ROWS)
@torch.inference_mode()
def test_eight_bits_at_their_largest(kind: type[Quantized | PairwiseQuantized]) -> None:
    """Sums of the largest products, which would be cut off if they were kept in 16 bits."""
    x, weight = torch.ones(3, 64), torch.ones(8, 64)
    x[1] = -1
    found = kind(weight, None)(x)
    torch.testing.assert_close(found, x @ weight.T, rtol=0.01, atol=0)


@torch.inference_mode()
def test_the_best_of_a_screened_layer_are_exact() -> None:
    generator = torch.Generator().manual_seed(5)
    x, weight = (torch.randn(n, 64, generator=generator) for n in (6, 3000))
    found, wanted = Screened(weight)(x.view(2, 3, 64)).view(6, -1), x @ weight.T
    values, best = wanted.topk(10, -1)
    torch.testing.assert_close(found.topk(10, -1).indices, best)
    torch.testing.assert_close(found.gather(-1, best), values)
    assert (found - wanted).std() < 0.05 * wanted.std()


@torch.inference_mode()
def test_eight_bits_where_rows_cannot_have_their_own() -> None:
    x, weight, bias = torch.randn(2, 4, 64), torch.randn(300, 64), torch.randn(300)
    wanted = F.linear(x, weight, bias)
    for layer in (DynamicallyQuantized(weight, bias), quantized(weight, bias)):
        assert (layer(x) - wanted).std() < 0.05 * wanted.std()


def test_the_user_is_told_of_the_output_layer(pair) -> None:
    _, model = pair(SMALL)
    said = Recognizer.from_model(model, "cpu", "bfloat16").placements[0].reason
    assert ("output layer in int8" in said) == (can_pack() and can_quantize_rows())
    assert "int8" not in Recognizer.from_model(model, "cpu", "float32").placements[0].reason


@pytest.mark.parametrize("can", [True, False])
def test_the_user_is_told_what_auto_does_without_bfloat16(
    can: bool, pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, model = pair(SMALL)
    monkeypatch.setattr("attnasr_cli.device.cpu_flags", lambda: frozenset({"avx2"}))
    monkeypatch.setattr("attnasr_cli.families.whisper.decode.batched.can_quantize", lambda: can)
    decoder: Any = Recognizer.from_model(model, "cpu", "auto").decoders[0]
    assert decoder.placement.dtype == "float32"
    assert ("output layer in int8 first" in decoder.placement.reason) == can
    assert isinstance(decoder.net.readout, Screened) == can
    if can:
        embedding = decoder.net.decoder.token_embedding.weight
        assert decoder.net.readout.weight.data_ptr() == embedding.data_ptr()  # one copy
    exact: Any = Recognizer.from_model(model, "cpu", "float32").decoders[0]
    assert not isinstance(exact.net.readout, Screened)
    assert exact.net.memory_dtype is None


def test_eight_windows_make_a_batch(pair, monkeypatch) -> None:
    _, model = pair(SMALL)
    monkeypatch.setattr("attnasr_cli.device.free_memory", lambda: 10**12)
    recognizer = Recognizer.from_model(model, "cpu", "float32")
    assert recognizer.batch_s == 8 * 30
    assert recognizer.decoders[0].min_cost_s == 30  # short segments are padded to a window
    monkeypatch.setattr("attnasr_cli.device.free_memory", lambda: 10**9)
    assert Recognizer.from_model(model, "cpu", "float32").batch_s == 30


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("broken", ["missing", "other arguments", "other numbers"])
def test_private_operators_are_tried_before_they_are_used(
    dtype: torch.dtype, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another torch may not have them, want other arguments, or mean something else by them."""

    def changed(*args: object) -> torch.Tensor:
        if broken == "missing":
            raise AttributeError("no such operator")
        if broken == "other arguments":
            raise RuntimeError("expected at most 3 argument(s)")
        return torch.zeros(2, 2, dtype=dtype)

    monkeypatch.setattr("attnasr_cli.nets.packed.product", changed)
    can_pack.cache_clear()
    try:
        assert not can_pack(dtype)
    finally:
        can_pack.cache_clear()


@pytest.mark.parametrize("broken", ["missing", "other numbers"])
def test_the_layer_of_eight_bits_is_tried_before_it_is_used(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(layer: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        if broken == "missing":
            raise AttributeError("no such operator")
        return torch.zeros(2, 2)

    for kind in (Quantized, PairwiseQuantized):
        monkeypatch.setattr(kind, "forward", changed)
    monkeypatch.setattr("attnasr_cli.families.common.int8.has_vnni", lambda: True)
    for probe in (can_quantize_rows, can_quantize_pairs):
        probe.cache_clear()
    try:
        assert not can_quantize_rows()
        assert not can_quantize_pairs()
        layer = quantized(torch.eye(3), None)  # falls back, and computes
        assert isinstance(layer, DynamicallyQuantized)
        torch.testing.assert_close(layer(torch.eye(3)), torch.eye(3), rtol=0, atol=0.05)
    finally:
        for probe in (can_quantize_rows, can_quantize_pairs):
            probe.cache_clear()
