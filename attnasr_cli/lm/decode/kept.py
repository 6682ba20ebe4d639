"""A language model and its lexicon as they are used, in a file beside the downloads: mapped into
memory, they cost neither the second that unpacking takes nor the memory, of which processes share
what is read.

The file is a safetensors file. Whoever deletes it loses that second.
"""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from attnasr_cli.files import replacing
from attnasr_cli.lm.file import RESTORED
from attnasr_cli.lm.lexicon import Lexicon
from attnasr_cli.lm.ngram import Coded, NgramModel, Order
from attnasr_cli.lm.vocabulary import SPECIAL, Vocabulary

SCHEMA = 1
WORTH_KEEPING = 1 << 20  # n-grams; a smaller model is unpacked as fast as a file is opened
FILES = 3
"""the most recent ones that are kept"""
Arrays = dict[str, npt.NDArray[Any]]


def keep(path: Path, model: NgramModel, lexicon: Lexicon) -> bool:
    """Write the file, where that is worth it and possible; returns whether it is there."""
    coded = all(isinstance(order.log_prob, Coded) for order in model.orders)
    if not coded or sum(len(order.keys) for order in model.orders) < WORTH_KEEPING:
        return False
    words = "\n".join(model.vocabulary.words[len(SPECIAL) :])
    arrays: Arrays = {
        "words": np.frombuffer(words.encode(), np.uint8),
        "spelling": model.spelling,
        **{f"lexicon.{name}": values for name, values in lexicon.arrays().items()},
    }
    for k, order in enumerate(model.orders):
        arrays[f"{k}.keys"] = order.keys
        for name, values in (("log_prob", order.log_prob), ("backoff", order.backoff)):
            arrays[f"{k}.{name}"] = values.codes if isinstance(values, Coded) else values
    about = json.dumps({"schema": SCHEMA, "orders": model.order, "pieces": lexicon.pieces})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(save(dict(sorted(arrays.items())), {"about": about}))
        files = sorted(path.parent.glob("*" + path.suffix), key=lambda file: -file.stat().st_mtime)
        for old in files[FILES:]:
            old.unlink(missing_ok=True)
    except OSError:  # a full or read-only disk
        return False
    return True


def find(path: Path) -> tuple[NgramModel, Lexicon] | None:
    """What ``keep`` wrote, or None where there is no such file or another version wrote it."""
    try:
        about, arrays = _mapped(path)
        if about["schema"] != SCHEMA:
            return None
        orders = []
        for k in range(about["orders"]):
            log_prob, backoff = arrays[f"{k}.log_prob"], arrays[f"{k}.backoff"]
            coded = Coded(log_prob, RESTORED), Coded(backoff, RESTORED)
            orders.append(Order(arrays[f"{k}.keys"], *coded))
        words = arrays["words"].tobytes().decode().split("\n")
        model = NgramModel(Vocabulary(words), orders, arrays["spelling"])
        part = "lexicon."
        own = {n.removeprefix(part): values for n, values in arrays.items() if n.startswith(part)}
        return model, Lexicon.of_arrays(about["pieces"], own)
    except (OSError, ValueError, KeyError):
        return None


def _mapped(path: Path) -> tuple[dict[str, Any], Arrays]:
    """What the file says about itself, and its arrays, mapped into memory."""
    with path.open("rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hasattr(pages, "madvise"):  # look-ups go everywhere: better read from a disk at once
        pages.madvise(mmap.MADV_WILLNEED)
    content = np.frombuffer(pages, np.uint8)
    size = int(content[:8].view("<u8")[0])
    header = json.loads(content[8 : 8 + size].tobytes())
    about = json.loads(header.pop("__metadata__")["about"])
    arrays: Arrays = {}
    for name, entry in header.items():
        first, last = (8 + size + offset for offset in entry["data_offsets"])
        if last > len(content):
            raise ValueError(f"{path} is cut off")
        kind = {"U8": "u1", "I32": "<i4", "I64": "<i8", "F32": "<f4", "BOOL": "?"}[entry["dtype"]]
        arrays[name] = content[first:last].view(kind).reshape(entry["shape"])
    return about, arrays
