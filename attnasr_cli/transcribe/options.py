"""All options of ``attnasr transcribe``, and the dataclasses of those that belong to the command
only.

Options of the decoder, of reading and of subtitles are declared in the dataclass that uses them.
The options of every family are offered; a model refuses those it cannot honour. The command line,
``attnasr.toml``, ``ATTNASR_*`` and ``--show-config`` are made from ``OPTIONS``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attnasr_cli.checkpoint import registry
from attnasr_cli.families.options import flag, kind_of, option
from attnasr_cli.families.registry import families
from attnasr_cli.output.cues import CueConfig
from attnasr_cli.recognize.reading import Reading

PREFIX = "ATTNASR_"
SHOWN = ("short", "metavar", "config", "switch")  # of ``option``, beside kind and help


@dataclass(frozen=True)
class InputOptions:
    """Which recordings, and which part of each."""

    include: Sequence[str] | None = option(
        None, "In folders, only files that match, e.g. '*.wav'. Repeatable.", list
    )
    exclude: Sequence[str] | None = option(
        None, "In folders, no files that match. Repeatable.", list
    )
    from_file: str | None = option(
        None, "A list of paths, one a line; - reads it from stdin.", config=False, metavar="FILE"
    )
    channel: int | None = option(None, "Transcribe this channel only, from 1.")
    split_channels: bool = option(False, "Transcribe every channel by itself.")
    audio_track: str | None = option(
        None,
        "Sound track of a film: its number from 1, or its language (en, eng).",
        metavar="N|LANG",
    )
    start: float | None = option(None, "Start of the part to transcribe, in seconds.", config=False)
    end: float | None = option(None, "End of the part to transcribe, in seconds.", config=False)
    salvage: bool = option(False, "Read over damage and transcribe what is left.")
    watch: bool = option(
        False, "Stay and transcribe new files of a folder.", config=False, switch=True
    )
    settle: float = option(
        2.0, "With --watch: seconds without a change until a file counts as complete."
    )


@dataclass(frozen=True)
class ModelOptions:
    """Which model, and where it runs."""

    model: str = option(registry.DEFAULT, "A model's name or folder.", short="-m")
    device: str = option("auto", "auto, cpu, cuda, cuda:0, or a list: cuda:0,cuda:1.")
    dtype: str = option("auto", "auto, float32, bfloat16, float16 or int8.")


@dataclass(frozen=True)
class VocabularyOptions:
    """Files that a checkpoint of a single file needs beside it."""

    tokenizer: str | None = option(None, "Vocabulary file for a .pt, which has none.")


@dataclass(frozen=True)
class OutputOptions:
    """What is written, and where."""

    format: str = option(
        "txt",
        "txt, srt, vtt, ass, lrc, tsv, json, jsonl, ctm, textgrid, or several: txt,srt.",
        short="-f",
    )
    output_dir: str | None = option(
        None, "Write files here, in the same tree as the input.", short="-o", metavar="DIR"
    )
    overwrite: bool = option(False, "Transcribe everything again and replace existing outputs.")
    failures: str | None = option(
        None,
        "Write the paths that failed here; --from-file reads it.",
        config=False,
        metavar="FILE",
    )


@dataclass(frozen=True)
class ClusterOptions:
    """The cluster that does the work, if not this process."""

    cluster: str | None = option(
        None, "Work on a Ray cluster: local, auto, host:port or ray://host:port.", metavar="ADDRESS"
    )
    workers: int | None = option(None, "Workers; by default as many as there is room for.")
    cpus_per_worker: float | None = option(None, "CPU cores that a worker takes; by default 1.")
    gpus_per_worker: float | None = option(
        None, "GPUs that a worker takes; by default 1 where the cluster has some."
    )


@dataclass(frozen=True)
class RunOptions:
    """What a run prints."""

    quiet: bool = option(False, "Print only errors on stderr.", short="-q")
    show_config: bool = option(
        False,
        "Show all options with the source of each, and exit.",
        config=False,
        switch=True,
    )


@dataclass(frozen=True)
class Option:
    """One option, as a field declares it."""

    name: str
    """in snake case; the flag is the same in kebab case"""
    kind: type
    """str, int, float, bool, or list for several str"""
    help: str
    panel: str
    """the heading under which ``--help`` shows it"""
    default: object = None
    """None: no value, or a default that depends on model or machine"""
    short: str = ""
    metavar: str | None = None
    config: bool = True
    """whether it may be set in a configuration file or the environment"""
    switch: bool = False
    """for a bool: whether there is no --no-… form"""
    decoder: bool = False
    """whether it is passed to the model's family, which may refuse it"""

    @property
    def flag(self) -> str:
        return flag(self.name)

    @property
    def variable(self) -> str | None:
        """The environment variable that sets it, or None."""
        return PREFIX + self.name.upper() if self.config else None


def _fields(cls: type, panel: str, decoder: bool = False) -> list[Option]:
    """The fields of a dataclass as options. Those of a decoder have no default here, as the model
    decides what is not given."""
    return [
        Option(
            field.name,
            kind_of(cls, field),
            field.metadata.get("help", ""),
            panel,
            None if decoder else field.default,
            decoder=decoder,
            **{key: field.metadata[key] for key in SHOWN if key in field.metadata},
        )
        for field in dataclasses.fields(cls)
    ]


def _decoders() -> Iterator[Option]:
    """The options of all families' decoders, each once, without the one for plain words, which
    ``Reading.punctuation`` covers for all."""
    seen = {"no_punctuation"}
    for family in families():
        panel = "Decoding" if family.name == "native" else family.name.title()
        for found in _fields(family.Options, panel, decoder=True):
            if found.name not in seen:
                seen.add(found.name)
                yield found
    yield from _fields(VocabularyOptions, "Whisper", decoder=True)


OPTIONS: list[Option] = [
    *_fields(InputOptions, "Input"),
    *_fields(ModelOptions, "Model"),
    *_fields(Reading, "Model"),
    *_decoders(),
    *_fields(OutputOptions, "Output"),
    *_fields(CueConfig, "Output"),
    *_fields(RunOptions, "Output"),
    *_fields(ClusterOptions, "Cluster"),
]
