"""The commands, declared once: ``attnasr --help``, the lazy group and the Tab key all read this.

A command's module is ``commands/NAME.py`` and has ``app``, a ``typer.Typer``. No module is imported
before its command is asked for (``group.py``), and ``attnasr --help`` does without Typer, whose
import would make 0.03 s of CPU time 0.1, or 0.18 with the frames that it draws.
"""

from __future__ import annotations

COMMANDS = {
    "transcribe": "Turn recordings into text.",
    "train": "Train a model on your own recordings from a recipe.",
    "score": "Word and character error rates of hypotheses against references.",
    "attend": "Show where a model's decoder attended in a recording.",
    "models": "List, show, pull and export models.",
    "doctor": "Show what this machine offers and run a short self-test.",
}
"""name → one line of help"""
COMPLETION = "_ATTNASR_COMPLETE"  # set by the shell's script when it asks for completions


def help_text() -> str:
    """What ``attnasr --help`` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "attnasr: speech to text with attention encoder-decoders",
            "",
            "usage: attnasr COMMAND [options]    attnasr COMMAND --help",
            "",
            *lines,
            "",
            "  --version   print the version",
            "  --install-completion, --show-completion   the Tab key, for this shell",
            "  --debug     (after any command) show the traceback of an error",
            "",
            "Results go to stdout, everything else to stderr.",
        ]
    )
