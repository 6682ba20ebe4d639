"""NIST's GLM files (global mappings): rewriting rules for texts before they are scored.

A rule is ``A => B`` or ``A => B / left __ right``; a string may stand in [ ] or " " to keep its
outer spaces. At each position the first rule that fits is applied to the input, and the cursor
moves past what it matched. Case is ignored, and the result is in lower case, as scoring with
csrfilt and sclite comes to. ``{ a / b }`` in a result are alternatives.

    ;; comments begin with the first word of the first line
    * name "my rules"
    [GONNA] => [GOING TO] / [ ] __ [ ]
    ;; INPUT_DEPENDENT_APPLICATION = "ctm"       what follows is only for hypotheses
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from attnasr_cli.data import read_text
from attnasr_cli.errors import DataError
from attnasr_cli.text.normalize import Normalizer

REFERENCE, HYPOTHESIS = "stm", "ctm"  # what csrfilt calls the two sides

_APPLIES = re.compile(r'INPUT_DEPENDENT_APPLICATION\s*=\s*"([^"]*)"')
_OPTIONAL = re.compile(r"(?<!\S)\((\S+)\)(?!\S)")
_OPENED = re.compile(r"(?<!\S)\( ([^()]*) \)(?!\S)")


@dataclass(frozen=True, slots=True)
class Rule:
    """Write ``after`` for ``before`` where ``left`` comes before it and ``right`` after it."""

    before: str
    after: str
    left: str
    right: str
    applies: str  # a pattern for the side; "" for both


def normalizer(path: Path) -> Normalizer:
    """The rules of a GLM file as a normaliser with its own function for each side."""
    rules = read(path)
    return Normalizer(
        path.name,
        rewriter(rules, REFERENCE),
        f"lower case and the {len(rules)} rules of {path}",
        rewriter(rules, HYPOTHESIS),
        marks=True,
    )


def read(path: Path) -> list[Rule]:
    """The rules of a GLM file, in order. Raises DataError, with the line, for what is no rule."""
    lines = read_text(path).split("\n")
    comment = (lines[0].split() or [";;"])[0]
    if comment.startswith("*") or "=>" in lines[0]:
        comment = ";;"
    rules: list[Rule] = []
    applies = ""
    for number, line in enumerate(lines, 1):
        if match := _APPLIES.search(line):
            applies = match.group(1)
            continue
        line = line.split(comment, 1)[0].strip()
        if line and not line.startswith("*"):
            rules.append(_rule(path, number, line, applies))
    if not rules:
        raise DataError(f"{path}: no rules in it", "a rule is A => B / left __ right")
    return rules


def _rule(path: Path, number: int, line: str, applies: str) -> Rule:
    before, arrow, rest = line.partition("=>")
    if not arrow:
        raise DataError(f"{path}:{number}: no => in {line[:60]!r}", "a rule is A => B")
    left = right = ""
    slash = rest.rfind("/")
    context = rest[slash:] if slash >= 0 else ""
    # a slash inside [ ] or { } belongs to the result
    inside = "]" in context and ("[" not in context or context.index("]") < context.index("["))
    if context and not inside and "_" in context:
        rest = rest[:slash]
        left, _, right = context[1:].partition("_")
        right = right.lstrip("_")
    before = _unquote(before)
    if not before:
        raise DataError(f"{path}:{number}: nothing before the =>", "a rule is A => B")
    return Rule(before, _unquote(rest), _unquote(left), _unquote(right), applies)


def _unquote(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and (text[0], text[-1]) in (("[", "]"), ('"', '"')):
        return text[1:-1]
    return text


def rewriter(rules: list[Rule], side: str) -> Callable[[str], str]:
    """The rules as one function for one side."""
    used = [rule for rule in rules if not rule.applies or re.search(rule.applies, side)]
    if not used:
        return str.lower
    by_first: dict[str, list[int]] = {}
    for index, rule in enumerate(used):
        by_first.setdefault(rule.before[0].lower(), []).append(index)
    patterns = {
        first: re.compile("|".join(_pattern(used[index], index) for index in indices), re.I)
        for first, indices in by_first.items()
    }

    def rewrite(text: str) -> str:
        # spaces at both ends, so that rules bounded by spaces fit there too
        text = _OPTIONAL.sub(r"( \1 )", " ".join(text.lower().split()))
        text = f" {text} "
        out: list[str] = []
        at = 0
        while at < len(text):
            pattern = patterns.get(text[at])
            match = pattern.match(text, at) if pattern else None
            if match is None or match.lastgroup is None:
                out.append(text[at])
                at += 1
            else:
                out.append(used[int(match.lastgroup[1:])].after)
                at = match.end()
        return _OPENED.sub(_each, "".join(out).lower())

    return rewrite


def _pattern(rule: Rule, index: int) -> str:
    left = f"(?<={re.escape(rule.left)})" if rule.left else ""
    right = f"(?={re.escape(rule.right)})" if rule.right else ""
    return f"{left}(?P<r{index}>{re.escape(rule.before)}){right}"


def _each(match: re.Match[str]) -> str:
    """( a b ) → (a) (b): every word of an optional group is optional."""
    return " ".join(f"({word})" for word in match.group(1).split())
