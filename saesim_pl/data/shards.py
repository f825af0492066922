"""Arrow files of activations: one row a context, readable by Hugging Face ``datasets`` and by memory map."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from saesim_pl.data.manifest import Manifest, Shard

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

TOKEN_IDS = "token_ids"


def shard_features(context_size: int, hooks: dict[str, int]) -> "Features":
    """Columns as SAELens's activation caches have them.

    Args:
        context_size: Tokens of a context.
        hooks: Width of each hook.
    """
    from datasets import Array2D, Features, Sequence, Value

    columns: dict[str, Any] = {hook: Array2D((context_size, d_in), "float32") for hook, d_in in hooks.items()}
    return Features(columns | {TOKEN_IDS: Sequence(Value("int32"), length=context_size)})


def write_shard(
    path: Path,
    token_ids: Int[np.ndarray, "contexts context_size"],
    activations: dict[str, Float[np.ndarray, "contexts context_size d_in"]],
) -> int:
    """Write one shard, whole or not at all, and return its size in bytes.

    All rows form one Arrow record batch, so that a reader gets one contiguous view a hook.

    Args:
        path: Its final name.
        token_ids: The tokens.
        activations: Activations by hook.
    """
    import pyarrow as pa

    widths = {hook: rows.shape[2] for hook, rows in activations.items()}
    schema = shard_features(token_ids.shape[1], widths).arrow_schema
    flat = pa.array(np.ascontiguousarray(token_ids, dtype=np.int32).reshape(-1))
    columns = [_nested(rows, schema.field(hook).type) for hook, rows in activations.items()]
    columns.append(pa.FixedSizeListArray.from_arrays(flat, token_ids.shape[1]))
    unfinished = path.with_name(path.name + ".tmp")
    with pa.OSFile(str(unfinished), "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(pa.record_batch(columns, schema=schema))
    os.replace(unfinished, path)
    return path.stat().st_size


def _nested(rows: np.ndarray, kind: "pa.DataType") -> "pa.Array":
    import pyarrow as pa

    contexts, context_size, d_in = rows.shape
    values = pa.array(np.ascontiguousarray(rows, dtype=np.float32).reshape(-1))
    for length, count in ((d_in, contexts * context_size), (context_size, contexts)):
        ends = pa.array(np.arange(count + 1, dtype=np.int32) * length)
        values = pa.ListArray.from_arrays(ends, values)
    return pa.ExtensionArray.from_storage(kind, values)


class ShardReader:
    """Memory-mapped rows of the shards that a manifest names; nothing is unpickled.

    Args:
        folder: Folder of the shards.
        manifest: Its manifest.
        hooks: Columns to map.

    Raises:
        FileNotFoundError: A shard is missing.
        ValueError: A shard lies outside the folder, or its size or its rows are not what the manifest says.
    """

    def __init__(self, folder: Path, manifest: Manifest, hooks: list[str]) -> None:
        self.folder, self.manifest, self.hooks = folder, manifest, hooks
        self.starts = np.cumsum([0] + [shard.n_contexts for shard in manifest.shards])
        self._map()

    def rows(
        self, hook: str, contexts: Int[np.ndarray, " rows"], positions: Int[np.ndarray, " rows"]
    ) -> Float[np.ndarray, "rows d_in"]:
        """Activations at ``positions`` of ``contexts``, counted over all shards; a copy.

        Args:
            hook: Column.
            contexts: Context of each row.
            positions: Position of each row in its context.
        """
        out = np.empty((len(contexts), self.manifest.hooks[hook]), dtype=np.float32)
        shards = np.searchsorted(self.starts, contexts, side="right") - 1
        order = np.argsort(shards, kind="stable")
        ends = np.searchsorted(shards[order], np.arange(len(self.starts)))
        for shard in np.unique(shards):
            here = order[ends[shard] : ends[shard + 1]]
            out[here] = self.views[shard][hook][contexts[here] - self.starts[shard], positions[here]]
        return out

    def _map(self) -> None:
        self.views = [self._view(shard) for shard in self.manifest.shards]

    def _view(self, shard: Shard) -> dict[str, np.ndarray]:
        import pyarrow as pa

        path = _inside(self.folder, shard)
        # A numpy map holds no file descriptor open, so that thousands of shards are no trouble.
        table = pa.ipc.open_stream(pa.py_buffer(np.memmap(path, mode="r"))).read_all()
        if table.num_rows != shard.n_contexts:
            raise ValueError(f"{path} holds {table.num_rows} contexts, the manifest says {shard.n_contexts}")
        shape = (shard.n_contexts, self.manifest.context_size)
        return {hook: _flat(table.column(hook)).reshape(*shape, -1) for hook in self.hooks}

    def __getstate__(self) -> dict[str, Any]:
        # A spawned worker maps the files itself; its pickle must not carry their contents.
        return {name: value for name, value in self.__dict__.items() if name != "views"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._map()


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
