"""``attnasr doctor``: what this machine offers, and what is in a recording."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnasr_cli import console
from attnasr_cli.errors import AttnasrError, UsageError
from attnasr_cli.files import display_name

if TYPE_CHECKING:
    from attnasr_cli.audio.inspection import Inspection, TrackReport

app = typer.Typer(add_completion=False)


@app.command()
def doctor(
    recordings: Annotated[
        list[str] | None,
        typer.Argument(help="Recordings to look into, instead of the machine.", show_default=False),
    ] = None,
    format: Annotated[str, typer.Option("--format", "-f", help="table or json")] = "table",
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="the model of the self-test")
    ] = None,
) -> int:
    """Show device, precision, codecs, folders, models and versions, and run a short self-test.

    With recordings: what is in each, read to its end: container, sound tracks with language, codec,
    rate, channels and length, and what is wrong with it.
    """
    if format not in ("table", "json"):
        raise UsageError(f"unknown format {format!r}", "use table or json")
    if recordings:
        if model is not None:
            raise UsageError("--model with recordings", "the self-test is run without any")
        if "" in recordings:
            raise UsageError("an empty name", "is a variable not set?")
        return _look_into(recordings, format)
    from attnasr_cli.commands.machine import examine

    found = examine(model)
    if format == "json":
        console.result(json.dumps({s.name: s.to_json() for s in found}, indent=2))
    else:
        for section in found:
            _show(section.name, section.facts, problems=section.problems)
    return _ended(sum(len(section.problems) for section in found))


def _look_into(recordings: list[str], format: str) -> int:
    """Report on every recording, whatever is wrong with the others; returns the exit code."""
    from attnasr_cli.audio.inspection import inspect
    from attnasr_cli.transcribe.inputs import printable

    tables: dict[str, Any] = {}
    problems = 0
    for name in recordings:
        shown = printable(display_name(name))
        facts: dict[str, Any] = {}
        table: dict[str, Any] = {"problems": []}
        wrong: list[AttnasrError]
        warnings: list[str] = []
        try:
            found = inspect(name)
        except AttnasrError as problem:
            wrong = [problem]
        else:
            facts, wrong, warnings = _facts(found), [*found.problems], found.warnings
            table = {
                "container": found.container,
                "parts": found.parts,
                "size_bytes": found.size_bytes,
                "tracks": [report.to_json() for report in found.tracks],
                "warnings": warnings,
            }
        said = [printable(f"{problem.message} ({problem.hint})") for problem in wrong]
        tables[shown] = table | {"problems": said}
        problems += len(wrong)
        if format == "table":
            _show(shown, facts, warnings, said)
    if format == "json":
        console.result(json.dumps(tables, indent=2, ensure_ascii=False))
    return _ended(problems)


def _facts(found: Inspection) -> dict[str, Any]:
    container = f"{found.container}, {found.size_bytes:,} bytes"
    if found.parts > 1:
        container += f", {found.parts} recordings joined"
    facts: dict[str, Any] = {"container": container}
    for report in found.tracks:
        text = _track(report)
        if len(found.tracks) > 1 and report.track.number == found.default_track:
            text += " (read by default)"
        facts[f"track {report.track.number}"] = text
    return facts


def _track(report: TrackReport) -> str:
    track = report.track
    channels = f"{track.channels} channel{'s' if track.channels != 1 else ''}"
    parts = [track.language, track.title, track.codec, f"{track.rate_hz} Hz", channels]
    return ", ".join(filter(None, [*parts, f"{report.seconds:.2f} s"]))


def _show(
    title: str, facts: dict[str, Any], warnings: list[str] | None = None, problems: Any = ()
) -> None:
    """One section as a table."""
    console.result(title)
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        console.result(f"  {name:<{width}}  {value}")
    for warning in warnings or ():
        console.result(f"  warning: {warning}")
    for problem in problems:
        console.result(f"  problem: {problem}")


def _ended(problems: int) -> int:
    if problems:
        console.note(f"{problems} problem{'s' if problems > 1 else ''} found")
    return 1 if problems else 0
