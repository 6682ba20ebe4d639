"""Prepares the start of a run: the model of ``[init]`` if there is one, the tokenizer, and the
net."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from attnasr_cli import console
from attnasr_cli.checkpoint.folder import (
    LM_FILE,
    NEURAL_LM_FILE,
    SENTENCES_FILE,
    Model,
    build_net,
)
from attnasr_cli.errors import DataError, UsageError
from attnasr_cli.families import models
from attnasr_cli.families.common.hollow import hollow
from attnasr_cli.families.recipe.recipe import Recipe
from attnasr_cli.families.registry import family_of_net
from attnasr_cli.families.spelling import Speller
from attnasr_cli.families.targets import Targets
from attnasr_cli.files import write_bytes
from attnasr_cli.nets import find_net
from attnasr_cli.nets.protocol import Net
from attnasr_cli.text.chars import CharTokenizer
from attnasr_cli.text.load import load_tokenizer
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.text.subwords import BpeTokenizer
from attnasr_cli.text.tokenizer import BOS, EOS, Tokenizer
from attnasr_cli.training.formats.utterance import Utterance


def start_from(recipe: Recipe) -> tuple[Recipe, Model | None]:
    """The recipe with what follows from the model of ``[init]``, and that model."""
    family = family_of_net(recipe.net)
    family.check_recipe(recipe)
    if recipe.init is None:
        return recipe, None
    extra = {"tokenizer": Path(recipe.init.tokenizer)} if recipe.init.tokenizer else {}
    model = models.load(recipe.init.model, **extra)
    return family.fit_recipe(recipe, model), model


def keep_parts(start: Model, out: Path, recipe: Recipe, same_tokens: bool) -> None:
    """The language models of ``[init]`` go with its tokens; its sentence net with these, too, or
    with its language where the recipe names that, but not with a list of commands. What is there
    already stays."""
    parts = {}
    same_language = recipe.languages and recipe.languages == start.header.languages
    if same_tokens or (same_language and not only_training_words(recipe)):
        parts[SENTENCES_FILE] = start.header.sentences
    if same_tokens:
        parts[LM_FILE] = start.header.lm
        parts[NEURAL_LM_FILE] = start.header.neural_lm
    for name, part in parts.items():
        if part is not None and start.path is not None and not (out / name).is_file():
            out.mkdir(parents=True, exist_ok=True)
            write_bytes(out / name, (start.path / part.file).read_bytes())


def only_training_words(recipe: Recipe) -> bool:
    """Whether the lexicon of ``[init]`` is reduced to the words of the training texts."""
    return recipe.init is not None and recipe.init.words == "training"


def make_tokenizer(
    recipe: Recipe, utterances: list[Utterance], out: Path, start: Model | None = None
) -> Tokenizer:
    """Trained on the texts, or chosen from the lexicon of ``start``; a run that is continued keeps
    the one that it began with."""
    for name in (CharTokenizer.file_name, BpeTokenizer.file_name, PhoneTokenizer.file_name):
        kept = out / "train" / name
        if kept.is_file():
            return load_tokenizer(kept)
    texts = [u.text for u in utterances]
    tokenizer: Tokenizer
    if start is not None and only_training_words(recipe):
        tokenizer = words_of_texts(start, texts)
    elif recipe.text.kind == "char":
        tokenizer = CharTokenizer.train(texts)
    elif recipe.text.kind == "phones":
        tokenizer = PhoneTokenizer.read(Path(recipe.text.lexicon))
    else:
        tokenizer = BpeTokenizer.train(texts, recipe.text.vocab, recipe.text.kind)
    write_bytes(out / "train" / tokenizer.file_name, tokenizer.to_bytes())
    return tokenizer


def words_of_texts(start: Model, texts: list[str]) -> PhoneTokenizer:
    """The words of some texts in the sounds of a model's lexicon, the frequent ones first."""
    lexicon = start.tokenizer
    if not isinstance(lexicon, PhoneTokenizer):
        raise UsageError(
            f"[init] words = 'training', and model {start.header.name} has no lexicon",
            "leave it out, or start from english-small",
        )
    speller = Speller(lexicon, start.header.text.normalizer)
    spoken: dict[str, list[str]] = {}
    for word, _ in Counter(word for text in texts for word in text.split()).most_common():
        ways = lexicon.spoken.get(word) or [
            way for tokens in speller.ways(word) for way in lexicon.spoken_words(tokens)
        ]
        if not ways:
            raise DataError(
                f"nobody knows how the word {word!r} of the training texts is said",
                "write numbers and signs as words, or take a recipe that spells, like tiny",
            )
        spoken[word] = list(ways)
    return lexicon.of_words(spoken)


