"""``attnasr models``: list, show, download, export and choose models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from attnasr_cli import console
from attnasr_cli.checkpoint.hub import Source
from attnasr_cli.checkpoint.registry import Entry, user_folder
from attnasr_cli.errors import ModelError, OutputError, UsageError, reason
from attnasr_cli.files import replacing_folder

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The models at hand.")

SHOWN = 6
"""languages of a model that are listed one by one"""
Format = Annotated[str, typer.Option("--format", help="table or json")]


@app.command("list")
def list_models(
    format: Format = "table",
    everything: Annotated[
        bool,
        typer.Option("--all", help="published models too, downloaded when asked for"),
    ] = False,
) -> None:
    """List the models that can be used by name."""
    _check(format)
    from attnasr_cli.families.registry import at_hand

    rows = [_row(entry) for entry in at_hand()]
    if everything:
        rows += _on_the_hub({row["name"] for row in rows})
    if format == "json":
        console.result(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        console.note(f"no models; put one into {user_folder()}")
    if everything:
        console.note("published WER: LibriSpeech test-clean/test-other, or test-clean alone")
    cells = [_cells(row, everything) for row in rows]
    widths = [max((len(cell) for cell in column), default=0) for column in zip(*cells, strict=True)]
    for line in cells:
        console.result("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())


def _cells(row: dict[str, Any], everything: bool) -> list[str]:
    """A row of the table; what is not known is a dash."""
    wer = f"dev WER {row['dev_wer']:.1%}" if row["dev_wer"] is not None else ""
    languages = row["languages"]
    some = ",".join(languages) if len(languages) <= SHOWN else f"{len(languages)} languages"
    if not everything:
        return [row["name"], row["net"], some, wer, row["origin"]]
    size = f"{row['parameters']} M" if row["parameters"] else "-"
    wer = wer or (f"WER {row['published_wer']}" if row["published_wer"] else "-")
    licence = row["licence"] or "-"
    return [row["name"], row["net"], size, some or "-", licence, wer, row["origin"]]


def _on_the_hub(here: set[str]) -> list[dict[str, Any]]:
    """Rows of the published models that are not on this machine."""
    from attnasr_cli.families.registry import families

    return [
        {
            "name": name,
            "net": family.name,
            "languages": [],
            "dev_wer": None,
            "origin": "hub",
            "path": None,
            **_known(source),
        }
        for family in families()
        for name, source in family.published.items()
        if name not in here
    ]


def _known(source: Source | None) -> dict[str, Any]:
    """The columns of a row that are known of a published model."""
    about = source.about if source is not None else None
    if about is None:
        return {"parameters": None, "licence": None, "published_wer": None}
    return {
        "languages": list(about.languages),
        "parameters": about.parameters,
        "licence": about.licence,
        "published_wer": about.wer or None,
    }


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="a model's name or folder")], format: Format = "table"
) -> None:
    """Show what a model is: net, sizes, features, decoding, origin."""
    _check(format)
    from attnasr_cli.families.models import find

    path = find(name)
    table = _header(path)
    if format == "json":
        console.result(json.dumps({"path": str(path), **table}, indent=2, ensure_ascii=False))
        return
    from attnasr_cli.checkpoint.tables import dumps

    console.result(f"# {path}")
    console.result(dumps(table).rstrip())


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="whisper-tiny … or owner/name[@revision] on the hub")],
) -> None:
    """Download a published model, or say where it is already."""
    from attnasr_cli.checkpoint import hub, registry
    from attnasr_cli.families.registry import published

    wanted = hub.source(name, published())
    if wanted is None:
        here = {entry.name: entry.path for entry in registry.entries()}
        if name in here:
            console.result(str(here[name]))
            return
        raise UsageError(
            f"{name!r} is not a published model",
            f"give owner/name, or one of {', '.join(published())}",
        )
    console.result(str(hub.pull(wanted)))


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="a model: name, folder or file")],
    folder: Annotated[Path, typer.Argument(help="a new folder")],
    tokenizer: Annotated[
        Path | None, typer.Option(help="tokenizer.json or .tiktoken, for a .pt")
    ] = None,
) -> None:
    """Write a published kind of model as a Hugging Face folder that transformers loads."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already", "name a new folder")
    from attnasr_cli.families.models import load
    from attnasr_cli.families.registry import family_of_style

    extra = {} if tokenizer is None else {"tokenizer": tokenizer}
    model = load(name, **extra)
    from safetensors import SafetensorError

    try:
        with replacing_folder(folder) as part:
            family_of_style(model.features.style).export(model, part)
    except (OSError, SafetensorError) as problem:
        raise OutputError(
            f"cannot write {folder}: {reason(problem)}",
            "nothing is left half-written; check space and rights, then export it again",
        ) from None
    console.result(str(folder))


