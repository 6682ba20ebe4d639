"""Options that cannot work together are refused before anything is read or loaded."""

from __future__ import annotations

from collections.abc import Sequence

from attnasr_cli import remote
from attnasr_cli.errors import UsageError
from attnasr_cli.output.formats import Format
from attnasr_cli.transcribe.config import Config
from attnasr_cli.transcribe.inputs import STDIN, is_folder
from attnasr_cli.transcribe.options import OPTIONS

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


def refuse_empty(config: Config, paths: Sequence[str]) -> None:
    """An empty name would stand for the current folder, which nobody means by it."""
    hint = "is a variable not set?"
    if "" in paths:
        raise UsageError("an empty name", hint)
    for option in OPTIONS:
        if option.kind is str and config[option.name] == "" and option.name not in MAY_BE_EMPTY:
            raise UsageError(f"{option.flag} is empty", hint)


def check(config: Config, formats: list[Format], wanted: list[str]) -> None:
    """Refuse what cannot work together, before anything is read or loaded."""

    def chosen(name: str) -> bool:
        return bool(config.sources[name] == "command line" and config[name] not in (None, False))

    names = ",".join(kind.name for kind in formats)
    to_folder = config["output_dir"] is not None
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
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"{flag} with format {names}", "it is for subtitles, like srt")
    timed = [kind for kind in formats if kind.word_times]
    if chosen("word_timestamps") and not timed:
        raise UsageError(f"--word-timestamps with format {names}", "choose json, ctm or subtitles")
    if chosen("align") and not timed:
        raise UsageError(f"--align with format {names}", "choose json, ctm or subtitles")
    if chosen("align") and config["word_timestamps"] is False:
        raise UsageError("--align and --no-word-timestamps", "choose one of them")
    if config["word_timestamps"] is False and (chosen_words(formats) or config["words"]):
        raise UsageError(f"--no-word-timestamps with format {names}", "it needs times of words")
    if config["channel"] is not None and config["split_channels"]:
        raise UsageError("--channel and --split-channels", "choose one of them")
    if config["channel"] is not None and config["channel"] < 1:
        raise UsageError(f"--channel {config['channel']}", "channels count from 1")
    if config["audio_track"] is not None and config["audio_track"].strip("0") == "":
        raise UsageError(f"--audio-track {config['audio_track']}", "tracks count from 1")
    start, end = config["start"], config["end"]
    if start is not None and start < 0:
        raise UsageError(f"--start {start}", "use 0 or more")
    if end is not None and end <= (start or 0.0):
        raise UsageError(f"--end {end} is not after the start", "choose a later end")
    if wanted.count(STDIN) > 1:
        raise UsageError("stdin (-) can be read only once", "give - once")
    if to_folder and remote.is_url(config["output_dir"]) and remote.is_web(config["output_dir"]):
        raise UsageError(f"--output-dir {config['output_dir']}", "a web server takes no files")
    folders = [text for text in wanted if text != STDIN and is_folder(text)]
    below = [text for text in wanted if remote.is_url(text) and not remote.is_web(text)]
    for name in ("include", "exclude"):
        if config.sources[name] == "command line" and not folders and not below:
            raise UsageError(f"--{name} without a folder", "it chooses files inside folders")
    if config["watch"] and len(folders) < len(wanted):
        raise UsageError("--watch is for folders", "name folders only")
    if chosen("settle") and not config["watch"]:
        raise UsageError("--settle without --watch", "add --watch")
    if config["from_file"] == STDIN and STDIN in wanted:
        raise UsageError("stdin cannot be both list and recording", "write the list to a file")
    _check_cluster(config, wanted)


def _check_cluster(config: Config, wanted: list[str]) -> None:
    for name in OF_CLUSTERS:
        flag, value = "--" + name.replace("_", "-"), config[name]
        if config["cluster"] is None and config.sources[name] == "command line":
            raise UsageError(f"{flag} without --cluster", "add --cluster local, auto or an address")
        least = 1 if name == "workers" else 0
        if value is not None and not least <= value < float("inf"):
            raise UsageError(f"{flag} {value:g}", f"use {least} or more")
    if config["cpus_per_worker"] == 0 and config["gpus_per_worker"] == 0:
        raise UsageError("a worker without CPUs and GPUs", "give it one of them")
    if config["cluster"] is None:
        return
    if STDIN in wanted:
        raise UsageError("stdin (-) on a cluster", "write it to a file that all workers can see")


def chosen_words(formats: list[Format]) -> bool:
    """Whether a format has nothing else to show than words."""
    return any(kind.name in ("ctm", "textgrid") for kind in formats)
