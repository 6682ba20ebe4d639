"""The training loop: batch → augment → forward → loss → step; every so often WER and a save.

A run's folder is a model folder from its first evaluation on; what only training needs stands in
``train/`` inside it: the resume point, the log, the features. Kill it at any moment; the same
command goes on.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from attnasr_cli import __version__, console
from attnasr_cli.audio.frames import FRAMES_PER_S, pad
from attnasr_cli.checkpoint.folder import find_lm, save_model
from attnasr_cli.families.targets import Targets
from attnasr_cli.nets.protocol import Net
from attnasr_cli.scoring.api import score
from attnasr_cli.scoring.wer import Score
from attnasr_cli.text.tokenizer import Tokenizer
from attnasr_cli.training.augment import spec_augment
from attnasr_cli.training.corpus import Corpus
from attnasr_cli.training.distributed import World
from attnasr_cli.training.evaluate import read_all, usable_dev
from attnasr_cli.training.loss import Losses, losses
from attnasr_cli.training.optim import WeightAverage, rate_at, swapped
from attnasr_cli.training.recipe import Recipe
from attnasr_cli.training.resume import TrainState, load_state, save_state
from attnasr_cli.training.sampler import Batch, padded_length, stream, usable

NOTE_EVERY_S = 15.0


class Loop:
    """One run of training in one folder."""

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        net: Net,
        tokenizer: Tokenizer,
        targets: Targets,
        train: Corpus,
        dev: Corpus,
        device: torch.device,
        dtype: torch.dtype,
        world: World | None = None,
    ) -> None:
        self.recipe, self.out, self.world = recipe, out, world or World()
        self.net, self.tokenizer, self.targets = net.to(device).train(), tokenizer, targets
        self.train, self.dev = train, dev
        self.device, self.dtype = device, dtype
        decayed = [p for p in net.parameters() if p.dim() > 1]
        plain = [p for p in net.parameters() if p.dim() <= 1]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": recipe.optim.weight_decay},
                {"params": plain, "weight_decay": 0.0},
            ],
            lr=recipe.optim.rate,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.average = WeightAverage(net, recipe.optim.average)
        self.progress = TrainState()
        self.tokens = [targets.encode(u.text) for u in train.utterances]
        self.generator = torch.Generator().manual_seed(recipe.run.seed)
        self.state_path = out / "train" / "state.pt"
        self.log_path = out / "train" / "log.jsonl"
        if self.state_path.is_file():
            self._resume()
        room = None if net.max_tokens is None else net.max_tokens - len(targets.prompt)
        self.usable_dev = usable_dev(dev, targets.window)
        fits = usable(train, self.tokens, recipe.data, room)
        self.batches = stream(train, fits, recipe, self.progress, self.world.size, targets.window)

    def run(self) -> Score:
        """Train to the end and return the WER of the whole dev set."""
        recipe, progress = self.recipe, self.progress
        last_save = last_note = time.monotonic()
        recent: list[Losses] = []
        audio_s = 0.0
        while progress.update < recipe.optim.updates:
            began = time.monotonic()
            batch = self._next_batch()
            step, seconds = self._step(batch)
            recent.append(Losses(*(part.detach() for part in step)))
            audio_s += seconds
            progress.hours += seconds / 3600
            progress.minutes += (time.monotonic() - began) / 60
            self.average.follow(self.net, progress.update)
            now = time.monotonic()
            if now - last_note >= NOTE_EVERY_S or progress.update == recipe.optim.updates:
                self._note(recent, audio_s / (now - last_note))
                recent, audio_s, last_note = [], 0.0, now
            if progress.update % recipe.run.evaluate == 0:
                self._evaluate(recipe.run.dev_utterances)
                self._save()
                last_save = last_note = time.monotonic()
            elif self.world.is_main and now - last_save >= recipe.run.save_minutes * 60:
                self._save()
                last_save = time.monotonic()
        self._save()
        return self._evaluate(None)

    def _step(self, batch: Batch) -> tuple[Losses, float]:
        """One update; returns the losses and the seconds of audio."""
        draw = np.random.default_rng([self.recipe.run.seed, self.progress.update, self.world.rank])
        rows = [self.train.features[speed].get(i, draw) for i, speed in batch]
        frames = self.targets.window or padded_length(max(r.shape[0] for r in rows))
        features, lengths = pad(rows, frames)
        # One seed for each update: a run that is continued draws what an unbroken one would.
        seed = (self.recipe.run.seed * 1_000_003 + self.progress.update) * 64 + self.world.rank
        self.generator.manual_seed(seed)
        torch.manual_seed(seed)
        centred = self.recipe.features.normalize == "utterance"
        features = spec_augment(features, lengths, self.recipe.augment, self.generator, centred)
        features, lengths = features.to(self.device), lengths.to(self.device)
        targets = [self.tokens[i] for i, _ in batch]
        autocast = torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)
        with autocast:
            step = losses(
                self.net,
                features,
                lengths,
                targets,
                self.targets.prompt,
                self.targets.eos,
                self.recipe.loss,
            )
        rate = rate_at(self.progress.update, self.recipe.optim)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        step.total.backward()
        self.world.average_gradients(p.grad for p in self.net.parameters() if p.grad is not None)
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.optim.clip)
        if torch.isfinite(norm):  # one bad batch must not spoil hours of work
            self.optimizer.step()
        self.progress.update += 1
        return step, float(lengths.sum()) / FRAMES_PER_S * self.world.size

    def _next_batch(self) -> Batch:
        # An update takes one batch for each process; all draw the same ones and keep their own.
        return [next(self.batches) for _ in range(self.world.size)][self.world.rank]

    def _note(self, recent: list[Losses], speed: float) -> None:
        at, total = self.progress, self.recipe.optim.updates
        mean = [
            float(torch.stack([getattr(r, n) for r in recent]).mean())
            for n in ("total", "attention", "ctc")
        ]
        left = (total - at.update) * at.minutes / max(at.update, 1)
        console.note(
            f"update {at.update}/{total}  loss {mean[0]:.3f}  attention {mean[1]:.3f}  "
            f"ctc {mean[2]:.3f}  {speed:.0f} audio-s/s  epoch {at.epoch}  {_clock(left)} left"
        )
        self._log(
            kind="train",
            loss=mean[0],
            attention=mean[1],
            ctc=mean[2],
            speed=speed,
            rate=rate_at(at.update, self.recipe.optim),
        )

    def _evaluate(self, limit: int | None) -> Score:
        """WER of the dev set with the averaged weights; saves the model where it is the best."""
        with swapped(self.net, self.average.values):
            score = self._score(limit)
            final = limit is None
            if final or score.wer <= self.progress.best_wer:
                self.progress.best_wer = min(score.wer, self.progress.best_wer)
                self._save_model(score)
        console.note(f"update {self.progress.update}: dev WER {score.wer:.2%}, CER {score.cer:.2%}")
        self._log(kind="dev", wer=score.wer, cer=score.cer)
        return score

    def _score(self, limit: int | None) -> Score:
        count = len(self.dev.utterances)
        picked = range(0, count, max(count // limit, 1))[:limit] if limit else range(count)
        used = [i for i in picked if self.usable_dev[i]]
        draw = np.random.default_rng(0)
        features: list[Tensor] = [self.dev.features[0].get(i, draw) for i in used]
        mine = range(self.world.rank, len(used), self.world.size)
        own = read_all(
            self.net,
            self.targets.read,
            [features[i] for i in mine],
            self.device,
            self.dtype,
            self.targets.window,
        )
        shares = self.world.gather(own)
        texts = [shares[i % self.world.size][i // self.world.size] for i in range(len(used))]
        references = {self.dev.utterances[i].id: self.dev.utterances[i].text for i in used}
        hypotheses = {self.dev.utterances[i].id: t for i, t in zip(used, texts, strict=True)}
        return score(references, hypotheses, "lower")

    def _save_model(self, score: Score) -> None:
        if not self.world.is_main:
            return
        recipe, at = self.recipe, self.progress
        origin = {
            **recipe.origin,
            "attnasr": __version__,
            "updates": at.update,
            "hours_seen": round(at.hours, 2),
            "minutes": round(at.minutes, 1),
            "dev_wer": round(score.wer, 4),
        }
        save_model(
            self.out,
            self.net,
            recipe.name,
            self.tokenizer,
            recipe.features,
            recipe.decoding,
            normalizer=recipe.text.normalizer,
            languages=recipe.languages,
            origin=origin,
            lm=find_lm(self.out),
        )

    def _save(self) -> None:
        if not self.world.is_main:
            return
        save_state(
            self.state_path,
            {
                "progress": asdict(self.progress),
                "net": self.net.state_dict(),
                "average": self.average.values,
                "optimizer": self.optimizer.state_dict(),
            },
        )

    def _resume(self) -> None:
        state = load_state(self.state_path)
        self.progress = TrainState(**state["progress"])
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.values = {k: v.to(self.device) for k, v in state["average"].items()}
        console.note(f"going on from update {self.progress.update}")

    def _log(self, **values: object) -> None:
        if not self.world.is_main:
            return
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        line = {
            "update": self.progress.update,
            "minutes": round(self.progress.minutes, 2),
            **values,
        }
        with self.log_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _clock(minutes: float) -> str:
    return (
        f"{int(minutes // 60)} h {int(minutes % 60)} min" if minutes >= 60 else f"{minutes:.0f} min"
    )
