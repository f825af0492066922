import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch
from torchmetrics import Metric

from saesim_pl.comparison import FeatureSet, GaussianNull, Measure, ReflectionNull
from saesim_pl.comparison.progress import Progress, left
from saesim_pl.comparison.store import Store, fingerprint
from saesim_pl.metrics import SVCCA, JaccardSimilarity


def rows(seed: int, n: int = 20) -> torch.Tensor:
    return torch.randn(n, 8, generator=torch.Generator().manual_seed(seed))


def matrices(folder: Path) -> list[str]:
    for i in range(2):
        torch.save(rows(i, 60), folder / f"m{i}.pt")
    return [f"a={folder}/m0.pt:rows", f"b={folder}/m1.pt:rows"]


def run(things: list[str], folder: Path, kill_after: int | None) -> None:
    """Compares; kills its process when so many parts are kept."""
    import saesim_pl

    torch.set_num_threads(1)
    put, done = Store.put, []

    def counted(self: Store, key: str, values: torch.Tensor) -> None:
        put(self, key, values)
        done.append(key)
        if len(done) == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)

    Store.put = counted
    saesim_pl.compare(*things, one_space=True, n_draws=150, folder=folder)
    (folder / "computed.json").write_text(json.dumps(done))


def in_a_process(things: list[str], folder: Path, kill_after: int | None = None) -> int | None:
    process = multiprocessing.get_context("spawn").Process(target=run, args=(things, folder, kill_after))
    process.start()
    process.join()
    return process.exitcode


def test_a_killed_comparison_goes_on_and_ends_with_the_same_rows(tmp_path: Path) -> None:
    things = matrices(tmp_path)
    assert in_a_process(things, tmp_path / "whole") == 0
    assert in_a_process(things, tmp_path / "killed", kill_after=4) == -signal.SIGKILL
    assert not (tmp_path / "killed" / "comparison.csv").exists()
    assert in_a_process(things, tmp_path / "killed") == 0
    tables = [(tmp_path / name / "comparison.csv").read_bytes() for name in ("whole", "killed")]
    assert tables[0] == tables[1]
    whole, rest = (json.loads((tmp_path / n / "computed.json").read_text()) for n in ("whole", "killed"))
    assert len(rest) == len(whole) - 4
    assert not list((tmp_path / "killed").rglob("*.part"))


def test_what_was_kept_is_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.get("x") is None
    store.put("x", rows(0).double())
    assert torch.equal(store.get("x"), rows(0).double())


@pytest.mark.parametrize("place", [0, 4, 40, -1])
def test_a_damaged_entry_is_as_good_as_none(tmp_path: Path, place: int) -> None:
    store = Store(tmp_path)
    store.put("x", rows(0))
    path = tmp_path / "x.safetensors"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert store.get("x") is None
    path.write_bytes(content[: len(content) // 2])
    assert store.get("x") is None
    store.put("x", rows(0))
    assert store.get("x") is not None


class Own(Metric):
    """A metric of a user's."""

    higher_is_better = True

    def __init__(self, power: float = 1.0) -> None:
        super().__init__()
        self.power = power

    def update(self, a: torch.Tensor, b: torch.Tensor) -> None: ...

    def compute(self) -> torch.Tensor:
        return torch.tensor(0.0)


def test_a_fingerprint_is_that_of_the_content() -> None:
    a = FeatureSet("a", rows(0), "s")
    things = [
        a,
        FeatureSet("a", rows(1)),
        FeatureSet("a", rows(0).double()),
        FeatureSet("a", rows(0).reshape(40, 4)),
        FeatureSet("a", rows(0), encoder=rows(0)),
        FeatureSet("a", rows(0), groups={"x": torch.arange(20) < 3}),
        FeatureSet("a", rows(0), groups={"x": torch.arange(20) < 4}),
        Measure("m", SVCCA()),
        Measure("m", SVCCA(variance_share=0.5)),
        Measure("m", JaccardSimilarity(k=3)),
        Measure("m", Own()),
        Measure("m", Own(2.0)),
        ReflectionNull(9),
        ReflectionNull(9, seed=1),
        GaussianNull(9),
        GaussianNull(9, like="shape"),
        range(3),
        range(4),
        [1, [2]],
        [1, 2],
        [[1], 2],
        "1",
        1,
        True,
    ]
    names = [fingerprint(thing) for thing in things]
    assert len(set(names)) == len(things)
    assert names == [fingerprint(thing) for thing in things]
    assert fingerprint(FeatureSet("other", rows(0), "t", source="x")) == fingerprint(a)
    assert fingerprint(Measure("other", SVCCA())) == fingerprint(Measure("m", SVCCA()))


def test_time_left_counts_only_work_that_took_time() -> None:
    seconds = iter([0.0, 3.0, 8.0])
    progress = Progress(100.0, clock=lambda: next(seconds))
    assert progress.seconds_left is None
    progress.skip(20.0)
    assert progress.seconds_left is None
    progress.advance(10.0)
    assert progress.seconds_left == pytest.approx(70 * 0.3)
    progress.advance(30.0)
    assert progress.seconds_left == pytest.approx(40 * 8 / 40)
    progress.skip(60.0)
    assert progress.seconds_left == 0.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (5.4, "5 s left"),
        (125, "2 min 5 s left"),
        (7260, "2 h 1 min left"),
        (59.7, "1 min 0 s left"),
    ],
)
def test_time_left_in_words(seconds: float | None, text: str) -> None:
    assert left(seconds) == text
