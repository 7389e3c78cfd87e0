"""The maps' golden numbers, and that their claims can fail."""

from dataclasses import replace

import numpy as np
import pytest

from trainability.gallery import basins as entry
from trainability.theory.basins import cluster
from trainability.theory.critical_points import recognise


@pytest.fixture(scope="module")
def data():
    return entry.run(smoke=True).data


def failing(data):
    return [c.says for c in entry.claims(data) if not c.holds]


def test_golden_numbers(data):
    # By an independent program: type A at K = 6, type II at k = 7, the saddle's closed form.
    (a, b) = data.symmetric.ends[1].W[0, :2]
    assert (a, b) == pytest.approx((-0.66339737, 0.33070978), abs=1e-8)
    assert data.symmetric.ends[1].spectrum[0] == pytest.approx(0.00150, abs=1e-5)
    two = next(p for p in data.plane.ends if p.name == "type II")
    assert two.loss == pytest.approx(0.02320271, abs=1e-8)
    assert two.spectrum[0] == pytest.approx(0.014059, abs=1e-6)
    assert failing(data) == []


def test_up_to_the_order_of_units_the_teacher_is_one_point(data):
    made = data.plane.made
    _, points = cluster(made.points, np.arange(len(made.points)), tolerance=1e-3)
    names = [recognise(p, np.eye(7), 1e-3).name for p in points]
    assert names.count("global minimum") == 1
    # Copies of type II differ in the teacher that their flipped unit opposes, too.
    assert len(points) < len(made.points)
    assert set(names[1:]) == {"type II"}


def test_every_claim_about_the_symmetric_plane_can_fail(data):
    plane = data.symmetric
    swapped = replace(plane, made=replace(plane.made, labels=1 - plane.made.labels))
    assert any("x > y reaches" in s for s in failing(replace(data, symmetric=swapped)))
    moved = replace(plane, line=replace(plane.line, points=plane.line.points + np.array([1e-3, 0.0])))
    assert any("separatrix is x = y" in s for s in failing(replace(data, symmetric=moved)))
    passed = (replace(plane.passed[0], point=plane.passed[0].point + 0.01), plane.passed[1])
    assert any("slowest at" in s for s in failing(replace(data, symmetric=replace(plane, passed=passed))))
    turned = replace(plane.passed[0], saddle=replace(plane.passed[0].saddle, index=1))
    bad = replace(plane, passed=(turned, plane.passed[1]))
    assert any("index 1 in the plane only" in s for s in failing(replace(data, symmetric=bad)))
    saddle = replace(plane, ends=(plane.ends[0], replace(plane.ends[1], kind="saddle")))
    assert any("Both ends" in s for s in failing(replace(data, symmetric=saddle)))
    assert any("two variables" in s for s in failing(replace(data, symmetric=replace(plane, agreed=399))))
    assert any("ten times nearer" in s for s in failing(replace(data, decade=1.1 * data.decade)))


def test_every_claim_about_the_plane_of_minima_can_fail(data):
    plane = data.plane
    lost = plane.made.labels.copy()
    lost[0, 0] = -1
    assert any(
        "every run ends" in s
        for s in failing(replace(data, plane=replace(plane, made=replace(plane.made, labels=lost))))
    )
    other = np.where(plane.drawn == 2, 0, plane.drawn)
    found = failing(replace(data, plane=replace(plane, drawn=other)))
    assert any("Up to the order" in s for s in found)
    assert any("every single order" in s for s in found)
    wrong = tuple(replace(p, saddle=replace(p.saddle, index=2)) for p in plane.passed)
    assert any("kept on a boundary" in s for s in failing(replace(data, plane=replace(plane, passed=wrong))))
    assert any("Gradient flow" in s for s in failing(replace(data, plane=replace(plane, agreed=plane.checked - 1))))


def test_every_claim_about_boundaries_can_fail(data):
    edge = data.zoom
    rough = replace(edge, exponent=replace(edge.exponent, exponent=0.8))
    assert any("uncertainty exponent 1" in s for s in failing(replace(data, zoom=rough)))
    assert any("uncertain share" in s for s in failing(replace(data, zoom=replace(edge, share=1.2 * edge.share))))
    high = replace(edge, entropy=replace(edge.entropy, boundary=0.7))
    assert any("basin entropy" in s for s in failing(replace(data, zoom=high)))
    plane = data.plane
    line = replace(plane.edge.exponent, uncertain=0.01 * plane.edge.exponent.distance)
    tampered = replace(plane, edge=replace(plane.edge, exponent=line))
    assert any("taper" in s for s in failing(replace(data, plane=tampered)))


def test_every_claim_about_one_relu_can_fail(data):
    one = data.one
    assert any("every start off" in s for s in failing(replace(data, one=replace(one, arrived=one.arrived - 1))))
    assert any("on the ray end" in s for s in failing(replace(data, one=replace(one, ray=one.ray + 1))))
    assert any("angle delta" in s for s in failing(replace(data, one=replace(one, times=one.times + 1))))
    assert any("polar" in s for s in failing(replace(data, one=replace(one, sample=one.sample * np.array([1.1, 1.0])))))


def test_the_picture_has_its_words(data):
    picture = entry.figure(entry.Reproduction(entry.claims(data), data))
    named = [a for a in picture.axes if a.get_xlabel() and a.get_ylabel()]
    assert len(named) == 3
    words = [t.get_text() for a in named for t in a.get_legend().get_texts()]
    assert any("type A" in w for w in words)
    assert any("saddle of index 1, projected" in w for w in words)
