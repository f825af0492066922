"""The layout with callbacks at the top level, which a wheel would lose without a word."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_every_package_in_the_tree_is_listed() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {".".join(init.parent.relative_to(ROOT).parts) for init in ROOT.glob("saesim_pl/**/__init__.py")}
    assert sorted(found | {"saesim_pl.callbacks"}) == sorted(setuptools["packages"])
    assert setuptools["package-dir"]["saesim_pl.callbacks"] == "callbacks"


def test_callbacks_import_under_one_name_only() -> None:
    code = "import saesim_pl.callbacks, callbacks"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "ImportError: import this folder as saesim_pl.callbacks, not as callbacks" in run.stderr


# What each room may import besides itself and SHARED. Rooms that are missing here may not exist.
ROOMS = {
    "functional": set(),
    "metrics": {"functional"},
    "comparison": {"data", "functional", "interop", "metrics", "saes", "truth"},
    "saes": set(),
    "truth": set(),
    "interop": {"saes", "truth"},
    "language_models": set(),
    "data": {"interop", "language_models", "truth"},
    "training": {"data", "functional", "interop", "metrics", "saes"},
    "callbacks": {
        "comparison",
        "data",
        "functional",
        "language_models",
        "metrics",
        "saes",
        "training",
        "truth",
    },
    "cli": {
        "callbacks",
        "comparison",
        "data",
        "functional",
        "interop",
        "language_models",
        "metrics",
        "saes",
        "training",
        "truth",
    },
}
SHARED = {"checks", "product"}


def imported(file: Path, room: str) -> set[str]:
    """Rooms that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            names |= {room} if node.level else {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("saesim_pl.")}


def test_rooms_are_those_of_the_design() -> None:
    folders = {path.name for path in (ROOT / "saesim_pl").iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders | {"callbacks"} == set(ROOMS)
    files = {path.stem for path in (ROOT / "saesim_pl").glob("*.py")}
    assert files == {"__init__"} | SHARED


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    folder = ROOT / "callbacks" if room == "callbacks" else ROOT / "saesim_pl" / room
    for file in folder.rglob("*.py"):
        assert imported(file, room) <= ROOMS[room] | SHARED | {room}, file


def test_what_every_room_may_import_imports_no_room() -> None:
    for name in SHARED:
        assert not imported(ROOT / "saesim_pl" / f"{name}.py", "none")


def test_files_stay_small() -> None:
    sizes = {
        path: len(path.read_text().splitlines())
        for folder in ("saesim_pl", "callbacks")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert max(sizes.values()) <= 200, max(sizes, key=sizes.get)
