"""Correlation of two SAEs' latents over the samples of all updates."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor
from torchmetrics.utilities.distributed import gather_all_tensors

from saesim_pl.functional.ground.inputs import check_paired, same_precision
from saesim_pl.functional.pairing.activation_correlation import ActivationSums, SumCorrelation, add_samples
from saesim_pl.metrics.keeps_precision import KeepsPrecision

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


class ActivationCorrelation(KeepsPrecision):
    """Pearson correlation of each latent of ``a`` with each of ``b``, from sums over samples.

    Keeps sums in float64 and never the latents: 8 bytes for each pair of latents, 2 GiB for 16384 x 16384.
    Mostly zero latents are added by their non-zeros only. Pass the result of ``compute`` to
    :func:`~saesim_pl.functional.match_by_correlation`.

    Args:
        kwargs: Passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import ActivationCorrelation
        >>> latents = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
        >>> metric = ActivationCorrelation()
        >>> metric.update(latents, latents)
        >>> metric.compute().whole().round(decimals=2)
        tensor([[ 1.0000, -0.7400],
                [-0.7400,  1.0000]], dtype=torch.float64)
    """

    plot_lower_bound = -1.0
    plot_upper_bound = 1.0
    n: Tensor
    sum_a: Tensor
    sum_b: Tensor
    square_a: Tensor
    square_b: Tensor
    cross: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("n", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        for name in ("sum_a", "sum_b", "square_a", "square_b"):
            self.add_state(name, torch.zeros(0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("cross", torch.zeros(0, 0, dtype=torch.float64), dist_reduce_fx="sum")
        self._given_out = False

    def update(self, a: Tensor, b: Tensor) -> None:
        """Add samples; row i of ``a`` and of ``b`` are latents of the same sample.

        Raises:
            ValueError: Rows are not paired, or the number of latents differs from earlier updates.
        """
        check_paired(a, b)
        self._make_room(a.shape[1], b.shape[1])
        a, b = same_precision(a.detach(), b.detach())
        add_samples(self._sums(), a, b)

    def compute(self) -> SumCorrelation:
        """Correlations over all samples so far, with rows computed on demand.

        Raises:
            ValueError: There are fewer than two samples.
        """
        if self.n < 2:
            raise ValueError(f"a correlation needs two samples, got {int(self.n)}: update the metric first")
        self._given_out = True
        return SumCorrelation(self._sums())

    def plot(  # type: ignore[override]  # the value is a SumCorrelation, the base's a tensor
        self, val: SumCorrelation | None = None, ax: "Axes | None" = None
    ) -> "tuple[Figure | SubFigure, Axes]":
        """Heat map of the correlations."""
        import matplotlib.pyplot as plt

        figure, ax = plt.subplots() if ax is None else (ax.figure, ax)
        correlation = (self.compute() if val is None else val).whole().cpu().numpy()
        image = ax.imshow(correlation, vmin=-1, vmax=1, cmap="RdBu_r", aspect="auto", interpolation="nearest")
        ax.set(xlabel="latent of b", ylabel="latent of a", title="Activation correlation")
        figure.colorbar(image, ax=ax, label="Pearson correlation")
        return figure, ax

    def _sums(self) -> ActivationSums:
        return ActivationSums(*(getattr(self, name) for name in ActivationSums._fields))

    def _make_room(self, d_sae_a: int, d_sae_b: int) -> None:
        """Make sums of this size that may change in place because no earlier result reads them."""
        shape = (d_sae_a, d_sae_b)
        if not self.cross.numel():
            for name, size in zip(self._defaults, ((), *[(d,) for d in shape * 2], shape), strict=True):
                setattr(self, name, self.n.new_zeros(size))
        elif tuple(self.cross.shape) != shape:
            raise ValueError(f"earlier updates had {tuple(self.cross.shape)} latents of a and b, got {shape}")
        elif self._given_out:
            for name in self._defaults:
                setattr(self, name, getattr(self, name).clone())
        self._given_out = False

    def _reduce_states(self, incoming_state: dict[str, Any]) -> None:
        """Add the sums of another metric; either may be empty."""
        if not incoming_state["cross"].numel():
            return
        self._make_room(*incoming_state["cross"].shape)
        for name in self._defaults:
            getattr(self, name).add_(incoming_state[name])

    def _sync_dist(
        self, dist_sync_fn: Callable = gather_all_tensors, process_group: Any | None = None
    ) -> None:
        """Sum in place: torchmetrics would first gather the sums of all processes on each of them."""
        if dist_sync_fn is not gather_all_tensors:
            super()._sync_dist(dist_sync_fn, process_group)
            return
        group = process_group or self.process_group
        shape = torch.tensor(self.cross.shape, device=self.n.device)
        dist.all_reduce(shape, op=dist.ReduceOp.MAX, group=group)
        if shape.any():
            self._make_room(*shape.tolist())
            for name in self._defaults:
                dist.all_reduce(getattr(self, name), group=group)
