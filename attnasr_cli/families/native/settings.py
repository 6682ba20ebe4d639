"""What a decoder works with: its settings, the language model of its search, and the one that
compares the hypotheses."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnasr_cli.checkpoint.folder import Model, checked, checked_lm
from attnasr_cli.checkpoint.hub import own_cache
from attnasr_cli.errors import UsageError
from attnasr_cli.families.native.options import NativeOptions

if TYPE_CHECKING:
    from attnasr_cli.lm.lexicon import Lexicon
    from attnasr_cli.lm.neural.second_pass import SecondPass
    from attnasr_cli.lm.ngram import NgramModel
    from attnasr_cli.lm.scorer import NgramScorer


def resolve(model: Model, options: NativeOptions) -> dict[str, Any]:
    """The settings of the model, overridden by those of the user and checked against what the model
    can do. Raises UsageError."""
    name, own = model.header.name, model.decoding
    if options.beam is not None and options.beam < 1:
        raise UsageError(f"a beam of {options.beam}", "use 1 (greedy) or more")
    beam = own.beams if options.beam is None else options.beam
    if not 1 <= options.nbest <= beam:
        raise UsageError(f"{options.nbest} alternatives from a beam of {beam}", "widen the beam")
    if options.patience <= 0:
        raise UsageError(f"a patience of {options.patience}", "use a number above 0")
    ctc_weight = own.ctc_weight if options.ctc_weight is None else options.ctc_weight
    if not 0.0 <= ctc_weight <= 1.0:
        raise UsageError(f"a CTC weight of {ctc_weight}", "use one between 0 and 1")
    if not model.net.has_ctc:
        if options.ctc_weight:
            raise UsageError(f"model {name} has no CTC head", "leave --ctc-weight out")
        ctc_weight = 0.0
    lm_weight = own.lm_weight if options.lm_weight is None else options.lm_weight
    if model.lm_path is None:
        if options.lm_weight:
            raise UsageError(f"model {name} has no language model", "leave --lm-weight out")
        lm_weight = 0.0
    neural_weight = own.neural_weight if options.neural_weight is None else options.neural_weight
    if model.header.neural_lm is None:
        if options.neural_weight:
            raise UsageError(
                f"model {name} has no neural language model", "leave --neural-weight out"
            )
        neural_weight = 0.0
    if options.neural_weight and not lm_weight:
        raise UsageError(
            "a weight of the neural language model, and none of the one that searches",
            "its weight is one beside the other; leave --neural-weight out, or set --lm-weight",
        )
    penalty = own.length_penalty if options.length_penalty is None else options.length_penalty
    return {
        "beam": beam,
        "ctc_weight": ctc_weight,
        "lm_weight": lm_weight,
        "neural_weight": neural_weight,
        "length_penalty": penalty,
        "patience": options.patience,
        "nbest": options.nbest,
        "word_timestamps": options.word_timestamps,
    }


def second_pass(model: Model, weight: float, loaded: SecondPass | None) -> SecondPass | None:
    """The second pass with this weight, or None at 0; ``loaded``: the one loaded before."""
    file = checked(model.path, model.header.neural_lm, "language model") if weight else None
    if file is None:
        return None
    from attnasr_cli.lm.neural.rescore import Rescorer
    from attnasr_cli.lm.neural.second_pass import SecondPass

    return SecondPass(Rescorer(file) if loaded is None else loaded.neural, weight)


def language_model(model: Model, weight: float, loaded: NgramScorer | None) -> NgramScorer | None:
    """The language model with this weight, or None at 0; ``loaded``: the one loaded before, with
    another weight."""
    if loaded is not None and weight:
        scorer = copy.copy(loaded)
        scorer.weight = weight
        return scorer
    file = checked_lm(model) if weight else None
    if file is None:
        return None
    from attnasr_cli.lm.scorer import NgramScorer

    ngrams, lexicon = _prepared(model, file)
    return NgramScorer(
        ngrams,
        model.tokenizer.pieces,
        model.tokenizer.encode,
        model.tokenizer.eos,
        weight=weight,
        word_bonus=model.decoding.word_bonus,
        unknown_penalty=model.decoding.unknown_penalty,
        lexicon=lexicon,
    )


def _prepared(model: Model, file: Path) -> tuple[NgramModel, Lexicon]:
    """The language model in a file and the lexicon of its words: as an earlier run left them, else
    made, and left for the next one."""
    from attnasr_cli.lm.decode import kept
    from attnasr_cli.lm.file import load_model
    from attnasr_cli.lm.lexicon import Lexicon

    tokenizer = model.tokenizer
    key = hashlib.sha256(str(model.header.lm).encode())  # with its checksum
    key.update("\n".join(tokenizer.pieces).encode())
    # A run's folder has no tokenizer before it has a model; to make its bytes is slower.
    own = file.parent / model.header.text.tokenizer
    key.update(own.read_bytes() if own.is_file() else tokenizer.to_bytes())
    place = own_cache() / "language-models" / f"{key.hexdigest()[:32]}.safetensors"
    found = kept.find(place)
    if found is None:
        ngrams = load_model(file)
        spoken = getattr(tokenizer, "spoken", None)
        words = ngrams.vocabulary.words
        lexicon = Lexicon(words, tokenizer.pieces, tokenizer.encode, spoken)
        # What is mapped takes less memory, so this run takes it too.
        found = kept.find(place) if kept.keep(place, ngrams, lexicon) else None
        found = found or (ngrams, lexicon)
    return found
