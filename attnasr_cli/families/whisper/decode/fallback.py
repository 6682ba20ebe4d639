"""Temperature fallback: decides when a window is decoded again at a higher temperature, and when it
counts as silence.

Rules and values are those of openai-whisper. A text that repeats itself has a high compression
ratio; an unreliable text has a low mean log probability; a window without speech has a high
probability of the no-speech token. Only windows that fail are decoded again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from attnasr_cli.families.whisper.decode.decoding import WindowResult


@dataclass(frozen=True)
class Guards:
    """The thresholds; None switches a guard off."""

    temperatures: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """tried in turn until a window passes; the last one's text is kept whatever it is"""
    compression_ratio: float | None = 2.4
    """a text that compresses better than this repeats itself"""
    logprob: float | None = -1.0
    """a text below this mean log probability counts as unreliable"""
    no_speech: float | None = 0.6
    """a window with a higher no-speech probability and an unreliable text counts as silent"""

    def problem(self, result: WindowResult) -> str:
        """The reason to decode a window again, or empty; silence is not one."""
        unlikely = self.logprob is not None and result.avg_logprob < self.logprob
        if unlikely and self.no_speech is not None and result.no_speech_prob > self.no_speech:
            return ""
        if unlikely:
            return f"improbable (mean log probability {result.avg_logprob:.2f})"
        if self.compression_ratio is not None and result.compression_ratio > self.compression_ratio:
            return f"repetitive (compression ratio {result.compression_ratio:.1f})"
        return ""

    def silent(self, result: WindowResult) -> bool:
        """Whether the text is dropped because the window is silent."""
        if self.no_speech is None or not result.no_speech_prob > self.no_speech:
            return False
        return self.logprob is None or not result.avg_logprob > self.logprob


@dataclass(frozen=True)
class FallbackResult:
    """The final result of a window, with its temperature and the number of fallbacks."""

    result: WindowResult
    temperature: float
    fallbacks: int
    suspect: str
    """the check that still fails at the last temperature, or empty"""


def decode_with_fallback(
    guards: Guards, count: int, decode: Callable[[Sequence[int], float], Sequence[WindowResult]]
) -> list[FallbackResult]:
    """Decode ``count`` windows, and those that fail again at the next temperature.

    decode(indices, temperature) gives the results of these windows in the same order.
    """
    attempts: dict[int, FallbackResult] = {}
    failing = list(range(count))
    for rung, temperature in enumerate(guards.temperatures):
        results = decode(failing, temperature)
        for i, result in zip(failing, results, strict=True):
            attempts[i] = FallbackResult(result, temperature, rung, guards.problem(result))
        failing = [i for i in failing if attempts[i].suspect]
        if not failing:
            break
    return [attempts[i] for i in range(count)]
