"""Every option of ``attnasr transcribe``: the command line, ``attnasr.toml``, ``ATTNASR_*`` and
``--show-config`` are made from this table.

What an option of the decoder, of reading or of subtitles is, the dataclass says that uses it; those
of every family are offered, and a model refuses what it cannot honour.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from attnasr_cli.checkpoint import registry
from attnasr_cli.families.options import kind_of
from attnasr_cli.families.registry import families
from attnasr_cli.output.cues import CueConfig
from attnasr_cli.recognize.reading import Reading


@dataclass(frozen=True)
class Option:
    """One option."""

    name: str
    """in snake case; the flag is the same in kebab case"""
    kind: type
    """str, int, float, bool, or list for several str"""
    help: str
    panel: str
    default: object = None
    """None: nothing, or what the model or the machine suggests"""
    short: str = ""
    decoder: bool = False
    config: bool = True
    """may stand in a configuration file and in the environment"""
    metavar: str | None = None
    once: bool = False
    """of a bool: there is no --no-…"""

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


def _fields(cls: type, panel: str) -> list[Option]:
    """The fields of a dataclass as options with its defaults."""
    return [
        Option(f.name, kind_of(cls, f), f.metadata.get("help", ""), panel, f.default)
        for f in dataclasses.fields(cls)
    ]


def _decoders() -> Iterator[Option]:
    """The options of all families' decoders, each once. What is not given, the model decides."""
    seen: set[str] = set()
    for family in families():
        panel = "Decoding" if family.name == "native" else f"{family.name.title()}"
        for option in _fields(family.Options, panel):
            if option.name not in seen:
                seen.add(option.name)
                yield dataclasses.replace(option, default=None, decoder=True)
    yield Option(
        "tokenizer", str, "Vocabulary file for a .pt, which has none.", "Whisper", decoder=True
    )


INPUT = [
    Option("include", list, "In folders, only files like this, e.g. '*.wav'. Repeatable.", "Input"),
    Option("exclude", list, "In folders, no files like this. Repeatable.", "Input"),
    Option(
        "from_file",
        str,
        "A list of paths, one a line; - reads it from stdin.",
        "Input",
        config=False,
        metavar="FILE",
    ),
    Option("channel", int, "Transcribe this channel only, from 1.", "Input"),
    Option("split_channels", bool, "Transcribe every channel by itself.", "Input", False),
    Option(
        "audio_track",
        str,
        "Sound track of a film: its number from 1, or its language (en, eng).",
        "Input",
        metavar="N|LANG",
    ),
    Option("start", float, "Begin here, in seconds.", "Input", config=False),
    Option("end", float, "End here, in seconds.", "Input", config=False),
    Option("salvage", bool, "Read over damage and transcribe what is left.", "Input", False),
    Option(
        "watch",
        bool,
        "Stay and transcribe new files of a folder.",
        "Input",
        False,
        config=False,
        once=True,
    ),
    Option(
        "settle",
        float,
        "With --watch: seconds without a change until a file counts as complete.",
        "Input",
        2.0,
    ),
]
MODEL = [
    Option("model", str, "A model's name or folder.", "Model", registry.DEFAULT, short="-m"),
    Option("device", str, "auto, cpu, cuda, cuda:0, or a list: cuda:0,cuda:1.", "Model", "auto"),
    Option("dtype", str, "auto, float32, bfloat16, float16 or int8.", "Model", "auto"),
    *_fields(Reading, "Model"),
]
OUTPUT = [
    Option(
        "format",
        str,
        "txt, srt, vtt, ass, lrc, tsv, json, jsonl, ctm, textgrid, or several: txt,srt.",
        "Output",
        "txt",
        short="-f",
    ),
    Option(
        "output_dir",
        str,
        "Write files here, in the same tree as the input.",
        "Output",
        short="-o",
        metavar="DIR",
    ),
    Option("overwrite", bool, "Make everything again and replace what is there.", "Output", False),
    Option(
        "failures",
        str,
        "Write the paths that failed here; --from-file reads it.",
        "Output",
        config=False,
        metavar="FILE",
    ),
    *_fields(CueConfig, "Output"),
    Option("quiet", bool, "Nothing on stderr but errors.", "Output", False, short="-q"),
    Option(
        "show_config",
        bool,
        "Show all options, and where each comes from, and end.",
        "Output",
        False,
        config=False,
        once=True,
    ),
]
CLUSTER = [
    Option(
        "cluster",
        str,
        "Work on a Ray cluster: local, auto, host:port or ray://host:port.",
        "Cluster",
        metavar="ADDRESS",
    ),
    Option("workers", int, "Workers; by default as many as there is room for.", "Cluster"),
    Option("cpus_per_worker", float, "CPU cores that a worker takes; by default 1.", "Cluster"),
    Option(
        "gpus_per_worker",
        float,
        "GPUs that a worker takes; by default 1 where the cluster has some.",
        "Cluster",
    ),
]
OPTIONS: list[Option] = [*INPUT, *MODEL, *_decoders(), *OUTPUT, *CLUSTER]

__all__ = ["OPTIONS", "Option"]
