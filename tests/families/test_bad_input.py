"""Models that are damaged or of another kind, and wishes that they cannot fulfil, by the real
command line: an exit code, one line and a hint, and nothing on stdout."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import soundfile
from safetensors.torch import load_file, save_file

from tests.conftest import Ran
from tests.families.fastconformer import conftest as fastconformer
from tests.families.moonshine import conftest as moonshine

KINDS = ("moonshine", "streaming", "canary", "cohere")
LIMITS = {"moonshine": 9.0, "streaming": 5.0, "canary": 40.0, "cohere": 35.0}
"""seconds that each of these nets hears at once"""


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of every kind, as it is published."""
    import attnasr_cli.audio._torchaudio  # noqa: F401

    library: ModuleType = pytest.importorskip("transformers", reason="needs the extra `dev`")
    made = tmp_path_factory.mktemp("originals")
    found = {}
    for kind, sizes in (("moonshine", moonshine.SMALL), ("streaming", moonshine.STREAMING)):
        reference = moonshine.random_reference(library, sizes)
        found[kind] = moonshine.save_folder(reference, made / kind)
    for kind in ("canary", "cohere"):
        reference = fastconformer.random_reference(library, fastconformer.KINDS[kind])
        found[kind] = fastconformer.save_folder(reference, made / kind)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_shard_that_is_missing(
    originals: dict[str, Path], tmp_path: Path, refused: Callable[..., str], kind: str
) -> None:
    folder = shutil.copytree(originals[kind], tmp_path / kind)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    save_file({name: weights[name] for name in sorted(weights)[:9]}, folder / "a.safetensors")
    files = dict.fromkeys(sorted(weights)[:9], "a.safetensors")
    files |= dict.fromkeys(sorted(weights)[9:], "b.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    assert "lacks 1 of 2 shards: b.safetensors" in refused(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_end_too_early(
    originals: dict[str, Path], tmp_path: Path, refused: Callable[..., str], kind: str
) -> None:
    folder = shutil.copytree(originals[kind], tmp_path / kind)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert f"damaged {weights}" in refused(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_of_another_size(
    originals: dict[str, Path], tmp_path: Path, refused: Callable[..., str], kind: str
) -> None:
    writer = moonshine if kind in ("moonshine", "streaming") else fastconformer
    other = writer.write_tokenizer(tmp_path / "other.json", 310 if writer is moonshine else 190)
    said = refused(originals[kind], "--tokenizer", other)
    assert f"{other}: {310 if writer is moonshine else 190} tokens, but the weights have" in said


@pytest.mark.parametrize("kind", KINDS)
def test_a_language_that_the_model_lacks(
    originals: dict[str, Path], refused: Callable[..., str], kind: str
) -> None:
    assert "not tr" in refused(originals[kind], "--language", "Turkish", code=2)
    assert "unknown language" in refused(originals[kind], "--language", "klingon", code=2)


@pytest.mark.parametrize("kind", KINDS)
def test_more_audio_than_the_net_hears(
    originals: dict[str, Path],
    tmp_path: Path,
    refused: Callable[..., str],
    attnasr: Callable[..., Ran],
    kind: str,
) -> None:
    """A longer segment is refused; a longer recording is cut."""
    limit = LIMITS[kind]
    assert "s at once" in refused(originals[kind], "--max-segment", limit + 1, code=2)
    assert "too short" in refused(originals[kind], "--max-segment", 0, code=2)
    soundfile.write(tmp_path / "long.wav", moonshine.noise(2, limit + 1).numpy(), 16_000)
    ran = attnasr(
        "transcribe", tmp_path / "long.wav", "-m", originals[kind], "--no-vad", "-f", "json", "-q"
    )
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["duration"] == pytest.approx(limit + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_configuration_with_a_field_too_many_or_too_few(
    originals: dict[str, Path], tmp_path: Path, refused: Callable[..., str], kind: str
) -> None:
    folder = shutil.copytree(originals[kind], tmp_path / kind)
    table: dict[str, Any] = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(table | {"num_experts": 4}))
    assert "unknown field 'num_experts'" in refused(folder)
    del table["eos_token_id"]
    (folder / "config.json").write_text(json.dumps(table))
    assert "lacks the field 'eos_token_id'" in refused(folder)
    (folder / "config.json").write_text('{"model_type": "parakeet_ctc", "architectures": []}')
    assert "a CTC model, not an attention encoder-decoder" in refused(folder)
