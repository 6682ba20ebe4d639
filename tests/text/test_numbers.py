"""Numbers in words become digits, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.text.numbers import in_digits

ENGLISH = {
    "we had Twenty five men, and two dogs.": "we had 25 men, and two dogs.",
    "in nineteen sixty one, he": "in 1961, he",
    "one hundred and two, three four": "102, 3 4",
    "the (twenty-five) men": "the (25) men",
    "Twenty third of May": "23rd of May",
    "a hundred people, no one": "a hundred people, no one",
    "three point one four.": "3.14.",
    "nineteen, sixty": "19, 60",
    "": "",
}


@pytest.mark.parametrize("text", ENGLISH)
def test_english(text: str) -> None:
    parts = in_digits(text.split(), "en")
    assert " ".join(part.text for part in parts) == ENGLISH[text]
    assert sum(part.count for part in parts) == len(text.split())


def test_german_and_a_language_that_is_not_known() -> None:
    assert [p.text for p in in_digits(["vor", "einundzwanzig", "Jahren"], "de")][1] == "21"
    assert [p.text for p in in_digits(["twenty", "five"], "xx")] == ["twenty", "five"]


NUMBERS = st.sampled_from(
    ["twenty", "five", "hundred", "a", "one", "Two,", "the", "and", "o'", "—"]
)


@settings(deadline=None)
@given(st.lists(NUMBERS | st.text("ab.,'", min_size=1, max_size=3), max_size=15))
def test_every_word_has_its_part(words: list[str]) -> None:
    parts = in_digits(words, "en")
    assert sum(part.count for part in parts) == len(words)
    done = 0
    for part in parts:
        if part.count == 1 and not any(c.isdigit() for c in part.text):
            assert part.text == words[done]
        done += part.count
