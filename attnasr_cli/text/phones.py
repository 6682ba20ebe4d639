"""A tokenizer of phones, by a pronouncing lexicon.

With few hours of speech a net learns sounds long before it learns English spelling, and the
spelling is known already. Each phone is one token inside a word and another one at its beginning.
The file is that of the CMU Pronouncing Dictionary, a word and its phones on a line, more frequent
words first and the usual pronunciation of a word first; its first line names the phones:

    # phones: AA AE AH …
    the DH AH
    the DH IY
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from attnasr_cli.errors import DataError
from attnasr_cli.text.tokenizer import BOS, EOS, SPACE, SPECIAL, UNKNOWN

HEADER = "# phones:"
# One character for a phone, so that a pronunciation is a string: IPA where that has one.
ARPABET = (
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W "
    "Y Z ZH"
)
SYMBOLS = dict(zip(ARPABET.split(), "ɑæʌɔAIbʧdðɛɝEfghɪiʤklmnŋOØprsʃtθʊuvwjzʒ", strict=True))
CHECKED = 10_000  # characters of a lexicon that are read at once; the rest when it is needed
PRIVATE = 0xE000  # characters of phones that have no symbol above


class PhoneTokenizer:
    """The phones of words, and the words of phones."""

    file_name = "lexicon.txt"
    _rest = ""
    bos, eos = BOS, EOS

    def __init__(self, phones: Sequence[str], entries: Iterable[tuple[str, Sequence[str]]]) -> None:
        """entries: word and phones; raises ValueError for a phone that is not among ``phones``."""
        self.phones = list(phones)
        symbols = [SYMBOLS.get(p, chr(PRIVATE + i)) for i, p in enumerate(self.phones)]
        self._symbol = dict(zip(self.phones, symbols, strict=True))
        self._pieces = [*SPECIAL, *symbols, *(SPACE + s for s in symbols)]
        self._ids = {piece: i for i, piece in enumerate(self._pieces)}
        self.entries = self._symbols(entries)

    @staticmethod
    def from_bytes(content: bytes) -> PhoneTokenizer:
        first, _, rest = content.decode("utf-8").partition("\n")
        if not first.startswith(HEADER):
            raise ValueError(f"the first line does not begin with {HEADER!r}")
        phones = first.removeprefix(HEADER).split()
        found = PhoneTokenizer(phones, ())
        found._lines(rest[: rest.find("\n", CHECKED)])
        found._rest = rest
        del found.entries  # read when they are asked for
        return found

    @cached_property
    def entries(self) -> list[tuple[str, str]]:
        """Words and their pronunciations, a character a phone. Raises DataError for a line that is
        neither; the first ones were checked before."""
        try:
            return self._lines(self._rest)
        except ValueError as problem:
            raise DataError(f"damaged lexicon: {problem}", "a word and its phones a line") from None

    def _lines(self, text: str) -> list[tuple[str, str]]:
        """The entries of lines. Raises ValueError."""
        lines = [line for line in text.split("\n") if line and not line.startswith("#")]
        try:
            return self._plain(lines)
        except (KeyError, ValueError):  # written in another way, or wrong
            fields = (line.split() for line in text.splitlines() if not line.startswith("#"))
            return self._symbols((f[0], f[1:]) for f in fields if f)

    def _symbols(self, entries: Iterable[tuple[str, Sequence[str]]]) -> list[tuple[str, str]]:
        """Entries with a character for each phone. Raises ValueError."""
        found: list[tuple[str, str]] = []
        for word, spoken in entries:
            if not spoken:
                raise ValueError(f"{word} has no phones")
            try:
                found.append((word, "".join(map(self._symbol.__getitem__, spoken))))
            except KeyError as unknown:
                raise ValueError(f"{word}: no phone {unknown}") from None
        return found

    def _plain(self, lines: Sequence[str]) -> list[tuple[str, str]]:
        """The entries of lines with single spaces, all phones looked up in one go: line by line it
        is three times as long. Raises KeyError or ValueError for other lines."""
        words, spoken = zip(*(line.split(" ", 1) for line in lines), strict=True)
        phones = "\n".join(spoken).replace("\n", " \n ").split(" ")
        symbol = self._symbol | {"\n": "\n"}
        return list(zip(words, "".join(map(symbol.__getitem__, phones)).split("\n"), strict=True))

    @staticmethod
    def read(path: Path) -> PhoneTokenizer:
        """Raises DataError where the file is missing or is not a lexicon."""
        try:
            return PhoneTokenizer.from_bytes(path.read_bytes())
        except (OSError, ValueError) as problem:
            raise DataError(
                f"no lexicon {path}: {problem}",
                f"a line {HEADER} with all phones, then a word and its phones on each line",
            ) from None

    def of_words(self, spoken: Mapping[str, Sequence[str]]) -> PhoneTokenizer:
        """A lexicon of these words with the same phones, and so the same ids: word → its
        pronunciations, a character a phone."""
        names = {symbol: name for name, symbol in self._symbol.items()}
        entries = [(word, [names[c] for c in way]) for word, ways in spoken.items() for way in ways]
        return PhoneTokenizer(self.phones, entries)

    def to_bytes(self) -> bytes:
        phone = {symbol: name for name, symbol in self._symbol.items()}
        lines = [f"{word} {' '.join(phone[c] for c in spoken)}" for word, spoken in self.entries]
        return "\n".join([f"{HEADER} {' '.join(self.phones)}", *lines, ""]).encode("utf-8")

    @property
    def vocab_size(self) -> int:
        return len(self._pieces)

    @property
    def pieces(self) -> list[str]:
        return list(self._pieces)

    @cached_property
    def spoken(self) -> dict[str, list[str]]:
        """The pronunciations of every word, the usual one first."""
        found: dict[str, list[str]] = {}
        for word, spoken in self.entries:
            found.setdefault(word, []).append(spoken)
        return found

    @cached_property
    def _word(self) -> dict[str, str]:
        """The most frequent word of every pronunciation."""
        found: dict[str, str] = {}
        for word, spoken in self.entries:
            found.setdefault(spoken, word)
        return found

    def encode(self, text: str) -> list[int]:
        """The usual pronunciation of each word; a word that the lexicon lacks is one unknown."""
        tokens: list[int] = []
        for word in text.split():
            spoken = self.spoken.get(word)
            tokens += self.encode_spoken(spoken[0]) if spoken else [UNKNOWN]
        return tokens

    def encode_spoken(self, spoken: str) -> list[int]:
        """Ids of one pronunciation, a character a phone."""
        return [self._ids[SPACE + spoken[0]], *(self._ids[c] for c in spoken[1:])]

    def spoken_words(self, tokens: Sequence[int]) -> list[str]:
        """The pronunciation of each word that the tokens are, a character a phone."""
        text = "".join(self._pieces[t] for t in tokens if t >= len(SPECIAL))
        return [word for word in text.split(SPACE) if word]

    def decode(self, tokens: Sequence[int]) -> str:
        """The most frequent word of each pronunciation; a language model chooses better."""
        return " ".join(self.word(spoken) for spoken in self.spoken_words(tokens))

    def word(self, spoken: str) -> str:
        """The most frequent word that sounds like this, or most like this."""
        found = self._word.get(spoken)
        if found is None:  # hypotheses ask for it again and again, and it takes 20 ms
            found = self._nearest.get(spoken)
        if found is None:
            from rapidfuzz.distance import Levenshtein
            from rapidfuzz.process import extractOne

            nearest = extractOne(spoken, self._word.keys(), scorer=Levenshtein.distance)
            found = self._nearest[spoken] = self._word[nearest[0]] if nearest else ""
        return found

    @cached_property
    def _nearest(self) -> dict[str, str]:
        """The words of pronunciations that no word has."""
        return {}
