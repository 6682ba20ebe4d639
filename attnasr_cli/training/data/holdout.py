"""Takes a dev set out of the training data where none is given.

It takes whole speakers where these are known, as results on trained voices say little about others.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from attnasr_cli.errors import UsageError
from attnasr_cli.training.formats.utterance import Utterance

SPEAKERS = 3  # fewer are too few to take one away


def hold_out(
    utterances: Sequence[Utterance], share: float, speakers: Sequence[str] = ()
) -> tuple[list[Utterance], list[Utterance], str]:
    """Split into (train, dev, a sentence about the split). The dev set has the ``speakers`` that
    are named, else random speakers up to the ``share``, or random utterances where speakers are not
    known.

    The same data always give the same parts. Raises UsageError where a part would be empty.
    """
    counts = Counter(u.speaker for u in utterances)
    known = sorted(counts.keys() - {""})
    if speakers:
        missing = [name for name in speakers if name not in counts]
        if missing:
            raise UsageError(
                f"data.dev_speakers: nobody is called {missing[0]!r}",
                f"there are {', '.join(known[:10]) or 'no speakers in this data'}",
            )
        chosen = set(speakers)
    elif len(known) >= SPEAKERS and "" not in counts:
        chosen, held = set(), 0
        for name in sorted(known, key=_chance):
            if held >= share * len(utterances) or len(chosen) + 2 > len(known):
                break
            chosen.add(name)
            held += counts[name]
    else:
        count = max(round(share * len(utterances)), 1)
        picked = {id(u) for u in sorted(utterances, key=lambda u: _chance(u.id))[:count]}
        return _parts(utterances, [id(u) in picked for u in utterances], f"{count} utterances")
    shown = ", ".join(sorted(chosen)[:5]) + (", …" if len(chosen) > 5 else "")
    return _parts(utterances, [u.speaker in chosen for u in utterances], f"speakers {shown}")


def _parts(
    utterances: Sequence[Utterance], is_dev: Sequence[bool], what: str
) -> tuple[list[Utterance], list[Utterance], str]:
    train = [u for u, dev in zip(utterances, is_dev, strict=True) if not dev]
    dev = [u for u, dev in zip(utterances, is_dev, strict=True) if dev]
    if not train or not dev:
        raise UsageError(
            f"{len(utterances)} utterances cannot be parted into training and dev data",
            "give more, or a dev set with --dev",
        )
    return train, dev, f"held out as dev set: {what} ({len(dev)} of {len(utterances)} utterances)"


def _chance(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
