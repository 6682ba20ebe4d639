"""Batched mode: decodes many segments at once, one window each, with the temperature fallback of
sequential mode.

Only the windows that fail a check are decoded again at the next temperature, from the memory that
is already encoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from attnasr_cli.audio.frames import FRAMES_PER_S, SAMPLE_RATE_HZ
from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.device import Placement, cpu_has_bfloat16
from attnasr_cli.families.base import (
    Decoded,
    Piece,
    Word,
)
from attnasr_cli.families.batching import pack
from attnasr_cli.families.common.int8 import Quantized, Screened, can_quantize
from attnasr_cli.families.phrases.choose import PhraseList, chosen
from attnasr_cli.families.threads import spread
from attnasr_cli.families.whisper.checkpoint import parts_of
from attnasr_cli.families.whisper.decode.decoding import (
    DecodingTask,
    WindowResult,
    WindowStart,
    pick,
)
from attnasr_cli.families.whisper.decode.fallback import FallbackResult, decode_with_fallback
from attnasr_cli.families.whisper.decode.phrases import (
    as_attempt,
    choose_phrases,
    phrase_list,
)
from attnasr_cli.families.whisper.decode.plan import Plan, plan
from attnasr_cli.families.whisper.decode.segments import cut
from attnasr_cli.families.whisper.decode.timing import POSITION_S, Span, TimedWord, align
from attnasr_cli.families.whisper.decode.word_timestamps import place_words, sentences
from attnasr_cli.families.whisper.features import WhisperMel
from attnasr_cli.families.whisper.net.fast import accelerate
from attnasr_cli.families.whisper.options import WhisperOptions
from attnasr_cli.families.whisper.tokenizer import WhisperTokenizer
from attnasr_cli.nets.protocol import Memory

SEED = 20_221_206  # sampling gives the same text every time


class BatchedDecoder:
    """The batched part of ``families.base.SegmentDecoder``, for one model with fixed options."""

    def __init__(
        self, model: Model, placement: Placement, options: WhisperOptions, batch_s: float = 240.0
    ) -> None:
        net, self.tokenizer = parts_of(model)
        self.name = model.header.name
        self.languages = model.header.languages
        self.plan: Plan = plan(options, self.tokenizer, self.name, self.languages)
        screened = placement.automatic and placement.dtype == "float32" and can_quantize()
        self.net = accelerate(
            net, placement.device, placement.dtype, cpu_has_bfloat16(), screened=screened
        )
        if isinstance(self.net.readout, Screened):
            reason = f"{placement.reason}; the output layer in int8 first, its best in float32"
            placement = replace(placement, reason=reason)
        if placement.dtype == "bfloat16" and isinstance(self.net.readout, Quantized):
            reason = f"{placement.reason}, the output layer in int8"
            placement = replace(placement, reason=reason)
        self.placement, self.batch_s = placement, batch_s
        self.task = DecodingTask(self.net, self.tokenizer, self.plan.task)
        self.phrases = phrase_list(self.plan, self.tokenizer, self.net)
        self.features = WhisperMel(model.features.bins)
        self.max_segment_s: float = self.net.config.window / FRAMES_PER_S
        self.min_cost_s = self.max_segment_s

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        """segments: mono float32 samples (N,) at 16 kHz, each no longer than a window."""
        results: dict[int, Decoded] = {}
        for batch in pack([self.min_cost_s] * len(segments), self.batch_s):
            found = spread(self._batch, [segments[i] for i in batch], self.placement.device)
            results |= zip(batch, found, strict=True)
        return [results[i] for i in range(len(segments))]

    @torch.inference_mode()
    def _batch(self, segments: list[Tensor]) -> list[Decoded]:
        window = self.net.config.window * SAMPLE_RATE_HZ // FRAMES_PER_S
        features, lengths = self.features([samples[:window] for samples in segments])
        device = self.placement.device
        memory = self.net.encode(features.to(device), lengths.to(device))
        previous = [*self.plan.hotwords, *self.plan.prompt]
        starts = self.task.detect(memory, previous)
        frames = lengths.tolist()
        if self.phrases is not None:
            return self._phrases(self.phrases, memory, starts, previous, frames)

        def again(indices: Sequence[int], temperature: float) -> list[WindowResult]:
            generators = [torch.Generator(device).manual_seed(SEED) for _ in indices]
            chosen = [starts[i] for i in indices]
            some = pick(memory, indices)
            return self.task.decode(some, chosen, temperature, generators, previous)

        attempts = decode_with_fallback(self.plan.guards, len(segments), again)
        spans = self._spans(memory, attempts, frames)
        return [
            decoded(attempt, found, count / FRAMES_PER_S, self.tokenizer)
            for attempt, found, count in zip(attempts, spans, frames, strict=True)
        ]

    def _phrases(
        self,
        phrases: PhraseList,
        memory: Memory,
        starts: Sequence[WindowStart],
        previous: Sequence[int],
        frames: Sequence[int],
    ) -> list[Decoded]:
        """Choose one of the user's phrases for each window."""
        choices = choose_phrases(self.task, phrases, memory, starts, previous)
        attempts = [
            as_attempt(choice, start, self.plan.task.language or start.language)
            for choice, start in zip(choices, starts, strict=True)
        ]
        spans = self._spans(memory, attempts, frames)
        return [
            chosen(
                decoded(attempt, found, count / FRAMES_PER_S, self.tokenizer),
                choice,
                count / FRAMES_PER_S,
            )
            for choice, attempt, found, count in zip(choices, attempts, spans, frames, strict=True)
        ]

    def _spans(
        self, memory: Memory, attempts: Sequence[FallbackResult], frames: Sequence[int]
    ) -> list[list[Span]]:
        """The text of each window in spans, each with the times of its first and last word.

        Timestamps give the start and end of a span; where the decoder wrote none, or not the last
        one, words are aligned with the audio.
        """
        begin = self.tokenizer.timestamp_begin
        stamped = self.plan.task.timestamps
        found: list[list[Span]] = []
        to_align: list[int] = []
        for i, (attempt, count) in enumerate(zip(attempts, frames, strict=True)):
            if self.plan.guards.silent(attempt.result):
                found.append([])
                continue
            tokens = attempt.result.tokens
            found.append(cut(tokens, begin, count, keep_rest=True).spans)
            if not stamped or self.plan.words or (tokens and tokens[-1] < begin):
                to_align.append(i)
        if not to_align:
            return found
        words = align(
            self.net,
            self.tokenizer,
            pick(memory, to_align),
            [text_tokens(found[i], self.tokenizer) for i in to_align],
            [frames[i] for i in to_align],
            [attempts[i].result.language for i in to_align],
            self.plan.task.task,
            ask_end=not stamped,
        )
        for i, timed in zip(to_align, words, strict=True):
            if not stamped:
                found[i] = sentences(timed) or found[i]
            elif not self.plan.words:
                if timed:
                    found[i][-1].end = max(timed[-1].end, found[i][-1].start)
                continue
            place_words(found[i], timed, self.tokenizer.eot, 0.0, 0.0)
            for span in found[i]:
                span.end = max(span.end, span.start + POSITION_S)  # without time it would be lost
                if not self.plan.words:
                    span.words = []
        return found


