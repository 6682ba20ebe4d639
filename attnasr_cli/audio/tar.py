"""Recordings inside tar files: ``SHARD.tar/NAME`` is a path like any other.

What stands in an uncompressed tar can be read at any place, once it is known where each member
begins; that takes its headers, a seek for each.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple

from attnasr_cli.errors import AudioError
from attnasr_cli.files import display_name

ENDING = ".tar"
BLOCK = 1 << 20


class Place(NamedTuple):
    """Where a member's bytes are."""

    start: int
    size: int


class Member(NamedTuple):
    """A member of a tar, and where it is."""

    tar: Path
    name: str
    place: Place


def find(path: str | os.PathLike[str]) -> Member | None:
    """The member that a path names; None for a path that leads through no tar. Raises
    AudioError for a tar that is damaged or has no such member."""
    text = os.fspath(path)
    at = text.find(ENDING + os.sep)
    while at >= 0:
        tar, name = Path(text[: at + len(ENDING)]), text[at + len(ENDING) + 1 :]
        if tar.is_file():
            place = members(tar).get(name)
            if place is None:
                raise AudioError(
                    f"no {display_name(name)} in {display_name(tar)}", "check the path"
                )
            return Member(tar, name, place)
        at = text.find(ENDING + os.sep, at + 1)
    return None


def members(tar: Path) -> Mapping[str, Place]:
    """Name and place of every file in a tar, in its order. Raises AudioError."""
    try:
        status = tar.stat()
        return _members(str(tar), status.st_size, status.st_mtime_ns)
    except OSError as problem:
        reason = problem.strerror or problem
        raise AudioError(f"{display_name(tar)} cannot be read: {reason}", "check it") from None
    except tarfile.TarError as problem:
        raise AudioError(
            f"{display_name(tar)} is no tar, or damaged or cut off: {problem}",
            "a compressed one must be unpacked first: gunzip SHARD.tar.gz",
        ) from None


@lru_cache(maxsize=4096)
def _members(tar: str, size: int, changed: int) -> Mapping[str, Place]:
    """Of a tar as it is now."""
    with tarfile.open(tar, "r:") as file:
        return {
            one.name.removeprefix("./"): Place(one.offset_data, one.size)
            for one in file
            if one.isreg() and not one.sparse
        }


def read(tar: Path, place: Place) -> bytes:
    """The bytes of a member. Raises AudioError."""
    try:
        with tar.open("rb") as file:
            file.seek(place.start)
            found = file.read(place.size)
    except OSError as problem:
        reason = problem.strerror or problem
        raise AudioError(f"{display_name(tar)} cannot be read: {reason}", "check it") from None
    if len(found) < place.size:
        raise AudioError(f"{display_name(tar)} is cut off", "copy it again")
    return found


def copy(member: Member, file: IO[bytes]) -> None:
    """Write a member into an open file. Raises AudioError."""
    start, size = member.place
    for done in range(0, size, BLOCK):
        file.write(read(member.tar, Place(start + done, min(BLOCK, size - done))))


def size_and_time(path: Path) -> tuple[int, int]:
    """Bytes of a file, or of a member of a tar, and when it was changed, in nanoseconds. Raises
    OSError and AudioError."""
    member = find(path)
    status = (path if member is None else member.tar).stat()
    return status.st_size if member is None else member.place.size, status.st_mtime_ns
