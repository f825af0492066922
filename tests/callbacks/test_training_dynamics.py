"""Callbacks that change how SAEs train."""

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from saesim_pl.callbacks.initialise import geometric_median
from saesim_pl.callbacks.resample_dead_latents import resample
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
from saesim_pl.data import SyntheticActivations
from saesim_pl.saes import BatchTopKSAE, MatryoshkaSAE, PAnnealSAE, StandardSAE, TopKSAE
from saesim_pl.training import SAECohort

D_IN, D_SAE, STEPS = 12, 24, 16


def data() -> SyntheticActivations:
    sizes = {"samples_per_epoch": STEPS * 64, "validation_samples": 100, "batch_size": 64}
    return SyntheticActivations(d_in=D_IN, n_features=16, mean_active=2.0, stream_names=["a"], **sizes)


def cohort(make=lambda d_in: StandardSAE(d_in, D_SAE), **kwargs) -> SAECohort:
    return SAECohort({"a": make}, {"a": D_IN}, **kwargs)


def fit(model: SAECohort, *callbacks: Callback, **kwargs) -> Trainer:
    settings = {"max_epochs": 1, "accelerator": "cpu", "logger": False, "enable_checkpointing": False}
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0}
    trainer = Trainer(**settings | quiet | kwargs, log_every_n_steps=1, callbacks=list(callbacks))
    trainer.fit(model, datamodule=data())
    return trainer


class Watch(Callback):
    """Keeps what ``look`` sees in each training step."""

    def __init__(self, look) -> None:
        self.look, self.seen = look, []

    def on_train_batch_end(self, trainer, pl_module, *_) -> None:
        self.seen.append(self.look(trainer, pl_module))


def test_anneal_goes_from_start_to_what_was_configured() -> None:
    watch = Watch(lambda _, model: model.saes["a"].k)
    model = cohort(lambda d_in: TopKSAE(d_in, D_SAE, k=4))
    fit(model, Anneal("k", start=12, fraction=0.5), watch)
    assert watch.seen == [12, 11, 10, 9, 8, 7, 6, 5] + [4] * 8
    assert model.saes["a"].k == 4


def test_anneal_of_a_coefficient_is_no_integer() -> None:
    watch = Watch(lambda _, model: model.saes["a"].l1_coefficient)
    fit(
        cohort(lambda d_in: StandardSAE(d_in, D_SAE, l1_coefficient=0.8)),
        Anneal("l1_coefficient", 0.0),
        watch,
    )
    assert watch.seen[:9] == pytest.approx([0.1 * i for i in range(8)] + [0.8])


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (lambda: Anneal("k", 40), "setting: no SAE has a number 'k'"),
        (lambda: Anneal("l1_coefficient", 0, saes=["z"]), r"saes names \['z'\]"),
        (lambda: Anneal("k", 1, fraction=0), r"fraction must lie in \(0, 1\], got 0"),
        (SamplePrefixes, "SamplePrefixes needs a MatryoshkaSAE"),
        (lambda: SamplePrefixes(0), "n_prefixes must be at least 1, got 0"),
        (lambda: AuxK(k_aux=0), "k_aux must be at least 1, got 0"),
        (lambda: AuxK(coefficient=-1), "coefficient must not be negative, got -1"),
        (lambda: DeadLatents(0), "dead_after_samples must be at least 1, got 0"),
        (lambda: ResampleDeadLatents(until_fraction=2), r"until_fraction must lie in \(0, 1\], got 2"),
        (lambda: Initialise(decoder_norm=0), "decoder_norm must be positive, got 0"),
        (lambda: Initialise(b_dec="median"), r"b_dec must be one of .*, got 'median'"),
        (lambda: Initialise(n_samples=0), "n_samples must be at least 1, got 0"),
    ],
)
def test_bad_settings_are_refused_before_training(callback, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(cohort(), callback())


def test_annealing_from_a_k_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match=r"k must lie in \[1, d_sae=24\], got 40"):
        fit(cohort(lambda d_in: TopKSAE(d_in, D_SAE, k=4)), Anneal("k", 40))


