"""False positives, small and with fixed seeds; the whole table is a benchmark."""

from collections import Counter

import pytest

from saesim_pl.comparison import RotationNull
from tests.benchmarks.calibration import family_repeat, one_repeat


def hits(kind: str, n_repeats: int, null=None) -> dict[tuple[str, str], float]:
    counted: Counter = Counter()
    for seed in range(n_repeats):
        counted += Counter({key: int(bool(hit)) for key, hit in one_repeat(kind, null, seed).items()})
    return {key: counted[key] / n_repeats for key in one_repeat(kind, null, 0)}


# Of 40 repeats at .05, more than 7 come out in one of 400 tables; one table has some 30 cells.
@pytest.mark.parametrize("kind", ["common covariance", "own axes"])
def test_unrelated_sides_seldom_come_out_under_the_default_nulls(kind: str) -> None:
    found = hits(kind, 40)
    assert max(found.values()) <= 0.2, found
    assert 0.02 <= sum(found.values()) / len(found) <= 0.09


def test_ties_in_paired_rows_do_not_come_out() -> None:
    for kind in ("sparse latents", "one-hot"):
        found = {key: share for key, share in hits(kind, 40).items() if key[0] == "unpaired"}
        assert max(found.values()) <= 0.2, found


def test_token_streams_do_not_come_out() -> None:
    found = hits("token streams", 30)
    assert max(found.values()) <= 0.2, found


def test_a_rotation_calls_a_shared_covariance_related() -> None:
    found = hits("common covariance", 6, RotationNull(19))
    assert found["hungarian", "linear_cka"] == found["hungarian", "matched_cosine_similarity"] == 1


def test_the_best_of_many_layers_is_judged_by_its_family() -> None:
    found = [family_repeat(seed, n_layers=5) for seed in range(12)]
    assert sum(one["best of 144", "p"] for one in found) >= 6
    assert sum(one["best of 144", "p_family"] for one in found) <= 3
