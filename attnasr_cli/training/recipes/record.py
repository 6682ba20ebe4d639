"""The record of a run in its folder: its whole recipe and data, with which a resumed run must
agree."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from attnasr_cli.audio import tar
from attnasr_cli.checkpoint.tables import dumps, to_table
from attnasr_cli.errors import AttnasrError, UsageError
from attnasr_cli.families.recipe.recipe import Recipe
from attnasr_cli.families.recipe.sections import InitConfig
from attnasr_cli.files import write_text
from attnasr_cli.training.formats.utterance import Utterance
from attnasr_cli.training.resume import STATE

RECIPE, DATA = "recipe.toml", "data.json"
FREE = (
    "name", "origin", "decoding", "optim.updates", "optim.fall", "run.evaluate",
    "run.dev_utterances", "run.save_minutes", "run.tensorboard", "run.average_best",
    "run.patience", "batch.at_once", "batch.ahead", "batch.recompute", "data.cache", "data.train",
    "data.dev",
)  # fmt: skip
"""keys that may be changed when a run is resumed"""
FIXED = (
    "net", "config", "features", "text.kind", "text.vocab", "text.normalizer",
    "init.keep_tokenizer", "init.words", "init.freeze", "lora",
)  # fmt: skip
"""keys that the weights in the resume point depend on"""


@dataclass(frozen=True)
class DataRecord:
    """What identifies a list of utterances."""

    utterances: int
    sha256: str
    """hash of ids, texts and sizes of the recordings"""


def data_record(utterances: Sequence[Utterance]) -> DataRecord:
    """The record of these utterances, which does not depend on their order."""
    lines = []
    for u in utterances:
        try:
            size = tar.size_and_time(u.path)[0]
        except (OSError, AttnasrError):
            size = -1
        lines.append(
            f"{u.id}\t{size}\t{u.start_s}\t{u.end_s}\t{u.text}\n".encode("utf-8", "surrogateescape")
        )
    return DataRecord(len(lines), hashlib.sha256(b"".join(sorted(lines))).hexdigest())


def check_folder(out: Path) -> None:
    """Refuse a folder that has a model but no run to resume: the model would be overwritten."""
    if (out / "model.toml").is_file() and not (out / "train" / STATE).is_file():
        raise UsageError(
            f"{out} holds a model already, and no run to go on with",
            "train into another folder, or remove this one",
        )


def check_unchanged(
    out: Path, recipe: Recipe, data: Mapping[str, DataRecord], accept: bool
) -> None:
    """Raise UsageError, naming the differences, where the run in ``out`` was started with another
    recipe or other data."""
    if not (out / "train" / STATE).is_file() or not (out / RECIPE).is_file():
        return
    before = tomllib.loads((out / RECIPE).read_text(encoding="utf-8"))
    # an older version has not written the keys that it did not know
    init = InitConfig(before["init"]["model"]) if "init" in before else None
    before = _filled(before, tables(Recipe(name=recipe.name, net=recipe.net, init=init)))
    for key, old, new in differences(before, tables(recipe)):
        if _among(key, FREE):
            continue
        change = f"{out} was begun with {key} = {_shown(old)}, the recipe has {_shown(new)}"
        if _among(key, FIXED):
            raise UsageError(change, "train into another folder; [init] may start from this model")
        if not accept:
            raise UsageError(change, "put it back, or give --accept-changes to go on with it")
    stored = json.loads((out / "train" / DATA).read_text(encoding="utf-8"))
    for name, record in data.items():
        if stored.get(name) != asdict(record) and not accept:
            count = stored.get(name, {}).get("utterances")
            raise UsageError(
                f"the {name} data of {out} has changed: {count} utterances when it was begun, "
                f"{record.utterances} now, or other texts or recordings",
                "put it back, or give --accept-changes to go on with it",
            )


def write_record(out: Path, recipe: Recipe, data: Mapping[str, DataRecord]) -> None:
    """Store both in the folder of a run."""
    write_text(out / RECIPE, dumped(recipe))
    records = {name: asdict(record) for name, record in data.items()}
    write_text(out / "train" / DATA, json.dumps(records, indent=1) + "\n")


def dumped(recipe: Recipe) -> str:
    """The whole recipe as TOML."""
    return dumps(to_table(recipe))


def tables(recipe: Recipe) -> dict[str, Any]:
    """The whole recipe as it is written: every key with its value."""
    return tomllib.loads(dumped(recipe))


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = ""
) -> list[tuple[str, Any, Any]]:
    """(key, before, after) of every key whose value differs; None where there is none."""
    found: list[tuple[str, Any, Any]] = []
    for key in sorted(set(before) | set(after)):
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append((prefix + key, old, new))
    return found


def _filled(table: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The table with defaults where it has nothing."""
    filled = {**defaults, **table}
    for key, value in defaults.items():
        if isinstance(value, Mapping) and isinstance(table.get(key), Mapping):
            filled[key] = _filled(table[key], value)
    return filled


def _among(key: str, names: Sequence[str]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in names)


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