def test_unit_norm_decoder() -> None:
    norms = Watch(lambda _, model: model.saes["a"].W_dec.norm(dim=1))

    class Gradient(Callback):
        along: list[Tensor] = []  # noqa: RUF012

        def on_before_optimizer_step(self, trainer, pl_module, *_) -> None:
            sae = pl_module.saes["a"]
            self.along.append((sae.W_dec.grad * sae.W_dec).sum(1).abs().max())

    fit(cohort(), UnitNormDecoder(), Gradient(), norms)
    torch.testing.assert_close(torch.stack(norms.seen), torch.ones(STEPS, D_SAE))
    assert max(Gradient.along) < 1e-5
    without = Watch(lambda _, model: model.saes["a"].W_dec.norm(dim=1))
    fit(cohort(), without)
    assert (without.seen[-1] - 1).abs().max() > 1e-3


def test_dead_latents_are_counted_in_samples() -> None:
    model, dead = cohort(), DeadLatents(dead_after_samples=5 * 64, refresh_every_n_steps=1)
    with torch.no_grad():
        model.saes["a"].b_enc[3] = -100.0
    found = Watch(lambda *_: 3 in dead.dead["a"])
    fit(model, dead, found)
    assert found.seen == [False] * 4 + [True] * 12
    assert dead.idle["a"][3] == STEPS * 64
    again = DeadLatents()
    again.load_state_dict(dead.state_dict())
    assert torch.equal(again.idle["a"], dead.idle["a"])


def test_aux_k_joins_the_loss() -> None:
    def train(*callbacks: Callback) -> tuple[Tensor, bool]:
        model = cohort(lambda d_in: TopKSAE(d_in, D_SAE, k=1))
        metrics = fit(model, *callbacks).callback_metrics
        return model.saes["a"].W_dec.detach(), "train/a/AuxK" in metrics

    with_aux, logged = train(AuxK(k_aux=4, dead_after_samples=64, refresh_every_n_steps=1))
    without, logged_without = train()
    assert (logged, logged_without) == (True, False)
    assert not torch.equal(with_aux, without)


def test_aux_k_by_hand() -> None:
    model = cohort(lambda d_in: TopKSAE(d_in, D_SAE, k=2))
    sae, aux_k, x = model.saes["a"], AuxK(k_aux=1, coefficient=0.5), torch.randn(5, D_IN)
    output = sae.loss(x)
    aux_k.dead["a"] = torch.tensor([3, 7])
    pre = (x @ sae.W_enc + sae.b_enc)[:, [3, 7]]
    best = pre.max(1)
    made = best.values.relu()[:, None] * sae.W_dec[torch.tensor([3, 7])[best.indices]]
    expected = 0.5 * (x - output.x_hat - made).square().sum(1).mean()
    torch.testing.assert_close(aux_k.loss("a", sae, x, output), expected)
    aux_k.dead["a"] = torch.tensor([], dtype=torch.int64)
    assert aux_k.loss("a", sae, x, output) is None


def test_resampled_latents_fire_for_what_was_missed() -> None:
    torch.manual_seed(0)
    sae = StandardSAE(D_IN, D_SAE)
    with torch.no_grad():
        sae.b_enc.fill_(-100.0)
    adam = torch.optim.Adam(sae.parameters())
    x, dead = torch.randn(50, D_IN), torch.arange(4)
    sae.loss(x).loss.backward()
    adam.step()
    adam.state[sae.W_dec]["exp_avg"].fill_(1.0)
    before = sae.W_dec.detach().clone()
    resample(sae, dead, x, adam, seed=0)
    cosine = torch.nn.functional.cosine_similarity(sae.W_dec[:4, None], (x - sae.b_dec)[None], dim=2)
    assert cosine.max(1).values.min() > 1 - 1e-5
    assert torch.equal(sae.W_dec[4:], before[4:])
    assert (sae.encode(x)[:, :4].amax(0) > 0).all()
    assert not adam.state[sae.W_dec]["exp_avg"][:4].any()
    assert adam.state[sae.W_dec]["exp_avg"][4:].all()
    torch.testing.assert_close(
        sae.W_enc[:, :4].norm(dim=0), 0.2 * sae.W_enc[:, 4:].norm(dim=0).mean().expand(4)
    )


def test_resampling_revives() -> None:
    def dead_share(*callbacks: Callback) -> float:
        model = cohort()
        with torch.no_grad():
            model.saes["a"].b_enc[:5] = -100.0
        return fit(model, *callbacks).callback_metrics["a/dead"].item()

    assert dead_share() == pytest.approx(5 / D_SAE)
    assert dead_share(ResampleDeadLatents(every_n_steps=4, dead_after_samples=128)) == 0


