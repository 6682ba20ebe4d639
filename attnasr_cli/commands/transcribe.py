"""``attnasr transcribe``: recordings to text."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnasr_cli import console
from attnasr_cli.checkpoint.registry import DEFAULT
from attnasr_cli.commands.configured import Configured, takes
from attnasr_cli.errors import UsageError
from attnasr_cli.families.options import flag
from attnasr_cli.transcribe.config import COMMAND_LINE, Settings, show, unknown_variables
from attnasr_cli.transcribe.inputs import STDIN, Patterns, find, is_folder, read_list
from attnasr_cli.transcribe.options import OPTIONS, InputOptions, OutputOptions, RunOptions

if TYPE_CHECKING:
    from attnasr_cli.output.cues import CueConfig
    from attnasr_cli.output.formats import Format
    from attnasr_cli.recognize.recognizer import Recognizer
    from attnasr_cli.transcribe.journal import Journal

CUE_OPTIONS = (
    "max_line_width",
    "max_line_count",
    "max_cue_duration",
    "min_cue_duration",
    "cue_gap",
    "max_cps",
)

ADVICE = (
    f"{DEFAULT} is for clear, read English; for anything else take Whisper: -m whisper-small, or "
    "for good: attnasr models default whisper-small"
)
MAY_BE_EMPTY = ("prompt", "hotwords")


app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Request:
    """What is asked of one run."""

    settings: Settings
    inputs: InputOptions
    outputs: OutputOptions
    formats: list[Format]
    cues: CueConfig
    wanted: list[str]
    """recordings, folders and ``-``"""


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
    _refuse_empty(settings, paths or ())
    from attnasr_cli.output.cues import CueConfig
    from attnasr_cli.output.formats import choose

    inputs, outputs = settings.of(InputOptions), settings.of(OutputOptions)
    formats = choose(outputs.format)
    cues = settings.of(CueConfig)
    wanted = list(paths or [])
    if inputs.from_file is not None:
        wanted += read_list(inputs.from_file)
    request = Request(settings, inputs, outputs, formats, cues, wanted)
    _check(request)
    with contextlib.ExitStack() as stack:
        stdin = _stdin_as_file(stack) if STDIN in wanted else None
        return _run(request, stdin, stack)


def _run(request: Request, stdin: Path | None, stack: contextlib.ExitStack) -> int:
    from attnasr_cli.transcribe.journal import FolderError, Journal
    from attnasr_cli.transcribe.plan import KeyFacts, Planner, model_key
    from attnasr_cli.transcribe.run import Run, report, summary
    from attnasr_cli.transcribe.sinks import Sink, ToFolder, ToStdout
    from attnasr_cli.transcribe.watch import Watch

    settings, inputs, outputs = request.settings, request.inputs, request.outputs
    folder = Path(outputs.output_dir) if outputs.output_dir is not None else None
    patterns = Patterns(inputs.include or (), inputs.exclude or ())
    found = [] if inputs.watch else find(request.wanted, patterns, folder, stdin=stdin)
    several = inputs.watch or len(found) > 1 or inputs.split_channels
    journal: Journal | None = None
    sink: Sink
    if folder is not None:
        journal = stack.enter_context(Journal(folder))
        sink = ToFolder(journal, request.formats, request.cues)
    else:
        sink = ToStdout(request.formats[0], request.cues, several)
    recognizer = _load(settings, request.formats)
    model = ""
    if journal is not None and recognizer.path is not None:
        vocabulary = [Path(settings["tokenizer"])] if settings["tokenizer"] else []
        model = model_key(recognizer.path, *vocabulary)
    facts = KeyFacts(model, recognizer.options(), vars(request.cues))
    planner = Planner(inputs, outputs.overwrite, request.formats, journal, facts)
    run = Run(recognizer, sink)
    try:
        if inputs.watch:
            watch = Watch(request.wanted, patterns, folder, inputs.settle)
            console.note(f"watching {', '.join(request.wanted)}; Ctrl-C ends")
            with contextlib.suppress(KeyboardInterrupt):
                run.run(planner.follow(watch.inputs()), None)
        else:
            tasks = planner.plan(found)
            run.run(tasks, tasks)
    except (KeyboardInterrupt, FolderError):
        report(run.outcome, outputs.failures)
        console.note(f"stopped: {summary(run.outcome)}")
        if journal is not None:
            console.note("what is finished is kept; the same command goes on from here")
        raise
    finally:
        sink.close()
    return report(run.outcome, outputs.failures)


def _load(settings: Settings, formats: list[Format]) -> Recognizer:
    """The model, with the options that somebody chose, said in one line."""
    from attnasr_cli.device import keep_freed_memory
    from attnasr_cli.recognize.recognizer import load

    keep_freed_memory()
    options = {o.name: settings[o.name] for o in OPTIONS if o.decoder}
    if options["word_timestamps"] is None:
        options["word_timestamps"] = any(kind.word_times for kind in formats) or None
    reading = ["batch", "jobs", "vad", "vad_threshold", "max_segment"]
    if options["word_timestamps"]:
        reading.append("align")
    recognizer = load(
        settings["model"],
        settings["device"],
        settings["dtype"],
        **options,
        **{name: settings[name] for name in reading if settings.given(name)},
    )
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


def _refuse_empty(settings: Settings, paths: Sequence[str]) -> None:
    """An empty name would stand for the current folder, which nobody means by it."""
    hint = "is a variable not set?"
    if "" in paths:
        raise UsageError("an empty name", hint)
    for option in OPTIONS:
        if option.kind is str and settings[option.name] == "" and option.name not in MAY_BE_EMPTY:
            raise UsageError(f"{option.flag} is empty", hint)


def _check(request: Request) -> None:
    """Refuse what cannot work together, before anything is read or loaded."""

    settings, inputs, formats, wanted = (
        request.settings, request.inputs, request.formats, request.wanted
    )  # fmt: skip

    def chosen(name: str) -> bool:
        on_command_line = settings.sources[name] == COMMAND_LINE
        return on_command_line and settings[name] not in (None, False)

    names = ",".join(kind.name for kind in formats)
    to_folder = request.outputs.output_dir is not None
    if "" in wanted:
        raise UsageError("an empty name in the list", 'a line of --from-file is ""')
    if not wanted:
        raise UsageError("nothing to transcribe", "attnasr transcribe FILE…, a folder, or -")
    if not to_folder and len(formats) > 1:
        raise UsageError(f"formats {names} need files", "add --output-dir DIR, or choose one")
    if not to_folder and chosen("overwrite"):
        raise UsageError("--overwrite without --output-dir", "add --output-dir DIR")
    subtitles = [kind for kind in formats if kind.cues]
    for name in ("words", *CUE_OPTIONS):
        if chosen(name) and not subtitles:
            raise UsageError(f"{flag(name)} with format {names}", "it is for subtitles, like srt")
    timed = [kind for kind in formats if kind.word_times]
    if chosen("word_timestamps") and not timed:
        raise UsageError(f"--word-timestamps with format {names}", "choose json, ctm or subtitles")
    if chosen("align") and not timed:
        raise UsageError(f"--align with format {names}", "choose json, ctm or subtitles")
    if chosen("align") and settings["word_timestamps"] is False:
        raise UsageError("--align and --no-word-timestamps", "choose one of them")
    if settings["word_timestamps"] is False and (chosen_words(formats) or settings["words"]):
        raise UsageError(f"--no-word-timestamps with format {names}", "it needs times of words")
    if inputs.channel is not None and inputs.split_channels:
        raise UsageError("--channel and --split-channels", "choose one of them")
    if inputs.channel is not None and inputs.channel < 1:
        raise UsageError(f"--channel {settings['channel']}", "channels count from 1")
    if inputs.audio_track is not None and inputs.audio_track.strip("0") == "":
        raise UsageError(f"--audio-track {settings['audio_track']}", "tracks count from 1")
    start, end = inputs.start, inputs.end
    if start is not None and start < 0:
        raise UsageError(f"--start {start}", "use 0 or more")
    if end is not None and end <= (start or 0.0):
        raise UsageError(f"--end {end} is not after the start", "choose a later end")
    if wanted.count(STDIN) > 1:
        raise UsageError("stdin (-) can be read only once", "give - once")
    folders = [text for text in wanted if text != STDIN and is_folder(text)]
    for name in ("include", "exclude"):
        if settings.sources[name] == COMMAND_LINE and not folders:
            raise UsageError(f"--{name} without a folder", "it chooses files inside folders")
    if inputs.watch and len(folders) < len(wanted):
        raise UsageError("--watch is for folders", "name folders only")
    if chosen("settle") and not inputs.watch:
        raise UsageError("--settle without --watch", "add --watch")
    if inputs.from_file == STDIN and STDIN in wanted:
        raise UsageError("stdin cannot be both list and recording", "write the list to a file")


def chosen_words(formats: list[Format]) -> bool:
    """Whether a format has nothing else to show than words."""
    return any(kind.name in ("ctm", "textgrid") for kind in formats)
