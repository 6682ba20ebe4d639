"""The tables of a recipe: every key with its description, default and range."""

from __future__ import annotations

from dataclasses import dataclass


def _within(low: float, high: float, **values: float) -> None:
    """Raise ValueError for a value that is not between two bounds, both allowed."""
    for name, value in values.items():
        if not low <= value <= high:
            bounds = f"{low:g} or more" if high == INFINITE else f"from {low:g} to {high:g}"
            raise ValueError(f"{name} is {value:g}; use {bounds}")


INFINITE = float("inf")
TINY = 1.0e-9  # stands for: more than 0
CACHES = ("features", "audio", "none")


@dataclass(frozen=True)
class TextConfig:
    """``[text]``: the tokenizer."""

    kind: str = "bpe"
    """bpe, unigram, char, or phones"""
    vocab: int = 256
    """pieces for bpe and unigram at most; few texts give fewer"""
    normalizer: str = "lower"
    """of the training text: none or lower (lower case, single spaces)"""
    lexicon: str = ""
    """for phones: the pronouncing lexicon, relative to the recipe"""

    def __post_init__(self) -> None:
        if self.kind not in ("bpe", "unigram", "char", "phones"):
            raise ValueError(f"kind is {self.kind!r}; use bpe, unigram, char or phones")
        if bool(self.lexicon) != (self.kind == "phones"):
            raise ValueError("a lexicon belongs to kind = 'phones', and it to a lexicon")
        _within(1, INFINITE, vocab=self.vocab)
        if self.normalizer not in ("none", "lower"):
            raise ValueError(f"normalizer is {self.normalizer!r}; use none or lower")


@dataclass(frozen=True)
class DataConfig:
    """``[data]``: where the speech is; paths are relative to the recipe, or given by options."""

    train: tuple[str, ...] = ()
    """corpus folders or manifests"""
    dev: tuple[str, ...] = ()
    """dev data, whose WER chooses the best checkpoint; by default a part of the training data is
    held out"""
    weights: tuple[float, ...] = ()
    """for each of ``train`` how often its utterances are drawn in an epoch; all 1 by default"""
    dev_share: float = 0.1
    """without a dev set: share of the utterances to hold out, by whole speakers"""
    dev_speakers: tuple[str, ...] = ()
    """without a dev set: speakers to hold out"""
    min_s: float = 0.3
    """shorter utterances are left out"""
    max_s: float = 20.0
    """longer utterances are left out"""
    speeds: tuple[float, ...] = (0.9, 1.0, 1.1)
    """speed perturbation (Ko et al. 2015): one is drawn for each utterance and epoch"""
    cache: str = "features"
    """what is kept on disk: features of each speed (58 MB an hour of speech, with 80 bins),
    audio (115 MB an hour; so with [distort]), or none: the recordings are read at every draw (see
    batch.ahead)"""

    def __post_init__(self) -> None:
        _within(0, INFINITE, min_s=self.min_s)
        if self.max_s <= self.min_s:
            raise ValueError(f"max_s is {self.max_s:g}, not more than min_s, {self.min_s:g}")
        if self.cache not in CACHES:
            raise ValueError(f"cache is {self.cache!r}; use one of {', '.join(CACHES)}")
        _within(TINY, 0.5, dev_share=self.dev_share)
        for weight in self.weights:
            _within(0, 1000, weights=weight)
        if not self.speeds:
            raise ValueError("speeds is empty; use [1.0] for none but the own")
        for speed in self.speeds:
            _within(0.25, 4, speeds=speed)


@dataclass(frozen=True)
class AugmentConfig:
    """``[augment]``: SpecAugment (Park et al. 2019, arXiv:1904.08779)."""

    frequency_masks: int = 2
    frequency_width: int = 27
    """mel bins at most"""
    time_masks_per_s: float = 0.5
    """masks for each second of audio"""
    time_width: int = 30
    """frames at most"""
    time_share: float = 0.4
    """share of the frames at most that all masks may cover"""

    def __post_init__(self) -> None:
        _within(
            0, 1000, frequency_masks=self.frequency_masks, time_masks_per_s=self.time_masks_per_s
        )
        _within(0, INFINITE, frequency_width=self.frequency_width, time_width=self.time_width)
        _within(0, 1, time_share=self.time_share)