def test_geometric_median_ignores_an_outlier() -> None:
    x = torch.cat([torch.randn(100, 3, generator=torch.Generator().manual_seed(0)), torch.full((1, 3), 1e4)])
    median = geometric_median(x)
    assert median.norm() < 0.5 < x.mean(0).norm()
    # At the median the unit vectors towards the samples cancel.
    assert torch.nn.functional.normalize(x - median, dim=1).sum(0).norm() < 0.01


def test_initialise_centres_the_encoder() -> None:
    class Start(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
            if batch_idx == 0:
                self.weights = {k: v.clone() for k, v in pl_module.saes["a"].state_dict().items()}

    start = Start()
    fit(cohort(), Initialise(decoder_norm=0.1, b_dec="mean", n_samples=200), start)
    source = data()
    x = torch.cat([source.batch("train", 0, index)["a"] for index in range(4)])[:200]
    weights = start.weights
    torch.testing.assert_close(weights["b_dec"], x.mean(0))
    torch.testing.assert_close(weights["b_enc"], -x.mean(0) @ weights["W_enc"])
    torch.testing.assert_close(weights["W_dec"].norm(dim=1), torch.full((D_SAE,), 0.1))
    torch.testing.assert_close(weights["W_enc"], weights["W_dec"].T)


def test_sampled_prefixes_differ_by_step_and_depend_on_nothing_else() -> None:
    def groups() -> list[list[int]]:
        watch = Watch(lambda _, model: model.saes["a"].group_sizes)
        fit(cohort(lambda d_in: MatryoshkaSAE(d_in, D_SAE, k=4)), SamplePrefixes(3), watch)
        return watch.seen

    seen = groups()
    assert seen == groups()
    assert len({tuple(sizes) for sizes in seen}) > 5
    assert all(sum(sizes) == D_SAE and len(sizes) <= 3 for sizes in seen)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "stream 'a' has NaN or infinity in 1 of 64 rows of batch 3 of epoch 0"),
        (1e30, "a loss is not finite in batch 3 of epoch 0: lower lr, or the activations' scale"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda d_in: StandardSAE(d_in, D_SAE),
        lambda d_in: BatchTopKSAE(d_in, D_SAE, k=4),
        lambda d_in: MatryoshkaSAE(d_in, D_SAE, k=4),
        lambda d_in: PAnnealSAE(d_in, D_SAE, keep_size=True),
    ],
)
def test_a_bad_batch_is_refused_and_leaves_no_trace(make, value: float, message: str) -> None:
    class Spoil(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
            self.state = {name: tensor.clone() for name, tensor in pl_module.saes["a"].state_dict().items()}
            if batch_idx == 3:
                batch["a"][1] = value

    spoil, model = Spoil(), cohort(make)
    with pytest.raises(ValueError, match=message):
        fit(model, spoil)
    for name, tensor in model.saes["a"].state_dict().items():
        assert torch.equal(tensor, spoil.state[name]), name


def test_warm_up_and_decay_of_the_learning_rate() -> None:
    rates = Watch(lambda trainer, _: trainer.optimizers[0].param_groups[0]["lr"])
    fit(cohort(lr=0.8, warmup_fraction=0.25, decay_fraction=0.5), rates)
    # What the next step will use: risen over 4 steps, fallen over the last 8.
    assert rates.seen[:4] == pytest.approx([0.4, 0.6, 0.8, 0.8])
    assert rates.seen[-2:] == pytest.approx([0.1, 0.0])


def test_slow_precision_is_refused(monkeypatch) -> None:
    def computes_it(**capabilities: bool) -> None:
        told = {"architecture": "any"} | capabilities
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)

    computes_it(avx512_bf16=False, amx_bf16=False, avx2=True)
    with pytest.raises(ValueError, match="precision bf16-mixed: this CPU has no bfloat16 instructions"):
        fit(cohort(), precision="bf16-mixed")
    computes_it(avx512_bf16=False, amx_bf16=True)
    fit(cohort(), precision="bf16-mixed", limit_train_batches=2)
    computes_it(bf16=True)
    fit(cohort(), precision="bf16-mixed", limit_train_batches=2)
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    fit(cohort(), precision="bf16-mixed", limit_train_batches=2)
