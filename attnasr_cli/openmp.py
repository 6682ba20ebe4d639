"""How threads of OpenMP wait for each other; light, as the program sets it before anything else."""

from __future__ import annotations

import os

SPINS = 4_000
"""of 25 ns on a server of 2022: 0.1 ms, several times what lies between two products"""


def wait_briefly() -> None:
    """Let threads of OpenMP that wait for each other sleep soon, unless the user chose how.

    GNU's library, which torch brings along on Linux, spins 300,000 times (8 ms) before it sleeps.
    Where other programs want the cores as well, the thread that is waited for is often not running,
    and the others burn what it lacks: on two cores under a load of 11 a clip of 11 s took 45 s of
    processor time, and 8 s with this. The library reads it once, when torch is imported; it holds
    for the whole process and those it starts, so a program asks for it and not a library.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = str(SPINS)
