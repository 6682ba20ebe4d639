"""Decoding options of Whisper models.

Nothing heavy is imported here, so that the command line can list the options without torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from attnasr_cli.families.options import option
from attnasr_cli.families.phrases.read import PHRASES_HELP, REJECT_HELP


@dataclass(frozen=True)
class WhisperOptions:
    """Names and defaults are openai-whisper's; None means not given."""

    language: str | None = option(None, "Code or English name; detected by default.")
    task: str | None = option(None, "transcribe, or translate into English.")
    mode: str | None = option(
        None, "batched, or sequential: each window with the text before as prompt."
    )
    temperature: float | str | tuple[float, ...] | None = option(
        None, "One, or a ladder for doubtful windows: 0,0.2,0.4,0.6,0.8,1.", kind=str
    )
    beam: int | None = option(None, "Hypotheses kept; 1 is greedy.")
    best_of: int | None = option(None, "Samples at a temperature above 0.")
    patience: float | None = option(None, "Stop after beam · patience hypotheses.")
    length_penalty: float | None = option(None, "((5 + n) / 6) ** penalty.")
    prompt: str | None = option(None, "Text before the recording; sets style and spelling.")
    hotwords: str | None = option(None, "Words to expect.")
    timestamps: bool | None = option(None, "Timestamp tokens; by default only in sequential mode.")
    word_timestamps: bool = option(
        False, "Times of words; on by default for the formats that show them."
    )
    compression_ratio_threshold: float | None = option(
        None, "A text that compresses better is doubtful."
    )
    logprob_threshold: float | None = option(
        None, "A text below this mean log probability is doubtful."
    )
    no_speech_threshold: float | None = option(
        None, "Above this probability doubtful text is silence."
    )
    no_condition_on_previous_text: bool = option(
        False, "Sequential mode without the text before as prompt."
    )
    phrases: str | tuple[str, ...] | None = option(None, PHRASES_HELP, kind=str)
    reject: float | None = option(None, REJECT_HELP)
