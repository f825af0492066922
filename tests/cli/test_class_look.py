"""Nothing but subclasses of the expected class is made, and nothing is imported to find out."""

import sys
from pathlib import Path

import pytest
from lightning.pytorch import Callback

from saesim_pl import saes
from saesim_pl.cli import main
from saesim_pl.cli.class_look import find_class, known_classes
from saesim_pl.cli.messages import UsageError
from saesim_pl.saes import SparseAutoencoder

BASE = ["--config=configs/experiments/synthetic_pair.yaml", "--config=tests/data/tiny_pair.yaml"]
TOUCH = "open('CALLED', 'w').close()\n"

# Sources of a module of the user's, each with whether ``OwnSAE`` in it is an SAE.
SOURCES = {
    "a_class": ("from saesim_pl.saes import TopKSAE\nclass OwnSAE(TopKSAE): pass\n", True),
    "by_module": ("import saesim_pl.saes\nclass OwnSAE(saesim_pl.saes.TopKSAE): pass\n", True),
    "under_another_name": ("import saesim_pl.saes as s\nclass OwnSAE(s.TopKSAE): pass\n", True),
    "in_two_steps": ("from saesim_pl.saes import TopKSAE\nclass B(TopKSAE): pass\nclass OwnSAE(B): pass\n",
                     True),
    "imported": ("from saesim_pl.saes import TopKSAE as OwnSAE\n", True),
    "by_a_star": ("from saesim_pl.saes import *\nclass OwnSAE(TopKSAE): pass\n", True),
    "in_a_try": ("try:\n    from saesim_pl.saes import TopKSAE\nexcept ImportError:\n    raise\n"
                 "class OwnSAE(TopKSAE): pass\n", True),
    "a_function": ("from saesim_pl.saes import TopKSAE\ndef OwnSAE(d): return TopKSAE(d, 8, 2)\n", False),
    "an_instance": ("from saesim_pl.saes import TopKSAE\nOwnSAE = TopKSAE(4, 8, 2)\n", False),
    "no_base": ("class OwnSAE: pass\n", False),
    "another_base": ("from torch.nn import Linear\nclass OwnSAE(Linear): pass\n", False),
    "absent": ("x = 1\n", False),
    "no_python": ("class class\n", False),
    "its_own_base": ("class OwnSAE(OwnSAE): pass\n", False),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", SOURCES)
def test_a_module_is_imported_only_for_a_class_that_its_source_shows(name: str, folder: Path) -> None:
    source, is_sae = SOURCES[name]
    module = f"own_{name}"
    (folder / f"{module}.py").write_text(TOUCH + source)
    if is_sae:
        assert issubclass(find_class(f"{module}.OwnSAE", (SparseAutoencoder,)), SparseAutoencoder)
    else:
        with pytest.raises(UsageError, match="is no subclass of SparseAutoencoder"):
            find_class(f"{module}.OwnSAE", (SparseAutoencoder,))
    assert (folder / "CALLED").exists() == is_sae
    assert (module in sys.modules) == is_sae
    sys.modules.pop(module, None)


def test_packages_and_relative_imports_are_followed_without_importing(folder: Path) -> None:
    package = folder / "own_package"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import OwnSAE, make\n" + TOUCH)
    (package / "inner.py").write_text(
        "from saesim_pl.saes import TopKSAE\nclass OwnSAE(TopKSAE): pass\ndef make(): pass\n"
    )
    for name in (
        "own_package.make",
        "own_package.inner.make",
        "own_package.inner",
        "own_package.none.OwnSAE",
    ):
        with pytest.raises(UsageError):
            find_class(name, (SparseAutoencoder,))
    assert not (folder / "CALLED").exists()
    assert find_class("own_package.OwnSAE", (SparseAutoencoder,)).__name__ == "OwnSAE"


@pytest.mark.parametrize(
    "name",
    ["os.system", "subprocess.Popen", "builtins.eval", "antigravity.x", "saesim_pl.saes.SparseAutoencoder",
     "saesim_pl.truth.LinearRates", "a b.C", "..", "x.", "torch.nn.Linear", "saesim_pl.cli.main"],
)  # fmt: skip
def test_nothing_else_is_an_sae(name: str) -> None:
    with pytest.raises(UsageError):
        find_class(name, (SparseAutoencoder,))
    assert "antigravity" not in sys.modules


CALL = "{class_path: os.system, init_args: {command: touch CALLED}}"
OPEN = "{class_path: subprocess.Popen, init_args: {args: [touch, CALLED]}}"
PLACES = {
    "sae": "model: {init_args: {saes: {a: %s}}}",
    "argument of an SAE": "model: {init_args: {saes: {a: {init_args: {d_sae: %s}}}}}",
    "extra of an SAE": "model: {init_args: {saes: {a: {dict_kwargs: {x: %s}}}}}",
    "defaults": "model: {init_args: {defaults: %s}}",
    "model": "model: %s",
    "seeds": "model: {init_args: {seeds: {a: %s}}}",
    "data": "data: %s",
    "directions": "data: {init_args: {directions: %s}}",
    "rates": "data: {init_args: {rates: %s}}",
    "magnitudes": "data: {init_args: {magnitudes: %s}}",
    "dependence": "data: {init_args: {dependence: %s}}",
    "correlation": "data: {init_args: {dependence: {class_path: GaussianCopula, correlation: %s}}}",
    "hierarchy": "data: {init_args: {hierarchy: %s}}",
    "callback": "trainer: {callbacks+: [%s]}",
    "argument of a callback": "trainer: {callbacks+: [{class_path: AuxK, init_args: {k_aux: %s}}]}",
    "metric": "trainer: {callbacks+: [{class_path: CompareDictionaries, init_args: {metrics: {x: %s}}}]}",
    "null": "trainer: {callbacks+: [{class_path: CompareDictionaries, init_args: {null: %s}}]}",
    "pairing": "trainer: {callbacks+: [{class_path: CompareToTruth, init_args: {pairings: {x: %s}}}]}",
    "lambda callback": "trainer: {callbacks+: [{class_path: LambdaCallback, init_args: {setup: %s}}]}",
    "logger": "trainer: {logger: %s}",
    "strategy": "trainer: {strategy: %s}",
    "plugins": "trainer: {plugins: [%s]}",
    "profiler": "trainer: {profiler: %s}",
    "accelerator": "trainer: {accelerator: %s}",
    "number": "trainer: {max_epochs: %s}",
    "time": "trainer: {max_time: %s}",
    "top": "seed_everything: %s",
}


@pytest.mark.parametrize("spec", [CALL, OPEN, "os.getcwd", "tests.cli.test_class_look.touched"], ids=str)
@pytest.mark.parametrize("place", PLACES)
def test_no_place_of_a_configuration_runs_a_function(place: str, spec: str, tmp_path: Path, capsys) -> None:
    called = Path("CALLED")
    called.unlink(missing_ok=True)
    (tmp_path / "bad.yaml").write_text(PLACES[place] % spec + "\n")
    with pytest.raises(SystemExit) as stop:
        main(["fit", *BASE, f"--config={tmp_path}/bad.yaml", f"--trainer.logger.save_dir={tmp_path}/runs"])
    assert stop.value.code == 2
    assert not called.exists()
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def touched(*_: object, **__: object) -> SparseAutoencoder:
    """A function that says that it returns an SAE."""
    Path("CALLED").touch()
    return saes.TopKSAE(4, 8, 2)


def test_short_names_are_those_of_our_rooms_and_lightnings() -> None:
    known = known_classes((SparseAutoencoder,))
    assert set(known) == {name for name in saes.__all__ if name.endswith("SAE")}
    assert find_class("TopKSAE", (SparseAutoencoder,)) is saes.TopKSAE
    assert find_class("EarlyStopping", (Callback,)).__module__.startswith("lightning")
    with pytest.raises(UsageError, match="did you mean 'TopKSAE'"):
        find_class("TopKSea", (SparseAutoencoder,))
