"""Published models by name: downloaded once, at a pinned revision, into a folder of our own."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from attnasr_cli import console
from attnasr_cli.errors import ModelError, reason

MAIN = "main"
NEEDED = ("config.json", "tokenizer.json")
OPTIONAL = ("generation_config.json", "preprocessor_config.json", "README.md")
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
CTRANSLATE2_WEIGHTS = "model.bin"
"""of a model that somebody converted for CTranslate2, where there are no safetensors"""
TIMEOUT_S = 10.0
_ID = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")


@dataclass(frozen=True)
class About:
    """Facts about a published model that are known without loading it."""

    parameters: int
    """millions"""
    languages: tuple[str, ...]
    """codes of those that it writes"""
    licence: str
    wer: str = ""
    """published word error rates on LibriSpeech in percent, test-clean/test-other, or of test-clean
    alone; else empty"""


@dataclass(frozen=True)
class Source:
    """A model on the hub."""

    repo: str
    """owner/name"""
    revision: str = MAIN
    """a commit, tag or branch; a commit never changes"""
    about: About | None = field(default=None, compare=False)
    """where somebody knows more of it"""

    def __str__(self) -> str:
        return self.repo if self.revision == MAIN else f"{self.repo}@{self.revision[:12]}"


def source(name: str, published: Mapping[str, Source]) -> Source | None:
    """A published name, ``owner/name`` or ``owner/name@revision`` → where it is; else None.

    ``owner/name`` of a published model is taken at the revision that is published here.
    """
    if name in published:
        return published[name]
    found = _ID.fullmatch(name)
    if found is None or name.startswith("."):
        return None
    pinned = {source.repo: source for source in published.values()}
    repo, revision = found.group(1), found.group(2)
    if revision is None and repo in pinned:
        return pinned[repo]
    return Source(repo, revision or MAIN)


def own_cache() -> Path:
    """The folder of what can be fetched again: ``ATTNASR_CACHE``, else the platform's."""
    chosen = os.environ.get("ATTNASR_CACHE")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("attnasr", appauthor=False))


def cache() -> Path:
    """Our own folder of downloads."""
    return own_cache() / "hub"


def shared_cache() -> Path:
    """Hugging Face's own folder of downloads, where other programs put theirs; only read here."""
    home = os.environ.get("HF_HOME") or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "huggingface"
    )
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home, "hub"))


def local(wanted: Source) -> Path | None:
    """The folder of a model that is downloaded completely, by us or by others, or None. Never uses
    the network."""
    for root in (cache(), shared_cache()):
        folder = root / f"models--{wanted.repo.replace('/', '--')}"
        commit = wanted.revision
        with contextlib.suppress(OSError, UnicodeDecodeError):
            commit = (folder / "refs" / wanted.revision).read_text(encoding="ascii").strip()
        snapshot = folder / "snapshots" / commit
        if _complete(snapshot):
            return snapshot
    return None


def downloaded() -> Iterator[tuple[Source, Path]]:
    """Every model that is downloaded completely, by us or by others, and where it stands."""
    for root in (cache(), shared_cache()):
        for folder in sorted(root.glob("models--*--*")):
            repo = folder.name.removeprefix("models--").replace("--", "/", 1)
            main = ""
            with contextlib.suppress(OSError, UnicodeDecodeError):
                main = (folder / "refs" / MAIN).read_text(encoding="ascii").strip()
            for snapshot in sorted((folder / "snapshots").glob("*")):
                if _complete(snapshot):
                    revision = MAIN if snapshot.name == main else snapshot.name
                    yield Source(repo, revision), snapshot


def _complete(snapshot: Path) -> bool:
    if any(not (snapshot / name).is_file() for name in NEEDED):
        return False
    if (snapshot / CTRANSLATE2_WEIGHTS).is_file():
        return True
    shards = [WEIGHTS]
    if (snapshot / INDEX).is_file():
        try:
            shards = _shards(snapshot / INDEX)
        except ModelError:
            return False
    return all((snapshot / name).is_file() for name in shards)


