"""A recogniser whose work is done on a cluster, with the methods of ``Recognizer`` that a run
needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from attnasr_cli import console
from attnasr_cli.checkpoint.identity import model_key
from attnasr_cli.cluster.connect import connect
from attnasr_cli.cluster.messages import Spec
from attnasr_cli.cluster.pool import Pool
from attnasr_cli.cluster.run import Driver
from attnasr_cli.families import models
from attnasr_cli.recognize.jobs import Job, Part, Result
from attnasr_cli.recognize.meter import Meter
from attnasr_cli.recognize.stitch import About, Stitcher
from attnasr_cli.recognize.transcript import Transcript
from attnasr_cli.version import __version__


def ignore(row: dict[str, Any]) -> None:
    """Do nothing with a row of the manifest."""


class ClusterRecognizer:
    """A model on the workers of a cluster, ready to transcribe."""

    def __init__(
        self,
        address: str,
        model: str,
        device: str = "auto",
        dtype: str = "auto",
        workers: int | None = None,
        cpus: float | None = None,
        gpus: float | None = None,
        options: Mapping[str, Any] | None = None,
        tell: Callable[[dict[str, Any]], None] = ignore,
    ) -> None:
        """As ``recognizer.load``, on ``workers`` workers that take so many CPUs and GPUs each; None
        is what there is room for. ``tell`` is called with a row of the manifest for each worker
        that starts or ends, and for each piece of work done. Waits until the first one is ready.
        Raises AttnasrError."""
        self.path: Path = models.find(model)
        given = {name: value for name, value in (options or {}).items() if value is not None}
        spec = Spec(
            models.display_name(model, self.path),
            str(self.path.absolute()),
            model_key(self.path),
            device,
            dtype,
            given,
            max(int(cpus or 1), 1),
            __version__,
        )
        self.cluster = connect(address, workers, cpus, gpus)
        self.pool = Pool(self.cluster, spec, tell)
        try:
            self.loaded = self.pool.first()
        except BaseException:
            self.close()
            raise

    @property
    def about(self) -> About:
        """Model, device and options, as transcripts name them; how texts are written is read from
        the model folder on this machine."""
        about = self.loaded.about
        net = about.writer.net
        if net is None:
            return about
        return replace(about, writer=replace(about.writer, net=self.path / net.name))

    def stitcher(self, offset_s: float = 0.0) -> Stitcher:
        """As ``Recognizer.stitcher``."""
        return self.about.stitcher(offset_s)

    def events(
        self, jobs: Iterable[Job | None], meter: Meter | None = None, ordered: bool = True
    ) -> Iterator[Part | Result]:
        """As ``Recognizer.events``."""
        return Driver(self.pool, self.loaded, jobs, meter or Meter(), ordered).events()

    def transcript(self, result: Result) -> Transcript:
        """The transcript of a result without an error."""
        return self.about.transcript(result)

    def transcribe(self, recordings: Iterable[str | Path]) -> Iterator[Transcript]:
        """Transcripts in order. Raises the AttnasrError of the first recording that has one."""
        for event in self.events(Job(recording) for recording in recordings):
            if isinstance(event, Result):
                if event.error is not None:
                    raise event.error
                yield self.transcript(event)

    def options(self) -> dict[str, Any]:
        """Every setting that the text depends on, with defaults filled in."""
        return dict(self.about.options)

    def status(self) -> str:
        """The number of workers and their state, in a few words."""
        alive, wanted = len(self.pool.ready), len(self.pool.seats)
        return f"{alive} workers" if alive == wanted else f"{alive} of {wanted} workers"

    def introduce(self) -> None:
        """Say in one line which workers run where."""
        console.note(
            f"model {self.about.model} on Ray at {self.cluster.address}, {self.status()}: "
            f"{self.loaded.reasons}; batches of {self.loaded.batch_s:.0f} s"
        )
        if self.cluster.dashboard:
            console.note(f"dashboard: http://{self.cluster.dashboard}")

    def close(self) -> None:
        """End the workers, and Ray if it was started for this."""
        self.pool.close()
        self.cluster.close()

    def __enter__(self) -> ClusterRecognizer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
