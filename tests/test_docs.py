"""The documentation does what it shows."""

import re
import sys
from pathlib import Path

import pytest
import torch

from saesim_pl.cli import main

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page."""
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), flags=re.S)


@pytest.fixture
def own_metric(tmp_path, monkeypatch) -> str:
    """The shown metric, in a file of the current folder."""
    source = blocks("extend.md", "python")[0]
    assert len(source.strip().splitlines()) <= 15
    tmp_path.joinpath("mean_dot.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    yield source
    sys.modules.pop("mean_dot", None)


def test_the_shown_metric_runs_from_yaml(own_metric: str, tmp_path, capsys) -> None:
    shown = blocks("extend.md", "yaml")[0]
    assert len(shown.splitlines()) == 4  # the first opens the trainer that every file has
    own = tmp_path / "own_metric.yaml"
    own.write_text(shown)
    files = ["configs/experiments/synthetic_pair.yaml", "tests/data/tiny_pair.yaml", str(own)]
    run = ["--trainer.fast_dev_run=true", "--trainer.accelerator=cpu", "--trainer.devices=1"]
    main(["fit", *(f"--config={file}" for file in files), *run])
    assert "mean_dot (own)" in capsys.readouterr().out


def test_the_shown_metric_runs_from_python(own_metric: str) -> None:
    names: dict = {"torch": torch}
    exec(own_metric, names)  # the page itself
    exec(blocks("extend.md", "python")[1], names)
    [row] = names["rows"]
    assert (row.measure, row.null) == ("mean_dot", "ReflectionNull(19)")
