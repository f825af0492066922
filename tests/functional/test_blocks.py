"""Blocks of rows that suit the device."""

import pytest
import torch

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET, row_blocks

ROW = 131_072 * 4
META = torch.device("meta")


def sizes(**kwargs) -> list[int]:
    return [block.stop - block.start for block in row_blocks(1000, ROW, **kwargs)]


def test_blocks_cover_the_rows_and_fit() -> None:
    blocks = list(row_blocks(1000, ROW))
    assert [block.start for block in blocks[1:]] == [block.stop for block in blocks[:-1]]
    assert (blocks[0].start, blocks[-1].stop) == (0, 1000)
    assert max(sizes()) * ROW <= 2**25


def test_an_accelerator_reads_the_other_side_less_often() -> None:
    assert max(sizes(device=META)) == MEMORY_BUDGET // ROW == 8 * max(sizes(device=torch.device("cpu")))
    assert max(sizes(device=META, memory_budget=2**26)) == 2**26 // ROW
    assert max(sizes(device=META, largest=3 * ROW)) == 3


def test_a_row_is_a_block_at_least() -> None:
    assert sizes(memory_budget=1) == [1] * 1000
    with pytest.raises(ValueError, match="memory_budget must be positive, got 0"):
        sizes(memory_budget=0)
