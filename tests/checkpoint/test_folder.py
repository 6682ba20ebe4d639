"""A model folder: what is saved is what is loaded, and every damage is named."""

from __future__ import annotations

import errno
import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from attnasr_cli.app import main
from attnasr_cli.checkpoint.folder import load_model, save_model
from attnasr_cli.checkpoint.tables import dumps, inline
from attnasr_cli.errors import ModelError, OutputError
from attnasr_cli.families import models


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def test_round_trip_gives_the_same_numbers(model: Path, tmp_path: Path) -> None:
    first = load_model(model)
    save_model(tmp_path / "again", first.net, "again", first.tokenizer, first.features)
    again = load_model(tmp_path / "again")
    features, lengths = torch.randn(1, 50, 20), torch.tensor([50])
    tokens = torch.tensor([[1, 5, 6]])
    assert torch.equal(first.net(features, lengths, tokens), again.net(features, lengths, tokens))
    assert again.tokenizer.pieces == first.tokenizer.pieces


def test_half_precision_weights_are_half_the_size_and_load(model: Path, tmp_path: Path) -> None:
    first = load_model(model)
    save_model(
        tmp_path / "half", first.net, "half", first.tokenizer, first.features,
        dtype=torch.bfloat16,
    )  # fmt: skip
    sizes = [(p / "weights.safetensors").stat().st_size for p in (model, tmp_path / "half")]
    assert sizes[1] < 0.75 * sizes[0]
    assert next(load_model(tmp_path / "half").net.parameters()).dtype == torch.float32


def edit(model: Path, old: str, new: str) -> None:
    file = model / "model.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


