"""The model that ships inside: right on the sample, silent on what is no speech, and no worse on
real speech than it was."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import soundfile
import torch

from attnasr_cli.app import main
from attnasr_cli.checkpoint.registry import DEFAULT
from attnasr_cli.device import cpu_has_bfloat16
from attnasr_cli.families.base import Decoded
from attnasr_cli.families.models import find
from attnasr_cli.recognize.recognizer import load
from attnasr_cli.scoring.api import score

ROOT = Path(__file__).parent.parent
SPEECH = ROOT.parent / "shared" / "speech"
WORST_WER = 0.21  # of the twenty clips; the shipped model has 0.175


def test_the_sample_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transcribe", str(ROOT / "examples" / "sample.flac")]) == 0
    assert capsys.readouterr().out == (ROOT / "examples" / "sample.txt").read_text()


NOTHING: dict[str, Callable[[int], torch.Tensor]] = {
    "silence": torch.zeros,
    "noise": lambda n: 0.1 * torch.randn(n, generator=torch.Generator().manual_seed(0)),
    "tone": lambda n: 0.3 * torch.sin(2 * math.pi * 440 * torch.arange(n) / 16_000),
}


@pytest.mark.parametrize("kind", NOTHING)
def test_nothing_is_invented(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"{kind}.wav"
    soundfile.write(path, NOTHING[kind](60 * 16_000).numpy(), 16_000)
    assert main(["transcribe", str(path)]) == 0
    assert capsys.readouterr().out.strip() == ""


beside = pytest.mark.skipif(not SPEECH.is_dir(), reason="the twenty clips are not beside the clone")


@pytest.fixture(scope="module")
def references() -> dict[str, str]:
    with (SPEECH / "references.tsv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    return {Path(name).stem: text.lower() for name, _, text in rows[1:]}


@pytest.fixture(scope="module")
def heard(references: dict[str, str]) -> dict[str, str]:
    """In the type that this machine takes."""
    return hear(references, "auto")


def hear(names: Iterable[str], dtype: str) -> dict[str, str]:
    model = load(DEFAULT, device="cpu", dtype=dtype, punctuation=False)
    found = model.transcribe(SPEECH / f"{n}.flac" for n in names)
    return {Path(t.file).stem: t.text for t in found}


@beside
def test_real_speech_is_no_worse_than_it_was(
    references: dict[str, str], heard: dict[str, str]
) -> None:
    assert len(references) == 20
    assert score(references, heard).wer <= WORST_WER


@beside
@pytest.mark.skipif(not cpu_has_bfloat16(), reason="this processor computes bfloat16 in software")
def test_bfloat16_does_not_change_the_text(heard: dict[str, str]) -> None:
    assert score(hear(heard, "float32"), heard).wer < 0.005


@beside
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_a_segment_alone_is_what_it_is_in_a_batch(references: dict[str, str], dtype: str) -> None:
    """In a batch each thread has a share; alone it has both."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    decoder = load(DEFAULT, "cpu", dtype, beam=2).decoders[0]
    names = [SPEECH / f"{name}.flac" for name in sorted(references)[:8]]
    long = [torch.from_numpy(soundfile.read(name, dtype="float32")[0]) for name in names]
    segments = [one[: 16_000 * seconds] for one, seconds in zip(long, range(1, 9), strict=True)]
    together = numbers(decoder.decode(segments))
    apart = numbers(decoded for one in segments for decoded in decoder.decode([one]))
    torch.set_num_threads(before)
    assert together == apart


def numbers(found: Iterable[Decoded]) -> list[object]:
    """What an output may show, beyond the digits that it shows."""
    pieces = [piece for decoded in found for piece in decoded.pieces]
    words = [(w.word, w.start, w.end, round(w.probability, 9)) for p in pieces for w in p.words]
    return [(p.text, round(p.avg_logprob, 9), p.start, p.end) for p in pieces] + words


@beside
def test_real_speech_is_written_in_sentences(
    references: dict[str, str], heard: dict[str, str]
) -> None:
    """Only case and marks are added. Readers of these clips stop within sentences, too, so not
    every text has its full stop."""
    names = sorted(references)[::4]
    found = load(DEFAULT, device="cpu").transcribe([SPEECH / f"{name}.flac" for name in names])
    texts = {Path(t.file).stem: t.text for t in found}
    for name, text in texts.items():
        words = [word.rstrip(",.?") for word in text.split()]
        assert [word.lower() for word in words] == heard[name].split()
        assert text[0].isupper()
    assert sum(text.count(".") for text in texts.values()) >= len(texts)
    assert all(text.count(" i ") == 0 for text in texts.values())


def test_the_card_is_complete() -> None:
    card = (find(DEFAULT) / "README.md").read_text(encoding="utf-8")
    for part in ("Data", "Sentences", "Licence", "Recipe", "WER", "attnasr score"):
        assert part in card
