"""Precision, recall and F1 of firing, by hand."""

import pytest
import torch

from saesim_pl.functional import firing_agreement

# By column: 1 of 2 firings right and 1 of 3 found; always right; a latent that is silent; a silent feature.
LATENTS = torch.tensor([[1.0, 2, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]])
MAGNITUDES = torch.tensor([[0.5, 1, 0, 0], [0, 0, 0, 0], [2, 0, 1, 0], [1, 0, 0, 0]])


def values(**changed: torch.Tensor) -> dict[str, float]:
    given = {"latents": LATENTS, "magnitudes": MAGNITUDES} | changed
    return {name: value.item() for name, value in firing_agreement(**given).items()}


def test_by_hand() -> None:
    expected = {
        "precision": (1 / 2 + 1 + 0) / 3,
        "recall": (1 / 3 + 1 + 0) / 3,
        "f1": (2 / 5 + 1 + 0) / 3,
        "precision_chance": (3 / 4 + 1 / 4 + 0) / 3,
        "recall_chance": (2 / 4 + 1 / 4 + 0) / 3,
        "f1_chance": (2 * 2 * 3 / (5 * 4) + 2 / (2 * 4) + 0) / 3,
        "n_pairs": 3,
    }
    assert values() == pytest.approx(expected)


def test_order_and_size_change_nothing_and_the_pairing_does() -> None:
    expected = pytest.approx(values())
    assert values(latents=7 * LATENTS.flip(0), magnitudes=MAGNITUDES.flip(0)) == expected
    assert values(latents=LATENTS.flip(1), magnitudes=MAGNITUDES.flip(1)) == expected
    assert values(latents=LATENTS.flip(1))["f1"] == pytest.approx(0.8 / 3)
    assert values(latents=LATENTS.flip(0))["f1"] != expected.expected["f1"]


def test_independent_firings_score_what_chance_says() -> None:
    g = torch.Generator().manual_seed(0)
    latents, magnitudes = (
        torch.rand(20_000, 30, generator=g) - 1 + torch.linspace(0.05, 0.6, 30) for _ in range(2)
    )
    got = values(latents=latents, magnitudes=magnitudes.roll(7, 1))
    for name in ("precision", "recall", "f1"):
        assert got[name] == pytest.approx(got[f"{name}_chance"], abs=0.005)


def test_where_nothing_fires_all_is_0() -> None:
    assert set(values(magnitudes=0 * MAGNITUDES).values()) == {0}
    assert values(latents=0 * LATENTS)["f1"] == 0


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="widths differ: latents has 4 columns, magnitudes has 3"):
        firing_agreement(LATENTS, MAGNITUDES[:, :3])
    with pytest.raises(ValueError, match="latents has 4 rows, magnitudes has 3"):
        firing_agreement(LATENTS, MAGNITUDES[:3])
