"""Callbacks that are told which SAEs of a cohort they act on."""

from collections.abc import Callable

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from saesim_pl.callbacks.on_saes import OnSAEs
from torch import Tensor

from saesim_pl.callbacks import (
    Anneal,
    AuxK,
    DeadLatents,
    Initialise,
    ResampleDeadLatents,
    SamplePrefixes,
    UnitNormDecoder,
)
from saesim_pl.saes import MatryoshkaSAE, StandardSAE
from saesim_pl.training import SAECohort
from tests.data.stretched import StretchedActivations

MAKERS: dict[str, Callable[..., OnSAEs]] = {
    "Anneal": lambda **kwargs: Anneal("k", 8, **kwargs),
    "AuxK": lambda **kwargs: AuxK(dead_after_samples=64, refresh_every_n_steps=1, **kwargs),
    "DeadLatents": DeadLatents,
    "Initialise": lambda **kwargs: Initialise(decoder_norm=0.5, **kwargs),
    "ResampleDeadLatents": lambda **kwargs: ResampleDeadLatents(5, 1.0, dead_after_samples=64, **kwargs),
    "SamplePrefixes": SamplePrefixes,
    "UnitNormDecoder": UnitNormDecoder,
}
TRAINS = sorted(MAKERS.keys() - {"DeadLatents"})
every_callback = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def fit(*callbacks: Callback) -> tuple[dict[str, dict[str, Tensor]], Trainer]:
    """Weights by SAE; three latents of each are dead at first."""
    data = StretchedActivations(normalize="mean_norm")
    model = SAECohort(
        {name: lambda d_in: MatryoshkaSAE(d_in, 16, k=2) for name in "abc"}, data.streams, READS
    )
    with torch.no_grad():
        [sae.b_enc[:3].fill_(-100.0) for sae in model.saes.values()]
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(
        accelerator="cpu",
        max_steps=20,
        enable_checkpointing=False,
        log_every_n_steps=1,
        callbacks=list(callbacks),
        **quiet,
    )
    trainer.fit(model, datamodule=data)
    return {
        name: {k: v.clone() for k, v in sae.state_dict().items()} for name, sae in model.saes.items()
    }, trainer


READS = {"a": "a", "b": "b", "c": "a"}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(weight, other[name]) for name, weight in one.items())


@pytest.fixture(scope="module")
def without() -> dict[str, dict[str, Tensor]]:
    return fit()[0]


@pytest.mark.parametrize("name", TRAINS)
def test_the_named_saes_alone_are_acted_on(name: str, without: dict[str, dict[str, Tensor]]) -> None:
    every, _ = fit(MAKERS[name]())
    some, _ = fit(MAKERS[name](saes=["c", "a"]))
    two, _ = fit(MAKERS[name](saes=["c"]), MAKERS[name](saes=["a"]))
    assert same(some["b"], without["b"])
    assert not same(every["b"], without["b"])
    for sae in "ac":
        assert not same(some[sae], without[sae])
        assert same(some[sae], every[sae])
        assert same(two[sae], every[sae])


def test_each_aux_k_is_logged_under_one_name() -> None:
    trainer = fit(MAKERS["AuxK"](saes=["a"]), MAKERS["AuxK"](saes=["b"]))[1]
    logged = [key for key in trainer.callback_metrics if key.endswith("AuxK")]
    assert sorted(logged) == ["train/a/AuxK", "train/b/AuxK"]
    # A later fit of the same cohort without the callbacks is one without the loss.
    assert trainer.lightning_module.auxiliary_losses == {"a": {}, "b": {}, "c": {}}


def test_two_aux_k_on_one_sae_are_refused() -> None:
    with pytest.raises(ValueError, match="two AuxK act on SAE 'b': tell each its saes"):
        fit(AuxK(saes=["a", "b"]), AuxK(saes=["b", "c"]))


def test_idle_latents_are_counted_for_the_named_saes() -> None:
    dead = DeadLatents(dead_after_samples=64, saes=["b"])
    fit(dead)
    assert dead.idle.keys() == dead.dead.keys() == {"b"}
    assert {0, 1, 2} <= set(dead.dead["b"].tolist())


@every_callback
def test_unknown_names_are_refused(make: Callable[..., OnSAEs]) -> None:
    with pytest.raises(ValueError, match=r"saes names \['z'\], but the SAEs are \['a', 'b', 'c'\]"):
        fit(make(saes=["a", "z"]))
    with pytest.raises(ValueError, match="saes is empty: leave it out to mean all SAEs"):
        make(saes=[])


@every_callback
def test_other_models_are_refused(make: Callable[..., OnSAEs]) -> None:
    callback = make()
    with pytest.raises(TypeError, match=f"{type(callback).__name__} needs an SAECohort, got BoringModel"):
        callback.setup(Trainer(logger=False, accelerator="cpu"), BoringModel(), "fit")


@every_callback
def test_several_have_states_of_their_own(make: Callable[..., OnSAEs]) -> None:
    keys = {callback.state_key for callback in (make(), make(saes=["a"]), make(saes=["b"]))}
    assert len(keys) == 3


def test_a_named_sae_must_have_what_is_acted_on() -> None:
    data = StretchedActivations()
    cohort = SAECohort({"a": lambda d_in: MatryoshkaSAE(d_in, 16), "b": plain}, data.streams)
    trainer = Trainer(logger=False, accelerator="cpu")
    SamplePrefixes().setup(trainer, cohort, "fit")
    with pytest.raises(ValueError, match=r"SamplePrefixes: \['b'\] are no MatryoshkaSAE"):
        SamplePrefixes(saes=["a", "b"]).setup(trainer, cohort, "fit")
    with pytest.raises(ValueError, match=r"setting: \['b'\] have no number 'k'"):
        Anneal("k", 9, saes=["a", "b"]).setup(trainer, cohort, "fit")


def plain(d_in: int) -> StandardSAE:
    return StandardSAE(d_in, 16)
