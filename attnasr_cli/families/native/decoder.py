"""The decoder of segments for the nets that are trained here: attention, CTC prefix scores, and a
language model where there is one, in one beam search."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from attnasr_cli.audio.features import LogMel, lead_s
from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.audio.resample import change_speed
from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.device import Placement
from attnasr_cli.errors import UsageError
from attnasr_cli.families.base import (
    Decoded,
    Piece,
    RecordingDecoder,
    SegmentAttention,
    Word,
)
from attnasr_cli.families.batching import pack
from attnasr_cli.families.native.attention import attention
from attnasr_cli.families.native.compare import Written, reordered
from attnasr_cli.families.native.detokenize import written_texts, written_words
from attnasr_cli.families.native.joint_search import Heard, JointSearch
from attnasr_cli.families.native.options import NativeOptions
from attnasr_cli.families.native.phrases import choose_phrases, phrase_list
from attnasr_cli.families.native.settings import language_model, resolve, second_pass
from attnasr_cli.families.native.words import only_words
from attnasr_cli.families.phrases.choose import Choice, chosen
from attnasr_cli.families.suspect import suspect
from attnasr_cli.families.threads import few_threads, spread
from attnasr_cli.families.words import LEAD_S, TAIL_S, spaced, words_of
from attnasr_cli.nets.alone import whole_frames
from attnasr_cli.nets.protocol import Memory, map_tree, select
from attnasr_cli.search.alignment import Spans, attention_align, ctc_align
from attnasr_cli.search.beam import Hypothesis
from attnasr_cli.text.repetition import compression_ratio

if TYPE_CHECKING:
    from attnasr_cli.lm.neural.second_pass import SecondPass
    from attnasr_cli.lm.scorer import NgramScorer

MAX_SEGMENT_S = 20.0


class NativeDecoder:
    """A ``families.base.SegmentDecoder`` for one model with fixed options."""

    def __init__(
        self, model: Model, placement: Placement, options: NativeOptions, batch_s: float = 120.0
    ) -> None:
        if placement.dtype == "int8":
            raise UsageError(
                f"model {model.header.name} cannot be computed in int8",
                "use --dtype bfloat16, float32 or auto",
            )
        self.model, self.placement, self.batch_s = model, placement, batch_s
        self.max_segment_s, self.min_cost_s = MAX_SEGMENT_S, 0.0
        self.net = model.net.to(placement.device)
        self.features = LogMel(model.features)
        sizes = {n: p.numel() * p.element_size() for n, p in self.net.named_parameters()}
        self.encoder_bytes = sum(sizes[name] for name in sizes if name.startswith("encoder."))
        self.step_bytes = sum(sizes.values()) - self.encoder_bytes
        """bytes of weights that the encoder reads, and a step of the decoder"""
        self.lm: NgramScorer | None = None
        self.second: SecondPass | None = None
        self.words = only_words(model)
        self._choose(options)

    def _choose(self, options: NativeOptions) -> None:
        """Apply these options. Raises UsageError for what the model cannot do."""
        self.settings = settings = resolve(self.model, options)
        self.word_timestamps = options.word_timestamps
        self.phrases = phrase_list(self.model, options)
        if self.phrases is not None:
            settings |= {"lm_weight": 0.0, "neural_weight": 0.0} | self.phrases.settings
        self.lm = language_model(self.model, settings["lm_weight"], self.lm)
        compares = self.lm is not None and settings["beam"] > 1
        weight = settings["neural_weight"] if compares else 0.0
        self.second = second_pass(self.model, weight, self.second)
        compared = 0 if self.second is None else min(settings["beam"], self.second.hypotheses)
        self.search = JointSearch(
            self.net,
            self.model.tokenizer.bos,
            self.model.tokenizer.eos,
            ctc_weight=settings["ctc_weight"],
            beams=settings["beam"],
            nbest=max(settings["nbest"], compared),
            length_penalty=settings["length_penalty"],
            patience=settings["patience"],
            scorers=self.words if self.lm is None else (self.lm,),
        )

    def changed(self, options: NativeOptions) -> NativeDecoder:
        """A decoder with other options that shares the weights and the language model."""
        other = copy.copy(self)
        other._choose(options)
        return other

    @property
    def sequential(self) -> bool:
        return False

    def recording(self) -> RecordingDecoder:
        raise TypeError("segments are decoded on their own")

    def attention(self, samples: Tensor, decoded: Decoded) -> SegmentAttention:
        """Teacher-force the tokens of a decoded segment (N,) and return the attention."""
        tokenizer, extract = self.model.tokenizer, self.features
        return attention(self.net, tokenizer, self.lm, extract, self.placement, samples, decoded)

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        """segments: mono float32 samples (N,) at 16 kHz."""
        results: dict[int, Decoded] = {}
        durations = [samples.shape[0] / SAMPLE_RATE_HZ for samples in segments]
        for batch in pack(durations, self.batch_s):
            costs = [durations[i] for i in batch]
            device = self.placement.device
            found = spread(self._batch, [segments[i] for i in batch], device, costs)
            results |= zip(batch, found, strict=True)
        return [results[i] for i in range(len(segments))]

    @torch.inference_mode()
    def _batch(self, segments: list[Tensor]) -> list[Decoded]:
        net, device = self.net, self.placement.device
        # Threads part long sums of a short segment in other ways: the encoder has one, too, unless
        # it is large.
        with self.placement.autocast, few_threads(self.encoder_bytes):
            memory = self._encoded(segments)
            logits = net.ctc(memory).float() if net.has_ctc else None  # (B, S, V)
            others = self._others(segments) if logits is not None else []
        # On a CPU a step is a product of few rows, where low precision costs time: up to twice as
        # much was measured in bfloat16. There only the encoder has it.
        slow = device.type == "cpu" and self.placement.dtype != "float32"
        if slow:
            memory = in_float32(memory)
        low = contextlib.nullcontext() if slow else self.placement.autocast
        with low, few_threads(self.step_bytes):
            if self.phrases is not None:
                choices = choose_phrases(self.search, self.phrases, memory, logits, others)
                return [
                    self._phrase(i, choice, segments[i], memory, logits)
                    for i, choice in enumerate(choices)
                ]
            found = self._written(self.search(memory, logits, others))
            return [
                self._decoded(i, self._compared(hypotheses), segments[i], memory, logits)
                for i, hypotheses in enumerate(found)
            ]

    def _others(self, segments: list[Tensor]) -> list[Heard]:
        """What the CTC head hears in the segments (N,) at the model's other speeds."""
        found: list[Heard] = []
        for speed in self.model.decoding.speeds if self.settings["ctc_weight"] > 0 else ():
            moved = [change_speed(samples, speed) for samples in segments]
            memory = self._encoded(moved)
            found.append((self.net.ctc(memory).float(), memory.lengths))
        return found

    def _encoded(self, segments: list[Tensor]) -> Memory:
        with torch.autocast("cpu", enabled=False):  # features are float32, whatever the net is
            features, lengths = self.features(segments)  # (B, T, F), (B,)
        device = self.placement.device
        if device.type == "cpu":
            features = whole_frames(features)
        return self.net.encode(features.to(device), lengths.to(device))

    def _written(self, found: Sequence[Sequence[Hypothesis]]) -> list[list[Written]]:
        """The hypotheses of each utterance with their texts."""
        rows = [hypothesis.tokens for hypotheses in found for hypothesis in hypotheses]
        texts = iter(written_texts(self.model.tokenizer, self.lm, rows))
        return [[Written(h, next(texts)) for h in hypotheses] for hypotheses in found]

    def _compared(self, found: list[Written]) -> list[Written]:
        """The hypotheses of an utterance, best first, after the second pass if there is one."""
        if self.second is None or len(found) < 2:
            return found
        gains = self.second.gains([one.text for one in found])
        ordered = reordered(found, gains, self.settings["length_penalty"])
        return ordered[: self.settings["nbest"]]

    def _decoded(
        self,
        i: int,
        found: list[Written],
        samples: Tensor,
        memory: Memory,
        logits: Tensor | None,
    ) -> Decoded:
        """The result for utterance i of a batch."""
        best, text = found[0]
        average = best.log_prob / (len(best.tokens) + 1)  # the end token counts too
        ratio = compression_ratio(text) if text else 0.0
        if not text or average < self.model.decoding.min_logprob:
            return Decoded([], average, compression_ratio=ratio)
        duration_s = samples.shape[0] / SAMPLE_RATE_HZ
        words = self._words(i, best, duration_s, memory, logits)
        start, end = (words[0].start, words[-1].end) if words else (0.0, duration_s)
        kept = words if self.word_timestamps else []
        piece = Piece(start, end, spaced(text), best.tokens, average, kept)
        extra: dict[str, Any] = {}
        if self.settings["nbest"] > 1:
            extra["alternatives"] = [
                {"text": text, "score": round(h.score, 3)} for h, text in found
            ]
        doubt = suspect(best.finished, average, ratio)
        language = self.model.header.languages[0] if self.model.header.languages else None
        return Decoded(
            [piece],
            average,
            compression_ratio=ratio,
            suspect=doubt,
            language=language,
            extra=extra,
        )

    def _phrase(
        self, i: int, choice: Choice, samples: Tensor, memory: Memory, logits: Tensor | None
    ) -> Decoded:
        """The result for utterance i of a batch, which is one of the user's phrases."""
        duration_s = samples.shape[0] / SAMPLE_RATE_HZ
        best = choice.hypothesis
        words = self._words(i, best, duration_s, memory, logits)
        start, end = (words[0].start, words[-1].end) if words else (0.0, duration_s)
        average = best.log_prob / (len(best.tokens) + 1)
        kept = words if self.word_timestamps else []
        piece = Piece(start, end, spaced(choice.phrase), best.tokens, average, kept)
        language = next(iter(self.model.header.languages), None)
        heard = Decoded([piece], average, compression_ratio=1.0, language=language)
        return chosen(heard, choice, duration_s)

    def _words(
        self, i: int, best: Hypothesis, duration_s: float, memory: Memory, logits: Tensor | None
    ) -> list[Word]:
        """Words with times, from the CTC head if there is one, else from cross-attention."""
        size = int(memory.lengths[i])
        spans: Spans | None = None
        if logits is not None:
            spans = ctc_align(torch.log_softmax(logits[i, :size], -1), best.tokens)
        if spans is None:
            one = select(memory, torch.tensor([i], device=memory.frames.device))
            # The end token takes what follows the last word.
            fed = torch.tensor([[self.model.tokenizer.bos, *best.tokens]])
            weights = self.net.attend(one, fed.to(memory.frames.device))  # (1, L, H, U + 1, S)
            first, last = attention_align(weights[0, ..., :size])
            spans = Spans(first[:-1], last[:-1])
        before_s = lead_s(duration_s, self.model.features)
        written = written_words(self.model.tokenizer, self.lm, [best.tokens])
        return words_of(
            best.tokens,
            best.token_log_probs,
            spans,
            memory.step_s,
            duration_s,
            self.model.tokenizer,
            LEAD_S + before_s,
            TAIL_S - before_s,
            None if written is None else written[0],
        )


def in_float32(memory: Memory) -> Memory:
    """The memory in float32, in which the decoder runs on a CPU."""
    keys = map_tree(lambda t: t.float() if t.is_floating_point() else t, memory.keys)
    return memory._replace(frames=memory.frames.float(), keys=keys)
