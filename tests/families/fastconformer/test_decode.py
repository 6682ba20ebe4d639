"""Texts: the token sequences of the reference, prompts, limits, times, and what is refused."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch

from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.errors import UsageError
from attnasr_cli.families.fastconformer.decoder import FastConformerDecoder
from attnasr_cli.search.beam import SearchConfig, search
from attnasr_cli.testing.families import CPU
from tests.families.fastconformer.conftest import CANARY, COHERE, KINDS, TOKENS, noise

INPUTS = 30
END = TOKENS["eos_token_id"]


def decoder(model: Model, **options: Any) -> FastConformerDecoder:
    kind = KINDS[model.features.style]
    return FastConformerDecoder(model, CPU, kind.options()(**options), 120.0)


@pytest.mark.parametrize("kind", ["canary", "cohere"])
@pytest.mark.parametrize("beams", [1, 4])
def test_token_sequences_are_the_references(pair: Any, kind: str, beams: int) -> None:
    """30 inputs alone through ``generate``, and through our search in one padded batch."""
    reference, model, _ = pair(kind)
    ours = decoder(model, language="de")
    segments = [noise(n, 0.3 + 0.1 * n) for n in range(INPUTS)]
    prompt = torch.tensor([ours.prompt])
    config = SearchConfig(beams=beams, length_penalty=None, exhaustive=True)
    with torch.inference_mode():
        memory = ours.encode_segments(segments)
        limits = ours.limits(segments, memory)
        found = search(model.net, memory, prompt.expand(INPUTS, -1), END, limits, config)
        ended = 0
        for n, segment in enumerate(segments):
            features, lengths = ours.features([segment])
            written = reference.generate(
                input_features=features, attention_mask=torch.ones(1, int(lengths[0])),
                decoder_input_ids=prompt, num_beams=beams, max_new_tokens=int(limits[n]),
                do_sample=False,
            )[0].tolist()  # fmt: skip
            wanted = written[prompt.shape[1] :]
            alone = ours.encode_segments([segment])
            [[again]] = search(model.net, alone, prompt, END, limits[n : n + 1], config)
            best = found[n][0]
            assert [*best.tokens, *([END] if best.finished else [])] == wanted, n
            assert again.tokens == best.tokens
            ended += best.finished
    assert 0 < ended < INPUTS  # both ways to end were seen


def test_prompts_are_the_references(pair: Any, transformers: ModuleType) -> None:
    """Cohere's processor makes the same; Canary's template is in a file of the published folder,
    and transformers' tests say what it gives."""
    _, model, folder = pair("cohere")
    theirs = transformers.CohereAsrProcessor(
        transformers.CohereAsrFeatureExtractor(feature_size=16),
        transformers.TokenizersBackend(tokenizer_file=str(folder / "tokenizer.json")),
    )
    for code in COHERE.languages:
        for plain in (False, True):
            ours = decoder(model, language=code, no_punctuation=plain).prompt
            assert ours == theirs.get_decoder_prompt_ids(code, punctuation=not plain)
    _, model, _ = pair("canary")
    pieces = model.tokenizer.pieces
    for code in CANARY.languages:
        text = "".join(pieces[token] for token in decoder(model, language=code).prompt)
        assert text == (
            f"<|startofcontext|><|startoftranscript|><|emo:undefined|><|{code}|><|{code}|>"
            "<|pnc|><|noitn|><|notimestamp|><|nodiarize|>"
        )
    into = decoder(model, language="German", task="translate", target_language="fr").prompt
    assert [pieces[t] for t in into[3:5]] == ["<|de|>", "<|fr|>"]
    into = decoder(model, language="de", task="translate", no_punctuation=True).prompt
    assert [pieces[t] for t in into[3:6]] == ["<|de|>", "<|en|>", "<|nopnc|>"]
    before = decoder(model, prompt="the apostle").prompt
    assert model.tokenizer.decode(before).strip() == "the apostle"
    assert pieces[before[0]] == "<|startofcontext|>"


@pytest.mark.parametrize("kind", ["canary", "cohere"])
def test_the_decoder_gives_those_texts_with_times_in_order(pair: Any, kind: str) -> None:
    reference, model, _ = pair(kind)
    segments = [noise(n, 1.0 + 0.2 * n) for n in range(10)]
    ours = decoder(model, word_timestamps=True)
    counts = []
    for segment, found in zip(segments, ours.decode(segments), strict=True):
        features, lengths = ours.features([segment])
        memory = ours.encode_segments([segment])
        prompt = torch.tensor([ours.prompt])
        limit = int(ours.limits([segment], memory)[0])
        wanted = reference.generate(
            input_features=features, attention_mask=torch.ones(1, int(lengths[0])),
            decoder_input_ids=prompt, max_new_tokens=limit,
        )[0].tolist()  # fmt: skip
        tokens = [token for piece in found.pieces for token in piece.tokens]
        assert tokens == [token for token in wanted[prompt.shape[1] :] if token != END]
        assert found.language == "en"
        words = [word for piece in found.pieces for word in piece.words]
        times = [time for word in words for time in (word.start, word.end)]
        assert times == sorted(times)
        assert all(0.0 <= time <= segment.shape[0] / 16_000 for time in times)
        counts.append(len(words))
    assert max(counts) > 2


def test_no_more_tokens_than_the_decoder_holds(pair: Any) -> None:
    _, model, _ = pair("canary")
    ours = decoder(model)
    segments = [noise(0, 0.5), noise(1, 9.0)]
    room = 40 - len(ours.prompt)
    assert ours.limits(segments, ours.encode_segments(segments)).tolist() == [room, room]
    assert ours.max_segment_s == 40.0


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("canary", {"language": "Turkish"}, "knows bg, hr, .*, not tr"),
        ("canary", {"language": "klingon"}, "unknown language"),
        ("canary", {"task": "sing"}, "unknown task 'sing'"),
        ("canary", {"task": "translate"}, "a translation from en into en"),
        ("canary", {"target_language": "fr"}, "--target-language without --task translate"),
        ("canary", {"prompt": "the middle classes " * 20}, r"--prompt is \d+ tokens long"),
        ("cohere", {"language": "ru"}, "not ru"),
        ("cohere", {"beam": 0}, "a beam of 0"),
        ("cohere", {"nbest": 3, "beam": 2}, "3 alternatives from a beam of 2"),
    ],
)
def test_what_the_model_cannot_do_is_refused(
    pair: Any, kind: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as problem:
        decoder(pair(kind)[1], **options)
    assert problem.value.hint


def test_every_option_changes_something(pair: Any) -> None:
    """Language, punctuation, context and beam reach the weights."""
    _, model, _ = pair("canary")
    audio = [noise(n, 2.0 + n) for n in range(4)]
    texts = set()
    for options in (
        {}, {"language": "pl"}, {"no_punctuation": True}, {"prompt": "Żółw"},
        {"language": "pl", "task": "translate"},
        {"language": "pl", "task": "translate", "target_language": "de"},
    ):  # fmt: skip
        found = decoder(model, **options).decode(audio)
        texts.add(tuple("".join(p.text for p in d.pieces) for d in found))
    assert len(texts) == 6
    [wide] = decoder(model, beam=4, nbest=3).decode(audio[:1])
    assert len(wide.extra["alternatives"]) == 3
    assert decoder(model).changed(KINDS["canary"].options()(beam=2)).settings["beam"] == 2
