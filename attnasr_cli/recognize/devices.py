"""Decodes batches on one or several devices and gives each back as soon as it is done."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

from attnasr_cli.audio.segment import Speech
from attnasr_cli.device import is_out_of_memory
from attnasr_cli.errors import AttnasrError, reason
from attnasr_cli.families.base import Decoded, SegmentDecoder
from attnasr_cli.recognize.jobs import Result


class Piece(Protocol):
    """An element of a batch: a segment with the result it belongs to."""

    speech: Speech

    @property
    def result(self) -> Result: ...


P = TypeVar("P", bound=Piece)


class Devices(Generic[P]):
    """The decoders of a run. A single one works in the thread that asks for results; several work
    in threads of their own, also while the caller handles earlier results."""

    def __init__(self, decoders: Sequence[SegmentDecoder], abreast: int = 1) -> None:
        """abreast: how many batches each decodes at a time, on its share of the cores."""
        self.decoders = [decoder for decoder in decoders for _ in range(abreast)]
        self.abreast = abreast
        self._waiting: queue.SimpleQueue[list[P]] = queue.SimpleQueue()
        self._workers: list[threading.Thread] = []

    def __len__(self) -> int:
        return len(self.decoders)

    def decode(self, batches: Sequence[list[P]]) -> Iterator[tuple[list[P], list[Decoded]]]:
        """Yields (batch, the result of each of its pieces), in any order. A piece that fails sets
        the error of its recording and is not given back."""
        if len(self.decoders) == 1:
            for batch in batches:
                yield from attempt(self.decoders[0], batch)
            return
        for batch in batches:
            self._waiting.put(batch)
        done: queue.SimpleQueue[tuple[list[P], list[Decoded]] | BaseException | None] = (
            queue.SimpleQueue()
        )

        threads = torch.get_num_threads() // self.abreast

        def work(decoder: SegmentDecoder) -> None:
            try:
                if self.abreast > 1:  # holds for this thread
                    torch.set_num_threads(max(threads, 1))
                with contextlib.suppress(queue.Empty):
                    while True:
                        for found in attempt(decoder, self._waiting.get_nowait()):
                            done.put(found)
                done.put(None)
            except BaseException as problem:
                done.put(problem)

        self._workers = [threading.Thread(target=work, args=(d,)) for d in self.decoders]
        try:
            for worker in self._workers:
                worker.start()
            for _ in self._workers:
                while (found := done.get()) is not None:
                    if isinstance(found, BaseException):
                        raise found
                    yield found
        finally:
            self.close()

    def close(self) -> None:
        """Decode no further batches after the current ones, so that Ctrl-C need not wait for
        them."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        for worker in self._workers:
            worker.join()
        self._workers = []


def attempt(decoder: SegmentDecoder, batch: list[P]) -> Iterator[tuple[list[P], list[Decoded]]]:
    """Decode one batch; where memory runs out, in halves."""
    found, failure = _decoded(decoder, [piece.speech.samples for piece in batch])
    if failure is None:
        yield batch, found
        return
    if is_out_of_memory(failure):
        _free_memory()
        if len(batch) > 1:
            middle = len(batch) // 2
            yield from attempt(decoder, batch[:middle])
            yield from attempt(decoder, batch[middle:])
            return
    for piece in batch:
        piece.result.error = piece.result.error or as_error(failure, piece)


def _decoded(
    decoder: SegmentDecoder, samples: Sequence[Tensor]
) -> tuple[list[Decoded], Exception | None]:
    """The results of a batch, or the exception with which it failed, without its traceback, whose
    frames hold the tensors that fill the memory. An AttnasrError, which concerns options or model
    and not the segments, is raised and ends the run."""
    try:
        return decoder.decode(samples), None
    except AttnasrError:
        raise
    except Exception as problem:
        problem.__context__ = problem.__cause__ = None
        return [], problem.with_traceback(None)


def as_error(problem: Exception, piece: Piece) -> AttnasrError:
    """The error of a piece in one line, with its place in the recording."""
    start = piece.speech.start_s
    where = f"{piece.result.job.shown}, {start:.1f} to {start + piece.speech.duration_s:.1f} s"
    hint = (
        "choose a smaller --beam or --max-segment"  # it was alone in its batch
        if is_out_of_memory(problem)
        else "please report this; --batch 1 decodes every segment by itself"
    )
    return AttnasrError(f"{where}: {reason(problem)}", hint)


def _free_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
