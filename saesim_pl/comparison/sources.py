"""Feature sets from words: a run and an SAE's name, its true features, or a matrix in a file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.groups import grouped_by_truth, true_feature_set
from saesim_pl.comparison.matrices import MATRIX, ORIENTATIONS, read_matrix
from saesim_pl.comparison.spaces import space_of
from saesim_pl.interop.load_sae import SavedSAEs, checkpoint_of, load_saes
from saesim_pl.saes import SparseAutoencoder
from saesim_pl.truth.true_features import TrueFeatures

_NAMED = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<spec>.+)")


@dataclass(frozen=True)
class SAELatents:
    """Latents of an SAE for raw activations, normalized as in its training.

    Attributes:
        sae: The SAE.
        stream: Stream that it reads; None for the only one there is.
        run: Folder of its run, where there is one.
        normalization: How its data normalized the stream; None if they did not.
    """

    sae: SparseAutoencoder
    stream: str | None = None
    run: Path | None = None
    normalization: Mapping[str, object] | None = None

    def __call__(self, batch: Mapping[str, Float[Tensor, "n d_in"]]) -> Float[Tensor, "n d_sae"]:
        """Latents of the stream's rows."""
        if self.stream is None and len(batch) > 1:
            raise ValueError(f"an SAE of no run reads the only stream; a batch has {', '.join(batch)}")
        rows = batch[next(iter(batch)) if self.stream is None else self.stream]
        if self.normalization is not None:
            from saesim_pl.data.normalization import Normalization

            rows = Normalization(**self.normalization).apply(rows)  # type: ignore[arg-type]
        with torch.no_grad():
            return self.sae.encode(rows)


def feature_sets(spec: str) -> list[FeatureSet]:
    """The feature sets that ``spec`` names.

    Args:
        spec: One of

            - ``runs/x:a``: SAE ``a`` of the run in the folder ``runs/x``, or of a checkpoint file;
              ``runs/x`` for all its SAEs;
            - ``runs/x:truth`` or ``runs/x:truth/STREAM``: the true features that a run saved;
            - ``weights.npy:rows``, ``model.safetensors:KEY:columns``, ``w.pt:KEY:rows``: a matrix whose rows
              or columns are features.

            ``name=`` in front gives the set another name.

    Raises:
        FileNotFoundError: There is no such file or run.
        ValueError: It names nothing, or the file holds something else.
    """
    named = _NAMED.fullmatch(spec)
    spec, name = (named["spec"], named["name"]) if named else (spec, None)
    found = _found(spec)
    if name is None:
        return found
    if len(found) > 1:
        raise ValueError(f"{name}={spec} names {len(found)} feature sets: {', '.join(f.name for f in found)}")
    return [replace(found[0], name=name)]


def _found(spec: str) -> list[FeatureSet]:
    matrix = MATRIX.fullmatch(spec)
    if matrix:
        key = matrix["rest"].strip(":").removesuffix(":rows").removesuffix(":columns")
        name = _as_name(Path(matrix["path"]).stem if key in ("", *ORIENTATIONS) else key)
        return [_made(spec, name=name, directions=read_matrix(spec), source=spec)]
    path, _, which = (spec, "", "") if Path(spec).exists() else spec.rpartition(":")
    if not path:
        raise FileNotFoundError(f"{spec}: there is no such run, checkpoint or matrix")
    if which == "truth" or which.startswith("truth/"):
        return _truth(_run_of(Path(path)), which.removeprefix("truth").removeprefix("/"))
    saved = load_saes(path)
    if which and which not in saved.saes:
        raise ValueError(f"{path} has no SAE {which!r}, only {', '.join(saved.saes)}")
    return [_of_sae(saved, name) for name in ([which] if which else saved.saes)]


def _of_sae(saved: SavedSAEs, name: str) -> FeatureSet:
    sae, stream, run = saved.saes[name], saved.reads[name], _run_of(saved.path)
    made = _made(
        f"{saved.path}:{name}",
        name=name,
        directions=sae.dictionary,
        space=space_of(run, stream, list(saved.streams)),
        encoder=sae.W_enc.detach().T.contiguous(),
        latents=SAELatents(sae, stream, run, saved.normalizations.get(stream)),
        source=f"{saved.path}:{name}",
    )
    truths = _truths(run)
    if stream not in truths or truths[stream].directions.shape[1] != sae.d_in:
        return made
    return grouped_by_truth(made, truths[stream], _shared(truths, stream))


def _truth(run: Path, stream: str) -> list[FeatureSet]:
    truths = _truths(run)
    if not truths:
        raise FileNotFoundError(f"{run} has no true features: there is no {run / 'true_features'}")
    if stream and stream not in truths:
        raise ValueError(f"{run} has no true features of stream {stream!r}, only of {', '.join(truths)}")
    made = []
    for each in [stream] if stream else truths:
        name = "truth" if len(truths) == 1 else _as_name(f"truth_{each}")
        features = true_feature_set(
            truths[each], _shared(truths, each), space_of(run, each, list(truths)), name
        )
        source = f"{run}:truth/{each}"
        made.append(replace(features, groups={**features.groups, **_clusters(truths[each])}, source=source))
    return made


def _truths(run: Path) -> dict[str, TrueFeatures]:
    return {path.stem: TrueFeatures.load(path) for path in sorted(run.glob("true_features/*.safetensors"))}


def _shared(truths: Mapping[str, TrueFeatures], stream: str) -> Tensor:
    return truths[stream].shared_with(*(other for name, other in truths.items() if name != stream))


def _clusters(truth: TrueFeatures) -> dict[str, Tensor]:
    if truth.clusters is None:
        return {}
    numbers = [number for number in truth.clusters.unique().tolist() if number >= 0]
    return {f"cluster_{number}": truth.clusters == number for number in numbers}


def _run_of(path: Path) -> Path:
    """The run's folder that a path is or lies in."""
    if path.is_dir():
        return path
    checkpoint = checkpoint_of(path)
    return checkpoint.parent.parent if checkpoint.parent.name == "checkpoints" else checkpoint.parent


def _made(spec: str, **fields: object) -> FeatureSet:
    try:
        return FeatureSet(**fields)  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(f"{spec}: {error}") from None


def _as_name(text: str) -> str:
    name = re.sub(r"\W+", "_", text).strip("_")
    return name if name[:1].isalpha() else f"m_{name}"
