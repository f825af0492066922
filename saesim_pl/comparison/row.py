"""One scored line of a comparison."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class ComparisonRow:
    """One score of one pair, beside its null.

    Attributes:
        epoch: Index of the training epoch, from 0; None outside a training run.
        pair: ``x~y``; where order matters, rows of x are sought among rows of y. ``all~all`` is a mean over
            pairs.
        subset: The group of rows of x that is compared; ``all`` for every row.
        pairing: Name of the pairing; empty for measures that seek their own pairs.
        measure: Name of the metric.
        value: The score; None where it is not defined, and ``notes`` says why.
        null: The null and its number of draws.
        null_mean: Mean score of the null.
        null_std: Standard deviation of the scores of the null.
        z: ``(value - null_mean) / null_std``: below 0 for a distance that is smaller than chance.
        p_value: ``(b + 1) / (m + 1)`` with b of m draws at least as good as the value.
        p_adjusted: ``p_value`` adjusted over all rows of one comparison (Benjamini and Hochberg 1995).
        p_family: p-value of the best of a family, by the maximum over the family of each draw (Westfall and
            Young 1993); None where the row is alone.
        ci_low: Lower end of the 95 % bootstrap interval over features.
        ci_high: Upper end of it.
        effect: ``(value - null_mean) / (best - null_mean)``: 0 at chance, 1 at the best score there is.
        n_pairs: Pairs of rows behind the score.
        n_unique: Different rows of y among them.
        notes: Warnings and reasons, separated by semicolons.
    """

    epoch: int | None
    pair: str
    subset: str
    pairing: str
    measure: str
    value: float | None
    null: str = ""
    null_mean: float | None = None
    null_std: float | None = None
    z: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    p_family: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    effect: float | None = None
    n_pairs: int = 0
    n_unique: int = 0
    notes: str = ""

    def key(self, with_pairing: bool) -> str:
        """Name under which the score is logged, such as ``a~b/shared/svcca``."""
        parts = (self.pair, self.subset, self.pairing if with_pairing else "", self.measure)
        return "/".join(part for part in parts if part not in ("all", ""))


FIELDS = tuple(field.name for field in fields(ComparisonRow))
"""Names of the columns, in order."""
