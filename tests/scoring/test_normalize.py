"""Normalisers are named; the same text in two Unicode forms is the same; GLM as csrfilt."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.errors import DataError, UsageError
from attnasr_cli.scoring import normalizers
from attnasr_cli.scoring.api import score
from attnasr_cli.scoring.types import Pair
from attnasr_cli.scoring.units import graphemes, split
from attnasr_cli.scoring.wer import score_pairs
from attnasr_cli.text import normalize


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none", "Mr. Smith's colour: (uh) 20!"),
        ("lower", "mr. smith's colour: (uh) 20!"),
        ("basic", "mr smith s colour 20"),
        ("whisper", "mister smith is color 20"),
    ],
)
def test_the_named_ones(name: str, expected: str) -> None:
    found = normalizers.find(name)
    assert found.name == name
    assert found("  Mr. Smith's  colour: (uh)\t20! ") == expected
    assert score({"a": "x"}, {"a": "x"}, name).normalizer == name


@pytest.mark.parametrize("name", normalize.NAMED)
@settings(max_examples=25, deadline=None)
@given(st.text(max_size=30))
def test_unicode_forms_are_one(name: str, text: str) -> None:
    found = normalizers.find(name)
    assert found(unicodedata.normalize("NFD", text)) == found(unicodedata.normalize("NFC", text))


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="no normalizer 'whispr'") as caught:
        normalizers.find("whispr")
    assert "did you mean 'whisper'?" in caught.value.hint


def test_a_function_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_norm.py").write_text(
        "def shout(text):\n    return text.upper()\n\nodd = len\n\ndef bad(text):\n    1 / 0\n"
    )
    assert normalizers.find("mine_norm:shout")("a b") == "A B"
    assert normalizers.find(f"{tmp_path}/mine_norm.py:shout")("a") == "A"
    for name, message in [
        ("mine_norm:gone", "gone"),
        ("no_such_module:x", "no_such_module"),
        ("mine_norm:odd", "gives int"),
        ("mine_norm:bad", "division by zero"),
        ("mine_norm:__doc__", "is not a function"),
    ]:
        with pytest.raises(UsageError, match=message):
            normalizers.find(name)


GLM = """;; sample
* name "mine"
[GONNA] => [GOING TO] / [ ] __ [ ]
 AIR LINES => AIRLINES
[ING] => [IN] / [GO] __
"'TIL" => until
[HE'S] => [{HE IS / HE HAS}] / [ ] __ [ ]
UH => %HESITATION
SAID => / [X] __ [ ]   ;; nothing
;; INPUT_DEPENDENT_APPLICATION = "ctm"
[CAN'T] => [{CAN'T / CANNOT}] / [ ] __ [ ]
"""


@pytest.fixture
def glm(tmp_path: Path) -> normalize.Normalizer:
    (tmp_path / "my.glm").write_text(GLM)
    return normalizers.find(str(tmp_path / "my.glm"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GONNA", "going to"),
        ("gonna Gonna", "going to going to"),  # contexts are looked at, not consumed
        ("an air lines ticket", "an airlines ticket"),
        ("going sing", "goin sing"),
        ("'til then", "until then"),
        ("he's here", "{he is / he has} here"),
        ("(uh) yes", "(%hesitation) yes"),
        ("can't", "can't"),
    ],
)
def test_glm(glm: normalize.Normalizer, text: str, expected: str) -> None:
    assert glm(text) == expected


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_glm_of_any_system(tmp_path: Path, end: str, encoding: str) -> None:
    rules = ";; a comment\u2028[NOT] => [A RULE]\n[GONNA] => [GOING TO]\n"
    (tmp_path / "my.glm").write_bytes(rules.replace("\n", end).encode(encoding))
    assert normalizers.find(str(tmp_path / "my.glm"))("not gonna") == "not going to"


def test_glm_rules_for_hypotheses_and_alternatives(glm: normalize.Normalizer) -> None:
    assert glm.hypothesis("can't") == "{can't / cannot}"
    pairs = [Pair("a", "he is here", "he's here"), Pair("b", "i cannot", "i can't")]
    for alignment in ("nist", "levenshtein"):
        found = score_pairs(pairs, glm, alignment=alignment)
        assert found.words.errors == 0
        assert found.normalizer == "my.glm"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (";; x\nA B\n", r"bad\.glm:2: no => in 'A B'"),
        (";; x\n=> B\n", r"bad\.glm:2: nothing before"),
        (";; x\n", "no rules in it"),
        ("", "no rules in it"),
    ],
)
def test_a_bad_glm_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.glm"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        normalizers.find(str(path))
    with pytest.raises(DataError, match="No such file"):
        normalizers.find(str(tmp_path / "gone.glm"))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("abc", 3),
        ("e\u0301te\u0301", 3),  # é t é
        ("कि", 1),  # Devanagari: consonant and vowel sign
        ("नमस्ते", None),
        ("น้ำ", 1),  # Thai: consonant, tone, vowel
        ("กำ", 1),
        ("👨‍👩‍👧", 1),  # a family joined by zero-width joiners
        ("👍🏽", 1),
        ("🇩🇪🇫🇷", 2),  # two flags of two letters each
        ("مَ", 1),  # Arabic: letter and vowel mark
        ("한", 1),
    ],
)
def test_characters_are_what_people_see(text: str, count: int | None) -> None:
    found = graphemes(text)
    assert "".join(found) == text
    assert len(found) == (count if count is not None else len(found))
    assert count is not None or len(found) < len(text)


def test_cer_counts_clusters() -> None:
    found = score({"a": "कि न"}, {"a": "की न"}, "none")
    assert (found.characters.reference, found.characters.substituted) == (3, 1)
    one = score({"a": "ab 👨‍👩‍👧"}, {"a": "ab 👨"}, "none")
    assert (one.characters.errors, one.characters.reference) == (1, 4)


def test_chinese_and_japanese_by_character() -> None:
    found = score({"a": "今天 天气很好"}, {"a": "今天天 气好"}, "none", unit="char")
    assert (found.words.reference, found.words.deleted, found.words.errors) == (6, 1, 1)
    assert found.cer == found.wer == 1 / 6
    assert split("が ぎ", "char") == ["が", "ぎ"]
