"""Nulls that draw noise or subsets instead of pairings."""

from typing import Any

import pytest
import torch
from torch import Tensor

from saesim_pl import functional as f
from saesim_pl.functional import gaussian_null, subset_null
from saesim_pl.functional.nulls.gaussian_null import gaussian_drawer


def _normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("match", ["shape", "row_norms", "spectrum"])
def test_gaussian_noise_resembles_b_as_asked(match: Any) -> None:
    a, b = _normal(30, 4), _normal(30, 6, seed=1) * torch.linspace(0.1, 3, 6)
    found = gaussian_null(f.linear_cka, a, b, match, 19)
    assert found == gaussian_null(f.linear_cka, a, b, match, 19)
    with pytest.raises(ValueError, match="n_draws must be at least 2, got 0"):
        gaussian_null(f.linear_cka, a, b, match, 0)
    noise = gaussian_drawer(b, match)(torch.Generator().manual_seed(0))
    assert noise.norm().item() == pytest.approx(b.norm().item())
    same_rows = torch.allclose(noise.norm(dim=1), b.norm(dim=1))
    same_spectrum = torch.allclose(torch.linalg.svdvals(noise), torch.linalg.svdvals(b))
    assert (same_rows, same_spectrum) == (match == "row_norms", match == "spectrum")


def test_a_dictionary_that_was_found_beats_noise() -> None:
    a, b = _normal(40, 8), _normal(40, 8, seed=1)
    assert gaussian_null(f.mean_max_cosine_similarity, a, a + 0.1 * b, n_draws=19).p_value == 0.05
    assert gaussian_null(f.mean_max_cosine_similarity, a, b, n_draws=19).p_value > 0.05
    with pytest.raises(ValueError, match="noise of b's spectrum is at b's distance"):
        gaussian_null(f.singular_value_distance, a, b, "spectrum")


def test_data_of_a_seed_does_not_meet_itself_in_the_noise_of_that_seed() -> None:
    a = _normal(40, 8, seed=3)
    assert gaussian_null(f.mean_max_cosine_similarity, a, a, n_draws=19, seed=3).p_value == 0.05


def test_a_subset_that_agrees_beats_random_ones() -> None:
    a, noise = _normal(80, 4), _normal(80, 4, seed=1)
    chosen = torch.arange(20)
    b = torch.where(torch.arange(80)[:, None] < 20, a, noise)
    assert subset_null(f.linear_cka, a, b, chosen, 19).p_value == 0.05
    assert subset_null(f.procrustes_distance, a, b, chosen, 19).p_value == 0.05
    assert subset_null(f.linear_cka, a, b, chosen + 40, 19).p_value > 0.5
    for wrong, message in [
        (chosen.float(), "a list of int64, got torch.float32"),
        (torch.tensor([1, 1, 2]), "got 3, 2 different"),
        (torch.arange(80), "fewer than all 80"),
        (chosen - 1, r"in \[0, 80\), got -1 to 18"),
    ]:
        with pytest.raises(ValueError, match=message):
            subset_null(f.linear_cka, a, b, wrong)
