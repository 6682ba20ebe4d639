"""Word times on synthetic speech whose word starts are known, by eSpeak NG's own events.

    python bench/transcribe_words.py [-m MODEL]

Needs the library libespeak-ng (Debian: libespeak-ng1). Prints the error of the starts of all words
that were recognised.
"""

from __future__ import annotations

import argparse
import ctypes
import ctypes.util
import re
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SENTENCES = (
    "the old man walked slowly along the river in the morning",
    "she opened the window and looked out over the quiet garden",
    "they had been waiting for more than an hour before the train came",
    "nothing could be heard but the sound of the wind in the trees",
    "he took the letter from the table and read it again with great care",
    "the children were playing in the street when it began to rain",
    "after dinner we sat by the fire and told each other stories",
    "a small boat was lying on the beach beside the white house",
)
RETRIEVAL, WORD, CHARS_UTF8, LIST_END = 1, 1, 1, 0


class Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event)
)


def synthesise(
    texts: tuple[str, ...], words_a_minute: int
) -> list[tuple[np.ndarray, dict[int, float], int]]:
    """(samples, word → its start in seconds, rate in Hz) of each text; eSpeak NG joins some words,
    and says nothing of the start of those inside."""
    name = ctypes.util.find_library("espeak-ng")
    if name is None:
        sys.exit("libespeak-ng is not installed")
    library = ctypes.CDLL(name)
    rate = library.espeak_Initialize(RETRIEVAL, 0, None, 0)
    library.espeak_SetVoiceByName(b"en-us")
    library.espeak_SetParameter(1, words_a_minute, 0)
    samples: list[np.ndarray] = []
    starts: dict[int, float] = {}
    places: dict[int, int] = {}  # position of the first letter, from 1 → number of the word

    def hear(wave: object, count: int, events: object) -> int:
        if wave and count:
            samples.append(np.ctypeslib.as_array(wave, (count,)).copy())
        i = 0
        while events[i].type != LIST_END:
            if events[i].type == WORD:
                starts[places[events[i].text_position]] = events[i].audio_position / 1000
            i += 1
        return 0

    callback = CALLBACK(hear)
    library.espeak_SetSynthCallback(callback)
    found = []
    for text in texts:
        samples.clear()
        starts.clear()
        places.clear()
        places.update({m.start() + 1: i for i, m in enumerate(re.finditer(r"\S+", text))})
        data = text.encode()
        library.espeak_Synth(data, len(data) + 1, 0, 0, 0, CHARS_UTF8, None, None)
        library.espeak_Synchronize()
        found.append((np.concatenate(samples).astype(np.float32) / 32_768, dict(starts), rate))
    return found


def main() -> None:
    import soundfile

    from attnasr_cli.recognize.recognizer import load

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-m", "--model", default="english-small")
    parser.add_argument("--speed", type=int, default=140, help="words a minute")
    args = parser.parse_args()
    recognizer = load(args.model, word_timestamps=True, punctuation=False)
    errors: list[float] = []
    total = 0
    with tempfile.TemporaryDirectory() as name:
        for text, (samples, starts, rate) in zip(
            SENTENCES, synthesise(SENTENCES, args.speed), strict=True
        ):
            silence = np.zeros(rate // 2, np.float32)
            soundfile.write(f"{name}/a.wav", np.concatenate([silence, samples, silence]), rate)
            [transcript] = recognizer.transcribe(f"{name}/a.wav")
            spoken = text.split()
            total += len(spoken)
            pairs = match(spoken, [w.word.strip().lower() for w in transcript.words])
            errors += [
                transcript.words[j].start - (starts[i] + 0.5) for i, j in pairs if i in starts
            ]
    if not errors:
        sys.exit("no word was recognised")
    distances = sorted(abs(e) for e in errors)
    print(f"model {args.model}: {len(errors)} of {total} words recognised and known")
    print(f"median error of their starts {1000 * statistics.median(distances):.0f} ms (wanted: 60)")
    print(f"90 % under {1000 * distances[int(0.9 * len(distances))]:.0f} ms")
    print(f"median of the signed error {1000 * statistics.median(errors):+.0f} ms")


def match(said: list[str], heard: list[str]) -> list[tuple[int, int]]:
    """Places of words that both have, in order."""
    from difflib import SequenceMatcher

    blocks = SequenceMatcher(a=said, b=heard, autojunk=False).get_matching_blocks()
    return [(a + k, b + k) for a, b, size in blocks for k in range(size)]


if __name__ == "__main__":
    main()