def warn_of_unknown(tokenizer: PhoneTokenizer, texts: list[str]) -> None:
    words = Counter(word for text in texts for word in text.split())
    unknown = [word for word in words if word not in tokenizer.spoken]
    if unknown:
        share = sum(words[word] for word in unknown) / sum(words.values())
        shown = ", ".join(sorted(unknown, key=lambda word: -words[word])[:5])
        console.warn(f"{share:.1%} of the words are not in the lexicon: {shown} …")


def make_net(recipe: Recipe, start: Model | None, tokenizer: Tokenizer) -> Net:
    """The net of ``[init]`` if there is one, else one with random weights."""
    if start is None:
        torch.manual_seed(recipe.run.seed)
        return build_net(recipe.net, _config(recipe, tokenizer.vocab_size), "the recipe")
    if tokenizer is start.tokenizer:
        return start.net
    return _transferred(start, tokenizer, recipe.run.seed)


def _transferred(start: Model, tokenizer: Tokenizer, seed: int) -> Net:
    """The net of a model for another tokenizer, keeping the weights that do not depend on the
    vocabulary."""
    torch.manual_seed(seed)
    config = {**start.header.config, "vocab": tokenizer.vocab_size}
    net = build_net(start.header.net, config, "the model of [init]")
    own, old = net.state_dict(), start.net.state_dict()
    fitting = {k: v for k, v in old.items() if k in own and v.shape == own[k].shape}
    net.load_state_dict(fitting, strict=False)
    fresh = sorted({name.rsplit(".", 1)[0] for name in set(own) - set(fitting)})
    if fresh:
        console.note(f"from nothing, as the tokenizer is another: {', '.join(fresh)}")
    return net


def _config(recipe: Recipe, vocab: int) -> dict[str, Any]:
    """The complete ``[config]`` table: the values of the recipe, defaults, and values derived from
    others."""
    for name in ("vocab", "bins"):
        if name in recipe.config:
            raise UsageError(
                f"[config] {name} is set", "it follows from the tokenizer and the features"
            )
    fields = dataclasses.fields(find_net(recipe.net).Config)
    sizes = {f.name: f.default for f in fields if f.default is not dataclasses.MISSING}
    return {**sizes, **recipe.config, "vocab": vocab, "bins": recipe.features.bins}


def trial(recipe: Recipe, start: Model | None) -> tuple[Net, Targets, Tokenizer | None]:
    """A net of the recipe's sizes with weights, its targets, and the tokenizer if one is kept; for
    estimating the cost of a run."""
    if start is not None:
        targets = family_of_net(recipe.net).targets(recipe, start.net, start.tokenizer)
        kept = recipe.init is not None and recipe.init.keep_tokenizer
        kept = kept and not only_training_words(recipe)
        return start.net, targets, start.tokenizer if kept else None
    net = build_net(recipe.net, _config(recipe, recipe.text.vocab), "the recipe")
    return net, Targets((BOS,), EOS, lambda text: []), None


def check_config(recipe: Recipe) -> Net:
    """A net without weights, which checks the sizes of the recipe before anything is read. Raises
    ModelError and UsageError for impossible ones."""
    with hollow():
        return build_net(recipe.net, _config(recipe, recipe.text.vocab), "the recipe")
