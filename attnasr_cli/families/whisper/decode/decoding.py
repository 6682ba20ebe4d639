"""One pass over windows at one temperature: openai-whisper's ``decode`` for a batch.

Start tokens, the grammar of timestamps and suppressed tokens become a prompt and rules here; the
search knows token ids only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from attnasr_cli.families.threads import few_threads
from attnasr_cli.families.whisper.net.model import Whisper
from attnasr_cli.families.whisper.tokenizer import WhisperTokenizer
from attnasr_cli.families.whisper.vocabulary import TIMESTAMP_S
from attnasr_cli.nets.protocol import Memory, select
from attnasr_cli.search.beam import Hypothesis, Rule, SearchConfig, search
from attnasr_cli.search.rules import Suppress, SuppressFirst, TimestampGrammar
from attnasr_cli.search.sampling import sample
from attnasr_cli.text.repetition import compression_ratio


@dataclass(frozen=True)
class TaskOptions:
    """How windows are decoded; the defaults are those of openai-whisper's command line."""

    task: str = "transcribe"
    """transcribe, or translate into English"""
    language: str | None = None
    """code; None: detected"""
    timestamps: bool = True
    """whether the decoder writes timestamps; without them it is a little faster"""
    beams: int = 5
    """beams at temperature 0; 1 is greedy"""
    best_of: int = 5
    """samples drawn at a temperature above 0"""
    patience: float = 1.0
    """as in SearchConfig, at temperature 0"""
    length_penalty: float | None = None
    """as in SearchConfig"""
    max_initial_timestamp_s: float | None = 1.0
    """the first word starts no later"""
    suppress: bool = True
    """never write notes, brackets and speaker labels"""
    prefix: tuple[int, ...] = ()
    """tokens that every transcript starts with"""
    max_tokens: int | None = None
    """most tokens of a window; None: half of the text context"""


@dataclass(frozen=True)
class WindowStart:
    """Language and no-speech probabilities of a window, from the first decoder steps."""

    no_speech_prob: float
    languages: dict[str, float]
    """probability of each language; empty in an English-only model"""

    @property
    def language(self) -> str | None:
        return max(self.languages, key=lambda code: self.languages[code], default=None)


@dataclass(frozen=True)
class WindowResult:
    """The text of one window."""

    tokens: list[int]
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    language: str | None


