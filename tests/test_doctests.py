"""The examples in docstrings give what they say, and every public measure and metric has one."""

import doctest
import importlib
from pathlib import Path
from types import ModuleType

import pytest

import saesim_pl
from saesim_pl import functional, metrics

ROOT = Path(saesim_pl.__file__).parent
WITH_EXAMPLES = sorted(path for path in ROOT.rglob("*.py") if ">>> " in path.read_text())


def module_at(path: Path) -> ModuleType:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return importlib.import_module(".".join(parts).removesuffix(".__init__"))


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_give_what_they_say(path: Path) -> None:
    found = doctest.testmod(module_at(path))
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("room", [functional, metrics], ids=["functional", "metrics"])
def test_every_public_function_and_metric_has_an_example(room: ModuleType) -> None:
    public = {name: getattr(room, name) for name in room.__all__}
    wanted = {name for name in public if room is metrics or name.islower()} - {"bootstrap_interval"}
    assert {name for name in wanted if ">>> " not in (public[name].__doc__ or "")} == set()
