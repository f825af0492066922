"""The layout with callbacks at the top level, which a wheel would lose without a word."""

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


@pytest.mark.parametrize("package", ["functional", "saes", "metrics", "truth"])
def test_imports_point_one_way(package: str) -> None:
    allowed = {
        "functional": {"functional"},
        "metrics": {"functional", "metrics"},
        "saes": {"checks", "functional", "saes"},
        "truth": {"checks", "truth"},
    }[package]
    for file in (ROOT / "saesim_pl" / package).glob("*.py"):
        for line in file.read_text().splitlines():
            if line.startswith(("from saesim_pl.", "import saesim_pl.")):
                assert line.split()[1].split(".")[1] in allowed, f"{file.name}: {line}"


def test_checks_import_nothing() -> None:
    assert "import" not in (ROOT / "saesim_pl" / "checks.py").read_text()


def test_files_stay_small() -> None:
    sizes = {
        path: len(path.read_text().splitlines())
        for folder in ("saesim_pl", "callbacks")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert max(sizes.values()) <= 200, max(sizes, key=sizes.get)