class DecodingTask:
    """Decodes batches of windows of one model with fixed options."""

    def __init__(self, net: Whisper, tokenizer: WhisperTokenizer, options: TaskOptions) -> None:
        self.net, self.tokenizer, self.options = net, tokenizer, options

    def prompt(self, language: str | None, previous: Sequence[int] = ()) -> list[int]:
        """The prompt: previous text, start, language, task and prefix tokens."""
        options = self.options
        tokens = self.tokenizer.start(language, options.task, options.timestamps)
        tokens += options.prefix
        if not previous:
            return tokens
        room = self.net.config.text_context // 2 - 1
        return [self.tokenizer.sot_prev, *previous[-room:], *tokens]

    @torch.inference_mode()
    def detect(self, memory: Memory, previous: Sequence[int] = ()) -> list[WindowStart]:
        """The language and the no-speech probability of each window. The language is detected
        without ``previous`` text, and only where none was chosen."""
        tokenizer = self.tokenizer
        prompt = self.prompt(self.options.language, previous)
        full = self._after(prompt[: prompt.index(tokenizer.sot) + 1], memory)
        silence = full[:, tokenizer.no_speech].exp().tolist()
        if previous and self.options.language is not None:
            return [WindowStart(p, {}) for p in silence]
        bare = self._after([tokenizer.sot], memory) if previous else full
        codes = list(tokenizer.languages)
        tokens = torch.tensor(list(tokenizer.languages.values()), device=bare.device).long()
        shares = bare[:, tokens].softmax(-1).tolist() if codes else [[]] * len(silence)
        return [
            WindowStart(p, dict(zip(codes, share, strict=True)))
            for p, share in zip(silence, shares, strict=True)
        ]

    def _after(self, prompt: list[int], memory: Memory) -> Tensor:
        rows = torch.tensor([prompt] * memory.frames.shape[0], device=memory.frames.device)
        with few_threads(step_bytes(self.net, memory)):
            return self.net.step(rows, self.net.start(memory, 1), memory).log_probs

    def decode(
        self,
        memory: Memory,
        window_starts: Sequence[WindowStart],
        temperature: float,
        generators: Sequence[torch.Generator],
        previous: Sequence[int] = (),
    ) -> list[WindowResult]:
        """Decode the windows of a memory, all with the same ``previous`` text."""
        languages = [
            self.options.language or window_start.language for window_start in window_starts
        ]
        prompts = [self.prompt(language, previous) for language in languages]
        prompt = torch.tensor(prompts, device=memory.frames.device)  # (B, n)
        room = self.net.config.text_context - prompt.shape[1] + 1
        limit = min(self.options.max_tokens or self.net.config.text_context // 2, room)
        rules = self.rules(prompt.shape[1])
        with few_threads(step_bytes(self.net, memory)):
            found = self._find(memory, prompt, limit, temperature, generators, rules)
        return [
            self._result(hypotheses, window_start, language)
            for hypotheses, window_start, language in zip(
                found, window_starts, languages, strict=True
            )
        ]

    def _find(
        self,
        memory: Memory,
        prompt: Tensor,
        limit: int,
        temperature: float,
        generators: Sequence[torch.Generator],
        rules: list[Rule],
    ) -> list[list[Hypothesis]]:
        options, eot = self.options, self.tokenizer.eot
        if temperature > 0:
            return sample(
                self.net,
                memory,
                prompt,
                eot,
                limit,
                temperature,
                options.best_of,
                generators,
                rules,
            )
        config = SearchConfig(
            options.beams, options.length_penalty, options.patience, nbest=options.beams
        )
        return search(self.net, memory, prompt, eot, limit, config, rules)

    def rules(self, prompt_length: int) -> list[Rule]:
        """The rules for tokens after a prompt of this length."""
        tokenizer, options = self.tokenizer, self.options
        rules: list[Rule] = [SuppressFirst(tokenizer.blank, prompt_length)]
        rules.append(Suppress(tokenizer.suppressed if options.suppress else tokenizer.steering))
        if options.timestamps:
            latest = options.max_initial_timestamp_s
            steps = round(latest / TIMESTAMP_S) if latest else None
            begin, none = tokenizer.timestamp_begin, tokenizer.no_timestamps
            rules.append(TimestampGrammar(begin, tokenizer.eot, none, prompt_length, steps))
        return rules

    def _result(
        self, hypotheses: Sequence[Hypothesis], window_start: WindowStart, language: str | None
    ) -> WindowResult:
        penalty = self.options.length_penalty
        best = max(hypotheses, key=lambda hypothesis: hypothesis.normalized(penalty))
        text = self.tokenizer.decode(best.tokens).strip()
        return WindowResult(
            best.tokens,
            text,
            best.log_prob / (len(best.tokens) + 1),
            window_start.no_speech_prob,
            compression_ratio(text),
            language,
        )


def step_bytes(net: Whisper, memory: Memory) -> int:
    """Bytes that a step reads, at two bytes a number: weights, and keys and values of the
    memory."""
    config, (B, S, D) = net.config, memory.frames.shape
    weights = config.vocab * D + config.text_layers * 14 * D * D  # 4 + 2 squares, 8 of the MLP
    return 2 * (weights + config.text_layers * 2 * B * S * D)


def pick(memory: Memory, indices: Sequence[int]) -> Memory:
    """The memory of some windows; not copied where all are asked for in order."""
    if list(indices) == list(range(memory.frames.shape[0])):
        return memory
    return select(memory, torch.tensor(list(indices), device=memory.frames.device))
