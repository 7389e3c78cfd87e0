"""The claims about minima can fail, and the pictures show what they say."""

from dataclasses import replace

import numpy as np

from trainability.gallery import get
from trainability.gallery.figure_9_noise import Figure9, Noisy, noisy, weighted
from trainability.gallery.figure_9_noise import claims as noise_claims
from trainability.gallery.spurious_minima import claims, row


def failing(found):
    return [c.says for c in found if not c.holds]


def test_spurious_minima_hold_and_can_fail():
    good = row(8, 8, 120)
    assert failing(claims([good])) == []
    assert good.levels[0][:2] == (0.02151, 1)
    assert good.least_eigenvalue < 0.0214
    assert any("Share" in s for s in failing(claims([replace(good, spurious=100, minima=100)])))
    assert any("minimum (positive" in s for s in failing(claims([replace(good, minima=0)])))
    assert any("type II" in s for s in failing(claims([replace(good, levels=((0.03, 1, 15),))])))
    assert any("exact families" in s for s in failing(claims([replace(good, ladder_error=1e-6)])))


def test_two_students_more_find_the_teacher():
    assert row(10, 12, 40).spurious == 0


def test_the_ladder_can_fail():
    module = get("loss-ladder")
    result = module.run(smoke=True)
    assert result.holds
    data = result.data
    assert failing(module.claims(replace(data, ends=((10, 1, 5, 1e-5),))))
    assert failing(module.claims(replace(data, kinds=(("II", 6, "saddle", -0.1),))))
    assert [a.get_xlabel() for a in module.figure(result).axes] == ["flipped students, j", "students and teachers, k"]


def test_noise_and_signs():
    top = (noisy(2, 0.1, 16), Noisy(10, 1.0, 64, 0, 0))
    bottom = tuple(weighted(name, 4, until=300.0) for name in get("figure-9-noise").TOP_WEIGHTS)
    found = noise_claims(Figure9(top, bottom))
    assert [s for s in failing(found) if "K = 10" not in s] == []
    assert any("a third of the runs" in s for s in failing(found))
    stuck = tuple(replace(r, done=0, stuck=4) for r in bottom)
    assert any("NOT reproduced" in s for s in failing(noise_claims(Figure9(top, stuck))))
    assert any("other sign is small" in s for s in failing(noise_claims(Figure9(top, stuck))))
    assert all(np.isfinite(r.time) for r in bottom[:3])
