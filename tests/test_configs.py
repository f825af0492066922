"""Every shipped configuration runs."""

import json
import re
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from saesim_pl import saes
from saesim_pl.cli import main

CONFIGS = Path("configs")
RUN = ["--trainer.fast_dev_run=true", "--trainer.accelerator=cpu", "--trainer.devices=1"]


def test_synthetic_pair_runs() -> None:
    main(["fit", f"--config={CONFIGS}/experiments/synthetic_pair.yaml", *RUN])


def test_seeds_runs_and_its_table_has_every_pair_and_their_mean(capsys) -> None:
    small = "--data.init_args.d_in=16", "--data.init_args.n_features=32"
    saes = [f"--model.init_args.saes.s{seed}.init_args.d_sae=32" for seed in range(5)]
    main(["fit", f"--config={CONFIGS}/experiments/seeds.yaml", *small, *saes, *RUN])
    blocks = {}
    for line in capsys.readouterr().out.splitlines():
        if re.fullmatch(r"\w+~\w+", line.strip()):
            words = blocks.setdefault(line.strip(), set())
        elif blocks:
            words |= set(line.split())
    for i, j in combinations(range(5), 2):
        assert {"all", "initial", "fraction_shared", "matched_cosine_similarity"} <= blocks[f"s{i}~s{j}"]
    assert "pw_mcc" in blocks["all~all"]


@pytest.mark.parametrize(
    ("data", "model"),
    [("uniform_shared", "standard_pair"), ("uniform", "standard"), ("uniform_shared", "standard")],
)
def test_data_and_saes_combine(data: str, model: str) -> None:
    parts = ["base", f"data/{data}", f"saes/{model}"]
    comparisons = ["callbacks/compare_to_truth", "callbacks/compare_dictionaries"]
    main(["fit", *(f"--config={CONFIGS}/{part}.yaml" for part in [*parts, *comparisons]), *RUN])


RECOVERY = f"--config={CONFIGS}/experiments/recovery.yaml"
SINGLE = [path for path in sorted((CONFIGS / "saes").glob("*.yaml")) if not path.stem.endswith("_pair")]
TRUTHS = [path for path in sorted((CONFIGS / "data").glob("*.yaml")) if "smollm2" not in path.stem]


@pytest.mark.parametrize("path", SINGLE, ids=lambda path: path.stem)
def test_every_architecture_trains(path: Path) -> None:
    main(["fit", RECOVERY, f"--config={CONFIGS}/data/uniform.yaml", f"--config={path}", *RUN])


@pytest.mark.parametrize("path", TRUTHS, ids=lambda path: path.stem)
def test_every_truth_trains(path: Path) -> None:
    # 16,384 features are too many for a test; an eighth of them has the same parts.
    small = []
    if path.stem == "synth_sae_bench":
        hierarchy = "--data.init_args.hierarchy.init_args"
        small = ["--data.init_args.n_features=2048", f"{hierarchy}.n_roots=16", "--data.init_args.d_in=64"]
    main(["fit", RECOVERY, f"--config={path}", f"--config={CONFIGS}/saes/standard.yaml", *small, *RUN])


def test_every_architecture_has_a_configuration() -> None:
    text = "".join(path.read_text() for path in (CONFIGS / "saes").glob("*.yaml"))
    assert not [name for name in saes.__all__ if name.endswith("SAE") and f"saes.{name}" not in text]


def test_smollm2_cache_and_pair_run(tiny_language_model: str, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "activations"
    writer = {"class_path": "saesim_pl.callbacks.ActivationWriter", "init_args": {"folder": str(folder)}}
    (tmp_path / "writer.yaml").write_text(json.dumps({"trainer": {"callbacks": [writer]}}))
    hooks = ["blocks.0.hook_mlp_out", "blocks.1.hook_mlp_out"]
    main(
        [
            "predict",
            f"--config={CONFIGS}/experiments/smollm2_cache.yaml",
            f"--config={tmp_path}/writer.yaml",
            f"--model.init_args.model={tiny_language_model}",
            f"--model.init_args.hooks={json.dumps(hooks)}",
            "--data.init_args.context_size=32",
            *RUN,
        ]
    )
    main(
        [
            "fit",
            f"--config={CONFIGS}/experiments/smollm2_pair.yaml",
            f"--data.init_args.folder={folder}",
            f"--data.init_args.hooks={json.dumps(dict(zip('ab', hooks, strict=True)))}",
            "--data.init_args.batch_size=32",
            *RUN,
        ]
    )
    assert "correlation_match" in capsys.readouterr().out


def test_only_base_writes_callbacks() -> None:
    for path in CONFIGS.rglob("*.yaml"):
        trainer = yaml.safe_load(path.read_text()).get("trainer", {})
        assert ("callbacks" in trainer) == (path == CONFIGS / "base.yaml"), path


def test_class_paths_are_whole() -> None:
    for path in CONFIGS.rglob("*.yaml"):
        for line in path.read_text().splitlines():
            if "class_path:" in line:
                assert "." in line.split("class_path:")[1].split("}")[0], f"{path}: {line}"
