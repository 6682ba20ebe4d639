"""The words that a model without a language model may write."""

from __future__ import annotations

from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.search.phrases import PhraseScorer, PhraseTrie
from attnasr_cli.text.phones import PhoneTokenizer

MOST = 20_000
"""pronunciations of a lexicon; the trie of a larger one takes seconds to build"""


def only_words(model: Model) -> tuple[PhraseScorer, ...]:
    """A scorer that allows texts of the words of a model's lexicon; none where the model has a
    language model, which knows the words, or other tokens.

    Phones that are no word are written as the word that is nearest to them, which is a worse choice
    than the search makes if it knows the words.
    """
    tokenizer = model.tokenizer
    if model.lm_path is not None or not isinstance(tokenizer, PhoneTokenizer):
        return ()
    if not 0 < len(tokenizer.entries) <= MOST:
        return ()
    words = {tuple(tokenizer.encode_spoken(spoken)) for _, spoken in tokenizer.entries}
    trie = PhraseTrie(sorted(words), tokenizer.eos, repeated=True)
    return (PhraseScorer(trie, tokenizer.vocab_size),)
