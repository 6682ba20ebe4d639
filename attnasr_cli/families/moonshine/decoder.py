"""The decoder of segments: samples in, greedy or beam search, words aligned with the audio."""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.device import Placement
from attnasr_cli.errors import UsageError
from attnasr_cli.families.aligned import Clock, align_words, join_words, stretches
from attnasr_cli.families.base import Decoded, Piece, RecordingDecoder, SegmentAttention
from attnasr_cli.families.batching import pack
from attnasr_cli.families.languages import language_code
from attnasr_cli.families.moonshine.attention import attention
from attnasr_cli.families.moonshine.checkpoint import parts_of
from attnasr_cli.families.moonshine.net import OFFSET_S, Moonshine
from attnasr_cli.families.moonshine.options import MoonshineOptions
from attnasr_cli.families.moonshine.published import tokens_per_s
from attnasr_cli.families.phrases.choose import PhraseList, chosen
from attnasr_cli.families.phrases.read import read_phrases, written_forms
from attnasr_cli.families.suspect import suspect
from attnasr_cli.families.threads import spread
from attnasr_cli.families.words import spaced
from attnasr_cli.nets.protocol import Memory, map_tree, select
from attnasr_cli.search.beam import Hypothesis, SearchConfig, search
from attnasr_cli.search.phrases import search_phrases
from attnasr_cli.text.repetition import compression_ratio

LONGEST_S = 30.0
"""the longest utterances in training"""
FEWEST_TOKENS = 8
"""that any segment may have, however short"""


class MoonshineDecoder:
    """A ``families.base.SegmentDecoder``. One model with fixed options."""

    def __init__(
        self, model: Model, placement: Placement, options: MoonshineOptions, batch_s: float
    ) -> None:
        net, self.tokenizer = parts_of(model)
        if placement.dtype == "int8":
            raise UsageError(
                f"model {model.header.name} cannot be computed in int8",
                "use --dtype bfloat16, float32 or auto",
            )
        self.model, self.placement, self.batch_s = model, placement, batch_s
        self.net: Moonshine = net.to(placement.device)
        self.rate = tokens_per_s(model.header.languages)
        room = self.net.config.text_context - 1  # the start is one of them
        self.max_segment_s = min(LONGEST_S, room / self.rate)
        self._choose(options)

    def _choose(self, options: MoonshineOptions) -> None:
        """Take these options. Raises UsageError for what the model cannot do."""
        self.settings = _resolve(self.model, options)
        self.word_timestamps = options.word_timestamps
        self.phrases = self._phrase_list(options)
        if self.phrases is not None:
            self.settings |= self.phrases.settings
        self.config = SearchConfig(
            beams=self.settings["beam"],
            length_penalty=self.settings["length_penalty"],
            nbest=self.settings["nbest"],
            exhaustive=True,
        )

    def _phrase_list(self, options: MoonshineOptions) -> PhraseList | None:
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

        tokenizer, longest = self.tokenizer, self.net.config.text_context
        vocab = tokenizer.vocab_size
        return PhraseList(phrases, options.reject, encode, tokenizer.eos, vocab, longest)

    def changed(self, options: MoonshineOptions) -> MoonshineDecoder:
        """A decoder with other options that shares the weights."""
        other = copy.copy(self)
        other._choose(options)
        return other

    @property
    def sequential(self) -> bool:
        return False

    def recording(self) -> RecordingDecoder:
        raise TypeError("segments are decoded on their own")

    def attention(self, samples: Tensor, decoded: Decoded) -> SegmentAttention:
        """Teacher-force the tokens of a decoded segment (N,) and return the attention."""
        return attention(self.net, self.tokenizer, self.placement, samples, decoded)

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        """segments: mono float32 samples (N,) at 16 kHz."""
        results: dict[int, Decoded] = {}
        durations = [samples.shape[0] / SAMPLE_RATE_HZ for samples in segments]
        for batch in pack(durations, self.batch_s):
            found = spread(self._batch, [segments[i] for i in batch], self.placement.device)
            results |= zip(batch, found, strict=True)
        return [results[i] for i in range(len(segments))]

    @torch.inference_mode()
    def _batch(self, segments: list[Tensor]) -> list[Decoded]:
        device = self.placement.device
        lengths = torch.tensor([samples.shape[0] for samples in segments])
        samples = torch.nn.utils.rnn.pad_sequence(list(segments), batch_first=True)  # (B, N)
        with self.placement.autocast:
            memory = self.net.listen(samples.to(device), lengths.to(device))
        # On a CPU a step is a product of few rows, where low precision costs time.
        slow = device.type == "cpu" and self.placement.dtype != "float32"
        if slow:
            memory = _in_float32(memory)
        with contextlib.nullcontext() if slow else self.placement.autocast:
            prompt = torch.full((len(segments), 1), self.tokenizer.bos, device=device)
            limits = token_limits(lengths, self.rate, self.net.config.text_context)
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
        """What the search found for utterance i of a batch."""
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
        """The text in stretches, each from where its first word begins to where its last ends."""
        tokens = best.tokens
        groups = join_words(self.tokenizer.characters(tokens))
        if not groups:
            return []
        one = select(memory, torch.tensor([i], device=memory.frames.device))
        fed = torch.tensor([[self.tokenizer.bos, *tokens]], device=memory.frames.device)
        weights = self.net.attend(one, fed)[0, ..., : int(one.lengths[0])]  # (L, H, U + 1, S)
        clock = Clock(memory.step_s, OFFSET_S, samples.shape[0] / SAMPLE_RATE_HZ)
        words = align_words(groups, best.token_log_probs, weights, clock)
        pieces = []
        ranges = stretches(words)
        starts = [0, *(groups[first][1][0] for first, _ in ranges[1:]), len(tokens)]
        for (first, last), (a, b) in zip(ranges, itertools.pairwise(starts), strict=True):
            text = "".join(text for text, _ in groups[first:last])
            kept = words[first:last] if self.word_timestamps else []
            piece = Piece(
                words[first].start, words[last - 1].end, spaced(text), tokens[a:b], average, kept
            )
            pieces.append(piece)
        return pieces


