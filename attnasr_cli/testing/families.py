"""A model family is held to ``families/base.py``: ours, and those of plugins."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.checkpoint.folder import Model, load_model, save_model
from attnasr_cli.device import Placement
from attnasr_cli.errors import ModelError, UsageError
from attnasr_cli.families.base import Decoded, Family, SegmentDecoder
from attnasr_cli.families.options import options_of

TOLERANCE = 1e-4
CPU = Placement(torch.device("cpu"), "float32", "for a test")


def check_family(family: Family, checkpoint: Path | Model, **options: Any) -> None:
    """Hold a family to the protocol with a small model, best of random weights.

    checkpoint: a foreign checkpoint that the family claims, or a loaded model for a family that has
    none; options: of the decoder, where its own would take long on nonsense.
    """
    check_attributes(family)
    check_is_light(family)
    if isinstance(checkpoint, Model):
        model = checkpoint
    else:
        check_claims(family, checkpoint)
        model = family.load(checkpoint, "some-model")
        assert model.header.name == "some-model", "load does not give the name that it was told"
    assert model.features.style == family.style, "the model says that it is of another family"
    segments = _segments()
    check_features(family, model, segments)
    check_options(family)
    chosen = options_of(family, options, model.header.name)
    decoder = family.decoder(model, CPU, chosen, 120.0)
    check_decoder(decoder, segments)
    again = decoder.changed(chosen)
    assert [text(d) for d in again.decode(segments)] == [text(d) for d in decoder.decode(segments)]
    check_attention(decoder, segments[0])
    check_folder(family, model, segments, chosen)
    check_export(family, model)


def check_attributes(family: Family) -> None:
    """Names, nets and the options' dataclass."""
    assert family.name, "a family has a name"
    assert family.style, "a family has a style of features"
    assert isinstance(family.nets, tuple), "nets is a tuple of names"
    assert isinstance(family.batches_abreast, bool), "batches_abreast is true or false"
    assert family.cpu_batch_s > 0, "cpu_batch_s is seconds of audio"
    assert dataclasses.is_dataclass(family.Options), "Options is a dataclass"
    family.Options()  # every option has a default
    assert family.Options.__dataclass_params__.frozen, "Options is frozen"  # type: ignore[attr-defined]


def check_is_light(family: Family) -> None:
    """The module of a family is imported to answer ``attnasr --help``: without torch."""
    module = type(family).__module__
    program = (
        f"import sys; sys.path[:] = {sys.path!r}; import {module}; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, f"{module} does not import: {done.stderr.strip()}"
    assert done.stdout.strip() == "False", f"{module} imports torch"


def check_claims(family: Family, checkpoint: Path) -> None:
    """A family claims its own checkpoint, and neither an empty folder nor a model of ours."""
    assert family.claims(checkpoint), "claims does not know the checkpoint"
    with tempfile.TemporaryDirectory() as folder:
        assert not family.claims(Path(folder)), "claims takes an empty folder"
        (Path(folder) / "model.toml").write_text("schema = 1\n", encoding="utf-8")
        assert not family.claims(Path(folder)), "claims takes a model folder of attnasr"


def check_features(family: Family, model: Model, segments: list[Tensor]) -> None:
    """Features in a batch are those of each segment alone, padded with zeros."""
    extractor = family.features(model.features)
    batch, lengths = extractor(segments)
    for b, samples in enumerate(segments):
        alone = extractor.extract(samples)
        length = int(lengths[b])
        assert alone.shape[0] == length, "a segment has another length in a batch"
        _close(batch[b, :length], alone, "features differ in a batch")
        assert not bool(batch[b, length:].any()), "features are not padded with zeros"


def check_options(family: Family) -> None:
    """An option that nobody has is refused."""
    try:
        options_of(family, {"no_such_option": 1}, "a model")
    except UsageError:
        return
    raise AssertionError("an unknown option is accepted")


def check_decoder(decoder: SegmentDecoder, segments: list[Tensor]) -> None:
    """Results come in order and do not depend on what else is in the batch."""
    assert decoder.max_segment_s > 0, "max_segment_s is seconds"
    assert 0 <= decoder.min_cost_s <= decoder.max_segment_s, "min_cost_s is seconds"
    assert decoder.placement.dtype, "placement says what is computed in"
    json.dumps(dict(decoder.settings))
    assert decoder.decode([]) == [], "no segments give no results"
    together = decoder.decode(segments)
    assert len(together) == len(segments), "one result for each segment"
    for samples, found in zip(segments, together, strict=True):
        [alone] = decoder.decode([samples])
        assert text(alone) == text(found), "a text depends on what else is in the batch"
        duration_s = samples.shape[0] / SAMPLE_RATE_HZ
        for piece in found.pieces:
            inside = 0 <= piece.start <= piece.end <= duration_s + TOLERANCE
            assert inside, "the times of a piece lie outside the segment"
    if decoder.sequential:
        whole = decoder.recording()
        whole.push(segments[0])
        starts = [start for start, _ in whole.segments()]
        assert starts == sorted(starts), "a recording's segments are not in order"


def check_attention(decoder: SegmentDecoder, samples: Tensor) -> None:
    """One row of weights for each token that was decoded."""
    [found] = decoder.decode([samples])
    tokens = [token for piece in found.pieces for token in piece.tokens]
    if not tokens:
        return
    attention = decoder.attention(samples, found)
    weights = attention.weights
    assert weights.dim() == 4, "weights are (L, H, U, S)"
    assert weights.shape[2] == len(tokens) == len(attention.tokens), "one row for each token"
    assert bool((weights.sum(-1) <= 1 + TOLERANCE).all()), "weights sum to 1 or less"
    assert all(0 <= a < b <= len(tokens) for _, a, b in attention.words), "words are rows of tokens"
    assert attention.step_s > 0
    attention.picture()


def check_folder(family: Family, model: Model, segments: list[Tensor], options: Any) -> None:
    """Saved as a model folder of attnasr and loaded again, a model gives the same texts."""
    wanted = family.decoder(model, CPU, options, 120.0).decode(segments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        save_model(
            path,
            model.net,
            "again",
            model.tokenizer,
            model.features,
            model.decoding,
            languages=model.header.languages,
        )
        again = load_model(path, family.read_tokenizer)
        found = family.decoder(again, CPU, options, 120.0).decode(segments)
    assert [text(d) for d in found] == [text(d) for d in wanted], "a saved model writes other texts"


def check_export(family: Family, model: Model) -> None:
    """What a family exports, it claims and loads."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exported"
        try:
            family.export(model, path)
        except ModelError:
            return  # no such form, said in one line
        assert family.claims(path), "the exported model is not claimed"
        again = family.load(path, "exported")
    wanted = model.net.state_dict()
    for name, tensor in again.net.state_dict().items():
        _close(tensor.float(), wanted[name].float(), f"{name} is not what was exported")


def text(decoded: Decoded) -> str:
    return "".join(piece.text for piece in decoded.pieces)


def _segments() -> list[Tensor]:
    """Three stretches of coloured noise of different lengths."""
    generator = torch.Generator().manual_seed(0)
    lengths = (24_000, 16_000, 9_000)
    return [0.1 * torch.randn(n, generator=generator).cumsum(0).sin() for n in lengths]


def _close(found: Tensor, wanted: Tensor, message: str) -> None:
    assert found.shape == wanted.shape, message
    gap = float((found - wanted).abs().max()) if found.numel() else 0.0
    assert gap < TOLERANCE, f"{message} (by {gap:.2g})"
