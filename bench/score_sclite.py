"""Make the samples of tests/scoring/sctk and NIST's own numbers for them.

    python bench/score_sclite.py --sctk DIR     # DIR holds sclite and sc_stats (SCTK 2.4)

Only the inputs and the resulting numbers are kept as test fixtures; SCTK itself is not needed to
run the tests. Without --sctk only the inputs are written.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / "tests" / "scoring" / "sctk"

TEXT = """
the of and to a in that it is was i for on you he be with as by at have are this not but had
his they from she which or we an there her were one do been all their has would will what
if can when so no my out up into them then time some could him see now than other how our
two may first way after made down before little water morning river road house evening wind
letter garden station window winter summer paper market village school doctor teacher
engine bridge island harbour mountain forest answer question measure record signal
"""
WORDS = TEXT.split()
CHOICES = [
    "{ gonna / going to }",
    "{ it's / it is / it has }",
    "{ wanna / want to / @ }",
    "{ okay / ok / o. k. }",
    "{ mister / { mr / mr. } / @ }",
    "{ the grey / { the / a } gray } house",
    "{ @ / well }",
]
OPTIONAL = ["(uh)", "(um)", "(the)", "(you)"]


def sentence(rng: random.Random) -> list[str]:
    weights = [1 / (rank + 3) for rank in range(len(WORDS))]
    return rng.choices(WORDS, weights, k=rng.randint(8, 34))


def marked(rng: random.Random, words: list[str]) -> str:
    """The words with optional ones and alternatives strewn in."""
    out: list[str] = []
    for word in words:
        if rng.random() < 0.05:
            out.append(rng.choice(CHOICES))
        if rng.random() < 0.06:
            out.append(rng.choice(OPTIONAL))
        out.append(word)
    return " ".join(out)


def reading(rng: random.Random, text: str) -> list[str]:
    """One way to read a marked text aloud."""
    while "{" in text:
        text = re.sub(
            r"\{([^{}]*)\}", lambda m: rng.choice(m.group(1).split("/")).replace("@", ""), text
        )
    words = []
    for word in text.split():
        if re.fullmatch(r"\(\S+\)", word):
            if rng.random() < 0.5:
                continue
            word = word[1:-1]
        words.append(word)
    return words


def heard(rng: random.Random, words: list[str], rate: float) -> list[str]:
    """What a recogniser makes of it."""
    out: list[str] = []
    for word in words:
        dice = rng.random() / rate
        if dice < 0.34:
            out.append(rng.choice(WORDS))
        elif dice < 0.64:
            continue
        elif dice < 0.90:
            out += rng.sample([word, rng.choice(WORDS)], 2)
        elif dice < 1.0:
            out += [rng.choice(WORDS), rng.choice(WORDS)]
        else:
            out.append(word)
    return out


def make_trn(rng: random.Random) -> None:
    plain, choice, files = [], [], {"a": [], "b": [], "marked_a": [], "marked_b": []}
    for index in range(120):
        name = f"(s{index // 15 + 1:02d}-{index % 15 + 1:03d})"
        words = sentence(rng)
        text = marked(rng, sentence(rng))
        plain.append(f"{' '.join(words)} {name}")
        choice.append(f"{text} {name}")
        for key, rate in (("a", 0.22), ("b", 0.19)):
            files[key].append(f"{' '.join(heard(rng, words, rate))} {name}")
            said = heard(rng, reading(rng, text), rate)
            files[f"marked_{key}"].append(f"{' '.join(said)} {name}")
    comment = ";; made by bench/score_sclite.py"
    write("ref.trn", [comment, *plain])
    write("marked_ref.trn", [comment, *choice])
    for key, lines in files.items():
        write(f"hyp_{key}.trn", lines)


def make_timed(rng: random.Random) -> None:
    """Three recordings of two channels: an stm, a ctm reference, a ctm hypothesis."""
    stm = [';; CATEGORY "0" "" ""', ';; LABEL "o" "Overall" "Overall"']
    ref, hyp = [";; words of the reference"], [";; words of the hypothesis"]
    for talk in ("talk1", "talk2", "talk3"):
        for channel in "AB":
            clock = rng.uniform(0, 2)
            spoken: list[tuple[float, float, str]] = []
            for turn in range(20):
                text = marked(rng, sentence(rng))
                said = reading(rng, text)
                begin = clock
                for word in said:
                    length = rng.uniform(0.08, 0.5)
                    spoken.append((clock, length, word))
                    clock += length + (rng.uniform(0.0, 0.4) if rng.random() < 0.2 else 0)
                if turn % 9 == 5:
                    text = "IGNORE_TIME_SEGMENT_IN_SCORING"
                label = f"<o,f{turn % 2},{'male' if channel == 'A' else 'female'}>"
                stm.append(
                    f"{talk} {channel} {talk}{channel} {begin:.2f} {clock:.2f} {label} {text}"
                )
                clock += rng.choice([0.0, 0.3, 1.5])
            for begin, length, word in spoken:
                if rng.random() < 0.02:
                    ref += [
                        f"{talk} {channel} * * <ALT_BEGIN>",
                        f"{talk} {channel} {begin:.2f} {length:.2f} {word}",
                        f"{talk} {channel} * * <ALT>",
                        f"{talk} {channel} {begin:.2f} {length / 2:.2f} {rng.choice(WORDS)}",
                        f"{talk} {channel} {begin + length / 2:.2f} {length / 2:.2f} two",
                        f"{talk} {channel} * * <ALT_END>",
                    ]
                else:
                    ref.append(f"{talk} {channel} {begin:.2f} {length:.2f} {word}")
                for heard_word in heard(rng, [word], 0.2):
                    at = max(0.0, begin + rng.gauss(0, 0.12))
                    hyp.append(
                        f"{talk} {channel} {at:.2f} {length:.2f} {heard_word} {rng.random():.3f}"
                    )
    write("ref.stm", stm)
    write("ref.ctm", ref)
    write("hyp.ctm", sort_ctm(hyp))


def sort_ctm(lines: list[str]) -> list[str]:
    def key(line: str) -> tuple[str, str, float]:
        parts = line.split()
        return parts[0], parts[1], float(parts[2])

    return [line for line in lines if line[0] == ";"] + sorted(
        (line for line in lines if line[0] != ";"), key=key
    )


def write(name: str, lines: list[str]) -> None:
    (FOLDER / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def rsum(sctk: Path, *args: str) -> dict[str, int]:
    """The sums of sclite's rsum table."""
    command = [str(sctk / "sclite"), *args, "-D", "-o", "rsum", "stdout"]
    text = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=True).stdout
    line = next(line for line in text.splitlines() if line.strip().startswith("| Sum"))
    utterances, words, *rest = [int(number) for number in re.findall(r"\d+", line)]
    names = ("correct", "substituted", "deleted", "inserted", "errors", "wrong")
    return {"utterances": utterances, "words": words, **dict(zip(names, rest[:6], strict=True))}


