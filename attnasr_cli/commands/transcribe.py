"""``attnasr transcribe``: recordings to text."""

from __future__ import annotations

import contextlib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnasr_cli import console, remote
from attnasr_cli.checkpoint.registry import DEFAULT
from attnasr_cli.errors import ClusterError
from attnasr_cli.transcribe.config import Config, resolve, show
from attnasr_cli.transcribe.inputs import STDIN, Patterns, find, read_list
from attnasr_cli.transcribe.options import OPTIONS, Option
from attnasr_cli.transcribe.refuse import CUE_OPTIONS, check, refuse_empty

if TYPE_CHECKING:
    from attnasr_cli.cluster.recognizer import ClusterRecognizer
    from attnasr_cli.output.cues import CueConfig
    from attnasr_cli.output.formats import Format
    from attnasr_cli.recognize.recognizer import Recognizer
    from attnasr_cli.transcribe.journal import Journal
    from attnasr_cli.transcribe.remote_journal import RemoteJournal

HELP = (
    "Turn recordings into text.\n\n"
    "Files, folders (with everything in them) or - for stdin. Text goes to stdout, or with "
    "--output-dir into files; then the same command again goes on where it was stopped."
)
ADVICE = (
    f"{DEFAULT} is for clear, read English; for anything else take Whisper: -m whisper-small, or "
    "for good: attnasr models default whisper-small"
)


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
    refuse_empty(config, paths or ())
    from attnasr_cli.output.cues import CueConfig
    from attnasr_cli.output.formats import choose

    formats = choose(config["format"])
    cues = CueConfig(words=config["words"], **{name: config[name] for name in CUE_OPTIONS})
    wanted = list(paths or [])
    if config["from_file"] is not None:
        wanted += read_list(config["from_file"])
    check(config, formats, wanted)
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
    from attnasr_cli.checkpoint.identity import model_key
    from attnasr_cli.transcribe.check import KeyFacts
    from attnasr_cli.transcribe.journal import FolderError, Journal
    from attnasr_cli.transcribe.plan import Planner
    from attnasr_cli.transcribe.remote_journal import RemoteJournal
    from attnasr_cli.transcribe.run import Run, report, summary
    from attnasr_cli.transcribe.sinks import Sink, ToFolder, ToStdout
    from attnasr_cli.transcribe.watch import Watch

    output = config["output_dir"]
    far = output is not None and remote.is_url(output)
    folder = Path(output) if output is not None and not far else None
    patterns = Patterns(config["include"] or (), config["exclude"] or ())
    inputs = [] if config["watch"] else find(wanted, patterns, folder, stdin=stdin)
    several = config["watch"] or len(inputs) > 1 or config["split_channels"]
    journal: Journal | RemoteJournal | None = None
    sink: Sink
    if output is not None:
        made = RemoteJournal(output) if folder is None else Journal(folder)
        stack.callback(made.close)
        journal, sink = made, ToFolder(made, formats, cues)
    else:
        sink = ToStdout(formats[0], cues, several)
    recognizer = _load(config, formats, journal, stack)
    model = ""
    if journal is not None and recognizer.path is not None:
        vocabulary = [Path(config["tokenizer"])] if config["tokenizer"] else []
        model = model_key(recognizer.path, *vocabulary)
    facts = KeyFacts(model, recognizer.options(), vars(cues))
    planner = Planner(config, formats, journal, facts)
    run = Run(recognizer, sink, getattr(recognizer, "status", None))
    try:
        if config["watch"]:
            watch = Watch(wanted, patterns, folder, config["settle"])
            console.note(f"watching {', '.join(wanted)}; Ctrl-C ends")
            with contextlib.suppress(KeyboardInterrupt):
                run.run(planner.follow(watch.inputs()), None)
        else:
            tasks = planner.plan(inputs)
            run.run(tasks, tasks)
    except (KeyboardInterrupt, FolderError, ClusterError):
        report(run.outcome, config["failures"])
        console.note(f"stopped: {summary(run.outcome)}")
        if journal is not None:
            console.note("what is finished is kept; the same command goes on from here")
        raise
    finally:
        sink.close()
    return report(run.outcome, config["failures"])


def _load(
    config: Config,
    formats: list[Format],
    journal: Journal | RemoteJournal | None,
    stack: contextlib.ExitStack,
) -> Recognizer | ClusterRecognizer:
    """The model, with the options that somebody chose, said in one line."""
    options = {o.name: config[o.name] for o in OPTIONS if o.decoder}
    if options["word_timestamps"] is None:
        options["word_timestamps"] = any(kind.word_times for kind in formats) or None
    reading = ["batch", "jobs", "vad", "vad_threshold", "max_segment"]
    if options["word_timestamps"]:
        reading.append("align")
    options |= {name: config[name] for name in reading if config.given(name)}
    where = (config["model"], config["device"], config["dtype"])
    recognizer: Recognizer | ClusterRecognizer
    if config["cluster"] is not None:
        from attnasr_cli.cluster.recognizer import ClusterRecognizer, ignore
        from attnasr_cli.transcribe.manifest import FILE, Manifest

        recognizer = stack.enter_context(
            ClusterRecognizer(
                config["cluster"],
                *where,
                workers=config["workers"],
                cpus=config["cpus_per_worker"],
                gpus=config["gpus_per_worker"],
                options=options,
                tell=ignore if journal is None else Manifest(journal.inner / FILE).add,
            )
        )
        recognizer.introduce()
    else:
        from attnasr_cli.device import keep_freed_memory
        from attnasr_cli.recognize.recognizer import load

        keep_freed_memory()
        recognizer = load(*where, **options)
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