def pull(wanted: Source) -> Path:
    """The folder of a model; what is not there yet is downloaded, and a broken download goes on
    where it stopped. Raises ModelError with the next step."""
    found = local(wanted)
    if found is not None:
        return found
    console.note(f"downloading {wanted} into {cache()}")
    with _explained(wanted), _progress():
        folder = _file(wanted, NEEDED[0]).parent
        for name in NEEDED[1:]:
            _file(wanted, name)
        for name in OPTIONAL:
            _file_if_there(wanted, name)
        _pull_weights(wanted)
    return folder


def _pull_weights(wanted: Source) -> None:
    """In the first form that there is: one file, shards, or CTranslate2's."""
    if _file_if_there(wanted, WEIGHTS) is not None:
        return
    index = _file_if_there(wanted, INDEX)
    if index is not None:
        for name in _shards(index):
            _file(wanted, name)
    elif _file_if_there(wanted, CTRANSLATE2_WEIGHTS) is None:
        raise ModelError(
            f"{wanted} has no {WEIGHTS} and no {CTRANSLATE2_WEIGHTS}",
            "only models in the form of safetensors or CTranslate2 are read",
        )


def pull_file(wanted: Source, name: str) -> Path:
    """One file of a model on the hub. Raises ModelError with the next step."""
    with _explained(wanted), _progress():
        return _file(wanted, name)


def _shards(index: Path) -> list[str]:
    import json

    try:
        table = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(f"damaged {index}", "delete it and pull the model again") from None
    return sorted({str(name) for name in table.values()})


def _file(wanted: Source, name: str) -> Path:
    from huggingface_hub import hf_hub_download

    return Path(
        hf_hub_download(
            wanted.repo,
            name,
            revision=wanted.revision,
            cache_dir=cache(),
            etag_timeout=TIMEOUT_S,
            endpoint=os.environ.get("HF_ENDPOINT"),
        )
    )


def _file_if_there(wanted: Source, name: str) -> Path | None:
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        return _file(wanted, name)
    except LocalEntryNotFoundError:  # no connection: not the same as no file
        raise
    except EntryNotFoundError:
        return None


@contextmanager
def _progress() -> Iterator[None]:
    """Bars on a terminal only, and not with ``--quiet``."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    off = console.is_quiet() or not sys.stderr.isatty()
    if not off or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


@contextmanager
def _explained(wanted: Source) -> Iterator[None]:
    """Whatever goes wrong as one line with the next step."""
    from huggingface_hub import errors

    copy_hint = (
        f"where there is a connection run attnasr models pull {wanted.repo}, then copy the folder "
        f"{cache()}; or give the path of a folder with config.json, tokenizer.json and {WEIGHTS}"
    )
    try:
        yield
    except errors.GatedRepoError:
        raise ModelError(
            f"{wanted.repo} asks for consent", "accept its terms on the hub, then set HF_TOKEN"
        ) from None
    except errors.RepositoryNotFoundError:
        raise ModelError(
            f"no model {wanted.repo} on the hub", "check the name; a private one needs HF_TOKEN"
        ) from None
    except errors.RevisionNotFoundError:
        raise ModelError(
            f"{wanted.repo} has no revision {wanted.revision}", "leave @REVISION out"
        ) from None
    except errors.LocalEntryNotFoundError:
        raise ModelError(f"{wanted} is not here and the hub cannot be reached", copy_hint) from None
    except errors.EntryNotFoundError as problem:
        name = next((n for n in (*NEEDED, WEIGHTS) if n in str(problem)), "a file")
        raise ModelError(
            f"{wanted} has no {name}", "it is not a model that attnasr reads"
        ) from None
    except errors.HfHubHTTPError as problem:
        raise ModelError(
            f"{wanted}: the hub answers {reason(problem)}", "try again later"
        ) from None
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise ModelError(
                f"no space for {wanted} in {cache()}", "make room, or set ATTNASR_CACHE elsewhere"
            ) from None
        raise ModelError(
            f"{wanted} was not downloaded: {reason(problem)}", "pull it again: it goes on"
        ) from None
    except ModelError:
        raise
    except Exception as problem:  # the HTTP library's own errors, whichever it is
        raise ModelError(
            f"{wanted}: the download broke off: {reason(problem)}", copy_hint
        ) from None
