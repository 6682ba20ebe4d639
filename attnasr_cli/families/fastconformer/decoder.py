"""The decoder of segments: a prompt of control tokens, greedy or beam search, words aligned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from attnasr_cli import console
from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.device import Placement
from attnasr_cli.errors import UsageError
from attnasr_cli.families.base import Decoded, SegmentAttention
from attnasr_cli.families.common.fast import placed
from attnasr_cli.families.common.segments import SearchedSegments, attended, chosen_beam
from attnasr_cli.families.fastconformer.checkpoint import parts_of
from attnasr_cli.families.fastconformer.features import DITHER, NemoMel
from attnasr_cli.families.fastconformer.options import CanaryOptions, CohereOptions
from attnasr_cli.families.fastconformer.tokenizer import PromptTokenizer
from attnasr_cli.families.languages import language_code
from attnasr_cli.nets.protocol import Memory

DEFAULT_LANGUAGE = "en"
MORE_TOKENS = 50
"""tokens allowed beyond one for each memory position, as in NeMo"""


class FastConformerDecoder(SearchedSegments):
    """A ``families.base.SegmentDecoder``. One model with fixed options."""

    tokenizer: PromptTokenizer

    def __init__(
        self, model: Model, placement: Placement, options: CohereOptions, batch_s: float
    ) -> None:
        self.kind, net, self.tokenizer = parts_of(model)
        self.max_segment_s = self.kind.longest_s
        super().__init__(model, placement, options, batch_s)
        several = len(model.header.languages) != 1
        if options.language is None and several and self.settings["task"] == "transcribe":
            console.note(
                f"language {self.settings['language']}: {model.header.name} does not detect it; "
                "give --language"
            )
        if placement.dtype == "float32":
            net.float()  # matrices may have come in 16 bits
        self.net = placed(net, placement)
        self.features = NemoMel(net.config.bins, DITHER if self.kind.dither else 0.0)

    def resolve(self, options: CohereOptions) -> dict[str, Any]:
        model, name = self.model, self.model.header.name
        languages = model.header.languages
        default = languages[0] if len(languages) == 1 else DEFAULT_LANGUAGE
        source = self._language(options.language or default)
        target, task = source, "transcribe"
        if isinstance(options, CanaryOptions):
            task = options.task or task
            if task not in ("transcribe", "translate"):
                raise UsageError(f"unknown task {task!r}", "use transcribe or translate")
            if task == "translate":
                target = self._language(options.target_language or DEFAULT_LANGUAGE)
                if target == source:
                    raise UsageError(
                        f"a translation from {source} into {target}",
                        "say with --language what is spoken, with --target-language what to write",
                    )
            elif options.target_language is not None:
                raise UsageError(
                    "--target-language without --task translate", "add it, or leave this out"
                )
        settings = {
            "language": target,
            "spoken_language": source,
            "task": task,
            "punctuation": not options.no_punctuation,
            "prompt": options.prompt or "",
            "beam": chosen_beam(model, options),
            "length_penalty": options.length_penalty,
            "nbest": options.nbest,
            "word_timestamps": options.word_timestamps,
        }
        size, room = len(self._prompt(settings)), model.net.config.text_context
        if size > room // 2:
            raise UsageError(
                f"--prompt is {size} tokens long; model {name} holds {room} with its text",
                f"shorten it to {room // 2}",
            )
        return settings

    def _language(self, wanted: str) -> str:
        """The code of a language that the model knows. Raises UsageError for any other."""
        code, known = language_code(wanted), self.model.header.languages
        if code not in known:
            raise UsageError(
                f"model {self.model.header.name} knows {', '.join(known)}, not {code}",
                "take another model; attnasr models list shows what there is",
            )
        return code

    @property
    def prompt(self) -> list[int]:
        return self._prompt(self.settings)

    def _prompt(self, settings: Any) -> list[int]:
        return self.tokenizer.prompt(
            settings["spoken_language"],
            settings["language"],
            settings["punctuation"],
            settings["prompt"],
            self.kind.space_first,
        )

    def encode_segments(self, segments: Sequence[Tensor]) -> Memory:
        features, lengths = self.features(segments)
        device = self.placement.device
        return self.net.encode(features.to(device), lengths.to(device))

    def limits(self, segments: Sequence[Tensor], memory: Memory) -> Tensor:
        room = self.net.config.text_context - len(self.prompt)
        return (memory.lengths.cpu() + MORE_TOKENS).clamp_max(room)

    @torch.inference_mode()
    def attention(self, samples: Tensor, decoded: Decoded) -> SegmentAttention:
        """Teacher-force the tokens of a decoded segment (N,) and return the attention."""
        features, lengths = self.features([samples])
        return attended(self, features, int(lengths[0]), samples, decoded)
