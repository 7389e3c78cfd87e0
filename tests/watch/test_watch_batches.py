"""What a watch sees of the data, the outputs and the loss, in loops as people write them."""

import math
import re
import warnings

import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits
from torch import nn
from torch.nn import functional as F
from torch.overrides import _get_current_function_mode_stack

import trainability as tr
from trainability.doctor import rules as doctor_rules
from trainability.setup import Setup
from trainability.watch import batches, rules


@pytest.fixture(autouse=True)
def nothing_compiled(monkeypatch):
    """Another test of this process may have compiled something, and batches are then not read."""
    monkeypatch.setattr(batches, "anything_compiled", lambda: False)


DIGITS, DIABETES = load_digits(), load_diabetes()
X, Y = torch.tensor(DIGITS.data / 16).float(), torch.tensor(DIGITS.target)
A, B = torch.tensor(DIABETES.data).float() * 20, torch.tensor(DIABETES.target).float()[:, None]
B1 = (B - B.mean()) / B.std()


def net(inputs=64, outputs=10, *ending, width=32):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs), *ending)


def train(model, x, y, loss, steps=120, *, lr=0.1, given=None, size=32, make=torch.optim.SGD):
    optimizer = make(model.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(1)
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with tr.watch(model, optimizer, given) as w:
            for _ in range(steps):
                i = torch.randint(0, len(x), (size,), generator=generator)
                optimizer.zero_grad()
                value = loss(model(x[i]), y[i])
                told.append(value.item())
                value.backward()
                optimizer.step()
    assert w.error == ""
    assert w.losses.values.tolist() == pytest.approx(told, nan_ok=True), "the watch's own backward passes are not heard"
    assert _get_current_function_mode_stack() == []
    return w


def causes(w):
    return [f.cause for f in w.findings]


def squared(output, target):
    return ((output - target) ** 2).mean()


@pytest.mark.parametrize("given", [None, F.cross_entropy, nn.CrossEntropyLoss(), lambda o, t: F.cross_entropy(o, t)])
def test_the_constant_answer_of_classes(given):
    w = train(net(), X, Y, F.cross_entropy, given=given)
    shares = torch.bincount(Y).double() / len(Y)
    assert w.losses.constant == pytest.approx(float(-(shares * shares.log()).sum()), rel=0.05)
    assert w.report().constant_loss == pytest.approx(w.losses.constant, rel=1e-4)


@pytest.mark.parametrize(("loss", "given"), [(F.mse_loss, None), (nn.MSELoss(), None), (squared, squared)])
def test_the_constant_answer_of_values(loss, given):
    w = train(net(10, 1), A, B1, loss, given=given)
    assert w.losses.constant == pytest.approx(1.0, rel=0.2)


def test_a_loss_of_ones_own_is_not_known_without_being_given():
    assert math.isnan(train(net(10, 1), A, B1, squared).losses.constant)


def test_an_accumulated_gradient_and_a_penalty():
    w = train(net(), X, Y, lambda o, t: F.cross_entropy(o, t) / 4, given=F.cross_entropy)
    assert w.losses.constant == pytest.approx(2.30 / 4, rel=0.05)
    model = net()
    w = train(model, X, Y, lambda o, t: F.cross_entropy(o, t) + model[0].weight.square().sum(), given=F.cross_entropy)
    assert math.isnan(w.losses.constant)


def test_what_the_user_says_of_the_constant_answer_stands():
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with tr.watch(model, optimizer, constant_loss=7.0) as w:
        for _ in range(60):
            optimizer.zero_grad()
            F.cross_entropy(model(X[:64]), Y[:64]).backward()
            optimizer.step()
    assert w.losses.constant == 7.0


def test_the_loss_function_is_called_on_a_copy():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, output, target):
            self.calls += 1
            return F.cross_entropy(output, target)

    loss = Counting()
    w = train(net(), X, Y, loss, given=loss)
    assert math.isfinite(w.losses.constant)
    assert loss.calls == 120


