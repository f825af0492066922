"""Latents of several feature sets over common samples."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.sources import SAELatents

if TYPE_CHECKING:
    from saesim_pl.data.batches import ActivationDataModule

Batches = Iterable[Mapping[str, Tensor]]
_CACHE = "saesim_pl.data.CachedActivations"
_TOGETHER = 1024
"""Rows of a batch where several caches are read side by side."""


@dataclass(frozen=True)
class Samples:
    """Common samples of some feature sets.

    Attributes:
        groups: Raw batches, and the feature sets whose latents they give; row i of all is one sample.
        document: Consecutive rows that belong together, such as the tokens of a context; None if unknown.
        n_rows: How many samples there are; None if unknown.
    """

    groups: Sequence[tuple[Batches, Sequence[FeatureSet]]]
    document: int | None
    n_rows: int | None = None

    def latents(self) -> Iterator[dict[str, Tensor]]:
        """By feature set, the latents of each batch.

        Raises:
            ValueError: A batch lacks a stream, or its width is another.
        """
        for batches in zip(*(batches for batches, _ in self.groups), strict=True):
            found = {}
            for batch, (_, members) in zip(batches, self.groups, strict=True):
                for features in members:
                    found[features.name] = _latents(features, batch)
            yield found


def samples_of(
    features: Sequence[FeatureSet], activations: "str | Path | ActivationDataModule | Batches | None" = None
) -> Samples:
    """The samples on which feature sets are compared.

    Args:
        features: Sets that say how latents are computed.
        activations: The folder of a cache or of a run, a data module, or batches of raw activations
            ``{stream: (batch, d_in)}``. By default the data that each SAE's run was validated on.

    Raises:
        FileNotFoundError: A cache or the data of a run are not there any more.
        ValueError: A set has no latents, or the sets have no common samples.
    """
    for one in features:
        if one.latents is None:
            raise ValueError(f"{one.name} ({one.source or 'a matrix'}) has no latents over samples")
    if activations is not None and not isinstance(activations, str | Path) and not _is_data(activations):
        batches: Any = activations
        return Samples([(batches, features)], None)
    opened: dict[str, tuple[ActivationDataModule, list[FeatureSet]]] = {}
    for one in features:
        key, data = _data_of(one, activations, {key: data for key, (data, _) in opened.items()})
        opened.setdefault(key, (data, []))[1].append(one)
    return _joined(opened)


def _joined(opened: "dict[str, tuple[ActivationDataModule, list[FeatureSet]]]") -> Samples:
    from saesim_pl.data.same_samples import check_same_samples, raw_batches

    for data, members in opened.values():
        _check_streams(data, members)
    (first, members), *rest = opened.values()
    for other, others in rest:
        try:
            check_same_samples(first, other)
        except ValueError as error:
            raise ValueError(f"{members[0].name} and {others[0].name}: {error}") from None
    size = _TOGETHER if rest else None
    groups = [(_Again(raw_batches, data, size), members) for data, members in opened.values()]
    return Samples(groups, first.document_rows, first.n_samples("validate"))


class _Again:
    """Batches that begin again with each loop over them."""

    def __init__(self, make: Any, *arguments: Any) -> None:
        self.make, self.arguments = make, arguments

    def __iter__(self) -> Iterator[Mapping[str, Tensor]]:
        return self.make(*self.arguments)


def _is_data(activations: Any) -> bool:
    from saesim_pl.data.batches import ActivationDataModule

    return isinstance(activations, ActivationDataModule)


def _data_of(
    features: FeatureSet, activations: Any, opened: "Mapping[str, ActivationDataModule]"
) -> "tuple[str, ActivationDataModule]":
    """The data that give a set's latents, and a key that is equal for equal data."""
    from saesim_pl.data.manifest import FILE_NAME
    from saesim_pl.data.reopen import config_of_data, made_data

    if _is_data(activations):
        return "data module", activations
    run = getattr(features.latents, "run", None)
    own = config_of_data(run) if run else None
    if activations is None:
        if own is None:
            raise ValueError(f"nothing says which data {features.name} read: give activations")
        block, path = own, Path(str(run))
    elif (Path(activations) / FILE_NAME).is_file():
        block, path = _on_cache(own, str(activations)), Path(activations)
    else:
        path = Path(activations)
        if not path.is_dir():
            raise FileNotFoundError(f"activations: {path} is no folder of a cache or a run")
        found = config_of_data(path)
        if found is None:
            raise FileNotFoundError(f"activations: {path} is no cache and no run with a config.yaml")
        block = found
    key = repr(block)
    return key, opened[key] if key in opened else made_data(block, path)


def _on_cache(own: Mapping[str, Any] | None, folder: str) -> dict[str, Any]:
    """Data of an SAE on another cache: hooks and choice of tokens as its own data have them."""
    of_cache = own is not None and str(own["class_path"]).endswith("CachedActivations")
    arguments = dict(own.get("init_args") or {}) if of_cache and own is not None else {}
    kept = {name: arguments[name] for name in ("hooks", "skip_positions") if name in arguments}
    return {"class_path": _CACHE, "init_args": {**kept, "folder": folder, "normalize": "none"}}


def _check_streams(data: "ActivationDataModule", members: Sequence[FeatureSet]) -> None:
    for one in members:
        latents = one.latents
        if not isinstance(latents, SAELatents) or (latents.stream is None and len(data.streams) == 1):
            continue
        if data.streams.get(latents.stream or "") != latents.sae.d_in:
            have = ", ".join(f"{stream} ({width})" for stream, width in data.streams.items())
            raise ValueError(
                f"{one.name} reads stream {latents.stream!r} of width {latents.sae.d_in}; the activations "
                f"have {have}"
            )
    for a, b in combinations(members, 2):
        streams = {getattr(one.latents, "stream", None) for one in (a, b)}
        if len(streams) > 1 and not data.aligned:
            raise ValueError(
                f"{a.name} and {b.name} read streams whose rows are different samples: no correlation"
            )


def _latents(features: FeatureSet, batch: Mapping[str, Tensor]) -> Tensor:
    try:
        return features.latents(batch)  # type: ignore[misc] # samples_of refused sets without latents
    except KeyError as error:
        raise ValueError(f"{features.name} reads stream {error}; a batch has {', '.join(batch)}") from None
    except RuntimeError as error:
        raise ValueError(
            f"{features.name} cannot read the activations: {str(error).splitlines()[0]}"
        ) from None