def token_limits(samples: Tensor, rate: float, context: int) -> Tensor:
    """samples (B,) of each segment → the most tokens (B,) that it may have, the end included."""
    limits = (samples.double() / SAMPLE_RATE_HZ * rate).long()
    return limits.clamp_min(FEWEST_TOKENS).clamp_max(context - 1)


def _in_float32(memory: Memory) -> Memory:
    keys = map_tree(lambda t: t.float(), memory.keys)
    return memory._replace(frames=memory.frames.float(), keys=keys)


def _resolve(model: Model, options: MoonshineOptions) -> dict[str, Any]:
    """What decides about the text, checked against what the model can do."""
    name, languages = model.header.name, model.header.languages
    language = options.language
    if language is not None:
        language = _language(language, languages, name)
    beam = model.decoding.beams if options.beam is None else options.beam
    if beam < 1:
        raise UsageError(f"a beam of {beam}", "use 1 (greedy) or more")
    if not 1 <= options.nbest <= beam:
        raise UsageError(f"{options.nbest} alternatives from a beam of {beam}", "widen the beam")
    return {
        "language": language or next(iter(languages), None),
        "beam": beam,
        "length_penalty": options.length_penalty,
        "nbest": options.nbest,
        "word_timestamps": options.word_timestamps,
    }


def _language(wanted: str, languages: tuple[str, ...], name: str) -> str:
    """The code of a language that the model writes. Raises UsageError for any other."""
    code = language_code(wanted)
    if not languages:
        raise UsageError(
            f"model {name} does not say which language it writes",
            "leave --language out, or name it in the model's README.md",
        )
    if code not in languages:
        raise UsageError(
            f"model {name} writes {', '.join(languages)}, not {code}",
            "take another model; attnasr models list shows what there is",
        )
    return code
