"""From a recipe to a trained model: read data, make the tokenizer and the net, run the loop."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import torch

from attnasr_cli import console
from attnasr_cli.checkpoint.folder import LM_FILE, Model, build_net
from attnasr_cli.errors import UsageError
from attnasr_cli.families import models
from attnasr_cli.families.registry import family_of_net
from attnasr_cli.files import write_bytes
from attnasr_cli.nets import find_net
from attnasr_cli.nets.protocol import Net
from attnasr_cli.scoring.wer import Score
from attnasr_cli.text.chars import CharTokenizer
from attnasr_cli.text.load import load_tokenizer
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.text.subwords import BpeTokenizer
from attnasr_cli.text.tokenizer import Tokenizer
from attnasr_cli.training.corpus import Corpus, open_corpus, read_corpora
from attnasr_cli.training.distort import Distortion, read_noises
from attnasr_cli.training.distributed import World
from attnasr_cli.training.loop import Loop
from attnasr_cli.training.manifest import Utterance
from attnasr_cli.training.recipe import Recipe
from attnasr_cli.training.waveforms import open_distorted_corpus


def train(
    recipe: Recipe,
    train_paths: list[Path],
    dev_paths: list[Path],
    out: Path,
    device: torch.device,
    dtype: torch.dtype,
    cache: Path | None = None,
    world: World | None = None,
) -> Score:
    """Train a model into the folder ``out`` (or go on there) and return its dev score."""
    if not train_paths or not dev_paths:
        raise UsageError(
            "training needs both training and dev data", "give --train and --dev, or [data]"
        )
    find_net(recipe.net)  # a wrong name must not cost the reading of the data
    world = world or World()
    torch.set_num_threads(max(torch.get_num_threads() // world.size, 1))
    recipe, start = _started(recipe)
    folder = cache or out / "train" / "features"

    def prepare() -> tuple[Corpus, Corpus, Tokenizer]:
        utterances = read_corpora(train_paths, recipe.text.normalizer)
        dev_utterances = read_corpora(dev_paths, recipe.text.normalizer)
        kept = start is not None and recipe.init is not None and recipe.init.keep_tokenizer
        tokenizer = start.tokenizer if start and kept else _tokenizer(recipe, utterances, out)
        dev = open_corpus(folder, dev_utterances, recipe.features, [1.0], "dev")
        corpus = _training_corpus(recipe, folder, utterances)
        return corpus, dev, tokenizer

    corpus, dev, tokenizer = world.main_first(prepare)
    if start is None:
        net = _net(recipe, tokenizer)
    elif tokenizer is start.tokenizer:
        net = start.net
    else:
        net = _transferred(start, tokenizer, recipe.run.seed)
    size = sum(p.numel() for p in net.parameters()) / 1e6
    console.note(
        f"{recipe.net} with {size:.1f} M parameters, {tokenizer.vocab_size} tokens; "
        f"{len(corpus.utterances)} utterances, {corpus.seconds().sum() / 3600:.2f} h; "
        f"dev {len(dev.utterances)}; {device} in {str(dtype).removeprefix('torch.')}"
    )
    if start is not None and tokenizer is start.tokenizer and world.is_main:
        _keep_language_model(start, out)
    if isinstance(tokenizer, PhoneTokenizer) and world.is_main:
        _warn_of_unknown(tokenizer, [u.text for u in corpus.utterances])
    targets = family_of_net(recipe.net).targets(recipe, net, tokenizer)
    return Loop(recipe, out, net, tokenizer, targets, corpus, dev, device, dtype, world).run()


def _started(recipe: Recipe) -> tuple[Recipe, Model | None]:
    """The recipe with what follows from the model of ``[init]``, and that model."""
    family = family_of_net(recipe.net)
    family.check_recipe(recipe)
    if recipe.init is None:
        return recipe, None
    extra = {"tokenizer": Path(recipe.init.tokenizer)} if recipe.init.tokenizer else {}
    model = models.load(recipe.init.model, **extra)
    return family.fit_recipe(recipe, model), model


def _keep_language_model(start: Model, out: Path) -> None:
    """The language model of ``[init]`` goes with its tokens; one that is there already stays."""
    if start.lm_path is not None and not (out / LM_FILE).is_file():
        out.mkdir(parents=True, exist_ok=True)
        write_bytes(out / LM_FILE, start.lm_path.read_bytes())


def _training_corpus(recipe: Recipe, folder: Path, utterances: list[Utterance]) -> Corpus:
    """With features computed once, or anew at every draw where the recipe distorts the audio."""
    speeds, distort = recipe.data.speeds, recipe.distort
    if not distort.any:
        return open_corpus(folder, utterances, recipe.features, speeds, "train")
    noises = read_noises(distort.noise_folder) if distort.noise_folder else []
    distortion = Distortion(distort, noises)
    return open_distorted_corpus(folder, utterances, recipe.features, speeds, distortion, "train")


def _tokenizer(recipe: Recipe, utterances: list[Utterance], out: Path) -> Tokenizer:
    """Trained on the texts; a run that is continued keeps the one that it began with."""
    for name in (CharTokenizer.file_name, BpeTokenizer.file_name, PhoneTokenizer.file_name):
        kept = out / "train" / name
        if kept.is_file():
            return load_tokenizer(kept)
    texts = [u.text for u in utterances]
    tokenizer: Tokenizer
    if recipe.text.kind == "char":
        tokenizer = CharTokenizer.train(texts)
    elif recipe.text.kind == "phones":
        tokenizer = PhoneTokenizer.read(Path(recipe.text.lexicon))
    else:
        tokenizer = BpeTokenizer.train(texts, recipe.text.vocab, recipe.text.kind)
    write_bytes(out / "train" / tokenizer.file_name, tokenizer.to_bytes())
    return tokenizer


def _warn_of_unknown(tokenizer: PhoneTokenizer, texts: list[str]) -> None:
    words = Counter(word for text in texts for word in text.split())
    unknown = [word for word in words if word not in tokenizer.spoken]
    if unknown:
        share = sum(words[word] for word in unknown) / sum(words.values())
        shown = ", ".join(sorted(unknown, key=lambda word: -words[word])[:5])
        console.warn(f"{share:.1%} of the words are not in the lexicon: {shown} …")


def _transferred(start: Model, tokenizer: Tokenizer, seed: int) -> Net:
    """The net of a model with another tokenizer: what does not depend on that is kept."""
    torch.manual_seed(seed)
    config = {**start.header.config, "vocab": tokenizer.vocab_size}
    net = build_net(start.header.net, config, "the model of [init]")
    own, old = net.state_dict(), start.net.state_dict()
    fitting = {k: v for k, v in old.items() if k in own and v.shape == own[k].shape}
    net.load_state_dict(fitting, strict=False)
    fresh = sorted({name.rsplit(".", 1)[0] for name in set(own) - set(fitting)})
    console.note(f"from nothing, as the tokenizer is another: {', '.join(fresh)}")
    return net


def _net(recipe: Recipe, tokenizer: Tokenizer) -> Net:
    config = dict(recipe.config)
    for name in ("vocab", "bins"):
        if name in config:
            raise UsageError(
                f"[config] {name} is set", "it follows from the tokenizer and the features"
            )
    from dataclasses import fields

    cls = find_net(recipe.net)
    config |= {"vocab": tokenizer.vocab_size, "bins": recipe.features.bins}
    torch.manual_seed(recipe.run.seed)
    defaults = {f.name: f.default for f in fields(cls.Config) if f.name not in config}
    return build_net(recipe.net, defaults | config, "the recipe")
