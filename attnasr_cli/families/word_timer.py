"""When the words of a known text were said, by the CTC head of a model.

S memory positions, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from attnasr_cli.audio.features import lead_s
from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.families.batching import pack
from attnasr_cli.families.registry import family_of_style
from attnasr_cli.families.spelling import Speller
from attnasr_cli.families.words import LEAD_S, TAIL_S, in_sequence
from attnasr_cli.nets.protocol import BLANK
from attnasr_cli.search.alignment import Spans, ctc_align
from attnasr_cli.text.tokenizer import SPACE

IMPROBABLE = -5.0
"""a mean log probability of the tokens below which the text is not what is heard: read English has
-0.1 to -1 with english-small, in loud noise down to -5, and any other text -7 and less"""
ANYTHING = -0.1
"""added to the best log probability at a moment: what a word costs whose sounds are unknown"""
SPELLED = 0.5
"""the share of words whose sounds have to be known"""
BATCH_S = 120.0

Span = tuple[float, float]


class WordTimer:
    """A model with a CTC head: samples and words in, times out."""

    def __init__(self, model: Model, device: torch.device) -> None:
        self.net, self.device = model.net.to(device).eval(), device
        self.config = model.features
        self.features = family_of_style(model.features.style).features(model.features)
        self.pieces = model.tokenizer.pieces
        self.anything = len(self.pieces)
        """a token of its own behind the vocabulary, for words whose sounds are unknown"""
        self.speller = Speller(model.tokenizer, model.header.text.normalizer)

    @torch.inference_mode()
    def times(
        self, segments: Sequence[Tensor], texts: Sequence[Sequence[str]]
    ) -> list[list[Span] | None]:
        """segments: samples (N,) at 16 kHz, with the written words of each → (start, end) of each
        word in seconds from its segment's first sample; None where the words do not fit."""
        found: list[list[Span] | None] = [None] * len(segments)
        durations = [samples.shape[0] / SAMPLE_RATE_HZ for samples in segments]
        for batch in pack(durations, BATCH_S):
            features, lengths = self.features([segments[i].cpu() for i in batch])
            memory = self.net.encode(features.to(self.device), lengths.to(self.device))
            log_probs = self.net.ctc(memory).float().log_softmax(-1).cpu()  # (B, S, V)
            sizes = memory.lengths.tolist()
            for row, i in enumerate(batch):
                one = log_probs[row, : sizes[row]]
                found[i] = self._one(one, texts[i], memory.step_s, durations[i])
        return found

    def _one(
        self, log_probs: Tensor, words: Sequence[str], step_s: float, duration_s: float
    ) -> list[Span] | None:
        """log_probs (S, V) of a segment."""
        spelled = [self.speller.spell(word) for word in words]
        if not words or sum(bool(tokens) for tokens in spelled) < SPELLED * len(words):
            return None
        most = log_probs.max(-1)
        log_probs = torch.cat([log_probs, (most.values + ANYTHING)[:, None]], 1)  # (S, V + 1)
        tokens, places = self._joined(spelled)
        spans = ctc_align(log_probs, tokens)
        if spans is None or self._improbable(log_probs, tokens, spans):
            return None
        edges = self._edges(tokens, places, words, spans, most.indices != BLANK)
        before_s = lead_s(duration_s, self.config)
        seconds = [
            None if e is None else (e[0] * step_s - before_s, e[1] * step_s - before_s)
            for e in edges
        ]
        return in_sequence(_filled(seconds), duration_s)

    def _joined(
        self, spelled: Sequence[Sequence[int] | None]
    ) -> tuple[list[int], list[tuple[int, int]]]:
        """All tokens, and the first one of each word and the one behind its last. Words of unknown
        sounds in a row share one."""
        tokens: list[int] = []
        places: list[tuple[int, int]] = []
        for own in spelled:
            if own is None:
                if tokens[-1:] != [self.anything]:
                    tokens.append(self.anything)
                places.append((len(tokens) - 1, len(tokens)))
            else:
                places.append((len(tokens), len(tokens) + len(own)))
                tokens += own
        return tokens, places

    def _improbable(self, log_probs: Tensor, tokens: Sequence[int], spans: Spans) -> bool:
        """Whether the tokens are hardly heard at the moments that suit them best."""
        scores = [
            float(log_probs[int(spans.first[i]) : int(spans.last[i]) + 1, token].max())
            for i, token in enumerate(tokens)
            if token != self.anything and self.pieces[token] != SPACE
        ]
        return sum(scores) < IMPROBABLE * len(scores)

    def _edges(
        self,
        tokens: Sequence[int],
        places: Sequence[tuple[int, int]],
        words: Sequence[str],
        spans: Spans,
        sounds: Tensor,
    ) -> list[Span | None]:
        """The positions of each word; None of one that is not said. sounds (S,): where one is."""
        heard = sounds.nonzero()[:, 0]
        edges: list[Span | None] = []
        for n, (first, last) in enumerate(places):
            if first == last:
                edges.append(None)
            elif tokens[first] == self.anything:
                a, b = int(spans.first[first]), int(spans.last[first]) + 1
                inside = heard[(heard >= a) & (heard < b)]
                if len(inside):  # without the silence around it
                    a, b = int(inside[0]), int(inside[-1]) + 1
                same = [i for i, place in enumerate(places) if place == (first, last)]
                texts = [words[i] for i in same]
                edges.append(_share((float(a), float(b)), texts, same.index(n)))
            else:
                own = [i for i in range(first, last) if self.pieces[tokens[i]] != SPACE]
                begin, end = (own[0], own[-1]) if own else (first, last - 1)
                edges.append((float(spans.first[begin]), float(spans.last[end] + 1)))
        return edges


def _share(span: Span, words: Sequence[str], n: int) -> Span:
    """The part of word n in the time of several, by their lengths."""
    start, end = span
    before = sum(len(word) for word in words[:n])
    step = (end - start) / sum(map(len, words))
    return start + before * step, start + (before + len(words[n])) * step


def _filled(edges: Sequence[Span | None]) -> list[Span]:
    """With the lead and tail of sounds; what is not said (a dash) stands where the word before it
    ends, or at first where the next one begins."""
    filled: list[Span] = []
    for i, edge in enumerate(edges):
        if edge is not None:
            filled.append((edge[0] - LEAD_S, edge[1] + TAIL_S))
        elif filled:
            filled.append((filled[-1][1], filled[-1][1]))
        else:
            after = next((e[0] for e in edges[i:] if e is not None), 0.0) - LEAD_S
            filled.append((after, after))
    return filled
