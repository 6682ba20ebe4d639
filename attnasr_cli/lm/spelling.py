"""A spelling model: scores a word outside the vocabulary letter by letter.

The n-grams give such a word the probability of the class <unk>. Which word of the class it is, is
a second question: p(letters) = ∏ q(letter) · q(end), with q counted over the different words of
the text that are not in the vocabulary. So every word has a probability, and the sum is 1.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

END = 0  # the byte that ends a word
Floats = npt.NDArray[np.float32]


def estimate_spelling(words: Counter[str], known: dict[str, int]) -> Floats:
    """Natural logarithms q (256,) of every byte (UTF-8), add-one smoothed; byte 0 is the end."""
    counts = np.ones(256, np.float64)
    for word in words:
        if word not in known:
            counts[END] += 1
            for byte in word.encode():
                counts[byte] += 1
    spelling: Floats = np.log(counts / counts.sum()).astype(np.float32)
    return spelling


def spelling_score(spelling: Floats, word: str) -> float:
    """log p(letters | <unk>) of one word."""
    return float(spelling[list(word.encode())].sum() + spelling[END])
