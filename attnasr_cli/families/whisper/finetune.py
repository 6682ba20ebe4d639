"""Fine-tuning of Whisper's weights: checks of the recipe, and targets.

The decoder is trained without timestamps, with the prompt that ``transcribe`` uses in batched mode:
start, language, task, no timestamps; then the text and the end token.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from attnasr_cli import console
from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.audio.frames import FRAMES_PER_S
from attnasr_cli.checkpoint.folder import DecodingConfig, Model
from attnasr_cli.errors import ModelError, UsageError
from attnasr_cli.families.languages import SPACELESS, language_code
from attnasr_cli.families.targets import Targets
from attnasr_cli.families.whisper.checkpoint import parts_of
from attnasr_cli.families.whisper.decode.decoding import DecodingTask, TaskOptions
from attnasr_cli.families.whisper.features import join
from attnasr_cli.families.whisper.net.model import Whisper
from attnasr_cli.families.whisper.tokenizer import WhisperTokenizer
from attnasr_cli.nets.protocol import Net
from attnasr_cli.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from attnasr_cli.families.recipe.recipe import Recipe


def check_recipe(recipe: Recipe) -> None:
    """Refuse keys that cannot be chosen, before anything is loaded. Raises UsageError."""
    if recipe.init is None:
        raise UsageError(
            "net = 'whisper' without [init]: Whisper is not trained from scratch",
            "add [init] model = 'whisper-tiny', or take the net conformer",
        )
    if not recipe.init.keep_tokenizer:
        raise UsageError(
            "[init] keep_tokenizer = false: Whisper's weights know only their own tokens",
            "leave keep_tokenizer out",
        )
    plain = type(recipe.text)(normalizer=recipe.text.normalizer)
    for name, chosen in (
        ("[config]", bool(recipe.config)),
        ("[features]", recipe.features != FeatureConfig()),
        ("[text] kind, vocab or lexicon", recipe.text != plain),
    ):
        if chosen:
            raise UsageError(
                f"{name} is set for Whisper", "leave it out: it follows from the weights of [init]"
            )
    if recipe.decoding != DecodingConfig():
        raise UsageError("[decoding] is set for Whisper", "give options to attnasr transcribe")
    if recipe.loss.ctc:
        raise UsageError(
            f"loss.ctc is {recipe.loss.ctc:g}: Whisper has no CTC head", "leave it out"
        )


def fit_recipe(recipe: Recipe, start: Model) -> Recipe:
    """The recipe with values that follow from the weights. Raises UsageError where it contradicts
    them."""
    if start.net.name != recipe.net:
        raise UsageError(
            f"[init] model {start.header.name!r} is a {start.net.name}, the recipe wants a "
            f"{recipe.net}",
            "change net, or start from another model",
        )
    net, tokenizer = parts_of(start)
    window_s = net.config.window / FRAMES_PER_S
    if recipe.data.max_s > window_s:
        raise UsageError(
            f"data.max_s is {recipe.data.max_s:g}, the net sees {window_s:g} s at once",
            f"set data.max_s={window_s:g} and cut longer recordings",
        )
    codes = tuple(language_code(language) for language in recipe.languages)
    if not codes:
        why = "as the recipe has no languages" if tokenizer.multilingual else "all that it knows"
        codes = ("en",)
    else:
        why = "the first of the recipe's languages"
    if tokenizer.multilingual:
        tokenizer.start(codes[0], "transcribe", False)  # raises UsageError where it is unknown
    elif codes != ("en",):
        raise UsageError(
            f"languages = {list(codes)}: model {start.header.name} knows English only",
            "take the model without .en",
        )
    console.note(f"learns to write {codes[0]}: {why}")
    return replace(recipe, features=start.features, decoding=start.decoding, languages=codes)


def whisper_targets(recipe: Recipe, net: Net, tokenizer: Tokenizer) -> Targets:
    """The targets, in the first of the recipe's languages."""
    if not isinstance(net, Whisper) or not isinstance(tokenizer, WhisperTokenizer):
        raise ModelError(
            f"the net {net.name} with the tokenizer {tokenizer.file_name} is not a Whisper model",
            "take net, features and tokenizer from one model",
        )
    whisper, vocabulary = net, tokenizer
    language = recipe.languages[0] if vocabulary.multilingual else None
    options = TaskOptions(language=language, timestamps=False, beams=1)
    task = DecodingTask(whisper, vocabulary, options)
    space = "" if language in SPACELESS else " "  # between words, and in front of the first

    def encode(text: str) -> list[int]:
        return vocabulary.encode(space + text.strip())

    prompt = tuple(task.prompt(language))
    return Targets(prompt, vocabulary.eot, encode, whisper.config.window, join)
