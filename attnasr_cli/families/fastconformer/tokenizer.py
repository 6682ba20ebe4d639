"""The tokens of Canary and of Cohere Transcribe: pieces of text, and tokens that control."""

from __future__ import annotations

from attnasr_cli.families.common.pieces import PieceTokenizer
from attnasr_cli.families.languages import NAMES
from attnasr_cli.text.tokenizer import SPACE

CONTEXT = "<|startofcontext|>"
EMOTION = "<|emo:undefined|>"
PUNCTUATION, NO_PUNCTUATION = "<|pnc|>", "<|nopnc|>"
LAST = ("<|noitn|>", "<|notimestamp|>", "<|nodiarize|>")
"""numbers as words or digits as they come, no times as tokens, one speaker"""


class PromptTokenizer(PieceTokenizer):
    """Pieces between ``<|startoftranscript|>`` with what follows it and ``<|endoftext|>``."""

    START, END = "<|startoftranscript|>", "<|endoftext|>"

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        for needed in (CONTEXT, EMOTION, PUNCTUATION, NO_PUNCTUATION, *LAST):
            if needed not in self.ids:
                raise ValueError(f"no token {needed}")

    @property
    def languages(self) -> frozenset[str]:
        """Codes that there is a token for; a model writes some of them."""
        return frozenset(code for code in NAMES if f"<|{code}|>" in self.ids)

    def prompt(
        self,
        source: str,
        target: str,
        punctuation: bool,
        context: str = "",
        space_first: bool = False,
    ) -> list[int]:
        """What the decoder reads before it writes.

        source, target: codes of the language that is spoken and of the one that is written;
        context: text that comes before; space_first: whether the model was trained with a space at
        the very beginning.
        """
        before = [self.ids[SPACE]] if space_first else []
        said = self.encode(context) if context else []
        names = [
            self.START,
            EMOTION,
            f"<|{source}|>",
            f"<|{target}|>",
            PUNCTUATION if punctuation else NO_PUNCTUATION,
            *LAST,
        ]
        return [*before, self.ids[CONTEXT], *said, *(self.ids[name] for name in names)]
