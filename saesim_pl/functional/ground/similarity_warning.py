"""The one warning of this library's measures: the number is right, what it says is little."""

import warnings

FEW_PAIRS = 10


class SimilarityWarning(UserWarning):
    """A similarity score that was computed correctly but carries little information."""


def warn_few_pairs(n_rows: int) -> None:
    """Warn that fewer than :data:`FEW_PAIRS` pairs of rows stand behind a score."""
    if n_rows < FEW_PAIRS:
        warnings.warn(f"a score on {n_rows} pairs of rows is mostly noise", SimilarityWarning, stacklevel=3)


def warn_saturated(measure: str, n_rows: int, width: int, centered: bool = True) -> None:
    """Warn that ``width`` columns can fit ``n_rows`` rows perfectly, so that unrelated data scores high.

    Centring takes one dimension from the rows: ``width + 1`` of them are fitted as well.
    """
    if n_rows - centered <= width:
        warnings.warn(
            f"{measure} saturates: {n_rows} rows in {width} columns, unrelated data would score high too",
            SimilarityWarning,
            stacklevel=3,
        )