@app.command()
def default(
    name: Annotated[
        str | None, typer.Argument(help="a model's name or folder; without it: which one it is")
    ] = None,
) -> None:
    """Choose the model that is taken without -m, in your own configuration."""
    from attnasr_cli.commands.configured import configured_value
    from attnasr_cli.transcribe.config import set_default, user_file

    if name is None:
        used, source = configured_value("model")
        console.result(f"{used}  # {source}")
        return
    set_default("model", _usable(name))
    console.result(f"{user_file()}: model = {name}")
    used, source = configured_value("model")
    if source != str(user_file()):
        console.warn(f"here {source} says {used}, which comes before it")


def _usable(name: str) -> str:
    """The name of a model, or its absolute path; a published one need not be downloaded yet."""
    from attnasr_cli.checkpoint import hub, registry
    from attnasr_cli.families.registry import published

    wanted = hub.source(name, published())
    if wanted is not None and not Path(name).exists():
        if hub.local(wanted) is None:
            console.note(f"it is downloaded at its first use, or now: attnasr models pull {name}")
        return name
    path = registry.find(name, published())
    return str(path.absolute()) if Path(name).exists() else name


def _check(format: str) -> None:
    if format not in ("table", "json"):
        raise UsageError(f"unknown format {format!r}", "use table or json")


def _header(path: Path) -> dict[str, Any]:
    """``model.toml``, or the sizes in a Hugging Face ``config.json``; no torch is needed."""
    import tomllib

    if path.is_file():
        return _file_header(path)
    file = path / "model.toml"
    try:
        if file.is_file():
            return tomllib.loads(file.read_text(encoding="utf-8"))
        table: dict[str, Any] = json.loads((path / "config.json").read_text(encoding="utf-8"))
        return {"name": path.name, "net": str(table.get("model_type", "unknown")), "config": table}
    except (OSError, ValueError) as problem:
        raise ModelError(f"damaged model {path}: {problem}", "copy the folder again") from None


def _file_header(path: Path) -> dict[str, Any]:
    """Facts about a checkpoint that is a single file, without loading it."""
    from attnasr_cli.families.registry import family_of_checkpoint

    family = family_of_checkpoint(path)
    if family is None:
        raise ModelError(f"{path} is not a model", "give a model folder or a checkpoint")
    size = round(path.stat().st_size / 1e6, 1)
    return {"name": path.stem, "net": family.name, "file": {"megabytes": size}}


def _row(entry: Entry) -> dict[str, Any]:
    try:
        header = _header(entry.path)
    except ModelError as problem:  # one damaged model must not hide the others
        console.warn(problem.message)
        header = {}
    from attnasr_cli.families.registry import published

    origin = header.get("origin", {})
    own = {
        "name": entry.name,
        "net": str(header.get("net", "damaged")),
        "languages": list(header.get("languages", [])),
        "dev_wer": origin.get("dev_wer"),
        "origin": entry.origin,
        "path": str(entry.path),
    }
    source = published().get(entry.name) if entry.origin == "downloaded" else None
    known = _known(source)
    return {**own, **known, "licence": known["licence"] or origin.get("licence")}
