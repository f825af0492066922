"""The two halves of a measure give what the whole one gives, for any re-pairing of rows."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from saesim_pl import functional
from saesim_pl.functional.geometry.distance_correlation import distance_correlation_halves
from saesim_pl.functional.geometry.representational_similarity_halves import (
    representational_similarity_halves,
)
from saesim_pl.functional.halves import Halves, permute_pairs, permuted_inner_product
from saesim_pl.functional.subspaces.linear_cka import linear_cka_halves
from saesim_pl.functional.subspaces.mean_cca import mean_cca_halves
from saesim_pl.functional.subspaces.rbf_cka import rbf_cka_halves
from saesim_pl.functional.subspaces.svcca import svcca_halves

Case = tuple[Callable[..., Halves], Callable[..., Tensor], dict[str, Any]]
CASES: list[Case] = [
    *((mean_cca_halves, functional.mean_cca, {"statistic": s}) for s in ("mean", "trimmed", "squared")),
    (svcca_halves, functional.svcca, {"variance_share": 0.9}),
    (svcca_halves, functional.svcca, {"n_components": 2}),
    (linear_cka_halves, functional.linear_cka, {}),
    (linear_cka_halves, functional.linear_cka, {"estimator": "debiased", "form": "angle"}),
    (rbf_cka_halves, functional.rbf_cka, {"bandwidth": 0.7}),
    (distance_correlation_halves, functional.distance_correlation, {}),
    *(
        (
            representational_similarity_halves,
            functional.representational_similarity,
            {"dissimilarity": dissimilarity, "comparison": comparison},
        )
        for dissimilarity in ("correlation", "cosine", "euclidean", "squared_euclidean")
        for comparison in ("spearman", "rho_a", "pearson", "cosine", "l2")
    ),
]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
@pytest.mark.parametrize(
    ("halves_of", "whole", "options"), CASES, ids=lambda case: getattr(case, "__name__", case)
)
def test_halves_equal_the_whole(
    halves_of: Callable[..., Halves],
    whole: Callable[..., Tensor],
    options: dict[str, Any],
    dtype: torch.dtype,
    tolerance: float,
) -> None:
    g = torch.Generator().manual_seed(3)
    a = torch.randn(40, 6, generator=g, dtype=dtype)
    b = a @ torch.randn(6, 5, generator=g, dtype=dtype) + torch.randn(40, 5, generator=g, dtype=dtype)
    a[:, 2], b[3] = 1.0, 0.0
    halves = halves_of(**options)
    order = torch.randperm(40, generator=g)
    value = halves.compare(halves.prepare(a), halves.permute(halves.prepare(b), order))
    assert value.dtype == dtype
    repaired = halves.repaired(halves.prepare(a), halves.prepare(b), order)
    assert repaired.item() == pytest.approx(value.item(), rel=tolerance, abs=tolerance)
    assert value.item() == pytest.approx(whole(a, b[order], **options).item(), rel=tolerance, abs=tolerance)


def test_blocks_of_pairs_sum_to_the_whole() -> None:
    g = torch.Generator().manual_seed(1)
    a, b = (side + side.T for side in torch.randn(2, 23, 23, generator=g, dtype=torch.float64))
    order = torch.randperm(23, generator=g)
    whole = (a * permute_pairs(b, order)).sum()
    for block in (1, 5, 23, 64):
        torch.testing.assert_close(permuted_inner_product(a, b, order, block), whole)
