"""The only path from recordings to transcripts, used by the command, by training and from
Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from attnasr_cli import device
from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.checkpoint.folder import Header, Model
from attnasr_cli.checkpoint.registry import DEFAULT
from attnasr_cli.errors import AttnasrError, UsageError
from attnasr_cli.families import models
from attnasr_cli.families.base import SegmentDecoder
from attnasr_cli.families.options import options_of
from attnasr_cli.families.registry import family_of_style
from attnasr_cli.recognize import pipeline
from attnasr_cli.recognize.align import choose_aligner
from attnasr_cli.recognize.inputs import Inputs, Recording, each
from attnasr_cli.recognize.jobs import Job, Part, Result
from attnasr_cli.recognize.meter import Meter
from attnasr_cli.recognize.places import cutting
from attnasr_cli.recognize.reading import (
    Reading,
    batch_seconds,
    batches_abreast,
    for_decoder,
    refuse_cutting,
    split,
)
from attnasr_cli.recognize.stitch import About, Stitcher, mark, shifted
from attnasr_cli.recognize.transcript import Segment, Transcript
from attnasr_cli.recognize.writing.writer import Writer

PathLike = str | os.PathLike[str]


class Recognizer:
    """A model on one or several devices, ready to transcribe."""

    def __init__(
        self,
        header: Header,
        path: Path | None,
        decoders: Sequence[SegmentDecoder],
        reading: Reading,
        batch_s: float,
        given: Mapping[str, Any],
        has_ctc: bool = False,
        abreast: int = 1,
    ) -> None:
        """header, path: of the model, whose weights only the decoders hold; given: decoder options
        as the caller chose them; has_ctc: whether a CTC head times its words; abreast: batches that
        a decoder has at a time."""
        self.header, self.path, self.decoders = header, path, list(decoders)
        self.placements = [decoder.placement for decoder in decoders]
        self.given = dict(given)
        self.reading, self.batch_s, self.has_ctc = reading, batch_s, has_ctc
        self.abreast = abreast
        if self.sequential:
            refuse_cutting(reading)
        self.cut = cutting(reading, self.decoders[0], header.name)
        self.aligner = choose_aligner(
            reading.align, header, has_ctc, self.decoders[0].settings, self.placements[0].device
        )
        self.writer = Writer.of(header, path, reading, self.decoders[0].settings)

    @staticmethod
    def from_model(
        model: Model, device: str = "auto", dtype: str = "auto", **options: Any
    ) -> Recognizer:
        """A recogniser for a model that is already loaded. See ``load`` for the options."""
        from attnasr_cli.device import choose_all

        reading, rest = split(options)
        family = family_of_style(model.features.style)
        asked = for_decoder(reading, rest, family.Options)
        chosen = options_of(family, asked, model.header.name)
        placements = choose_all(device, dtype)
        batch_s = reading.batch
        if batch_s is None:
            batch_s = batch_seconds(placements, family.cpu_batch_s)
        if batch_s <= 0:
            raise UsageError(f"a batch of {batch_s} s", "use a number above 0")
        if reading.jobs is not None and reading.jobs < 1:
            raise UsageError(f"{reading.jobs} jobs", "use 1 or more")
        replicas = [model] + [_replica(model) for _ in placements[1:]]
        decoders = [
            family.decoder(m, p, chosen, batch_s) for m, p in zip(replicas, placements, strict=True)
        ]
        has_ctc = model.net.has_ctc
        on_cpu = placements[0].device.type == "cpu"
        abreast = batches_abreast(batch_s) if on_cpu and family.batches_abreast else 1
        header, path = model.header, model.path
        return Recognizer(header, path, decoders, reading, batch_s, rest, has_ctc, abreast)

    def wrapped(self, wrap: Callable[[SegmentDecoder], SegmentDecoder]) -> Recognizer:
        """The same recogniser with each of its decoders wrapped by ``wrap``."""
        return self._with([wrap(d) for d in self.decoders], self.reading, self.given)

    def changed(self, **options: Any) -> Recognizer:
        """The same model on the same devices with other options; nothing is loaded again.

        None takes an option back to what the model suggests. Raises UsageError as ``load`` does.
        """
        if not options:
            return self
        names = Reading.__dataclass_fields__
        for name in ("batch", "jobs"):
            if name in options:
                raise UsageError(f"{name} is chosen when a model is loaded", "load it with another")
        own = {name: value for name, value in options.items() if name in names}
        reading = replace(self.reading, **own)
        given = self.given | {n: value for n, value in options.items() if n not in names}
        given = {name: value for name, value in given.items() if value is not None}
        family = family_of_style(self.header.features.style)
        asked = for_decoder(reading, given, family.Options)
        chosen = options_of(family, asked, self.header.name)
        return self._with([decoder.changed(chosen) for decoder in self.decoders], reading, given)

    def _with(
        self, decoders: Sequence[SegmentDecoder], reading: Reading, given: Mapping[str, Any]
    ) -> Recognizer:
        kept = self.header, self.path, decoders, reading, self.batch_s, given
        return Recognizer(*kept, self.has_ctc, self.abreast)

    def transcribe(
        self,
        recordings: Recording | Iterable[Recording],
        sample_rate: int = SAMPLE_RATE_HZ,
        channel: int | None = None,
        start: float | None = None,
        end: float | None = None,
        salvage: bool = False,
        on_error: Callable[[Recording, AttnasrError], None] | None = None,
        audio_track: int | str | None = None,
        **options: Any,
    ) -> Iterator[Transcript]:
        """Transcripts of recordings, in order, each as soon as it is ready.

        A recording is a path (``-`` is stdin), a file opened in binary mode, or an array of samples
        at ``sample_rate`` Hz. ``channel`` picks one, from 1; ``start`` and ``end`` are seconds;
        ``audio_track`` chooses a sound track of a film by its number from 1 or its language;
        ``options`` are those of ``load`` for this call, such as ``language`` or ``beam``. A
        recording that cannot be transcribed raises its AttnasrError where its transcript would
        come, or is reported to ``on_error`` and left out.
        """
        recognizer = self.changed(**options)
        sources: list[Recording] = []

        def jobs(inputs: Inputs) -> Iterator[Job]:
            for recording in each(recordings):
                sources.append(recording if isinstance(recording, str | os.PathLike) else "")
                path, name = inputs.path(recording)
                yield Job(path, channel, start, end, salvage, name, audio_track=audio_track)

        with Inputs(sample_rate) as inputs:
            for result in recognizer.run(jobs(inputs)):
                if result.error is None:
                    yield recognizer.transcript(result)
                elif on_error is None:
                    raise result.error
                else:
                    on_error(sources[result.number] or result.job.shown, result.error)

    def segments(
        self,
        recording: Recording,
        sample_rate: int = SAMPLE_RATE_HZ,
        channel: int | None = None,
        start: float | None = None,
        end: float | None = None,
        salvage: bool = False,
        audio_track: int | str | None = None,
        **options: Any,
    ) -> Iterator[Segment]:
        """The segments of a recording, each as soon as it is decoded. See ``transcribe``.

        Raises AttnasrError where the recording cannot be read.
        """
        recognizer = self.changed(**options)
        stitcher = recognizer.stitcher(start or 0.0)
        with Inputs(sample_rate) as inputs:
            path, name = inputs.path(recording)
            job = Job(path, channel, start, end, salvage, name, audio_track=audio_track)
            for event in recognizer.events([job]):
                if isinstance(event, Part):
                    lacking = shifted(event.outcome.uncovered, start or 0.0)
                    yield from mark(stitcher.push(event.outcome.parts), lacking)
                elif event.error is not None:
                    raise event.error

    def run(self, jobs: Iterable[Job | None], meter: Meter | None = None) -> Iterator[Result]:
        """Results with their errors, in the order of the jobs; ``transcribe`` uses it."""
        return (event for event in self.events(jobs, meter) if isinstance(event, Result))

    def events(
        self, jobs: Iterable[Job | None], meter: Meter | None = None, ordered: bool = True
    ) -> Iterator[Part | Result]:
        """Yield segments as they are decoded and, after its last one, the result of each recording.

        ``ordered``: recordings in order of the jobs, segments in order of time; else as they are
        done.
        """
        if self.sequential:
            from attnasr_cli.recognize import whole

            return whole.events(jobs, self.decoders, self.cut, meter, self.aligner)
        threads = self.reading.jobs or device.cores()
        cutting = self.decoders, self.cut, self.batch_s, threads
        return pipeline.events(jobs, *cutting, meter, ordered, self.aligner, self.abreast)

    def transcript(self, result: Result) -> Transcript:
        """The transcript of a result without an error."""
        return self.about().transcript(result)

    def about(self) -> About:
        """Model, device and options, as transcripts name them."""
        return About(
            model=self.header.name,
            languages=tuple(self.header.languages),
            device=",".join(str(p.device) for p in self.placements),
            dtype=self.placements[0].dtype,
            options=self.options(),
            writer=self.writer,
        )

    def stitcher(self, offset_s: float = 0.0) -> Stitcher:
        """A stitcher for the segments of one recording; ``offset_s`` is added to all times."""
        return self.about().stitcher(offset_s)

    @property
    def sequential(self) -> bool:
        """Whether the decoder is given whole recordings and chooses its segments itself."""
        return self.decoders[0].sequential

    def options(self) -> dict[str, Any]:
        """Every setting that the text depends on, with defaults filled in."""
        times = {} if self.aligner is None else {"align": self.aligner.identity}
        return (
            dict(self.decoders[0].settings)
            | times
            | dict(self.writer.facts)
            | {
                "vad": self.reading.vad and not self.sequential,
                "vad_threshold": self.reading.vad_threshold,
                "max_segment": self.cut.max_s,
            }
        )

    def texts(self, samples: Sequence[Tensor]) -> list[str]:
        """The text of each segment (N,) of samples at 16 kHz, uncut, as the decoder writes it.

        Raises UsageError for one that is longer than the net sees at once.
        """
        longest = self.decoders[0].max_segment_s
        for segment in samples:
            if segment.shape[0] > round(longest * SAMPLE_RATE_HZ):
                raise UsageError(
                    f"a segment of {segment.shape[0] / SAMPLE_RATE_HZ:.1f} s; model "
                    f"{self.header.name} sees {longest:g} s at once",
                    "give it to transcribe, which cuts it at pauses",
                )
        decoded = self.decoders[0].decode(samples)
        return ["".join(p.text for p in d.pieces).strip() for d in decoded]


def load(
    name: PathLike = DEFAULT,
    device: str = "auto",
    dtype: str = "auto",
    shown: str | None = None,
    **options: Any,
) -> Recognizer:
    """Load a model by name or path.

    ``device``: auto, cpu, cuda, cuda:0 or a list such as ``cuda:0,cuda:1``; ``dtype``: auto,
    float32, bfloat16, float16 or int8. ``shown``: the name of a foreign checkpoint in results, by
    default ``name``. ``options`` are those of ``Reading`` and of the model's family
    (``families/native/options.py`` for the nets that are trained here); one that the model cannot
    honour raises UsageError.
    """
    split(options)
    extra = {key: options.pop(key) for key in ("tokenizer",) if options.get(key) is not None}
    model = models.load_as(name, shown, **{key: Path(value) for key, value in extra.items()})
    return Recognizer.from_model(model, device, dtype, **options)


def _replica(model: Model) -> Model:
    """The same model with weights of its own, for another device."""
    import copy

    return replace(model, net=copy.deepcopy(model.net))