def text_tokens(spans: Sequence[Span], tokenizer: WhisperTokenizer) -> list[int]:
    """The tokens of text in some spans, without timestamps."""
    return [token for span in spans for token in span.tokens if token < tokenizer.eot]


def decoded(
    attempt: FallbackResult,
    spans: Sequence[Span],
    length_s: float,
    tokenizer: WhisperTokenizer,
    offset_s: float = 0.0,
) -> Decoded:
    """What is passed on of a window; spans start at ``offset_s``, pieces at the window's start.

    Spans without text or duration are left out.
    """
    result = attempt.result
    pieces = []
    for span in spans:
        text = tokenizer.decode([token for token in span.tokens if token < tokenizer.eot])
        if span.start == span.end or not text.strip():
            continue
        words = [_word(word, offset_s, length_s) for word in span.words]
        start, end = _inside(span.start - offset_s, length_s), span.end - offset_s
        end = max(start, _inside(end, length_s))
        pieces.append(Piece(start, end, text, span.tokens, result.avg_logprob, words))
    return Decoded(
        pieces,
        result.avg_logprob,
        result.no_speech_prob,
        result.compression_ratio,
        attempt.temperature,
        attempt.fallbacks,
        result.language,
        attempt.suspect if pieces else "",
    )


def _word(word: TimedWord, offset_s: float, length_s: float) -> Word:
    start = _inside(word.start - offset_s, length_s)
    end = max(start, _inside(word.end - offset_s, length_s))
    return Word(word.text, start, end, word.probability)


def _inside(time_s: float, length_s: float) -> float:
    return min(max(time_s, 0.0), length_s)
