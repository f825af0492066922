"""A part of the table that ``python -m tests.bad_inputs`` prints."""

from pathlib import Path

import pytest

from saesim_pl.cli import main
from tests.bad_input_rows import ROWS, Row, prepare
from tests.bad_inputs import EXCEPTIONS, Outcome, outcome_of


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    prepare(folder)
    return folder


@pytest.mark.parametrize("row", ROWS[::4], ids=lambda row: row.name.replace(" ", ""))
def test_a_bad_input_is_refused_in_one_line_and_leaves_nothing(row: Row, inputs: Path) -> None:
    outcome = outcome_of(row, inputs, main)
    assert outcome.verdict == "ok" or row.name in EXCEPTIONS, outcome.lines


def test_the_table_is_large_and_its_exceptions_are_few() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) >= 150
    assert len(EXCEPTIONS) <= 5


def test_a_verdict_sees_every_fault() -> None:
    assert Outcome(2, ["saesim fit: error: x"], [], []).verdict == "ok"
    bad = Outcome(1, ["a", "b"], ["runs"], ["key"]).verdict
    assert bad == "status 1; 2 lines; no prefix; leaves runs; does not say key"
