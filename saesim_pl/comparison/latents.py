"""Latents of two SAEs over the same samples, as sums: observed, and shifted by whole documents."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.nulls.null import Draw, Draws
from saesim_pl.functional import Scores
from saesim_pl.functional.pairing.activation_correlation import ActivationSums, SumCorrelation, add_samples

SUMS_BYTES = 2**31
"""Memory that the sums of one pair may take: 2 GiB. Draws that do not fit are left out."""


@dataclass(frozen=True)
class LatentCorrelations:
    """Correlations of the latents of two SAEs, observed and for every shift.

    Attributes:
        observed: Of latents of the same samples.
        shifted: Of latents that are one, two, ... documents apart.
    """

    observed: Scores
    shifted: Sequence[Scores]

    @property
    def n_draws(self) -> int:
        """Number of shifts."""
        return len(self.shifted)

    def draws(self, a: FeatureSet, b: FeatureSet) -> Draws:
        """The draws of :class:`~saesim_pl.comparison.nulls.ShiftedTokensNull`."""
        return _Shifted(a, b, self.shifted)


class _Shifted(Draws):
    def __init__(self, a: FeatureSet, b: FeatureSet, shifted: Sequence[Scores]) -> None:
        self.a, self.b, self.shifted = a, b, shifted

    def __call__(self, t: int) -> Draw:
        return Draw(self.a, self.b, correlation=self.shifted[t])


class LatentSums:
    """Sums over the samples of a stream, for one pair of SAEs; latents are not stored.

    The samples form a ring. A shift by s pairs sample i of ``a`` with sample i - s of ``b``: only the last
    samples of ``b``, and the first of ``a``, as many as the largest shift has, are kept for it.

    Args:
        n_draws: Shifts, by 1, 2, ... documents.
        document: Samples of one document.
        sum_up: Called with the sums at the end, to add the sums of other processes in place.
        keep_squares: Whether sums of products within each side are kept too, for measures of latents.

    Example:
        >>> sums = LatentSums(n_draws=2, document=1)
        >>> latents = torch.rand(20, 3, generator=torch.Generator().manual_seed(0))
        >>> sums.update(latents, latents)
        >>> round(float(sums.correlations().observed.whole().diagonal().mean()), 3)
        1.0
    """

    def __init__(
        self,
        n_draws: int,
        document: int,
        sum_up: Callable[[ActivationSums], None] = lambda _: None,
        keep_squares: bool = False,
    ) -> None:
        self.n_draws, self.document, self.keep_squares = n_draws, document, keep_squares
        self._sum_up = sum_up
        self.n_seen = 0
        self.cross: list[ActivationSums] = []
        self.own: list[ActivationSums] = []
        self._tail: Tensor | None = None
        self._head: list[tuple[int, Tensor]] = []
        self._closed = False

    @property
    def shifts(self) -> list[int]:
        """Samples of each shift, 0 first."""
        return [t * self.document for t in range(len(self.cross))]

    @torch.no_grad()
    def update(
        self, latents_a: Float[Tensor, "n d_a"], latents_b: Float[Tensor, "m d_b"], first: int = 0
    ) -> None:
        """Add samples.

        Args:
            latents_a: Latents of ``a``: of this process's samples.
            latents_b: Latents of ``b``: of all processes' samples, in order.
            first: Which of these samples is the first of ``latents_a``.

        Raises:
            ValueError: The sums are closed.
        """
        if self._closed:
            raise ValueError("these sums are closed: begin new ones")
        a, b = (_with_squares(x) if self.keep_squares else x.detach().float() for x in (latents_a, latents_b))
        self._make_room(a, b)
        position = self.n_seen + first
        self._tail = b if self._tail is None else torch.cat([self._tail, b])
        start = self.n_seen + len(b) - len(self._tail)  # sample number of the tail's first row
        for shift, sums in zip(self.shifts, self.cross, strict=True):
            skipped = min(max(0, shift - position), len(a))
            begin = position + skipped - shift - start
            if skipped < len(a):
                add_samples(sums, a[skipped:], self._tail[begin : begin + len(a) - skipped])
        if self.keep_squares:
            add_samples(self.own[0], a, a)
            own_b = b[first : first + len(a)]
            add_samples(self.own[1], own_b, own_b)
        self.n_seen += len(b)
        reach = self.shifts[-1]
        if position < reach:
            self._head.append((position, a[: reach - position].clone()))
        self._tail = self._tail[-reach:].clone() if reach else None

    def correlations(self) -> LatentCorrelations:
        """Correlations over all samples.

        Raises:
            ValueError: Fewer than two samples were seen.
        """
        self.close()
        observed, *shifted = (SumCorrelation(self._plain(sums)) for sums in self.cross)
        return LatentCorrelations(observed, shifted)

    def close(self) -> None:
        """Close the ring: pair the first samples of ``a`` with the last of ``b``; no more can be added."""
        if self._closed:
            return
        if self.n_seen < 2:
            raise ValueError(f"correlations need two samples, got {self.n_seen}")
        # A shift by nearly the whole ring is a shift by little in the other direction.
        possible = max(1, -(-self.n_seen // self.document) - 1)
        self.cross = self.cross[:possible]
        for shift, sums in zip(self.shifts, self.cross, strict=True):
            for position, rows in self._head:
                wrapped = rows[: max(0, shift - position)]
                if len(wrapped) and self._tail is not None:
                    begin = len(self._tail) - shift + position
                    add_samples(sums, wrapped, self._tail[begin : begin + len(wrapped)])
        for sums in [*self.cross, *self.own]:
            self._sum_up(sums)
        self._head, self._tail, self._closed = [], None, True

    def _make_room(self, a: Tensor, b: Tensor) -> None:
        if self.cross:
            return
        d_a, d_b = a.shape[1], b.shape[1]
        affordable = SUMS_BYTES // (8 * d_a * d_b) - 1
        n_sums = 1 + min(self.n_draws, max(1, affordable))
        self.cross = [_empty(d_a, d_b, a) for _ in range(n_sums)]
        self.own = [_empty(d_a, d_a, a), _empty(d_b, d_b, a)] if self.keep_squares else []

    def _plain(self, sums: ActivationSums) -> ActivationSums:
        """Sums without the column of squared norms."""
        if not self.keep_squares:
            return sums
        return ActivationSums(
            sums.n,
            sums.sum_a[:-1],
            sums.sum_b[:-1],
            sums.square_a[:-1],
            sums.square_b[:-1],
            sums.cross[:-1, :-1],
        )


def _empty(d_a: int, d_b: int, like: Tensor) -> ActivationSums:
    shapes = ((), (d_a,), (d_b,), (d_a,), (d_b,), (d_a, d_b))
    return ActivationSums(*(torch.zeros(shape, dtype=torch.float64, device=like.device) for shape in shapes))


def _with_squares(latents: Tensor) -> Tensor:
    """Latents and, as one column more, their squared norm: its products give third and fourth moments."""
    rows = latents.detach().float()
    return torch.cat([rows, rows.square().sum(dim=1, keepdim=True)], dim=1)
