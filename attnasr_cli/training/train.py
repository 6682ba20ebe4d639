"""From a recipe to a trained model: checks, data, tokenizer and net, then the loop."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from attnasr_cli import console
from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.checkpoint.folder import (
    SCHEMA,
    Header,
    Model,
    Text,
    Weights,
    find_lm,
    find_neural_lm,
    find_sentences,
)
from attnasr_cli.checkpoint.tables import to_table
from attnasr_cli.errors import OutputError, UsageError
from attnasr_cli.families.recipe.recipe import Recipe
from attnasr_cli.families.registry import family_of_net
from attnasr_cli.files import Lock, waiting
from attnasr_cli.nets import find_net
from attnasr_cli.nets.protocol import Net
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.text.tokenizer import Tokenizer
from attnasr_cli.training.adapters import freeze, share_of, with_adapters
from attnasr_cli.training.augment.distort import Distortion, read_noises
from attnasr_cli.training.best import Best
from attnasr_cli.training.card import LIST
from attnasr_cli.training.data.corpus import Corpus, open_corpus, read_sets
from attnasr_cli.training.data.overlap import overlaps
from attnasr_cli.training.data.selection import report, select, write_list
from attnasr_cli.training.data.statistics import with_statistics
from attnasr_cli.training.data.waveforms import open_drawn_corpus
from attnasr_cli.training.evaluate import readable, warn_of_unreadable
from attnasr_cli.training.formats.utterance import Utterance
from attnasr_cli.training.loop import Loop, Outcome
from attnasr_cli.training.optim import recompute_layers
from attnasr_cli.training.parallel.distributed import World
from attnasr_cli.training.parallel.gradients import Gradients
from attnasr_cli.training.parallel.interrupt import Interrupt
from attnasr_cli.training.recipes.record import (
    RECIPE,
    DataRecord,
    check_folder,
    check_unchanged,
    data_record,
    write_record,
)
from attnasr_cli.training.start import (
    check_config,
    keep_parts,
    make_net,
    make_tokenizer,
    only_training_words,
    start_from,
    warn_of_unknown,
)
from attnasr_cli.version import __version__


def train(
    recipe: Recipe,
    train_paths: list[Path],
    dev_paths: list[Path],
    out: Path,
    device: torch.device,
    dtype: torch.dtype,
    cache: Path | None = None,
    accept_changes: bool = False,
    world: World | None = None,
) -> Outcome:
    """Train a model in the folder ``out``, or resume the run there. Returns its rates on the dev
    set. Raises UsageError for what does not fit together, DataError for unusable data."""
    if not train_paths:
        raise UsageError("training needs training data", "give --train, or [data] train")
    find_net(recipe.net)  # a wrong name must not cost the reading of the data
    world = world or World()
    recipe, start = start_from(recipe)
    if start is None:
        check_config(recipe)
    with Interrupt() as interrupt, contextlib.ExitStack() as held:
        if world.is_main:
            check_folder(out)
            held.enter_context(_lock(out))
        made = _prepare(recipe, start, train_paths, dev_paths, out, cache, accept_changes, world)
        recipe = replace(recipe, features=made.features)
        world.join(device)
        held.callback(world.leave)
        if not (out / RECIPE).is_file():
            raise OutputError(f"{out} is not there", "all machines of a run must see its folder")
        net = make_net(recipe, start, made.tokenizer)
        targets = family_of_net(recipe.net).targets(recipe, net, made.tokenizer)
        if recipe.batch.recompute:
            recompute_layers(net)
        net = net.to(device).train()
        if world.is_main:
            _describe(recipe, net, made, device, dtype)
        learner = _learner(recipe, net, world.is_main)
        gradients = Gradients(recipe, learner, targets, made.corpus, device, dtype, world)
        room = None if net.max_tokens is None else net.max_tokens - len(targets.prompt)
        selection = select(made.corpus, gradients.tokens, recipe.data, room)
        if world.is_main:
            report(selection, made.corpus.utterances)
            write_list(out / LIST, made.corpus, selection, made.dev)
        model = Model(_header(recipe, net, made.tokenizer, out), net, made.tokenizer, out)
        origin = _origin(recipe, made, world, dtype)
        limit, mean_of = recipe.run.dev_utterances, recipe.run.average_best
        best = Best(out, model, made.dev, limit, origin, device, dtype, world, mean_of)
        return Loop(recipe, out, gradients, best, selection.fits, world, interrupt).run()


def _learner(recipe: Recipe, net: Net, is_main: bool) -> Net:
    """The net to train: with parts frozen, or with adapters."""
    if recipe.init is not None:
        freeze(net, recipe.init.freeze)
    learner = net if recipe.lora is None else with_adapters(net, recipe.lora, recipe.run.seed)
    if is_main and not all(p.requires_grad for p in learner.parameters()):
        console.note(share_of(learner))
    return learner


@dataclass(frozen=True)
class _Made:
    """What every process prepares before it joins the others."""

    corpus: Corpus
    dev: list[Utterance]
    tokenizer: Tokenizer
    records: dict[str, DataRecord]
    features: FeatureConfig
    """with statistics where they need them"""


def _lock(out: Path) -> Lock:
    (out / "train").mkdir(parents=True, exist_ok=True)
    return Lock(
        out / "train" / "lock",
        f"is training into {out}",
        "wait for it, or train into another folder",
    )


def _prepare(
    recipe: Recipe,
    start: Model | None,
    train_paths: list[Path],
    dev_paths: list[Path],
    out: Path,
    cache: Path | None,
    accept_changes: bool,
    world: World,
) -> _Made:
    """Read the data, and compute features that other processes have not computed yet."""
    normalizer = recipe.text.normalizer
    utterances, dev, held_out = read_sets(recipe.data, normalizer, train_paths, dev_paths)
    dev, unreadable = readable(dev)
    records = {"train": data_record(utterances), "dev": data_record(dev)}
    if world.is_main:
        data = replace(recipe.data, train=_absolute(train_paths), dev=_absolute(dev_paths))
        whole = replace(recipe, data=data)
        check_unchanged(out, whole, records, accept_changes)
        if held_out:
            console.note(held_out)
        warn_of_unreadable(unreadable)
        for sentence in overlaps(utterances, dev):
            console.warn(sentence)
    with waiting(out / "train" / "tokenizer.lock"):
        kept = start is not None and recipe.init is not None and recipe.init.keep_tokenizer
        if start is not None and kept and not only_training_words(recipe):
            tokenizer = start.tokenizer
        else:
            tokenizer = make_tokenizer(recipe, utterances, out, start)
        longest_s = recipe.data.max_s
        features = with_statistics(recipe.features, utterances, longest_s, out / "train")
    recipe = replace(recipe, features=features)
    if world.is_main:
        if start is not None:
            keep_parts(start, out, recipe, tokenizer is start.tokenizer)
        if isinstance(tokenizer, PhoneTokenizer):
            warn_of_unknown(tokenizer, [u.text for u in utterances])
    folder = cache or out / "train" / "features"
    corpus = _corpus(recipe, folder, utterances)
    if world.is_main:
        write_record(out, whole, records)
    return _Made(corpus, dev, tokenizer, records, features)


def _corpus(recipe: Recipe, folder: Path, utterances: list[Utterance]) -> Corpus:
    """The corpus, with features computed once, or at every draw where the recipe says so or
    distorts the audio."""
    data, distort, features = recipe.data, recipe.distort, recipe.features
    if data.cache == "features" and not distort.any:
        return open_corpus(folder, utterances, features, data.speeds, data.max_s)
    distortion = None
    if distort.any:
        noises = read_noises(distort.noise_folder) if distort.noise_folder else []
        distortion = Distortion(distort, noises)
    keep = data.cache != "none"
    return open_drawn_corpus(
        folder, utterances, features, data.speeds, data.max_s, distortion, keep
    )


def _absolute(paths: list[Path]) -> tuple[str, ...]:
    return tuple(str(path.resolve()) for path in paths)


def _describe(
    recipe: Recipe, net: Net, made: _Made, device: torch.device, dtype: torch.dtype
) -> None:
    size = sum(p.numel() for p in net.parameters()) / 1e6
    console.note(
        f"{recipe.net} with {size:.1f} M parameters, {made.tokenizer.vocab_size} tokens; "
        f"{len(made.corpus.utterances)} utterances, {made.corpus.seconds().sum() / 3600:.2f} h; "
        f"dev {len(made.dev)}; {device} in {str(dtype).removeprefix('torch.')}"
    )


def _header(recipe: Recipe, net: Net, tokenizer: Tokenizer, out: Path) -> Header:
    """The header of the model in training; saving fills in the checksum."""
    return Header(
        schema=SCHEMA,
        name=recipe.name,
        net=net.name,
        config=to_table(net.config),
        features=recipe.features,
        text=Text(tokenizer.file_name, recipe.text.normalizer),
        weights=Weights("", ""),
        decoding=recipe.decoding,
        lm=find_lm(out),
        neural_lm=find_neural_lm(out),
        sentences=find_sentences(out),
        languages=recipe.languages,
    )


def _origin(recipe: Recipe, made: _Made, world: World, dtype: torch.dtype) -> dict[str, Any]:
    """The ``[origin]`` table: what is needed to train the model again."""
    return {
        **recipe.origin,
        "attnasr": __version__,
        "torch": torch.__version__,
        "recipe": RECIPE,
        "seed": recipe.run.seed,
        "processes": world.size,
        "dtype": str(dtype).removeprefix("torch."),
        "train_utterances": made.records["train"].utterances,
        "train_sha256": made.records["train"].sha256,
        "dev_sha256": made.records["dev"].sha256,
    }
