"""Alignments in sclite's formats: pra for people, sgml for sc_stats and other tools of SCTK."""

from __future__ import annotations

from attnasr_cli.scoring.summary import Evaluation, worst_first
from attnasr_cli.scoring.types import Row


def to_pra(evaluation: Evaluation) -> str:
    """The aligned words of each utterance, one above the other."""
    score = evaluation.scores[0]
    lines = [
        "\t\tDUMP OF SYSTEM ALIGNMENT STRUCTURE",
        "",
        f"System name:   {evaluation.hypothesis.path}",
        f"Normalizer:    {score.normalizer}",
        f"Alignment:     {score.alignment}",
        "",
    ]
    for row in worst_first(score, evaluation):
        counts = row.words
        lines += [
            f"id: ({row.id})",
            "Scores: (#C #S #D #I)"
            f" {counts.correct} {counts.substituted} {counts.deleted} {counts.inserted}",
            *columns(row),
            "",
        ]
    return "\n".join(lines) + "\n"


def columns(row: Row) -> list[str]:
    """REF, HYP and Eval lines, a column a word; errors in capitals, gaps as stars."""
    from rich.cells import cell_len

    ref_line, hyp_line, marks = ["REF: "], ["HYP: "], ["Eval:"]
    for op, ref, hyp in row.aligned():
        width = max(cell_len(ref), cell_len(hyp), 1)
        left, right = ref or "*" * width, hyp or "*" * width
        if op == "O":
            left, right = f"({ref})", ""
            width += 2
        elif op != "C":
            left, right = left.upper(), right.upper()
            width = max(cell_len(left), cell_len(right))
        ref_line.append(left + " " * (width - cell_len(left)))
        hyp_line.append(right + " " * (width - cell_len(right)))
        marks.append((op if op in "SDI" else " ").ljust(width))
    return [" ".join(line).rstrip() for line in (ref_line, hyp_line, marks)]


def to_sgml(evaluation: Evaluation) -> str:
    """sclite's sgml, version 2.4: a PATH of columns for each utterance, under its speaker."""
    score = evaluation.scores[0]
    groups = score.by("speaker")
    lines = [
        f"<SYSTEM title={_quoted(evaluation.hypothesis.path)}"
        f" ref_fname={_quoted(evaluation.reference.path)}"
        f" hyp_fname={_quoted(evaluation.hypothesis.path)}"
        f' creation_date="" format="2.4" frag_corr="FALSE" opt_del="TRUE"'
        f' weight_ali="FALSE" weight_filename="">'
    ]
    for speaker, part in groups.items():
        lines.append(f"<SPEAKER id={_quoted(speaker or 'all')}>")
        keep = [row for row in part.rows if row.words.errors or not evaluation.only_errors]
        for number, row in enumerate(keep):
            cells = row.aligned()
            marks = "".join(
                f" {key}s={_quoted(row.columns[key])}"
                if key == "label"
                else f" {key}={_quoted(row.columns[key])}"
                for key in ("label", "file", "channel")
                if key in row.columns
            )
            lines.append(
                f'<PATH id={_quoted(f"({row.id})")} word_cnt="{len(cells)}"{marks}'
                f' sequence="{number}">'
            )
            lines.append(":".join(_cell(*cell) for cell in cells))
            lines.append("</PATH>")
        lines.append("</SPEAKER>")
    return "\n".join([*lines, "</SYSTEM>"]) + "\n"


def _cell(op: str, ref: str, hyp: str) -> str:
    if op == "O":
        return f'C,"({_escaped(ref)})",""'
    left = f'"{_escaped(ref)}"' if op != "I" else ""
    right = f'"{_escaped(hyp)}"' if op != "D" else ""
    return f"{op},{left},{right}"


def _escaped(word: str) -> str:
    """Replace quotation marks, which would end a word: the format has no escapes."""
    return word.replace('"', "''")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'
