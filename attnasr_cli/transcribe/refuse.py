"""Options that cannot work together are refused before anything is read or loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attnasr_cli import remote
from attnasr_cli.data import STDIN
from attnasr_cli.errors import UsageError
from attnasr_cli.families.options import flag
from attnasr_cli.transcribe.config import COMMAND_LINE, Settings
from attnasr_cli.transcribe.inputs import is_folder
from attnasr_cli.transcribe.options import OPTIONS, InputOptions, OutputOptions

if TYPE_CHECKING:
    from attnasr_cli.output.cues import CueConfig
    from attnasr_cli.output.formats import Format

CUE_OPTIONS = (
    "max_line_width",
    "max_line_count",
    "max_cue_duration",
    "min_cue_duration",
    "cue_gap",
    "max_cps",
)

MAY_BE_EMPTY = ("prompt", "hotwords")
OF_CLUSTERS = ("workers", "cpus_per_worker", "gpus_per_worker")


@dataclass(frozen=True)
class Request:
    """The request of one run."""

    settings: Settings
    inputs: InputOptions
    outputs: OutputOptions
    formats: list[Format]
    cues: CueConfig
    wanted: list[str]
    """recordings, folders and ``-``"""


def refuse_empty(settings: Settings, paths: Sequence[str]) -> None:
    """Refuse empty names, which would stand for the current folder. Raises UsageError."""
    hint = "is a variable not set?"
    if "" in paths:
        raise UsageError("an empty name", hint)
    for option in OPTIONS:
        if option.kind is str and settings[option.name] == "" and option.name not in MAY_BE_EMPTY:
            raise UsageError(f"{option.flag} is empty", hint)


def check(request: Request) -> None:
    """Raise UsageError for options that cannot work together, before anything is read or loaded."""

    settings, inputs, formats, wanted = (
        request.settings, request.inputs, request.formats, request.wanted
    )  # fmt: skip

    def chosen(name: str) -> bool:
        on_command_line = settings.sources[name] == COMMAND_LINE
        return on_command_line and settings[name] not in (None, False)

    names = ",".join(kind.name for kind in formats)
    to_folder = request.outputs.output_dir is not None
    if "" in wanted:
        raise UsageError("an empty name in the list", 'a line of --from-file is ""')
    if not wanted:
        raise UsageError("nothing to transcribe", "attnasr transcribe FILE…, a folder, or -")
    if not to_folder and len(formats) > 1:
        raise UsageError(f"formats {names} need files", "add --output-dir DIR, or choose one")
    if not to_folder and chosen("overwrite"):
        raise UsageError("--overwrite without --output-dir", "add --output-dir DIR")
    subtitles = [kind for kind in formats if kind.cues]
    for name in ("words", *CUE_OPTIONS):
        if chosen(name) and not subtitles:
            raise UsageError(f"{flag(name)} with format {names}", "it is for subtitles, like srt")
    timed = [kind for kind in formats if kind.word_times]
    if chosen("word_timestamps") and not timed:
        raise UsageError(f"--word-timestamps with format {names}", "choose json, ctm or subtitles")
    if chosen("align") and not timed:
        raise UsageError(f"--align with format {names}", "choose json, ctm or subtitles")
    if chosen("align") and settings["word_timestamps"] is False:
        raise UsageError("--align and --no-word-timestamps", "choose one of them")
    if settings["word_timestamps"] is False and (chosen_words(formats) or settings["words"]):
        raise UsageError(f"--no-word-timestamps with format {names}", "it needs times of words")
    if inputs.channel is not None and inputs.split_channels:
        raise UsageError("--channel and --split-channels", "choose one of them")
    if inputs.channel is not None and inputs.channel < 1:
        raise UsageError(f"--channel {settings['channel']}", "channels count from 1")
    if inputs.audio_track is not None and inputs.audio_track.strip("0") == "":
        raise UsageError(f"--audio-track {settings['audio_track']}", "tracks count from 1")
    start, end = inputs.start, inputs.end
    if start is not None and start < 0:
        raise UsageError(f"--start {start}", "use 0 or more")
    if end is not None and end <= (start or 0.0):
        raise UsageError(f"--end {end} is not after the start", "choose a later end")
    if wanted.count(STDIN) > 1:
        raise UsageError("stdin (-) can be read only once", "give - once")
    out = request.outputs.output_dir
    if out is not None and remote.is_url(out) and remote.is_web(out):
        raise UsageError(f"--output-dir {out}", "a web server takes no files")
    folders = [text for text in wanted if text != STDIN and is_folder(text)]
    below = [text for text in wanted if remote.is_url(text) and not remote.is_web(text)]
    for name in ("include", "exclude"):
        if settings.sources[name] == COMMAND_LINE and not folders and not below:
            raise UsageError(f"--{name} without a folder", "it chooses files inside folders")
    if inputs.watch and len(folders) < len(wanted):
        raise UsageError("--watch is for folders", "name folders only")
    if chosen("settle") and not inputs.watch:
        raise UsageError("--settle without --watch", "add --watch")
    if inputs.settle < 0:
        raise UsageError(f"--settle {inputs.settle}", "use 0 or more")
    if inputs.from_file == STDIN and STDIN in wanted:
        raise UsageError("stdin cannot be both list and recording", "write the list to a file")
    _check_cluster(settings, wanted)


def _check_cluster(settings: Settings, wanted: list[str]) -> None:
    cluster = settings["cluster"]
    for name in OF_CLUSTERS:
        value = settings[name]
        if cluster is None and settings.sources[name] == COMMAND_LINE:
            raise UsageError(
                f"{flag(name)} without --cluster", "add --cluster local, auto or an address"
            )
        least = 1 if name == "workers" else 0
        if value is not None and not least <= value < float("inf"):
            raise UsageError(f"{flag(name)} {value:g}", f"use {least} or more")
    if settings["cpus_per_worker"] == 0 and settings["gpus_per_worker"] == 0:
        raise UsageError("a worker without CPUs and GPUs", "give it one of them")
    if cluster is not None and STDIN in wanted:
        raise UsageError("stdin (-) on a cluster", "write it to a file that all workers can see")


def chosen_words(formats: list[Format]) -> bool:
    """Whether one of the formats shows nothing but words."""
    return any(kind.name in ("ctm", "textgrid") for kind in formats)
