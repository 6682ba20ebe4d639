"""The two ways to align, and references with choices."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.errors import DataError
from attnasr_cli.scoring import levenshtein
from attnasr_cli.scoring.nist import alignment, mapsswe, network, notation
from attnasr_cli.scoring.types import Counts, Pair, Row
from attnasr_cli.scoring.wer import score_pairs
from attnasr_cli.text import normalize

few = st.lists(st.sampled_from("abc"), max_size=7)


def cost(ops: str) -> int:
    counts = Counts.of(ops)
    return 4 * counts.substituted + 3 * (counts.deleted + counts.inserted)


def least(ref: list[str], hyp: list[str]) -> int:
    """sclite's cost by plain recursion."""
    row = [3 * j for j in range(len(hyp) + 1)]
    for i, word in enumerate(ref, 1):
        new = [3 * i]
        for j, said in enumerate(hyp, 1):
            pair = row[j - 1] + (0 if word == said else 4)
            new.append(min(pair, row[j] + 3, new[j - 1] + 3))
        row = new
    return row[-1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(few, few), min_size=1, max_size=5))
def test_batches_equal_one_by_one_and_cost_least(found: list[tuple[list[str], list[str]]]) -> None:
    refs, hyps = [list(side) for side in zip(*found, strict=True)]
    for ref, hyp, ops in zip(refs, hyps, alignment.align(refs, hyps), strict=True):
        one = network.align(notation.plain(ref), notation.plain(hyp), network.NIST)
        assert ops == one.ops
        assert cost(ops) == least(ref, hyp)


def test_small_batches_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    refs = [["a"] * n for n in range(12)]
    hyps = [["a", "b"] * (11 - n) for n in range(12)]
    whole = alignment.align(refs, hyps)
    monkeypatch.setattr(alignment, "_CELLS", 50)
    assert alignment.align(refs, hyps) == whole


def test_an_utterance_too_long_for_nist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "_MOST", 100)
    with pytest.raises(DataError, match="20 reference and 30 hypothesis words"):
        alignment.align([["a"] * 20], [["a"] * 30])


choice = st.recursive(
    st.lists(st.sampled_from(["a", "b", "c", "(a)", "@"]), min_size=1, max_size=2),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(
        lambda parts: ["{", *" / ".join(" ".join(p) for p in parts).split(" "), "}"]
    ),
    max_leaves=4,
)
marked = st.lists(choice, max_size=3).map(lambda parts: " ".join(w for p in parts for w in p))


def readings(text: str) -> set[tuple[str, ...]]:
    """Every way to read a text with choices, by brute force."""

    def expand(items: list[object]) -> set[tuple[str, ...]]:
        options: list[set[tuple[str, ...]]] = []
        for item in items:
            if isinstance(item, list):
                options.append(set().union(*(expand(part) for part in item)))
            elif str(item).startswith("("):
                options.append({(), (str(item)[1:-1],)})
            else:
                options.append({tuple(w for w in str(item).split() if w != "@")})
        return {tuple(itertools.chain(*chosen)) for chosen in itertools.product(*options)}

    return expand(notation._items(text, ""))


@settings(max_examples=60, deadline=None)
@given(marked, few)
def test_levenshtein_takes_the_reading_with_the_fewest_errors(text: str, hyp: list[str]) -> None:
    pair = Pair("u", text, " ".join(hyp), marked=True)
    row = score_pairs([pair], normalize.get("none")).rows[0]
    fewest = min(
        Counts.of(levenshtein.align([" ".join(reading)], [" ".join(hyp)])[0]).errors
        for reading in readings(text)
    )
    assert row.words.errors == fewest
    assert tuple(row.reference.split()) in readings(text)


@pytest.mark.parametrize(
    ("ref", "hyp", "ops"),
    [
        ("(uh) yes", "yes", "OC"),
        ("(uh) yes", "uh yes", "CC"),
        ("(uh) yes", "um yes", "SC"),
        ("{ gonna / going to } go", "going to go", "CCC"),
        ("{gonna/going to} go", "gonna go", "CC"),
        ("{ well / @ } go", "go", "C"),
        ("{ a / { b / c } d } e", "c d e", "CCC"),
        ("a b", "", "DD"),
        ("", "a b", "II"),
    ],
)
def test_choices_as_sclite_counts_them(ref: str, hyp: str, ops: str) -> None:
    pair = Pair("u", ref, hyp, marked=True)
    row = score_pairs([pair], normalize.get("lower"), alignment="nist").rows[0]
    assert row.ops == ops


@pytest.mark.parametrize("text", ["a { b / c", "a b } c", "{ a / { b }"])
def test_unbalanced_braces_are_named_with_their_line(text: str) -> None:
    pair = Pair("u", text, "a", marked=True, where="ref.trn:7: ")
    with pytest.raises(DataError, match=r"ref\.trn:7: a '[{}]' without"):
        score_pairs([pair], normalize.get("lower"))


def test_brackets_mean_nothing_in_plain_texts() -> None:
    row = score_pairs([Pair("u", "(laughs) {x}", "(laughs) {x}")], normalize.get("none")).rows[0]
    assert row.ops == "CC"


def rows(ref: str, one: str, two: str) -> tuple[Row, Row]:
    found = [
        score_pairs([Pair("u", ref, hyp)], normalize.get("none")).rows[0] for hyp in (one, two)
    ]
    return found[0], found[1]


@pytest.mark.parametrize(
    ("ref", "one", "two", "expected"),
    [
        ("a b c d e f", "a b c d e f", "a b c d e f", []),
        ("a b c d e f", "x b c d e y", "a b c d e f", [(1, 0), (1, 0)]),
        ("a b c d", "x b y d", "a b c d", [(2, 0)]),  # one good word does not part them
        ("a b c d", "a b c d", "a b c d e", [(0, 1)]),
        ("a b c d", "a b z c d", "a b c d", [(1, 0)]),
        ("", "x", "", [(1, 0)]),
    ],
)
def test_segments(ref: str, one: str, two: str, expected: list[tuple[int, int]]) -> None:
    assert mapsswe.segments(*rows(ref, one, two)) == expected


def test_a_difference_without_spread_is_sure() -> None:
    pair = rows("a b c d e f g", "x b c d y f g", "a b c d e f g")
    result = mapsswe.compare([pair])
    assert (result.segments, result.mean, result.p_value) == (2, 1.0, 0.0)
    assert mapsswe.compare([rows("a", "b", "a")]).p_value is None
