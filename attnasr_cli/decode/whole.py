"""Recordings given whole, one after the other, to a decoder that follows their text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from attnasr_cli.audio.load import Recording
from attnasr_cli.audio.whisper_features import SAMPLE_RATE_HZ, MelRecorder
from attnasr_cli.decode.pipeline import Result
from attnasr_cli.decode.reading import BLOCK_S, Job, Skip
from attnasr_cli.decode.sequential import transcribe
from attnasr_cli.decode.windows import WindowDecoder
from attnasr_cli.errors import AttnasrError, UsageError


def run(
    jobs: Iterable[Job | None],
    decoders: Sequence[WindowDecoder],
    on_audio: Callable[[float], None] | None = None,
    on_decoded: Callable[[float], None] | None = None,
) -> Iterator[Result]:
    """As ``pipeline.run``, without cutting: each window is chosen by the text of the one before."""
    if len(decoders) > 1:
        raise UsageError("--mode sequential works on one device", "name one, or use --mode batched")
    for number, job in enumerate(job for job in jobs if job is not None):
        result = Result(job, number)
        try:
            _transcribe(result, decoders[0], on_audio, on_decoded)
        except Skip:
            result.skipped = True
        except AttnasrError as problem:
            result.error = problem
        except Exception as problem:  # one strange file must not stop the others
            line = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
            result.error = AttnasrError(f"{job.path}: {line}", "please report this recording")
        result.complete = True
        yield result


def _transcribe(
    result: Result,
    decoder: WindowDecoder,
    on_audio: Callable[[float], None] | None,
    on_decoded: Callable[[float], None] | None,
) -> None:
    job = result.job
    if job.before is not None:
        job.before()
    recorder = MelRecorder(decoder.net.config.mels)
    with Recording(job.path, job.start_s, job.end_s, job.channel, job.salvage) as recording:
        for block in recording.blocks(BLOCK_S):
            recorder.push(block)
            seconds = block.shape[0] / SAMPLE_RATE_HZ
            result.duration_s += seconds
            if on_audio is not None:
                on_audio(seconds)
        result.warnings = list(recording.probe.warnings)
    recorder.finish()
    done_s = 0.0
    for start_s, decoded in transcribe(decoder, recorder):
        result.parts.append((start_s, decoded))
        if on_decoded is not None:
            on_decoded(start_s - done_s)
        done_s = start_s
    result.speech_s = result.duration_s
    if on_decoded is not None:
        on_decoded(result.duration_s - done_s)
