"""Finds duplicates: the same recording in training and dev set, or several times in one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from attnasr_cli.training.formats.utterance import Utterance

SHOWN = 3


def overlaps(train: Sequence[Utterance], dev: Sequence[Utterance]) -> list[str]:
    """A sentence for each kind of duplicate, which make the dev WER look better than it is or give
    some utterances more weight."""
    found = []
    places = {_place(u) for u in train}
    both = [u.id for u in dev if _place(u) in places]
    if both:
        found.append(
            f"{len(both)} of {len(dev)} dev recordings are trained on too, so the dev WER says "
            f"little: {_named(both)}"
        )
    for name, utterances in (("training", train), ("dev", dev)):
        counts = Counter(_place(u) for u in utterances)
        again = [u.id for u in utterances if counts[_place(u)] > 1]
        if again:
            found.append(
                f"{len(again)} {name} utterances are of recordings that are there more than once: "
                f"{_named(again)}"
            )
    speakers = {u.speaker for u in train} & {u.speaker for u in dev} - {""}
    if speakers and not both:
        found.append(
            f"{len(speakers)} speakers are in both sets, so the dev WER is that of known voices: "
            f"{_named(sorted(speakers))}"
        )
    return found


def _place(u: Utterance) -> tuple[str, float | None, float | None]:
    return str(u.path.resolve()), u.start_s, u.end_s


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
