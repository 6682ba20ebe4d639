"""Published models by name: downloaded once, at a pinned revision, into a folder of our own."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attnasr_cli import console
from attnasr_cli.errors import ModelError

MAIN = "main"
NEEDED = ("config.json", "tokenizer.json")
OPTIONAL = ("generation_config.json", "preprocessor_config.json")
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
TIMEOUT_S = 10.0
_ID = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")


@dataclass(frozen=True)
class Source:
    """A model on the hub."""

    repo: str
    """owner/name"""
    revision: str = MAIN
    """a commit, tag or branch; a commit never changes"""

    def __str__(self) -> str:
        return self.repo if self.revision == MAIN else f"{self.repo}@{self.revision[:12]}"


NAMES: dict[str, Source] = {
    name: Source(repo, revision)
    for name, repo, revision in (
        ("whisper-tiny", "openai/whisper-tiny", "169d4a4341b33bc18d8881c4b69c2e104e1cc0af"),
        ("whisper-tiny.en", "openai/whisper-tiny.en", "87c7102498dcde7456f24cfd30239ca606ed9063"),
        ("whisper-base", "openai/whisper-base", "e37978b90ca9030d5170a5c07aadb050351a65bb"),
        ("whisper-base.en", "openai/whisper-base.en", "911407f4214e0e1d82085af863093ec0b66f9cd6"),
        ("whisper-small", "openai/whisper-small", "973afd24965f72e36ca33b3055d56a652f456b4d"),
        ("whisper-small.en", "openai/whisper-small.en", "e8727524f962ee844a7319d92be39ac1bd25655a"),
        ("whisper-medium", "openai/whisper-medium", "abdf7c39ab9d0397620ccaea8974cc764cd0953e"),
        (
            "whisper-medium.en",
            "openai/whisper-medium.en",
            "2e98eb6279edf5095af0c8dedb36bdec0acd172b",
        ),
        ("whisper-large-v1", "openai/whisper-large", "4ef9b41f0d4fe232daafdb5f76bb1dd8b23e01d7"),
        ("whisper-large-v2", "openai/whisper-large-v2", "ae4642769ce2ad8fc292556ccea8e901f1530655"),
        ("whisper-large-v3", "openai/whisper-large-v3", "06f233fe06e710322aca913c1bc4249a0d71fce1"),
        (
            "whisper-large-v3-turbo",
            "openai/whisper-large-v3-turbo",
            "41f01f3fe87f28c78e2fbf8b568835947dd65ed9",
        ),
        (
            "distil-large-v3",
            "distil-whisper/distil-large-v3",
            "8031d2e6ce6631b7fc45629dddfc00271116d981",
        ),
    )
}
"""names that need no owner, at the revisions that this version was written for"""


def source(name: str) -> Source | None:
    """``whisper-tiny``, ``owner/name`` or ``owner/name@revision`` → where it is; else None."""
    if name in NAMES:
        return NAMES[name]
    found = _ID.fullmatch(name)
    if found is None or name.startswith("."):
        return None
    pinned = {source.repo: source for source in NAMES.values()}
    repo, revision = found.group(1), found.group(2)
    if revision is None and repo in pinned:
        return pinned[repo]
    return Source(repo, revision or MAIN)


def cache() -> Path:
    """Our own folder of downloads: ``ATTNASR_CACHE``, else the platform's."""
    chosen = os.environ.get("ATTNASR_CACHE")
    if chosen:
        return Path(chosen) / "hub"
    import platformdirs

    return Path(platformdirs.user_cache_dir("attnasr", appauthor=False)) / "hub"


def local(wanted: Source) -> Path | None:
    """The folder of a model that is downloaded completely, or None. Never uses the network."""
    from huggingface_hub import try_to_load_from_cache

    def at(name: str) -> Path | None:
        found = try_to_load_from_cache(wanted.repo, name, cache(), wanted.revision)
        return Path(found) if isinstance(found, str) else None

    config = at("config.json")
    if config is None or any(at(name) is None for name in NEEDED):
        return None
    shards = _shards(config.parent / INDEX) if at(INDEX) else [WEIGHTS]
    return config.parent if all(at(name) for name in shards) else None


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
        if _file_if_there(wanted, WEIGHTS) is None:
            index = _file_if_there(wanted, INDEX)
            if index is None:
                raise ModelError(
                    f"{wanted} has no {WEIGHTS}", "only models in safetensors form are read"
                )
            for name in _shards(index):
                _file(wanted, name)
    return folder


def pull_tokenizer(vocab: int) -> Path | None:
    """The vocabulary of the hub's copy of a model with so many tokens, or None if it cannot be
    had."""
    by_size = {51864: "whisper-tiny.en", 51865: "whisper-tiny", 51866: "whisper-large-v3"}
    if vocab not in by_size:
        return None
    wanted = NAMES[by_size[vocab]]
    try:
        with _explained(wanted), _progress():
            return _file(wanted, "tokenizer.json")
    except ModelError:
        return None


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
            f"{wanted.repo} has no revision {wanted.revision}", "leave @REVISION away"
        ) from None
    except errors.LocalEntryNotFoundError:
        raise ModelError(f"{wanted} is not here and the hub cannot be reached", copy_hint) from None
    except errors.EntryNotFoundError as problem:
        name = next((n for n in (*NEEDED, WEIGHTS) if n in str(problem)), "a file")
        raise ModelError(f"{wanted} has no {name}", "it is no Whisper model") from None
    except errors.HfHubHTTPError as problem:
        line = str(problem).splitlines()[0]
        raise ModelError(f"{wanted}: the hub answers {line}", "try again later") from None
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise ModelError(
                f"no space for {wanted} in {cache()}", "make room, or set ATTNASR_CACHE elsewhere"
            ) from None
        line = (str(problem).splitlines() or [type(problem).__name__])[0]
        raise ModelError(
            f"{wanted} was not downloaded: {line}", "pull it again: it goes on"
        ) from None
    except ModelError:
        raise
    except Exception as problem:  # the HTTP library's own errors, whichever it is
        line = (str(problem).splitlines() or [type(problem).__name__])[0]
        raise ModelError(f"{wanted}: the download broke off: {line}", copy_hint) from None
