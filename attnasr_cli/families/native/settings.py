"""What a decoder works with: its settings, the language model of its search, and the one that
compares the hypotheses."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from attnasr_cli.checkpoint.folder import Model, checked, checked_lm
from attnasr_cli.errors import UsageError
from attnasr_cli.families.native.options import NativeOptions

if TYPE_CHECKING:
    from attnasr_cli.lm.neural.second_pass import SecondPass
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
    share = own.neural_share if options.neural_share is None else options.neural_share
    if not 0.0 <= share <= 1.0:
        raise UsageError(f"a neural share of {share}", "use one between 0 and 1")
    if model.header.neural_lm is None:
        if options.neural_share:
            raise UsageError(
                f"model {name} has no neural language model", "leave --neural-share out"
            )
        share = 0.0
    penalty = own.length_penalty if options.length_penalty is None else options.length_penalty
    return {
        "beam": beam,
        "ctc_weight": ctc_weight,
        "lm_weight": lm_weight,
        "neural_share": share,
        "length_penalty": penalty,
        "patience": options.patience,
        "nbest": options.nbest,
        "word_timestamps": options.word_timestamps,
    }


def second_pass(
    model: Model, first: NgramScorer | None, share: float, loaded: SecondPass | None
) -> SecondPass | None:
    """The second pass with this share, or None at 0 or without a language model in the search;
    ``loaded``: the one loaded before."""
    file = checked(model.path, model.header.neural_lm, "language model") if share else None
    if file is None or first is None:
        return None
    from attnasr_cli.lm.neural.rescore import Rescorer
    from attnasr_cli.lm.neural.second_pass import SecondPass

    return SecondPass(first, Rescorer(file) if loaded is None else loaded.neural, share)


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

    return NgramScorer(
        file,
        model.tokenizer.pieces,
        model.tokenizer.encode,
        model.tokenizer.eos,
        weight=weight,
        word_bonus=model.decoding.word_bonus,
        unknown_penalty=model.decoding.unknown_penalty,
        spoken=getattr(model.tokenizer, "spoken", None),
    )
