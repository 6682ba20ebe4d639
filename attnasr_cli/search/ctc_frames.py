"""CTC probabilities of prefixes for a beam of them, in a window of frames.

The same numbers as of ``CtcPrefixScorer``, for nets whose CTC head alone decides and in less time:
a prefix of u tokens can only end at a few frames, so nothing is kept for the others, and as
probabilities in such a window differ little they need no logarithms.

B utterances, K prefixes each, W frames of the window, V tokens. A boundary s lies before frame s.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from attnasr_cli.nets.protocol import BLANK

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

LEAST = 1e-10
"""a token less probable than this at a frame is impossible there, and a boundary so much less
probable than the most probable one of a prefix is left out"""
MARGIN = 32  # frames behind the last probable boundary, where the next token may end


class Frames:
    """The probabilities of tokens at each frame."""

    def __init__(self, log_probs: Doubles, lengths: Ints, eos: int) -> None:
        """log_probs (B, S, V), lengths (B,)."""
        B, S, V = log_probs.shape
        # Behind the end nothing is possible, so that no probability goes there.
        self.probs: Doubles = np.zeros((B, S + 1, V))
        np.exp(log_probs, out=self.probs[:, :S])
        self.probs[self.probs < LEAST] = 0.0
        self.probs[np.arange(S + 1) >= lengths[:, None]] = 0.0
        self.probs[:, :, eos] = 0.0
        self.lengths = lengths

    def window(self, utterances: Ints, first: Ints, width: int) -> Doubles:
        """(B', W, V) from frame ``first`` (B',) of these utterances (B',) on."""
        at = np.minimum(first[:, None] + np.arange(width), self.probs.shape[1] - 1)
        found: Doubles = self.probs[utterances[:, None], at]
        return found


class Prefixes:
    """What the frames say about the prefixes of a beam."""

    def __init__(self, frames: Frames, beams: int) -> None:
        self.frames = frames
        B = len(frames.lengths)
        self.utterances: Ints = np.arange(B)
        self.first: Ints = np.zeros(B, np.int64)
        """(B,) boundary where the window begins"""
        blanks = frames.probs[:, :-1, BLANK]
        width = max(int(frames.lengths.max(initial=0)), 0) + 1
        self.in_blank: Doubles = np.zeros((B, beams, width))
        """(B, K, W) probability that the prefix is spelt up to a boundary, ending in a blank, in
        units of exp(level)"""
        self.in_blank[:, 0, 0] = 1.0
        self.in_blank[:, 0, 1:] = blanks[:, : width - 1].cumprod(1)
        self.in_token: Doubles = np.zeros_like(self.in_blank)
        """(B, K, W) the same, ending in a token"""
        self.level: Doubles = np.zeros((B, beams))
        self.last: Ints = np.full((B, beams), BLANK)
        """(B, K) last token, the blank where there is none"""
        self._trim(self.in_blank)

    def extended(self) -> Doubles:
        """(B, K, V) log probability of every prefix with one more token, whatever follows."""
        self.window = self.frames.window(self.utterances, self.first, self.in_blank.shape[2])
        self.before = self.in_blank + self.in_token
        mass = self.before @ self.window
        of_last = np.take_along_axis(self.window, self.last[:, None, :], 2)  # (B, W, K)
        again = np.einsum("bkw,bwk->bk", self.in_blank, of_last)
        np.put_along_axis(mass, self.last[:, :, None], again[:, :, None], 2)
        mass[:, :, BLANK] = 0.0
        found: Doubles = np.log(mass) + self.level[:, :, None]
        return found

    def ended(self) -> Doubles:
        """(B, K) log probability that a prefix is all that is said."""
        at = self.frames.lengths[self.utterances] - self.first
        inside = at < self.in_blank.shape[2]
        rows = np.arange(len(at)), slice(None), np.where(inside, at, 0)
        mass = self.in_blank[rows] + self.in_token[rows]
        found: Doubles = np.log(np.where(inside[:, None], mass, 0.0)) + self.level
        return found

    def advance(self, parents: Ints, tokens: Ints, possible: npt.NDArray[np.bool_]) -> None:
        """Go on with prefixes ``parents`` (B, K) and one more token (B, K) each, where that is
        ``possible`` (B, K); the other places stay free."""
        row = np.arange(len(parents))[:, None]
        before = self.before[row, parents] * possible[:, :, None]
        same = (tokens == self.last[row, parents]) & possible
        if same.any():
            before[same] = self.in_blank[row, parents][same]
        prob = np.take_along_axis(self.window, tokens[:, None, :], 2).transpose(0, 2, 1)
        blank = self.window[:, None, :, BLANK]  # (B, 1, W)
        self.in_token = _scan(before * prob, prob)
        shifted = np.zeros_like(self.in_token)
        np.multiply(self.in_token[:, :, :-1], blank[:, :, 1:], out=shifted[:, :, 1:])
        self.in_blank = _scan(shifted, blank)
        self.first = self.first + 1
        self.level = self.level[row, parents]
        self.last = tokens
        self._trim(self.in_blank + self.in_token)

    def keep(self, places: Ints) -> None:
        """Go on with the utterances at these places only."""
        self.utterances, self.first = self.utterances[places], self.first[places]
        self.in_blank, self.in_token = self.in_blank[places], self.in_token[places]
        self.level, self.last = self.level[places], self.last[places]

    def _trim(self, total: Doubles) -> None:
        """Move the window to where prefixes can end and scale them by their largest value."""
        most = total.max(2)  # (B, K)
        dead = most <= 0.0
        scale = np.where(dead, 1.0, most)
        probable = np.any(total > (LEAST * scale)[:, :, None], axis=1)  # (B, W)
        width = total.shape[2]
        left = probable.argmax(1)
        right = width - np.flip(probable, 1).argmax(1)
        size = right - left + MARGIN
        at = left[:, None] + np.arange(max(int(size.max(initial=0)), 1))
        inside = (at < width) & (at < (left + size)[:, None])  # as if it were alone
        at = np.where(inside, at, 0)[:, None, :]
        weight = inside[:, None, :] / scale[:, :, None]
        self.in_blank = np.take_along_axis(self.in_blank, at, 2) * weight
        self.in_token = np.take_along_axis(self.in_token, at, 2) * weight
        self.first = self.first + left
        self.level = np.where(dead, -np.inf, self.level + np.log(scale))


def _scan(x: Doubles, factor: Doubles) -> Doubles:
    """y (…, W) with y[s] = x[s] + factor[s] · y[s-1]; in log2(W) steps, and fewer where long
    products vanish."""
    y, a = x, factor.copy()
    step = 1
    while step < x.shape[-1] and a.max(initial=0.0) > LEAST:
        longer = y.copy()
        longer[..., step:] += a[..., step:] * y[..., :-step]
        y = longer
        a[..., step:] = a[..., step:] * a[..., :-step]
        a[..., :step] = 0.0
        step *= 2
    return y
