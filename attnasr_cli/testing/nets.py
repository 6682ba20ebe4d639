"""The conformance suite: every net is held to ``nets/protocol.py`` by it, ours and others'.

    from attnasr_cli.testing import check_net
    check_net(MyNet, MyConfig(vocab=7, bins=8, width=16, …))

Small random weights, about a second. Raises AssertionError with what is wrong.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from attnasr_cli.nets.protocol import BLANK, Memory, Net, reorder, select
from attnasr_cli.search.beam import SearchConfig, search

BOS, EOS = 1, 2
TOLERANCE = 2e-4


def check_net(cls: type[Net], config: Any, bins: int = 8, frames: int = 96) -> None:
    """Hold a net to the protocol; config is a small one with a vocabulary of at least 5 tokens."""
    torch.manual_seed(0)
    net = cls(config).eval()
    vocab = config.vocab
    features = torch.randn(3, frames, bins)
    lengths = torch.tensor([frames, frames * 2 // 3, frames // 2])
    tokens = torch.randint(3, vocab, (3, 5))
    tokens[:, 0] = BOS
    with torch.inference_mode():
        check_step_by_step(net, features, lengths, tokens)
        check_alone_in_batch(net, features, lengths, tokens)
        check_padding_is_ignored(net, features, lengths, tokens)
        check_weights(net, features, lengths, tokens)
        check_beams_share_memory(net, features, lengths, tokens)
        check_brute_force(net, features[:1], lengths[:1])
        check_batched_search(net, features, lengths)
        check_round_trip(cls, net, features, lengths, tokens)
    check_gradients(net, features, lengths, tokens)


def check_step_by_step(net: Net, features: Tensor, lengths: Tensor, tokens: Tensor) -> None:
    """Feeding tokens one by one, or some at once, gives what all at once gives."""
    memory = net.encode(features, lengths)
    wanted = net.decode(memory, tokens).log_softmax(-1)  # (B, U, V)
    state = net.start(memory, 1)
    for u in range(tokens.shape[1]):
        step = net.step(tokens[:, u : u + 1], state, memory)
        state = step.state
        _close(step.log_probs, wanted[:, u], f"step {u} differs from teacher forcing")
    prompted = net.step(tokens, net.start(memory, 1), memory)
    _close(prompted.log_probs, wanted[:, -1], "a prompt of several tokens differs from steps")
    _close(net.forward(features, lengths, tokens).log_softmax(-1), wanted, "forward ≠ decode")


def check_alone_in_batch(net: Net, features: Tensor, lengths: Tensor, tokens: Tensor) -> None:
    """An utterance alone gives what it gives in a padded batch."""
    batch = net.encode(features, lengths)
    wanted = net.decode(batch, tokens)
    for b in range(features.shape[0]):
        alone = net.encode(features[b : b + 1, : lengths[b]], lengths[b : b + 1])
        assert alone.lengths.tolist() == [int(batch.lengths[b])], "length depends on the batch"
        _close(net.decode(alone, tokens[b : b + 1])[0], wanted[b], f"utterance {b} differs alone")
        if net.has_ctc:
            valid = int(batch.lengths[b])
            _close(net.ctc(alone)[0, :valid], net.ctc(batch)[b, :valid], "CTC differs alone")


def check_padding_is_ignored(net: Net, features: Tensor, lengths: Tensor, tokens: Tensor) -> None:
    """What stands in the padding does not matter."""
    noisy = features.clone()
    for b, length in enumerate(lengths.tolist()):
        noisy[b, length:] = 100.0
    wanted = net.forward(features, lengths, tokens)
    _close(net.forward(noisy, lengths, tokens), wanted, "padding leaks")


def check_weights(net: Net, features: Tensor, lengths: Tensor, tokens: Tensor) -> None:
    """Attention sums to 1 and is exactly 0 on padding, in steps and in ``attend``."""
    memory = net.encode(features, lengths)
    step = net.step(tokens, net.start(memory, 1), memory)
    weights = net.attend(memory, tokens)  # (B, L, H, U, S)
    assert weights.dim() == 5, "attend gives (B, L, H, U, S)"
    assert weights.shape[3] == tokens.shape[1], "attend has one row for each token"
    for name, found in (("step", step.weights), ("attend", weights)):
        _close(found.sum(-1), torch.ones(found.shape[:-1]), f"{name}: weights do not sum to 1")
        for b, valid in enumerate(memory.lengths.tolist()):
            assert bool((found[b][..., valid:] == 0).all()), f"{name}: weight on padding"
    _close(step.log_probs.exp().sum(-1), torch.ones(3), "log_probs are not normalised")
    scores = net.scores(tokens, net.start(memory, 1), memory).log_probs
    _close(scores.log_softmax(-1), step.log_probs, "scores are not those of step")


def check_beams_share_memory(net: Net, features: Tensor, lengths: Tensor, tokens: Tensor) -> None:
    """K beams over B memories give what B·K rows alone give, after any reordering."""
    memory = net.encode(features, lengths)
    K = 2
    other = tokens.flip(1)
    rows = torch.stack([tokens, other], 1).flatten(0, 1)  # (B·K, U)
    state = net.step(rows[:, :3], net.start(memory, K), memory).state
    order = torch.tensor([1, 0, 3, 2, 5, 4])
    found = net.step(rows[order][:, 3:4], reorder(state, order), memory).log_probs
    for row in range(rows.shape[0]):
        b = row // K
        one = select(memory, torch.tensor([b]))
        source = rows[order[row] : order[row] + 1, :4]
        wanted = net.step(source, net.start(one, 1), one).log_probs
        _close(found[row : row + 1], wanted, f"row {row} differs from the row alone")


def check_brute_force(net: Net, features: Tensor, lengths: Tensor, length: int = 3) -> None:
    """A beam as wide as everything finds what trying everything finds."""
    memory = net.encode(features, lengths)
    vocab = net.config.vocab
    prompt = torch.tensor([[BOS]])
    wanted: dict[tuple[int, ...], float] = {}
    others = [t for t in range(vocab) if t != EOS]
    for size in range(length + 1):
        for sequence in itertools.product(others, repeat=size):
            wanted[sequence] = 0.0
    sequences = sorted(wanted)
    for size in range(length + 1):
        group = [s for s in sequences if len(s) == size]
        fed = torch.tensor([[BOS, *s] for s in group])
        many = select(memory, torch.zeros(len(group), dtype=torch.long))
        log_probs = net.decode(many, fed).log_softmax(-1)
        for i, s in enumerate(group):
            score = sum(float(log_probs[i, u, t]) for u, t in enumerate(s))
            # The limit counts the end token too: a sequence of full length has none.
            wanted[s] = score if size == length else score + float(log_probs[i, size, EOS])
    best = sorted(wanted.items(), key=lambda item: -item[1])[:5]
    beams = len(others) ** length + 1
    config = SearchConfig(beams=beams, nbest=5)
    found = search(net, memory, prompt, EOS, length, config)[0]
    for (sequence, score), hypothesis in zip(best, found, strict=True):
        assert abs(hypothesis.score - score) < 1e-3, "a wide beam misses the best sequence"
        assert hypothesis.tokens == list(sequence), "a wide beam orders sequences wrongly"


def check_batched_search(net: Net, features: Tensor, lengths: Tensor) -> None:
    """Search alone gives what search in a batch gives."""
    memory = net.encode(features, lengths)
    prompt = torch.full((3, 1), BOS)
    limits = torch.tensor([9, 5, 7])
    config = SearchConfig(beams=3, nbest=2, length_penalty=None)
    together = search(net, memory, prompt, EOS, limits, config)
    for b in range(3):
        one = select(memory, torch.tensor([b]))
        alone = search(net, one, prompt[:1], EOS, limits[b : b + 1], config)[0]
        assert [h.tokens for h in alone] == [h.tokens for h in together[b]], "search differs alone"


def check_round_trip(
    cls: type[Net], net: Net, features: Tensor, lengths: Tensor, tokens: Tensor
) -> None:
    """Saved and loaded weights give the same numbers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        save_file({k: v.contiguous() for k, v in net.state_dict().items()}, path)
        again = cls(net.config).eval()
        again.load_state_dict(load_file(path))
    wanted = net.forward(features, lengths, tokens)
    _close(again.forward(features, lengths, tokens), wanted, "loaded weights give other numbers")


def check_gradients(net: Net, features: Tensor, lengths: Tensor, tokens: Tensor) -> None:
    """Every parameter has a part in the losses."""
    net.train()
    memory: Memory = net.encode(features, lengths)
    loss = net.decode(memory, tokens).log_softmax(-1).square().mean()
    heads = [net.ctc(memory)] if net.has_ctc else []
    for head in (*heads, *memory.inner_ctc):
        loss = loss + head.log_softmax(-1)[..., BLANK].mean()
    loss.backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, f"{name} gets no gradient"
        assert bool(torch.isfinite(parameter.grad).all()), f"{name} gets a broken gradient"
    net.eval()


def _close(found: Tensor, wanted: Tensor, message: str) -> None:
    gap = float((found - wanted).abs().max())
    assert gap < TOLERANCE, f"{message} (by {gap:.2g})"
