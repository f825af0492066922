"""Generators of all that is random about synthetic activations, apart for every kind of draw."""

from typing import Literal

import numpy as np

Kind = Literal[
    "train",
    "validate",
    "predict",
    "ids",
    "directions",
    "rates",
    "magnitudes",
    "space",
    "dependence",
    "frequencies",
]

# First words of the seeds: no two kinds of draw share a generator state. To change one changes all data.
_WORDS: dict[Kind, int] = {
    "train": 0,
    "validate": 1,
    "predict": 7,
    "ids": 2,
    "directions": 3,
    "rates": 4,
    "magnitudes": 5,
    "space": 6,
    "dependence": 10,
    "frequencies": 11,
}


def seed_words(seed: int, kind: Kind, *more: int) -> tuple[int, ...]:
    """The words from which the generator of a draw is seeded.

    Args:
        seed: Of the data.
        kind: Of the draw.
        more: Which of its kind it is.
    """
    return seed, _WORDS[kind], *more


def generator_of(seed: int, kind: Kind, *more: int) -> np.random.Generator:
    """A generator for one draw; see :func:`seed_words`."""
    return np.random.default_rng(seed_words(seed, kind, *more))