LOOSE = (Y[:, None] % 2).float()
SICK = {
    "softmax-before-cross-entropy": (lambda: net(64, 10, nn.Softmax(1)), X, Y, F.cross_entropy),
    "sigmoid-before-cross-entropy": (lambda: net(64, 10, nn.Sigmoid()), X, Y, nn.CrossEntropyLoss()),
    "bounded-logits": (lambda: net(64, 10, nn.Tanh()), X, Y, F.cross_entropy),
    "sigmoid-before-bce-with-logits": (
        lambda: net(64, 1, nn.Sigmoid()), X, LOOSE, F.binary_cross_entropy_with_logits,
    ),
    "broadcast-loss": (lambda: net(10, 1), A, B1.flatten(), F.mse_loss),
    "output-range": (lambda: net(10, 1, nn.Sigmoid()), A, 5 * B1, F.mse_loss),
    "constant-output": (lambda: net(64, 1, nn.Softmax(1)), X, LOOSE, F.binary_cross_entropy),
    "degenerate-labels": (lambda: net(64, 1), X, 2 * LOOSE - 1, F.binary_cross_entropy_with_logits),
    "log-of-unnormalised-output": (lambda: net(), X, Y, F.nll_loss),
    "loss-does-not-fit-the-task": (lambda: net(64, 1), X, LOOSE, F.cross_entropy),
}  # fmt: skip


@pytest.mark.parametrize("cause", SICK)
def test_the_form_of_loss_and_output_is_told_whatever_the_run_does(cause):
    build, x, y, loss = SICK[cause]
    w = train(build(), x, y, loss, lr=0.01)
    assert causes(w)[0] == cause
    words = " ".join([w.findings[0].says, *map(str, w.findings[0].evidence)])
    assert "NaN" not in words
    assert "at the end" not in words


def test_a_sign_is_seen_where_the_loss_is_given():
    w = train(net(), X, Y, lambda o, t: -F.cross_entropy(o, t), given=F.cross_entropy)
    assert "sign-flipped-loss" in causes(w)

    def upwards(parameters, lr):
        return torch.optim.SGD(parameters, lr=lr, maximize=True)

    w = train(net(), X, Y, lambda o, t: -F.cross_entropy(o, t), given=F.cross_entropy, make=upwards)
    assert causes(w) == []


def test_scales_are_told_where_the_run_fails_and_only_there():
    raw = 100 * X + 500
    w = train(net(), raw, Y, F.cross_entropy, 150, lr=0.1)
    assert "unscaled-inputs" in causes(w)
    w = train(net(width=64), 16 * X, Y, F.cross_entropy, 400, lr=1e-3, make=torch.optim.Adam)
    assert w.outcome in ("learning", "trained")
    assert causes(w) == []
    w = train(net(10, 1), A, B * 1000, F.mse_loss, 150, lr=0.5)
    assert "unscaled-targets" in causes(w)


def test_labels_that_come_sorted_are_not_all_the_same():
    order = Y.argsort()
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with tr.watch(model, optimizer) as w:
        for i in range(0, 1797 - 16, 16):
            optimizer.zero_grad()
            F.cross_entropy(model(X[order[i : i + 16]]), Y[order[i : i + 16]]).backward()
            optimizer.step()
    assert "degenerate-labels" not in causes(w)


def test_inside_somebody_elses_mode_nothing_is_asked():
    class Mode(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return func(*args, **(kwargs or {}))

    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with tr.watch(model, optimizer) as w:
        for _ in range(60):
            with Mode() as mine:
                optimizer.zero_grad()
                loss = F.cross_entropy(model(X[:32]), Y[:32])
                assert _get_current_function_mode_stack() == [mine]
                loss.backward()
                optimizer.step()
        for _ in range(60):
            optimizer.zero_grad()
            output = model(X[:32])
            with Mode():
                F.cross_entropy(output, Y[:32]).backward()
            optimizer.step()
            assert _get_current_function_mode_stack() == []
    assert w.error == ""


def test_the_best_constant_answer_is_the_setups_own():
    """The same targets by the doctor's way: a Setup's facts."""
    from trainability.setup.constant_answer import constant_answer, constant_loss

    model = net(10, 1)
    setup = Setup(model, F.l1_loss, torch.optim.SGD(model.parameters(), lr=0.01), (A[:64], B1[:64]), batch_size=64)
    facts = setup.facts
    answer = constant_answer(F.l1_loss, facts.output, facts.target, facts.family, facts.form)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with tr.watch(model, optimizer) as w:
        for _ in range(60):
            optimizer.zero_grad()
            F.l1_loss(model(A[:64]), B1[:64]).backward()
            optimizer.step()
    assert w.losses.constant == pytest.approx(constant_loss(F.l1_loss, answer, B1[:64]), rel=1e-3)


def test_every_rule_that_is_told_exists_and_speaks_of_now():
    for cause in (*rules.FORM, *rules.TROUBLE, *rules.ENDED):
        for sick in doctor_rules.ALL[cause].sick:
            finding = doctor_rules.ALL[cause].judge(sick)
            said = rules.live(finding)
            assert not re.search(r"ended (at|on) ", said.says), cause
            assert not any("at the end" in name for name in said.evidence)
            assert not any(isinstance(v, float) and math.isnan(v) for v in said.evidence.values())
