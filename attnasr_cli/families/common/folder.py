"""Parts of Hugging Face folders that several families share: fields of ``config.json``, the
tokenizer file, the languages on the card."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from attnasr_cli.checkpoint.hub import Source
from attnasr_cli.errors import ModelError
from attnasr_cli.families.common.pieces import PieceTokenizer

GENERIC = (
    "_name_or_path", "add_cross_attention", "architectures", "auto_map", "chunk_size_feed_forward",
    "cross_attention_hidden_size", "dtype", "finetuning_task", "id2label", "initializer_range",
    "is_decoder", "label2id", "model_type", "output_attentions", "output_hidden_states", "prefix",
    "problem_type", "pruned_heads", "return_dict", "sep_token_id", "task_specific_params",
    "tie_encoder_decoder", "tokenizer_class", "torch_dtype", "torchscript", "transformers_version",
    "use_bfloat16", "use_cache",
)  # fmt: skip
"""fields of any ``config.json`` that do not affect the computation"""
DECODER_SIZES = {
    "vocab": "vocab_size",
    "decoder_width": "hidden_size",
    "decoder_hidden": "intermediate_size",
    "decoder_heads": "num_attention_heads",
    "decoder_layers": "num_hidden_layers",
    "text_context": "max_position_embeddings",
}
"""sizes of a decoder: ours → those of transformers"""
AnyPieces = TypeVar("AnyPieces", bound=PieceTokenizer)


class Fields:
    """A table of ``config.json`` in which every field must be known."""

    def __init__(self, table: Mapping[str, Any], family: str, prefix: str = "") -> None:
        """prefix: of its fields in messages, such as ``encoder_config.``."""
        self.table, self.family, self.prefix = table, family, prefix

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Raise ModelError, naming it, for a field that is not known."""
        unknown = sorted(set(self.table) - set(known))
        if unknown:
            raise ModelError(
                f"config.json has the unknown field {self.prefix + unknown[0]!r}",
                f"a newer kind of {self.family}, which this version does not compute",
            )

    def number(self, name: str, kinds: Any = int) -> Any:
        """The number in a field. Raises ModelError where it is missing or not positive."""
        value = self.table.get(name)
        if value is None:
            raise ModelError(
                f"config.json lacks the field {self.prefix + name!r}", "copy the model again"
            )
        negative = isinstance(value, int | float) and value < 0
        if isinstance(value, bool) or not isinstance(value, kinds) or negative:
            raise ModelError(
                f"config.json: {self.prefix}{name} is {value!r}", "copy the model again"
            )
        return value

    def only(self, name: str, allowed: Iterable[Any]) -> Any:
        """The value of a field, which must be one that the net implements. Raises ModelError."""
        value = self.table.get(name)
        if value not in tuple(allowed):
            raise self.cannot(name, value)
        return value

    def cannot(self, name: str, value: Any) -> ModelError:
        """The error for a value that is not implemented."""
        return ModelError(
            f"config.json: {self.prefix}{name} is {value!r}",
            f"this version does not compute such a {self.family}",
        )

    def inner(self, name: str) -> Fields:
        """An inner table. Raises ModelError where there is none."""
        value = self.table.get(name)
        if not isinstance(value, dict):
            self.number(name, dict)
        assert isinstance(value, dict)
        return Fields(value, self.family, f"{self.prefix}{name}.")


def read_tokenizer(
    kind: type[AnyPieces], path: Path, vocab: int, special: Mapping[str, tuple[str, int]]
) -> AnyPieces:
    """Read a tokenizer file and check that it has as many tokens as the net. special: attribute of
    the tokenizer → (description, its token in ``config.json``). Raises ModelError."""
    try:
        tokenizer = kind.from_bytes(path.read_bytes())
    except OSError:
        raise ModelError(f"no tokenizer file {path}", "copy it, or give --tokenizer FILE") from None
    except ValueError as problem:
        raise ModelError(f"damaged tokenizer file {path}: {problem}", "copy it again") from None
    if tokenizer.vocab_size != vocab:
        raise ModelError(
            f"{path}: {tokenizer.vocab_size} tokens, but the weights have {vocab}",
            "take the tokenizer of the same model",
        )
    for attribute, (what, token) in special.items():
        if getattr(tokenizer, attribute) != token:
            raise ModelError(
                f"{path}: the {what} is {getattr(tokenizer, attribute)}, in config.json {token}",
                "take the tokenizer of the same model",
            )
    return tokenizer


def languages_of(path: Path, name: str, published: Mapping[str, Source]) -> tuple[str, ...]:
    """The languages of a model: those of its card, or those published for its name; empty where
    neither is known."""
    card = path / "README.md"
    if card.is_file():
        found = card_languages(card.read_text(encoding="utf-8", errors="replace"))
        if found:
            return found
    for candidate in (name.partition("@")[0].rpartition("/")[2], path.name):
        source = published.get(candidate)
        if source is not None and source.about is not None:
            return source.about.languages
    return ()


def card_languages(card: str) -> tuple[str, ...]:
    """The ``language`` of a model card's front matter: one code, or a list."""
    lines = iter(card.splitlines())
    if next(lines, "") != "---":
        return ()
    found: list[str] = []
    inside = False
    for line in lines:
        if line == "---":
            break
        key, _, value = line.partition(":")
        if key == "language":
            inside = True
            found += value.strip(" []").replace(",", " ").split()
        elif inside and line.lstrip().startswith("- "):
            found.append(line.lstrip()[2:].strip())
        else:
            inside = False
    return tuple(code.strip("\"'") for code in found)


def write_tables(path: Path, tables: Mapping[str, Mapping[str, Any]]) -> None:
    """file name → table, into a folder."""
    for name, table in tables.items():
        text = json.dumps(table, indent=2, ensure_ascii=False)
        (path / name).write_text(text, encoding="utf-8")


def write_card(path: Path, name: str, languages: Iterable[str]) -> None:
    """A card that names the languages."""
    listed = "".join(f"- {code}\n" for code in languages)
    front = f"---\nlanguage:\n{listed}---\n" if listed else ""
    (path / "README.md").write_text(f"{front}# {name}\n", encoding="utf-8")
