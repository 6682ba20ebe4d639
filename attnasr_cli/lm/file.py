"""A language model as one safetensors file: small, and read without running code.

Log-probabilities and back-off weights are multiples of STEP in 8 bits. The n-grams of an order are
a trie: how many follow each context, and the steps between their word ids; words are numbered by
frequency, so the steps are small. Each is split into its bytes, low to high, and every plane of
bytes goes through zlib, which leaves about the entropy of the bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from attnasr_cli.device import cores
from attnasr_cli.files import write_bytes
from attnasr_cli.lm.ngram import Coded, Floats, NgramModel, Order
from attnasr_cli.lm.vocabulary import SPECIAL, Ints, Vocabulary
from attnasr_cli.tensor_file import described, read_tensors

KIND = "n-gram language model"
STEP = 0.15  # natural logarithm; 255 · 0.15 = 38, e⁻³⁸ is less than any probability in a model
PLANES = 3  # bytes of a word id or a count: up to 16 million
CONTEXTS = 1 << 18
"""contexts whose n-grams are numbered at once"""
Bytes = npt.NDArray[np.uint8]


def pack(values: npt.NDArray[np.uint8]) -> Bytes:
    return np.frombuffer(zlib.compress(values.tobytes(), 9), np.uint8)


def unpack(packed: Bytes) -> Bytes:
    return np.frombuffer(zlib.decompress(packed.tobytes()), np.uint8)


def quantise(logs: Floats | Coded) -> Bytes:
    """(M,) natural logarithms, at most 0 → codes: -log / STEP, rounded."""
    if isinstance(logs, Coded):
        return logs.codes
    codes: Bytes = np.clip(np.rint(-logs / STEP), 0, 255).astype(np.uint8)
    return codes


RESTORED = np.arange(256, dtype=np.float32) * np.float32(-STEP)
"""code → logarithm"""


def split(values: npt.NDArray[np.int64]) -> list[Bytes]:
    """(M,) integers of at most PLANES bytes → their bytes, low to high."""
    return [((values >> (8 * i)) & 255).astype(np.uint8) for i in range(PLANES)]


def join(planes: Sequence[Bytes]) -> npt.NDArray[np.uint32]:
    """The inverse of ``split``: the planes as the low bytes of little-endian words."""
    words = np.zeros((len(planes[0]), 4), np.uint8)
    for i, plane in enumerate(planes):
        words[:, i] = plane
    return words.view("<u4")[:, 0]


def to_bytes(model: NgramModel) -> bytes:
    """The file's content."""
    size = len(model.vocabulary)
    words = "\n".join(model.vocabulary.words[len(SPECIAL) :])
    tensors: dict[str, npt.NDArray[np.generic]] = {
        "vocabulary": pack(np.frombuffer(words.encode(), np.uint8)),
        "spelling": model.spelling.astype(np.float32),
    }
    for k, order in enumerate(model.orders, 1):
        tensors[f"{k}.log_prob"] = pack(quantise(order.log_prob))
        if k < model.order:
            tensors[f"{k}.backoff"] = pack(quantise(order.backoff))
        if k > 1:
            context, word = np.divmod(order.keys, size)
            children = np.bincount(context, minlength=len(model.orders[k - 2].keys))
            first = np.append(True, context[1:] != context[:-1])[: len(word)]
            gap = np.where(first, word, np.diff(word, prepend=0))
            for i, (a, b) in enumerate(zip(split(children), split(gap), strict=True)):
                tensors[f"{k}.children.{i}"], tensors[f"{k}.gap.{i}"] = pack(a), pack(b)
    content: bytes = save(dict(sorted(tensors.items())), described(KIND, {"order": model.order}))
    return content


def save_model(model: NgramModel, path: Path) -> int:
    """Write the file, whole or not at all. Returns its size in bytes. Raises OutputError."""
    content = to_bytes(model)
    write_bytes(path, content)
    return len(content)


def load_model(path: Path) -> NgramModel:
    """Read a language model. Raises ModelError for anything else than one."""
    hint = "make it again with `attnasr train`, or decode without a language model"
    with read_tensors(path, KIND, hint, "np") as (about, tensors):
        return _from_tensors(tensors, int(about["order"]))


def _from_tensors(tensors: dict[str, npt.NDArray[np.generic]], order: int) -> NgramModel:
    # Unpacking is most of the time, and the cores can share it; one order after the other, as the
    # bytes of all are more than the model that is made of them.
    with ThreadPoolExecutor(cores(), "attnasr-unpack") as pool:

        def read(*names: str) -> list[Bytes]:
            return list(pool.map(unpack, [tensors[n].astype(np.uint8, copy=False) for n in names]))

        text = read("vocabulary")[0].tobytes().decode()
        vocabulary = Vocabulary(text.split("\n") if text else [])
        orders: list[Order] = []
        keys = np.arange(len(vocabulary), dtype=np.int64)
        for k in range(1, order + 1):
            if k > 1:
                planes = read(
                    *(f"{k}.{name}.{i}" for name in ("children", "gap") for i in range(PLANES))
                )
                children, gap = join(planes[:PLANES]), join(planes[PLANES:])
                del planes
                keys = _keys(children, gap, len(keys), len(vocabulary), k)
            log_prob, *backoffs = read(f"{k}.log_prob", *([f"{k}.backoff"] if k < order else []))
            backoff = backoffs[0] if backoffs else np.zeros(0, np.uint8)
            if len(log_prob) != len(keys) or (k < order and len(backoff) != len(keys)):
                raise ValueError(f"order {k} is damaged")
            orders.append(Order(keys, Coded(log_prob, RESTORED), Coded(backoff, RESTORED)))
    return NgramModel(vocabulary, orders, tensors["spelling"].astype(np.float32))


def _keys(
    children: npt.NDArray[np.uint32], gap: npt.NDArray[np.uint32], contexts: int, size: int, k: int
) -> Ints:
    """The keys (M,) of an order: gap (M,) to the word before after the same context, and how many
    follow each context, children (contexts,)."""
    if len(children) != contexts or children.sum(dtype=np.int64) != len(gap):
        raise ValueError(f"order {k} is damaged")
    keys = gap.cumsum(dtype=np.int64)
    ends = children.cumsum(dtype=np.int64)
    first = ends - children
    # The sum is begun anew after every context; so many at a time need little memory beside it.
    before = np.where(first > 0, keys[first - 1], 0) if len(keys) else first
    shift = np.arange(contexts) * size - before
    for a in range(0, contexts, CONTEXTS):
        some = slice(a, a + CONTEXTS)
        here = slice(int(first[a]), int(ends[some][-1]))
        keys[here] += np.repeat(shift[some], children[some])
    return keys
