"""Converts the words of any text into tokens of a model that aligns them with audio."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property, lru_cache

from attnasr_cli.text import normalize
from attnasr_cli.text.letters import LetterSounds, plain
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.text.tokenizer import UNKNOWN, Tokenizer

SAID_SYMBOLS = frozenset("&%+=@°§€$£¥")
LONGEST_ACRONYM = 5
ENGLISH_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
PARTS = re.compile(r"[^\W_]+(?:'[^\W_]+)*'?")


class Speller:
    """Written words → token ids of one tokenizer."""

    def __init__(self, tokenizer: Tokenizer, normalizer: str) -> None:
        """normalizer: name of the normaliser of the model's training text."""
        self.tokenizer = tokenizer
        self.normalize = normalize.get(normalizer)
        self.words = lru_cache(maxsize=50_000)(self._word)

    def spell(self, word: str) -> Sequence[int] | None:
        """The tokens of a written word with its punctuation: empty where it is not pronounced, None
        where its pronunciation is unknown (numbers, symbols, other scripts)."""
        return self.words(word.strip().replace("’", "'"))

    def ways(self, word: str) -> list[Sequence[int]]:
        """The tokens of each pronunciation of a word, where tokens are phones, the usual one
        first."""
        usual = self.spell(word)
        if not usual or not isinstance(self.tokenizer, PhoneTokenizer):
            return []
        found = [usual]
        for form in (word, self.normalize(word)):
            for spoken in self.tokenizer.spoken.get(form, ()):
                tokens = self.tokenizer.encode_spoken(spoken)
                if tuple(tokens) not in {tuple(way) for way in found}:
                    found.append(tokens)
        return found

    def _word(self, word: str) -> tuple[int, ...] | None:
        parts = PARTS.findall(word)
        if SAID_SYMBOLS & set(word):
            return None
        tokens: list[int] = []
        for part in parts:
            found = self._part(part)
            if found is None:
                return None
            tokens += found
        return tuple(tokens)

    def _part(self, part: str) -> Sequence[int] | None:
        """The tokens of a word without punctuation."""
        if isinstance(self.tokenizer, PhoneTokenizer):
            spoken = self._spoken(part, self.tokenizer)
            return self.tokenizer.encode_spoken(spoken) if spoken else None
        text = self.normalize(part)
        for form in (text, text.lower(), text.upper()):  # a text may be in either case alone
            tokens = self.tokenizer.encode(form)
            if tokens and UNKNOWN not in tokens:
                return tokens
        return None

    def _spoken(self, part: str, lexicon: PhoneTokenizer) -> str | None:
        """The pronunciation of a word: from the lexicon, letter by letter, or by rules learnt from
        it."""
        text = self.normalize(part)
        for form in (text, text.rstrip("'"), plain(text)):
            if form in lexicon.spoken:
                return lexicon.spoken[form][0]
        if len(text) == 1 and text in "0123456789" and ENGLISH_DIGITS[int(text)] in lexicon.spoken:
            return lexicon.spoken[ENGLISH_DIGITS[int(text)]][0]
        letters = [lexicon.spoken.get(c) for c in plain(text)]
        if part.isupper() and len(part) <= LONGEST_ACRONYM and all(letters):
            return "".join(ways[0] for ways in letters if ways)
        if any(c.isdigit() for c in text):
            return None
        return self._sounds.say(plain(text).replace("'", ""))

    @cached_property
    def _sounds(self) -> LetterSounds:
        assert isinstance(self.tokenizer, PhoneTokenizer)
        return LetterSounds(self.tokenizer.spoken)
