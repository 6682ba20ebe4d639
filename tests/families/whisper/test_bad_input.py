"""Whisper's files that are damaged or of another kind, by the real command line: an exit code, one
line and a hint, and nothing on stdout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer

from attnasr_cli.families.whisper.checkpoint import save_hf
from tests.families.whisper.conftest import ENGLISH, SMALL
from tests.families.whisper.ctranslate2_writer import write_folder
from tests.families.whisper.ggml_writer import to_bytes, write_file


def test_files_of_ctranslate2(pair: Any, tmp_path: Path, refused: Callable[..., str]) -> None:
    folder = write_folder(tmp_path / "mine", pair(SMALL)[1])
    file = folder / "model.bin"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1000])
    assert f"damaged {file}: it ends at byte" in refused(folder)
    name = b"decoder/embeddings/weight\0"
    kind = whole.index(name) + len(name) + 1 + 2 * 4  # behind the number of axes and the axes
    file.write_bytes(whole[:kind] + b"\x09" + whole[kind + 1 :])
    assert "decoder/embeddings/weight is quantised" in refused(folder)
    file.write_bytes(b"GGUF" + whole[4:])
    assert str(folder) in refused(folder)


def test_files_of_whisper_cpp(pair: Any, tmp_path: Path, refused: Callable[..., str]) -> None:
    model, file = pair(SMALL)[1], tmp_path / "ggml-mine.bin"
    whole = to_bytes(model)
    file.write_bytes(whole[: len(whole) // 2])
    assert f"damaged {file}: it ends at byte" in refused(file)
    file.write_bytes(b"GGUF" + whole[4:])
    assert "does not start as a ggml file does" in refused(file)
    write_file(file, model, type_number=77)
    assert "quantised in an unknown way (type 77)" in refused(file)


def test_folders(pair: Any, tmp_path: Path, refused: Callable[..., str]) -> None:
    model, folder = pair(SMALL)[1], tmp_path / "mine"
    save_hf(folder, model.net, model.tokenizer)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_special_tokens([AddedToken("<|one more|>")])
    tokenizer.save(str(tmp_path / "other.json"))
    assert "other.json" in refused(folder, "--tokenizer", tmp_path / "other.json")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    save_file({name: weights[name] for name in names[:9]}, folder / "a.safetensors")
    files = {name: "ab"[i >= 9] + ".safetensors" for i, name in enumerate(names)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    assert "b.safetensors" in refused(folder)


def test_what_the_model_cannot_do(pair: Any, tmp_path: Path, refused: Callable[..., str]) -> None:
    model, folder = pair(ENGLISH)[1], tmp_path / "mine.en"
    save_hf(folder, model.net, model.tokenizer)
    assert "knows English only" in refused(folder, "--language", "de", code=2)
    assert "klingon" in refused(folder, "--language", "klingon", code=2)
    assert "30.0 s at once" in refused(folder, "--max-segment", 31, code=2)
