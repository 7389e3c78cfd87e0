"""The compiled kernel: equal to autograd and to the plain loop, bit for bit a member's own, clear about what it cannot do."""

import numpy as np
import pytest
import torch
from torch import nn

from trainability.lab.ensemble import MLP, Data, Groups, Online, Retire, train_ensemble
from trainability.lab.ensemble import _losses as losses
from trainability.lab.ensemble.fused import ACTIVATIONS, LOSSES, FusedMLP, why_not
from trainability.lab.ensemble.mlp import draw
from trainability.optimizers import SGD, Adam, Momentum

CPU = torch.device("cpu")
GENERATOR = torch.Generator().manual_seed(7)
MANY = 13
SEEDS = torch.randint(0, 10**9, (MANY,), generator=GENERATOR).tolist()
LRS = 10 ** torch.linspace(-3, -1, MANY, dtype=torch.float64)


def data(loss: str, n: int, inputs: int, outputs: int, dtype=torch.float64):
    generator = torch.Generator().manual_seed(8)
    x = torch.randn(n, inputs, generator=generator, dtype=dtype)
    if losses.get(loss).classes:
        return x, torch.randint(0, outputs, (n,), generator=generator)
    return x, torch.rand(n, outputs, generator=generator, dtype=dtype)


# Sizes that leave every kind of tile over: 1 to 4 rows and columns, 1 to 9 vectors of samples, units below and above them.
SHAPES = [((5, 7, 6, 3), 23), ((16, 16, 1), 68), ((3, 2), 8), ((17, 9, 2), 64), ((1, 33, 5, 4), 40)]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("bias", [True, False])
def test_gradient_is_autograd(activation, loss, bias):
    for sizes, batch in SHAPES:
        scales = torch.tensor([1.0, 2.0, 2.0, -0.5])
        spec = MLP(sizes, activation, bias=bias, bias_init="small_normal", input_scale=scales)
        engine = FusedMLP(spec, loss, draw(spec, [1, 2, 3, 4], torch.float64, CPU), torch.float64)
        x, y = data(loss, batch, sizes[0], sizes[-1])
        chosen = losses.get(loss)
        laid = losses.laid_out(chosen, y, sizes[-1], torch.float64)
        value, grads = engine.gradient(x, laid)
        assert torch.equal(engine.evaluate(x, laid), value)
        for e in range(4):
            net = spec.member(e + 1, e, torch.float64)
            output = net(x * scales[e])
            one = chosen.plain(output, y)
            assert abs(one.item() - value[e].item()) < 1e-13 * max(1, one.item())
            torch.testing.assert_close(engine.outputs(x)[e], output.detach(), rtol=1e-12, atol=1e-13)
            names, parameters = zip(*net.named_parameters(), strict=True)
            for name, g in zip(names, torch.autograd.grad(one, parameters), strict=True):
                torch.testing.assert_close(grads[name][e], g, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 4e-7), (torch.float64, 1e-15)])
def test_tanh_and_sigmoid_at_every_size(dtype, most):
    """A network of one weight of 1: the function itself, to two or three roundings, infinities and nan included."""
    size = torch.cat([torch.logspace(-30, 1.5, 400, dtype=torch.float64), torch.tensor([80.0, 700.0, float("inf")])])
    x = torch.cat([-size, size, torch.tensor([0.0, float("nan")])]).to(dtype)[:, None]
    one = {"0.weight": torch.ones(4, 1, 1, dtype=dtype), "2.weight": torch.ones(4, 1, 1, dtype=dtype)}
    for activation, f in (("tanh", torch.tanh), ("sigmoid", torch.sigmoid)):
        engine = FusedMLP(MLP((1, 1, 1), activation, bias=False), "mse", one, dtype)
        got, wanted = engine.outputs(x)[0].double(), f(x.double())
        assert torch.equal(got.isnan(), wanted.isnan())
        large = wanted.abs() > torch.finfo(dtype).tiny
        apart = ((got - wanted) / wanted)[large]
        assert apart.abs().max() < most
        assert (got - wanted)[~large & ~wanted.isnan()].abs().max() < 1e-37


