"""From a Setup to a Preflight: what it says of clear setups, what it measures, and that it leaves no trace."""

import json
import math
import sys

import pytest
import torch
from torch import nn

import trainability as tr
from trainability import Setup, SetupError, TrainabilityError, preflight
from trainability.prognosis import terminal
from trainability.prognosis.first_step import MULTIPLES, first_step
from trainability.prognosis.measure import measure


def linear_setup(lr=0.1, n=64, loss=None, **options):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 3, generator=generator)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]])
    model = nn.Linear(3, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.1, 0.2, 0.3]]))
        model.bias.zero_()
    options = {"batch_size": None, "epochs": 100, **options}
    return Setup(model, loss or nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=lr), (x, y), **options)


def classifier(lr=0.1, width=32, epochs=20, ending=(), classes=3, optimizer=torch.optim.SGD):
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(0)
    centres = 3 * torch.randn(classes, 8, generator=generator)
    y = torch.arange(300) % classes
    x = centres[y] / 2 + torch.randn(300, 8, generator=generator)
    model = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, classes), *ending)
    return Setup(
        model, nn.CrossEntropyLoss(), optimizer(model.parameters(), lr=lr), (x, y), epochs=epochs, name="blobs"
    )


def test_the_first_step_is_that_of_a_quadratic():
    setup = linear_setup(lr=0.1)
    (x, y), w = setup.data, setup.model.weight.detach().double()
    ones = torch.cat([x.double(), torch.ones(len(x), 1, dtype=torch.float64)], 1)
    error = x.double() @ w.T - y.double()
    gradient = 2 * ones.T @ error / len(x)
    hessian = 2 * ones.T @ ones / len(x)
    found = first_step(setup.clone())
    slope, bend = float(gradient.square().sum()), float(gradient.T @ hessian @ gradient)
    assert found.loss == found.start_loss == pytest.approx(float(error.square().mean()), rel=1e-5)
    assert found.promised == pytest.approx(0.1 * slope, rel=1e-5)
    assert found.constant_loss == pytest.approx(float(y.var(correction=0)), rel=1e-4)
    assert found.target == pytest.approx(found.constant_loss / 2)
    for multiple, loss in found.ray[:12]:
        t = 0.1 * multiple
        assert loss == pytest.approx(found.loss - t * slope + t * t * bend / 2, rel=1e-4, abs=1e-5)
    best = slope / bend / 0.1
    assert found.best[0] == min(MULTIPLES, key=lambda m: abs(m - best))
    assert math.isnan(found.agreement), "one batch an epoch: nothing to compare with"
    curve = measure(setup).readings.curvature
    assert curve.stable_lr == pytest.approx(2 / float(torch.linalg.eigvalsh(hessian).max()), rel=0.05)


def test_it_leaves_no_trace():
    setup = classifier(optimizer=torch.optim.Adam, lr=1e-3)
    setup.train(steps=3)  # gives the optimizer a memory
    before = {k: v.clone() for k, v in setup.model.state_dict().items()}
    memory = {k: v["exp_avg"].clone() for k, v in setup.optimizer.state.items()}
    torch.manual_seed(5)
    state = torch.get_rng_state()
    preflight(setup, steps=2)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(v, before[k]) for k, v in setup.model.state_dict().items())
    assert all(torch.equal(setup.optimizer.state[k]["exp_avg"], v) for k, v in memory.items())
    assert not any(m._forward_hooks for m in setup.model.modules())


def test_the_same_setup_gets_the_same_answer():
    one, two = preflight(classifier(), steps=0.1), preflight(classifier(), steps=0.1)
    assert one.probability == two.probability
    assert one.steps == 20 * 10 // 10


@pytest.mark.parametrize("steps", [None, 0.1])
def test_clear_setups_get_clear_answers(steps):
    good = preflight(classifier(lr=0.1), steps=steps)
    slow = preflight(classifier(lr=1e-7), steps=steps)
    wild = preflight(classifier(lr=1e4), steps=steps)
    assert good.verdict != "will-not-train"
    assert good.findings == ()
    assert good.probability.value > 0.5
    assert slow.probability.value < 0.3
    assert wild.probability.value < 0.5
    if steps:
        assert good.verdict == "trains"
        assert slow.verdict == wild.verdict == "will-not-train"


def test_a_defect_is_certain():
    nothing = preflight(linear_setup(lr=0.0))
    assert nothing.verdict == "will-not-train"
    assert nothing.findings[0].cause == "lr-zero"
    assert (nothing.probability.value, nothing.probability.high) == (0.0, 0.0)
    broken = linear_setup()
    broken.data[0][3, 1] = float("nan")
    assert preflight(broken, steps=1).findings[0].cause == "non-finite-data"


def test_softmax_before_cross_entropy_is_seen_before_training():
    found = preflight(classifier(ending=(nn.Softmax(1),)))
    assert found.verdict != "trains"
    assert found.findings[0].cause == "softmax-before-cross-entropy"
    assert "ended" not in found.findings[0].says
    assert "loss at the end" not in found.findings[0].evidence


