"""Writes the card of a trained model: what it is, what it was trained on, and its error rates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attnasr_cli.checkpoint.folder import Header
from attnasr_cli.files import write_text

CARD = "README.md"
LIST = "data.tsv"
MARK = "<!-- written by attnasr train; remove this line to keep your own text -->"


def write_card(out: Path, header: Header, parameters: int) -> None:
    """Write the card of a model folder, unless there is one that was not written by this
    program."""
    file = out / CARD
    if file.is_file() and MARK not in file.read_text(encoding="utf-8", errors="replace"):
        return
    write_text(file, card(header, parameters, listed=(out / LIST).is_file()))


def card(header: Header, parameters: int, listed: bool = True) -> str:
    """Markdown, with the front matter that the Hugging Face hub reads. listed: whether the training
    data is listed beside the model."""
    origin = header.origin
    front = ["library_name: attnasr", "pipeline_tag: automatic-speech-recognition"]
    if header.languages:
        front.append(f"language: [{', '.join(header.languages)}]")
    if isinstance(origin.get("licence"), str):
        front.append(f"license: {origin['licence']}")
    lines = [
        "---", *front, "---", MARK, "", f"# {header.name}", "",
        f"A {header.net} with {parameters / 1e6:.1f} M parameters, trained by "
        f"attnasr {origin.get('attnasr', '')}.", "",
        "    attnasr transcribe -m . recording.wav", "",
        "## Accuracy", "", *_accuracy(origin), "",
        "## Made of", "",
        f"- recipe: `{origin.get('recipe')}`, seed {origin.get('seed')}, update "
        f"{origin.get('updates')}, {origin.get('hours_seen')} hours of audio seen",
        f"- training data: {origin.get('train_utterances')} utterances"
        f"{f', listed in `{LIST}`' if listed else ''}; SHA-256 of ids, texts and sizes "
        f"{origin.get('train_sha256')}",
        *[f"- {key}: {value}" for key, value in origin.items() if key in ("data", "licence")],
        f"- {origin.get('date')}, torch {origin.get('torch')}, {origin.get('dtype')}, "
        f"{origin.get('processes')} processes",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _accuracy(origin: dict[str, Any]) -> list[str]:
    return [
        f"WER {100 * origin['dev_wer']:.2f} %, CER {100 * origin['dev_cer']:.2f} % on "
        f"{origin['dev_utterances']} utterances that were not trained on (lower case, single "
        "spaces), decoded as `attnasr transcribe` does:",
        "",
        "    attnasr score dev.tsv --model . --normalizer lower",
    ]
