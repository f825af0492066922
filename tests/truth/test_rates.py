import numpy as np
import pytest

from saesim_pl.truth import ConstantRates, ExponentialRates, LinearRates, Rates, SharkeyRates, ZipfRates


@pytest.mark.parametrize(
    "law", [ConstantRates(), LinearRates(), ZipfRates(), ExponentialRates(), SharkeyRates()]
)
def test_rates_sum_up_to_the_mean_number_active_and_fall(law: Rates) -> None:
    rates = law.rates(200, 5.0)
    assert rates.sum() == pytest.approx(5.0)
    assert (np.diff(rates) <= 0).all()


def test_laws_by_hand() -> None:
    assert ConstantRates().rates(4, 2.0) == pytest.approx([0.5] * 4)
    assert LinearRates(3.0, 1.0).rates(3, 1.2) == pytest.approx([0.6, 0.4, 0.2])
    assert ZipfRates(1.0).rates(3, 1.1) == pytest.approx([0.6, 0.3, 0.2])
    assert ZipfRates(0.5).weights(4) == pytest.approx([1, 2**-0.5, 3**-0.5, 0.5])
    assert ZipfRates(1.0, highest=0.4, lowest=0.1).rates(2, None) == pytest.approx([0.4, 0.1])
    assert ZipfRates(0.5, highest=0.4, lowest=0.1).rates(1, None) == pytest.approx([0.4])
    assert ZipfRates(1).rates(2, 1.5) == pytest.approx([1.0, 0.5])
    assert ZipfRates(1.0, highest=0.7, lowest=0.1).rates(3, None) == pytest.approx([0.7, 0.25, 0.1])
    assert ExponentialRates(0.5).rates(3, 0.7) == pytest.approx([0.4, 0.2, 0.1])
    # Below c = 1 the mean of c U^a is c / (a + 1).
    assert SharkeyRates(1.0).rates(3, 11 / 12) == pytest.approx([0.5, 0.25, 1 / 6])


def test_sharkeys_means_are_those_of_the_law_where_it_is_cut_off() -> None:
    rates = SharkeyRates(0.5).rates(3, 2.5)
    u = (np.arange(1_000_000) + 0.5) / 1_000_000
    assert rates[0] == 1
    c = (1 - rates[2]) ** -1.0 / 2.0  # from 1 - c^{-1} / 2 at a = 1
    assert rates[1] == pytest.approx(np.minimum(1, c * u**0.5).mean(), abs=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ConstantRates().rates(4, 5.0),
            r"mean_active=5.0 of 4 features: .* got 1.25 to 1.25",
        ),
        (lambda: LinearRates(1.0, 0.0), "last must be positive, got 0.0"),
        (lambda: LinearRates(-1.0, -0.5), "first must be positive, got -1.0"),
        (lambda: LinearRates(0.5, 1.5), "rates must not rise, got first=0.5 and last=1.5"),
        (lambda: SharkeyRates().rates(512, 500.0), "mean_active=500.0 of 512 features is more than the law"),
        (lambda: LinearRates().rates(4, None), r"firing rates must lie in \(0, 1\], got 0.5 to 1.5"),
        (lambda: ZipfRates(float("nan")), "exponent must be positive, got nan"),
        (lambda: SharkeyRates().rates(4, 4.5), "mean_active=4.5 of 4 features"),
        (lambda: ZipfRates(0.0), "exponent must be positive, got 0.0"),
        (lambda: ZipfRates(highest=0.5), "give both or neither of highest and lowest, got 0.5 and None"),
        (lambda: ExponentialRates(1.5), r"decay must lie in \(0, 1\], got 1.5"),
        (lambda: SharkeyRates(-1.0), "decay must be positive, got -1.0"),
    ],
)
def test_no_probabilities_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
