"""Who is compared with whom: ids, paths, times; what does not fit is listed."""

from __future__ import annotations

import pytest

from attnasr_cli.errors import DataError
from attnasr_cli.scoring import pairing
from attnasr_cli.scoring.read.parse import parse
from attnasr_cli.scoring.types import Pairing, Want


def paired(ref: str, hyp: str, **options: bool) -> Pairing:
    return pairing.pair(parse("ref", ref), parse("hyp", hyp), **options)


def test_by_id_whatever_the_order() -> None:
    found = paired("x (s-1)\ny (s-2)\n", "b (s-2)\na (s-1)\n")
    assert found.how == "by id"
    assert [(p.id, p.reference, p.hypothesis) for p in found.pairs] == [
        ("s-1", "x", "a"),
        ("s-2", "y", "b"),
    ]


@pytest.mark.parametrize(
    ("ref", "hyp", "how"),
    [
        ("a/x.wav", "a/x.wav", "by id"),
        ("./a/x.wav", "a/x.wav", "by path"),
        ("a/x.wav", "a/x", "by path without its ending"),
        ("a/x.wav", "/data/b/x.flac", "by file name"),
        ("a/1.5", "b/1.5", "by file name"),  # not every dot begins an ending
    ],
)
def test_paths(ref: str, hyp: str, how: str) -> None:
    found = paired(f"path\ttext\n{ref}\tx\n", f"path\ttext\n{hyp}\ty\n")
    assert found.how == how
    assert found.pairs[0].hypothesis == "y"


def test_a_path_column_helps_ids_to_meet() -> None:
    found = paired("id\tpath\ttext\nu1\ta/x.wav\tt\n", "path\ttext\na/x.wav\ty\n")
    assert (found.how, found.pairs[0].id) == ("by path", "u1")
    assert found.pairs[0].columns["file"] == "a/x.wav"


def test_file_names_that_are_not_unique_do_not_pair() -> None:
    with pytest.raises(DataError, match="lacks 2 of the references"):
        paired("path\ttext\na/x.wav\tt\nb/x.wav\tt\n", "path\ttext\nc/x.wav\ty\nd/x.wav\ty\n")


def test_missing_and_extra_are_listed() -> None:
    with pytest.raises(DataError, match="hyp lacks 1 of the references: s-2; hyp has 1 not in ref"):
        paired("x (s-1)\ny (s-2)\n", "a (s-1)\nc (s-3)\n")


def test_missing_can_be_allowed_extra_cannot() -> None:
    found = paired("x (s-1)\ny (s-2)\n", "a (s-1)\n", allow_missing=True)
    assert (found.missing, [p.missing for p in found.pairs]) == (1, [False, True])
    assert found.pairs[1].hypothesis == ""
    with pytest.raises(DataError, match="hyp has 1 not in ref: s-3"):
        paired("x (s-1)\n", "a (s-1)\nc (s-3)\n", allow_missing=True)


def test_an_empty_file_lacks_everything() -> None:
    with pytest.raises(DataError, match="hyp lacks 2 of the references: s-1, s-2"):
        paired("x (s-1)\ny (s-2)\n", "")
    assert paired("x (s-1)\ny (s-2)\n", "", allow_missing=True).missing == 2
    with pytest.raises(DataError, match="ref: no references"):
        paired("id\ttext\n", "id\ttext\na\tb\n")


def test_ids_given_twice_are_listed_with_their_lines() -> None:
    with pytest.raises(DataError, match=r"ref: 1 ids more than once: s-1 \(lines 1, 3\)"):
        paired("x (s-1)\ny (s-2)\nz (s-1)\n", "a (s-1)\nb (s-2)\n")
    with pytest.raises(DataError, match=r"hyp: 1 ids more than once: s-2 \(lines 2, 3\)"):
        paired("x (s-1)\ny (s-2)\n", "a (s-1)\nb (s-2)\nb (s-2)\n")


def test_long_lists_are_cut() -> None:
    ref = "".join(f"x (s-{k:03d})\n" for k in range(50))
    with pytest.raises(DataError, match=r"s-020, and 29 more"):
        paired(ref, "x (s-000)\n")


