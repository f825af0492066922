"""The warning of all measures: the score is correct but not informative."""

import warnings

FEW_PAIRS = 10


class SimilarityWarning(UserWarning):
    """A similarity score that was computed correctly but carries little information."""


def warn_few_pairs(n_rows: int) -> None:
    """Warn that a score comes from fewer than :data:`FEW_PAIRS` pairs of rows."""
    if n_rows < FEW_PAIRS:
        warnings.warn(f"a score on {n_rows} pairs of rows is mostly noise", SimilarityWarning, stacklevel=3)


def warn_saturated(measure: str, n_rows: int, width: int, centered: bool = True) -> None:
    """Warn that ``width`` columns can fit ``n_rows`` rows perfectly, so that unrelated data scores high.

    Centering removes one dimension from the rows, so ``width`` columns also fit ``width + 1`` rows.
    """
    if n_rows - centered <= width:
        warnings.warn(
            f"{measure} saturates: {n_rows} rows in {width} columns, unrelated data would score high too",
            SimilarityWarning,
            stacklevel=3,
        )