@dataclass(frozen=True)
class DistortConfig:
    """``[distort]``: distortions of the audio of training utterances, each with its probability."""

    noise: float = 0.0
    noise_folder: str = ""
    """recordings, relative to the recipe, for half of the noise; the rest is white to brown"""
    snr_db: tuple[float, float] = (0.0, 25.0)
    """power of the speech over that of the noise: the least and the most"""
    rooms: float = 0.0
    """reverberation: diffuse, or between the walls of a shoebox"""
    bands: float = 0.0
    """a high-pass of 30 to 350 Hz and a low-pass of 3 to 7.5 kHz"""
    levels: float = 0.0
    """root mean square of -40 to 3 dB against full scale, which cuts off the peaks"""
    telephone: float = 0.0
    """8 kHz, 8-bit µ-law"""
    codecs: float = 0.0
    """MP3 or Opus at 8 to 32 kbit/s"""
    pauses: float = 0.0
    """noise 13 to 45 dB below the speech, not the recording's, in what features.shortest_s adds"""

    def __post_init__(self) -> None:
        for name, value in self._probabilities().items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value:g}; it is a probability, 0 to 1")
        if self.snr_db[0] > self.snr_db[1]:
            raise ValueError("snr_db: the least comes first")
        if self.noise_folder and not self.noise:
            raise ValueError("noise_folder is set, and noise, its probability, is 0")

    def _probabilities(self) -> dict[str, float]:
        names = ("noise", "rooms", "bands", "levels", "telephone", "codecs", "pauses")
        return {name: getattr(self, name) for name in names}

    @property
    def any(self) -> bool:
        """Whether there is any distortion."""
        return max(self._probabilities().values()) > 0


@dataclass(frozen=True)
class LossConfig:
    """``[loss]``"""

    ctc: float = 0.3
    """share of CTC (0 to 1); the decoder's cross-entropy has the rest"""
    inner: float = 0.3
    """share of the inner heads within CTC, where the net has them"""
    smoothing: float = 0.1
    """label smoothing of the cross-entropy"""

    def __post_init__(self) -> None:
        _within(0, 1, ctc=self.ctc, inner=self.inner)
        _within(0, 0.99, smoothing=self.smoothing)


@dataclass(frozen=True)
class OptimConfig:
    """``[optim]``: AdamW, linear warm-up, constant rate, then a fall to zero."""

    updates: int = 5000
    """in all; may be changed when a run is continued"""
    rate: float = 1.0e-3
    """peak learning rate"""
    warmup: int = 500
    """updates"""
    fall: float = 0.4
    """share of the updates over which the rate falls to zero at the end"""
    schedule: str = "linear"
    """how it falls: linear or cosine (with fall = 1: over the whole run)"""
    weight_decay: float = 0.01
    clip: float = 5.0
    """largest norm of the gradient"""
    average: float = 0.999
    """decay of the running average of the weights, which is what is evaluated and kept"""

    def __post_init__(self) -> None:
        _within(0, INFINITE, updates=self.updates)
        _within(0, INFINITE, rate=self.rate, warmup=self.warmup, weight_decay=self.weight_decay)
        _within(TINY, INFINITE, clip=self.clip)
        _within(0, 1, fall=self.fall, average=self.average)
        if self.schedule not in ("linear", "cosine"):
            raise ValueError(f"schedule is {self.schedule!r}; use linear or cosine")


