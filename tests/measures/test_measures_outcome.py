from math import inf, nan, nextafter

import pytest

from trainability.measures.outcome import default_target, end_loss, outcome

L0, LC = 2.5, 2.0
DIVERGED, STALLED, TARGET = 25.0, 0.98 * LC, 1.0


def up(x):
    return nextafter(x, inf)


def down(x):
    return nextafter(x, -inf)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (up(DIVERGED), "diverged"),
        (DIVERGED, "stalled"),
        (STALLED, "stalled"),
        (down(STALLED), "learning"),
        (up(TARGET), "learning"),
        (TARGET, "trained"),
        (0.0, "trained"),
        (-1.0, "trained"),
        (nan, "diverged"),
        (inf, "diverged"),
        (-inf, "diverged"),
    ],
)
def test_every_boundary(end, expected):
    assert outcome([end], L0, LC) == expected


def test_the_larger_reference_decides_diverged_and_the_smaller_stalled():
    assert outcome([up(20.0)], 1.0, 2.0) == "diverged"
    assert outcome([0.98], 1.0, 2.0) == "stalled"
    assert outcome([down(0.98)], 1.0, 2.0) == "trained"


def test_only_the_last_tenth_counts():
    assert outcome([nan] * 9 + [0.1], L0, LC) == "trained"
    assert outcome([0.1] * 18 + [nan, 0.1], L0, LC) == "diverged"
    assert outcome([nan] * 18 + [0.1, 0.1], L0, LC) == "trained"
    assert outcome([1e308] * 20, L0, LC) == "diverged"


@pytest.mark.parametrize(("n", "last"), [(1, 1), (9, 1), (10, 1), (19, 1), (20, 2), (25, 2), (100, 10)])
def test_a_tenth_is_rounded_down_and_at_least_one(n, last):
    assert end_loss([0.0] * (n - last) + [1.0] * last) == 1.0
    assert end_loss([1.0] * (n - last) + [0.0] * last) == 0.0


def test_a_given_target_comes_after_stalled():
    assert outcome([1.5], L0, LC, target=1.5) == "trained"
    assert outcome([up(1.5)], L0, LC, target=1.5) == "learning"
    assert outcome([1.99], L0, LC, target=5.0) == "stalled"


def test_a_run_that_starts_trained_and_does_not_move_is_stalled():
    assert outcome([0.1] * 10, 0.1, 2.0) == "stalled"


@pytest.mark.parametrize("unusable", [nan, inf, 0.0])
def test_without_a_constant_answer_the_start_stands_in(unusable):
    assert default_target(2.0, unusable) == 1.0
    assert outcome([1.0], 2.0, unusable) == "trained"
    assert outcome([up(1.0)], 2.0, unusable) == "learning"
    assert outcome([1.96], 2.0, unusable) == "stalled"
    assert outcome([up(20.0)], 2.0, unusable) == "diverged"


def test_without_a_finite_start_the_constant_answer_stands_alone():
    assert outcome([1.0], inf, 2.0) == "trained"
    assert outcome([1.96], nan, 2.0) == "stalled"
    assert outcome([20.1], nan, 2.0) == "diverged"


def test_without_any_reference_only_a_target_can_judge():
    assert outcome([1.0], nan, nan) == "learning"
    assert outcome([1.0], nan, nan, target=1.0) == "trained"
    assert outcome([nan], nan, nan, target=1.0) == "diverged"


def test_losses_below_zero_keep_their_margins_and_need_a_target():
    assert default_target(-1.0, -2.0) == -inf
    assert outcome([-2.04], -1.0, -2.0) == "stalled"
    assert outcome([down(-2.04)], -1.0, -2.0) == "learning"
    assert outcome([-3.0], -1.0, -2.0, target=-3.0) == "trained"
    assert outcome([8.0], -1.0, -2.0) == "stalled"
    assert outcome([up(8.0)], -1.0, -2.0) == "diverged"


def test_no_losses_are_refused():
    with pytest.raises(ValueError, match="need"):
        outcome([], 1.0, 1.0)
