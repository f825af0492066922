import pytest

from saesim_pl.data import SyntheticActivations
from saesim_pl.saes import MatryoshkaSAE, SAEOutput
from saesim_pl.truth import OneOfGroup, ZipfRates


@pytest.mark.parametrize("name", ["../../../../esc", "", "truth", ".hidden", "a/b", "a~b", "a b", "a\n"])
def test_a_name_that_is_no_file_name_is_no_stream(name: str) -> None:
    with pytest.raises(ValueError, match="is no stream's name"):
        SyntheticActivations(stream_names=["a", name])


@pytest.mark.parametrize("name", ["a", "layer_6", "blocks.6.hook_mlp_out", "0"])
def test_names_of_hooks_and_numbers_are(name: str) -> None:
    assert list(SyntheticActivations(16, 16, 2.0, stream_names=[name]).streams) == [name]


def test_no_stream_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="stream_names is empty"):
        SyntheticActivations(stream_names=[])


def test_groups_that_nothing_defines_are_refused() -> None:
    with pytest.raises(ValueError, match="OneOfGroup has no groups: give n_groups"):
        SyntheticActivations(16, 16, 2.0, dependence=OneOfGroup())
    SyntheticActivations(16, 16, 2.0, dependence=OneOfGroup(8))


@pytest.mark.parametrize(("highest", "lowest"), [(0.1, 0.2), (0.1, 0.0), (0.1, -0.1), (float("nan"), 0.1)])
def test_rates_that_rise_are_refused(highest: float, lowest: float) -> None:
    with pytest.raises(ValueError, match="highest must be at least lowest"):
        ZipfRates(1.0, highest, lowest)


def test_no_groups_of_latents_are_refused() -> None:
    with pytest.raises(ValueError, match=r"group_sizes must be positive, got \[\]"):
        MatryoshkaSAE(8, 16, 2, group_sizes=[])


def test_latents_are_given_as_a_function() -> None:
    import torch

    x = torch.zeros(1, 1)
    with pytest.raises(TypeError, match="make_latents must be a function"):
        SAEOutput(x, x.sum(), {}, x[0], x)
