"""A checkpoint is data: it constructs SAEs and nothing else."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer

from saesim_pl.data import SyntheticActivations
from saesim_pl.interop.checkpoint import factories_of, read_checkpoint, recipes_of
from saesim_pl.saes import SparseAutoencoder, StandardSAE, TopKSAE
from saesim_pl.training import SAECohort

RECIPE = {"class_path": "saesim_pl.saes.TopKSAE", "init_args": {"d_sae": 8, "k": 2}}


class OwnSAE(StandardSAE):
    """Of a module that the test has imported."""


def makes_an_sae(d_in: int) -> SparseAutoencoder:
    """A function, not a class."""
    Path("CALLED").touch()
    return TopKSAE(d_in, 8, 2)


def saved(path: Path, saes: dict[str, Any] | None = None, **changes: Any) -> Path:
    """A checkpoint at ``path`` whose hyperparameters a stranger has changed."""
    model = SAECohort({"a": partial(TopKSAE, d_sae=8, k=2)}, {"a": 4})
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, max_epochs=0)
    trainer.strategy.connect(model)
    trainer.save_checkpoint(path)
    content = torch.load(path, weights_only=True)
    if saes is not None:
        content["hyper_parameters"]["saes"] = saes
    content["hyper_parameters"] |= changes
    torch.save(content, path)
    return path


@pytest.mark.parametrize(
    "recipe",
    [
        {"class_path": "os.system", "init_args": {"command": "touch CALLED"}},
        {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", "CALLED"]}},
        {"class_path": "builtins.eval"},
        {"class_path": "builtins.exec", "init_args": {"source": "open('CALLED', 'w')"}},
        {"class_path": "has_side_effects.OwnSAE", "init_args": {"d_sae": 8}},
        {"class_path": "tests.test_checkpoint.makes_an_sae"},
        {"class_path": "tests.test_checkpoint.Trainer"},
        {"class_path": "saesim_pl.saes.SparseAutoencoder", "init_args": {"d_sae": 8}},
        {"class_path": "saesim_pl.saes.TopKSAE", "init_args": {"d_sae": {"class_path": "os.system"}, "k": 2}},
        {"class_path": "saesim_pl.saes.TopKSAE", "dict_kwargs": {"d_sae": [{"class_path": "os.getcwd"}]}},
        {"class_path": ["os.system"]},
        {"class_path": ""},
        {"class_path": "saesim_pl.saes."},
        "os.getcwd",
        None,
        7,
    ],
    ids=str,
)
def test_nothing_but_known_saes_is_constructed(recipe: Any, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "has_side_effects.py").write_text(
        "open('CALLED', 'w')\nfrom saesim_pl.saes import StandardSAE\nclass OwnSAE(StandardSAE): pass\n"
    )
    # The first SAE is a good one: it must not be made either.
    path = saved(tmp_path / "x.ckpt", {"a": RECIPE, "b": recipe})
    with pytest.raises(ValueError, match="SAE 'b' of the checkpoint"):
        SAECohort.load_from_checkpoint(path)
    assert not (tmp_path / "CALLED").exists()
    assert "has_side_effects" not in sys.modules


def test_a_name_that_the_parser_shortened_is_known(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.ckpt", {"a": {**RECIPE, "class_path": "saesim_pl.TopKSAE"}})
    assert isinstance(SAECohort.load_from_checkpoint(path).saes["a"], TopKSAE)


def test_an_instantiator_of_the_checkpoint_is_not_looked_at(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.ckpt", _instantiator="os.system", _class_path="os.system")
    assert SAECohort.load_from_checkpoint(path).saes["a"].d_sae == 8


@pytest.mark.parametrize("make", [TopKSAE, OwnSAE], ids=lambda make: make.__name__)
def test_a_cohort_built_from_partials_loads_without_them(make: type, tmp_path: Path) -> None:
    arguments = {"d_sae": 8, "k": 2} if make is TopKSAE else {"d_sae": 8}
    recipes = recipes_of({"a": partial(make, **arguments)})
    sae = factories_of(recipes)["a"](4)
    assert type(sae) is make
    path = saved(tmp_path / "x.ckpt", recipes) if make is TopKSAE else None
    assert path is None or type(SAECohort.load_from_checkpoint(path).saes["a"]) is make


def test_functions_are_not_kept_and_the_error_says_what_to_pass(tmp_path: Path) -> None:
    assert recipes_of({"a": lambda d_in: TopKSAE(d_in, 8, 2)}) is None
    assert recipes_of({"a": partial(TopKSAE, d_sae=torch.tensor(8), k=2)}) is None
    path = saved(tmp_path / "x.ckpt")
    content = torch.load(path, weights_only=True)
    del content["hyper_parameters"]["saes"]
    torch.save(content, path)
    with pytest.raises(ValueError, match=r"x.ckpt does not say what its SAEs are.*pass saes="):
        SAECohort.load_from_checkpoint(path)
    assert SAECohort.load_from_checkpoint(path, saes={"a": partial(TopKSAE, d_sae=8, k=2)}).saes["a"].k == 2


def test_pickled_code_is_refused_even_when_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="weights_only must be true"):
        SAECohort.load_from_checkpoint(saved(tmp_path / "x.ckpt"), weights_only=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no checkpoint, or damaged"),
        (b"no checkpoint", "is no checkpoint, or damaged"),
        (bytes(range(256)), "is no checkpoint, or damaged"),
        ({}, "it has no state_dict"),
        ({"state_dict": []}, "it has no state_dict"),
        ([1], "it has no state_dict"),
        ({"state_dict": {}, "more": Path("code")}, "holds more than weights and plain data"),
    ],
    ids=str,
)
def test_every_foreign_file_is_named(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "foreign.ckpt"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(ValueError, match=f"foreign.ckpt {message}|foreign.ckpt is no checkpoint: {message}"):
        read_checkpoint(path)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_a_truncated_checkpoint_is_named(share: float, tmp_path: Path) -> None:
    whole = saved(tmp_path / "cut.ckpt").read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"cut\.ckpt is no checkpoint, or damaged"):
        read_checkpoint(tmp_path / "cut.ckpt")


def test_data_are_not_loaded_from_a_checkpoint(tmp_path: Path) -> None:
    call = {"class_path": "os.system", "init_args": {"command": "touch CALLED"}}
    path = saved(tmp_path / "x.ckpt")
    content = torch.load(path, weights_only=True)
    instantiator = {"_instantiator": "lightning.pytorch.cli.instantiate_module"}
    content["datamodule_hyper_parameters"] = {"directions": call, **instantiator}
    torch.save(content, path)
    with pytest.raises(NotImplementedError, match=r"holds no SyntheticActivations.*config\.yaml"):
        SyntheticActivations.load_from_checkpoint(path)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.ckpt: there is no such checkpoint"):
        SAECohort.load_from_checkpoint(tmp_path / "none.ckpt")
