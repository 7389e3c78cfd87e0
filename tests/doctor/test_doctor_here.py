"""You are here: a place on the map that trains, named only after it was trained, and plain words where there is none."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import trainability as tr
from trainability.doctor.finding import Finding
from trainability.doctor.here import Here, locate, second_axis
from trainability.doctor.report import html, json, terminal
from trainability.lab.phase import OUTCOMES


def linear(lr=10.0, scale=1.0, **options):
    """y = x1 on the rows of the unit matrix: Hessian 2 x 4 / 8 = 1 in each direction, so that the stable lr is 2."""
    net, points = nn.Linear(2, 1, bias=False), torch.eye(2).repeat(4, 1) * scale
    sgd = torch.optim.SGD(net.parameters(), lr=lr, **options)
    return tr.Setup(net, nn.MSELoss(), sgd, (points, points[:, :1] / scale), batch_size=None, epochs=60)


def found(cause):
    return (Finding(cause, "somewhere", {"n": 1.0}, "Said 1."),)


FEW = 0.12  # seconds that a run is said to take: a coarse grid of 4 seeds fits, and little more


@pytest.fixture(scope="module")
def mapped():
    return locate(linear(), (), stable_lr=2.0, run_seconds=FEW, workers=1)


def test_the_nearest_safe_place_trains_and_lies_below_the_stable_lr(mapped):
    setup, here = linear(), mapped
    assert isinstance(here, Here)
    assert here.at == (10.0, 1.0)
    assert here.share.successes == 0
    lr, scale = here.nearest
    assert lr < 2.0
    assert here.nearest_share.successes == here.nearest_share.n == 4
    assert here.nearest_share.low > 0.5
    changed = setup.seeded(5)
    changed.optimizer.param_groups[0]["lr"] = lr
    with torch.no_grad():
        changed.model.weight.mul_(scale)
    assert changed.train(order=5).outcome == "trained"
    assert [m.kind for m in here.diagram.marks] == ["here", "target"]
    assert "lr 10" in here.says
    assert any("stable lr" in line.label for line in here.diagram.lines)


def test_the_present_point_is_a_cell_of_the_map():
    here = locate(linear(0.3), (), run_seconds=FEW, workers=1)
    assert 0.3 in here.diagram.cells.x
    assert 1.0 in here.diagram.cells.y
    assert here.share.successes == here.share.n
    assert here.nearest_share.successes == here.nearest_share.n


def test_a_far_stable_lr_is_on_the_map():
    here = locate(linear(1e4), (), stable_lr=2.0, run_seconds=FEW, workers=1)
    assert here.diagram.cells.x[0] < 2.0
    assert here.nearest is not None
    assert here.nearest[0] < 2.0


def test_what_is_named_was_trained_there(mapped):
    at = [np.array([v]) for v in mapped.nearest]
    assert OUTCOMES[mapped.diagram.evaluate(*at, np.array([0]))[0]] == "trained"


@pytest.mark.parametrize(
    ("cause", "options", "name"),
    [
        ("unscaled-inputs", {}, "input_scale"),
        ("batch-too-small-for-lr", {}, "batch_size"),
        ("regulariser-dominates", {"weight_decay": 0.1}, "weight_decay"),
        ("regulariser-dominates", {}, "scale"),
        ("lr-too-high", {}, "scale"),
    ],
)
def test_the_second_axis_is_what_the_finding_is_about(cause, options, name):
    setup = linear(**options)
    assert second_axis(setup, found(cause)) == name
    here = locate(setup, found(cause), stable_lr=2.0, steps=5, run_seconds=0.07, max_seconds=2.0, workers=1)
    assert here.diagram.y.name == name
    assert here.at[1] in here.diagram.cells.y


def test_smaller_inputs_make_a_large_lr_stable():
    """Inputs a hundred times as large make the stable lr 1e-4 of what it was; scaled back, lr 0.3 trains."""
    here = locate(linear(0.3, scale=100.0), found("unscaled-inputs"), run_seconds=FEW, workers=1)
    assert here.share.successes == 0
    cells = here.diagram.cells
    column = int(np.flatnonzero(cells.x == 0.3)[0])
    succeeds = here.diagram.share[:, column] == 1
    assert succeeds[np.abs(cells.y - 0.01).argmin()]
    assert not succeeds[cells.y >= 1].any()


def test_why_there_is_no_map():
    assert "one run takes 60 s" in locate(linear(), (), run_seconds=60.0)
    one = linear()
    del one.optimizer.param_groups[0]["lr"]
    assert "SGD has no learning rate" in locate(one, ())
    net = nn.BatchNorm1d(2)
    data = (torch.randn(8, 2), torch.randn(8, 2))
    bare = tr.Setup(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=0.1), data)
    assert "no weights with two dimensions" in locate(bare, ())


def test_lr_zero_lies_left_of_the_map():
    here = locate(linear(0.0), (), stable_lr=2.0, run_seconds=FEW, workers=1)
    assert "left of the map" in here.says
    assert all(mark.kind != "here" for mark in here.diagram.marks)


def test_nowhere():
    """Targets that no linear map without a bias can fit to the target loss."""
    net, x = nn.Linear(1, 1, bias=False), torch.ones(8, 1)
    setup = tr.Setup(
        net, nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=0.1), (x, torch.tensor([[1.0], [-1.0]] * 4)), epochs=5
    )
    here = locate(setup, (), run_seconds=FEW, workers=1)
    assert here.nearest is None
    assert "not on this map" in here.says


def test_it_is_part_of_every_report(tmp_path):
    d = tr.diagnose(linear(), seeds=2, workers=1, steps=20, max_seconds=12.0, map=True)
    assert isinstance(d.here, Here)
    assert d.here.says in terminal.text(d, width=2000)
    assert "You are here" in html.page(d)
    told = json.as_dict(d)["here"]
    assert told["axes"] == ["lr", "scale"]
    assert told["at"] == [10.0, 1.0]
    plain = replace(d, here=None)
    assert json.as_dict(plain)["here"] is None
    assert "You are here" not in html.page(plain)


def test_a_defect_has_no_map():
    d = tr.diagnose(linear_with_nan(), seeds=1, workers=1, map=True)
    assert "No map" in d.here
    assert d.here in terminal.text(d, width=2000)


def linear_with_nan():
    setup = linear()
    x, y = setup.data
    x = x.clone()
    x[0, 0] = math.nan
    return setup.replaced(data=(x, y))
