"""The training loop: batch → gradients → step; every so often WER and a save.

The folder of a run is a model folder from its first evaluation on; ``train/`` inside it has the
resume point, the log and the features. A run may be killed at any moment; the same command resumes
it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from attnasr_cli import console
from attnasr_cli.device import is_out_of_memory
from attnasr_cli.errors import AttnasrError
from attnasr_cli.families.recipe.recipe import Recipe
from attnasr_cli.training.adapters import plain_weights
from attnasr_cli.training.best import Best
from attnasr_cli.training.data.sampler import Batch, stream
from attnasr_cli.training.optim import WeightAverage, make_optimizer, mixed, rate_at
from attnasr_cli.training.parallel.distributed import World
from attnasr_cli.training.parallel.gradients import Gradients
from attnasr_cli.training.parallel.interrupt import Interrupt
from attnasr_cli.training.reporting.log import RunLog
from attnasr_cli.training.resume import STATE, TrainState, load_state, save_state

SKIPS = 20  # updates in a row without finite gradients, after which a run is stopped


class Outcome(NamedTuple):
    """The result of a run: error rates on the whole dev set."""

    wer: float
    cer: float


class Loop:
    """One run of training in one folder."""

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        gradients: Gradients,
        best: Best,
        fits: np.ndarray,
        world: World,
        interrupt: Interrupt,
    ) -> None:
        """fits (utterances,) bool: the utterances of the corpus that are used."""
        self.recipe, self.world, self.interrupt = recipe, world, interrupt
        self.gradients, self.best = gradients, best
        self.net = gradients.net
        self._trained = [p for p in self.net.parameters() if p.requires_grad]
        self.optimizer = make_optimizer(self.net, recipe.optim)
        self.average = WeightAverage(self.net, recipe.optim.average)
        self._begun: Mapping[str, Tensor] = {}
        self._begun = self._beginning()
        self.state = TrainState()
        self.state_path = out / "train" / STATE
        self.log = RunLog(out, recipe.optim.updates, world.is_main, recipe.run.tensorboard)
        if self.state_path.is_file():
            self._resume()
        packing = gradients.packing()
        batches = partial(stream, gradients.corpus, fits, recipe, packing=packing)
        self.batches = batches(self.state)
        gradients.make_ahead(batches, self.state)

    def run(self) -> Outcome:
        """Train to the end and return the rates on the whole dev set.

        Raises KeyboardInterrupt where a signal has stopped it, with all saved, and AttnasrError
        where it cannot go on.
        """
        recipe, state = self.recipe, self.state
        if self._is_done():
            return Outcome(state.final_wer, state.final_cer)
        with self.log:
            last_save = time.monotonic()
            while True:
                if self._is_due():
                    self._evaluate()
                    self.log.start()
                    last_save = time.monotonic()
                if state.update >= recipe.optim.updates or state.stopped:
                    break
                self._update()
                if time.monotonic() - last_save >= recipe.run.save_minutes * 60:
                    self._save()
                    last_save = time.monotonic()
            self._finish()
        return Outcome(state.final_wer, state.final_cer)

    def _tell_stop(self) -> None:
        at = self.state.update
        console.stopped(f"stopped at update {at}; the same command goes on from there")

    def _is_done(self) -> bool:
        """Whether a resumed run is already finished; one that stopped early continues with a larger
        patience."""
        state = self.state
        if state.stopped != self.recipe.run.patience:
            state.stopped = 0
        ended = state.stopped or state.update >= self.recipe.optim.updates
        return bool(ended) and state.final == state.update

    def _may_go_on(self) -> bool:
        """Whether ``run.patience`` allows further updates."""
        run, state = self.recipe.run, self.state
        waited = (state.evaluated - state.best_update) // run.evaluate
        return not run.patience or waited < run.patience

    def _is_due(self) -> bool:
        at = self.state.update
        return at > self.state.evaluated and at % self.recipe.run.evaluate == 0

    def _update(self) -> None:
        """Make one update, or none where a signal came before."""
        state, began = self.state, time.monotonic()
        self.interrupt.deferred = True
        batch = next(self.batches)
        self.optimizer.zero_grad(set_to_none=True)
        found = self._backward(batch)
        stopping = torch.tensor([float(self.interrupt.requested)], device=found.device)
        summed = self.world.sum_gradients(self._trained, torch.cat([found, stopping]))
        norm = self._step()
        seconds = self.gradients.seconds(batch)
        state.update += 1
        state.hours += seconds / 3600
        state.minutes += (time.monotonic() - began) / 60
        self.average.follow(self.net, state.update)
        if summed[3] > 0:  # in whichever process: all stop at the same update
            self._save()
            self._tell_stop()
            raise KeyboardInterrupt
        # One of several processes must not leave alone: the others would fail, with nothing saved.
        self.interrupt.deferred = self.world.size > 1
        rate = rate_at(state.update - 1, self.recipe.optim)
        waited_s, self.gradients.waited_s = self.gradients.waited_s, 0.0
        self.log.update(state, summed[:3], seconds, norm, rate, waited_s)

    def _backward(self, batch: Batch) -> Tensor:
        """As ``Gradients.backward``. Raises AttnasrError where memory is full, with all saved."""
        try:
            return self.gradients.backward(batch, self.state.update)
        except Exception as problem:
            if not is_out_of_memory(problem):
                raise
        share = self.recipe.batch.seconds / self.world.size
        at_once = min(self.recipe.batch.at_once or share, share)
        self.optimizer.zero_grad(set_to_none=True)
        self._save()
        raise AttnasrError(
            f"out of memory at update {self.state.update + 1}, computing {at_once:g} s of audio at "
            "once; what was learnt is saved",
            f"go on with --set batch.at_once={at_once / 2:g}, or with fewer --workers",
        )

    def _step(self) -> float:
        """Update the weights, unless a gradient is not finite. Returns the norm of all gradients.
        In float16 gradients are not finite where their scale was too large, which only trying
        tells."""
        config, state = self.recipe.optim, self.state
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(state.update, config)
        scaler = self.gradients.scaler
        scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self._trained, config.clip)
        if torch.isfinite(norm):
            scaler.step(self.optimizer)
            scaler.update()
            state.skipped_in_a_row = 0
            return float(norm)
        scale = scaler.get_scale()
        scaler.update()
        if scaler.is_enabled() and scale > 1:  # it was too large: half of it may do
            self.log.event(state, "rescaled", scale=scaler.get_scale())
            return float(norm)
        state.skipped += 1  # one bad batch must not spoil hours of work
        state.skipped_in_a_row += 1
        console.note(f"update {state.update + 1}: the gradients are not finite, no step is made")
        self.log.event(state, "skipped")
        if state.skipped_in_a_row >= SKIPS:
            raise AttnasrError(
                f"{SKIPS} updates in a row gave gradients that are not finite",
                "try a lower optim.rate, a longer optim.warmup, or --dtype float32",
            )
        return float(norm)

    def _evaluate(self) -> None:
        """Measure the WER of a part of the dev set with the averaged weights."""
        state = self.state
        try:
            score = self.best.evaluate(self._plain(), state)
        except KeyboardInterrupt:
            self._save()
            self._tell_stop()
            raise
        self._save()
        console.note(f"update {state.update}: dev WER {score.wer:.2%}, CER {score.cer:.2%}")
        self.log.event(state, "dev", wer=score.wer, cer=score.cer, utterances=score.utterances)
        if not self._may_go_on():
            state.stopped = patience = self.recipe.run.patience
            console.note(f"no better WER in {patience} evaluations: the run ends here")
            self._save()

    def _finish(self) -> None:
        """Compare the best model and the last one on the whole dev set, and keep the better."""
        state = self.state
        try:
            self.best.decide(self._plain(), state)
        finally:
            self._save()
        console.note(
            f"the model of update {state.best_update}: WER {state.final_wer:.2%}, CER "
            f"{state.final_cer:.2%} on the whole dev set"
        )
        self.log.event(
            state, "final", of=state.best_update, wer=state.final_wer, cer=state.final_cer
        )

    def _plain(self) -> Mapping[str, Tensor]:
        """The averaged weights in the form in which the model is saved."""
        lora = self.recipe.lora
        values = self.average.values
        if lora is not None:
            values = plain_weights(values, lora.alpha / lora.rank)
        share = self.recipe.init.share if self.recipe.init else 0.0
        return mixed(values, self._begun, share)

    def _beginning(self) -> Mapping[str, Tensor]:
        """The weights of ``[init]``, where a share of them is to be kept."""
        if not self.recipe.init or not self.recipe.init.share:
            return {}
        return {k: v.detach().clone() for k, v in self._plain().items()}

    def _save(self) -> None:
        if not self.world.is_main:
            return
        parts = {
            "progress": asdict(self.state),
            "net": self.net.state_dict(),
            "average": self.average.values,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.gradients.scaler.state_dict(),
        }
        save_state(self.state_path, parts)

    def _resume(self) -> None:
        parts = load_state(self.state_path)
        self.state = TrainState(**parts["progress"])
        self.net.load_state_dict(parts["net"])
        self.optimizer.load_state_dict(parts["optimizer"])
        self.average.load(parts["average"])
        if parts.get("scaler"):  # none where the run was begun in another precision
            self.gradients.scaler.load_state_dict(parts["scaler"])
        if len(set(self.world.gather(self.state.update))) > 1:
            raise AttnasrError(
                f"{self.state_path} is not the same file for all processes",
                "all machines of a run must see its folder",
            )
        console.note(f"going on from update {self.state.update}")
