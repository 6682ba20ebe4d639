"""Which model of a run is kept: the best on a part of the dev set while training, and at the end
the better of that one and the last on all of it. None is ever overwritten by a worse one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from attnasr_cli import console
from attnasr_cli.checkpoint.folder import (
    Header,
    Model,
    find_lm,
    read_header,
    save_model,
    write_header,
)
from attnasr_cli.families import models
from attnasr_cli.scoring.wer import Score
from attnasr_cli.training.card import write_card
from attnasr_cli.training.distributed import World
from attnasr_cli.training.evaluate import evaluate, key_of, part_of
from attnasr_cli.training.formats.utterance import Utterance
from attnasr_cli.training.optim import weights_of
from attnasr_cli.training.resume import TrainState


class Best:
    """The model in the folder of a run."""

    def __init__(
        self,
        out: Path,
        model: Model,
        dev: Sequence[Utterance],
        limit: int,
        origin: Mapping[str, Any],
        device: torch.device,
        dtype: torch.dtype,
        world: World,
    ) -> None:
        """model: what is trained, with the header that it is to have; limit: utterances that are
        looked at while training; origin: goes into ``[origin]`` of every model that is kept."""
        self.out, self.model, self.dev, self.origin = out, model, dev, dict(origin)
        self.device, self.dtype, self.world = device, dtype, world
        self.part = part_of(dev, limit)

    def look(self, weights: Mapping[str, Tensor], state: TrainState) -> Score:
        """Evaluate weights on the part of the dev set; they are kept where they are the best."""
        self._forget_lost(state)
        key = key_of(self.part, self.model)
        if state.dev != key and state.best_update:  # other utterances than the best was chosen by
            state.best_wer = self._score(self._kept(), self.part).wer
        state.dev = key
        with weights_of(self.model.net, weights):
            score = self._score(self.model, self.part)
            if score.wer <= state.best_wer:
                self._keep(score, state, self.part)
                state.best_wer, state.best_update = score.wer, state.update
        state.evaluated = state.update
        return score

    def decide(self, weights: Mapping[str, Tensor], state: TrainState) -> None:
        """Keep the better on the whole dev set of the best model so far and of these weights."""
        self._forget_lost(state)
        best: Score | None = None
        if state.best_update and state.best_update != state.update:
            best = self._score(self._kept(), self.dev)
        with weights_of(self.model.net, weights):
            last = self._score(self.model, self.dev)
            if best is None or last.wer <= best.wer:
                self._keep(last, state, self.dev)
                if len(self.part) < len(self.dev) and state.best_update != state.update:
                    state.best_wer = self._score(self.model, self.part).wer
                    state.dev = key_of(self.part, self.model)
                state.best_update, best = state.update, last
            else:
                console.note(
                    f"update {state.update}: WER {last.wer:.2%} on the whole dev set; update "
                    f"{state.best_update} was better"
                )
                self._describe(best, state.best_update)
        state.final, state.final_wer, state.final_cer = state.update, best.wer, best.cer

    def _score(self, model: Model, utterances: Sequence[Utterance]) -> Score:
        return evaluate(model, utterances, self.device, self.dtype, self.world)

    def _forget_lost(self, state: TrainState) -> None:
        """A best model that somebody has removed is none."""
        there = self.world.gather((self.out / "model.toml").is_file())
        if not all(there):
            state.best_wer, state.best_update = float("inf"), 0

    def _kept(self) -> Model:
        """The model in the folder; all processes read it before one may write it again."""
        model = models.load(self.out)
        self.world.gather(None)
        return model

    def _keep(self, score: Score, state: TrainState, measured: Sequence[Utterance]) -> None:
        if not self.world.is_main:
            return
        header = self.model.header
        origin = {
            **self.origin,
            "date": datetime.now(UTC).date().isoformat(),
            "updates": state.update,
            "hours_seen": round(state.hours, 2),
            "minutes": round(state.minutes, 1),
            **_measured(score, measured),
        }
        header = save_model(
            self.out,
            self.model.net,
            header.name,
            self.model.tokenizer,
            header.features,
            header.decoding,
            normalizer=header.text.normalizer,
            languages=header.languages,
            origin=origin,
            lm=find_lm(self.out),
        )
        self._write_card(header)

    def _describe(self, score: Score, update: int) -> None:
        """Write what the whole dev set says into the model that stays."""
        if self.world.is_main:
            header = read_header(self.out)
            origin = {**header.origin, "updates": update, **_measured(score, self.dev)}
            header = replace(header, origin=origin)
            write_header(self.out, header)
            self._write_card(header)

    def _write_card(self, header: Header) -> None:
        write_card(self.out, header, sum(p.numel() for p in self.model.net.parameters()))


def _measured(score: Score, utterances: Sequence[Utterance]) -> dict[str, Any]:
    return {
        "dev_wer": round(score.wer, 4),
        "dev_cer": round(score.cer, 4),
        "dev_utterances": len(utterances),
    }
