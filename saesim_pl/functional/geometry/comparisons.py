"""Choices of representational similarity analysis."""

from saesim_pl.functional.geometry.dissimilarities import DISSIMILARITIES
from saesim_pl.functional.ground.inputs import check_option

COMPARISONS = ("spearman", "pearson", "cosine", "l2", "rho_a")
RANKED = ("spearman", "rho_a")


def check_options(dissimilarity: str, comparison: str) -> None:
    """Refuse an unknown dissimilarity or comparison, with ``ValueError``."""
    check_option("dissimilarity", dissimilarity, DISSIMILARITIES)
    check_option("comparison", comparison, COMPARISONS)


def bounds_of(comparison: str) -> tuple[float, float | None]:
    """Range of a comparison: dissimilarities are not negative, their correlations can be."""
    return {"l2": (0.0, None), "cosine": (0.0, 1.0)}.get(comparison, (-1.0, 1.0))
