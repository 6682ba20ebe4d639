"""Chooses a shipped recipe for given data by hours of speech and kind of text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attnasr_cli.checkpoint.folder import read_header
from attnasr_cli.errors import DataError
from attnasr_cli.families import models
from attnasr_cli.text.load import load_tokenizer
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.training.check import lengths_of
from attnasr_cli.training.data.corpus import read_corpora
from attnasr_cli.training.recipes.shipped import recipes

BY_HOURS = (("tiny", 1.0), ("small", 20.0), ("medium", 200.0), ("large", float("inf")))
"""recipe, and the hours of speech up to which it is chosen"""
COMMANDS_HOURS = 20.0
MOST_COMMANDS, OFTEN, SHORT_S = 200, 5, 3.0
"""data counts as commands with at most this many different texts, each said this often, and
utterances up to this long"""
LEXICON = "english-small"


def choose_recipe(paths: Sequence[Path]) -> tuple[str, str]:
    """(name of a recipe, why). Raises DataError where there is nothing to train on."""
    utterances = read_corpora(paths, "lower")
    seconds = [one.seconds for one in lengths_of(utterances) if not one.problem]
    if not seconds:
        raise DataError("no training recording can be read", "attnasr train --check says why")
    hours = sum(seconds) / 3600
    texts = {u.text for u in utterances}
    why = f"{hours:.2f} h of speech"
    few = len(texts) <= MOST_COMMANDS and len(utterances) >= OFTEN * len(texts)
    short = sum(seconds) / len(seconds) <= SHORT_S
    if few and short and hours <= COMMANDS_HOURS and _is_english(texts):
        return "commands", f"{why}, {len(texts)} different texts of English words"
    return next(name for name, most in BY_HOURS if hours <= most), why


def recipe_for(paths: Sequence[Path]) -> tuple[Path, str]:
    """The file of the recipe, and a sentence about it."""
    name, why = choose_recipe(paths)
    file = recipes().get(name)
    if file is None:
        raise DataError(f"the recipe {name} is not there", "name a TOML file")
    return file, f"recipe {name} for {why}; attnasr train --list shows the others"


def _is_english(texts: set[str]) -> bool:
    """Whether the shipped lexicon knows all words; digits are words."""
    folder = models.find(LEXICON)
    tokenizer = load_tokenizer(folder / read_header(folder).text.tokenizer)
    words = {word for text in texts for word in text.split()}
    return isinstance(tokenizer, PhoneTokenizer) and all(
        word in tokenizer.spoken or (len(word) == 1 and word.isdecimal()) for word in words
    )
