"""``attnasr transcribe``: recordings to text."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnasr_cli import console
from attnasr_cli.checkpoint.registry import DEFAULT
from attnasr_cli.errors import UsageError
from attnasr_cli.transcribe.config import Config, resolve, show
from attnasr_cli.transcribe.inputs import STDIN, Patterns, find, is_folder, read_list
from attnasr_cli.transcribe.options import OPTIONS, Option

if TYPE_CHECKING:
    from attnasr_cli.output.cues import CueConfig
    from attnasr_cli.output.formats import Format
    from attnasr_cli.recognize.recognizer import Recognizer
    from attnasr_cli.transcribe.journal import Journal

HELP = (
    "Turn recordings into text.\n\n"
    "Files, folders (with everything in them) or - for stdin. Text goes to stdout, or with "
    "--output-dir into files; then the same command again goes on where it was stopped."
)
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


def transcribe(paths: list[str] | None, **given: Any) -> int:
    """One run, from what the command line says."""
    config = resolve(given)
    if config["show_config"]:
        console.result(show(config))
        return 0
    console.set_quiet(config["quiet"])
    if config["quiet"]:
        console.mute_libraries()
    for warning in config.warnings:
        console.warn(warning)
    _refuse_empty(config, paths or ())
    from attnasr_cli.output.cues import CueConfig
    from attnasr_cli.output.formats import choose

    formats = choose(config["format"])
    cues = CueConfig(words=config["words"], **{name: config[name] for name in CUE_OPTIONS})
    wanted = list(paths or [])
    if config["from_file"] is not None:
        wanted += read_list(config["from_file"])
    _check(config, formats, wanted)
    with contextlib.ExitStack() as stack:
        stdin = _stdin_as_file(stack) if STDIN in wanted else None
        return _run(config, formats, cues, wanted, stdin, stack)


def _run(
    config: Config,
    formats: list[Format],
    cues: CueConfig,
    wanted: list[str],
    stdin: Path | None,
    stack: contextlib.ExitStack,
) -> int:
    from attnasr_cli.transcribe.journal import FolderError, Journal
    from attnasr_cli.transcribe.plan import KeyFacts, Planner, model_key
    from attnasr_cli.transcribe.run import Run, report, summary
    from attnasr_cli.transcribe.sinks import Sink, ToFolder, ToStdout
    from attnasr_cli.transcribe.watch import Watch

    folder = Path(config["output_dir"]) if config["output_dir"] is not None else None
    patterns = Patterns(config["include"] or (), config["exclude"] or ())
    inputs = [] if config["watch"] else find(wanted, patterns, folder, stdin=stdin)
    several = config["watch"] or len(inputs) > 1 or config["split_channels"]
    journal: Journal | None = None
    sink: Sink
    if folder is not None:
        journal = stack.enter_context(Journal(folder))
        sink = ToFolder(journal, formats, cues)
    else:
        sink = ToStdout(formats[0], cues, several)
    recognizer = _load(config, formats)
    if isinstance(sink, ToStdout):
        sink.stitcher = recognizer.stitcher
    model = ""
    if journal is not None and recognizer.path is not None:
        vocabulary = [Path(config["tokenizer"])] if config["tokenizer"] else []
        model = model_key(recognizer.path, *vocabulary)
    facts = KeyFacts(model, recognizer.options(), vars(cues))
    planner = Planner(config, formats, journal, facts)
    run = Run(recognizer, sink)
    try:
        if config["watch"]:
            watch = Watch(wanted, patterns, folder, config["settle"])
            console.note(f"watching {', '.join(wanted)}; Ctrl-C ends")
            with contextlib.suppress(KeyboardInterrupt):
                run.run(planner.follow(watch.inputs()), None)
        else:
            tasks = planner.plan(inputs)
            run.run(tasks, tasks)
    except (KeyboardInterrupt, FolderError):
        report(run.outcome, config["failures"])
        console.note(f"stopped: {summary(run.outcome)}")
        if journal is not None:
            console.note("what is finished is kept; the same command goes on from here")
        raise
    finally:
        sink.close()
    return report(run.outcome, config["failures"])


def _load(config: Config, formats: list[Format]) -> Recognizer:
    """The model, with the options that somebody chose, said in one line."""
    from attnasr_cli.device import keep_freed_memory
    from attnasr_cli.recognize.recognizer import load

    keep_freed_memory()
    options = {o.name: config[o.name] for o in OPTIONS if o.decoder}
    if options["word_timestamps"] is None:
        options["word_timestamps"] = any(kind.word_times for kind in formats) or None
    reading = ["batch", "jobs", "vad", "vad_threshold", "max_segment", "punctuation", "digits"]
    if options["word_timestamps"]:
        reading.append("align")
    recognizer = load(
        config["model"],
        config["device"],
        config["dtype"],
        **options,
        **{name: config[name] for name in reading if config.given(name)},
    )
    reasons = "; ".join(p.reason for p in recognizer.placements)
    beam = recognizer.options().get("beam")
    searched = f"; beam {beam}" if beam else ""
    name = recognizer.header.name
    console.note(f"model {name} on {reasons}{searched}; batches of {recognizer.batch_s:.0f} s")
    if not config.given("model"):
        console.note(ADVICE)
    return recognizer


def _stdin_as_file(stack: contextlib.ExitStack) -> Path:
    """Stdin copied to disk, so that it can be read like any other recording."""
    from attnasr_cli.audio.load import on_disk

    return stack.enter_context(on_disk(STDIN))


def _refuse_empty(config: Config, paths: Sequence[str]) -> None:
    """An empty name would stand for the current folder, which nobody means by it."""
    hint = "is a variable not set?"
    if "" in paths:
        raise UsageError("an empty name", hint)
    for option in OPTIONS:
        if option.kind is str and config[option.name] == "" and option.name not in MAY_BE_EMPTY:
            raise UsageError(f"{option.flag} is empty", hint)


def _check(config: Config, formats: list[Format], wanted: list[str]) -> None:
    """Refuse what cannot work together, before anything is read or loaded."""

    def chosen(name: str) -> bool:
        return bool(config.sources[name] == "command line" and config[name] not in (None, False))

    names = ",".join(kind.name for kind in formats)
    to_folder = config["output_dir"] is not None
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
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"{flag} with format {names}", "it is for subtitles, like srt")
    timed = [kind for kind in formats if kind.word_times]
    if chosen("word_timestamps") and not timed:
        raise UsageError(f"--word-timestamps with format {names}", "choose json, ctm or subtitles")
    if chosen("align") and not timed:
        raise UsageError(f"--align with format {names}", "choose json, ctm or subtitles")
    if chosen("align") and config["word_timestamps"] is False:
        raise UsageError("--align and --no-word-timestamps", "choose one of them")
    if config["word_timestamps"] is False and (chosen_words(formats) or config["words"]):
        raise UsageError(f"--no-word-timestamps with format {names}", "it needs times of words")
    if config["channel"] is not None and config["split_channels"]:
        raise UsageError("--channel and --split-channels", "choose one of them")
    if config["channel"] is not None and config["channel"] < 1:
        raise UsageError(f"--channel {config['channel']}", "channels count from 1")
    if config["audio_track"] is not None and config["audio_track"].strip("0") == "":
        raise UsageError(f"--audio-track {config['audio_track']}", "tracks count from 1")
    start, end = config["start"], config["end"]
    if start is not None and start < 0:
        raise UsageError(f"--start {start}", "use 0 or more")
    if end is not None and end <= (start or 0.0):
        raise UsageError(f"--end {end} is not after the start", "choose a later end")
    if wanted.count(STDIN) > 1:
        raise UsageError("stdin (-) can be read only once", "give - once")
    folders = [text for text in wanted if text != STDIN and is_folder(text)]
    for name in ("include", "exclude"):
        if config.sources[name] == "command line" and not folders:
            raise UsageError(f"--{name} without a folder", "it chooses files inside folders")
    if config["watch"] and len(folders) < len(wanted):
        raise UsageError("--watch is for folders", "name folders only")
    if chosen("settle") and not config["watch"]:
        raise UsageError("--settle without --watch", "add --watch")
    if config["from_file"] == STDIN and STDIN in wanted:
        raise UsageError("stdin cannot be both list and recording", "write the list to a file")


def chosen_words(formats: list[Format]) -> bool:
    """Whether a format has nothing else to show than words."""
    return any(kind.name in ("ctm", "textgrid") for kind in formats)


def _parameter(option: Option) -> inspect.Parameter:
    """An option of the table as typer knows it. None always means: not on the command line."""
    names = [option.flag]
    if option.kind is bool and not option.name.startswith("no_") and not option.once:
        names = [f"{option.flag}/--no-{option.flag[2:]}"]
    text = option.help
    if option.default not in (None, False):
        text += f" ({'on' if option.default is True else option.default} by default)"
    info = typer.Option(
        *names,
        *([option.short] if option.short else []),
        help=text,
        rich_help_panel=option.panel,
        metavar=option.metavar,
        show_default=False,
    )
    kind: Any = list[str] if option.kind is list else option.kind
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, info],
    )


def _command() -> Any:
    """``transcribe`` with a signature that is made from the table of options."""

    def command(paths: list[str] | None = None, **given: Any) -> int:
        return transcribe(paths, **{k: v for k, v in given.items() if v not in (None, [])})

    paths_info = typer.Argument(help="Recordings, folders, or - for stdin.", show_default=False)
    first = inspect.Parameter(
        "paths",
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=None,
        annotation=Annotated[list[str] | None, paths_info],
    )
    parameters = [first, *(_parameter(option) for option in OPTIONS)]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


app = typer.Typer(add_completion=False)
app.command(help=HELP)(_command())
