from pathlib import Path

import pytest
import torch

from saesim_pl.data import SynthSAEBenchActivations
from tests.data.synth_sae_bench_folder import CORRELATION, D_IN, N, node, write

NAN = torch.full((N,), float("nan"))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (
            {"feature_vectors": torch.zeros(N, D_IN + 1)},
            r"feature_vectors has shape \[8, 6\], expected \[8, 5\]",
        ),
        ({"feature_vectors": torch.zeros(N, D_IN)}, "feature_vectors is 0 in row 0"),
        ({"bias": torch.zeros(1, D_IN)}, r"bias has shape \[1, 5\], expected \[5\]"),
        ({"bias": torch.zeros(D_IN, dtype=torch.int64)}, "bias must be finite real numbers, got torch.int64"),
        ({"firing_probabilities": torch.full((N,), 1.5)}, r"must lie in \[0, 1\], got 1.5 to 1.5"),
        ({"firing_probabilities": NAN}, "firing_probabilities must be finite real numbers"),
        ({"firing_probabilities": torch.zeros(N)}, "no feature ever fires"),
        ({"correlation_diag": torch.ones(N)}, "has no correlation_factor"),
        ({"correlation_factor": torch.ones(N, 2)}, "has no correlation_diag"),
        (CORRELATION | {"correlation_diag": torch.zeros(N)}, "correlation_diag must be positive, got 0"),
        (CORRELATION | {"correlation_diag": torch.full((N,), 1e-9)}, "must be 1e-06 of the variance or more"),
        (CORRELATION | {"correlation_factor": torch.ones(N)}, r"shape \[8\], expected \[8, rank\]"),
    ],
)
def test_malformed_weights_are_refused(tmp_path: Path, tensors: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SynthSAEBenchActivations(write(tmp_path, tensors=tensors))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"num_features": 0}, "num_features must be a whole number of at least 1, got 0"),
        ({"hidden_dim": "5"}, "hidden_dim must be a whole number of at least 1, got '5'"),
        ({"num_features": N + 1}, r"feature_vectors has shape \[8, 5\], expected \[9, 5\]"),
        ({"seed": 0.5}, "seed must be a whole number or null, got 0.5"),
        ({"correlation": {"rank": 2}}, "has no correlation_factor"),
        (
            {"mean_firing_magnitudes": {"generator_name": "gamma"}},
            "mean_firing_magnitudes: generator_name must",
        ),
        ({"mean_firing_magnitudes": {"generator_name": "linear", "start": 1}}, "missing .* argument: 'end'"),
        ({"mean_firing_magnitudes": {"generator_name": "constant", "low": 1}}, "unexpected keyword argument"),
        ({"std_firing_magnitudes": {"generator_name": "constant", "value": "x"}}, "value must be a number"),
        ({"std_firing_magnitudes": [1.0]}, "std_firing_magnitudes: value must be a number, got list"),
        ({"mean_firing_magnitudes": -1.0}, "no feature ever fires"),
    ],
)
def test_malformed_configs_are_refused(tmp_path: Path, config: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SynthSAEBenchActivations(write(tmp_path, **config))


@pytest.mark.parametrize(
    ("roots", "message"),
    [
        ({}, "roots must be a list, got dict"),
        ([3], "a node must be an object, got 3"),
        ([node(N)], "feature_index 8 is none of the 8 features"),
        ([node(-1)], "feature_index -1 is none of the 8 features"),
        ([node(0) | {"feature_index": True}], "feature_index True is none"),
        ([node(0) | {"children": None}], "children of feature 0 must be a list, got None"),
        (
            [node(0) | {"scale_children_by_parent": 1}],
            "scale_children_by_parent of feature 0 must be true or",
        ),
        ([node(0, node(1, node(0)))], "feature 0 stands at two places, or below itself"),
        ([node(0, node(1)), node(1)], "feature 1 stands at two places"),
        ([node(0, node(1), exclusive=True)], "feature 0 has 1 mutually exclusive children, needs 2"),
        (
            [node(None, node(0), node(1), exclusive=True)],
            "mutually exclusive children of a node without feature_index are not supported, as it has no",
        ),
        (
            [node(0, node(1), node(None, node(2)), exclusive=True)],
            "mutually exclusive children of feature 0 are not supported, as one of them has no feature_index",
        ),
        (
            [node(0, node(1), scale=True), node(2, node(3))],
            "scale_children_by_parent is on below feature 0 and off below feature 2",
        ),
    ],
)
def test_malformed_hierarchies_are_refused(tmp_path: Path, roots: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SynthSAEBenchActivations(write(tmp_path, roots))


def test_scaling_by_a_mean_of_0_is_refused(tmp_path: Path) -> None:
    folder = write(
        tmp_path, [node(2, node(1), scale=True)], mean_firing_magnitudes=0.0, std_firing_magnitudes=1.0
    )
    with pytest.raises(ValueError, match=r"feature 2 scales its children by its mean magnitude, .* got 0"):
        SynthSAEBenchActivations(folder)


@pytest.mark.parametrize(
    "name", ["synthetic_model_config.json", "synthetic_model.safetensors", "hierarchy.json"]
)
def test_a_missing_or_broken_file_is_named(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, [node(0, node(1))], hierarchy={})
    for content in (b"", b"\xff\xfe no", b"[1, 2]", b"[" * 10**5):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name) as raised:
            SynthSAEBenchActivations(folder)
        assert "\n" not in str(raised.value)
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is missing"):
        SynthSAEBenchActivations(folder)
    with pytest.raises(FileNotFoundError, match=r"synthetic_model_config\.json is missing"):
        SynthSAEBenchActivations(str(tmp_path / "nowhere"))
