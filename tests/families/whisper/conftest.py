"""Random weights of Whisper's shapes, made by the reference library itself from seeds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.families.whisper.checkpoint import load_whisper

SMALL = {
    "n_mels": 80,
    "n_audio_ctx": 1500,
    "n_audio_state": 64,
    "n_audio_head": 4,
    "n_audio_layer": 2,
    "n_vocab": 51865,
    "n_text_ctx": 448,
    "n_text_state": 64,
    "n_text_head": 4,
    "n_text_layer": 3,
}
TINY = SMALL | {
    "n_audio_state": 384,
    "n_audio_head": 6,
    "n_audio_layer": 4,
    "n_text_state": 384,
    "n_text_head": 6,
    "n_text_layer": 4,
}
BASE = SMALL | {
    "n_audio_state": 512,
    "n_audio_head": 8,
    "n_audio_layer": 6,
    "n_text_state": 512,
    "n_text_head": 8,
    "n_text_layer": 6,
}
WIDE_MEL = TINY | {"n_mels": 128, "n_vocab": 51866}
ENGLISH = SMALL | {"n_vocab": 51864}


@pytest.fixture(autouse=True)
def _few_threads() -> Iterator[None]:
    """Two at most while these tests run; what others have is not touched."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(2, before))
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def openai() -> ModuleType:
    """The reference library, or a skip that says how to install it."""
    return pytest.importorskip("whisper", reason="needs openai-whisper: the extra `dev`")


@pytest.fixture(scope="session")
def transformers() -> ModuleType:
    """The other reference library. It imports torchaudio, which may need our stand-in first."""
    import attnasr_cli.audio._torchaudio  # noqa: F401

    return pytest.importorskip("transformers", reason="needs transformers: the extra `dev`")


def random_reference(openai: ModuleType, dims: dict[str, int], seed: int = 0) -> Any:
    """openai-whisper's model with random weights that give lively, varied text."""
    generator = torch.Generator().manual_seed(seed)
    model = openai.model.Whisper(openai.model.ModelDimensions(**dims))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "positional" in name:
                parameter.copy_(0.5 * noise)
            elif parameter.ndim == 1:
                parameter.copy_(0.1 * noise + (1.0 if "ln" in name and "weight" in name else 0.0))
            else:
                fan_in = parameter[0].numel()
                gain = 2.0 if "token_embedding" in name else 1.5
                parameter.copy_(gain * noise / fan_in**0.5)
    return model.eval()


def save_pt(model: Any, path: Path) -> Path:
    """As OpenAI publishes its weights."""
    content = {"dims": dict(vars(model.dims)), "model_state_dict": model.state_dict()}
    torch.save(content, path)
    return path


@pytest.fixture(scope="session")
def pair(openai: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """dims → (reference, our model with the same weights), made once."""
    made: dict[str, tuple[Any, Model]] = {}

    def make(dims: dict[str, int], seed: int = 0) -> tuple[Any, Model]:
        key = f"{sorted(dims.items())} {seed}"
        if key not in made:
            reference = random_reference(openai, dims, seed)
            path = tmp_path_factory.mktemp("openai") / "random.pt"
            made[key] = reference, load_whisper(save_pt(reference, path))
        return made[key]

    return make


def noise(seed: int, seconds: float = 30.0) -> torch.Tensor:
    """Samples (N,) of coloured noise with a slow envelope, so that inputs differ."""
    generator = torch.Generator().manual_seed(seed)
    n = int(16_000 * seconds)
    x = torch.randn(n, generator=generator)
    x = torch.nn.functional.avg_pool1d(x[None], 1 + seed % 7, 1, count_include_pad=False)[0]
    x = torch.nn.functional.pad(x, (0, n - x.shape[0]))
    steps = torch.rand(1 + int(seconds * (1 + seed % 3)), generator=generator)
    envelope = torch.nn.functional.interpolate(steps[None, None], n, mode="linear")[0, 0]
    return 0.3 * x * envelope
