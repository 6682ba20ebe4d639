"""THE one path from recordings to transcripts: for the command, for training and for Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from attnasr_cli import __version__, device
from attnasr_cli.audio.segment import SegmentConfig
from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.checkpoint.registry import DEFAULT
from attnasr_cli.errors import AttnasrError, UsageError
from attnasr_cli.families import models
from attnasr_cli.families.base import SegmentDecoder
from attnasr_cli.families.options import options_of
from attnasr_cli.families.registry import family_of_style
from attnasr_cli.recognize import pipeline
from attnasr_cli.recognize.jobs import Job, Part, Result
from attnasr_cli.recognize.meter import Meter
from attnasr_cli.recognize.stitch import Stitcher, language_of, mark, shifted, stitch
from attnasr_cli.recognize.transcript import Segment, Transcript

PathLike = str | os.PathLike[str]
MEGABYTES_PER_S = 12.0  # what a second of audio in a batch may cost, with beams and attention


@dataclass(frozen=True)
class Reading:
    """How recordings are read and cut; the rest is the decoder's options."""

    vad: bool = True
    """cut at pauses and leave out what is not speech"""
    vad_threshold: float = 0.5
    """probability from which a stretch is speech"""
    max_segment: float | None = None
    """seconds; the net's own limit by default"""
    batch: float | None = None
    """seconds of audio in a batch; chosen from memory by default"""
    jobs: int | None = None
    """recordings read at once; one for each core by default"""


class Recognizer:
    """A model on one or several devices, ready to transcribe."""

    def __init__(
        self,
        model: Model,
        decoders: Sequence[SegmentDecoder],
        reading: Reading,
        batch_s: float,
    ) -> None:
        self.model, self.decoders = model, list(decoders)
        self.placements = [decoder.placement for decoder in decoders]
        self.reading, self.batch_s = reading, batch_s
        if self.sequential:
            _refuse_cutting(reading)
        longest = self.decoders[0].max_segment_s
        if reading.max_segment is not None and reading.max_segment > longest:
            raise UsageError(
                f"segments of {reading.max_segment} s",
                f"model {model.header.name} sees {longest} s at once",
            )
        length = reading.max_segment or longest
        self.cut = SegmentConfig(
            max_s=length, target_s=length, vad=reading.vad, threshold=reading.vad_threshold
        )

    @staticmethod
    def from_model(
        model: Model, device: str = "auto", dtype: str = "auto", **options: Any
    ) -> Recognizer:
        """A recogniser of a model that is loaded already. See ``load`` for the options."""
        from attnasr_cli.device import choose_all

        reading, rest = _split(options)
        family = family_of_style(model.features.style)
        chosen = options_of(family, rest, model.header.name)
        placements = choose_all(device, dtype)
        batch_s = reading.batch
        if batch_s is None:
            batch_s = _batch_s(placements, family.cpu_batch_s)
        if batch_s <= 0:
            raise UsageError(f"a batch of {batch_s} s", "use a number above 0")
        if reading.jobs is not None and reading.jobs < 1:
            raise UsageError(f"{reading.jobs} jobs", "use 1 or more")
        replicas = [model] + [_replica(model) for _ in placements[1:]]
        decoders = [
            family.decoder(m, p, chosen, batch_s) for m, p in zip(replicas, placements, strict=True)
        ]
        return Recognizer(model, decoders, reading, batch_s)

    def wrapped(self, wrap: Callable[[SegmentDecoder], SegmentDecoder]) -> Recognizer:
        """The same recogniser with something around each of its decoders."""
        return Recognizer(self.model, [wrap(d) for d in self.decoders], self.reading, self.batch_s)

    def transcribe(
        self,
        paths: PathLike | Iterable[PathLike],
        channel: int | None = None,
        start: float | None = None,
        end: float | None = None,
        salvage: bool = False,
        on_error: Callable[[PathLike, AttnasrError], None] | None = None,
        audio_track: int | str | None = None,
    ) -> Iterator[Transcript]:
        """Transcripts of recordings (``-`` is stdin), in order, each as soon as it is ready.

        ``channel`` picks one, from 1; ``start`` and ``end`` are seconds; ``audio_track`` chooses a
        sound track of a film by its number from 1 or its language. A recording that cannot be
        transcribed raises its AttnasrError where its transcript would come, or is reported to
        ``on_error`` and left out.
        """
        listed = [paths] if isinstance(paths, str | os.PathLike) else paths
        jobs = (
            Job(os.fspath(p), channel, start, end, salvage, audio_track=audio_track) for p in listed
        )
        for result in self.run(jobs):
            if result.error is None:
                yield self.transcript(result)
            elif on_error is None:
                raise result.error
            else:
                on_error(result.job.path, result.error)

    def segments(
        self,
        path: PathLike,
        channel: int | None = None,
        start: float | None = None,
        end: float | None = None,
        salvage: bool = False,
    ) -> Iterator[Segment]:
        """The segments of a recording (``-`` is stdin), each as soon as it is decoded.

        Raises AttnasrError where the recording cannot be read or goes on no more.
        """
        job = Job(os.fspath(path), channel, start, end, salvage)
        stitcher = Stitcher(start or 0.0)
        for event in self.events([job]):
            if isinstance(event, Part):
                lacking = shifted(event.heard.uncovered, start or 0.0)
                yield from mark(stitcher.push(event.heard.parts), lacking)
            elif event.error is not None:
                raise event.error

    def run(self, jobs: Iterable[Job | None], meter: Meter | None = None) -> Iterator[Result]:
        """What ``transcribe`` stands on: results with errors and figures, in order of the jobs."""
        return (event for event in self.events(jobs, meter) if isinstance(event, Result))

    def events(
        self, jobs: Iterable[Job | None], meter: Meter | None = None, ordered: bool = True
    ) -> Iterator[Part | Result]:
        """Segments as they are decoded, and after its last one the result of each recording.

        ``ordered``: recordings in order of the jobs, segments in the order of time; else each as
        soon as it is there."""
        if self.sequential:
            from attnasr_cli.recognize import whole

            return whole.events(jobs, self.decoders, self.cut, meter)
        threads = self.reading.jobs or device.cores()
        return pipeline.events(jobs, self.decoders, self.cut, self.batch_s, threads, meter, ordered)

    def transcript(self, result: Result) -> Transcript:
        """The transcript of a result without an error."""
        languages = self.model.header.languages
        only = languages[0] if len(languages) == 1 else None
        offset_s = result.job.start_s or 0.0
        uncovered = shifted(result.uncovered, offset_s)
        return Transcript(
            file=result.job.shown,
            duration=result.duration_s,
            segments=mark(stitch(result.parts, offset_s), uncovered),
            language=language_of(result.parts) or only,
            model=self.model.header.name,
            device=",".join(str(p.device) for p in self.placements),
            dtype=self.placements[0].dtype,
            options=self.options(),
            version=__version__,
            channel=result.job.channel,
            audio_track=result.job.audio_track,
            warnings=result.warnings,
            uncovered=uncovered,
        )

    @property
    def sequential(self) -> bool:
        """Whether the decoder follows the text of whole recordings, so that none is cut."""
        return self.decoders[0].sequential

    def options(self) -> dict[str, Any]:
        """Everything that decides about the text, as it was chosen in the end."""
        return dict(self.decoders[0].settings) | {
            "vad": self.reading.vad and not self.sequential,
            "vad_threshold": self.reading.vad_threshold,
            "max_segment": self.cut.max_s,
        }

    def texts(self, samples: Sequence[Tensor]) -> list[str]:
        """The text of each segment (N,) of 16 kHz samples, without cutting any."""
        decoded = self.decoders[0].decode(samples)
        return ["".join(p.text for p in d.pieces).strip() for d in decoded]