DAMAGES: dict[str, tuple[Any, str]] = {
    "no weights": (lambda m: (m / "weights.safetensors").unlink(), "no weights file"),
    "flipped byte": (
        lambda m: (m / "weights.safetensors").write_bytes(
            (m / "weights.safetensors").read_bytes()[:-1] + b"?"
        ),
        "checksum differs",
    ),
    "no tokenizer": (lambda m: (m / "characters.json").unlink(), "no tokenizer file"),
    "damaged tokenizer": (
        lambda m: (m / "characters.json").write_text("{broken"),
        "damaged tokenizer",
    ),
    "other tokenizer": (
        lambda m: (m / "characters.json").write_text('["a", "b"]'),
        "the tokenizer has 6 tokens",
    ),
    "not TOML": (lambda m: (m / "model.toml").write_text("= nothing"), "damaged"),
    "cut off": (
        lambda m: (m / "model.toml").write_bytes((m / "model.toml").read_bytes()[:60]),
        "damaged",
    ),
    "unknown key": (lambda m: edit(m, "kernel = 5", "kernle = 5"), "did you mean 'kernel'"),
    "missing key": (lambda m: edit(m, "kernel = 5\n", ""), "missing key 'kernel'"),
    "wrong type": (lambda m: edit(m, "kernel = 5", 'kernel = "5"'), "not of type int"),
    "impossible": (lambda m: edit(m, "kernel = 5", "kernel = 4"), "must be odd"),
    "other sizes": (lambda m: edit(m, "width = 16", "width = 32"), "is (31, 16), not (31, 32)"),
    "other net": (lambda m: edit(m, 'net = "conformer"', 'net = "conformist"'), "unknown net"),
    "future": (lambda m: edit(m, "schema = 1", "schema = 9"), "has schema 9"),
    "bad style": (lambda m: edit(m, 'style = "logmel"', 'style = "x"'), "unknown feature style"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_every_damage_is_named(case: str, model: Path) -> None:
    damage, message = DAMAGES[case]
    damage(model)
    with pytest.raises(ModelError) as caught:
        models.load(model)
    assert message in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_file_in_place_of_a_folder(model: Path) -> None:
    with pytest.raises(ModelError, match="not a model folder"):
        load_model(model / "weights.safetensors")
    with pytest.raises(ModelError, match="not a model folder"):
        load_model(model.parent)


def test_a_full_disk_leaves_the_old_model_whole(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_model(model)
    before = {p.name: p.read_bytes() for p in model.iterdir()}

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        save_model(model, first.net, "x", first.tokenizer, first.features)
    assert {p.name: p.read_bytes() for p in model.iterdir()} == before


def test_a_model_is_whole_at_every_moment_while_it_is_replaced(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed, or read by another process, after any of the writes."""
    first = load_model(model)
    changed = load_model(model)
    with torch.no_grad():
        for parameter in changed.net.parameters():
            parameter.add_(1.0)
    wanted = [m.net.state_dict() for m in (first, changed)]
    seen = 0
    for name in ("replace", "unlink", "link"):
        real = getattr(os, name)

        def watched(*args: Any, real: Any = real, **kwargs: Any) -> None:
            nonlocal seen
            real(*args, **kwargs)
            found = load_model(model).net.state_dict()
            assert any(all(torch.equal(found[k], w[k]) for k in w) for w in wanted)
            seen += 1

        monkeypatch.setattr(os, name, watched)
    save_model(model, changed.net, "x", first.tokenizer, first.features)
    assert seen >= 4
    monkeypatch.undo()
    assert len(list(model.glob("weights*"))) == 1
    assert torch.equal(next(iter(load_model(model).net.state_dict().values())),
                       next(iter(wanted[1].values())))  # fmt: skip


def test_a_save_that_was_killed_is_made_again(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice killed between weights and model.toml, the first model is still there."""
    first = load_model(model)
    wanted = {k: v.clone() for k, v in first.net.state_dict().items()}

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for _ in range(2):
        with torch.no_grad():
            next(first.net.parameters()).add_(1.0)
        with monkeypatch.context() as patch:
            patch.setattr("attnasr_cli.checkpoint.folder.write_header", killed)
            with pytest.raises(KeyboardInterrupt):
                save_model(model, first.net, "x", first.tokenizer, first.features)
        found = load_model(model).net.state_dict()
        assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())
    save_model(model, first.net, "x", first.tokenizer, first.features)
    assert not (model / "weights.old.safetensors").exists()
    assert load_model(model).header.name == "x"


def test_toml_that_we_write_is_read_back() -> None:
    table = {
        "a": 1, "b": 'quote " back \\ line \n end', "c": [1, 2], "d": True,
        "e": {"f": 1.5, "g h": "ü", "deep": {"x": -1.0e9}},
    }  # fmt: skip
    assert tomllib.loads(dumps(table)) == table


def test_toml_of_any_key_and_nested_lists_is_read_back() -> None:
    table = {"größe": 1, "": 2, "list": [{"a": 1}, {"b": [[1, 2], ["x\u2028y"]]}], "t": (1, "b")}
    read = tomllib.loads(dumps({**table, "gone": None, "in": {"none": None}}))
    assert read == {**table, "t": [1, "b"], "in": {}}


@pytest.mark.parametrize("value", ["a\nb", 'q"', [["a, b", 1], []], True, 1.5])
def test_a_value_in_one_line(value: object) -> None:
    assert "\n" not in inline(value)
    assert tomllib.loads(f"x = {inline(value)}") == {"x": value}


def test_models_list_and_show(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ATTNASR_MODELS", str(model.parent))
    assert main(["models", "list"]) == 0
    assert "model" in capsys.readouterr().out
    assert main(["models", "show", "model"]) == 0
    assert "kernel = 5" in capsys.readouterr().out
    assert main(["models", "show", "modle"]) == 1
    assert "did you mean 'model'" in capsys.readouterr().err
    (model / "model.toml").write_text("= broken")
    assert main(["models", "list"]) == 0
    assert "damaged" in capsys.readouterr().err
    assert main(["models", "list", "--format", "xml"]) == 2