def test_one_recording_against_one_recording() -> None:
    ref = parse("ref.txt", "hello there", Want(kind="txt"))
    hyp = parse("out.srt", "1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    found = pairing.pair(ref, hyp)
    assert (found.how, found.pairs[0].hypothesis) == ("as one recording", "hello")
    with pytest.raises(DataError, match=r"r\.txt: empty"):
        pairing.pair(parse("r.txt", ""), hyp)
    silence = pairing.pair(parse("r.txt", "", Want(kind="txt")), hyp)
    assert silence.pairs[0].reference == ""


def test_optional_marks_of_a_hypothesis_are_taken_as_said() -> None:
    assert paired("uh x (s-1)\n", "(uh) x (s-1)\n").pairs[0].hypothesis == "uh x"


COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(
    ("ref", "hyp"),
    [
        ("id\ttext\n{}.wav\thi\n", "id\ttext\n{}.wav\thi\n"),
        ("path\ttext\na/{}.wav\thi\n", "path\ttext\n/b/{}.flac\thi\n"),
        ("{}-1 hi\n", "hi ({}-1)\n"),
        ("{} A s 0 1 hi\n", "{} A 0 1 hi\n"),
        ("{} A 0 1 hi\n", "{} A 0 1 hi\n"),
        (
            "{} A s 0 1 hi\n",
            '{{"file": "{}.wav", "text": "hi", "words": [{{"word": "hi", "start": 0, "end": 1}}]}}',
        ),
    ],
)
def test_ids_are_compared_in_one_unicode_form(ref: str, hyp: str) -> None:
    for one, two in [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)]:
        (pair,) = paired(ref.format(one), hyp.format(two)).pairs
        assert (pair.reference, pair.hypothesis) == ("hi", "hi")


def test_an_id_in_two_unicode_forms_is_one_id_given_twice() -> None:
    both = f"id\ttext\n{COMPOSED}\thi\n{DECOMPOSED}\tho\n"
    with pytest.raises(DataError, match=r"1 ids more than once: café \(lines 2, 3\)"):
        paired(both, both)


STM = "f A s1 0 2 one two\nf A s1 2 4 IGNORE_TIME_SEGMENT_IN_SCORING\nf A s2 4 6 three\n"


def test_words_go_to_the_segment_of_their_middle() -> None:
    ctm = "f A 0.1 0.5 one\nf A 1.8 0.3 two\nf A 1.9 0.2 junk\nf A 4.1 0.2 three\nf A 9 1 late\n"
    found = paired(STM, ctm)
    # "junk" has its middle on the edge of 2.0, and so belongs to the ignored segment
    assert [(p.reference, p.hypothesis) for p in found.pairs] == [
        ("one two", "one two"),
        ("three", "three late"),
    ]
    assert found.how == "by time"
    assert found.pairs[1].columns == {"file": "f", "channel": "A", "speaker": "s2"}


def test_the_only_channel_may_have_another_name() -> None:
    assert paired(STM, "f 1 0.1 0.5 one\n").pairs[0].hypothesis == "one"


def test_channels_that_are_missing_or_extra() -> None:
    both = STM + "f B s3 0 1 x\n"
    with pytest.raises(DataError, match="hyp lacks 1 of the references: f B"):
        paired(both, "f A 0 1 one\n")
    found = paired(both, "f A 0 1 one\n", allow_missing=True)
    assert [p.missing for p in found.pairs] == [False, False, True]
    with pytest.raises(DataError, match="hyp has 1 not in ref: g A"):
        paired(STM, "f A 0 1 one\ng A 0 1 x\n")


def test_times_are_needed_for_times() -> None:
    with pytest.raises(DataError, match="trn has no word times"):
        paired(STM, "one two (f)\n")


def test_json_with_word_times_serves_as_ctm() -> None:
    hyp = (
        '{"file": "x/f.wav", "text": "one", "segments": [{"words": '
        '[{"word": " one", "start": 0.2, "end": 0.6}]}]}'
    )
    assert paired(STM, hyp).pairs[0].hypothesis == "one"


def test_ctm_against_ctm_is_cut_at_common_silence() -> None:
    def words(gap: int) -> str:
        times = [k * 0.3 + (k // gap) * 2.0 for k in range(120)]
        return "".join(f"f A {t:.2f} 0.25 w{k}\n" for k, t in enumerate(times))

    found = paired(words(10), words(10))
    assert len(found.pairs) > 1
    assert all(p.reference == p.hypothesis for p in found.pairs)
    assert " ".join(p.reference for p in found.pairs).split() == [f"w{k}" for k in range(120)]


def test_ctm_without_a_partner_in_time_is_a_text() -> None:
    found = paired("one two (f)\n", "f A 0 1 one\nf A 1 1 two\n")
    assert (found.how, found.pairs[0].hypothesis) == ("by id", "one two")
