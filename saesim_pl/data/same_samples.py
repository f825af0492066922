"""Whether validation rows of several data modules describe the same samples."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from saesim_pl.data.batches import ActivationDataModule, Batch
from saesim_pl.data.cached import CachedActivations
from saesim_pl.data.manifest import Manifest
from saesim_pl.data.shards import TOKEN_IDS


def raw_batches(data: ActivationDataModule, size: int | None = None) -> Iterator[Batch]:
    """Validation batches of raw rows.

    Args:
        data: The data.
        size: Rows of a batch, for reading two caches in parallel; only caches allow it. By default the
            batches of ``data``.
    """
    if size is None:
        for index in range(data.n_batches("validate")):
            yield data.rows("validate", 0, index, data.share("validate", index, 0, 1))
        return
    for start in range(0, n_rows := data.n_samples("validate"), size):
        yield data.rows("validate", 0, 0, slice(start, min(n_rows, start + size)))


def check_same_samples(a: ActivationDataModule, b: ActivationDataModule) -> None:
    """Refuse two data modules whose validation rows describe different samples.

    Two caches have the same samples if they hold the same tokens and validate on the same ones.

    Raises:
        ValueError: The samples differ; the message says how.
    """
    if not (isinstance(a, CachedActivations) and isinstance(b, CachedActivations)):
        raise ValueError(
            f"{type(a).__name__} and {type(b).__name__} are other data: give activations that both are to "
            "be compared on"
        )
    folders = f"{a.reader.folder} and {b.reader.folder}"
    for name, of_a, of_b in (
        ("contexts", a.manifest.n_contexts, b.manifest.n_contexts),
        ("tokens a context", a.manifest.context_size, b.manifest.context_size),
        ("skipped positions", a.skip_positions, b.skip_positions),
    ):
        if of_a != of_b:
            raise ValueError(f"{folders} have {of_a} and {of_b} {name}: not the same samples")
    if not np.array_equal(a.validation_contexts, b.validation_contexts):
        raise ValueError(f"{folders} hold different contexts out: not the same samples")
    if _tokens(a.reader.folder, a.manifest) != _tokens(b.reader.folder, b.manifest):
        raise ValueError(f"{folders} are caches of different tokens")


def _tokens(folder: Path, manifest: Manifest) -> str:
    """Hash of all token ids in the order of the contexts; it does not depend on the shards' sizes."""
    import pyarrow as pa

    digest = hashlib.sha256()
    for shard in manifest.shards:
        table = pa.ipc.open_stream(pa.py_buffer(np.memmap(folder / shard.file, mode="r"))).read_all()
        for chunk in table.column(TOKEN_IDS).chunks:
            digest.update(np.ascontiguousarray(chunk.flatten().to_numpy(), dtype=np.int64).tobytes())
    return digest.hexdigest()
