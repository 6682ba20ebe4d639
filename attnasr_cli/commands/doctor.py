"""``attnasr doctor``: what this machine offers, and whether a model runs on it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from attnasr_cli import console
from attnasr_cli.errors import UsageError

app = typer.Typer(add_completion=False)


@app.command()
def doctor(
    format: Annotated[str, typer.Option("--format", "-f", help="table or json")] = "table",
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="the model of the self-test")
    ] = None,
) -> int:
    """Show device, precision, codecs, folders, models and versions, and run a short self-test."""
    if format not in ("table", "json"):
        raise UsageError(f"unknown format {format!r}", "use table or json")
    from attnasr_cli.checkup import examine

    found = examine(model)
    if format == "json":
        console.result(json.dumps({s.name: s.to_json() for s in found}, indent=2))
    else:
        for section in found:
            console.result(section.name)
            width = max(len(name) for name in section.facts)
            for name, value in section.facts.items():
                console.result(f"  {name:<{width}}  {value}")
            for problem in section.problems:
                console.result(f"  problem: {problem}")
    problems = sum(len(section.problems) for section in found)
    if problems:
        console.note(f"{problems} problem{'s' if problems > 1 else ''} found")
    return 1 if problems else 0
