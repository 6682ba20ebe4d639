"""Plots a run as a picture and a page: loss, WER, gradient norm, learning rate and speed."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnasr_cli import console
from attnasr_cli.errors import AttnasrError, DataError, UsageError
from attnasr_cli.files import write_bytes, write_text
from attnasr_cli.training.reporting.log import LOG

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Entry = dict[str, Any]
"""a line of the log"""

LAST_DEV_SHOWN = 12


def plot(run: Path) -> tuple[Path, Path]:
    """Draw the log of a run; the paths of ``train/plot.html`` and ``train/plot.png`` in its folder.

    Raises UsageError where it is no run, DataError where nothing was logged yet, AttnasrError
    without matplotlib.
    """
    log = run / "train" / LOG
    if not log.is_file():
        raise UsageError(f"{run} is no folder of a training run", f"{log} is not there")
    entries = read_log(log)
    if not any(entry["kind"] in ("train", "dev") for entry in entries):
        raise DataError(f"{log} has no figures yet", "wait for the first of the run")
    figure = _draw(entries, run.resolve().name)
    page, picture = log.with_name("plot.html"), log.with_name("plot.png")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    write_bytes(picture, content.getvalue())
    vector = io.StringIO()
    figure.savefig(vector, format="svg", metadata={"Date": None})
    write_text(page, _page(entries, run.resolve().name, vector.getvalue()))
    return page, picture


def read_log(path: Path) -> list[Entry]:
    """The lines of a log in the order of updates. Where a run was killed and made updates again,
    the later line of a kind and an update counts; half a line at the end is left out, with a note.
    """
    found: dict[tuple[str, int], Entry] = {}
    broken = 0
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
            found[entry["kind"], int(entry["update"])] = entry
        except (ValueError, KeyError, TypeError):
            broken += 1
    if broken:
        console.note(f"{path}: left out {broken} damaged lines")
    return sorted(found.values(), key=lambda entry: int(entry["update"]))


def _draw(entries: Sequence[Entry], name: str) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise AttnasrError(
            "a plot needs matplotlib", "pip install 'attnasr[plot]', or read train/log.jsonl"
        ) from None
    figure = Figure(figsize=(9, 9), layout="constrained")
    figure.suptitle(name.replace("$", r"\$"))
    loss, wer, norm, speed = figure.subplots(4, 1, sharex=True)
    _line(loss, entries, "train", "attention", "attention")
    if any(entry.get("ctc") for entry in entries):
        _line(loss, entries, "train", "ctc", "CTC")
    loss.set_ylabel("nats a token")
    _line(wer, entries, "dev", "wer", "WER", 100, "o-")
    _line(wer, entries, "dev", "cer", "CER", 100, "o-")
    _line(wer, entries, "final", "wer", "WER, whole dev set", 100, "s")
    wer.set_ylabel("dev, %")
    wer.set_ylim(bottom=0)
    _line(norm, entries, "train", "gradient_norm", "gradient norm")
    norm.set_ylabel("gradient norm")
    rate = norm.twinx()
    _line(rate, entries, "train", "rate", "rate", 1, "C1--")
    rate.set_ylabel("rate")
    _line(speed, entries, "train", "speed", "hours of audio an hour")
    speed.set_ylabel("audio h/h")
    speed.set_ylim(bottom=0)
    speed.set_xlabel("update")
    for axes in (loss, wer):
        if axes.has_data():
            axes.legend()
    return figure


def _line(
    axes: Axes,
    entries: Sequence[Entry],
    kind: str,
    key: str,
    label: str,
    scale: float = 1,
    style: str = "-",
) -> None:
    points = [
        (int(entry["update"]), float(entry[key]) * scale)
        for entry in entries
        if entry["kind"] == kind and isinstance(entry.get(key), int | float)
    ]
    if points:
        axes.plot(*zip(*points, strict=True), style, label=label)


def _page(entries: Sequence[Entry], name: str, picture: str) -> str:
    dev = [entry for entry in entries if entry["kind"] in ("dev", "final")][-LAST_DEV_SHOWN:]
    rows = "".join(
        f"<tr><td>{entry['update']}</td><td>{entry.get('hours', '')}</td>"
        f"<td>{float(entry['wer']):.2%}</td><td>{float(entry['cer']):.2%}</td>"
        f"<td>{'whole dev set' if entry['kind'] == 'final' else ''}</td></tr>"
        for entry in dev
    )
    svg = picture[picture.index("<svg") :]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{escape(name)}</title>"
        "<style>body{font-family:sans-serif;max-width:60em;margin:2em auto}svg{max-width:100%;"
        "height:auto}td,th{padding:.2em 1em;text-align:right}</style>"
        f"<h1>{escape(name)}</h1>{svg}<table><tr><th>update</th><th>hours of audio</th>"
        f"<th>WER</th><th>CER</th><th></th></tr>{rows}</table></html>\n"
    )
