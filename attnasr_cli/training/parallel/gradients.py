"""Computes the gradients of a batch of the recipe: processes share it, and each accumulates the
parts that do not fit into memory at once. The sum is the same up to rounding."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from attnasr_cli.audio.frames import FRAMES_PER_S, pad
from attnasr_cli.families.recipe.recipe import Recipe
from attnasr_cli.families.targets import Targets
from attnasr_cli.nets.protocol import Net
from attnasr_cli.training.augment.spec import spec_augment
from attnasr_cli.training.data.ahead import Ahead, Batches
from attnasr_cli.training.data.corpus import Corpus
from attnasr_cli.training.data.packing import LONGEST_PAUSE, SHORTEST_PAUSE, Group, Packing
from attnasr_cli.training.data.sampler import Batch, padded_length
from attnasr_cli.training.loss import losses
from attnasr_cli.training.parallel.distributed import World
from attnasr_cli.training.resume import TrainState

Row = tuple[Group, int]
"""a group of utterances, and the place of the first one in the batch"""


class Gradients:
    """Computes gradients for one net and one corpus."""

    def __init__(
        self,
        recipe: Recipe,
        net: Net,
        targets: Targets,
        corpus: Corpus,
        device: torch.device,
        dtype: torch.dtype,
        world: World,
    ) -> None:
        self.recipe, self.net, self.targets, self.corpus = recipe, net, targets, corpus
        self.device, self.world = device, world
        self.autocast = torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
        self.scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
        """what small gradients are multiplied by, which float16 would round to nothing"""
        self.tokens = [targets.encode(u.text) for u in corpus.utterances]
        self.frames = corpus.frames()
        self.generator = torch.Generator()
        self.ahead: Ahead | None = None
        self.waited_s = 0.0
        """seconds in which gradients waited for features"""

    def make_ahead(self, batches: Batches, at: TrainState) -> None:
        """Let another process compute the features from this state on, if the recipe says so."""
        if self.recipe.batch.ahead:
            self.ahead = Ahead(batches, self.features, at, self.recipe.batch.ahead)

    def features(self, batch: Batch, update: int) -> list[Tensor]:
        """(T, F) of each row of a batch that this process computes, as drawn for an update."""
        seed = self._seed(update)
        return [self._augmented(row, seed) for row in self._own(batch)]

    def backward(self, batch: Batch, update: int) -> Tensor:
        """Add the gradients of this process's share of a batch, times the scale of ``scaler``, to
        those of the net. Returns its share of the losses of the batch (3,): total, attention,
        ctc."""
        counted = [self._text(group) for group in batch]
        rows, seed = self._own(batch), self._seed(update)
        began = time.monotonic()
        made = self.ahead.take(update) if self.ahead else None
        self.waited_s += time.monotonic() - began
        torch.manual_seed(seed * 64 + self.world.rank)
        found = torch.zeros(3, device=self.device)
        done = 0
        for part in self._parts(rows):
            began = time.monotonic()
            if made is None:
                features = [self._augmented(row, seed) for row in part]
            else:
                features = made[done : done + len(part)]
            self.waited_s += time.monotonic() - began
            found += self._part(part, features, counted)
            done += len(part)
        return found

    def _own(self, batch: Batch) -> list[Row]:
        places = np.cumsum([0, *map(len, batch)]).tolist()
        rows = list(zip(batch, places, strict=False))
        return rows[self.world.rank :: self.world.size]

    def _seed(self, update: int) -> int:
        """The seed of an update, so that a resumed run draws the same as an unbroken one."""
        return self.recipe.run.seed * 1_000_003 + update

    def packing(self) -> Packing | None:
        """How utterances share the window of the net; None where it has none."""
        if self.targets.window is None:
            return None
        most = self.net.max_tokens
        room = 10**9 if most is None else most - len(self.targets.prompt)
        alone = 1.0 if self.targets.join is None else self.recipe.batch.alone
        return Packing(self.targets.window, np.array([len(t) for t in self.tokens]), room, alone)

    def seconds(self, batch: Batch) -> float:
        """Seconds of audio in a batch of all processes."""
        return sum(self._frames(group) for group in batch) / FRAMES_PER_S

    def _frames(self, group: Group) -> int:
        """Frames of speech, without pauses."""
        return sum(int(self.frames[speed][i]) for i, speed in group)

    def _text(self, group: Group) -> list[int]:
        return [token for i, _ in group for token in self.tokens[i]]

    def _parts(self, rows: list[Row]) -> list[list[Row]]:
        """The rows in parts that are computed at once."""
        most = round(self.recipe.batch.at_once * FRAMES_PER_S)
        if not most or not rows:
            return [rows] if rows else []
        longest = max(self._padded(self._frames(group)) for group, _ in rows)
        count = max(most // longest, 1)
        return [rows[i : i + count] for i in range(0, len(rows), count)]

    def _padded(self, frames: int) -> int:
        return self.targets.window or padded_length(frames)

    def _part(
        self, rows: list[Row], features: list[Tensor], counted: Sequence[Sequence[int]]
    ) -> Tensor:
        padded, lengths = pad(features, self._padded(max(f.shape[0] for f in features)))
        with self.autocast:
            found = losses(
                self.net,
                padded.to(self.device),
                lengths.to(self.device),
                [self._text(group) for group, _ in rows],
                self.targets.prompt,
                self.targets.eos,
                self.recipe.loss,
                counted,
            )
        self.scaler.scale(found.total).backward()
        return torch.stack([found.total.detach(), found.attention, found.ctc])

    def _augmented(self, row: Row, seed: int) -> Tensor:
        """The features (T, F) of one row. Random draws depend on the places of its utterances in
        the batch, and not on the process."""
        group, first = row
        parts = [self._utterance(*one, first + n, seed) for n, one in enumerate(group)]
        if len(parts) == 1:
            return parts[0]
        assert self.targets.join is not None  # or each would have a window of its own
        draw = np.random.default_rng([seed, first, len(group)])
        pauses = draw.integers(SHORTEST_PAUSE, LONGEST_PAUSE + 1, size=len(group) - 1)
        return self.targets.join(parts, pauses.tolist())

    def _utterance(self, i: int, speed: int, place: int, seed: int) -> Tensor:
        draw = np.random.default_rng([seed, place])
        features = self.corpus.features[speed].get(i, draw)
        self.generator.manual_seed(seed * 65_536 + place)
        centred = self.recipe.features.normalize != "none"
        lengths = torch.tensor([features.shape[0]])
        return spec_augment(features[None], lengths, self.recipe.augment, self.generator, centred)[
            0
        ]
