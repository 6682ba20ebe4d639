"""Rules for the search: masks on scores that forbid tokens.

A rule takes log_probs (R, V) and the tokens so far with the prompt (R, n), and returns log_probs
with −inf where a token must not come. It may write into what it gets.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

NEVER = float("-inf")


class Suppress:
    """Forbids some tokens everywhere."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self.index = torch.tensor(sorted(set(tokens)))

    def __call__(self, log_probs: Tensor, tokens: Tensor) -> Tensor:
        return log_probs.index_fill_(1, self.index.to(log_probs.device), NEVER)


class SuppressFirst:
    """Forbids some tokens as the first one after a prompt of ``prompt_length`` tokens."""

    def __init__(self, tokens: Sequence[int], prompt_length: int) -> None:
        self.suppress, self.prompt_length = Suppress(tokens), prompt_length

    def __call__(self, log_probs: Tensor, tokens: Tensor) -> Tensor:
        if tokens.shape[1] > self.prompt_length:
            return log_probs
        return self.suppress(log_probs, tokens)


class TimestampGrammar:
    """Timestamps frame the text: start, text, end, start, text, end … (Radford et al. 2022).

    They come in pairs, never decrease, and the end of a span is later than its start. Where the
    summed probability of all timestamps exceeds that of the most probable text token, a timestamp
    is forced. Ids below ``end`` are text, ids from ``first`` on are timestamps, and ``end`` ends
    the transcript.
    """

    def __init__(
        self, first: int, end: int, none: int, prompt_length: int, max_initial: int | None
    ) -> None:
        """none: the token that would switch timestamps off; max_initial: the latest timestamp, in
        steps, that may come first."""
        self.first, self.end, self.none = first, end, none
        self.prompt_length, self.max_initial = prompt_length, max_initial

    def __call__(self, log_probs: Tensor, tokens: Tensor) -> Tensor:
        first = self.first
        log_probs[:, self.none] = NEVER
        new = tokens[:, self.prompt_length :]
        if new.shape[1] == 0:
            log_probs[:, :first] = NEVER
            if self.max_initial is not None:
                log_probs[:, first + self.max_initial + 1 :] = NEVER
            return log_probs
        stamps = new >= first  # (R, n)
        last = stamps[:, -1]
        before = stamps[:, -2] if new.shape[1] > 1 else torch.ones_like(last)
        closing = last & ~before  # text, then one timestamp: its pair, or the end, must follow
        times = log_probs[:, first:]  # (R, 1501), a view
        latest = torch.where(stamps, new, -1).amax(1)  # (R,)
        earliest = torch.where(closing, latest, latest + 1)
        step = torch.arange(first, log_probs.shape[1], device=tokens.device)
        times.masked_fill_(step < earliest[:, None], NEVER)
        times.masked_fill_((last & before)[:, None], NEVER)
        # Rows by number: a mask for all of the vocabulary would be read for all rows.
        log_probs[:, : self.end].index_fill_(0, closing.nonzero()[:, 0], NEVER)
        forced = times.logsumexp(-1) > log_probs[:, :first].amax(-1)
        log_probs[:, :first].index_fill_(0, forced.nonzero()[:, 0], NEVER)
        return log_probs
