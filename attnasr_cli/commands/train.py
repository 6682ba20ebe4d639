"""``attnasr train``: a recipe and recordings become a model."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnasr_cli import console
from attnasr_cli.errors import UsageError

if TYPE_CHECKING:
    from attnasr_cli.device import Placement
    from attnasr_cli.families.recipe.recipe import Recipe
    from attnasr_cli.training.loop import Outcome
    from attnasr_cli.training.parallel.distributed import World

app = typer.Typer(add_completion=False)


@app.command()
def train(
    recipe: Annotated[
        Path | None,
        typer.Argument(help="TOML file, or a name of --list; chosen by the data by default"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="folder of the new model")] = None,
    train: Annotated[
        list[Path] | None,
        typer.Option("--train", help="corpus folder or manifest; may be repeated"),
    ] = None,
    dev: Annotated[
        list[Path] | None,
        typer.Option("--dev", help="held-out data; by default a part of --train"),
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="change the recipe: key.sub=value")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads in all; 0: all cores", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="processes; 0: one for each core or GPU", min=0)] = 0,
    cache: Annotated[
        Path | None, typer.Option(help="folder for features, default OUT/train/features")
    ] = None,
    accept_changes: Annotated[
        bool,
        typer.Option("--accept-changes", help="go on with another recipe or other data"),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="look at data and recipe, and train nothing")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print the recipe with all defaults, and stop")
    ] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="list the recipes that ship, and stop")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="draw the course of a run's folder, and stop")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no progress")] = False,
) -> int:
    """Train a model, or go on with a run that was stopped: the same command does both.

    The folder OUT is a model that `attnasr transcribe -m OUT` takes from the first evaluation on.
    """
    console.set_quiet(quiet)
    from attnasr_cli.training.recipes.read import as_recipe, read_table
    from attnasr_cli.training.recipes.shipped import described, find_recipe

    if list_:
        names = described()
        for name, text in names:
            console.result(f"{name:<{max(len(n) for n, _ in names)}}  {text}")
        return 0
    if plot is not None:
        from attnasr_cli.training.reporting.plot import plot as draw

        for path in draw(plot):
            console.result(str(path))
        return 0
    if recipe is None:
        if not train:
            raise UsageError(
                "no recipe and no data",
                "give --train DATA, or name a recipe of attnasr train --list",
            )
        from attnasr_cli.training.choose import recipe_for

        recipe, chosen_for = recipe_for(train)
        console.note(chosen_for)
    recipe = find_recipe(recipe)
    table = read_table(recipe, change or [])
    of_text = next((kind for kind in ("lm", "neural_lm", "sentences") if kind in table), None)
    if dry_run and of_text is None:
        return _print_recipe(as_recipe(table, recipe))
    if out is None and not check:
        raise UsageError("no folder for the model", "give one with -o")
    if of_text is not None:
        unused = {
            "--dev": dev and of_text == "lm",
            "--device": device != "auto", "--dtype": dtype != "auto",
            "--threads": threads, "--workers": workers, "--cache": cache,
            "--accept-changes": accept_changes, "--check": check, "--dry-run": dry_run,
        }  # fmt: skip
        return _train_on_text(
            table, recipe, out or Path(), train or [], dev or [],
            [n for n, used in unused.items() if used],
        )  # fmt: skip
    # oneDNN keeps the code that it made for so many shapes; 1024 are too few for a run's.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16384")
    plan = as_recipe(table, recipe)
    if plan.data.train and not train:
        train = [recipe.parent / p for p in plan.data.train]
    if plan.data.dev and not dev:
        dev = [recipe.parent / p for p in plan.data.dev]
    from attnasr_cli.training.parallel.distributed import from_torchrun
    from attnasr_cli.training.parallel.interrupt import exit_with_parent
    from attnasr_cli.training.parallel.launch import launch

    world = from_torchrun()
    if world is not None:
        exit_with_parent(os.getppid())  # whatever happens to torchrun, nothing is left behind
        if not world.is_main:
            console.set_quiet(True)
    chosen = _placements(device, dtype, world)
    console.note(chosen[0].reason)
    size, each = _processes(chosen, workers, threads, world)
    import torch

    if check:
        torch.set_num_threads(each)
        return _check(plan, train or [], dev or [], chosen, size)
    assert out is not None  # or it is a check
    work = partial(_work, plan, train or [], dev or [], out, chosen, cache, accept_changes)
    if world is None:
        outcome = launch(size, work, each)
    else:
        torch.set_num_threads(each)
        outcome = work(world)
    if world is None or world.is_main:
        console.result(f"{out}: dev WER {outcome.wer:.2%}, CER {outcome.cer:.2%}")
    return 0


def _print_recipe(plan: Recipe) -> int:
    """The resolved recipe as TOML, on stdout."""
    from attnasr_cli.training.recipes.record import dumped
    from attnasr_cli.training.start import check_config

    if plan.init is None:
        check_config(plan)
    console.result(dumped(plan).rstrip())
    return 0


def _check(
    plan: Recipe, train: list[Path], dev: list[Path], chosen: list[Placement], processes: int
) -> int:
    """Findings about the data on stdout; 1 where nothing can be trained."""
    import torch

    from attnasr_cli.training.check import COPIES, check
    from attnasr_cli.training.estimate import measure, sentences
    from attnasr_cli.training.start import start_from, trial

    if not train:
        raise UsageError("a check needs training data", "give --train")
    plan, start = start_from(plan)
    net, targets, tokenizer = trial(plan, start)
    cost = measure(plan, net, targets, chosen[0].device, getattr(torch, chosen[0].dtype))
    parameters = sum(p.numel() for p in net.parameters())
    costs = sentences(plan, cost, parameters, processes, COPIES)
    found = check(plan, train, dev, costs, tokenizer)
    for line in found.lines:
        console.result(line)
    for problem in found.problems:
        console.result(f"! {problem}")
    if found.usable:
        return 0
    console.error("there is nothing to train or to measure on", "see the lines above")
    return 1


def _placements(device: str, dtype: str, world: World | None) -> list[Placement]:
    """The devices of the run: one for each process with GPUs, all of them where none is named."""
    from attnasr_cli.device import choose_for_training

    chosen = choose_for_training(device, dtype)
    if world is None or chosen[0].device.type == "cpu":
        return chosen
    if len(chosen) == 1 and device not in ("auto", "cuda"):
        return chosen
    if world.local_rank >= len(chosen):
        raise UsageError(
            f"process {world.local_rank} of this machine has no GPU: there are {len(chosen)}",
            "give torchrun --nproc-per-node as many processes as there are GPUs, or --device cpu",
        )
    return [chosen[world.local_rank]]


def _processes(
    chosen: list[Placement], workers: int, threads: int, world: World | None
) -> tuple[int, int]:
    """How many processes to start, and the CPU threads of each."""
    import torch

    if world is not None:
        if workers:
            raise UsageError("--workers under torchrun", "torchrun --nproc-per-node says how many")
        here = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
        # torchrun itself gives each process one thread, by OMP_NUM_THREADS
        return world.size, max(threads // here, 1) if threads else torch.get_num_threads()
    total = threads or torch.get_num_threads()  # the cores, or OMP_NUM_THREADS
    on_cpu = chosen[0].device.type == "cpu"
    size = workers or (total if on_cpu else len(chosen))
    if not on_cpu and size != len(chosen):
        raise UsageError(
            f"{size} workers for {len(chosen)} GPUs", "one worker for each device of --device"
        )
    return size, max(total // size, 1)


def _train_on_text(
    table: dict[str, Any],
    recipe: Path,
    out: Path,
    texts: list[Path],
    dev: list[Path],
    unused: list[str],
) -> int:
    """Train on text alone: a language model, or a net for case and punctuation."""
    what = "sentence net" if "sentences" in table else "language model"
    if unused:
        raise UsageError(f"{recipe} makes a {what}, which does not use {unused[0]}", "leave it out")
    if "neural_lm" in table:
        from attnasr_cli.training.neural_lm.recipe import train_recipe as train_net

        trained = train_net(table, recipe, out, texts, dev)
        figure = f", perplexity {trained.perplexity:.1f}" if trained.perplexity else ""
        console.result(f"{out}: neural language model of {trained.bytes / 1e6:.1f} MB{figure}")
        return 0
    if "sentences" in table:
        from attnasr_cli.training.sentences.recipe import train_recipe

        made = train_recipe(table, recipe, out, texts, dev)
        found = f", {made.held_out.summary()}" if made.held_out else ""
        console.result(f"{out}: sentence net of {made.bytes / 1e6:.1f} MB{found}")
        return 0
    from attnasr_cli.training.of_text.language_model import train_lm

    report = train_lm(table, recipe, out, texts)
    held = report.held_out
    figure = f", perplexity {held.perplexity:.1f}" if held else ""
    console.result(f"{out}: language model of {report.bytes / 1e6:.1f} MB{figure}")
    return 0


def _work(
    plan: Recipe,
    train: list[Path],
    dev: list[Path],
    out: Path,
    chosen: list[Placement],
    cache: Path | None,
    accept_changes: bool,
    world: World,
) -> Outcome:
    """The work of each process."""
    import torch

    from attnasr_cli.training.train import train as run

    own = chosen[world.local_rank % len(chosen)]
    dtype = getattr(torch, own.dtype)
    return run(plan, train, dev, out, own.device, dtype, cache, accept_changes, world)
