"""Random generators of synthetic activations, a separate one for every kind of draw."""

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

# A word in each seed: no two kinds of draw share a generator state. Changing a word changes the data.
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
    """The words that seed the generator of a draw.

    Args:
        seed: Seed of the data.
        kind: Kind of the draw.
        more: Numbers that tell the draw from others of its kind.
    """
    return seed, _WORDS[kind], *more


def generator_of(seed: int, kind: Kind, *more: int) -> np.random.Generator:
    """A generator for one draw; see :func:`seed_words`."""
    return np.random.default_rng(seed_words(seed, kind, *more))