def load(
    name: PathLike = DEFAULT, device: str = "auto", dtype: str = "auto", **options: Any
) -> Recognizer:
    """Load a model by name or path.

    ``device``: auto, cpu, cuda, cuda:0 or a list such as ``cuda:0,cuda:1``; ``dtype``: auto,
    float32, bfloat16, float16 or int8. ``options`` are those of ``Reading`` and of the model's
    decoder (``JointOptions`` for the nets that are trained here); one that the model cannot honour
    raises UsageError.
    """
    _split(options)
    extra = {key: options.pop(key) for key in ("tokenizer",) if options.get(key) is not None}
    model = models.load(name, **{key: Path(value) for key, value in extra.items()})
    return Recognizer.from_model(model, device, dtype, **options)


def _split(options: dict[str, Any]) -> tuple[Reading, dict[str, Any]]:
    """Options about reading, and those for the decoder. None means not given."""
    given = {key: value for key, value in options.items() if value is not None}
    reading = {k: v for k, v in given.items() if k in Reading.__dataclass_fields__}
    return Reading(**reading), {k: v for k, v in given.items() if k not in reading}


def _refuse_cutting(reading: Reading) -> None:
    """Options about segments and batches have no meaning where recordings are read whole."""
    plain = Reading()
    for name in ("vad_threshold", "max_segment", "batch", "jobs"):
        if getattr(reading, name) != getattr(plain, name):
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"{flag} with --mode sequential", "it is for --mode batched")


def _replica(model: Model) -> Model:
    """The same model with weights of its own, for another device."""
    import copy
    from dataclasses import replace

    return replace(model, net=copy.deepcopy(model.net))


def _batch_s(placements: Sequence[device.Placement], cpu_s: float) -> float:
    """Seconds of audio in a batch, from the free memory: at most a third of it."""
    import torch

    if placements[0].device.type == "cuda":
        free = min(torch.cuda.mem_get_info(p.device)[0] for p in placements)
        longest = 1_200.0
    else:
        free, longest = free_memory(), cpu_s
    return float(min(max(round(free / 3 / 1e6 / MEGABYTES_PER_S, -1), 30.0), longest))


def free_memory() -> int:
    """Bytes of main memory that are free, as Linux says; 2 GB where it does not."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 2_000_000_000
