"""Options that hold for every model: how recordings are read, cut and batched, words timed and
texts written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attnasr_cli import device
from attnasr_cli.errors import UsageError
from attnasr_cli.families.options import option

MEGABYTES_PER_S = 12.0  # memory for a second of audio in a batch, with beams and attention
LEAST_ABREAST_S = 30.0
"""seconds of audio in a batch that is decoded beside others: a search of fewer utterances takes
longer for each"""


@dataclass(frozen=True)
class Reading:
    """Options for reading, cutting, timing and writing; all others belong to the decoder."""

    vad: bool = option(True, "Cut at pauses and leave out what is not speech.")
    vad_threshold: float = option(0.5, "Speech probability from which audio counts as speech.")
    max_segment: float | None = option(
        None, "Longest segment in seconds; by default the net's limit."
    )
    batch: float | None = option(None, "Seconds of audio in a batch; by default from free memory.")
    jobs: int | None = option(None, "Recordings read at once; by default one for each core.")
    align: str = option(
        "auto",
        "What times words: auto, attention (the model itself), or a model with a CTC head.",
    )
    punctuation: bool | None = option(
        None,
        "Case and punctuation, by default where the model can; --no-punctuation gives plain words "
        "in lower case with every model.",
    )
    digits: bool = option(False, "Write number words as digits.")


def split(options: dict[str, Any]) -> tuple[Reading, dict[str, Any]]:
    """Split options into those about reading and those for the decoder. None means not given."""
    given = {key: value for key, value in options.items() if value is not None}
    reading = {k: v for k, v in given.items() if k in Reading.__dataclass_fields__}
    return Reading(**reading), {k: v for k, v in given.items() if k not in reading}


def for_decoder(reading: Reading, given: dict[str, Any], options: type[Any]) -> dict[str, Any]:
    """The options for a decoder: those given and, where its family has such an option, that it is
    to write plain words. Punctuation that it still writes is removed from its text later."""
    if reading.punctuation is None or "no_punctuation" not in options.__dataclass_fields__:
        return given
    return given | {"no_punctuation": not reading.punctuation}


def refuse_cutting(reading: Reading) -> None:
    """Raise UsageError for options about segments and batches, which mean nothing where recordings
    are decoded whole."""
    plain = Reading()
    for name in ("vad_threshold", "max_segment", "batch", "jobs"):
        if getattr(reading, name) != getattr(plain, name):
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"{flag} with --mode sequential", "it is for --mode batched")


def batches_abreast(batch_s: float) -> int:
    """Batches that a CPU decodes at a time where one core is enough for each."""
    import torch

    return max(min(torch.get_num_threads(), int(batch_s / LEAST_ABREAST_S)), 1)


def batch_seconds(placements: Sequence[device.Placement], cpu_s: float) -> float:
    """Seconds of audio in a batch, from the free memory: at most a third of it."""
    import torch

    if placements[0].device.type == "cuda":
        free = min(torch.cuda.mem_get_info(p.device)[0] for p in placements)
        longest = 1_200.0
    else:
        free, longest = device.free_memory(), cpu_s
    return float(min(max(round(free / 3 / 1e6 / MEGABYTES_PER_S, -1), 30.0), longest))
