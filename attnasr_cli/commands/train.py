"""``attnasr train``: a recipe and recordings become a model."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnasr_cli import console
from attnasr_cli.errors import UsageError

if TYPE_CHECKING:
    from attnasr_cli.device import Placement
    from attnasr_cli.scoring.wer import Score
    from attnasr_cli.training.distributed import World
    from attnasr_cli.training.recipe import Recipe

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
    workers: Annotated[int, typer.Option(help="processes; 0: one for each core or GPU", min=0)] = 0,
    cache: Annotated[
        Path | None, typer.Option(help="folder for features, default OUT/train/features")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no progress")] = False,
) -> int:
    """Train a model, or go on with a run that was stopped: the same command does both.

    The folder OUT is a model that `attnasr transcribe -m OUT` takes from the first evaluation on.
    """
    console.set_quiet(quiet)
    from attnasr_cli.training.recipe import as_recipe, read_table

    table = read_table(recipe, change or [])
    if "lm" in table:
        unused = {
            "--dev": dev, "--device": device != "auto", "--dtype": dtype != "auto",
            "--threads": threads, "--workers": workers, "--cache": cache,
        }  # fmt: skip
        return _train_lm(
            table, recipe, out, train or [], [n for n, given in unused.items() if given]
        )
    # oneDNN keeps the code that it made for so many shapes; 1024 are too few for a run's.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16384")
    plan = as_recipe(table, recipe)
    if plan.data.train and not train:
        train = [recipe.parent / p for p in plan.data.train]
    if plan.data.dev and not dev:
        dev = [recipe.parent / p for p in plan.data.dev]
    import torch

    from attnasr_cli.device import choose_all
    from attnasr_cli.training.distributed import launch
    from attnasr_cli.training.train import train as run

    if threads:
        torch.set_num_threads(threads)
    chosen = choose_all(device, dtype)
    if chosen[0].dtype not in ("float32", "bfloat16"):
        raise UsageError(f"training in {chosen[0].dtype} is not offered", "use float32 or bfloat16")
    console.note(chosen[0].reason)
    on_cpu = chosen[0].device.type == "cpu"
    size = workers or (torch.get_num_threads() if on_cpu else len(chosen))
    if not on_cpu and size != len(chosen):
        raise UsageError(
            f"{size} workers for {len(chosen)} GPUs", "one worker for each device of --device"
        )
    score = launch(size, partial(_work, run, plan, train or [], dev or [], out, chosen, cache))
    console.result(f"{out}: dev WER {score.wer:.2%}, CER {score.cer:.2%}")
    return 0


def _train_lm(
    table: dict[str, Any], recipe: Path, out: Path, texts: list[Path], unused: list[str]
) -> int:
    if unused:
        raise UsageError(
            f"{recipe} makes a language model, which does not use {unused[0]}", "leave it out"
        )
    from attnasr_cli.training.language_model import train_lm

    report = train_lm(table, recipe, out, texts)
    held = report.held_out
    figure = f", perplexity {held.perplexity:.1f}" if held else ""
    console.result(f"{out}: language model of {report.bytes / 1e6:.1f} MB{figure}")
    return 0


def _work(
    run: Callable[..., Score],
    plan: Recipe,
    train: list[Path],
    dev: list[Path],
    out: Path,
    chosen: list[Placement],
    cache: Path | None,
    world: World,
) -> Score:
    """What each process does."""
    import torch

    own = chosen[world.rank % len(chosen)]
    return run(plan, train, dev, out, own.device, getattr(torch, own.dtype), cache, world)
