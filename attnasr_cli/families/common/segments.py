"""The decoder of segments that several families share: encodes a batch, searches, and times words
by cross-attention."""

from __future__ import annotations

import contextlib
import copy
import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.device import Placement
from attnasr_cli.errors import UsageError
from attnasr_cli.families.aligned import Clock, align_words, join_words, stretches
from attnasr_cli.families.attend import attend
from attnasr_cli.families.base import Decoded, Piece, RecordingDecoder, SegmentAttention
from attnasr_cli.families.batching import pack
from attnasr_cli.families.common.net import CachedNet
from attnasr_cli.families.common.pieces import PieceTokenizer
from attnasr_cli.families.phrases.choose import PhraseList, chosen
from attnasr_cli.families.phrases.read import read_phrases, written_forms
from attnasr_cli.families.suspect import suspect
from attnasr_cli.families.threads import spread
from attnasr_cli.families.words import spaced
from attnasr_cli.nets.protocol import Memory, select
from attnasr_cli.search.beam import Hypothesis, SearchConfig, search
from attnasr_cli.search.phrases import search_phrases
from attnasr_cli.text.repetition import compression_ratio
from attnasr_cli.text.tokenizer import SPACE


class SearchedSegments(ABC):
    """A ``families.base.SegmentDecoder``. One model with fixed options."""

    net: CachedNet
    tokenizer: PieceTokenizer
    max_segment_s: float
    min_cost_s = 0.0
    offset_s: float = 0.0
    """seconds by which the middle of a memory position is later than half a step"""

    def __init__(self, model: Model, placement: Placement, options: Any, batch_s: float) -> None:
        if placement.dtype == "int8":
            raise UsageError(
                f"model {model.header.name} cannot be computed in int8",
                "use --dtype bfloat16, float32 or auto",
            )
        self.model, self.placement, self.batch_s = model, placement, batch_s
        self._choose(options)

    @property
    def precision(self) -> contextlib.AbstractContextManager[object]:
        """A context for the net. On a CPU it computes in its precision by itself."""
        on_cpu = self.placement.device.type == "cpu"
        return contextlib.nullcontext() if on_cpu else self.placement.autocast

    @abstractmethod
    def resolve(self, options: Any) -> dict[str, Any]:
        """The settings that the text depends on, with ``beam``, ``length_penalty``, ``nbest``,
        ``language`` and ``word_timestamps``. Raises UsageError for what the model cannot do."""

    @abstractmethod
    def encode_segments(self, segments: Sequence[Tensor]) -> Memory:
        """Encode segments (N,) of samples → memory on the device of the net."""

    @property
    @abstractmethod
    def prompt(self) -> list[int]:
        """The tokens that are fed in front of every text."""

    @abstractmethod
    def limits(self, segments: Sequence[Tensor], memory: Memory) -> Tensor:
        """The most tokens (B,) that the text of each may have, the end included."""

    def _choose(self, options: Any) -> None:
        settings = self.resolve(options)
        self.settings: Mapping[str, Any] = settings
        self.phrases = self._phrase_list(options)
        if self.phrases is not None:
            self.settings = settings | self.phrases.settings
        self.config = SearchConfig(
            beams=self.settings["beam"],
            length_penalty=self.settings["length_penalty"],
            nbest=self.settings["nbest"],
            exhaustive=True,
        )

    def _phrase_list(self, options: Any) -> PhraseList | None:
        """The phrases in tokens, in the forms that the model writes; None where there are none."""
        phrases = read_phrases(options.phrases, options.reject)
        if not phrases:
            return None
        if options.nbest > 1 or options.length_penalty is not None:
            flag = "--nbest" if options.nbest > 1 else "--length-penalty"
            raise UsageError(f"{flag} with --phrases", "it is for free text; leave it out")

        def encode(spelling: str) -> list[list[int]]:
            forms = written_forms(spelling, self.settings["language"])
            return [self.tokenizer.encode(form) for form in forms]

        held = self.model.net.max_tokens
        longest = None if held is None else held - len(self.prompt) + 1
        tokenizer = self.tokenizer
        vocab = tokenizer.vocab_size
        return PhraseList(phrases, options.reject, encode, tokenizer.eos, vocab, longest)

    def changed(self, options: Any) -> Self:
        """A decoder with other options that shares the weights."""
        other = copy.copy(self)
        other._choose(options)
        return other

    @property
    def sequential(self) -> bool:
        return False

    def recording(self) -> RecordingDecoder:
        raise TypeError("segments are decoded on their own")

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        """segments: mono float32 samples (N,) at 16 kHz."""
        results: dict[int, Decoded] = {}
        durations = [samples.shape[0] / SAMPLE_RATE_HZ for samples in segments]
        for batch in pack(durations, self.batch_s):
            costs = [durations[i] for i in batch]
            device = self.placement.device
            found = spread(self._batch, [segments[i] for i in batch], device, costs)
            results |= zip(batch, found, strict=True)
        return [results[i] for i in range(len(segments))]

    @torch.inference_mode()
    def _batch(self, segments: list[Tensor]) -> list[Decoded]:
        device = self.placement.device
        with self.precision:
            memory = self.encode_segments(segments)
            prompt = torch.tensor([self.prompt] * len(segments), device=device)
            limits = self.limits(segments, memory)
            eos = self.tokenizer.eos
            found = search(self.net, memory, prompt, eos, limits, self.config)
            if self.phrases is not None:
                among = search_phrases(self.net, memory, prompt, eos, self.phrases.scorer)
                choices = [self.phrases.choose(*both) for both in zip(among, found, strict=True)]
                return [
                    chosen(
                        self._decoded(i, [choice.hypothesis], segments[i], memory),
                        choice,
                        segments[i].shape[0] / SAMPLE_RATE_HZ,
                    )
                    for i, choice in enumerate(choices)
                ]
            return [
                self._decoded(i, hypotheses, segments[i], memory)
                for i, hypotheses in enumerate(found)
            ]

    def _decoded(
        self, i: int, hypotheses: list[Hypothesis], samples: Tensor, memory: Memory
    ) -> Decoded:
        """The result for utterance i of a batch."""
        best = hypotheses[0]
        text = self.tokenizer.decode(best.tokens).strip()
        average = best.log_prob / (len(best.tokens) + 1)  # the end token counts too
        ratio = compression_ratio(text) if text else 0.0
        language = self.settings["language"]
        if not text:
            return Decoded([], average, compression_ratio=ratio, language=language)
        extra: dict[str, Any] = {}
        if self.settings["nbest"] > 1:
            extra["alternatives"] = [
                {"text": self.tokenizer.decode(h.tokens).strip(), "score": round(h.score, 3)}
                for h in hypotheses
            ]
        return Decoded(
            self._pieces(i, best, samples, memory, average),
            average,
            compression_ratio=ratio,
            language=language,
            suspect=suspect(best.finished, average, ratio),
            extra=extra,
        )

    def _pieces(
        self, i: int, best: Hypothesis, samples: Tensor, memory: Memory, average: float
    ) -> list[Piece]:
        """The text in pieces, each from the start of its first word to the end of its last."""
        tokens = best.tokens
        groups = join_words(self.tokenizer.characters(tokens))
        if not groups:
            return []
        device, prompt = memory.frames.device, self.prompt
        one = select(memory, torch.tensor([i], device=device))
        fed = torch.tensor([[*prompt, *tokens]], device=device)
        weights = self.net.attend(one, fed)[0, :, :, len(prompt) - 1 :, : int(one.lengths[0])]
        clock = Clock(memory.step_s, self.offset_s, samples.shape[0] / SAMPLE_RATE_HZ)
        words = align_words(groups, best.token_log_probs, weights, clock)  # (L, H, U + 1, S)
        pieces = []
        ranges = stretches(words)
        starts = [0, *(groups[first][1][0] for first, _ in ranges[1:]), len(tokens)]
        for (first, last), (a, b) in zip(ranges, itertools.pairwise(starts), strict=True):
            text = "".join(text for text, _ in groups[first:last])
            kept = words[first:last] if self.settings["word_timestamps"] else []
            piece = Piece(
                words[first].start, words[last - 1].end, spaced(text), tokens[a:b], average, kept
            )
            pieces.append(piece)
        return pieces


def attended(
    decoder: SearchedSegments, features: Tensor, length: int, samples: Tensor, decoded: Decoded
) -> SegmentAttention:
    """Teacher-force the tokens of a segment (N,) again. features (1, T, F), of which ``length``
    frames are audio."""
    tokenizer = decoder.tokenizer
    tokens = [token for piece in decoded.pieces for token in piece.tokens]
    groups = join_words(tokenizer.characters(tokens))
    device = decoder.placement.device
    with decoder.precision:
        return attend(
            decoder.net,
            features.to(device),
            length,
            samples,
            decoder.prompt,
            tokens,
            [tokenizer.pieces[token].replace(SPACE, " ") for token in tokens],
            [(text.strip(), rows[0], rows[-1] + 1) for text, rows in groups],
        )


def chosen_beam(model: Model, options: Any) -> int:
    """The beam of the options or of the model. Raises UsageError for an impossible one, or one
    below ``--nbest``."""
    beam: int = model.decoding.beams if options.beam is None else options.beam
    if beam < 1:
        raise UsageError(f"a beam of {beam}", "use 1 (greedy) or more")
    if not 1 <= options.nbest <= beam:
        raise UsageError(f"{options.nbest} alternatives from a beam of {beam}", "widen the beam")
    return beam
