"""Words become sentences and plain words again: nothing changes but case and marks."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.errors import ModelError
from attnasr_cli.text.sentences import punctuator as module
from attnasr_cli.text.sentences.file import Loaded, load_net, save_net
from attnasr_cli.text.sentences.net import SentenceConfig, SentenceNet
from attnasr_cli.text.sentences.plain import plain
from attnasr_cli.text.sentences.punctuator import Punctuator, Sentences
from attnasr_cli.text.sentences.words import WordIds
from attnasr_cli.text.sentences.written import IGNORED, Case, Mark, read, spelled

VOCABULARY = ["the", "and", "said", "fellow", "you"]


def random_net(seed: int = 0) -> Loaded:
    """A net that writes nonsense."""
    torch.manual_seed(seed)
    ids = WordIds(VOCABULARY, 50)
    net = SentenceNet(SentenceConfig(ids.size, 50, width=8, hidden=8, layers=1)).eval()
    with torch.no_grad():
        for head in (net.case, net.mark):
            head.weight *= 8.0
    return Loaded(net, ids, {"mcdonald": "McDonald"})


class Told(Punctuator):
    """Writes what a test says: a case and a mark of each word."""

    def __init__(self, **labels: tuple[Case, Mark]) -> None:
        super().__init__(random_net())
        self.told = labels

    def labels(
        self,
        words: list[str],
        before: list[str],
        first: bool,  # type: ignore[override]
    ) -> list[module.Label]:
        return [self.told.get(word, (Case.LOWER, Mark.NONE)) for word in words]


class Drawn(Punctuator):
    """Writes anything, with all cases and marks."""

    def labels(
        self,
        words: list[str],
        before: list[str],
        first: bool,  # type: ignore[override]
    ) -> list[module.Label]:
        return [divmod(crc32(word.encode("utf-8", "replace")) % 16, 4) for word in words]


L, C, U, M = Case.LOWER, Case.CAPITAL, Case.UPPER, Case.MIXED
READ = {
    "And so, my fellow Americans: ask not.": [
        ("and", IGNORED, Mark.NONE), ("so", L, Mark.COMMA), ("my", L, Mark.NONE),
        ("fellow", L, Mark.NONE), ("americans", C, IGNORED), ("ask", IGNORED, Mark.NONE),
        ("not", L, Mark.STOP),
    ],
    "NASA's well-known man": [
        ("nasa's", U, Mark.NONE), ("well", L, Mark.NONE), ("known", L, Mark.NONE),
        ("man", L, Mark.NONE),
    ],
    "Mr. McDonald said, “Why?” and I left!": [
        ("mr", IGNORED, Mark.NONE), ("mcdonald", M, Mark.NONE), ("said", L, Mark.COMMA),
        ("why", IGNORED, Mark.QUESTION), ("and", IGNORED, Mark.NONE), ("i", C, Mark.NONE),
        ("left", L, Mark.STOP),
    ],
    "he said--and , then ... it": [
        ("he", IGNORED, Mark.NONE), ("said", L, IGNORED), ("and", IGNORED, Mark.COMMA),
        ("then", L, IGNORED), ("it", IGNORED, Mark.NONE),
    ],
    "in the U.S. of J. Smith": [
        ("in", IGNORED, Mark.NONE), ("the", L, Mark.NONE), ("u", C, Mark.NONE),
        ("s", C, Mark.NONE), ("of", L, Mark.NONE), ("j", C, Mark.NONE),
        ("smith", C, Mark.NONE),
    ],
    "": [],
    "-- ...": [],
}  # fmt: skip


@pytest.mark.parametrize("text", READ)
def test_what_a_text_says_of_its_words(text: str) -> None:
    assert [(w.word, w.case, w.mark) for w in read(text)] == READ[text]


def test_a_mark_on_an_abbreviation_ends_no_sentence_and_a_loud_word_does() -> None:
    assert [w.mark for w in read("Dr. Who came. Help! Me.")] == [0, 0, 2, 2, 2]


SPELLED = {
    ("americans", C): "Americans", ("nasa's", U): "NASA's", ("i'm", C): "I'm",
    ("mcdonald's", M): "McDonald's", ("o'brien", M): "O'brien", ("'tis", C): "'Tis",
    ("THE", L): "the", ("straße", U): "straße", ("1961", U): "1961", ("ßa", C): "ßa",
    ("µm", C): "µm",
}  # fmt: skip


@pytest.mark.parametrize(("word", "case"), SPELLED)
def test_how_a_word_is_spelled(word: str, case: Case) -> None:
    assert spelled(word, case, {"mcdonald": "McDonald"}) == SPELLED[word, case]


def test_marks_and_capitals_go_together_over_the_end_of_a_stretch() -> None:
    told = {"so": (L, Mark.COMMA), "americans": (C, Mark.NONE), "not": (L, Mark.STOP)}
    sentences = Sentences(Told(**told, what=(L, Mark.QUESTION)))
    assert sentences.write(["and", "so", "my", "fellow", "americans"]) == [
        "And", "so,", "my", "fellow", "Americans",
    ]  # fmt: skip
    assert sentences.write(["ask", "not"]) == ["ask", "not."]  # the sentence went on
    assert sentences.write([]) == []
    assert sentences.write(["what", "your"]) == ["What?", "Your"]


def test_a_word_with_a_mark_gets_no_second_one() -> None:
    assert Sentences(Told(**{"yes,": (L, Mark.STOP)})).write(["yes,", "so"]) == ["Yes,", "so"]


WORDS = st.lists(st.text(min_size=1, max_size=12).filter(lambda w: w.split() == [w]), max_size=40)


@settings(deadline=None, max_examples=30)
@given(WORDS, st.sampled_from([Punctuator, Drawn]))
def test_nothing_changes_but_case_and_marks(words: list[str], kind: type[Punctuator]) -> None:
    written = Sentences(kind(random_net())).write(words)
    assert len(written) == len(words)
    for before, after in zip(words, written, strict=True):
        bare = after[:-1] if after[-1:] in ".,?" and len(after) > len(before.lower()) else after
        assert bare.lower() == before.lower()


def test_a_very_long_text_is_written_in_parts_with_their_context(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = [f"w{i % 71}" for i in range(3000)]
    long = Sentences(Punctuator(random_net())).write(words)
    assert len(long) == 3000
    monkeypatch.setattr(module, "AT_ONCE", 100)
    sentences = Sentences(Punctuator(random_net()))
    parts = [sentences.write(words[i : i + 100]) for i in range(0, 3000, 100)]
    assert [w for part in parts for w in part] == Sentences(Punctuator(random_net())).write(words)


def test_what_comes_later_changes_nothing() -> None:
    net = Punctuator(random_net())
    first, second = ["the", "fellow", "said", "you"], ["and", "you", "said"]
    alone = Sentences(net)
    both = Sentences(net)
    assert alone.write(first) == both.write(first)
    assert alone.write(second) == both.write(second)
    assert len(both.write(first)) == len(first)


def test_a_net_is_the_same_from_its_file(tmp_path: Path) -> None:
    loaded, file = random_net(), tmp_path / "sentences.safetensors"
    size = save_net(file, loaded.net, VOCABULARY, ["McDonald"])
    assert file.stat().st_size == size
    again = load_net(file)
    assert again.ids.vocabulary == VOCABULARY
    assert again.spellings == {"mcdonald": "McDonald"}
    words = [f"w{i}" for i in range(200)]
    same = zip(
        Sentences(Punctuator(loaded)).write(words), Sentences(Punctuator(again)).write(words),
        strict=True,
    )  # fmt: skip
    assert sum(a == b for a, b in same) > 190  # eight bits change a doubtful word


def test_what_is_no_net_is_named(tmp_path: Path) -> None:
    file = tmp_path / "sentences.safetensors"
    with pytest.raises(ModelError, match="cannot be read as sentence net"):
        load_net(file)
    file.write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="cannot be read as sentence net"):
        load_net(file)
    loaded = random_net()
    save_net(file, loaded.net, VOCABULARY[:2], [])
    with pytest.raises(ModelError, match="not those of its weights"):
        load_net(file)
    content = bytearray(file.read_bytes())
    file.write_bytes(content.replace(b'\\"schema\\": 1', b'\\"schema\\": 7'))
    with pytest.raises(ModelError, match="schema 1"):
        load_net(file)


PLAIN = {
    " And so, my fellow Americans: ask NOT…": " and so my fellow americans ask not",
    "“Don't!” — said O'Brien.": "don't  said o'brien",
    "It's 3.14, at 10:30; $5,000 or 10%.": "it's 3.14 at 10:30 $5,000 or 10%",
    "well-known e-mail a@b.c": "well-known e-mail a@b.c",
    "什么？不。": "什么不",
    "": "",
}


@pytest.mark.parametrize("text", PLAIN)
def test_plain_words(text: str) -> None:
    assert plain(text) == PLAIN[text]


@settings(deadline=None)
@given(st.text(max_size=80))
def test_plain_words_have_all_letters_and_no_mark_behind_them(text: str) -> None:
    found = plain(text)
    assert [c for c in found if c.isalnum()] == [c for c in text.lower() if c.isalnum()]
    assert not any(word[-1] in ".,!?;:" for word in found.split())
