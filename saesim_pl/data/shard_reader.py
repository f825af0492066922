"""Reads shards of activations by memory map, and checks each for damage before its first use."""

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Int

from saesim_pl.checks import PlainError
from saesim_pl.data.manifest import Manifest, Shard, checksum_of

if TYPE_CHECKING:
    import pyarrow as pa

MAX_MAPS = 2**14
"""Number of files mapped at once: a quarter of Linux's default limit for a process."""


class DamagedShardError(PlainError):
    """The contents of a shard are damaged; the message names the shard."""


class ShardReader:
    """Memory-mapped rows of the shards that a manifest names; nothing is unpickled.

    Each shard's checksum is checked before its first row is returned, once for all worker processes. Maps
    keep no file open, so that thousands of shards are possible.

    Args:
        folder: Folder of the shards.
        manifest: Its manifest.
        hooks: Columns to map.

    Raises:
        FileNotFoundError: A shard is missing.
        ValueError: A shard lies outside the folder, cannot be read, or differs from the manifest.
    """

    def __init__(self, folder: Path, manifest: Manifest, hooks: list[str]) -> None:
        self.folder, self.manifest, self.hooks = folder, manifest, hooks
        self.starts = np.cumsum([0] + [shard.n_contexts for shard in manifest.shards])
        self._whole = torch.zeros(len(manifest.shards), dtype=torch.bool).share_memory_()
        self._views: OrderedDict[int, dict[str, np.ndarray]] = OrderedDict()
        for number in range(len(manifest.shards)):
            self._view(number)

    def rows(
        self, hook: str, contexts: Int[np.ndarray, " rows"], positions: Int[np.ndarray, " rows"]
    ) -> Float[np.ndarray, "rows d_in"]:
        """Activations at ``positions`` of ``contexts``, counted over all shards; a copy.

        Args:
            hook: Column.
            contexts: Context of each row.
            positions: Position of each row in its context.

        Raises:
            DamagedShardError: The checksum of a shard differs from the manifest.
        """
        out = np.empty((len(contexts), self.manifest.hooks[hook]), dtype=np.float32)
        shards = np.searchsorted(self.starts, contexts, side="right") - 1
        order = np.argsort(shards, kind="stable")
        ends = np.searchsorted(shards[order], np.arange(len(self.starts)))
        for shard in np.unique(shards).tolist():
            if not self._whole[shard]:
                self._check(shard)
            here = order[ends[shard] : ends[shard + 1]]
            out[here] = self._view(shard)[hook][contexts[here] - self.starts[shard], positions[here]]
        return out

    def _check(self, number: int) -> None:
        shard = self.manifest.shards[number]
        path = self.folder / shard.file
        if shard.checksum and (seen := checksum_of(path)) != shard.checksum:
            raise DamagedShardError(f"{path} is damaged: its checksum is {seen}, it was {shard.checksum}")
        self._whole[number] = True

    def _view(self, number: int) -> dict[str, np.ndarray]:
        if number in self._views:
            self._views.move_to_end(number)
        else:
            self._views[number] = self._map(self.manifest.shards[number])
            if len(self._views) > MAX_MAPS:
                self._views.popitem(last=False)
        return self._views[number]

    def _map(self, shard: Shard) -> dict[str, np.ndarray]:
        import pyarrow as pa

        path = _inside(self.folder, shard)
        # Unlike numpy's and Python's, torch's map leaves no file descriptor open. It is private: no write
        # would reach the file.
        mapped = torch.from_file(str(path), shared=False, size=shard.n_bytes, dtype=torch.uint8).numpy()
        try:
            table = pa.ipc.open_stream(pa.py_buffer(mapped)).read_all()
            columns = {hook: _flat(table.column(hook)) for hook in self.hooks}
        except (pa.ArrowException, OSError, KeyError, ValueError, AttributeError) as error:
            raise DamagedShardError(f"{path} is no shard that can be read: {error}") from error
        if table.num_rows != shard.n_contexts:
            raise ValueError(f"{path} holds {table.num_rows} contexts, the manifest says {shard.n_contexts}")
        shape = shard.n_contexts, self.manifest.context_size
        for hook, values in columns.items():
            expected = (*shape, self.manifest.hooks[hook])
            if values.dtype != np.float32 or values.size != np.prod(expected):
                seen = f"{values.size} values of {values.dtype}"
                raise DamagedShardError(
                    f"{path}: {hook} holds {seen}, the manifest says {expected} of float32"
                )
        return {hook: values.reshape(*shape, -1) for hook, values in columns.items()}

    def __getstate__(self) -> dict[str, Any]:
        # A spawned worker maps the files itself; its pickle must not carry their contents.
        return self.__dict__ | {"_views": OrderedDict()}


def _inside(folder: Path, shard: Shard) -> Path:
    path = folder / shard.file
    if path.resolve().parent != folder.resolve():
        raise ValueError(f"shard {shard.file!r} lies outside {folder}")
    if not path.is_file():
        raise FileNotFoundError(f"shard {path} is missing")
    if path.stat().st_size != shard.n_bytes:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, the manifest says {shard.n_bytes}")
    return path


def _flat(column: "pa.ChunkedArray") -> np.ndarray:
    if column.num_chunks != 1:
        raise ValueError(f"a shard is one record batch, this one has {column.num_chunks}")
    array = column.chunk(0)
    # The column's extension type is known only where ``datasets`` has been imported.
    array = getattr(array, "storage", array)
    return array.flatten().flatten().to_numpy(zero_copy_only=True)
