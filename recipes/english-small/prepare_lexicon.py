#!/usr/bin/env python3
"""Make the pronouncing lexicon of english-small: every word of the language model and of the
training texts, most frequent first, as the CMU Pronouncing Dictionary says it (without stress), or
where it lacks a word as espeak-ng says it (Debian: apt-get install espeak-ng).

    python recipes/english-small/prepare_lexicon.py --repos repos \
        --lm DATA/lm/lm.safetensors --manifest DATA/english/train.tsv --out DATA/lexicon.txt
    python recipes/english-small/prepare_lexicon.py --base DATA/lexicon.txt \
        --manifest DATA/taught.tsv --out DATA/training-lexicon.txt

The second form adds words to a lexicon, as a teacher writes names that no dictionary has: they are
trained on by their sounds, and the model that ships need not know them. The first
writes the licence of the dictionary, too, beside the lexicon.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
from pathlib import Path

from prepare import Repo

from attnasr_cli.lm.file import load_model
from attnasr_cli.lm.vocabulary import SPECIAL

CMUDICT = ("cmusphinx/cmudict", "0f8072f81430")
LICENCE = "LICENSE-cmudict.txt"
VARIANTS = 4  # pronunciations of a word at most

# espeak-ng's phones of American English, longest first where one begins another
ARPABET = {
    "tʃ": "CH", "dʒ": "JH", "eɪ": "EY", "aɪ": "AY", "ɔɪ": "OY", "oʊ": "OW", "aʊ": "AW",
    "aɪɚ": "AY ER", "aɪə": "AY AH", "iə": "IY AH", "əl": "AH L", "oːɹ": "AO R", "ɔːɹ": "AO R",
    "ɑːɹ": "AA R", "ɛɹ": "EH R", "ɪɹ": "IH R", "ʊɹ": "UH R", "n̩": "AH N", "l̩": "AH L", "ɪ": "IH",
    "iː": "IY", "i": "IY", "ɛ": "EH", "e": "EH", "æ": "AE", "aː": "AA", "a": "AA", "ɑː": "AA",
    "ɑ": "AA", "ɔː": "AO", "ɔ": "AO", "o": "OW", "oː": "OW", "ʌ": "AH", "ə": "AH", "ɐ": "AH",
    "ᵻ": "IH", "ʊ": "UH", "uː": "UW", "u": "UW", "ɜː": "ER", "ɚ": "ER", "ɾ": "T", "ʔ": "T",
    "θ": "TH", "ð": "DH", "ʃ": "SH", "ʒ": "ZH", "ŋ": "NG", "ɡ": "G", "g": "G", "j": "Y", "ɹ": "R",
    "r": "R", "h": "HH", "x": "K", "ç": "HH", "ɬ": "L", "b": "B", "d": "D", "f": "F", "k": "K",
    "l": "L", "m": "M", "n": "N", "p": "P", "s": "S", "t": "T", "v": "V", "w": "W", "z": "Z",
}  # fmt: skip


def read_cmudict(text: str) -> dict[str, list[str]]:
    """Pronunciations of every word, phones without stress parted by spaces."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        fields = line.split("#")[0].split()
        if fields:
            word = re.sub(r"\(\d+\)$", "", fields[0])
            spoken = re.sub(r"\d", "", " ".join(fields[1:]))
            ways = found.setdefault(word, [])
            if spoken not in ways:
                ways.append(spoken)
    return found


def espeak(words: list[str]) -> dict[str, str]:
    """One pronunciation of each word; words that give a phone not known here are left out."""
    text = "\n\n".join(words)
    command = ["espeak-ng", "-q", "-v", "en-us", "--ipa", "--sep=_", "--stdin"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if len(lines) != len(words):
        raise SystemExit(f"espeak-ng gave {len(lines)} lines for {len(words)} words")
    found = {}
    for word, line in zip(words, lines, strict=True):
        phones = [p for p in re.split(r"[_\s]+", re.sub("[ˈˌ]", "", line)) if p]
        spoken = [ARPABET.get(p) or ARPABET.get(p.rstrip("ː")) for p in phones]
        if spoken and all(spoken):
            found[word] = " ".join(filter(None, spoken))
    return found


def extend(base: Path, words: list[str], out: Path) -> None:
    """Write a lexicon with the words that it lacks, as espeak-ng says them, at its end."""
    lines = base.read_text(encoding="utf-8").splitlines()
    have = {line.split(" ", 1)[0] for line in lines[1:]}
    phones = set(lines[0].split(":")[1].split())
    missing = [word for word in words if word not in have]
    guessed = {w: s for w, s in espeak(missing).items() if phones.issuperset(s.split())}
    lines += [f"{word} {spoken}" for word, spoken in guessed.items()]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(have)} words and {len(guessed)} of {len(missing)} by espeak-ng")


def words_of(manifests: list[Path]) -> list[str]:
    """All words of their texts, in order of the alphabet."""
    found: set[str] = set()
    csv.field_size_limit(1 << 30)
    for path in manifests:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                found.update(row["text"].split())
    return sorted(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repos", type=Path, help="folder of the clones, for the dictionary")
    parser.add_argument("--lm", type=Path, help="its words, most frequent first")
    parser.add_argument("--base", type=Path, help="a lexicon to add to, instead of both")
    parser.add_argument("--manifest", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    spoken_words = words_of(args.manifest)
    if args.base:
        extend(args.base, spoken_words, args.out)
        return
    if not (args.repos and args.lm):
        parser.error("--repos and --lm, or --base")
    cmudict = Repo.of(args.repos.resolve(), *CMUDICT)
    args.out.with_name(LICENCE).write_bytes(cmudict.blob("LICENSE"))
    words = load_model(args.lm).vocabulary.words[len(SPECIAL) :]
    have = set(words)
    words += [word for word in spoken_words if word not in have]
    known = read_cmudict(cmudict.text("cmudict.dict"))
    guessed = espeak([word for word in words if word not in known])
    lines, phones = [], set()
    for word in words:
        ways = known.get(word, [guessed[word]] if word in guessed else [])
        for way in ways[:VARIANTS]:
            lines.append(f"{word} {way}")
            phones.update(way.split())
    header = "# phones: " + " ".join(sorted(phones))
    args.out.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    missing = [word for word in words if word not in known and word not in guessed]
    print(
        f"{len(words)} words, {len(lines)} pronunciations, {len(guessed)} by espeak-ng; "
        f"left out: {' '.join(missing[:20])} ({len(missing)})"
    )


if __name__ == "__main__":
    main()
