import csv
from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger
from torch import nn

from saesim_pl import saes
from saesim_pl.callbacks import Anneal
from saesim_pl.data import SyntheticActivations
from saesim_pl.functional import (
    fraction_variance_unexplained,
    reconstruction_cosine,
    relative_reconstruction_bias,
)
from saesim_pl.saes import StandardSAE, stack
from saesim_pl.training import SAECohort
from saesim_pl.training.optimization import clip_each


def data(**kwargs) -> SyntheticActivations:
    sizes = {"d_in": 12, "n_features": 16, "mean_active": 2.0, "samples_per_epoch": 2048, "batch_size": 128}
    return SyntheticActivations(**sizes | {"validation_samples": 300, "stream_names": ["a", "b"]} | kwargs)


def cohort(*names: str, d_sae: int = 24, **kwargs) -> SAECohort:
    return SAECohort(
        {name: lambda d_in: StandardSAE(d_in, d_sae) for name in names}, data().streams, **kwargs
    )


def fit(model: SAECohort, tmp_path, **kwargs) -> Trainer:
    settings = {
        "max_epochs": 2,
        "accelerator": "cpu",
        "gradient_clip_val": 0.1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "log_every_n_steps": 1,
        "default_root_dir": tmp_path,
    }
    trainer = Trainer(**settings | kwargs)
    trainer.fit(model, datamodule=data())
    return trainer


