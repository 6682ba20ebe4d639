"""Whisper's tokens: byte-level pieces of text, then the special tokens, then the timestamps.

The vocabulary itself is data (``vocabulary.py`` reads and writes it); this class only knows the
order: text pieces < end of text ≤ special tokens < 1501 timestamps of 20 ms each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from attnasr_cli.errors import UsageError
from attnasr_cli.families.languages import NAMES
from attnasr_cli.families.whisper.vocabulary import (
    TIMESTAMP_S,
    TIMESTAMPS,
    MergeRank,
    Vocabulary,
    byte_letters,
    from_json,
    is_multilingual,
    to_json,
)

SYMBOLS = '"#()*+/:;<=>@[\\]^_`{|}~「」『』'
GROUPS = "<< >> <<< >>> -- --- -( -[ (' (\" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪"


@dataclass
class WhisperTokenizer:
    """Text ↔ tokens of one Whisper vocabulary."""

    vocabulary: dict[str, int]
    """text pieces in byte-level letters → token"""
    merge_rank: MergeRank
    specials: dict[str, int]
    """names like ``<|startoftranscript|>`` → token; timestamps need not be there"""
    multilingual: bool
    file_name: str = "tokenizer.json"
    _cache: dict[str, list[int]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.eot = self.eos = self.specials["<|endoftext|>"]
        self.sot = self.bos = self.specials["<|startoftranscript|>"]

    @cached_property
    def sot_prev(self) -> int:
        return self.specials["<|startofprev|>"]

    @cached_property
    def sot_lm(self) -> int:
        return self.specials["<|startoflm|>"]

    @cached_property
    def no_speech(self) -> int:
        """The no-speech token, whose probability right after the start token means silence. Two
        names are in use."""
        name = "<|nospeech|>" if "<|nospeech|>" in self.specials else "<|nocaptions|>"
        return self.specials[name]

    @cached_property
    def no_timestamps(self) -> int:
        return self.specials["<|notimestamps|>"]

    @cached_property
    def timestamp_begin(self) -> int:
        """The token for 0.00 s; the n-th token after it is n · 20 ms."""
        return self.no_timestamps + 1

    @cached_property
    def size(self) -> int:
        """The number of all tokens, which must equal the vocabulary of the weights."""
        return max(self.timestamp_begin + TIMESTAMPS, *(i + 1 for i in self.specials.values()))

    @property
    def vocab_size(self) -> int:
        return self.size

    @cached_property
    def pieces(self) -> list[str]:
        """Every token as text, broken characters as U+FFFD; a word starts with ▁."""
        texts = [self.decode_with_timestamps([token]) for token in range(self.size)]
        return ["▁" + text[1:] if text.startswith(" ") else text for text in texts]

    @staticmethod
    def of(found: Vocabulary, vocab: int | None = None) -> WhisperTokenizer:
        """The tokenizer of a vocabulary; whether it is multilingual follows from ``vocab``, the
        size of the weights, or without it from its own size."""
        made = WhisperTokenizer(found.pieces, found.merge_rank, found.specials, multilingual=False)
        made.multilingual = is_multilingual(made.size if vocab is None else vocab)
        return made

    @staticmethod
    def from_bytes(content: bytes) -> WhisperTokenizer:
        """Raises ValueError for what is not the ``tokenizer.json`` of a Whisper model."""
        try:
            return WhisperTokenizer.of(from_json(content))
        except (KeyError, TypeError, AttributeError) as problem:
            raise ValueError(f"not a Whisper vocabulary ({problem})") from None

    def to_bytes(self) -> bytes:
        """The content of ``tokenizer.json``."""
        return self._content

    @cached_property
    def _content(self) -> bytes:  # a second of work, and a run of training saves often
        found = Vocabulary(self.vocabulary, self.merge_rank, self.specials)
        return to_json(found, self.timestamp_begin)

    @cached_property
    def languages(self) -> dict[str, int]:
        """code → token, in the order of tokens; empty in an English-only vocabulary"""
        if not self.multilingual:
            return {}
        found = {code: self.specials.get(f"<|{code}|>") for code in NAMES}
        return dict(
            sorted(((c, t) for c, t in found.items() if t is not None), key=lambda pair: pair[1])
        )

    def task(self, task: str) -> int:
        """The token of "transcribe" or "translate"."""
        return self.specials[f"<|{task}|>"]

    def start(self, language: str | None, task: str, timestamps: bool) -> list[int]:
        """The tokens that a transcript starts with. An English-only vocabulary has no language."""
        tokens = [self.sot]
        if self.multilingual:
            code = language or "en"
            if code not in self.languages:
                raise UsageError(
                    f"this model does not know the language {code!r}",
                    f"it knows {len(self.languages)}: {', '.join(self.languages)}",
                )
            tokens += [self.languages[code], self.task(task)]
        return tokens if timestamps else [*tokens, self.no_timestamps]

    def encode(self, text: str) -> list[int]:
        """Text → tokens. The names of special tokens are text like any other."""
        from tokenizers.pre_tokenizers import ByteLevel

        words = ByteLevel(add_prefix_space=False, use_regex=True).pre_tokenize_str(text)
        return [token for word, _ in words for token in self._word(word)]

    def _word(self, word: str) -> list[int]:
        """Byte-pair encoding of one word: the earliest merge first, until none is left."""
        if word not in self._cache:
            parts = list(word)
            while len(parts) > 1:
                ranks = [self.merge_rank(a, b) for a, b in pairwise(parts)]
                known = [(rank, i) for i, rank in enumerate(ranks) if rank is not None]
                if not known:
                    break
                _, i = min(known)
                parts[i : i + 2] = [parts[i] + parts[i + 1]]
            self._cache[word] = [self.vocabulary[part] for part in parts]
        return self._cache[word]

    @cached_property
    def _bytes(self) -> dict[int, bytes]:
        letters = {letter: byte for byte, letter in byte_letters().items()}
        table = {t: bytes(letters[c] for c in piece) for piece, t in self.vocabulary.items()}
        return table | {token: name.encode() for name, token in self.specials.items()}

    def decode(self, tokens: Iterable[int]) -> str:
        """Tokens → text; timestamps are left out, broken characters become U+FFFD."""
        kept = [token for token in tokens if token < self.timestamp_begin]
        return self.decode_with_timestamps(kept)

    def decode_with_timestamps(self, tokens: Iterable[int]) -> str:
        """Tokens → text with timestamps spelled out, as in ``<|1.08|>``."""
        return b"".join(map(self._spelled, tokens)).decode(errors="replace")

    def _spelled(self, token: int) -> bytes:
        known = self._bytes.get(token)
        if known is not None:
            return known
        return f"<|{(token - self.timestamp_begin) * TIMESTAMP_S:.2f}|>".encode()

    @cached_property
    def blank(self) -> list[int]:
        """Tokens that must not come first: a lone space, and the end token."""
        return [*self.encode(" "), self.eot]

    @cached_property
    def non_speech(self) -> list[int]:
        """Tokens of speaker labels, brackets and notes: annotations that nobody speaks. Hyphens and
        apostrophes stay allowed inside words, not in front of them."""
        symbols = [*SYMBOLS, *GROUPS.split()]
        # These may be several tokens; the first is then the start of U+2640 to U+267F, all symbols.
        signs = set("♩♪♫♬♭♮♯")
        found = {self.encode(" -")[0], self.encode(" '")[0]}
        for symbol in [*symbols, *signs]:
            for tokens in (self.encode(symbol), self.encode(" " + symbol)):
                if len(tokens) == 1 or symbol in signs:
                    found.add(tokens[0])
        return sorted(found)

    @cached_property
    def steering(self) -> list[int]:
        """Control tokens, which are not part of a transcript."""
        tasks = [self.task("transcribe"), self.task("translate")]
        return sorted({*tasks, self.sot, self.sot_prev, self.sot_lm, self.no_speech})

    @cached_property
    def suppressed(self) -> list[int]:
        """Tokens that a transcript never holds: ``non_speech`` and ``steering``."""
        return sorted({*self.non_speech, *self.steering})
