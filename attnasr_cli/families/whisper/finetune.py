"""Fine-tuning of Whisper's weights: what a recipe may ask for, and what the decoder is taught.

It learns to write without timestamps, behind the prompt that ``transcribe --no-timestamps`` gives:
start, language, task, no timestamps; then the text and the end.
"""

from __future__ import annotations

from dataclasses import replace

from attnasr_cli import console
from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.audio.frames import FRAMES_PER_S
from attnasr_cli.checkpoint.folder import DecodingConfig, Model
from attnasr_cli.errors import ModelError, UsageError
from attnasr_cli.families.whisper.decode.decoding import TaskOptions, WindowTask
from attnasr_cli.families.whisper.languages import SPACELESS, language_code
from attnasr_cli.families.whisper.net.model import Whisper
from attnasr_cli.families.whisper.tokenizer import WhisperTokenizer
from attnasr_cli.nets.protocol import Net
from attnasr_cli.text.tokenizer import Tokenizer
from attnasr_cli.training.recipe import Recipe, TextConfig
from attnasr_cli.training.targets import Targets


def check_recipe(recipe: Recipe) -> None:
    """Refuse, before anything is loaded, what cannot be chosen. Raises UsageError."""
    if recipe.init is None:
        raise UsageError(
            "net = 'whisper' without [init]: Whisper is not trained from nothing",
            "add [init] model = 'whisper-tiny', or take the net conformer",
        )
    if not recipe.init.keep_tokenizer:
        raise UsageError(
            "[init] keep_tokenizer = false: Whisper's weights know only their own tokens",
            "leave keep_tokenizer away",
        )
    plain = TextConfig(normalizer=recipe.text.normalizer)
    for name, chosen in (
        ("[config]", bool(recipe.config)),
        ("[features]", recipe.features != FeatureConfig()),
        ("[text] kind, vocab or lexicon", recipe.text != plain),
    ):
        if chosen:
            raise UsageError(
                f"{name} is set for Whisper", "leave it away: it follows from the weights of [init]"
            )
    if recipe.decoding != DecodingConfig():
        raise UsageError("[decoding] is set for Whisper", "give options to attnasr transcribe")
    if recipe.loss.ctc:
        raise UsageError(
            f"loss.ctc is {recipe.loss.ctc:g}: Whisper has no CTC head", "leave it away"
        )


def fitted(recipe: Recipe, start: Model) -> Recipe:
    """The recipe with what follows from the weights. Raises UsageError where both cannot be."""
    net, tokenizer = _parts(start.net, start.tokenizer, start.header.name)
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
    """What is taught in the first of the recipe's languages."""
    whisper, vocabulary = _parts(net, tokenizer, recipe.name)
    language = recipe.languages[0] if vocabulary.multilingual else None
    options = TaskOptions(language=language, timestamps=False, beams=1)
    task = WindowTask(whisper, vocabulary, options)
    space = "" if language in SPACELESS else " "  # between words, and in front of the first

    def encode(text: str) -> list[int]:
        return vocabulary.encode(space + text.strip())

    prompt = tuple(task.prompt(language))
    return Targets(prompt, vocabulary.eot, encode, whisper.config.window)


def _parts(net: Net, tokenizer: Tokenizer, name: str) -> tuple[Whisper, WhisperTokenizer]:
    if not isinstance(net, Whisper) or not isinstance(tokenizer, WhisperTokenizer):
        raise ModelError(
            f"model {name} has Whisper's features but not its net or tokenizer",
            "take net, features and tokenizer from one model",
        )
    return net, tokenizer
