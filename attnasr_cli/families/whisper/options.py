"""What a user may choose for a model that sees windows with timestamp tokens.

Nothing is imported here, so that the command line can list the options without torch.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WhisperOptions:
    """Names and defaults are openai-whisper's; None means not given."""

    language: str | None = None
    """code or English name; detected by default"""
    task: str | None = None
    """transcribe, or translate into English"""
    mode: str | None = None
    """batched: segments of speech, many at once; sequential: one window after the other, each with
    the text before it as prompt"""
    temperature: float | str | tuple[float, ...] | None = None
    """one, or a list tried in turn where a guard fails: 0,0.2,0.4,0.6,0.8,1"""
    beam: int | None = None
    """hypotheses at temperature 0; 5"""
    best_of: int | None = None
    """samples at temperatures above 0; 5"""
    patience: float | None = None
    """stop after beam · patience finished hypotheses; 1"""
    length_penalty: float | None = None
    """((5 + n) / 6) ** penalty, from 0 to 1; the mean over tokens by default"""
    prompt: str | None = None
    """text before the recording, which sets style and spelling"""
    hotwords: str | None = None
    """words to expect, in front of every window"""
    timestamps: bool | None = None
    """the decoder writes timestamp tokens; without, it writes text only and the words are aligned
    with the audio. On in sequential mode, which needs them, off in batched mode, which loses fewer
    words without (docs/whisper.md)"""
    word_timestamps: bool = False
    """times and probabilities of words"""
    compression_ratio_threshold: float | None = None
    """a text that compresses better is decoded again; 2.4"""
    logprob_threshold: float | None = None
    """a text below this mean log probability is decoded again; -1"""
    no_speech_threshold: float | None = None
    """above this probability a doubtful text is taken for silence; 0.6"""
    no_condition_on_previous_text: bool = False
    """sequential: every window without the text before it"""
