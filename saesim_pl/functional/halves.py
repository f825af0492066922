"""A measure in two halves, so that the part unchanged by a re-pairing of rows is computed once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


def permute_rows(prepared: Float[Tensor, "n k"], order: Int[Tensor, " n"]) -> Float[Tensor, "n k"]:
    """Prepared form of ``rows[order]``, for a preparation that works row by row."""
    return prepared.index_select(0, order)


def permute_pairs(prepared: Float[Tensor, "n n"], order: Int[Tensor, " n"]) -> Float[Tensor, "n n"]:
    """Prepared form of ``rows[order]``, for a preparation of all pairs of rows."""
    return prepared.index_select(0, order).index_select(1, order)


def permuted_inner_product(
    a: Float[Tensor, "n n"], b: Float[Tensor, "n n"], order: Int[Tensor, " n"], block: int = 256
) -> Float[Tensor, ""]:
    """Sum of the products of ``a`` with ``permute_pairs(b, order)``, both symmetric.

    Symmetry halves the work; blocks fit a processor's cache.
    """
    total = a.new_zeros(())
    for start in range(0, len(a), block):
        end = start + block
        permuted = b.index_select(0, order[start:end]).index_select(1, order[start:])
        products = permuted.mul_(a[start:end, start:])
        total = total + 2 * products.sum() - products[:, : end - start].sum()
    return total


@dataclass(frozen=True)
class Halves:
    """A measure whose :meth:`repaired` value needs only the part that a re-pairing changes.

    Distribute many re-pairings to threads that use one core each (``torch.set_num_threads(1)``):
    two threads on so small a matrix mostly wait for each other.

    Attributes:
        prepare: Computes everything that depends on one side only.
        compare: Computes the value from two prepared sides.
        permute: Turns a prepared side into the prepared form of its reordered rows.
        compare_permuted: Permutes and compares in one step, where that is faster.
    """

    prepare: Callable[[Tensor], Any]
    compare: Callable[[Any, Any], Float[Tensor, ""]]
    permute: Callable[[Any, Tensor], Any] = permute_rows
    compare_permuted: Callable[[Any, Any, Tensor], Float[Tensor, ""]] | None = None

    def repaired(self, prepared_a: Any, prepared_b: Any, order: Int[Tensor, " n"]) -> Float[Tensor, ""]:
        """``measure(a, b[order])`` in the inputs' dtype, from the two prepared sides."""
        if self.compare_permuted is not None:
            return self.compare_permuted(prepared_a, prepared_b, order)
        return self.compare(prepared_a, self.permute(prepared_b, order))


def centered(rows: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    """Rows less their mean, in float64; a constant column becomes exactly zero."""
    rows = rows.double()
    constant = (rows == rows[0]).all(0)
    return torch.where(constant, 0.0, rows - rows.mean(0))


def inner_product_halves(
    prepare: Callable[[Tensor], Float[Tensor, "n n"]],
    value: Callable[[Tensor], Tensor] = lambda product: product.clamp(-1, 1),
) -> Halves:
    """Halves whose sides are symmetric matrices of all pairs; the value depends on their inner product."""
    return Halves(
        prepare,
        lambda a, b: value(torch.dot(a.flatten(), b.flatten())),
        permute_pairs,
        lambda a, b, order: value(permuted_inner_product(a, b, order)),
    )