@dataclass(frozen=True)
class BatchConfig:
    """``[batch]``"""

    seconds: float = 120.0
    """audio in a batch, padding included, of all processes together; a net with a window always
    sees all of it"""
    alone: float = 0.05
    """share of the utterances that have the window of a net to themselves, where it has one; the
    others share it, as many as fit"""
    at_once: float = 0.0
    """seconds of audio that a process computes at once, to save memory: gradients of its share of
    the batch are accumulated; 0: all at once"""
    ahead: int = 0
    """batches whose features another process computes ahead, if a core is free"""
    recompute: bool = False
    """compute layers again in the backward pass instead of keeping their activations (gradient
    checkpointing): a third slower, with a fraction of the memory"""
    short_first: int = 500
    """updates during which only utterances under short_s are drawn: alignments are learnt first"""
    short_s: float = 6.0
    short_seconds: float = 60.0
    """audio in a batch during that time"""

    def __post_init__(self) -> None:
        _within(TINY, INFINITE, seconds=self.seconds, short_seconds=self.short_seconds)
        _within(0, 1000, ahead=self.ahead)
        _within(0, INFINITE, at_once=self.at_once, short_first=self.short_first)
        _within(0, INFINITE, short_s=self.short_s)
        _within(0, 1, alone=self.alone)


@dataclass(frozen=True)
class RunConfig:
    """``[run]``"""

    seed: int = 1
    evaluate: int = 500
    """updates between two evaluations"""
    dev_utterances: int = 100
    """utterances of the dev set evaluated while training; at the end the best and the last model
    are compared on all"""
    average_best: int = 0
    """at the end the mean of the weights of this many best evaluations is evaluated too, and kept
    if it is better; 0: none"""
    patience: int = 0
    """evaluations without a better WER after which a run ends early; 0: never. With a falling rate
    most of the gain comes at the end: set fall to 0, or choose a high patience"""
    save_minutes: float = 3.0
    """minutes between two resume points, the most that is lost by a kill"""
    tensorboard: bool = False
    """write train/tensorboard too (needs attnasr[tensorboard])"""

    def __post_init__(self) -> None:
        _within(0, 2**40, seed=self.seed)
        _within(1, INFINITE, evaluate=self.evaluate, dev_utterances=self.dev_utterances)
        _within(0, INFINITE, save_minutes=self.save_minutes, patience=self.patience)
        _within(0, 100, average_best=self.average_best)


@dataclass(frozen=True)
class InitConfig:
    """``[init]``: start from a model's weights."""

    model: str
    """name of a model with the same net and sizes, or its folder, relative to the recipe"""
    keep_tokenizer: bool = True
    """false: train a new tokenizer by [text]; weights that depend on it start at random"""
    words: str = "all"
    """words kept of a pronouncing lexicon: all, or training for those of the training texts, which
    are then the only ones that the model can write; words that the lexicon lacks are pronounced by
    rules"""
    freeze: tuple[str, ...] = ()
    """parts of the net that are not trained, by the beginning of their names: encoder, or
    encoder.blocks.0"""
    share: float = 0.0
    """of the model's own weights in what is measured and kept: few voices teach a net much that
    holds for them alone (Wortsman et al. 2021, arXiv:2109.01903)"""
    tokenizer: str = ""
    """vocabulary file for a checkpoint that has none, relative to the recipe"""

    def __post_init__(self) -> None:
        if self.words not in ("all", "training"):
            raise ValueError(f"words is {self.words!r}; use all or training")
        _within(0, 0.99, share=self.share)
        if self.share and not self.keep_tokenizer:
            raise ValueError("share is of weights for a tokenizer that is not kept")
        if self.words == "training" and not self.keep_tokenizer:
            raise ValueError("words = 'training' chooses from a lexicon that is not kept")


@dataclass(frozen=True)
class LoraConfig:
    """``[lora]``: low-rank adapters are trained in place of the weights of [init] (Hu et al. 2021,
    arXiv:2106.09685), and added to them in the model that is kept; needs attnasr[lora]."""

    rank: int = 8
    """rank of the update of a matrix"""
    alpha: int = 16
    """updates are scaled by alpha / rank"""
    dropout: float = 0.0
    """dropout before the adapters"""
    layers: tuple[str, ...] = ()
    """last names of linear layers, such as query and value; none: all of them"""

    def __post_init__(self) -> None:
        _within(1, INFINITE, rank=self.rank, alpha=self.alpha)
        _within(0, 0.99, dropout=self.dropout)
