"""Files and options laid over each other."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from saesim_pl.cli import main
from saesim_pl.cli.messages import UsageError
from saesim_pl.cli.options import read_options
from saesim_pl.cli.request import read_request

PAIR = ("--config=configs/experiments/synthetic_pair.yaml",)
SEEDS = ("--config=configs/experiments/seeds.yaml",)


def asked(*words: str) -> dict[str, Any]:
    return read_request("fit", read_options(words)).values


def saes(*words: str) -> dict[str, Any]:
    return {name: sae["init_args"] for name, sae in asked(*words)["model"]["init_args"]["saes"].items()}


def test_a_later_file_changes_one_sae_and_keeps_the_others(tmp_path: Path) -> None:
    later = tmp_path / "later.yaml"
    later.write_text("model: {init_args: {saes: {a: {init_args: {l1_coefficient: 0.5}}}, seeds: {b: 7}}}\n")
    before, after = saes(*PAIR), saes(*PAIR, f"--config={later}")
    assert after == before | {"a": before["a"] | {"l1_coefficient": 0.5}}
    model = asked(*PAIR, f"--config={later}")["model"]["init_args"]
    assert model["seeds"] == asked(*PAIR)["model"]["init_args"]["seeds"] | {"b": 7}


def test_null_takes_an_sae_away() -> None:
    assert list(saes(*PAIR, "--model.saes.b=null", "--model.seeds={b: null}")) == ["a"]


def test_one_flag_speaks_of_all_saes() -> None:
    five = saes(*SEEDS, "--model.defaults.l1_coefficient", "0.25")
    assert [sae["l1_coefficient"] for sae in five.values()] == [0.25] * 5
    assert [sae["d_sae"] for sae in five.values()] == [512] * 5


def test_of_defaults_and_an_sae_the_later_wins() -> None:
    default, own = "--model.defaults.l1_coefficient=0.25", "--model.saes.s2.l1_coefficient=0.5"
    assert saes(*SEEDS, default, own)["s2"]["l1_coefficient"] == 0.5
    assert saes(*SEEDS, own, default)["s2"]["l1_coefficient"] == 0.25


def test_defaults_in_yaml_give_class_and_settings_to_saes_of_later_files(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(
        "model: {class_path: SAECohort, defaults: {class_path: TopKSAE, init_args: {d_sae: 8, k: 2}}}"
    )
    (tmp_path / "seeds.yaml").write_text("model: {init_args: {saes: {x: {}, y: {k: 3}, z: null}}}\n")
    words = ["--config=configs/data/uniform.yaml", f"--config={tmp_path}/recipe.yaml"]
    assert saes(*words, f"--config={tmp_path}/seeds.yaml") == {
        "x": {"d_sae": 8, "k": 2},
        "y": {"d_sae": 8, "k": 3},
        "z": {"d_sae": 8, "k": 2},
    }


def test_an_sae_goes_without_a_default_that_its_class_does_not_take() -> None:
    words = ["--config=configs/data/uniform.yaml", "--config=configs/saes/architectures.yaml"]
    mixed = saes(*words, "--model.defaults.k=7")
    assert {sae["k"] for sae in mixed.values() if "k" in sae} == {7}
    assert "k" not in mixed["standard"]
    with pytest.raises(UsageError, match="no SAE of the cohort takes 'kk'"):
        saes(*words, "--model.defaults.kk=7")


def test_another_class_keeps_the_settings_that_it_takes() -> None:
    assert saes(*PAIR, "--model.saes.a=TopKSAE", "--model.saes.a.k=3")["a"] == {"d_sae": 512, "k": 3}


def test_a_key_may_leave_out_init_args_in_files_too(tmp_path: Path) -> None:
    short = tmp_path / "short.yaml"
    short.write_text("model: {lr: 0.5, saes: {a: {l1_coefficient: 2}}}\n")
    typed = asked(*PAIR, "--model.lr=0.5", "--model.saes.a.l1_coefficient=2")
    assert asked(*PAIR, f"--config={short}") == typed
    assert typed == asked(
        *PAIR, "--model.init_args.lr=0.5", "--model.init_args.saes.a.init_args.l1_coefficient=2"
    )


def test_options_after_an_added_callback_speak_of_it() -> None:
    words = [*PAIR, "--trainer.callbacks+=AuxK", "--trainer.callbacks.k_aux=4"]
    *others, added = asked(*words)["trainer"]["callbacks"]
    assert added == {"class_path": "saesim_pl.callbacks.AuxK", "init_args": {"k_aux": 4}}
    assert others == asked(*PAIR)["trainer"]["callbacks"]


@pytest.mark.parametrize(
    ("typed", "value"),
    [("8", 8), ("1e-3", 0.001), ("0.5", 0.5), ("2.", 2.0), ("null", None), ("true", True), ("[1,2]", [1, 2])],
)
def test_values_are_what_their_type_makes_of_them(typed: str, value: Any) -> None:
    keys = {int: "data.seed", float: "model.lr", type(None): "data.directions", bool: "data.rotate"}
    if isinstance(value, list):
        return
    words = asked(*PAIR, f"--{keys[type(value)]}={typed}")
    section, name = keys[type(value)].split(".")
    assert words[section]["init_args"][name] == value


def test_a_text_that_looks_like_a_number_stays_a_text_where_one_is_wanted() -> None:
    logger = asked(*PAIR, "--trainer.logger.name=007")["trainer"]["logger"]
    assert logger["init_args"]["name"] == "007"


def test_what_is_printed_is_a_configuration(tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["fit", *SEEDS, "--model.defaults.l1_coefficient=0.25", "--print_config"])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    (tmp_path / "again.yaml").write_text(printed)
    assert yaml.safe_load(printed)["model"]["init_args"]["saes"]["s4"]["init_args"]["l1_coefficient"] == 0.25
    assert saes(f"--config={tmp_path}/again.yaml")["s4"]["l1_coefficient"] == 0.25
