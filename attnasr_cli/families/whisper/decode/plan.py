"""Checks options against each other and against a model, and puts them into the form that the
decoder needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from attnasr_cli.errors import UsageError
from attnasr_cli.families.languages import language_code
from attnasr_cli.families.phrases.read import Phrase, read_phrases
from attnasr_cli.families.whisper.decode.decoding import TaskOptions
from attnasr_cli.families.whisper.decode.fallback import Guards
from attnasr_cli.families.whisper.options import WhisperOptions
from attnasr_cli.families.whisper.tokenizer import WhisperTokenizer

FREE_TEXT = (
    "temperature", "best_of", "patience", "length_penalty", "timestamps",
    "compression_ratio_threshold", "logprob_threshold", "no_speech_threshold",
)  # fmt: skip
"""options for free text only"""
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Plan:
    """Options in the form that the decoder works with."""

    task: TaskOptions
    guards: Guards
    prompt: list[int]
    """tokens of the text before the recording"""
    hotwords: list[int]
    sequential: bool
    condition: bool
    words: bool
    prompt_text: str = ""
    hotwords_text: str = ""
    phrases: tuple[Phrase, ...] = ()
    reject: float | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The settings with defaults filled in, for JSON."""
        return {
            "language": self.task.language,
            "task": self.task.task,
            "mode": "sequential" if self.sequential else "batched",
            "temperature": list(self.guards.temperatures),
            "beam": self.task.beams,
            "best_of": self.task.best_of,
            "prompt": self.prompt_text,
            "hotwords": self.hotwords_text,
            "patience": self.task.patience,
            "length_penalty": self.task.length_penalty,
            "timestamps": self.task.timestamps,
            "word_timestamps": self.words,
            "compression_ratio_threshold": self.guards.compression_ratio,
            "logprob_threshold": self.guards.logprob,
            "no_speech_threshold": self.guards.no_speech,
            "condition_on_previous_text": self.sequential and self.condition,
        }


def plan(
    options: WhisperOptions,
    tokenizer: WhisperTokenizer,
    name: str,
    languages: tuple[str, ...] = (),
) -> Plan:
    """Check options against each other and against the model ``name`` with these ``languages``; a
    single language is not detected. Raises UsageError."""
    if options.language is None and len(languages) == 1 and tokenizer.multilingual:
        options = replace(options, language=languages[0])
    temperatures = _temperatures(options.temperature)
    beams = _at_least_one(options.beam, "a beam", 5)
    best_of = _at_least_one(options.best_of, "--best-of", 5)
    if options.best_of is not None and max(temperatures) == 0:
        raise UsageError("--best-of without a temperature above 0", "add --temperature 0.2 or more")
    if options.patience is not None:
        if options.patience <= 0 or round(beams * options.patience) < 1:
            raise UsageError(f"a patience of {options.patience}", "use a number above 0, like 1")
        if beams == 1:
            raise UsageError("--patience with greedy search", "add --beam 5")
    if options.length_penalty is not None and not 0 <= options.length_penalty <= 1:
        raise UsageError(f"a length penalty of {options.length_penalty}", "use one from 0 to 1")
    if options.task not in (None, "transcribe", "translate"):
        raise UsageError(f"unknown task {options.task!r}", "use transcribe or translate")
    if options.mode not in (None, "batched", "sequential"):
        raise UsageError(f"unknown mode {options.mode!r}", "use batched or sequential")
    sequential = options.mode == "sequential"
    if options.no_condition_on_previous_text and not sequential:
        raise UsageError(
            "--no-condition-on-previous-text in batched mode, where no window has text before it",
            "add --mode sequential, or leave it out",
        )
    if sequential and options.timestamps is False:
        raise UsageError(
            "--no-timestamps in sequential mode, which goes on where the last timestamp stands",
            "add --mode batched",
        )
    phrases = read_phrases(options.phrases, options.reject)
    if phrases:
        _refuse_with_phrases(options, sequential)
    guards = Guards(
        temperatures=temperatures,
        compression_ratio=_or(options.compression_ratio_threshold, 2.4),
        logprob=_or(options.logprob_threshold, -1.0),
        no_speech=None if phrases else _or(options.no_speech_threshold, 0.6),
    )
    task = TaskOptions(
        task=options.task or "transcribe",
        language=_language(options, tokenizer, name),
        timestamps=sequential if options.timestamps is None else options.timestamps,
        beams=beams,
        best_of=best_of,
        patience=_or(options.patience, 1.0),
        length_penalty=options.length_penalty,
    )
    prompt, hotwords = (options.prompt or "").strip(), (options.hotwords or "").strip()
    return Plan(
        task,
        guards,
        tokenizer.encode(" " + prompt) if prompt else [],
        tokenizer.encode(" " + hotwords) if hotwords else [],
        sequential,
        not options.no_condition_on_previous_text,
        options.word_timestamps,
        prompt,
        hotwords,
        phrases,
        options.reject,
    )


def _refuse_with_phrases(options: WhisperOptions, sequential: bool) -> None:
    """Refuse options that have no meaning with phrases. Raises UsageError."""
    if sequential:
        raise UsageError("--phrases in sequential mode", "add --mode batched")
    for name in FREE_TEXT:
        if getattr(options, name) is not None:
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"{flag} with --phrases", "it is for free text; leave it out")


def _language(options: WhisperOptions, tokenizer: WhisperTokenizer, name: str) -> str | None:
    if not tokenizer.multilingual:
        for option in ("language", "task"):
            value = getattr(options, option)
            if value is not None and value != "transcribe":
                raise UsageError(
                    f"--{option} {value}: model {name} knows English only",
                    "leave it out, or take the model without .en",
                )
        return None
    if options.language is None or options.language == "auto":
        return None
    code = language_code(options.language)
    tokenizer.start(code, "transcribe", True)  # raises UsageError where this model lacks it
    return code


def _temperatures(value: float | str | tuple[float, ...] | None) -> tuple[float, ...]:
    if value is None:
        return TEMPERATURES
    try:
        if isinstance(value, str):
            found = tuple(float(part) for part in value.split(","))
        else:
            found = tuple(value) if isinstance(value, tuple | list) else (float(value),)
    except ValueError:
        raise UsageError(f"a temperature of {value!r}", "give numbers like 0,0.2,0.4") from None
    if not found or min(found) < 0 or list(found) != sorted(set(found)):
        raise UsageError(f"temperatures {value}", "give rising numbers from 0, like 0,0.2,0.4")
    return found


def _at_least_one(value: int | None, what: str, default: int) -> int:
    if value is not None and value < 1:
        raise UsageError(f"{what} of {value}", "use 1 or more")
    return default if value is None else value


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
