"""Chooses which model of a run is kept: while training the best on a part of the dev set; at the
end, the better of that one and the last one on the whole dev set. A model is never overwritten by a
worse one."""

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
    find_neural_lm,
    find_sentences,
    read_header,
    save_model,
    write_header,
)
from attnasr_cli.families import models
from attnasr_cli.scoring.wer import Score
from attnasr_cli.training.card import write_card
from attnasr_cli.training.evaluate import evaluate, key_of, part_of
from attnasr_cli.training.formats.utterance import Utterance
from attnasr_cli.training.optim import weights_of
from attnasr_cli.training.parallel.distributed import World
from attnasr_cli.training.reporting.worst import write_worst
from attnasr_cli.training.resume import TrainState
from attnasr_cli.training.top import Top

WORST = "worst.tsv"


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
        average_best: int = 0,
    ) -> None:
        """model: the model in training, with the header to save; limit: utterances evaluated while
        training; origin: the ``[origin]`` table of saved models; average_best: number of best
        evaluations whose mean is tried at the end."""
        self.out, self.model, self.dev, self.origin = out, model, dev, dict(origin)
        self.device, self.dtype, self.world = device, dtype, world
        self.part = part_of(dev, limit)
        self.last: tuple[int, Score] | None = None  # the last evaluation and its update
        self.top = Top(out, average_best, world)

    def evaluate(self, weights: Mapping[str, Tensor], state: TrainState) -> Score:
        """Evaluate weights on the part of the dev set, and save them if they are the best so
        far."""
        self._forget_lost(state)
        key = key_of(self.part, self.model)
        if state.dev != key and state.best_update:  # other utterances than the best was chosen by
            found = self._score(self._kept(), self.part)
            state.best_wer, state.best_cer = found.wer, found.cer
        if state.dev != key:
            self.top.forget(state)
        state.dev = key
        with weights_of(self.model.net, weights):
            score = self._score(self.model, self.part)
            if score.wer <= state.best_wer:
                self._keep(score, state, self.part)
                self._is_best(score, state)
        self.top.add(score.wer, weights, state)
        self._note_worst(score, state, self.part)
        state.evaluated, self.last = state.update, (state.update, score)
        return score

    def decide(self, weights: Mapping[str, Tensor], state: TrainState) -> None:
        """Save the best on the whole dev set: the best model so far, these weights, or the mean of
        the best evaluations."""
        self._forget_lost(state)
        whole = len(self.part) == len(self.dev)
        with weights_of(self.model.net, weights):
            part = self.last[1] if self.last and self.last[0] == state.update else None
            last = part if whole and part is not None else self._score(self.model, self.dev)
            other = state.best_update not in (0, state.update)
            best = self._best_of_all(state) if other else (float("inf"), 0.0)
            if last.wer <= best[0]:
                self._keep(last, state, self.dev)
                if other or part is None:
                    self._is_best(part or self._score(self.model, self.part), state)
                best = last.wer, last.cer
            else:
                console.note(
                    f"update {state.update}: WER {last.wer:.2%} on the whole dev set; update "
                    f"{state.best_update} was better"
                )
                self._describe(*best, state.best_update)
        best = self._try_mean(best, state)
        state.final, (state.final_wer, state.final_cer) = state.update, best

    def _try_mean(self, best: tuple[float, float], state: TrainState) -> tuple[float, float]:
        """The better of the best model so far and of the mean of the best evaluations."""
        mean = self.top.mean(state)
        if mean is None:
            return best
        values, updates = mean
        with weights_of(self.model.net, values):
            score = self._score(self.model, self.dev)
            better = score.wer < best[0]
            console.note(
                f"mean of updates {', '.join(map(str, updates))}: WER {score.wer:.2%}"
                + ("" if better else ", no better")
            )
            if not better:
                return best
            whole = len(self.part) == len(self.dev)
            self._is_best(score if whole else self._score(self.model, self.part), state)
            self._keep(score, state, self.dev, updates)
        return score.wer, score.cer

    def _note_worst(self, score: Score, state: TrainState, part: Sequence[Utterance]) -> None:
        if self.world.is_main:
            write_worst(self.out / "train" / WORST, score, state.update, part)

    def _best_of_all(self, state: TrainState) -> tuple[float, float]:
        """WER and CER of the best model so far on the whole dev set."""
        if len(self.part) == len(self.dev) and state.dev == key_of(self.part, self.model):
            return state.best_wer, state.best_cer
        found = self._score(self._kept(), self.dev)
        return found.wer, found.cer

    def _is_best(self, score: Score, state: TrainState) -> None:
        state.best_wer, state.best_cer = score.wer, score.cer
        state.best_update, state.dev = state.update, key_of(self.part, self.model)

    def _score(self, model: Model, utterances: Sequence[Utterance]) -> Score:
        return evaluate(model, utterances, self.device, self.dtype, self.world)

    def _forget_lost(self, state: TrainState) -> None:
        """Forget a best model whose folder was removed."""
        self.world.gather(None)  # the main process has written it by now
        there = self.world.gather((self.out / "model.toml").is_file())
        if not all(there):
            state.best_wer, state.best_update = float("inf"), 0

    def _kept(self) -> Model:
        """The model in the folder; all processes read it before one may write it again."""
        model = models.load(self.out)
        self.world.gather(None)
        return model

    def _keep(
        self,
        score: Score,
        state: TrainState,
        measured: Sequence[Utterance],
        mean_of: Sequence[int] = (),
    ) -> None:
        if not self.world.is_main:
            return
        header = self.model.header
        origin = {
            **self.origin,
            "date": datetime.now(UTC).date().isoformat(),
            "updates": state.update,
            "hours_seen": round(state.hours, 2),
            "minutes": round(state.minutes, 1),
            **_measured(score.wer, score.cer, measured),
            **({"mean_of_updates": list(mean_of)} if mean_of else {}),
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
            sentences=find_sentences(self.out),
            neural_lm=find_neural_lm(self.out),
        )
        self._write_card(header)

    def _describe(self, wer: float, cer: float, update: int) -> None:
        """Write the rates on the whole dev set into the model that is kept."""
        if self.world.is_main:
            header = read_header(self.out)
            origin = {**header.origin, "updates": update, **_measured(wer, cer, self.dev)}
            header = replace(header, origin=origin)
            write_header(self.out, header)
            self._write_card(header)

    def _write_card(self, header: Header) -> None:
        write_card(self.out, header, sum(p.numel() for p in self.model.net.parameters()))


def _measured(wer: float, cer: float, utterances: Sequence[Utterance]) -> dict[str, Any]:
    return {
        "dev_wer": round(wer, 4),
        "dev_cer": round(cer, 4),
        "dev_utterances": len(utterances),
    }
