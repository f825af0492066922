"""Latents as Arrow tables."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

if TYPE_CHECKING:
    import pyarrow as pa


def latent_schema() -> "pa.Schema":
    """Columns of a table of latents."""
    import pyarrow as pa

    columns = {"row": pa.int64(), "indices": pa.list_(pa.int32()), "values": pa.list_(pa.float32())}
    return pa.schema(list(columns.items()))


def latent_batch(latents: Float[Tensor, "n d_sae"], first: int) -> "pa.RecordBatch":
    """The latents that fire, a line a row.

    Args:
        latents: At least 0.
        first: Number of the first row.
    """
    import pyarrow as pa

    row, index = latents.nonzero(as_tuple=True)
    values = latents[row, index].float().cpu().numpy()
    counts = torch.bincount(row, minlength=len(latents))
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)]).int().cpu().numpy()
    lists = [
        pa.ListArray.from_arrays(pa.array(offsets), pa.array(entries))
        for entries in (index.int().cpu().numpy(), values)
    ]
    rows = torch.arange(first, first + len(latents)).numpy()
    return pa.record_batch([pa.array(rows), *lists], schema=latent_schema())


class LatentStatistics:
    """How often and how strongly each latent fires, over batches and processes.

    Args:
        d_sae: Number of latents.
        device: Where they are computed.
    """

    def __init__(self, d_sae: int, device: torch.device) -> None:
        # In float64, in which millions of rows sum up without loss; not every accelerator has it.
        exact = torch.float32 if device.type == "mps" else torch.float64
        self.n_rows = 0
        self.fired = torch.zeros(d_sae, dtype=torch.int64, device=device)
        self.total = torch.zeros(d_sae, dtype=exact, device=device)
        self.max = torch.zeros(d_sae, dtype=torch.float32, device=device)

    def update(self, latents: Float[Tensor, "n d_sae"]) -> None:
        """Add a batch."""
        self.n_rows += len(latents)
        self.fired += (latents > 0).sum(0)
        self.total += latents.sum(0, dtype=self.total.dtype)
        self.max = self.max.maximum(latents.amax(0).float())

    def reduce(self, world_size: int) -> None:
        """Add up the statistics of all processes."""
        if world_size == 1:
            return
        from torch.distributed import ReduceOp, all_reduce

        n_rows = torch.tensor(self.n_rows, device=self.fired.device)
        for tensor in (n_rows, self.fired, self.total):
            all_reduce(tensor)
        all_reduce(self.max, ReduceOp.MAX)
        self.n_rows = int(n_rows)

    def write(self, path: Path) -> None:
        """Write a line a latent."""
        import pyarrow as pa

        total, fired = self.total.double().cpu(), self.fired.double().cpu()
        columns = {
            "frequency": fired / self.n_rows,
            "mean": total / self.n_rows,
            "mean_firing": total / fired,
            "max": self.max.cpu(),
        }
        table = pa.table({name: values.numpy() for name, values in columns.items()})
        with pa.ipc.new_stream(str(path), table.schema) as stream:
            stream.write_table(table)
