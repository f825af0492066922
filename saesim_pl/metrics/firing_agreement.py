"""Whether latents fire when their features do, over all batches."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.inputs import check_paired, check_same_width, check_width
from saesim_pl.functional.quality.firing_agreement import agreement_from_counts
from saesim_pl.metrics.keeps_precision import KeepsPrecision


class FiringAgreement(KeepsPrecision):
    """See :func:`~saesim_pl.functional.firing_agreement`; over the rows of all updates.

    Args:
        n_pairs: Pairs of a latent and a feature.
        kwargs: Passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import FiringAgreement
        >>> latents = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
        >>> magnitudes = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> metric = FiringAgreement(n_pairs=2)
        >>> metric.update(latents, magnitudes)
        >>> round(metric.compute()['recall'].item(), 3)
        1.0
    """

    higher_is_better = True
    both: Tensor
    latent: Tensor
    feature: Tensor
    count: Tensor

    def __init__(self, n_pairs: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name in ("both", "latent", "feature"):
            self.add_state(name, torch.zeros(n_pairs, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, latents: Float[Tensor, "n n_pairs"], magnitudes: Float[Tensor, "n n_pairs"]) -> None:
        """Add a batch of latents and the magnitudes of their features.

        Raises:
            ValueError: Shapes or devices differ, an entry is not finite, or columns are not ``n_pairs``.
        """
        names = ("latents", "magnitudes")
        check_paired(latents, magnitudes, names)
        check_same_width(latents, magnitudes, names, finite=False)
        check_width("latents", latents, len(self.both))
        fired, true = latents > 0, magnitudes > 0
        self.both += (fired & true).sum(0)
        self.latent += fired.sum(0)
        self.feature += true.sum(0)
        self.count += len(latents)

    def compute(self) -> dict[str, Float[Tensor, ""]]:
        """The scores by name."""
        return agreement_from_counts(self.both, self.latent, self.feature, self.count)