def mapsswe(sctk: Path, ref: str, hyps: tuple[str, str]) -> dict[str, float | int]:
    """What sc_stats says of two systems on one reference."""
    sgml = ""
    for hyp in hyps:
        command = [str(sctk / "sclite"), "-r", ref, "trn", "-h", hyp, "trn", "-i", "spu_id"]
        command += ["-D", "-o", "sgml", "stdout"]
        sgml += subprocess.run(
            command, cwd=FOLDER, capture_output=True, text=True, check=True
        ).stdout
    command = [str(sctk / "sc_stats"), "-p", "-t", "mapsswe", "-v", "-n", "-"]
    out = subprocess.run(command, input=sgml, capture_output=True, text=True, check=True).stdout
    line = next(line for line in out.splitlines() if line.startswith("MTCH_PR_RESULTS"))
    fields = re.search(
        r"# segs: (\d+).*mean: +([-\d.]+).*std dev: +([-\d.]+).*Z Stat: +([-\d.]+)", line
    )
    assert fields, line
    segments, mean, deviation, z = fields.groups()
    return {
        "segments": int(segments),
        "mean": float(mean),
        "std_dev": float(deviation),
        "z": float(z),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sctk", type=Path, help="the folder with sclite and sc_stats")
    sctk = parser.parse_args().sctk
    FOLDER.mkdir(parents=True, exist_ok=True)
    rng = random.Random(20)
    make_trn(rng)
    make_timed(rng)
    if sctk is None:
        return
    spk = ("-i", "spu_id")
    expected = {
        "ref.trn hyp_a.trn": rsum(sctk, "-r", "ref.trn", "trn", "-h", "hyp_a.trn", "trn", *spk),
        "ref.trn hyp_b.trn": rsum(sctk, "-r", "ref.trn", "trn", "-h", "hyp_b.trn", "trn", *spk),
        "marked_ref.trn hyp_marked_a.trn": rsum(
            sctk, "-r", "marked_ref.trn", "trn", "-h", "hyp_marked_a.trn", "trn", *spk
        ),
        "marked_ref.trn hyp_marked_b.trn": rsum(
            sctk, "-r", "marked_ref.trn", "trn", "-h", "hyp_marked_b.trn", "trn", *spk
        ),
        "ref.stm hyp.ctm": rsum(sctk, "-r", "ref.stm", "stm", "-h", "hyp.ctm", "ctm"),
        "ref.ctm hyp.ctm": rsum(sctk, "-r", "ref.ctm", "ctm", "-h", "hyp.ctm", "ctm"),
    }
    tests = {"ref.trn": mapsswe(sctk, "ref.trn", ("hyp_a.trn", "hyp_b.trn"))}
    tests["marked_ref.trn"] = mapsswe(
        sctk, "marked_ref.trn", ("hyp_marked_a.trn", "hyp_marked_b.trn")
    )
    text = json.dumps({"rsum": expected, "mapsswe": tests}, indent=2)
    (FOLDER / "expected.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
