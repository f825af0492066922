"""The pairing of rows that are paired by construction, shuffled."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.nulls.null import Draw, Draws, Null, generator, is_blind, name_of
from saesim_pl.comparison.pairing import Pairing
from saesim_pl.functional.ground.declaration import Declaration


class PermutationNull(Null):
    """Shuffles the rows of ``b``.

    For rows that are paired by construction (:class:`~saesim_pl.comparison.Unpaired`), never for pairs that
    were chosen by looking at the data: a chosen pairing is better than a shuffled one on noise too.

    Args:
        n_draws: Draws; the least p-value is ``1 / (n_draws + 1)``.
        seed: Decides all draws.
        within: Names of groups of ``b``; rows change places only within their group. Rows of no group
            change places among themselves.

    Example:
        >>> str(PermutationNull(n_draws=99))
        'PermutationNull(99)'
    """

    needs: ClassVar[tuple[str, ...]] = ("position",)

    def __init__(self, n_draws: int = 999, seed: int = 0, within: Sequence[str] = ()) -> None:
        super().__init__(n_draws, seed)
        self.within = tuple(within)

    def draws(self, a: FeatureSet, b: FeatureSet, group: str = "all") -> Draws:
        """Random orders of the rows of ``b``.

        Raises:
            ValueError: ``b`` lacks a group of ``within``.
        """
        block = torch.zeros(len(b), dtype=torch.int64)
        for number, name in enumerate(self.within, start=1):
            if name not in b.groups:
                raise ValueError(f"within: {b.name} has no group {name!r}, only {sorted(b.groups)}")
            block[b.groups[name].cpu()] = number
        return _Shuffled(a, b, self.seed, block)

    def refusal(
        self, pairing: Pairing, declaration: Declaration | None, options: Mapping[str, Any]
    ) -> str | None:
        """Refuse pairs that were chosen by the data, and measures that do not see the pairing."""
        if pairing.by != "position":
            use = "ReflectionNull" if pairing.by == "cosine" else "ShiftedTokensNull"
            return (
                f"pairs were chosen by their {pairing.by}, so shuffled pairs are worse on noise too; "
                f"use {use}, which matches again on every draw"
            )
        if is_blind(declaration, options, "row_permutation"):
            return f"{name_of(declaration)} does not see how rows are paired; its null is GaussianNull"
        return None


class _Shuffled(Draws):
    def __init__(self, a: FeatureSet, b: FeatureSet, seed: int, block: Tensor) -> None:
        self.a, self.b, self.seed, self.block = a, b, seed, block
        self.places = block.argsort(stable=True)

    def __call__(self, t: int) -> Draw:
        mixed = torch.randperm(len(self.b), generator=generator(self.seed, t, len(self.b)))
        order = torch.empty_like(mixed)
        # Sorted by block, a random order is a random order of each block.
        order[self.places] = mixed[self.block[mixed].argsort(stable=True)]
        encoder = None if self.b.encoder is None else self.b.encoder[order]
        return Draw(self.a, self.b.mapped(self.b.directions[order], encoder), order=order)
