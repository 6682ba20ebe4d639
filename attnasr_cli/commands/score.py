"""``attnasr score``: options and printing; the work is in ``attnasr_cli.scoring``."""

from __future__ import annotations

import filecmp
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from attnasr_cli import console
from attnasr_cli.commands import model_options
from attnasr_cli.errors import DataError, UsageError

if TYPE_CHECKING:
    from attnasr_cli.scoring.summary import Evaluation
    from attnasr_cli.scoring.types import Pairing, Texts

app = typer.Typer(add_completion=False, rich_markup_mode=None)

FORMATS = ("table", "json", "csv", "html", "pra", "sgml")  # as report.write has them
# options that a format cannot show: they are refused, never ignored
UNUSED = {
    "table": (),
    "json": ("--worst",),
    "html": ("--worst",),
    "csv": ("--by", "--worst", "--top", "--samples", "--seed"),
    "pra": ("--by", "--worst", "--top", "--samples", "--seed", "--against"),
    "sgml": ("--by", "--worst", "--top", "--samples", "--seed", "--against"),
}
EXIT_ABOVE = 3

KIND = "tsv, csv, jsonl, json, txt, kaldi, trn, ctm, stm, srt, vtt, ass, lrc or textgrid"


def _path(name: str) -> Path:
    """The path given. Raises UsageError for an empty one, which would be the current folder."""
    if not name:
        raise UsageError("an empty name", "is a variable unset? name a file, a folder or -")
    return Path(name)


