"""The summary that a terminal shows."""

import sys
from collections.abc import Sequence
from typing import IO

from saesim_pl.comparison.files import as_text
from saesim_pl.comparison.row import ComparisonRow


def print_rows(rows: Sequence[ComparisonRow], title: str, file: IO[str] | None = None) -> None:
    """Print one block a pair: by measure and subset the score, its chance, and z.

    Everything else (p-values, intervals, counts, notes) is in the files.

    Args:
        rows: The rows.
        title: Heading.
        file: Where to; the standard output if left out.
    """
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    console = Console(file=file)
    console.print(title, highlight=False)
    for pair, block in _blocks(rows).items():
        subsets = list(dict.fromkeys(row.subset for row in block))
        table = Table(title=pair, title_justify="left")
        table.add_column("measure", no_wrap=True)
        for subset in subsets:
            for name in (subset, "chance", "z"):
                table.add_column(name, justify="right", no_wrap=True)
        for label, by_subset in _lines(block, pair).items():
            cells = [cell for subset in subsets for cell in _cells(by_subset.get(subset))]
            table.add_row(label, *cells)
        # A log file says that it is 80 columns wide; cut-off names and numbers would help nobody.
        needed = Measurement.get(console, console.options.update(width=sys.maxsize), table).maximum
        Console(width=max(console.width, needed), file=file).print(table)


def _blocks(rows: Sequence[ComparisonRow]) -> dict[str, list[ComparisonRow]]:
    """Rows by pair; both directions of a pair are one block, under the name of the first."""
    names: dict[frozenset[str], str] = {}
    blocks: dict[str, list[ComparisonRow]] = {}
    for row in rows:
        name = names.setdefault(frozenset(row.pair.split("~")), row.pair)
        blocks.setdefault(name, []).append(row)
    return blocks


def _lines(block: Sequence[ComparisonRow], pair: str) -> dict[str, dict[str, ComparisonRow]]:
    """Rows of a block by the label in its first column, then by subset."""
    several = len({row.pairing for row in block if row.pairing}) > 1
    lines: dict[str, dict[str, ComparisonRow]] = {}
    for row in block:
        pairing = f" ({row.pairing})" if several and row.pairing else ""
        direction = "" if row.pair == pair else f" {row.pair}"
        lines.setdefault(f"{row.measure}{pairing}{direction}", {})[row.subset] = row
    return lines


def _cells(row: ComparisonRow | None) -> tuple[str, str, str]:
    if row is None:
        return "", "", ""
    z = "" if row.z is None else f"{row.z:.1f}"
    return as_text(row.value) or "-", as_text(row.null_mean), z
