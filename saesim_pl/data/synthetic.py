"""Synthetic activations with known true features."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.checks import check_counts, check_not_negative
from saesim_pl.data.generated import GeneratedActivations
from saesim_pl.data.normalization import NormalizationMode
from saesim_pl.data.stream_names import check_stream_names
from saesim_pl.truth.dependence import Dependence, Independent
from saesim_pl.truth.directions import Directions, UniformDirections
from saesim_pl.truth.firing_law import FiringLaw
from saesim_pl.truth.hierarchy import Hierarchy
from saesim_pl.truth.magnitudes import Magnitudes, UniformMagnitudes
from saesim_pl.truth.rates import LinearRates, Rates
from saesim_pl.truth.seeds import generator_of
from saesim_pl.truth.true_features import TrueFeatures


class SyntheticActivations(GeneratedActivations):
    """Sums of a few true features' directions, in one stream or in several that share some features.

    The parts are directions, rates, magnitudes and dependences of features. The first stream's features are
    listed from the most to the least frequent. Each later stream has a share ``shared_fraction`` of them and
    new features for the rest. Its rates are assigned at random, so that a shared feature fires at another
    frequency there. Dependence, clusters and hierarchy are defined over the features of all streams together;
    a feature that a stream lacks never fires there.

    Args:
        d_in: Width of the activations.
        n_features: True features of each stream.
        mean_active: Mean number of features that fire in a sample. It is exact unless a hierarchy thins
            dependent firings (then within the error of a count). If None, ``rates`` are used unscaled.
        directions: Law of the features' directions; by default uniform on the sphere.
        rates: Law of the firing rates; by default linear from 1.5 to .5 times their mean.
        dependence: Which features fire together; by default they are independent.
        hierarchy: Which features fire only where others fire; by default no hierarchy.
        magnitudes: Law of the magnitudes; by default uniform with mean square 1.
        noise_std: Standard deviation of normal noise in each dimension.
        bias_norm: Norm of a random vector that is added to every sample, one vector for each space.
        stream_names: Names of the streams; by default one stream ``a``.
        shared_fraction: Share of the first stream's features that each later stream also has.
        rotate: Whether each stream has its own space, with all directions rotated at random, so that
            cosines between streams mean nothing.
        aligned: Whether row i of all streams is one draw. Shared features then fire together as far as
            their rates allow, with one magnitude. Otherwise streams are independent.
        samples_per_epoch: Training samples of one epoch.
        validation_samples: Validation samples, the same at every validation.
        batch_size: Samples per optimizer step, over all processes.
        seed: Seed of everything random.
        num_workers: Processes that prepare batches ahead; 0 prepares them in the training process.
        normalize: ``none``, ``mean_norm``, ``row_norm`` or ``standardise``; see ``ActivationDataModule``.

    Raises:
        ValueError: A parameter is out of range, or the parts do not fit together.
    """

    def __init__(
        self,
        d_in: int = 256,
        n_features: int = 512,
        mean_active: float | None = 5.0,
        directions: Directions | None = None,
        rates: Rates | None = None,
        dependence: Dependence | None = None,
        hierarchy: Hierarchy | None = None,
        magnitudes: Magnitudes | None = None,
        noise_std: float = 0.0,
        bias_norm: float = 0.0,
        stream_names: list[str] | None = None,
        shared_fraction: float = 0.5,
        rotate: bool = False,
        aligned: bool = False,
        samples_per_epoch: int = 100_000,
        validation_samples: int = 10_000,
        batch_size: int = 1024,
        seed: int = 0,
        num_workers: int = 0,
        normalize: NormalizationMode = "none",
    ) -> None:
        names = ["a"] if stream_names is None else stream_names
        directions = directions or UniformDirections()
        _check_streams(names, d_in, n_features, shared_fraction, bias_norm, seed)
        ids = _deal_ids(len(names), n_features, shared_fraction, directions.unit, seed)
        n_ids = 1 + max(int(own.max()) for own in ids)
        rows, clusters = directions.draw(n_ids, d_in, generator_of(seed, "directions"))
        falling = (rates or LinearRates()).rates(n_features, mean_active)
        of_stream = [_deal_rates(falling, own, n_ids, seed, stream) for stream, own in enumerate(ids)]
        magnitudes = magnitudes or UniformMagnitudes()
        magnitudes.prepare(n_ids, generator_of(seed, "magnitudes"))
        law = FiringLaw(dependence or Independent(), hierarchy, magnitudes, clusters, seed)
        together = [np.stack(of_stream)] if aligned else [own[None] for own in of_stream]
        samplers, frequencies = zip(*(law.at(own, mean_active) for own in together), strict=True)
        spaces = [_Space(d_in, bias_norm, rotate, seed, stream) for stream in range(len(names))]
        tables = {name: space.turn(rows) for name, space in zip(names, spaces, strict=True)}
        super().__init__(
            tables,
            list(samplers),
            {name: space.bias for name, space in zip(names, spaces, strict=True)},
            noise_std,
            samples_per_epoch,
            validation_samples,
            batch_size,
            seed,
            num_workers,
            normalize,
        )
        self.aligned, self.same_space = aligned, not rotate or len(names) == 1
        self.true_features = {
            name: TrueFeatures(
                tables[name][own],
                own,
                None if clusters.max() < 0 else torch.from_numpy(clusters)[own],
                None if hierarchy is None else torch.from_numpy(hierarchy.forest(rates).parents)[own],
                torch.from_numpy(frequency)[own],
            )
            for name, own, rates, frequency in zip(
                names, ids, of_stream, np.concatenate(frequencies), strict=True
            )
        }


def _check_streams(
    names: list[str], d_in: int, n_features: int, shared_fraction: float, bias_norm: float, seed: int
) -> None:
    check_counts(d_in=d_in, n_features=n_features)
    check_not_negative(bias_norm=bias_norm, seed=seed)
    if not 0 <= shared_fraction <= 1:
        raise ValueError(f"shared_fraction must lie in [0, 1], got {shared_fraction}")
    check_stream_names(names)


def _deal_ids(n_streams: int, n_features: int, shared_fraction: float, unit: int, seed: int) -> list[Tensor]:
    """Feature ids by stream: ascending from 0 in the first stream; later streams have a share of these.

    Args:
        n_streams: Number of streams.
        n_features: Number of features of each stream.
        shared_fraction: Share of the first stream's features that each later stream has.
        unit: Size of groups of consecutive ids that are shared together.
        seed: Seed of the choice of shared features and of each later stream's order.

    Raises:
        ValueError: The share is less than one unit, or ``n_features`` is no multiple of ``unit``.
    """
    n_units = n_features // unit
    if n_units * unit < n_features:
        raise ValueError(f"n_features={n_features} is no multiple of {unit}, as the directions need")
    n_shared = round(shared_fraction * n_units)
    if shared_fraction > 0 and n_streams > 1 and not n_shared:
        raise ValueError(f"shared_fraction={shared_fraction} of {n_features} features shares none")
    ids, n_own = [torch.arange(n_features)], n_features - n_shared * unit
    for stream in range(1, n_streams):
        rng = generator_of(seed, "ids", stream)
        units = rng.permutation(n_units)[:n_shared]
        kept = (units[:, None] * unit + np.arange(unit)).ravel()
        own = n_features + (stream - 1) * n_own + np.arange(n_own)
        ids.append(torch.from_numpy(rng.permutation(np.concatenate([kept, own]))))
    return ids


def _deal_rates(
    falling: Float[np.ndarray, " n_features"], ids: Tensor, n_ids: int, seed: int, stream: int
) -> Float[np.ndarray, " n_ids"]:
    """Rates by global id, 0 for features that the stream lacks; in falling order in the first stream only."""
    rates = np.zeros(n_ids)
    rates[ids] = generator_of(seed, "rates", stream).permutation(falling) if stream else falling
    return rates


class _Space:
    """Rotation and bias of a stream's space; None for no rotation or no bias."""

    def __init__(self, d_in: int, bias_norm: float, rotate: bool, seed: int, stream: int) -> None:
        rng = generator_of(seed, "space", stream if rotate else 0)
        self.rotation = self.bias = None
        if rotate:
            # With these signs the orthogonal matrix is uniformly distributed (Mezzadri, 2007).
            q, r = np.linalg.qr(rng.standard_normal((d_in, d_in)))
            self.rotation = torch.from_numpy((q * np.sign(np.diag(r))).astype(np.float32))
        if bias_norm:
            direction = torch.from_numpy(rng.standard_normal(d_in, np.float32))
            self.bias = bias_norm * torch.nn.functional.normalize(direction, dim=0)

    def turn(self, rows: Float[Tensor, "n d_in"]) -> Float[Tensor, "n d_in"]:
        """Directions in this space."""
        return rows if self.rotation is None else rows @ self.rotation