def test_an_sae_does_not_notice_the_others(tmp_path) -> None:
    alone, pair = cohort("a"), cohort("a", "b")
    for model in (alone, pair):
        fit(model, tmp_path)
    for name, weight in alone.saes["a"].state_dict().items():
        assert torch.equal(weight, pair.saes["a"].state_dict()[name])


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many SAEs each loss was computed of."""
    sizes = []

    def counted(cls: type, members: list, x: torch.Tensor, losses=StandardSAE.losses) -> list:
        sizes.append(len(members))
        return losses(members, x)

    monkeypatch.setattr(StandardSAE, "losses", classmethod(counted))
    return sizes


def test_saes_on_one_stream_are_computed_together_and_train_as_alone(tmp_path, stacks: list[int]) -> None:
    alone, three = cohort("a"), cohort("b", "a", "c", reads={"c": "a"})
    fit(alone, tmp_path)
    stacks.clear()
    fit(three, tmp_path)
    assert stacks.count(2) == stacks.count(1) >= 32
    expected = alone.saes["a"].state_dict()
    torch.testing.assert_close(three.saes["a"].state_dict(), expected, rtol=1e-5, atol=1e-5)
    assert not torch.equal(three.saes["a"].W_dec, three.saes["c"].W_dec)


@pytest.mark.parametrize("change", ["size", "compile"])
def test_large_or_compiled_saes_on_one_stream_are_computed_alone(
    tmp_path, monkeypatch: pytest.MonkeyPatch, stacks: list[int], change: str
) -> None:
    monkeypatch.setattr(stack, "_CPU_LIMIT", 2**21 if change == "compile" else 0)
    monkeypatch.setattr(torch, "compile", lambda loss: loss)
    compiles = change == "compile"
    alone = cohort("a", compile=compiles)
    both = cohort("a", "c", reads={"c": "a"}, compile=compiles)
    for model in (alone, both):
        fit(model, tmp_path)
    assert set(stacks) == {1}
    for name, weight in alone.saes["a"].state_dict().items():
        assert torch.equal(weight, both.saes["a"].state_dict()[name])


def test_coefficients_of_saes_computed_together_may_move_apart(tmp_path, stacks: list[int]) -> None:
    def train(*names: str) -> SAECohort:
        model = cohort(*names, reads={"c": "a"} if "c" in names else None)
        fit(model, tmp_path, callbacks=[Anneal("l1_coefficient", 0.0, saes=["a"])])
        return model

    alone, both = train("a"), train("a", "c")
    assert 2 in stacks
    expected = alone.saes["a"].state_dict()
    torch.testing.assert_close(both.saes["a"].state_dict(), expected, rtol=1e-5, atol=1e-5)


def test_saes_are_computed_together_only_while_k_agrees(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def counted(cls: type, members: list, x: torch.Tensor, losses=saes.TopKSAE.losses) -> list:
        sizes.extend([len(members)] if members[0].training else [])
        return losses(members, x)

    monkeypatch.setattr(saes.TopKSAE, "losses", classmethod(counted))
    make = partial(saes.TopKSAE, d_sae=24, k=2)
    model = SAECohort({"a": make, "c": make}, data().streams, {"c": "a"})
    fit(model, tmp_path, callbacks=[Anneal("k", 8, saes=["a"])])
    assert sizes.count(1) > 16
    assert sizes.count(2) > 8
    assert sizes == sorted(sizes), "k of a reaches that of c and stays"


def test_architectures_widths_and_seeds_on_one_stream_train_as_alone(tmp_path) -> None:
    factories = {
        name: partial(getattr(saes, name), d_sae=24 + 8 * (i % 2))
        for i, name in enumerate(saes.__all__)
        if name.endswith("SAE")
    } | {"again": partial(StandardSAE, d_sae=24)}
    reads = dict.fromkeys(factories, "a")
    together = SAECohort(factories, data().streams, reads, seeds={"again": 5})
    fit(together, tmp_path, max_epochs=1)
    for name, make in factories.items():
        seeds = {name: 5} if name == "again" else None
        alone = SAECohort({name: make}, data().streams, {name: "a"}, seeds)
        fit(alone, tmp_path, max_epochs=1)
        expected = alone.saes[name].state_dict()
        torch.testing.assert_close(together.saes[name].state_dict(), expected, rtol=1e-5, atol=1e-5)


def test_clipping_bounds_each_gradient_by_itself() -> None:
    model = cohort("a", "b")
    for name, size in {"a": 5.0, "b": 0.01}.items():
        for parameter in model.saes[name].parameters():
            parameter.grad = torch.full_like(parameter, size)
    small = model.saes["b"].W_enc.grad.clone()
    model.configure_gradient_clipping(None, gradient_clip_val=1.0)
    norm = torch.cat([p.grad.flatten() for p in model.saes["a"].parameters()]).norm()
    assert norm.item() == pytest.approx(1.0, rel=1e-4)
    assert torch.equal(model.saes["b"].W_enc.grad, small)


def test_clipping_is_that_of_pytorch_and_leaves_frozen_saes() -> None:
    ours, theirs = cohort("a", "b").saes, cohort("a", "b").saes
    ours["c"] = StandardSAE(3, 4).requires_grad_(False)
    torch.manual_seed(0)
    for mine, other in zip(ours["b"].parameters(), theirs["b"].parameters(), strict=True):
        mine.grad = torch.randn_like(mine)
        other.grad = mine.grad.clone()
    clip_each(ours.values(), 0.5)
    nn.utils.clip_grad_norm_(theirs["b"].parameters(), 0.5)
    for mine, other in zip(ours["b"].parameters(), theirs["b"].parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)
    assert ours["c"].W_enc.grad is None


def test_seeds_decide_the_initial_weights() -> None:
    first, again, other = (
        cohort("a", "b", seeds={"a": 1}),
        cohort("a", seeds={"a": 1}),
        cohort("a", seeds={"a": 2}),
    )
    assert torch.equal(first.saes["a"].W_dec, again.saes["a"].W_dec)
    assert not torch.equal(first.saes["a"].W_dec, other.saes["a"].W_dec)
    assert not torch.equal(first.saes["a"].W_dec, first.saes["b"].W_dec)


def test_building_an_sae_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    cohort("a")
    assert torch.equal(torch.rand(1), expected)


def test_logged_values_are_those_of_the_whole_validation_set(tmp_path) -> None:
    model = cohort("a", "b")
    logged = fit(model, tmp_path).callback_metrics
    batches = list(data().val_dataloader())
    assert len({len(batch["a"]) for batch in batches}) == 2
    for name, sae in model.saes.items():
        x = torch.cat([batch[name] for batch in batches])
        with torch.no_grad():
            output = sae.loss(x)
        expected = {
            "loss": output.loss,
            "mse": output.terms["mse"],
            "l1": output.terms["l1"],
            "l0": (output.latents > 0).sum(1).double().mean(),
            "dead": (~(output.latents > 0).any(0)).double().mean(),
            "dense": ((output.latents > 0).double().mean(0) > 0.1).double().mean(),
            "fvu": fraction_variance_unexplained(x, output.x_hat),
            "cosine": reconstruction_cosine(x, output.x_hat),
            "bias": relative_reconstruction_bias(x, output.x_hat),
        }
        for key, value in expected.items():
            assert logged[f"{name}/{key}"].item() == pytest.approx(value.item(), rel=1e-5, abs=1e-6), key
        assert f"train/{name}/mse" in logged


def test_learning_rate_decays_over_the_last_share_of_steps(tmp_path) -> None:
    model = cohort("a", decay_fraction=0.5, lr=0.1)
    rates = []
    model.on_train_batch_start = lambda *_: rates.append(model.optimizers().param_groups[0]["lr"])
    fit(model, tmp_path)
    assert rates[:17] == [0.1] * 17
    assert rates[-1] == pytest.approx(0.1 / 16)
    assert rates[24] == pytest.approx(0.05)


def test_reload_from_a_checkpoint_built_in_python(tmp_path) -> None:
    model = cohort("a")
    fit(model, tmp_path).save_checkpoint(tmp_path / "a.ckpt")
    torch.load(tmp_path / "a.ckpt", weights_only=True)
    saes = {"a": lambda d_in: StandardSAE(d_in, 24)}
    again = SAECohort.load_from_checkpoint(tmp_path / "a.ckpt", saes=saes)
    assert torch.equal(again.saes["a"].W_enc, model.saes["a"].W_enc)


def test_logged_curves_are_those_of_the_step_they_stand_at(tmp_path) -> None:
    logger, model = CSVLogger(tmp_path), cohort("a")
    losses = []
    model.on_train_batch_end = lambda outputs, *_: losses.append(outputs["loss"].item())
    fit(model, tmp_path, logger=logger, log_every_n_steps=5, max_epochs=1)
    with Path(logger.log_dir, "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["train/a/loss"]]
    logged = {int(row["step"]): float(row["train/a/loss"]) for row in rows}
    assert sorted(logged) == [4, 9, 14]
    for step, loss in logged.items():
        assert loss == pytest.approx(losses[step], rel=1e-5)


def test_an_endless_run_cannot_decay(tmp_path) -> None:
    with pytest.raises(ValueError, match="set max_epochs or max_steps"):
        fit(cohort("a"), tmp_path, max_epochs=-1)


@pytest.mark.parametrize("name", ["blocks.6.hook", "keys", "truth", "a~b", ""])
def test_names_that_would_collide_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name an SAE"):
        cohort(name)


def test_clipping_by_value_is_refused() -> None:
    with pytest.raises(ValueError, match="clips by norm, not by 'value'"):
        cohort("a").configure_gradient_clipping(None, 1.0, "value")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reads": {"a": "z"}}, "SAE 'a' reads stream 'z'; the data have 'a', 'b'"),
        ({"reads": {"z": "a"}}, r"reads names \['z'\], but the SAEs are \['a'\]"),
        ({"seeds": {"z": 0}}, r"seeds names \['z'\]"),
        ({"lr": 0.0}, "lr must be positive, got 0.0"),
        ({"lr": float("inf")}, "lr must be positive, got inf"),
        ({"betas": (0.9, 1.5)}, r"betas must lie in \[0, 1\), got \(0.9, 1.5\)"),
        ({"decay_fraction": 1.5}, r"decay_fraction must lie in \[0, 1\], got 1.5"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cohort("a", **arguments)


def test_an_sae_without_a_stream_of_its_name_must_be_told() -> None:
    with pytest.raises(ValueError, match="SAE 'c' is not told which stream it reads; the data have 'a', 'b'"):
        cohort("c")
    SAECohort({"c": lambda d_in: StandardSAE(d_in, 3)}, {"only": 4})


def test_an_empty_cohort_is_refused() -> None:
    with pytest.raises(ValueError, match="saes is empty"):
        cohort()
