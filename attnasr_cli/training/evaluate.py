"""Measures the dev WER while training, by the recogniser with the model's own decoding, so that it
is the WER of what ``attnasr transcribe`` writes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import torch

from attnasr_cli import console
from attnasr_cli.audio.load import probe
from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.errors import AttnasrError, DataError
from attnasr_cli.recognize.jobs import Job
from attnasr_cli.recognize.recognizer import Recognizer
from attnasr_cli.scoring.api import score
from attnasr_cli.scoring.wer import Score
from attnasr_cli.training.formats.utterance import Utterance
from attnasr_cli.training.parallel.distributed import World

SHOWN = 5


def readable(utterances: Sequence[Utterance]) -> tuple[list[Utterance], list[str]]:
    """The utterances whose recording can be opened, and the reasons why others cannot. Raises
    DataError where none can."""
    kept, bad = [], []
    for utterance in utterances:
        try:
            probe(utterance.path)
            kept.append(utterance)
        except AttnasrError as problem:
            bad.append(problem.message)
    if not kept:
        reason = bad[0] if bad else "there is none"
        raise DataError(f"no dev recording can be read: {reason}", "check the paths of the dev set")
    return kept, bad


def warn_of_unreadable(reasons: Sequence[str]) -> None:
    """Say which recordings are missing from the dev set."""
    for reason in reasons[:SHOWN]:
        console.warn(f"left out of the dev set: {reason}")
    if len(reasons) > SHOWN:
        console.warn(f"left out of the dev set: {len(reasons) - SHOWN} more that cannot be read")


def part_of(utterances: Sequence[Utterance], limit: int) -> list[Utterance]:
    """At most ``limit`` of them, spread evenly over the list."""
    return list(utterances[:: max(len(utterances) // limit, 1)][:limit])


def key_of(utterances: Sequence[Utterance], model: Model) -> str:
    """A key of dev set and decoding: WERs with the same key may be compared."""
    digest = hashlib.sha256(repr(model.decoding).encode())
    for u in utterances:
        digest.update(f"{u.id}\t{u.text}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def evaluate(
    model: Model,
    utterances: Sequence[Utterance],
    device: torch.device,
    dtype: torch.dtype,
    world: World,
) -> Score:
    """The score of a model on utterances; each process transcribes its share, all get the whole."""
    plain = replace(model, header=replace(model.header, sentences=None))  # as it was taught
    recognizer = Recognizer.from_model(
        plain, str(device), str(dtype).removeprefix("torch."), jobs=max(torch.get_num_threads(), 1)
    )
    own = utterances[world.rank :: world.size]
    texts: dict[str, str] = {}
    jobs = (Job(u.path, start_s=u.start_s, end_s=u.end_s) for u in own)
    for utterance, result in zip(own, recognizer.run(jobs), strict=True):
        if result.error is None:
            texts[utterance.id] = recognizer.transcript(result).text
        else:
            console.warn(f"{utterance.id} of the dev set is left out: {result.error.message}")
    everything = {name: text for part in world.gather(texts) for name, text in part.items()}
    references = {u.id: u.text for u in utterances if u.id in everything}
    return score(references, everything, "lower")
