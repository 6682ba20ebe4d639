"""Sequential mode: one window after the other, as openai-whisper's ``transcribe`` does.

A window starts at the last timestamp of the one before, and gets the text so far as its prompt,
unless that was sampled at a high temperature.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from attnasr_cli.audio.frames import FRAMES_PER_S
from attnasr_cli.families.base import Decoded
from attnasr_cli.families.whisper.decode.batched import SEED, BatchedDecoder, decoded, text_tokens
from attnasr_cli.families.whisper.decode.decoding import DecodingTask, WindowResult, WindowStart
from attnasr_cli.families.whisper.decode.fallback import FallbackResult, decode_with_fallback
from attnasr_cli.families.whisper.decode.segments import cut
from attnasr_cli.families.whisper.decode.timing import Span, align
from attnasr_cli.families.whisper.decode.word_timestamps import place_words
from attnasr_cli.families.whisper.features import MelRecorder
from attnasr_cli.nets.protocol import Memory

TRUSTED_TEMPERATURE = 0.5
"""text sampled at a higher temperature is not used as a prompt"""


class WhisperRecording:
    """A ``families.base.RecordingDecoder``: features block by block, then window by window."""

    def __init__(self, decoder: BatchedDecoder) -> None:
        self.decoder, self.recorder = decoder, MelRecorder(decoder.net.config.mels)

    def push(self, samples: torch.Tensor) -> None:
        self.recorder.push(samples)

    def segments(self) -> Iterator[tuple[float, Decoded]]:
        self.recorder.finish()
        yield from transcribe(self.decoder, self.recorder)


def transcribe(
    decoder: BatchedDecoder, recorder: MelRecorder, generator: torch.Generator | None = None
) -> Iterator[tuple[float, Decoded]]:
    """Decode a recording whose features are complete in ``recorder``. Yields (start in seconds,
    result) of each window in order, as soon as it is decoded.

    The language is detected from the first window where it is not given. ``generator`` is for
    sampling; by default each recording has its own with a fixed seed, so that results are
    reproducible.
    """
    generator = generator or torch.Generator(decoder.placement.device).manual_seed(SEED)
    yield from _Recording(decoder, recorder, generator).windows()


class _Recording:
    """The state of one recording: position, tokens so far, end of the last speech."""

    def __init__(
        self, decoder: BatchedDecoder, recorder: MelRecorder, generator: torch.Generator
    ) -> None:
        self.decoder, self.recorder, self.generator = decoder, recorder, generator
        self.net, self.tokenizer, self.plan = decoder.net, decoder.tokenizer, decoder.plan
        self.written: list[int] = list(self.plan.prompt)
        self.trusted_from = 0  # tokens before it are no prompt
        self.spoken_until_s = 0.0
        self.task = decoder.task

    @torch.inference_mode()
    def windows(self) -> Iterator[tuple[float, Decoded]]:
        options = self.plan.task
        if options.language is None and self.tokenizer.multilingual and self.recorder.frames:
            first = self.recorder.opening(self.net.config.window)
            found = self.task.detect(self._encode(first))[0].language
            self.task = DecodingTask(self.net, self.tokenizer, replace(options, language=found))
        seek = 0
        while seek < self.recorder.frames:
            start_s = seek / FRAMES_PER_S
            step, what = self._window(seek)
            yield start_s, what
            seek += step

    def _window(self, seek: int) -> tuple[int, Decoded]:
        """Decode the window at frame ``seek``; returns how many frames to go on, and the text."""
        frames = min(self.net.config.window, self.recorder.frames - seek)
        offset_s, length_s = seek / FRAMES_PER_S, frames / FRAMES_PER_S
        memory = self._encode(self.recorder.window(seek, frames))
        attempt = self._decode(memory)
        if self.plan.guards.silent(attempt.result):
            return frames, decoded(attempt, [], length_s, self.tokenizer, offset_s)
        found = cut(attempt.result.tokens, self.tokenizer.timestamp_begin, frames)
        step = found.advance
        for span in found.spans:
            span.start, span.end = offset_s + span.start, offset_s + span.end
        if self.plan.words:
            end_s = self._time(memory, found.spans, frames, offset_s)
            if not found.ended and end_s > offset_s:
                step = max(round(end_s * FRAMES_PER_S) - seek, 1)
            self.spoken_until_s = end_s
        what = decoded(attempt, found.spans, length_s, self.tokenizer, offset_s)
        self.written += [token for piece in what.pieces for token in piece.tokens]
        if not self.plan.condition or attempt.temperature > TRUSTED_TEMPERATURE:
            self.trusted_from = len(self.written)
        return step, what

    def _encode(self, features: torch.Tensor) -> Memory:
        device = self.decoder.placement.device
        lengths = torch.tensor([features.shape[0]], device=device)
        return self.net.encode(features[None].to(device), lengths)

    def _previous(self) -> list[int]:
        """The prompt of a window: hotwords, then as much of the previous text as fits."""
        hotwords = self.plan.hotwords
        room = self.net.config.text_context // 2 - 1 - len(hotwords)
        before = self.written[self.trusted_from :]
        return [*hotwords, *(before[-room:] if hotwords and room > 0 else before)]

    def _decode(self, memory: Memory) -> FallbackResult:
        previous = self._previous()
        starts: list[WindowStart] = self.task.detect(memory, previous)

        def again(indices: Sequence[int], temperature: float) -> list[WindowResult]:
            return self.task.decode(memory, starts, temperature, [self.generator], previous)

        return decode_with_fallback(self.plan.guards, 1, again)[0]

    def _time(self, memory: Memory, spans: list[Span], frames: int, offset_s: float) -> float:
        """Give the spans their words. Returns the end of the last word in seconds."""
        text = text_tokens(spans, self.tokenizer)
        languages = [self.task.options.language]
        task = self.task.options.task
        words = align(self.net, self.tokenizer, memory, [text], [frames], languages, task)[0]
        place_words(spans, words, self.tokenizer.eot, offset_s, self.spoken_until_s)
        for span in reversed(spans):
            if span.words:
                return span.words[-1].end
        return spans[-1].end