@app.command()
def score(
    ref: Annotated[
        Path,
        typer.Argument(metavar="REF", parser=_path, help="References: a file, a folder or -."),
    ],
    hyp: Annotated[
        Path | None,
        typer.Argument(metavar="HYP", parser=_path, help="Hypotheses: a file, a folder or -."),
    ] = None,
    normalizer: Annotated[
        str,
        typer.Option(
            "--normalizer",
            "-n",
            help="none, lower, basic, whisper, a .glm file, module:function or an entry point;"
            " several with commas, side by side.",
        ),
    ] = "lower",
    alignment: Annotated[
        str, typer.Option(help="levenshtein (jiwer's counts) or nist (sclite's).")
    ] = "levenshtein",
    unit: Annotated[str, typer.Option(help="word, or char for Chinese and Japanese.")] = "word",
    compounds: Annotated[
        bool,
        typer.Option(
            "--compounds", help='"tv set" for "tvset" is no error: such words are counted apart.'
        ),
    ] = False,
    by: Annotated[
        list[str] | None,
        typer.Option(help="Figures for each value of a column (speaker, file, …); repeatable."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="OTHER", parser=_path, help="A second system, compared with HYP."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Transcribe the recordings of REF instead of HYP.")
    ] = None,
    cluster: Annotated[str | None, typer.Option(help="With --model: a Ray cluster.")] = None,
    workers: Annotated[int | None, typer.Option(help="Workers of the cluster [all].")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="With --model: an option of transcribe, like vad=false; repeatable."),
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Count missing hypotheses as deleted.")
    ] = False,
    format: Annotated[
        str | None,
        typer.Option(help="table, json, csv, html, pra or sgml; else by the ending of --output."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", parser=_path, help="Write to a file."),
    ] = None,
    only_errors: Annotated[
        bool, typer.Option("--only-errors", help="Show only the utterances with errors.")
    ] = False,
    worst: Annotated[int | None, typer.Option(help="Utterances shown in the table [5].")] = None,
    top: Annotated[int | None, typer.Option(help="Frequent errors shown [10].")] = None,
    ref_format: Annotated[str | None, typer.Option(help=f"What REF is: {KIND}.")] = None,
    hyp_format: Annotated[str | None, typer.Option(help="What HYP and OTHER are.")] = None,
    ref_column: Annotated[
        str | None, typer.Option(help="The column of REF with the texts; else known by its name.")
    ] = None,
    hyp_column: Annotated[str | None, typer.Option(help="That of HYP.")] = None,
    against_column: Annotated[str | None, typer.Option(help="That of OTHER [as of HYP].")] = None,
    fail_above: Annotated[
        float | None, typer.Option(metavar="RATE", help="Exit 3 if the error rate is above: 0.15.")
    ] = None,
    samples: Annotated[int | None, typer.Option(help="Bootstrap samples [2000].")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the bootstrap [0].")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes on stderr.")] = False,
) -> int:
    """Word and character error rates of hypotheses against references, paired by id.

    The kind of each file is known from its content: tables with columns id (or path) and text,
    JSON, folders of txt, Kaldi text, NIST trn, ctm and stm, subtitles.
    """
    console.set_quiet(quiet)
    names = [name.strip() for name in normalizer.split(",") if name.strip()]
    form = _form(format, output)
    given = {
        "--by": by,
        "--worst": worst,
        "--top": top,
        "--samples": samples,
        "--seed": seed,
        "--against": against,
    }
    _check(form, given, names, fail_above, ref, hyp, model, against, hyp_column, against_column)
    if (cluster or workers is not None) and not (cluster and model and (workers or 1) > 0):
        _refuse("--cluster needs --model, and --workers both", "--model NAME --cluster local")
    if option and model is None:
        _refuse("--option without --model", "it is for the model that transcribes")
    if compounds and unit == "char":
        _refuse("--compounds does nothing with --unit char", "leave one of them out")
    from attnasr_cli.scoring import bootstrap, normalizers, summary, wer
    from attnasr_cli.scoring.compare import compare
    from attnasr_cli.scoring.hypotheses import transcribe
    from attnasr_cli.scoring.read.load import load
    from attnasr_cli.scoring.report.write import write
    from attnasr_cli.scoring.types import HYP, REF, Want

    how = [normalizers.find(name) for name in names]
    wer.check(alignment, unit)
    refs = load(ref, Want(REF, ref_format, ref_column))
    if hyp is None:
        hyps = transcribe(refs, model or "", cluster, workers, **model_options.parse(option or ()))
    else:
        hyps = load(hyp, Want(HYP, hyp_format, hyp_column))
        _check_apart((ref, refs), (hyp, hyps), "--hyp-column")
    paired = _paired(refs, hyps, allow_missing)
    scores = [
        wer.score_pairs(paired.pairs, one, alignment=alignment, unit=unit, compounds=compounds)
        for one in how
    ]
    out = summary.Evaluation(
        summary.Origin(refs.path, refs.kind, refs.column),
        summary.Origin(hyps.path, hyps.kind, hyps.column),
        paired.how,
        scores,
        by=tuple(by or ()),
        only_errors=only_errors,
        worst=5 if worst is None else worst,
        top=10 if top is None else top,
        samples=bootstrap.SAMPLES if samples is None else samples,
        seed=bootstrap.SEED if seed is None else seed,
    )
    _check_columns(out)
    if against is not None:
        others = load(against, Want(HYP, hyp_format, against_column or hyp_column))
        _check_apart((ref, refs), (against, others), "--against-column")
        if hyp is not None:
            _check_apart((hyp, hyps), (against, others), "--against-column")
        other = _paired(refs, others, allow_missing)
        out.against = summary.Origin(others.path, others.kind, others.column)
        for one, first in zip(how, scores, strict=True):
            second = wer.score_pairs(
                other.pairs, one, alignment=alignment, unit=unit, compounds=compounds
            )
            out.comparisons.append(compare(first, second, out.samples, out.seed))
    write(out, form, output)
    rate = scores[0].words.error_rate
    if fail_above is not None and rate > fail_above:
        console.warn(f"{summary.label(scores[0])} {rate:.4f} is above {fail_above}")
        return EXIT_ABOVE
    return 0


def _form(format: str | None, output: Path | None) -> str:
    if format is not None:
        if format not in FORMATS:
            _refuse(f"no format {format!r}", f"one of: {', '.join(FORMATS)}")
        return format
    ending = output.suffix[1:].lower() if output else ""
    form = {"": "table", "txt": "table", "htm": "html"}.get(ending, ending)
    if form not in FORMATS:
        _refuse(f"cannot tell the format from {output}", f"--format {', '.join(FORMATS)}")
    return form


