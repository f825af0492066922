"""Rows of a comparison in files: CSV, JSON, Markdown and LaTeX, each whole or not there at all."""

import csv
import io
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from saesim_pl.comparison.row import FIELDS, ComparisonRow

SHOWN = (
    "pair",
    "subset",
    "pairing",
    "measure",
    "value",
    "null_mean",
    "z",
    "p_value",
    "p_adjusted",
    "n_pairs",
)
"""Columns of the tables that people read; the files for programs have all."""


def write_rows(
    rows: Sequence[ComparisonRow], stem: Path, formats: Sequence[str] = ("csv", "json")
) -> list[Path]:
    """Write rows to ``<stem>.<suffix>`` for each format; an old file stays until the new one is whole.

    Args:
        rows: The rows.
        stem: Path without suffix; its folder is made.
        formats: Of ``csv``, ``json``, ``md`` and ``tex``.

    Returns:
        The paths written.
    """
    makers = {"csv": as_csv, "json": as_json, "md": as_markdown, "tex": as_latex}
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = []
    for suffix in formats:
        path = stem.with_name(f"{stem.name}.{suffix}")
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            part.write_text(makers[suffix](rows), encoding="utf-8", newline="")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        paths.append(path)
    return paths


def read_rows(path: Path) -> list[ComparisonRow]:
    """Rows that :func:`write_rows` wrote as JSON.

    Raises:
        ValueError: The file holds something else.
    """
    try:
        return [ComparisonRow(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} holds no rows of a comparison: {error}") from None


def as_csv(rows: Sequence[ComparisonRow]) -> str:
    """All columns; unknown values are blank."""
    file = io.StringIO()
    writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(asdict, rows))
    return file.getvalue()


def as_json(rows: Sequence[ComparisonRow]) -> str:
    """All columns; unknown values are null."""
    return json.dumps([asdict(row) for row in rows], indent=1, allow_nan=False) + "\n"


def as_markdown(rows: Sequence[ComparisonRow]) -> str:
    """The columns that people read, as a Markdown table."""
    lines = ["| " + " | ".join(SHOWN) + " |", "|" + "---|" * len(SHOWN)]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def as_latex(rows: Sequence[ComparisonRow]) -> str:
    """The columns that people read, as a booktabs table whose caption names the nulls."""
    nulls = ", ".join(sorted({row.null for row in rows if row.null})) or "none"
    align = "l" * 4 + "r" * (len(SHOWN) - 4)
    head = " & ".join(_escaped(name.replace("_", " ")) for name in SHOWN)
    body = "\n".join(" & ".join(map(_escaped, _cells(row))) + r" \\" for row in rows)
    caption = (
        f"Scores beside their nulls ({_escaped(nulls)}); p adjusted after Benjamini and Hochberg (1995)."
    )
    return (
        f"\\begin{{table}}\n\\centering\n\\begin{{tabular}}{{{align}}}\n\\toprule\n{head} \\\\\n\\midrule\n"
        f"{body}\n\\bottomrule\n\\end{{tabular}}\n\\caption{{{caption}}}\n\\end{{table}}\n"
    )


def _cells(row: ComparisonRow) -> list[str]:
    return [as_text(getattr(row, name)) for name in SHOWN]


def as_text(value: float | int | str | None) -> str:
    """A number to four digits, a blank for an unknown one."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _escaped(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(special.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in text)
