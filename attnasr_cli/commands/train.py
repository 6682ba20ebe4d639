"""``attnasr train``: a recipe and recordings become a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attnasr_cli import console
from attnasr_cli.errors import UsageError

app = typer.Typer(add_completion=False)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="TOML file that says what to make")],
    out: Annotated[Path, typer.Option("--out", "-o", help="folder of the new model")],
    train: Annotated[
        list[Path] | None,
        typer.Option("--train", help="corpus folder or manifest; may be repeated"),
    ] = None,
    dev: Annotated[
        list[Path] | None, typer.Option("--dev", help="held-out data; may be repeated")
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="change the recipe: key.sub=value")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32 or bfloat16")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0: all cores", min=0)] = 0,
    cache: Annotated[
        Path | None, typer.Option(help="folder for features, default OUT/train/features")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no progress")] = False,
) -> int:
    """Train a model, or go on with a run that was stopped: the same command does both.

    The folder OUT is a model that `attnasr transcribe -m OUT` takes from the first evaluation on.
    """
    console.set_quiet(quiet)
    from attnasr_cli.training.recipe import read_recipe

    plan = read_recipe(recipe, change or [])
    import torch

    from attnasr_cli.device import choose
    from attnasr_cli.training.run import train as run

    if threads:
        torch.set_num_threads(threads)
    chosen = choose(device, dtype)
    if chosen.dtype not in ("float32", "bfloat16"):
        raise UsageError(f"training in {chosen.dtype} is not offered", "use float32 or bfloat16")
    console.note(chosen.reason)
    base = recipe.parent
    score = run(
        plan,
        train or [base / p for p in plan.data.train],
        dev or [base / p for p in plan.data.dev],
        out,
        chosen.device,
        getattr(torch, chosen.dtype),
        cache,
    )
    console.result(f"{out}: dev WER {score.wer:.2%}, CER {score.cer:.2%}")
    return 0
