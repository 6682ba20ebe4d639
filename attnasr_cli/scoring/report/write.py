"""The formats of a report, and how one is written to stdout or a file."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

from attnasr_cli import console, files
from attnasr_cli.scoring.report import export, html, nist
from attnasr_cli.scoring.summary import Evaluation

FORMATS = ("table", "json", "csv", "html", "pra", "sgml")
_MAKERS: dict[str, Callable[[Evaluation], str]] = {
    "json": export.to_json,
    "csv": export.to_csv,
    "pra": nist.to_pra,
    "sgml": nist.to_sgml,
}


def write(evaluation: Evaluation, form: str, output: Path | None) -> None:
    """Write a report in one of ``FORMATS``: to stdout, or as a whole to a file.

    A pipe or device that is named as the file stays what it is. Raises OutputError.
    """
    if form == "table" and output is None and sys.stdout is not None:
        from attnasr_cli.scoring.report import table

        table.show(evaluation, console.out_console())
        return
    text = _text(evaluation, form, output)
    if output is None:
        console.result(text.rstrip("\n"))
        return
    files.write_text(output, text)
    console.note(f"written: {output}")


def _text(evaluation: Evaluation, form: str, output: Path | None) -> str:
    if form == "html":
        return html.to_html(evaluation, output)
    if form == "table":
        from rich.console import Console

        from attnasr_cli.scoring.report import table

        page = io.StringIO()
        table.show(evaluation, Console(file=page, width=120))
        return page.getvalue()
    return _MAKERS[form](evaluation)
