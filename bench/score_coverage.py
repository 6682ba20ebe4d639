"""How often the 95 % bootstrap interval holds the true error rate: it should be 93 to 97 %.

    python bench/score_coverage.py [--trials N]

Utterances are made with a known error rate, of several sizes and kinds, and scored anew.
"""

from __future__ import annotations

import argparse

import numpy as np

from attnasr_cli.scoring import bootstrap

# name, utterances, true rate, beta distribution of the rate from utterance to utterance
WORLDS = [
    ("100 utterances, rate 0.20, alike", 100, 0.20, None),
    ("200 utterances, rate 0.20, uneven", 200, 0.20, (1.0, 4.0)),
    ("500 utterances, rate 0.10, uneven", 500, 0.10, (0.5, 4.5)),
    ("1000 utterances, rate 0.03, very uneven", 1000, 0.03, (0.15, 4.85)),
    ("2000 utterances, rate 0.30, alike", 2000, 0.30, None),
]


def coverage(
    utterances: int, rate: float, spread: tuple[float, float] | None, trials: int
) -> float:
    rng = np.random.default_rng(7)
    hits = 0
    for trial in range(trials):
        lengths = rng.geometric(1 / 15, utterances) + 2
        rates = rng.beta(*spread, utterances) if spread else np.full(utterances, rate)
        errors = rng.binomial(lengths, rates)
        found = bootstrap.interval(errors.tolist(), lengths.tolist(), samples=1000, seed=trial)
        assert found is not None
        hits += found.low <= rate <= found.high
    return hits / trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    for name, utterances, rate, spread in WORLDS:
        found = coverage(utterances, rate, spread, trials)
        verdict = "within" if 0.93 <= found <= 0.97 else "OUTSIDE"
        print(f"{name:42} {found * 100:5.1f} % of {trials} trials: {verdict} 93 to 97", flush=True)


if __name__ == "__main__":
    main()
