"""Decoding one of the user's phrases for each window, instead of free text with fallback."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from attnasr_cli.families.phrases.choose import Choice, PhraseList
from attnasr_cli.families.phrases.read import written_forms
from attnasr_cli.families.threads import few_threads
from attnasr_cli.families.whisper.decode.decoding import (
    DecodingTask,
    WindowResult,
    WindowStart,
    step_bytes,
)
from attnasr_cli.families.whisper.decode.fallback import FallbackResult
from attnasr_cli.families.whisper.decode.plan import Plan
from attnasr_cli.families.whisper.net.model import Whisper
from attnasr_cli.families.whisper.tokenizer import WhisperTokenizer
from attnasr_cli.nets.protocol import Memory
from attnasr_cli.search.beam import SearchConfig, search
from attnasr_cli.search.phrases import search_phrases

MORE = 8  # tokens that a free text may have beyond the longest phrase


def phrase_list(plan: Plan, tokenizer: WhisperTokenizer, net: Whisper) -> PhraseList | None:
    """The phrases in tokens, each in the forms that Whisper writes; None where there are none."""
    if not plan.phrases:
        return None
    language = plan.task.language if tokenizer.multilingual else "en"

    def encode(spelling: str) -> list[list[int]]:
        return [tokenizer.encode(form) for form in written_forms(spelling, language)]

    longest = net.config.text_context // 2
    vocab = net.config.vocab
    return PhraseList(plan.phrases, plan.reject, encode, tokenizer.eot, vocab, longest)


@torch.inference_mode()
def choose_phrases(
    task: DecodingTask,
    phrases: PhraseList,
    memory: Memory,
    starts: Sequence[WindowStart],
    previous: Sequence[int],
) -> list[Choice]:
    """The phrase of each window of a memory."""
    net, eot = task.net, task.tokenizer.eot
    languages = [task.options.language or start.language for start in starts]
    rows = [task.prompt(language, previous) for language in languages]
    prompt = torch.tensor(rows, device=memory.frames.device)  # (B, n)
    limit = phrases.scorer.trie.depth + MORE
    config = SearchConfig(task.options.beams)
    with few_threads(step_bytes(net, memory)):
        found = search_phrases(net, memory, prompt, eot, phrases.scorer)
        free = search(net, memory, prompt, eot, limit, config)
    return [phrases.choose(*both) for both in zip(found, free, strict=True)]


def as_attempt(choice: Choice, start: WindowStart, language: str | None) -> FallbackResult:
    """A chosen phrase in the form of a window's text."""
    tokens = choice.hypothesis.tokens
    average = choice.hypothesis.log_prob / (len(tokens) + 1)
    result = WindowResult(
        tokens, choice.phrase, average, start.no_speech_prob, compression_ratio=1.0,
        language=language,
    )  # fmt: skip
    return FallbackResult(result, temperature=0.0, fallbacks=0, suspect="")
