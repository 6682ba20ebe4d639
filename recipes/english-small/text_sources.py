"""The written text that the language models and the sentence net learn from: which files of which
clones, under which licence. They are read as prepare.py reads its own."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prepare import Repo


@dataclass(frozen=True)
class Source:
    """A repository and which of its files are read."""

    name: str
    """begins the names of its files, on which their order depends"""
    repo: str
    commit: str
    files: tuple[str, str]
    """folder and ending; or a zip file and the ending of what is in it"""
    kind: str
    """book (plain or Gutenberg text), talk (the same, for everyday.txt), tei (XML) or lines (a
    sentence a line before the first tab, for everyday.txt)"""
    licence: str

    def texts(self, repos: Path) -> Iterator[tuple[str, str]]:
        """Names and texts of its files, in an order by a hash of the names; a file that the clone
        lacks is named on stderr."""
        repo = Repo.of(repos, self.repo, self.commit)
        where, ending = self.files
        if where.endswith(".zip"):
            archive = zipfile.ZipFile(io.BytesIO(repo.blob(where)))
            found = {name: name for name in archive.namelist() if name.endswith(ending)}
        else:
            archive = None
            found = {f"{self.name}/{path}": path for path in repo.files(where, ending)}
        for name in sorted(found, key=lambda name: hashlib.sha256(name.encode()).digest()):
            try:
                blob = archive.read(name) if archive else repo.blob(found[name])
            except subprocess.CalledProcessError:
                print(f"not in the clone, skipped: {name}", file=sys.stderr)
                continue
            yield name, blob.decode("utf-8", "replace").lstrip("\ufeff").replace("\r", "")


NLTK = ("nltk/nltk_data", "5db857e6f7df")
SOURCES = (
    Source("Gutenberg_Text", "rcdm-uga/Gutenberg_Text", "a0b16d35a985", (".", ".txt"), "book",
           "public domain in the USA (Project Gutenberg; ebooks under copyright are skipped)"),
    Source("100_english_novels", "computationalstylistics/100_english_novels", "143e601875d7",
           ("corpus", ".txt"), "book", "public domain (1836 to 1921)"),
    Source("ELTeC-eng", "COST-ELTeC/ELTeC-eng", "3db3b6738a83", ("level1", ".xml"), "tei",
           "public domain (1840 to 1920); the markup, CC BY 4.0, is not kept"),
    Source("state_union", *NLTK, ("packages/corpora/state_union.zip", ".txt"), "talk",
           "public domain (1945 to 2006)"),
    Source("inaugural", *NLTK, ("packages/corpora/inaugural.zip", ".txt"), "talk",
           "public domain (1789 to 2009)"),
    Source("tatoeba", "Soubhagya264/Language_Translator-Encoder-Decoder-", "f6c89651306a",
           (".", "fra.txt"), "lines", "CC BY 2.0 FR (Tatoeba)"),
)  # fmt: skip
