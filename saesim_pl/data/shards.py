"""Writes Arrow files of activations: one row for each context, readable by ``datasets`` and memory map."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from saesim_pl.data.manifest import checksum_of

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
) -> tuple[int, str]:
    """Write one shard, whole or not at all, and return its size in bytes and its checksum.

    All rows form one Arrow record batch, so that a reader gets one contiguous view for each hook.

    Args:
        path: Final path of the shard.
        token_ids: Token ids.
        activations: Activations by hook.

    Raises:
        OSError: There is no room; nothing is left of the shard.
    """
    import pyarrow as pa

    widths = {hook: rows.shape[2] for hook, rows in activations.items()}
    schema = shard_features(token_ids.shape[1], widths).arrow_schema
    flat = pa.array(np.ascontiguousarray(token_ids, dtype=np.int32).reshape(-1))
    columns = [_nested(rows, schema.field(hook).type) for hook, rows in activations.items()]
    columns.append(pa.FixedSizeListArray.from_arrays(flat, token_ids.shape[1]))
    unfinished = path.with_name(path.name + ".tmp")
    try:
        with pa.OSFile(str(unfinished), "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
            stream.write_batch(pa.record_batch(columns, schema=schema))
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise OSError(
            error.errno, f"{os.strerror(error.errno or 0)} while writing a shard", str(path)
        ) from error
    told = unfinished.stat().st_size, checksum_of(unfinished)
    os.replace(unfinished, path)
    return told


def _nested(rows: np.ndarray, kind: "pa.DataType") -> "pa.Array":
    import pyarrow as pa

    contexts, context_size, d_in = rows.shape
    values = pa.array(np.ascontiguousarray(rows, dtype=np.float32).reshape(-1))
    for length, count in ((d_in, contexts * context_size), (context_size, contexts)):
        ends = pa.array(np.arange(count + 1, dtype=np.int32) * length)
        values = pa.ListArray.from_arrays(ends, values)
    return pa.ExtensionArray.from_storage(kind, values)
