"""Nulls that turn one side's space: all relations among its own rows stay, where they point changes."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.nulls.null import Draw, Draws, Null, generator, is_blind, name_of
from saesim_pl.comparison.pairing import Pairing
from saesim_pl.functional.ground.declaration import Declaration


class _Turned(Draws):
    def __init__(
        self, a: FeatureSet, b: FeatureSet, turn: Callable[[int], Callable[[Tensor], Tensor]]
    ) -> None:
        self.a, self.b, self.turn = a, b, turn

    def __call__(self, t: int) -> Draw:
        turn = self.turn(t)
        encoder = None if self.b.encoder is None else turn(self.b.encoder)
        return Draw(self.a, self.b.mapped(turn(self.b.directions), encoder), turned=True)


class _TurningNull(Null):
    """Base of both; see there."""

    def refusal(
        self, pairing: Pairing, declaration: Declaration | None, options: Mapping[str, Any]
    ) -> str | None:
        """Refuse measures that do not see how a side is turned, under pairings that do not see it either."""
        if said := super().refusal(pairing, declaration, options):
            return said
        if not is_blind(declaration, options, "orthogonal"):
            return None
        turning, measure = type(self).__name__, name_of(declaration)
        if pairing.by == "position":
            return (
                f"{turning} turns b, and {measure} does not see how b is turned; its "
                "null for rows as they come is PermutationNull"
            )
        if is_blind(declaration, options, "row_permutation"):
            return (
                f"{turning} turns b and pairs it again, and {measure} sees neither; its null is GaussianNull"
            )
        return None


class RotationNull(_TurningNull):
    """Turns ``b`` by a uniformly random rotation and pairs it again.

    Keeps the norms, the Gram matrix and the spectrum of ``b``; destroys all agreement of where the rows of
    ``a`` and of ``b`` point, an agreement of their covariances included. Two independent sets of rows that
    share a covariance, as SAEs of one model do, come out as related: see :class:`ReflectionNull`.

    Args:
        n_draws: Draws; the least p-value is ``1 / (n_draws + 1)``.
        seed: Decides all draws.

    Example:
        >>> str(RotationNull(n_draws=99))
        'RotationNull(99)'
    """

    def draws(self, a: FeatureSet, b: FeatureSet, group: str = "all") -> Draws:
        """Haar-distributed rotations of the space of ``b``, the same for all sides of one width."""
        rows = b.directions

        def turn(t: int) -> Callable[[Tensor], Tensor]:
            rotation = random_rotation(rows.shape[1], generator(self.seed, t, rows.shape[1])).to(rows)
            return lambda x: x @ rotation

        return _Turned(a, b, turn)


class ReflectionNull(_TurningNull):
    """Flips the signs of the principal axes of ``b`` at random and pairs it again.

    Keeps the norms, the Gram matrix and the covariance of ``b``, its axes included; destroys the agreement
    of single directions beyond a shared covariance. The default for pairings by cosine: a low p-value says
    that rows of ``a`` point to rows of ``b`` more closely than their shared covariance explains.

    Args:
        n_draws: Draws; the least p-value is ``1 / (n_draws + 1)``.
        seed: Decides all draws.

    Example:
        >>> str(ReflectionNull(n_draws=19))
        'ReflectionNull(19)'
    """

    def draws(self, a: FeatureSet, b: FeatureSet, group: str = "all") -> Draws:
        """Random signs along the right singular vectors of ``b``."""
        exact = b.directions.double()
        axes = torch.linalg.eigh(exact.T @ exact).eigenvectors.to(b.directions)

        def turn(t: int) -> Callable[[Tensor], Tensor]:
            coins = torch.randint(0, 2, (len(axes),), generator=generator(self.seed, t, len(axes)))
            reflection = (axes * (2 * coins - 1).to(axes)) @ axes.T
            return lambda x: x @ reflection

        return _Turned(a, b, turn)


def random_rotation(d: int, seeded: torch.Generator) -> Float[Tensor, "d d"]:
    """A uniformly random orthogonal matrix (Mezzadri 2007), in float32."""
    q, r = torch.linalg.qr(torch.randn(d, d, generator=seeded))
    return q * r.diagonal().sign()
