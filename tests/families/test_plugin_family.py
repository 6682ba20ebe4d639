"""A family of one's own, by entry point: found, held to the protocol, used by every command."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from attnasr_cli import nets
from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.errors import ModelError
from attnasr_cli.families import models, registry
from attnasr_cli.testing import check_family
from tests.conftest import Ran, make_model

PLUGIN = Path(__file__).parents[1] / "plugin"
Attnasr = Callable[..., Ran]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the plugin's package, and a broken one, were installed."""
    points = {
        registry.GROUP: [
            EntryPoint("bag", "attnasr_bag.family:FAMILY", registry.GROUP),
            EntryPoint("broken", "attnasr_not_there:FAMILY", registry.GROUP),
        ],
        nets.GROUP: [EntryPoint("bag", "attnasr_bag.net:Bag", nets.GROUP)],
    }
    caches = (registry.family_names, registry.families, nets.net_names)
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setattr(registry.metadata, "entry_points", lambda group: points.get(group, []))
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()
    for name in [name for name in sys.modules if name.startswith("attnasr_bag")]:
        sys.modules.pop(name)


@pytest.fixture
def checkpoint(tmp_path: Path, installed: None) -> Path:
    """A foreign checkpoint of the plugin's family, with random weights."""
    from attnasr_cli.audio.features import FeatureConfig
    from attnasr_cli.checkpoint.folder import load_model, save_model
    from attnasr_cli.text.chars import CharTokenizer

    tokenizer = CharTokenizer.train(["abcdefgh ijklmnop"])
    torch.manual_seed(3)
    cls = nets.find_net("bag")
    net = cls(cls.Config(vocab=tokenizer.vocab_size, bins=8, width=16))
    net.speak.weight.data *= 8.0  # lively text
    save_model(tmp_path / "ours", net.eval(), "bag", tokenizer, FeatureConfig("bag", 8, "none"))
    family = registry.find_family("bag")
    model: Model = load_model(tmp_path / "ours", family.read_tokenizer)
    family.export(model, tmp_path / "theirs")
    return tmp_path / "theirs"


def test_a_plugin_keeps_the_protocol(checkpoint: Path) -> None:
    check_family(registry.find_family("bag"), checkpoint)


def test_our_own_nets_keep_it(tmp_path: Path) -> None:
    check_family(registry.find_family("native"), models.load(make_model(tmp_path / "tiny")))


@pytest.mark.usefixtures("checkpoint")
def test_a_broken_plugin_names_itself_and_hides_no_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ModelError, match=r"'broken' \(attnasr_not_there:FAMILY\) does not load"):
        registry.find_family("broken")
    assert {family.name for family in registry.families()} == {
        "native",
        "whisper",
        "moonshine",
        "canary",
        "cohere",
        "bag",
    }
    assert "'broken'" in capsys.readouterr().err


def test_every_command_uses_it(
    checkpoint: Path, tmp_path: Path, speech_file: Callable[..., Path], attnasr: Attnasr
) -> None:
    talk = speech_file(tmp_path / "talk.wav", 3.0)
    said = attnasr("transcribe", talk, "-m", checkpoint, "--no-vad", "-q")
    assert (said.code, bool(said.out.strip())) == (0, True), said.err
    seen = attnasr("attend", talk, "-m", checkpoint, "--no-vad", "-o", tmp_path / "a.npz")
    assert seen.code == 0, seen.err
    assert attnasr("models", "export", checkpoint, tmp_path / "again").code == 0
    assert (tmp_path / "again" / "bag.json").is_file()
    refused = attnasr("transcribe", talk, "-m", checkpoint, "--beam", "3")
    assert (refused.code, refused.out) == (2, "")
    assert "cannot use --beam" in refused.err


def test_an_export_is_whole_or_not_there(
    checkpoint: Path, tmp_path: Path, attnasr: Attnasr, monkeypatch: pytest.MonkeyPatch
) -> None:
    family, out = registry.find_family("bag"), tmp_path / "theirs again" / "out"
    real = type(family).export

    def full(self: Any, model: Model, folder: Path) -> None:
        real(self, model, folder)
        assert not out.exists()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(type(family), "export", full)
        ran = attnasr("models", "export", checkpoint, out)
    assert ran.code == 1
    assert f"error: cannot write {out}: [Errno 28] No space left on device" in ran.err
    assert list(out.parent.iterdir()) == []
    out.mkdir()  # an empty one is as good as none
    assert attnasr("models", "export", checkpoint, out).code == 0
    assert (out / "bag.json").is_file()


def test_a_folder_of_no_family_is_named(tmp_path: Path, attnasr: Attnasr) -> None:
    folder, sound = tmp_path / "wav2vec", tmp_path / "a.wav"
    soundfile.write(sound, np.zeros(8000), 16_000)
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "wav2vec2"}')
    ran = attnasr("transcribe", sound, "-m", folder)
    assert "'wav2vec2' model: a CTC model, not an attention encoder-decoder" in ran.err
    assert ran.code == 1
    (folder / "config.json").write_text('{"model_type": "granite_speech"}')
    assert "a language model that hears" in attnasr("transcribe", sound, "-m", folder).err
    (folder / "config.json").write_text("{broken")
    assert "damaged" in attnasr("transcribe", sound, "-m", folder).err


def test_asking_whose_a_folder_is_imports_no_net(tmp_path: Path) -> None:
    import subprocess

    (tmp_path / "config.json").write_text('{"model_type": "whisper"}')
    program = (
        "import sys; from pathlib import Path;"
        "from attnasr_cli.families.registry import family_of_checkpoint as of, published;"
        f"assert of(Path({str(tmp_path)!r})).name == 'whisper'; assert published();"
        "print([m for m in sys.modules if m in ('torch', 'transformers', 'numpy')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_the_entry_points_of_the_project_name_real_families() -> None:
    import tomllib

    project = tomllib.loads((PLUGIN.parents[1] / "pyproject.toml").read_text())
    assert project["project"]["entry-points"][registry.GROUP] == registry.BUILT_IN
    for name in registry.BUILT_IN:
        assert registry.find_family(name).name == name
