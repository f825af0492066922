"""Degenerate inputs and refusals of every measure."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from saesim_pl import functional as f
from saesim_pl.functional import representational_similarity
from saesim_pl.functional.geometry.representational_similarity import sampled_similarity
from saesim_pl.functional.invariances import Invariance, invariances

every_measure = pytest.mark.parametrize("declared", invariances(), ids=lambda declared: declared.name)


def _normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _options(declared: Invariance) -> dict[str, Any]:
    """As declared, with few enough neighbours for few rows."""
    few = {"k": 2, "max_chance": 1} if "k" in inspect.signature(declared.measure).parameters else {}
    return {**declared.options, **few}


@every_measure
@pytest.mark.filterwarnings("ignore::saesim_pl.functional.SimilarityWarning")
def test_zeros_and_constants_never_give_nan(declared: Invariance) -> None:
    a, b = _normal(12, 4), _normal(12, 3, seed=1)
    dead = a.clone()
    dead[:, 1], dead[2] = 0, 0
    for left, right in [
        (dead, b), (b, dead), (torch.zeros(12, 4), b.float()), (a, torch.full((12, 3), 0.1).double()),
        (torch.zeros(12, 4), torch.zeros(12, 3)), (a[:4], b[:4]), (_normal(12, 20), _normal(12, 30)),
    ]:  # fmt: skip
        if declared.declaration.one_space:
            width = min(left.shape[1], right.shape[1])
            # An encoder and a decoder of one width.
            width -= width % 2 if declared.declaration.encoder else 0
            left, right = left[:, :width], right[:, :width]
        assert declared.measure(left, right, **_options(declared)).isfinite()


@every_measure
def test_bad_input_is_refused_by_name_and_number(declared: Invariance) -> None:
    def measure(a: Tensor, b: Tensor) -> Tensor:
        return declared.measure(a, b, **_options(declared))

    first, second = list(inspect.signature(declared.measure).parameters)[:2]
    a, b = _normal(20, 3), _normal(20, 4)
    if declared.declaration.one_space:
        with pytest.raises(ValueError, match=f"widths differ: {first} has 3 columns, {second} has 4"):
            measure(a, b)
    if "row_permutation" not in declared.transformations:
        with pytest.raises(ValueError, match="a has 20 rows, b has 19"):
            measure(a, b[1:])
    with pytest.raises(ValueError, match=rf"{second} must be two-dimensional .* shape \(20,\)"):
        measure(a, b[:, 0])
    with pytest.raises(ValueError, match=f"{first} must be floating point, got torch"):
        measure(a.long(), b)
    with pytest.raises(ValueError, match=f"{first} holds 3 entries that are NaN or infinite"):
        measure(a.where(torch.arange(20)[:, None] > 0, torch.inf), b)
    with pytest.raises(ValueError, match=rf"{second} is empty: shape \(20, 0\)"):
        measure(a, b[:, :0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda a: f.mean_cca(a, a, "median"),
            "statistic must be one of 'mean', 'trimmed', 'squared', got 'med",
        ),
        (lambda a: f.svcca(a, a, variance_share=99), "variance_share must be in .0, 1., got 99"),
        (lambda a: f.svcca(a, a, n_components=0), "n_components must be at least 1, got 0"),
        (lambda a: f.pwcca(a, a, "c"), "weights_from must be one of"),
        (lambda a: f.linear_cka(a, a, "unbiased"), "estimator must be one of"),
        (lambda a: f.linear_cka(a[:3], a[:3], "debiased"), "at least 4 rows, got 3"),
        (lambda a: f.rbf_cka(a, a, 0), "bandwidth must be above 0, got 0"),
        (lambda a: f.procrustes_distance(a, a, "raw"), "form must be one of"),
        (lambda a: f.procrustes_distance(a, a, alpha=2), "alpha must be in .0, 1., got 2"),
        (lambda a: f.gulp_distance(a, a, -1), "regularization must be 0 or more, got -1"),
        (lambda a: f.singular_value_distance(a, a, "max"), "normalize must be one of"),
        (lambda a: f.singular_value_distance(a, a, length="cut"), "length must be one of"),
        (lambda a: f.correlation_match(a, a, "both"), "assignment must be one of"),
        (lambda a: f.linear_regression_r2(a, a, "both"), "direction must be one of"),
        (lambda a: f.aligned_cosine_similarity(a, a, "linear"), "alignment must be one of"),
        (lambda a: representational_similarity(a, a, "manhattan"), "dissimilarity must be one of"),
        (lambda a: representational_similarity(a, a, comparison="tau"), "comparison must be one of"),
        (lambda a: representational_similarity(a[:2], a[:2]), "3 rows are needed, got 2"),
        (lambda a: sampled_similarity(a, a, max_pairs=44), "at least 45"),
    ],
)
@pytest.mark.filterwarnings("ignore::saesim_pl.functional.SimilarityWarning")
def test_options_are_checked(call: Callable[[Tensor], Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(_normal(20, 3))