def _refuse(message: str, hint: str) -> NoReturn:
    raise UsageError(message, hint)


def _check(
    form: str,
    given: Mapping[str, object],
    names: list[str],
    fail_above: float | None,
    ref: Path,
    hyp: Path | None,
    model: str | None,
    against: Path | None,
    hyp_column: str | None,
    against_column: str | None,
) -> None:
    """Raise UsageError for everything that can be refused before a file is read."""
    for option in UNUSED[form]:
        if given[option] not in (None, []):
            _refuse(f"{option} does nothing with --format {form}", "leave one of them out")
    for option, least in (("--worst", 0), ("--top", 0), ("--samples", 100), ("--seed", 0)):
        value = given[option]
        if isinstance(value, int) and value < least:
            _refuse(f"{option} {value} is too small", f"at least {least}")
    if not names:
        _refuse("no normalizer named", "--normalizer none compares the words as they stand")
    if len(set(names)) < len(names):
        _refuse("a normalizer is named twice", "name each once")
    if len(names) > 1 and form in ("pra", "sgml"):
        _refuse(f"{form} shows one normalizer", "name one")
    if fail_above is not None:
        if len(names) > 1:
            _refuse("--fail-above needs one normalizer", "name one")
        if not 0 <= fail_above <= 1 or math.isnan(fail_above):
            _refuse(f"--fail-above {fail_above:g} is not a rate", "15 % is 0.15")
    if model == "":
        _refuse("an empty name of a model", "attnasr models list shows which there are")
    if (hyp is None) == (model is None):
        _refuse(
            "HYP is missing"
            if hyp is None
            else "--model makes the hypotheses; HYP is one too many",
            "attnasr score REF HYP (a table with both columns: twice), or score REF --model NAME",
        )
    if against_column is not None and against is None:
        _refuse("--against-column needs --against", "name the second system's file")
    if model is not None and hyp_column is not None and against is None:
        _refuse("--hyp-column does nothing with --model", "leave one of them out")
    if [str(ref), str(hyp), str(against)].count("-") > 1:
        _refuse("stdin can be only one of the inputs", "give files for the others")


def _check_apart(one: tuple[Path, Texts], two: tuple[Path, Texts], option: str) -> None:
    """Refuse to score a file against itself, and warn of a copy: both give a rate of 0."""
    (path, texts), (other, others) = one, two
    if not (path.is_file() and other.is_file()):
        return
    if not path.samefile(other):
        if path.stat().st_size and filecmp.cmp(path, other, shallow=False):
            console.warn(f"{other} is a copy of {path}, byte for byte")
    elif (texts.kind, texts.column) == (others.kind, others.column):
        column = f": the column {texts.column!r} on both sides" if texts.column else ""
        raise DataError(
            f"{path} is compared with itself{column}",
            f"name another column with {option}" if column else "name another file",
        )


def _paired(refs: Texts, hyps: Texts, allow_missing: bool) -> Pairing:
    from attnasr_cli.scoring import pairing

    paired = pairing.pair(refs, hyps, allow_missing)
    for texts in (refs, hyps):
        if texts.note:
            console.note(f"{texts.path}: {texts.note}")
            texts.note = ""  # once, though references are paired with two systems
    if paired.how != "by id":
        console.note(f"{hyps.path}: {len(paired.pairs):,} utterances paired {paired.how}")
    if paired.missing:
        console.warn(f"{hyps.path} lacks {paired.missing:,}: all their words count as deleted")
    return paired


def _check_columns(out: Evaluation) -> None:
    there = sorted({key for row in out.scores[0].rows for key in row.columns})
    for column in out.by:
        if column not in there:
            raise DataError(
                f"{out.reference.path}: no column {column!r} to sort by",
                f"there are: {', '.join(there)}" if there else "the references have none",
            )
