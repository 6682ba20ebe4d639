"""Every option of ``attnasr transcribe``, once: the command line, ``attnasr.toml``, ``ATTNASR_*``
and ``--show-config`` are made from this table.

An option with ``decoder=True`` goes to the model's decoder, which refuses what it cannot honour;
to add one for another kind of model, list it here and in that decoder's ``Options``.
"""

from __future__ import annotations

from attnasr_cli.checkpoint import registry
from attnasr_cli.transcribe.option import Option
from attnasr_cli.transcribe.whisper_options import WHISPER

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
    Option("batch", float, "Seconds of audio in a batch; by default from free memory.", "Model"),
    Option("jobs", int, "Recordings read at once; by default one for each core.", "Model"),
    Option("vad", bool, "Cut at pauses and leave out what is not speech.", "Model", True),
    Option("vad_threshold", float, "Probability from which it is speech.", "Model", 0.5),
    Option(
        "max_segment", float, "Longest segment in seconds; by default the net's limit.", "Model"
    ),
]
DECODER = [
    Option("beam", int, "Hypotheses kept; 1 is greedy.", "Decoding", decoder=True),
    Option("ctc_weight", float, "Share of the CTC head in the score.", "Decoding", decoder=True),
    Option("lm_weight", float, "Weight of the language model.", "Decoding", decoder=True),
    Option("length_penalty", float, "((5 + n) / 6) ** penalty.", "Decoding", decoder=True),
    Option("patience", float, "Stop after beam · patience hypotheses.", "Decoding", decoder=True),
    Option("nbest", int, "Alternatives listed in json.", "Decoding", decoder=True),
    Option(
        "word_timestamps",
        bool,
        "Times of words; on by default for the formats that show them.",
        "Decoding",
        decoder=True,
    ),
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
    Option("words", bool, "Highlight each word of a subtitle as it is said.", "Output", False),
    Option("max_line_width", int, "Columns of a subtitle; 我 takes two.", "Output", 42),
    Option("max_line_count", int, "Lines in a subtitle.", "Output", 2),
    Option("max_cue_duration", float, "Longest time of a subtitle, in seconds.", "Output", 7.0),
    Option("min_cue_duration", float, "Shortest time of a subtitle, in seconds.", "Output", 1.0),
    Option("max_cps", float, "Columns of a subtitle a second; 17 to 21, by language.", "Output"),
    Option("cue_gap", float, "Time between two subtitles, in seconds.", "Output", 0.08),
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
OPTIONS: list[Option] = [*INPUT, *MODEL, *DECODER, *WHISPER, *OUTPUT]

__all__ = ["OPTIONS", "Option"]
