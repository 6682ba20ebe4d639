#!/usr/bin/env python3
"""Clone the repositories that the scripts beside this file read, those that are missing, bare, as
OWNER+NAME; a few gigabytes.

    python recipes/english-small/clone.py repos
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import prepare
import prepare_more
from prepare_lexicon import CMUDICT
from text_sources import SOURCES as TEXT


def names() -> list[str]:
    """All repositories, as OWNER/NAME."""
    lists = prepare.SOURCES, prepare.EXTRAS.values(), prepare_more.SPEECH, prepare_more.NOISE, TEXT
    return sorted({source.repo for each in lists for source in each} | {CMUDICT[0]})


def clone(name: str, path: Path) -> None:
    """Clone a repository; the folder is there when it is whole."""
    draft = path.with_name(path.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    subprocess.run(
        ["git", "clone", "--bare", "--quiet", f"https://github.com/{name}", draft], check=True
    )
    draft.rename(path)


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    repos = Path(sys.argv[1])
    repos.mkdir(parents=True, exist_ok=True)
    for name in names():
        path = repos / name.replace("/", "+")
        if not path.is_dir():
            print(f"cloning {name}", flush=True)
            clone(name, path)


if __name__ == "__main__":
    main()
