"""A confidence interval."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A score and the interval that holds its population value with probability ``level``."""

    value: float
    low: float
    high: float
    level: float
    n_resamples: int


def check_level(level: float) -> None:
    """Refuse a probability outside (0, 1), with ``ValueError``."""
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
