"""The tokenizer of Canary and Cohere Transcribe: text pieces and control tokens."""

from __future__ import annotations

from attnasr_cli.families.common.pieces import PieceTokenizer
from attnasr_cli.families.languages import NAMES
from attnasr_cli.text.tokenizer import SPACE

CONTEXT = "<|startofcontext|>"
EMOTION = "<|emo:undefined|>"
PUNCTUATION, NO_PUNCTUATION = "<|pnc|>", "<|nopnc|>"
LAST = ("<|noitn|>", "<|notimestamp|>", "<|nodiarize|>")
"""the end of every prompt: no inverse text normalisation, no timestamps, no speaker labels"""


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
        """The prompt of the decoder.

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