@pytest.mark.parametrize("kind", ["SGD", "Momentum", "Adam"])
def test_100_steps_are_the_plain_loop(kind):
    x, y = data("cross_entropy", 29, 5, 3)
    spec = MLP((5, 9, 3), "tanh", bias_init="torch_default")
    rule = {"SGD": SGD(lr=LRS), "Momentum": Momentum(lr=LRS, momentum=0.8), "Adam": Adam(lr=LRS / 10)}[kind]
    run = train_ensemble(
        spec, rule, Data(x, y, batch_size=8), loss="cross_entropy", steps=100, seeds=SEEDS, curve=range(100), workers=1,
        dtype=torch.float64, path="fused",
    )  # fmt: skip
    assert run.path == "fused"
    stacked = train_ensemble(
        spec, rule, Data(x, y, batch_size=8), loss="cross_entropy", steps=100, seeds=SEEDS, curve=range(100), workers=1,
        dtype=torch.float64, path="stacked",
    )  # fmt: skip
    assert stacked.path == "stacked"
    np.testing.assert_allclose(run.curve, stacked.curve, rtol=1e-10)
    np.testing.assert_allclose(run.start_loss, stacked.start_loss, rtol=1e-12)
    assert run.outcomes == stacked.outcomes
    assert run.score == pytest.approx(stacked.score)
    if kind == "SGD":
        for e in (0, MANY - 1):
            net, seen = spec.member(SEEDS[e], e, torch.float64), []
            optimizer = torch.optim.SGD(net.parameters(), LRS[e].item())
            generator, order = torch.Generator().manual_seed(SEEDS[e]), []
            while len(order) < 100:
                order += torch.randperm(29, generator=generator).split(8)
            for rows in order[:100]:
                optimizer.zero_grad()
                value = nn.functional.cross_entropy(net(x[rows]), y[rows])
                value.backward()
                optimizer.step()
                seen.append(value.item())
            np.testing.assert_allclose(run.curve[e], seen, rtol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("feed", ["full", "own", "shared", "member", "fresh"])
def test_a_members_bits_are_its_own(dtype, feed):
    x, y = data("mse", 37, 5, 2, dtype)
    each_x, each_y = torch.randn(MANY, 11, 5, generator=GENERATOR), torch.randn(MANY, 11, 2, generator=GENERATOR)

    def draw_some(generator):
        some = torch.randn(6, 5, generator=generator)
        return some, some[:, :2].square()

    def run(order, **how):
        rows = torch.as_tensor(order)
        given = {
            "full": (x, y),
            "own": Data(x, y, batch_size=10),
            "shared": Data(x, y, batch_size=10, order="shared"),
            "member": Data(each_x[rows], each_y[rows], batch_size=4, per_member=True),
            "fresh": Online(draw_some),
        }[feed]
        network = MLP((5, 9, 2), "tanh", input_scale=torch.linspace(0.5, 2, MANY)[rows])
        return train_ensemble(
            network, Adam(lr=LRS[rows]), given, loss="mse", steps=60, seeds=[SEEDS[i] for i in order], curve=60, dtype=dtype,
            keep_params=True, path="fused", retire=Retire(window=20, flat=0.05), **{"workers": 1, **how},
        )  # fmt: skip

    here = list(range(MANY))
    whole = run(here)
    back = slice(None, None, -1)
    for other, order in (
        (run(here, chunk=5), slice(None)),
        (run(here[::-1], chunk=3), back),
        (run(here, workers=2), slice(None)),
    ):
        for name in ("curve", "start_loss", "final_loss", "score", "steps_run", "retired", "outcome"):
            np.testing.assert_array_equal(getattr(whole, name), getattr(other, name)[order], err_msg=name)
        for name, value in whole.params.items():
            np.testing.assert_array_equal(value, other.params[name][order])


def test_groups_are_parameter_groups():
    x, y = data("mse", 20, 3, 1)
    spec = MLP((3, 6, 1), "tanh")
    rule = Groups((("0.", SGD(lr=LRS)), ("2.", Momentum(lr=0.05, momentum=0.9))))
    for path in ("stacked", "fused"):
        run = train_ensemble(
            spec,
            rule,
            (x, y),
            loss="mse",
            steps=50,
            seeds=SEEDS,
            curve=range(50),
            dtype=torch.float64,
            path=path,
            workers=1,
        )
        for e in (0, 7):
            net, seen = spec.member(SEEDS[e], dtype=torch.float64), []
            optimizer = torch.optim.SGD(
                [
                    {"params": net[0].parameters(), "lr": LRS[e].item()},
                    {"params": net[2].parameters(), "lr": 0.05, "momentum": 0.9},
                ]
            )
            for _ in range(50):
                optimizer.zero_grad()
                value = nn.functional.mse_loss(net(x), y)
                value.backward()
                optimizer.step()
                seen.append(value.item())
            np.testing.assert_allclose(run.curve[e], seen, rtol=1e-10)
    params = {"0.weight": torch.ones(2, 3), "2.weight": torch.ones(2, 1)}
    both = Groups((("0.", SGD(lr=0.1)), ("2.", Momentum(lr=1.0))))
    fresh, _ = both.update(params, both.init(params), params)
    assert fresh["0.weight"][0, 0] == pytest.approx(0.9)
    assert fresh["2.weight"][0, 0] == 0
    assert params["0.weight"][0, 0] == 1  # the pure update leaves its arguments alone


def test_members_start_where_they_are_told():
    x, y = data("mse", 20, 3, 1)
    spec = MLP((3, 4, 1), "relu")
    one, each = torch.randn(4, 3, dtype=torch.float64), torch.randn(MANY, 1, 4, dtype=torch.float64)
    for path in ("stacked", "fused"):
        run = train_ensemble(
            spec, SGD(lr=0.0), (x, y), loss="mse", steps=1, seeds=SEEDS, dtype=torch.float64, path=path, workers=1, chunk=4,
            start={"0.weight": one, "2.weight": each}, keep_params=True,
        )  # fmt: skip
        assert (run.params["0.weight"] == one.numpy()).all()
        assert (run.params["2.weight"] == each.numpy()).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": MLP((3, 4, 1), "gelu")}, "its activation is gelu"),
        ({"loss": "softmax_mse"}, "its loss is softmax_mse"),
        ({"path": "quick"}, "given 'quick' for an MLP"),
        ({"start": {"1.weight": torch.ones(1)}}, "start: given '1.weight'"),
        ({"start": {"0.weight": torch.ones(5, 4, 3)}}, "start: given '0.weight'"),
        ({"rule": Groups((("0.", SGD(lr=torch.ones(2))), ("2.", SGD())))}, "given 2 values for 3 members"),
        ({"rule": Groups((("0.", SGD()),))}, "no rule for the parameter '2.weight'"),
        ({"network": lambda seed: nn.Linear(3, 1), "path": "auto", "start": {}}, "function that builds modules"),
    ],
)
def test_what_cannot_be_done_is_refused(change, words):
    x, y = data("mse", 8, 3, 1, torch.float32)
    given = {"network": MLP((3, 4, 1)), "rule": SGD(), "loss": "mse", "path": "fused", **change}
    with pytest.raises(ValueError, match=words):
        train_ensemble(data=(x, y), steps=2, seeds=3, workers=1, **given)
    assert why_not(MLP((3, 1)), "mse", torch.device("meta")) == "it runs on meta and not on a CPU"
    with pytest.raises(ValueError, match="all different"):
        Groups(())
    with pytest.raises(ValueError, match="no stable lr"):
        Groups((("", SGD()),)).stable_lr(1.0)
