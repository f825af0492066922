"""Each declared invariance holds on random data, and whatever is not declared moves the value."""

import inspect
import runpy
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from saesim_pl import functional
from saesim_pl.functional.ground.declaration import Blind, Declaration, declarations
from saesim_pl.functional.ground.transformations import TRANSFORMATIONS
from saesim_pl.functional.invariances import Invariance, invariance_table, invariances, invariances_of

ROWS, WIDTH = 32, 4
# Public functions that do not compare two matrices by one number.
OTHERS = {
    "activation_correlation",
    "bootstrap_interval",
    "bootstrap_of_scores",
    "expected_jaccard",
    "expected_joint_rank_jaccard",
    "expected_max_cosine",
    "matched_score",
    "expected_rank_similarity",
    "firing_agreement",
    "firing_frequency",
    "fraction_variance_unexplained",
    "gaussian_null",
    "match_by_correlation",
    "match_by_cosine",
    "nearest_neighbours",
    "neighbour_overlap",
    "permutation_null",
    "permute_neighbours",
    "pw_mcc",
    "reconstruction_cosine",
    "relative_reconstruction_bias",
    "subset_null",
    "svcca_components",
}


def _normal(*shape: int, generator: Generator) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _orthogonal(rows: Tensor, g: Generator) -> Tensor:
    return rows @ torch.linalg.qr(_normal(rows.shape[1], rows.shape[1], generator=g))[0]


def _invertible(rows: Tensor, g: Generator) -> Tensor:
    stretch = torch.logspace(0, 1, rows.shape[1], dtype=torch.float64)
    return _orthogonal(_orthogonal(rows, g) * stretch, g)


def _other_order(n: int, g: Generator) -> Tensor:
    """A random order in which no place keeps its occupant."""
    cycle = torch.randperm(n, generator=g)
    order = torch.empty_like(cycle)
    order[cycle] = cycle.roll(1)
    return order


APPLY: dict[str, Callable[[Tensor, Generator], Tensor]] = {
    "orthogonal": _orthogonal,
    "column_permutation": lambda rows, g: rows[:, _other_order(rows.shape[1], g)],
    "isotropic_scale": lambda rows, g: rows * (2 + torch.rand((), generator=g, dtype=torch.float64)),
    "translation": lambda rows, g: rows + 2 + _normal(1, rows.shape[1], generator=g),
    "invertible_linear": _invertible,
    "row_permutation": lambda rows, g: rows[_other_order(len(rows), g)],
}


def _pair(g: Generator) -> tuple[Tensor, Tensor]:
    """Related sides with unequal variances and an offset, so that every transformation can be seen."""
    shared = _normal(ROWS, WIDTH + 1, generator=g)
    a = shared[:, :WIDTH] * torch.tensor([3.0, 2.0, 1.0, 0.6]) + torch.tensor([0.5, -0.3, 0.4, 0.2])
    mix = _normal(WIDTH + 1, WIDTH + 1, generator=g)
    return a, shared @ mix + 0.7 * _normal(ROWS, WIDTH + 1, generator=g) + 0.4


def _values(invariance: Invariance, transformation: str, seed: int) -> list[tuple[float, float]]:
    g = Generator().manual_seed(seed)
    a, b = _pair(g)
    b = b[:, :WIDTH] if invariance.declaration.one_space else b
    before = invariance.measure(a, b, **invariance.options).item()
    if transformation == "joint_row_permutation":
        order = torch.randperm(ROWS, generator=g)
        return [(before, invariance.measure(a[order], b[order], **invariance.options).item())]
    after = []
    if "a" in invariance.sides:
        after.append(invariance.measure(APPLY[transformation](a, g), b, **invariance.options).item())
    if "b" in invariance.sides:
        after.append(invariance.measure(a, APPLY[transformation](b, g), **invariance.options).item())
    return [(before, value) for value in after]


@pytest.mark.parametrize("invariance", invariances(), ids=lambda invariance: invariance.name)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31))
def test_declared_transformations_change_nothing(invariance: Invariance, seed: int) -> None:
    for transformation in invariance.transformations:
        for before, after in _values(invariance, transformation, seed):
            assert after == pytest.approx(before, rel=1e-8, abs=1e-8), transformation


@pytest.mark.parametrize("invariance", invariances(), ids=lambda invariance: invariance.name)
def test_all_other_transformations_move_the_value(invariance: Invariance) -> None:
    for transformation in TRANSFORMATIONS.keys() - invariance.transformations:
        values = [pair for seed in range(5) for pair in _values(invariance, transformation, seed)]
        moved = [abs(after - before) > 1e-4 * abs(before) for before, after in values]
        assert sum(moved) >= 0.8 * len(moved), transformation


# Values of numeric options that change which transformations move the value.
NUMBERS: dict[str, tuple[Any, ...]] = {
    "alpha": (0.0, 0.5, 1.0),
    "n_components": (None, 2),
    "regularization": (0.0, 0.1),
    "variance_share": (0.8, 1.0),
    "threshold": (0.4,),
}


def _choices(declaration: Declaration) -> Iterator[dict[str, Any]]:
    """All combinations of the options that are choices, and of some numbers."""
    _, _, *options = inspect.signature(declaration.measure).parameters.values()
    values = {option.name: NUMBERS[option.name] for option in options if option.name in NUMBERS}
    values |= {option.name: (False, True) for option in options if option.annotation is bool}
    values |= {o.name: get_args(o.annotation) for o in options if get_origin(o.annotation) is Literal}
    return (dict(zip(values, chosen, strict=True)) for chosen in product(*values.values()))


@pytest.mark.parametrize("declaration", declarations(), ids=lambda declaration: declaration.name)
def test_the_rules_hold_for_every_choice_of_options(declaration: Declaration) -> None:
    for options in _choices(declaration):
        for row in invariances_of(declaration, options):
            for transformation in TRANSFORMATIONS:
                values = [pair for seed in (1, 2, 3) for pair in _values(row, transformation, seed)]
                if transformation in row.transformations:
                    for before, after in values:
                        assert after == pytest.approx(before, rel=1e-7, abs=1e-7), (row.name, transformation)
                else:
                    moved = any(abs(after - before) > 1e-5 * abs(before) for before, after in values)
                    assert moved, (row.name, transformation)


def test_every_measure_is_declared() -> None:
    declared = {declaration.name for declaration in declarations()}
    measures = {name for name in functional.__all__ if name.islower()}
    assert measures - OTHERS == declared


def test_table_has_a_row_for_each_declaration() -> None:
    lines = invariance_table().splitlines()
    assert len(lines) == len(invariances()) + 2
    assert "| `mean_cca` | yes | yes | yes | yes | yes |  | yes |" in lines
    assert {line.count("|") for line in lines} == {len(TRANSFORMATIONS) + 2}


def test_the_page_is_what_the_declarations_give(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(functional.__file__).parent / "INVARIANCES.md").read_text()
    runpy.run_module("saesim_pl.functional", run_name="__main__")
    assert capsys.readouterr().out == page, "run: python -m saesim_pl.functional > the page"


def test_unknown_transformation_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown transformations: \\['shear'\\]"):
        Blind("shear")
