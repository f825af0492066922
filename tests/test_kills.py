import json
import signal
from pathlib import Path

from tests.kills import differing, kill_and_compare, run


def test_runs_killed_at_random_moments_end_with_the_same_bits(tmp_path: Path) -> None:
    found = dict(kill_and_compare(tmp_path, moments=2, seed=0))
    assert len(found) == 2
    assert {moment: told for moment, told in found.items() if told} == {}


def test_a_validation_that_comes_first_sees_what_the_last_step_set(tmp_path: Path) -> None:
    variant, killed = "validation within epochs", tmp_path / "killed"
    killed.mkdir()
    kill = {"class_path": "tests.processes.SignalAt", "init_args": {"step": 18, "during": "validation"}}
    (killed / "kill.json").write_text(json.dumps({"trainer": {"callbacks+": [kill]}}))
    assert run(tmp_path / "whole", variant, 0) == 0
    assert run(killed, variant, 0, f"--config={killed / 'kill.json'}") == -signal.SIGKILL
    assert run(killed, variant, 0, "--ckpt_path=last") == 0
    assert differing(tmp_path / "whole", killed) == []
