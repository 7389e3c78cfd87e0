import pytest
from scipy.stats import binomtest

from trainability.theory.wilson import interval


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95, 0.999])
@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 12), (3, 12), (12, 12), (499, 1000)])
def test_equals_scipy(k, n, confidence):
    expected = binomtest(k, n).proportion_ci(confidence, method="wilson")
    assert interval(k, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_golden_number():
    # scipy 1.17: binomtest(8, 10).proportion_ci(0.95, method="wilson")
    assert interval(8, 10) == pytest.approx((0.49016247153664183, 0.9433178485456247), abs=1e-12)


def test_no_tries_say_nothing():
    assert interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("arguments", [(-1, 3), (4, 3), (0, -1), (1, 2, 0.0), (1, 2, 1.0)])
def test_bad_counts_are_refused(arguments):
    with pytest.raises(ValueError, match="need"):
        interval(*arguments)
