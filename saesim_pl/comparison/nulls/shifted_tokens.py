"""Shifts the latents of one side in time relative to the other side."""

from typing import ClassVar

from saesim_pl.checks import check_counts
from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.nulls.null import Draws, Null


class ShiftedTokensNull(Null):
    """Shifts the latents of ``b`` by whole documents relative to ``a``, correlates and pairs them again.

    Keeps how each latent fires over time, the places within a document included; destroys that latents of
    both sides fire on the same tokens. The samples form a ring, so that each shift pairs all of them.

    Args:
        n_draws: Draws, one document more each; the least p-value is ``1 / (n_draws + 1)``. Fewer are made
            where there are not so many documents, or where their correlations would take over 2 GiB.
        document: Rows of one document; by default as many as the data say.

    Raises:
        ValueError: ``document`` is below 1.

    Example:
        >>> str(ShiftedTokensNull(n_draws=19))
        'ShiftedTokensNull(19)'
    """

    needs: ClassVar[tuple[str, ...]] = ("correlation",)

    def __init__(self, n_draws: int = 999, document: int | None = None) -> None:
        super().__init__(n_draws)
        if document is not None:
            check_counts(document=document)
        self.document = document

    def draws(self, a: FeatureSet, b: FeatureSet, group: str = "all") -> Draws:
        """Correlations come from samples, not from directions: see :mod:`saesim_pl.comparison.latents`.

        Raises:
            TypeError: Always.
        """
        raise TypeError("ShiftedTokensNull draws from latents over samples, not from directions")
