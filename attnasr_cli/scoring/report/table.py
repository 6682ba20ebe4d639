"""The report for a terminal: figures, groups, confusions, coloured alignments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from attnasr_cli.scoring import runs
from attnasr_cli.scoring.summary import (
    Evaluation,
    comparison,
    confusions,
    label,
    summary,
    worst_first,
)
from attnasr_cli.scoring.types import Row
from attnasr_cli.scoring.units import CHAR
from attnasr_cli.scoring.wer import ALIGNMENTS, Score

if TYPE_CHECKING:
    from rich.console import Console

STYLE = {"S": "yellow", "D": "red", "I": "blue", "O": "dim", "C": ""}


def show(evaluation: Evaluation, console: Console) -> None:
    """Print everything, the figures first and the utterances last."""
    score = evaluation.scores[0]
    console.print(Text(_sources(evaluation)))
    console.print(Text(f"alignment {score.alignment}: {ALIGNMENTS[score.alignment]}"))
    console.print(_figures(evaluation))
    _show_runs(score, console)
    for column in evaluation.by:
        for one in evaluation.scores:
            console.print(_groups(one, column, evaluation))
    for one in evaluation.scores:
        _show_confusions(one, evaluation, console)
    for number, pair in enumerate(evaluation.comparisons):
        _show_comparison(evaluation, number, comparison(pair, evaluation.top), console)
    _show_rows(score, evaluation, console)


def percent(value: float) -> str:
    return f"{value * 100:.2f} %"


def rate(value: float, reference: int) -> str:
    """An error rate; without a reference there is none, only insertions."""
    return percent(value) if reference else "–"


def _sources(evaluation: Evaluation) -> str:
    ref, hyp = evaluation.reference, evaluation.hypothesis
    count = evaluation.scores[0].utterances
    return (
        f"{hyp.path} ({hyp.what}) against {ref.path} ({ref.what}):"
        f" {count:,} utterances, paired {evaluation.paired}"
    )


def _figures(evaluation: Evaluation) -> Table:
    """Normalisers side by side, a line per figure."""
    table = Table(box=None, pad_edge=False)
    table.add_column("normalizer", style="bold")
    for score in evaluation.scores:
        table.add_column(score.normalizer, justify="right")
    columns = [_lines(score, summary(score, evaluation)) for score in evaluation.scores]
    for name in dict.fromkeys(name for column in columns for name in column):
        style = "bold" if name == label(evaluation.scores[0]) else ""
        table.add_row(name, *(column.get(name, "") for column in columns), style=style)
    return table


def _lines(score: Score, found: dict[str, Any]) -> dict[str, str]:
    units = "characters" if label(score) == "CER" else "words"
    counts = found["units"]
    lines = {f"{units} in the reference": f"{counts['reference']:,}"}
    for key in ("correct", "substituted", "deleted", "inserted", "errors"):
        lines[f"  {key}"] = f"{counts[key]:,}"
    if "compounds" in found:
        lines["  compounds written otherwise"] = f"{found['compounds']:,}"
    if "optional_not_said" in counts:
        lines["  optional words not said"] = f"{counts['optional_not_said']:,}"
    lines[label(score)] = rate(found["error_rate"], counts["reference"])
    if found["interval"]:
        low, high = found["interval"]["low"], found["interval"]["high"]
        lines["  95 % interval"] = f"{low * 100:.2f} to {high * 100:.2f}"
    if units == "words":
        lines["CER"] = rate(found["cer"], counts["reference"])
    lines |= {"MER": percent(found["mer"]), "WIL": percent(found["wil"])}
    lines["WIP"] = percent(found["wip"])
    wrong, share = found["sentences_wrong"], found["sentence_error_rate"]
    lines["utterances with errors"] = f"{wrong:,} ({percent(share)})"
    silent = found["empty_references"]
    if silent["utterances"]:
        lines["invented (reference is empty)"] = (
            f"{silent['inserted']:,} {units} in {silent['utterances']:,}"
        )
    if found["missing"]:
        lines["missing, counted as deleted"] = f"{found['missing']:,}"
    return lines


def _show_runs(score: Score, console: Console) -> None:
    """The longest runs of deleted and of inserted words, if there are any of note."""
    units = "characters" if score.unit == CHAR else "words"
    for name, every in (("deleted", score.deletion_runs), ("inserted", score.insertion_runs)):
        if not every or not every[0].notable:
            continue
        run, long = every[0], [run for run in every if run.long]
        text = run.text if len(run.text) <= 60 else f"{run.text[:57]}…"
        line = (
            f"longest run of {name} {units}: {len(run.words)} in {run.id}, from {run.first}: {text}"
        )
        if len(long) > 1:
            total = sum(len(run.words) for run in long)
            line += f" ({len(long):,} runs of {runs.LEAST} or more, {total:,} {units})"
        console.print(Text(line))


def _groups(score: Score, column: str, evaluation: Evaluation) -> Table:
    table = Table(
        title=f"\nby {column} ({score.normalizer})", title_justify="left", box=None, pad_edge=False
    )
    table.add_column(column)
    names = ("utterances", "reference", "correct", "sub", "del", "ins", label(score), "95 %")
    for name in names:
        table.add_column(name, justify="right")
    for value, part in score.by(column).items():
        counts, span = part.words, summary(part, evaluation)["interval"]
        table.add_row(
            Text(value or "(none)"),
            f"{part.utterances:,}",
            *(f"{n:,}" for n in (counts.reference, counts.correct, counts.substituted)),
            *(f"{n:,}" for n in (counts.deleted, counts.inserted)),
            rate(counts.error_rate, counts.reference),
            f"{span['low'] * 100:.2f} to {span['high'] * 100:.2f}" if span else "",
        )
    return table


def _show_confusions(score: Score, evaluation: Evaluation, console: Console) -> None:
    found = confusions(score, evaluation.top)
    lists = {
        "substituted": [(f"{ref} → {hyp}", count) for (ref, hyp), count in found.substituted],
        "inserted": found.inserted,
        "deleted": found.deleted,
    }
    if score.compounds:
        lists["compounds, no errors"] = [
            (f"{ref} / {hyp}", count) for (ref, hyp), count in found.compounds
        ]
    if not any(lists.values()):
        return
    table = Table(
        title=f"\nmost frequent errors ({score.normalizer})",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in lists:
        table.add_column(name, overflow="fold")
    for number in range(max(map(len, lists.values()))):
        cells = []
        for items in lists.values():
            word, count = items[number] if number < len(items) else ("", 0)
            cells.append(Text(f"{count:>4} {word}" if count else ""))
        table.add_row(*cells)
    console.print(table)


def _show_comparison(
    evaluation: Evaluation, number: int, found: dict[str, Any], console: Console
) -> None:
    score = evaluation.scores[number]
    other = evaluation.against.path if evaluation.against else ""
    name = label(score)
    span = found["interval"]
    test = found["mapsswe"]
    lines = [
        f"\n{other} against {evaluation.hypothesis.path} ({score.normalizer})",
        f"{name} {percent(found['second'])} against {percent(found['first'])}:"
        f" {found['difference'] * 100:+.2f} points"
        + (f", 95 % {span['low'] * 100:+.2f} to {span['high'] * 100:+.2f}" if span else ""),
    ]
    if found["bootstrap_p"] is not None:
        lines.append(f"paired bootstrap: p = {found['bootstrap_p']:.4f}")
    if test["p"] is not None:
        z = "∞" if test["z"] is None else f"{test['z']:.3f}"
        verdict = "differ" if test["p"] < 0.05 else "do not differ"
        lines.append(
            f"MAPSSWE: {test['segments']:,} segments, Z = {z}, p = {test['p']:.4f}:"
            f" the systems {verdict} at the 5 % level"
        )
    lines.append(f"utterances: {found['better']:,} better, {found['worse']:,} worse")
    console.print(Text("\n".join(lines)))
    for row in found["changed"]:
        first, second = row["errors"]
        console.print(Text(f"\n{row['id']}: {first} errors, now {second}", "bold"))
        for title, text in (("REF", "reference"), ("was", "first"), ("now", "second")):
            console.print(Text(f"{title}: {row[text]}"))


def _show_rows(score: Score, evaluation: Evaluation, console: Console) -> None:
    rows = worst_first(score, evaluation)[: evaluation.worst]
    if not rows:
        return
    console.print(Text(f"\nutterances, worst first ({score.normalizer})", "italic"))
    for row in rows:
        counts = row.words
        head = f"{row.id}: {counts.errors} error{'s' * (counts.errors != 1)} in {counts.reference}"
        console.print(Text(f"\n{head}{', missing' if row.missing else ''}", "bold"))
        console.print(aligned(row, console.width))
        if row.compounds:
            said = ", ".join(f"{one.reference} / {one.hypothesis}" for one in row.compounds)
            console.print(Text(f"compounds written otherwise: {said}"))


def aligned(row: Row, width: int) -> Text:
    """Reference over hypothesis, errors in colour and marked, folded to the width."""
    blocks: list[tuple[Text, Text, Text]] = []
    used = width + 1
    for op, ref, hyp in row.aligned():
        size = max(cell_len(ref), cell_len(hyp), 1)
        if used + size + 1 > width:
            blocks.append((Text("REF: "), Text("HYP: "), Text("     ")))
            used = 5
        left, right, marks = blocks[-1]
        left.append(_pad(ref, size), STYLE[op])
        right.append(_pad(hyp, size), STYLE[op])
        marks.append(("" if op == "C" else op).ljust(size + 1), STYLE[op])
        used += size + 1
    lines = [line for block in blocks for line in block if line.plain.strip()]
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines)


def _pad(word: str, size: int) -> str:
    return (word or "*" * size) + " " * (size - cell_len(word or "*" * size) + 1)
