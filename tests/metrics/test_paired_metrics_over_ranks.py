"""Two processes, or one that saw nothing, equal one that saw all rows."""

import os
import warnings
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from tests.metrics.cases import CASES, paired_rows

# Rows of rank 0 of the 90; the rest are rank 1's.
SHARES = (33, 0, 90)


def _worker(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    # A rank without rows computes without having been updated.
    warnings.filterwarnings("ignore", message="The ``compute`` method of metric")
    values = []
    for share in SHARES:
        for cls, _, options in CASES:
            a, b = paired_rows()
            rows = slice(0, share) if rank == 0 else slice(share, None)
            metric = cls(**options)
            for some_a, some_b in zip(a[rows].split(20), b[rows].split(20), strict=True):
                if len(some_a):
                    metric.update(some_a + 100, some_b - 100)
            # Twice: computing must leave each rank's own states as they were.
            first = metric.compute()
            metric._computed = None
            values.append(torch.stack([first, metric.compute()]))
    torch.save(torch.stack(values), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> torch.Tensor:
    """Rank, share, metric, call."""
    folder = Path(os.fspath(tmp_path_factory.mktemp("ranks")))
    mp.spawn(_worker, args=(str(folder),), nprocs=2)
    ranks = [torch.load(folder / f"{rank}.pt") for rank in range(2)]
    return torch.stack(ranks).view(2, len(SHARES), len(CASES), 2)


@pytest.mark.parametrize("share", range(len(SHARES)), ids=[f"rank_0_has_{share}_rows" for share in SHARES])
@pytest.mark.parametrize(
    "case", range(len(CASES)), ids=[f"{cls.__name__}{options}" for cls, _, options in CASES]
)
def test_every_rank_computes_the_value_of_all_rows(values: torch.Tensor, share: int, case: int) -> None:
    _, function, options = CASES[case]
    a, b = paired_rows()
    expected = function(a + 100, b - 100, **options).item()
    assert values[:, share, case].flatten().tolist() == pytest.approx([expected] * 4, rel=1e-9, abs=1e-8)
