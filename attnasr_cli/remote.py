"""What is behind an address: http:// and https:// by Python itself, others (s3://, gs://, …) by
fsspec and what it needs for them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from attnasr_cli.errors import AttnasrError, AudioError, UsageError
from attnasr_cli.version import __version__

SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
WEB = ("http", "https")
ATTEMPTS, PAUSE_S, TIMEOUT_S = 3, 1.0, 60.0
BLOCK = 1 << 20
PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}


def is_url(text: str | os.PathLike[str]) -> bool:
    """Whether it is an address, and not a path."""
    return isinstance(text, str) and SCHEME.match(text) is not None


def is_web(url: str) -> bool:
    """Whether it is a page's address, which has nothing below it that could be listed."""
    return url.partition("://")[0].lower() in WEB


def name_of(url: str) -> str:
    """The last part of an address, as a file would be called."""
    path = urlsplit(url).path if is_web(url) else url.partition("://")[2]
    return PurePosixPath(unquote(path) if is_web(url) else path).name or "recording"


def fetch(url: str, file: IO[bytes]) -> None:
    """Copy what is at an address into a file. Raises AudioError."""
    for attempt in range(ATTEMPTS):
        file.seek(0)
        file.truncate()
        try:
            if is_web(url):
                _fetch_web(url, file)
            else:
                fs, path = filesystem(url)
                _copy(fs, path, file)
            return
        except AttnasrError:
            raise
        except Exception as problem:
            if attempt == ATTEMPTS - 1 or not _may_pass(problem):
                raise _failure(url, problem) from None
            time.sleep(PAUSE_S * 2**attempt)


def identity(url: str) -> str:
    """What is at an address, by a hash of what its server says of it, without fetching it: empty
    where it does not say enough. Raises AudioError where there is nothing."""
    try:
        said = _web_says(url) if is_web(url) else _store_says(url)
    except AttnasrError:
        raise
    except Exception as problem:
        if is_web(url):
            return ""  # a server that answers no HEAD; fetching will say what is wrong
        raise _failure(url, problem) from None
    return hashlib.sha256(repr(said).encode()).hexdigest() if said else ""


def is_folder(url: str) -> bool:
    """Whether there is something below an address. Raises AudioError where nobody answers."""
    if is_web(url):
        return False
    fs, path = filesystem(url)
    try:
        return bool(fs.isdir(path))
    except Exception as problem:
        raise _failure(url, problem) from None


def walk(url: str) -> list[tuple[str, PurePosixPath, int]]:
    """(address, path from there, bytes) of all files below an address. Raises AudioError."""
    fs, top = filesystem(url)
    try:
        found = fs.find(top, detail=True)
    except Exception as problem:
        raise _failure(url, problem) from None
    top = top.rstrip("/")
    return [
        (
            str(fs.unstrip_protocol(path)),
            PurePosixPath(path[len(top) :].lstrip("/")),
            int(found[path].get("size") or 0),
        )
        for path in sorted(found)
    ]


def filesystem(url: str) -> tuple[Any, str]:
    """fsspec's file system of an address, and the path in it. Raises UsageError where a package is
    missing."""
    scheme = url.partition("://")[0].lower()
    try:
        from fsspec.core import url_to_fs

        fs, path = url_to_fs(url, use_listings_cache=False)
    except ImportError:
        package = PACKAGES.get(scheme, f"fsspec's package for {scheme}")
        raise UsageError(
            f"{scheme}:// needs {package}", f"pip install 'attnasr[remote]' {package}"
        ) from None
    except ValueError as problem:
        raise UsageError(f"{url}: {problem}", "https://, s3:// and gs:// are known") from None
    return fs, str(path)


def _copy(fs: Any, path: str, file: IO[bytes]) -> None:
    with fs.open(path, "rb") as source:
        while block := source.read(BLOCK):
            file.write(block)


@contextlib.contextmanager
def _answer(url: str, method: str) -> Iterator[Any]:
    import urllib.request

    request = urllib.request.Request(
        url, method=method, headers={"User-Agent": f"attnasr/{__version__}"}
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        yield answer


def _fetch_web(url: str, file: IO[bytes]) -> None:
    with _answer(url, "GET") as answer:
        promised, got = answer.headers.get("Content-Length"), 0
        while block := answer.read(BLOCK):
            file.write(block)
            got += len(block)
    if promised is not None and promised.isdigit() and got < int(promised):
        raise ConnectionError(f"only {got} of {promised} bytes came")


def _web_says(url: str) -> tuple[str, ...]:
    with _answer(url, "HEAD") as answer:
        headers = answer.headers
    marks = tuple(headers.get(name) or "" for name in ("ETag", "Last-Modified"))
    return (*marks, headers.get("Content-Length") or "") if any(marks) else ()


def _store_says(url: str) -> tuple[str, ...]:
    fs, path = filesystem(url)
    said: Mapping[str, Any] = fs.info(path)
    names = ("ETag", "etag", "md5Hash", "LastModified", "updated", "mtime", "created")
    marks = tuple(str(said[name]) for name in names if said.get(name))
    return (*marks[:1], str(said.get("size"))) if marks else ()


def _may_pass(problem: Exception) -> bool:
    """Whether the same may succeed in a moment."""
    code = getattr(problem, "code", None)
    if isinstance(code, int):
        return code >= 500 or code in (408, 429)
    return not isinstance(problem, FileNotFoundError | PermissionError | ValueError)


def _failure(url: str, problem: Exception) -> AttnasrError:
    reason = getattr(problem, "reason", None) or getattr(problem, "strerror", None) or problem
    code = getattr(problem, "code", None)
    text = " ".join(str(reason).split()) or type(problem).__name__
    text = f"{code} {text}" if isinstance(code, int) and str(code) not in text else text
    if isinstance(problem, FileNotFoundError):
        return AudioError(f"nothing at {url}", "check the address")
    return AudioError(f"{url} cannot be read: {text}", "check the address and your rights there")
