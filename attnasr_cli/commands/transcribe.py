"""``attnasr transcribe``: recordings to text."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnasr_cli import console, interrupts, remote
from attnasr_cli.checkpoint.registry import DEFAULT
from attnasr_cli.commands.configured import Configured, takes
from attnasr_cli.data import STDIN
from attnasr_cli.errors import ClusterError
from attnasr_cli.transcribe.config import Settings, show, unknown_variables
from attnasr_cli.transcribe.inputs import Input, Patterns, find, read_list
from attnasr_cli.transcribe.options import (
    OPTIONS,
    ClusterOptions,
    InputOptions,
    OutputOptions,
    RunOptions,
)
from attnasr_cli.transcribe.refuse import Request, check, refuse_empty

if TYPE_CHECKING:
    from attnasr_cli.cluster.recognizer import ClusterRecognizer
    from attnasr_cli.output.formats import Format
    from attnasr_cli.recognize.recognizer import Recognizer
    from attnasr_cli.transcribe.journal import Journal
    from attnasr_cli.transcribe.remote_journal import RemoteJournal

ADVICE = (
    f"{DEFAULT} is for clear, read English; for anything else take Whisper: -m whisper-small, or "
    "for good: attnasr models default whisper-small"
)


app = typer.Typer(add_completion=False)


@app.command(cls=Configured)
@takes(OPTIONS)
def transcribe(
    settings: Settings,
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Recordings, folders, or - for stdin.", show_default=False),
    ] = None,
) -> int:
    """Turn recordings into text.

    Files, folders (with everything in them) or - for stdin. Text goes to stdout, or with
    --output-dir into files; then the same command again goes on where it was stopped.
    """
    run = settings.of(RunOptions)
    if run.show_config:
        console.result(show(settings))
        return 0
    console.set_quiet(run.quiet)
    if run.quiet:
        console.mute_libraries()
    for warning in unknown_variables():
        console.warn(warning)
    refuse_empty(settings, paths or ())
    from attnasr_cli.output.cues import CueConfig
    from attnasr_cli.output.formats import choose

    inputs, outputs = settings.of(InputOptions), settings.of(OutputOptions)
    formats = choose(outputs.format)
    cues = settings.of(CueConfig)
    wanted = list(paths or [])
    if inputs.from_file is not None:
        wanted += read_list(inputs.from_file)
    request = Request(settings, inputs, outputs, formats, cues, wanted)
    check(request)
    with contextlib.ExitStack() as stack:
        stdin = _stdin_as_file(stack) if STDIN in wanted else None
        return _run(request, stdin, stack)


def _run(request: Request, stdin: Path | None, stack: contextlib.ExitStack) -> int:
    from attnasr_cli.checkpoint.identity import model_key
    from attnasr_cli.transcribe.check import KeyFacts
    from attnasr_cli.transcribe.journal import FolderError, Journal
    from attnasr_cli.transcribe.plan import Planner
    from attnasr_cli.transcribe.remote_journal import RemoteJournal
    from attnasr_cli.transcribe.run import Run, report, summary
    from attnasr_cli.transcribe.sinks import Sink, ToFolder, ToStdout
    from attnasr_cli.transcribe.watch import Watch

    settings, inputs, outputs = request.settings, request.inputs, request.outputs
    out = outputs.output_dir
    folder = None if out is None or remote.is_url(out) else Path(out)
    patterns = Patterns(inputs.include or (), inputs.exclude or ())
    found = [] if inputs.watch else find(request.wanted, patterns, folder, stdin=stdin)
    if len(found) == 1 and not inputs.salvage and outputs.failures is None:
        _look_at(found[0])
    several = inputs.watch or len(found) > 1 or inputs.split_channels
    journal: Journal | RemoteJournal | None = None
    sink: Sink
    if out is not None:
        made = RemoteJournal(out) if folder is None else Journal(folder)
        stack.callback(made.close)
        journal, sink = made, ToFolder(made, request.formats, request.cues)
    else:
        sink = ToStdout(request.formats[0], request.cues, several)
    recognizer = _load(settings, request.formats, journal, stack)
    if isinstance(sink, ToStdout):
        sink.stitcher = recognizer.stitcher
    model = ""
    if journal is not None and recognizer.path is not None:
        vocabulary = [Path(settings["tokenizer"])] if settings["tokenizer"] else []
        model = model_key(recognizer.path, *vocabulary)
    facts = KeyFacts(model, recognizer.options(), vars(request.cues))
    planner = Planner(inputs, outputs.overwrite, request.formats, journal, facts)
    run = Run(recognizer, sink, getattr(recognizer, "status", None))
    try:
        if inputs.watch:
            watch = Watch(request.wanted, patterns, folder, inputs.settle)
            console.note(f"watching {', '.join(request.wanted)}; Ctrl-C ends")
            with contextlib.suppress(KeyboardInterrupt):
                run.run(planner.follow(watch.inputs()), None)
            interrupts.forget()
        else:
            tasks = planner.plan(found)
            run.run(tasks, tasks)
    except (KeyboardInterrupt, FolderError, ClusterError):
        report(run.outcome, outputs.failures)
        console.stopped(f"stopped: {summary(run.outcome)}")
        if journal is not None:
            console.note("what is finished is kept; the same command goes on from here")
        raise
    finally:
        sink.close()
    return report(run.outcome, outputs.failures)


def _look_at(only: Input) -> None:
    """Raise the AudioError of the only recording, if it has one: no model is loaded for it."""
    from attnasr_cli.audio.load import open_recording

    if isinstance(only.path, Path):
        open_recording(only.path, name=only.shown, headers_only=True).close()


def _load(
    settings: Settings,
    formats: list[Format],
    journal: Journal | RemoteJournal | None,
    stack: contextlib.ExitStack,
) -> Recognizer | ClusterRecognizer:
    """Load the model with the chosen options, and say in one line what was chosen."""
    options = {o.name: settings[o.name] for o in OPTIONS if o.decoder}
    if options["word_timestamps"] is None:
        options["word_timestamps"] = any(kind.word_times for kind in formats) or None
    reading = ["batch", "jobs", "vad", "vad_threshold", "max_segment", "punctuation", "digits"]
    if options["word_timestamps"]:
        reading.append("align")
    options |= {name: settings[name] for name in reading if settings.given(name)}
    where = (settings["model"], settings["device"], settings["dtype"])
    recognizer: Recognizer | ClusterRecognizer
    on = settings.of(ClusterOptions)
    if on.cluster is not None:
        from attnasr_cli.cluster.recognizer import ClusterRecognizer, ignore
        from attnasr_cli.transcribe.manifest import FILE, Manifest

        recognizer = stack.enter_context(
            ClusterRecognizer(
                on.cluster,
                *where,
                workers=on.workers,
                cpus=on.cpus_per_worker,
                gpus=on.gpus_per_worker,
                options=options,
                tell=ignore if journal is None else Manifest(journal.inner / FILE).add,
            )
        )
        recognizer.introduce()
    else:
        from attnasr_cli.device import give_back_freed_memory, keep_freed_memory
        from attnasr_cli.recognize.recognizer import load

        keep_freed_memory()
        recognizer = load(*where, **options)
        give_back_freed_memory()
        reasons = "; ".join(p.reason for p in recognizer.placements)
        beam = recognizer.options().get("beam")
        searched = f"; beam {beam}" if beam else ""
        name = recognizer.header.name
        console.note(f"model {name} on {reasons}{searched}; batches of {recognizer.batch_s:.0f} s")
    if not settings.given("model"):
        console.note(ADVICE)
    return recognizer


def _stdin_as_file(stack: contextlib.ExitStack) -> Path:
    """Stdin copied to disk, so that it can be read like any other recording."""
    from attnasr_cli.audio.load import on_disk

    return stack.enter_context(on_disk(STDIN))
