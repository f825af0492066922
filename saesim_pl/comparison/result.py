"""The rows of a comparison, as Python and notebooks hold them."""

import html
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from saesim_pl.comparison.files import SHOWN, as_text, write_rows
from saesim_pl.comparison.row import ComparisonRow
from saesim_pl.comparison.table import print_rows


class Comparison(list[ComparisonRow]):
    """Rows; a notebook shows them as a table.

    Args:
        rows: The rows.
        notes: Measures and pairings that were left out for some pairs, and why.

    Example:
        >>> rows = Comparison([ComparisonRow(None, "a~b", "all", "hungarian", "svcca", 0.5)])
        >>> rows.value("svcca")
        0.5
    """

    def __init__(self, rows: Iterable[ComparisonRow] = (), notes: Sequence[str] = ()) -> None:
        super().__init__(rows)
        self.notes = list(notes)

    def value(self, measure: str, pair: str | None = None, subset: str = "all") -> float | None:
        """The only score of a measure.

        Args:
            measure: Name of the measure.
            pair: Such as ``a~b``; not needed where there is one.
            subset: The subset.

        Raises:
            ValueError: There is no such row, or several.
        """
        found = [
            row
            for row in self
            if row.measure == measure and row.subset == subset and pair in (None, row.pair)
        ]
        if len(found) != 1:
            raise ValueError(f"{len(found)} rows of {measure}, pair {pair}, subset {subset}")
        return found[0].value

    def to_csv(self, path: str | Path) -> None:
        """Write all columns as CSV."""
        self._write(path, "csv")

    def to_json(self, path: str | Path) -> None:
        """Write all columns as JSON."""
        self._write(path, "json")

    def to_markdown(self, path: str | Path) -> None:
        """Write the columns that people read as a Markdown table."""
        self._write(path, "md")

    def to_latex(self, path: str | Path) -> None:
        """Write the columns that people read as a LaTeX table (package booktabs)."""
        self._write(path, "tex")

    def _write(self, path: str | Path, form: str) -> None:
        path = Path(path)
        if path.suffix != f".{form}":
            raise ValueError(f"{path} must end in .{form}")
        write_rows(self, path.with_suffix(""), [form])

    def __str__(self) -> str:
        file = io.StringIO()
        print_rows(self, "", file)
        return file.getvalue()

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in SHOWN)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(as_text(getattr(row, n)))}</td>" for n in SHOWN) + "</tr>"
            for row in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
