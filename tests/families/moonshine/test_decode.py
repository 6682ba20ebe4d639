"""Texts: the token sequences of the reference, limits, times, and what is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from attnasr_cli.device import Placement
from attnasr_cli.errors import UsageError
from attnasr_cli.families.common.fast import placed
from attnasr_cli.families.moonshine.decoder import MoonshineDecoder, token_limits
from attnasr_cli.families.moonshine.options import MoonshineOptions
from attnasr_cli.nets.packed import Packed, can_pack
from attnasr_cli.search.beam import SearchConfig, search
from attnasr_cli.testing.families import CPU
from tests.families.moonshine.conftest import SMALL, STREAMING, heard, noise

INPUTS = 30


def decoder(model: Any, **options: Any) -> MoonshineDecoder:
    return MoonshineDecoder(model, CPU, MoonshineOptions(**options), 120.0)


@pytest.mark.parametrize("beams", [1, 4])
@pytest.mark.parametrize("sizes", [SMALL, STREAMING])
def test_token_sequences_are_the_references(pair: Any, beams: int, sizes: dict[str, Any]) -> None:
    """30 inputs alone through ``generate``, and through our search in one padded batch."""
    reference, model, _ = pair(sizes)
    segments = [noise(n, 0.3 + 0.03 * n) for n in range(INPUTS)]
    lengths = torch.tensor([segment.shape[0] for segment in segments])
    limits = token_limits(lengths, 13.0, 60)
    config = SearchConfig(beams=beams, length_penalty=None, exhaustive=True)
    padded = torch.nn.utils.rnn.pad_sequence(segments, batch_first=True)
    with torch.inference_mode():
        memory = model.net.encode_samples(padded, lengths)
        found = search(model.net, memory, torch.ones(INPUTS, 1).long(), 2, limits, config)
        ended = 0
        for n, segment in enumerate(segments):
            wanted = reference.generate(
                **heard(reference, segment),
                num_beams=beams,
                max_new_tokens=int(limits[n]),
                do_sample=False,
            )[0].tolist()[1:]
            alone = model.net.encode_samples(segment[None], lengths[n : n + 1])
            [[again]] = search(
                model.net, alone, torch.ones(1, 1).long(), 2, limits[n : n + 1], config
            )
            best = found[n][0]
            assert [*best.tokens, *([2] if best.finished else [])] == wanted, n
            assert again.tokens == best.tokens
            ended += best.finished
    assert 3 < ended < INPUTS  # both ways to end were seen


@pytest.mark.parametrize("sizes", [SMALL, STREAMING])
def test_the_decoder_gives_those_texts(pair: Any, sizes: dict[str, Any]) -> None:
    reference, model, _ = pair(sizes)
    segments = [noise(n, 1.0 + 0.1 * n) for n in range(4)]
    together = decoder(model).decode(segments)
    for segment, found in zip(segments, together, strict=True):
        limit = int(token_limits(torch.tensor([segment.shape[0]]), 6.5, 60)[0])
        given = heard(reference, segment)
        wanted = reference.generate(**given, max_new_tokens=limit)[0].tolist()
        tokens = [token for piece in found.pieces for token in piece.tokens]
        assert tokens == [token for token in wanted[1:] if token != 2]
        assert found.language == "en"
        text = "".join(piece.text for piece in found.pieces).strip()
        assert text.split() == model.tokenizer.decode(tokens).split()


@pytest.mark.parametrize("sizes", [SMALL, STREAMING])
def test_pieces_and_words_have_times_in_order(pair: Any, sizes: dict[str, Any]) -> None:
    _, model, _ = pair(sizes)
    segments = [noise(n, 0.6 + 0.1 * n) for n in range(6)]
    results = decoder(model, word_timestamps=True).decode(segments)
    counts = []
    for segment, found in zip(segments, results, strict=True):
        words = [word for piece in found.pieces for word in piece.words]
        times = [time for word in words for time in (word.start, word.end)]
        assert times == sorted(times)
        assert all(0.0 <= time <= segment.shape[0] / 16_000 for time in times)
        for piece in found.pieces:
            assert (piece.start, piece.end) == (piece.words[0].start, piece.words[-1].end)
            assert "".join(word.word for word in piece.words).split() == piece.text.split()
        counts.append(len(words))
    assert max(counts) > 2


@pytest.mark.parametrize("sizes", [SMALL, STREAMING])
def test_layers_are_packed_for_a_cpu_and_the_model_stays_as_it_is(
    pair: Any, sizes: dict[str, Any]
) -> None:
    _, model, _ = pair(sizes)
    names = list(model.net.state_dict())
    fast = decoder(model).net
    assert list(model.net.state_dict()) == names
    assert not any(isinstance(module, Packed) for module in model.net.modules())
    if can_pack(torch.float32):
        assert not any(isinstance(module, torch.nn.Linear) for module in fast.modules())
        assert fast.decoder.packed_readout is not None
    audio, tokens = noise(1, 1.3)[None], torch.tensor([[1, 7, 9, 20]])
    lengths = torch.tensor([audio.shape[1]])
    with torch.inference_mode():
        wanted = model.net.decode(model.net.encode_samples(audio, lengths), tokens)
        found = fast.decode(fast.encode_samples(audio, lengths), tokens)
    assert torch.allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize("sizes", [SMALL, STREAMING])
@torch.inference_mode()
def test_in_bfloat16_log_probs_are_as_close_as_the_references(
    pair: Any, sizes: dict[str, Any]
) -> None:
    """Rounding moves them no more than it moves those of the reference in bfloat16."""
    reference, model, _ = pair(sizes)
    net, low = model.net, copy.deepcopy(reference).bfloat16()
    fast = placed(net, Placement(torch.device("cpu"), "bfloat16", "a test"))
    tokens = torch.tensor([[1, 7, 9, 20]])
    errors, allowed = [], []
    for seed in range(3):
        audio = noise(seed, 1.3)
        lengths = torch.tensor([audio.shape[0]])
        wanted = net.decode(net.encode_samples(audio[None], lengths), tokens).log_softmax(-1)
        given = {
            name: value.bfloat16() if value.is_floating_point() else value
            for name, value in heard(reference, audio).items()
        }
        theirs = low(**given, decoder_input_ids=tokens).logits.float().log_softmax(-1)
        memory = fast.encode_samples(audio[None], lengths)
        found = fast.decode(memory, tokens)
        assert found.dtype == torch.float32
        errors.append((found.log_softmax(-1) - wanted).abs().mean())
        allowed.append((theirs - wanted).abs().mean())
        state = fast.start(memory, 1)
        for u in range(tokens.shape[1]):  # and step by step as all at once
            step = fast.step(tokens[:, u : u + 1], state, memory)
            state = step.state
        assert (step.log_probs - found[:, -1].log_softmax(-1)).abs().mean() < 0.1
        torch.testing.assert_close(step.weights.sum(-1), torch.ones(1), rtol=0, atol=0.02)
    assert 0 < sum(errors) < 1.25 * sum(allowed)


@torch.inference_mode()
def test_groups_of_utterances_give_what_the_whole_batch_gives(
    pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = pair(SMALL)[1].net
    segments = [noise(n, 0.5 + 0.3 * n) for n in range(4)]
    lengths = torch.tensor([segment.shape[0] for segment in segments])
    audio = torch.nn.utils.rnn.pad_sequence(segments, batch_first=True)
    wanted = net.encode_group(audio, lengths)
    monkeypatch.setattr("attnasr_cli.families.common.net.TOGETHER", 100)
    sizes: list[int] = []
    encoded = net.encode_group

    def counted(samples: Any, lengths: Any) -> Any:
        sizes.append(len(samples))
        return encoded(samples, lengths)

    monkeypatch.setattr(net, "encode_group", counted)
    found = net.encode_samples(audio, lengths)
    assert sizes == [2, 1, 1]
    assert torch.equal(found.lengths, wanted.lengths)
    for n, length in enumerate(wanted.lengths.tolist()):
        for ours, whole in zip(found.keys, wanted.keys, strict=True):
            error = ours.keys[n, :, :length] - whole.keys[n, :, :length]
            assert error.abs().max() < 1e-4
            assert ours.values[n].isfinite().all()  # weights of 0 keep padding out


def test_no_more_tokens_than_the_audio_has_time_for() -> None:
    limits = token_limits(torch.tensor([1600, 160_000, 480_000]), 6.5, 194)
    assert limits.tolist() == [8, 65, 193]


def test_a_segment_is_no_longer_than_its_text_may_be(pair: Any) -> None:
    from dataclasses import replace

    _, model, _ = pair(SMALL)
    assert decoder(model).max_segment_s == pytest.approx(59 / 6.5)
    other = replace(model, header=replace(model.header, languages=("ko",)))
    assert decoder(other).max_segment_s == pytest.approx(59 / 13)
    assert decoder(pair(STREAMING)[1]).max_segment_s == pytest.approx(250 * 0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"language": "German"}, "writes en, not de"),
        ({"language": "klingon"}, "unknown language"),
        ({"beam": 0}, "a beam of 0"),
        ({"nbest": 3, "beam": 2}, "3 alternatives from a beam of 2"),
    ],
)
def test_what_the_model_cannot_do_is_refused(
    pair: Any, options: dict[str, Any], message: str
) -> None:
    _, model, _ = pair(SMALL)
    with pytest.raises(UsageError, match=message):
        decoder(model, **options)


def test_alternatives_and_the_beam_count(pair: Any) -> None:
    _, model, _ = pair(SMALL)
    audio = [noise(8, 2.0)]
    [wide] = decoder(model, beam=4, nbest=3).decode(audio)
    scores = [alternative["score"] for alternative in wide.extra["alternatives"]]
    assert len(scores) == 3
    assert scores[0] == max(scores)  # all are cut off at the same length
    other = decoder(model).changed(MoonshineOptions(language="English", beam=2))
    assert (other.settings["language"], other.settings["beam"]) == ("en", 2)


def test_the_length_penalty_counts(pair: Any) -> None:
    _, model, _ = pair(SMALL)
    audio = [noise(n, 0.3 + 0.03 * n) for n in range(INPUTS)]
    sums = decoder(model, beam=4, length_penalty=0.0).decode(audio)
    means = decoder(model, beam=4).decode(audio)
    count = [sum(len(p.tokens) for found in some for p in found.pieces) for some in (sums, means)]
    assert count[0] < count[1]