def test_a_loss_that_breaks_in_the_first_steps_is_said():
    found = preflight(linear_setup(lr=1e12, epochs=400), steps=40)
    assert found.verdict == "will-not-train"
    assert "not finite" in found.says
    assert found.findings[0].cause == "lr-too-high"


def test_a_setup_unlike_all_others_is_uncertain(monkeypatch):
    from trainability.prognosis import preflight as found_by
    from trainability.prognosis.model import Probability

    chance = Probability(0.97, 0.9, 0.99, outside=(("relative update", 3.0, -8.0, 1.0),))
    home = sys.modules[found_by.__module__]
    monkeypatch.setattr(home, "probability", lambda which, numbers: chance)
    found = preflight(classifier())
    assert found.verdict == "uncertain"
    assert "size of the first step over the size of the weights is 1000, met were 1e-8 to 10" in found.says


def test_a_users_own_step_is_taken():
    calls = []

    def step(model, batch, optimizer):
        calls.append(1)
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss

    found = preflight(linear_setup(step=step))
    assert found.step.promised > 0
    assert found.readings.loop is not None


def test_a_step_that_replaces_parameters_is_survived():
    def step(model, batch, optimizer):
        model.weight = nn.Parameter(torch.zeros(1, 3))
        return nn.functional.mse_loss(model(batch[0]), batch[1])

    found = preflight(linear_setup(step=step), steps=2)
    assert found.verdict == "will-not-train"
    assert found.findings


@pytest.mark.parametrize("steps", [0, -1, 11, 2.5, 0.5, 1e9])
def test_steps_out_of_range_are_refused(steps):
    with pytest.raises(SetupError, match="a tenth of the budget of 100 steps"):
        preflight(linear_setup(), steps=steps)


def test_bad_setups_are_refused_with_the_usual_words():
    with pytest.raises(SetupError, match="needed is a trainability"):
        preflight(nn.Linear(1, 1))


def test_the_record_goes_to_json(tmp_path):
    found = tr.preflight(classifier(lr=1e-7))
    read = json.loads(found.save(tmp_path / "a" / "check.json").read_text())
    assert read["verdict"] == found.verdict
    assert read["probability"]["value"] == found.probability.value
    assert [s["cause"] for s in read["suspects"]] == [s.cause for s in found.suspects]
    with pytest.raises(TrainabilityError, match=r"\.json"):
        found.save(tmp_path / "check.html")


@pytest.mark.parametrize("width", [50, 80, 120])
def test_the_terminal_shows_it_at_any_width(width):
    import io

    from rich.console import Console

    out = io.StringIO()
    setup = classifier(ending=(nn.Softmax(1),)).replaced(name="[red]name[/red] \x1b[31m")
    terminal.render(preflight(setup, steps=0.05), Console(file=out, width=width))
    text = out.getvalue()
    assert "[red]name" in text
    assert "\x1b" not in text
    assert "softmax-before-cross-entropy" in text
    assert max(map(len, text.splitlines())) <= width


def test_a_number_measured_in_another_mode_is_no_verdict(monkeypatch):
    def evaluating(model, batch, optimizer):
        model.eval()
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss

    base = classifier()
    model = nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
    found_by = sys.modules[preflight.__module__]
    monkeypatch.setattr(found_by, "probability", lambda which, numbers: tr.prognosis.Probability(0.97, 0.9, 0.99))
    plain = Setup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), base.data, epochs=20)
    assert preflight(plain).verdict == "trains"
    found = preflight(plain.replaced(step=evaluating))
    assert found.verdict == "uncertain"
    assert "eval mode" in found.says
    assert "computes its loss itself" in found.says, "a change of loss_fn would change nothing"


def test_a_warm_up_from_zero_is_no_rate_of_zero():
    net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(step / 20, 1.0))

    def step(model, batch, optimizer):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        schedule.step()
        return loss

    X = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    setup = Setup(net, nn.CrossEntropyLoss(), optimizer, (X, (X[:, 0] > 0).long()), 20, 20, step=step)
    assert optimizer.param_groups[0]["lr"] == 0
    for steps in (None, 0.1):
        found = preflight(setup, steps=steps)
        assert "lr-zero" not in [f.cause for f in found.findings]
        assert found.probability.value > 0.5
    assert optimizer.param_groups[0]["lr"] == 0


def test_averages_that_lag_after_the_first_steps_are_no_failure():
    class Net(nn.Sequential):
        def forward(self, x):
            return nn.Sequential(*list(self)[:4])(x)  # the last is never used, which is a finding only where runs fail

    layers = nn.Linear(4, 16), nn.BatchNorm1d(16, momentum=1e-4), nn.ReLU(), nn.Linear(16, 2), nn.Linear(16, 16)
    net = Net(*layers)
    X = torch.randn(200, 4, generator=torch.Generator().manual_seed(0)) * 3 + 2
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    setup = Setup(net, nn.CrossEntropyLoss(), optimizer, (X, (X[:, 0] > 0).long()), 20, 20)
    assert "gradient-never-arrives" not in [f.cause for f in preflight(setup, steps=0.1).findings]
