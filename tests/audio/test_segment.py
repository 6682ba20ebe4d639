"""Cutting at pauses: nothing lost, nothing too long, the same whatever the blocks, flat memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.audio.segment import SegmentConfig, Segmenter, Speech
from attnasr_cli.audio.vad import VoiceDetector


class Script:
    """A voice detector that is told beforehand when there is speech: (start, end) seconds."""

    def __init__(self, *spoken: tuple[float, float]) -> None:
        self.spoken, self.seen, self.held = spoken, 0, 0

    def push(self, samples: torch.Tensor) -> torch.Tensor:
        self.held += samples.shape[0]
        count, self.held = divmod(self.held, 512)
        times = [(self.seen + i + 0.5) * 512 / 16_000 for i in range(count)]
        self.seen += count
        return torch.tensor([float(any(a <= t < b for a, b in self.spoken)) for t in times])

    def finish(self) -> torch.Tensor:
        return self.push(torch.zeros(512 - self.held)) if self.held else torch.zeros(0)


def cut(
    seconds: float,
    *spoken: tuple[float, float],
    config: SegmentConfig | None = None,
    block: int = 16_000,
    samples: torch.Tensor | None = None,
) -> list[Speech]:
    segmenter = Segmenter(config)
    segmenter.detector = Script(*spoken)  # type: ignore[assignment]
    if samples is None:
        samples = torch.arange(int(seconds * 16_000)) / 1e6
    found = [s for part in torch.split(samples, block) for s in segmenter.push(part)]
    return found + segmenter.finish()


def spans(found: list[Speech]) -> list[tuple[float, float]]:
    return [(round(s.start_s, 2), round(s.start_s + s.duration_s, 2)) for s in found]


def test_one_stretch_is_padded() -> None:
    [(start, end)] = spans(cut(10, (3.0, 5.0), config=SegmentConfig(pad_s=0.3, edge_s=0.3)))
    assert start == pytest.approx(2.7, abs=0.04)
    assert end == pytest.approx(5.3, abs=0.04)


def test_the_samples_are_those_of_the_recording() -> None:
    [speech] = cut(10, (3.0, 5.0))
    first = round(speech.start_s * 16_000)
    assert torch.equal(speech.samples, (torch.arange(first, first + len(speech.samples))) / 1e6)


def test_neighbours_are_joined_up_to_the_target_and_distant_ones_are_not() -> None:
    config = SegmentConfig(max_s=20, target_s=8)
    assert len(cut(30, (1, 3), (4, 6), config=config)) == 1
    assert len(cut(30, (1, 3), (4, 6), (6.5, 9), config=config)) == 2
    assert len(cut(30, (1, 3), (5, 6), config=config)) == 2


def test_long_speech_is_cut_where_it_is_quietest() -> None:
    samples = torch.ones(16_000 * 30)
    samples[16_000 * 13 : 16_000 * 13 + 3_200] = 0.01  # a quiet spot from 13.0 to 13.2 s
    found = cut(30, (0, 30), config=SegmentConfig(max_s=20), samples=samples)
    assert 13.0 < found[1].start_s < 13.2
    assert spans(found)[0][1] == spans(found)[1][0]
    assert sum(len(s.samples) for s in found) == 16_000 * 30


def test_a_click_is_no_speech_and_padding_never_overlaps() -> None:
    assert cut(10, (3.0, 3.06)) == []
    config = SegmentConfig(max_s=3, target_s=1)
    first, second = cut(10, (1.0, 2.0), (2.4, 3.4), config=config)
    assert first.start_s + first.duration_s <= second.start_s


def test_without_vad_everything_is_kept() -> None:
    segmenter = Segmenter(SegmentConfig(vad=False, max_s=5))
    samples = torch.randn(16_000 * 23 + 77)
    found = segmenter.push(samples) + segmenter.finish()
    assert torch.equal(torch.cat([s.samples for s in found]), samples)
    assert max(s.duration_s for s in found) <= 5


@settings(max_examples=40, deadline=None)
@given(
    edges=st.lists(st.floats(0.02, 6.0), min_size=2, max_size=14),
    block=st.integers(300, 90_000),
    max_s=st.floats(2.0, 12.0),
)
def test_any_speech_survives_in_any_blocks(edges: list[float], block: int, max_s: float) -> None:
    times = [sum(edges[: i + 1]) for i in range(len(edges))]
    spoken = list(zip(times[::2], times[1::2], strict=False))
    seconds = times[-1] + 0.5
    config = SegmentConfig(max_s=max_s, target_s=max_s)
    found = cut(seconds, *spoken, config=config, block=block)
    assert spans(found) == spans(cut(seconds, *spoken, config=config))
    assert all(s.duration_s <= max_s + 1e-6 for s in found)
    ends = [s.start_s + s.duration_s for s in found]
    assert all(a <= b.start_s + 1e-9 for a, b in zip(ends, found[1:], strict=False))
    for a, b in spoken:
        if b - a > 0.2:
            for t in torch.linspace(a + 0.04, b - 0.04, 5).tolist():
                assert any(s.start_s <= t <= s.start_s + s.duration_s for s in found)


@pytest.mark.parametrize("kind", ["silence", "noise", "tone", "hum"])
def test_a_minute_without_speech_gives_nothing(kind: str) -> None:
    t = torch.arange(60 * 16_000) / 16_000
    samples = {
        "silence": torch.zeros_like(t),
        "noise": 0.3 * torch.randn(t.shape, generator=torch.Generator().manual_seed(0)),
        "tone": 0.3 * torch.sin(2 * torch.pi * 440 * t),
        "hum": 0.1 * torch.sin(2 * torch.pi * 50 * t),
    }[kind]
    for part in (samples, samples[:32_000], samples[:3_200]):  # short ones are not taken for words
        segmenter = Segmenter()
        assert segmenter.push(part) + segmenter.finish() == []


@pytest.mark.parametrize("seconds", [0.1, 0.25, 1.0, 3.0])
def test_a_short_recording_with_a_sound_is_never_lost(seconds: float) -> None:
    """Single words are often too short, or too much alone, for the detector."""
    time = torch.arange(int(seconds * 16_000)) / 16_000
    samples = 0.1 * torch.sin(2 * torch.pi * 300 * time) * torch.hann_window(len(time))
    for block in (len(time), 1_000):
        [whole] = cut(seconds, block=block, samples=samples)
        assert whole.start_s == 0.0
        assert torch.equal(whole.samples, samples)
    spoken = (0.0, seconds)
    assert len(cut(seconds, spoken, samples=samples)) == 1  # once, where the detector hears it too
    assert cut(4.0, samples=0.1 * torch.sin(torch.arange(64_000) / 10)) == []


def test_a_word_that_is_cut_out_tightly_is_never_lost() -> None:
    """Its quietest moment is little quieter than its loudest: 4 dB in some spoken digits."""
    time = torch.arange(3_200) / 16_000
    samples = 0.1 * torch.sin(2 * torch.pi * 300 * time)
    samples[:1_600] *= 0.6
    assert len(cut(0.2, samples=samples)) == 1


def test_ten_hours_leave_nothing_behind() -> None:
    class Pattern(Script):
        def push(self, samples: torch.Tensor) -> torch.Tensor:
            """Speech for 50 of every 60 s."""
            count = samples.shape[0] // 512
            self.seen += count
            times = torch.arange(self.seen - count, self.seen) * 0.032
            return (times % 60 < 50).float()

    segmenter = Segmenter()
    segmenter.detector = Pattern()  # type: ignore[assignment]
    block = torch.zeros(512 * 1_000)  # 32 s
    count = 0
    for _ in range(1_125):
        count += len(segmenter.push(block))
        assert segmenter.buffer.shape[0] < 16_000 * 64
        assert len(segmenter.energy) < 64 * 32
    assert count >= 1_190


def test_the_same_numbers_as_silero_and_its_side_effect_is_avoided() -> None:
    """In a process of its own: importing silero_vad changes torch's threads for good."""
    program = """
import torch
torch.set_num_threads(2)
from attnasr_cli.audio.vad import VoiceDetector
t = torch.arange(32_000 * 2) / 16_000
noise = torch.randn(t.shape, generator=torch.Generator().manual_seed(0))
samples = 0.2 * torch.sin(2 * torch.pi * (120 + 30 * torch.sin(6 * t)) * t).sign() * (t % 1) \\
    + 0.01 * noise
ours = VoiceDetector().push(samples)
assert torch.get_num_threads() == 2
from silero_vad import load_silero_vad
net = load_silero_vad()
theirs = torch.stack([net(w, 16_000)[0, 0] for w in samples.split(512)])
assert float(theirs.max()) > 0.05, float(theirs.max())
assert torch.allclose(ours, theirs, atol=1e-4), float((ours - theirs).abs().max())
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


def test_blocks_do_not_matter_to_the_detector() -> None:
    samples = torch.randn(50_000, generator=torch.Generator().manual_seed(1))
    whole = VoiceDetector()
    expected = torch.cat([whole.push(samples), whole.finish()])
    parts = VoiceDetector()
    found = [parts.push(part) for part in torch.split(samples, 777)]
    assert torch.allclose(torch.cat([*found, parts.finish()]), expected, atol=1e-5)


def test_the_stretches_of_speech_in_a_segment_are_known() -> None:
    [first, second] = cut(30, (1, 3), (4, 6), (9, 10), config=SegmentConfig(max_s=20))
    assert [(round(a, 1), round(b, 1)) for a, b in first.spoken] == [(1, 3), (4, 6)]
    assert [(round(a, 1), round(b, 1)) for a, b in second.spoken] == [(9, 10)]


@pytest.mark.parametrize("block", [700, 16_000, 160_000])
def test_without_vad_nothing_is_cut_by_speech_but_it_is_noted(block: int) -> None:
    config = SegmentConfig(max_s=10, vad=False)
    found = cut(23, (1, 3), (3.1, 4), (9.5, 21), config=config, block=block)
    assert sum(speech.duration_s for speech in found) == pytest.approx(23)
    noted = [stretch for speech in found for stretch in speech.spoken]
    edges = sorted({round(t, 1) for stretch in noted for t in stretch})
    assert {1.0, 4.0, 9.5, 21.0} <= set(edges)
    assert not {3.0, 3.1} & set(edges)  # no pause worth the name
    assert sum(b - a for a, b in noted) == pytest.approx(3 + 11.5, abs=0.2)


@pytest.mark.parametrize("block", [700, 16_000, 160_000])
def test_more_is_kept_at_the_ends_of_a_recording(block: int) -> None:
    config = SegmentConfig(max_s=20, pad_s=0.3, edge_s=2.0)
    found = cut(29.5, (4, 6), (20, 21), (26, 28), config=config, block=block)
    assert spans(found) == [
        (pytest.approx(2.0, abs=0.04), pytest.approx(6.3, abs=0.04)),
        (pytest.approx(19.7, abs=0.04), pytest.approx(21.3, abs=0.04)),
        (pytest.approx(25.7, abs=0.04), pytest.approx(29.5, abs=0.04)),
    ]
    assert spans(cut(5, (1, 4), config=config, block=block)) == [(0.0, 5.0)]


def test_what_is_kept_at_the_ends_makes_no_segment_too_long() -> None:
    for config in (SegmentConfig(max_s=20, target_s=20), SegmentConfig(max_s=10, edge_s=8.0)):
        found = cut(40, (5, 24), (30, 38), config=config)
        assert all(speech.duration_s <= config.max_s + 1e-6 for speech in found)
