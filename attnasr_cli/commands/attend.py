"""``attnasr attend``: what the decoder attended to while it wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attnasr_cli import console
from attnasr_cli.commands.configured import Configured, takes
from attnasr_cli.errors import AttnasrError, UsageError
from attnasr_cli.transcribe.config import Settings, unknown_variables
from attnasr_cli.transcribe.options import OPTIONS

app = typer.Typer(add_completion=False)


SHARED = ("model", "start", "end", "channel", "vad", "beam", "language", "device", "dtype")


@app.command(cls=Configured)
@takes([option for option in OPTIONS if option.name in SHARED])
def attend(
    settings: Settings,
    recording: Annotated[str, typer.Argument(help="A recording, or - for stdin.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="FILE.html, .png, .svg, .pdf or .npz (the numbers)."),
    ],
    layer: Annotated[int | None, typer.Option(help="Of this decoder layer, from 1.")] = None,
    head: Annotated[int | None, typer.Option(help="Of this attention head, from 1.")] = None,
) -> int:
    """Show the cross-attention of a model while it wrote the text of a recording.

    Each token of the text is a row, each moment of the recording a column. Without --layer and
    --head it is averaged over the heads, or over those that follow the audio where the model names
    them. An .html page lets one choose all layers and heads, and needs no other file.
    """
    start, end, channel = settings["start"], settings["end"], settings["channel"]
    for warning in unknown_variables():
        console.warn(warning)
    for name, value in (("layer", layer), ("head", head), ("channel", channel)):
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value}", f"{name}s count from 1")
    if start is not None and start < 0:
        raise UsageError(f"--start {start}", "use 0 or more")
    if end is not None and end <= (start or 0.0):
        raise UsageError(f"--end {end} is not after the start", "choose a later end")
    if Path(recording).is_dir():
        raise UsageError(f"{recording} is a folder", "name one recording")
    from attnasr_cli.attention.maps import EXTRA, Attending
    from attnasr_cli.attention.pages import Shown, suffix_of, write
    from attnasr_cli.audio.load import on_disk
    from attnasr_cli.data import STDIN
    from attnasr_cli.device import keep_freed_memory
    from attnasr_cli.files import write_bytes
    from attnasr_cli.recognize.jobs import Job
    from attnasr_cli.recognize.recognizer import load

    suffix = suffix_of(output)
    decoding = {name: settings[name] for name in ("vad", "beam", "language")}
    keep_freed_memory()
    recognizer = load(settings["model"], settings["device"], settings["dtype"], **decoding)
    recognizer = recognizer.wrapped(lambda decoder: Attending(decoder, layer, head))
    with on_disk(recording) as path:
        result = next(iter(recognizer.run([Job(path, channel, start, end, name=recording)])))
    if result.error is not None:
        raise result.error
    segments = [(at, found.extra[EXTRA]) for at, found in result.parts if EXTRA in found.extra]
    if not segments:
        raise AttnasrError(
            f"{recording}: nothing was said there", "--no-vad looks at all of it, speech or not"
        )
    shown = Shown(
        Path(recording).name if recording != STDIN else "stdin",
        recognizer.header.name,
        [((start or 0.0) + at, found) for at, found in segments],
        layer,
        head,
    )
    write_bytes(output, write(shown, suffix))
    console.result(str(output))
    return 0
