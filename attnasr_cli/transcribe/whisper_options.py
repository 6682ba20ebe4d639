"""Options for models that hear windows with timestamp tokens, by openai-whisper's names."""

from __future__ import annotations

from attnasr_cli.transcribe.option import Option

PANEL = "Whisper"


def _option(name: str, kind: type, help: str, default: object = None) -> Option:
    return Option(name, kind, help, PANEL, default, decoder=True)


WHISPER = [
    _option("language", str, "Code or English name; detected by default."),
    _option("task", str, "transcribe, or translate into English."),
    _option("mode", str, "batched, or sequential: each window with the text before as prompt."),
    _option("temperature", str, "One, or a ladder for doubtful windows: 0,0.2,0.4,0.6,0.8,1."),
    _option("best_of", int, "Samples at a temperature above 0."),
    _option("prompt", str, "Text before the recording; sets style and spelling."),
    _option("hotwords", str, "Words to expect."),
    _option("timestamps", bool, "Timestamp tokens; by default only in sequential mode."),
    _option("compression_ratio_threshold", float, "A text that compresses better is doubtful."),
    _option("logprob_threshold", float, "A text below this mean log probability is doubtful."),
    _option("no_speech_threshold", float, "Above this probability doubtful text is silence."),
    _option(
        "no_condition_on_previous_text", bool, "Sequential mode without the text before as prompt."
    ),
    _option("tokenizer", str, "Vocabulary file for a .pt, which has none."),
]
