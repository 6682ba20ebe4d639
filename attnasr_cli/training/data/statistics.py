"""Statistics of a corpus, by which its features are normalised where the recipe says so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from attnasr_cli.audio.features import FeatureConfig, log_mel
from attnasr_cli.audio.statistics import Measure, Statistics
from attnasr_cli.errors import AttnasrError, DataError
from attnasr_cli.files import write_text
from attnasr_cli.training.data.cache import load_utterance
from attnasr_cli.training.formats.utterance import Utterance

MOST = 1000
"""utterances that are looked at, from all over the corpus"""
FILE = "statistics.json"


def with_statistics(
    features: FeatureConfig, utterances: Sequence[Utterance], longest_s: float, folder: Path
) -> FeatureConfig:
    """The features with the statistics of these utterances, where they need them: those that are in
    the folder already, so that a run goes on with what it began with, else measured and put there.
    Raises DataError where no utterance can be read."""
    if features.normalize != "corpus" or features.corpus is not None:
        return features
    file = folder / FILE
    if file.is_file():
        kept = json.loads(file.read_text(encoding="utf-8"))
        return replace(features, corpus=Statistics(**{k: tuple(v) for k, v in kept.items()}))
    plain = replace(features, normalize="none")
    measure = Measure(features.bins)
    for utterance in utterances[:: max(len(utterances) // MOST, 1)]:
        try:
            measure.add(log_mel(load_utterance(utterance, longest_s), plain))
        except AttnasrError:  # said elsewhere, with its reason
            continue
    if not measure.segments:
        raise DataError("no training recording can be read", "attnasr train --check says why")
    found = measure.statistics()
    write_text(file, json.dumps(asdict(found)) + "\n")
    return replace(features, corpus=found)
