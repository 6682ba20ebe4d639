"""Transcribes recordings with a sequential decoder, which is given each one whole and chooses its
segments by the text so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.audio.segment import SegmentConfig, Segmenter, Speech
from attnasr_cli.errors import AttnasrError, UsageError, reason
from attnasr_cli.families.base import SegmentDecoder
from attnasr_cli.recognize.align import Aligner
from attnasr_cli.recognize.coverage import text_spans, uncovered
from attnasr_cli.recognize.jobs import Job, Part, Result, SegmentResult, Skip, Span
from attnasr_cli.recognize.meter import Meter
from attnasr_cli.recognize.places import BLOCK_S
from attnasr_cli.recognize.tape import Tape

MARGIN_S = 0.5
"""seconds after the last word of a window in which that word may continue"""


def events(
    jobs: Iterable[Job | None],
    decoders: Sequence[SegmentDecoder],
    cut: SegmentConfig,
    meter: Meter | None = None,
    aligner: Aligner | None = None,
) -> Iterator[Part | Result]:
    """As ``pipeline.events``, without cutting: the text of a window decides where the next one
    begins.

    ``cut``: how speech is detected, to report speech without text; ``aligner``: times the words of
    decoded windows.
    """
    if len(decoders) > 1:
        raise UsageError("--mode sequential works on one device", "name one, or use --mode batched")
    decoder = decoders[0]
    meter = meter or Meter()
    for number, job in enumerate(job for job in jobs if job is not None):
        result = Result(job, number)
        try:
            yield from _transcribe(result, decoder, cut, meter, aligner)
        except Skip:
            result.skipped = True
        except AttnasrError as problem:
            result.error = problem
        except Exception as problem:  # one strange file must not stop the others
            result.error = AttnasrError(
                f"{job.shown}: {reason(problem)}", "please report this recording"
            )
        result.complete = True
        yield result


def _transcribe(
    result: Result,
    decoder: SegmentDecoder,
    cut: SegmentConfig,
    meter: Meter,
    aligner: Aligner | None = None,
) -> Iterator[Part]:
    job = result.job
    job.check.before()
    whole = decoder.recording()
    segmenter = Segmenter(cut)
    spoken: list[Span] = []
    tape = Tape() if aligner is not None else None
    with job.opened() as recording:
        for block in recording.blocks(BLOCK_S):
            whole.push(block)
            if tape is not None:
                tape.push(block)
            spoken += _spoken(segmenter.push(block))
            seconds = block.shape[0] / SAMPLE_RATE_HZ
            result.duration_s += seconds
            meter.read(seconds)
            meter.found(seconds)
        result.warnings = list(recording.probe.warnings)
    job.check.after()
    spoken += _spoken(segmenter.finish())
    done_s = 0.0
    for start_s, decoded in whole.segments():
        outcome = SegmentResult([(start_s, decoded)])
        if aligner is not None and tape is not None:
            end_s = start_s + max((p.end for p in decoded.pieces), default=0.0) + MARGIN_S
            [outcome] = aligner.align([(tape.part(start_s, end_s), outcome)])
        result.add(outcome)
        meter.decoded(start_s - done_s)
        done_s = start_s
        yield Part(result, (round(start_s * SAMPLE_RATE_HZ), 0), outcome)
    meter.decoded(result.duration_s - done_s)
    text = [span for start_s, decoded in result.parts for span in text_spans(start_s, decoded)]
    result.uncovered = uncovered(spoken, text)


def _spoken(found: Sequence[Speech]) -> list[Span]:
    return [stretch for speech in found for stretch in speech.spoken]
