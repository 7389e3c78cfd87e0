"""Newton steps: against dense linear algebra, one solver against the other, and where there is no curvature."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

from trainability.optimizers import Newton, SingularHessianWarning, take
from trainability.optimizers._newton import Graph

MEMBERS = 3
X = torch.randn(12, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
Y = X.prod(1, keepdim=True)


def net(p: dict[str, Tensor]) -> Tensor:
    """A small tanh network, with the loss function for which forward over reverse has no rule in some versions."""
    return torch.nn.functional.mse_loss(torch.tanh(X @ p["a"].mT + p["b"]) @ p["c"].mT, Y)


def nets(p: dict[str, Tensor]) -> Tensor:
    return torch.func.vmap(net)(p)


def weights(seed: int = 1) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"a": (4, 2), "b": (4,), "c": (1, 4)}
    return {n: torch.randn((MEMBERS, *s), dtype=torch.float64, generator=generator) for n, s in shapes.items()}


def grads_of(params: dict[str, Tensor]) -> dict[str, Tensor]:
    return torch.func.vmap(torch.func.grad(net))(params)


def rows(params: dict[str, Tensor]) -> Tensor:
    return torch.cat([p.reshape(MEMBERS, -1) for p in params.values()], 1)


def one(params: dict[str, Tensor], member: int) -> dict[str, Tensor]:
    return {name: value[member] for name, value in params.items()}


def dense_hessian(params: dict[str, Tensor], member: int) -> Tensor:
    """By torch's own nested differentiation of a flat vector: another path than one product at a time."""
    single = one(params, member)
    sizes, shapes = [v.numel() for v in single.values()], [v.shape for v in single.values()]

    def flat_loss(flat: Tensor) -> Tensor:
        pieces = zip(single, flat.split(sizes), shapes, strict=True)
        out = {name: piece.reshape(shape) for name, piece, shape in pieces}
        return (torch.tanh(X @ out["a"].mT + out["b"]) @ out["c"].mT - Y).square().mean()

    return torch.func.hessian(flat_loss)(torch.cat([v.flatten() for v in single.values()]))


def step(rule: Newton, params: dict[str, Tensor], **curvature) -> tuple[Tensor, dict[str, Tensor]]:
    moved, state = rule.update(grads_of(params), rule.init(params), params, **curvature)
    return rows(moved) - rows(params), state


def test_the_hessian_of_each_member_is_its_own():
    params = weights()
    found = Graph(nets, params, MEMBERS).hessian()
    for member in range(MEMBERS):
        torch.testing.assert_close(found[member], dense_hessian(params, member), rtol=1e-11, atol=1e-12)


def test_a_step_is_the_dense_solution():
    params = weights()
    damping = torch.tensor([0.5, 2.0, 10.0], dtype=torch.float64)
    found, state = step(Newton(lr=0.7, damping=damping, weight_decay=0.1, loss=nets), params)
    for member in range(MEMBERS):
        h = dense_hessian(params, member) + 0.1 * torch.eye(16, dtype=torch.float64)
        values, vectors = torch.linalg.eigh(h)
        size = vectors @ values.abs().diag() @ vectors.mT + damping[member] * torch.eye(16, dtype=torch.float64)
        g = rows(grads_of(params))[member] + 0.1 * rows(params)[member]
        torch.testing.assert_close(found[member], -0.7 * torch.linalg.solve(size, g), rtol=1e-9, atol=1e-12)
        assert state["negative"][member] == (values < -1e-12).sum()
    assert state["singular"].tolist() == [0, 0, 0]


def test_textbook_newton_has_the_sign():
    params = weights()
    found, _ = step(Newton(loss=nets, absolute=False, damping=0.0), params)
    for member in range(MEMBERS):
        exact = -torch.linalg.solve(dense_hessian(params, member), rows(grads_of(params))[member])
        torch.testing.assert_close(found[member], exact, rtol=1e-7, atol=1e-9)


def test_conjugate_gradients_are_the_exact_step_where_the_curvature_is_positive():
    params = weights()
    most = max(float(torch.linalg.eigvalsh(dense_hessian(params, e))[0].abs()) for e in range(MEMBERS))
    exact = Newton(damping=0.0, weight_decay=most + 0.2, loss=nets)
    iterated = Newton(damping=0.0, weight_decay=most + 0.2, loss=nets, exact_below=0, cg_tol=1e-12)
    first, state = step(exact, params)
    second, other = step(iterated, params)
    torch.testing.assert_close(first, second, rtol=1e-8, atol=1e-10)
    for counts in (state["negative"], other["negative"], other["singular"]):
        assert not counts.any()


def test_given_curvature_is_the_one_from_the_loss():
    params = weights()
    whole = torch.stack([dense_hessian(params, e) for e in range(MEMBERS)])
    by_loss, _ = step(Newton(damping=0.3, loss=nets), params)
    by_hand, _ = step(Newton(damping=0.3), params, hessian=whole)
    torch.testing.assert_close(by_loss, by_hand, rtol=1e-9, atol=1e-12)

    def hvp(v):
        product = (whole @ rows(v)[..., None])[..., 0]
        pieces = product.split([8, 4, 4], 1)
        return {name: piece.reshape(p.shape) for (name, p), piece in zip(params.items(), pieces, strict=True)}

    by_product, _ = step(Newton(damping=0.3), params, hvp=hvp)
    by_graph, _ = step(Newton(damping=0.3, loss=nets, exact_below=1), params)
    torch.testing.assert_close(by_product, by_graph, rtol=1e-7, atol=1e-9)


def test_a_quadratic_is_solved_in_one_step():
    scale = torch.tensor([[1e-3, 1.0, 50.0], [2.0, 3.0, 4.0]], dtype=torch.float64)
    target = torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64)
    params = {"w": torch.zeros(2, 3, dtype=torch.float64)}

    def loss(p):
        return (scale * (p["w"] - target) ** 2).sum(1)

    grads = {"w": -2 * scale * target}
    for exact_below in (256, 0):
        rule = Newton(loss=loss, exact_below=exact_below, cg_tol=1e-14)
        moved, state = rule.update(grads, rule.init(params), params)
        torch.testing.assert_close(moved["w"], target.expand(2, 3), rtol=1e-9, atol=1e-9)
        assert not state["singular"].any()


def test_a_saddle_is_left_and_the_textbook_step_goes_to_it():
    params = {"w": torch.tensor([[1.0, 0.1]], dtype=torch.float64)}

    def loss(p):
        return (p["w"][:, 0] ** 2 - p["w"][:, 1] ** 2) / 2

    grads = {"w": torch.tensor([[1.0, -0.1]], dtype=torch.float64)}
    away = Newton(loss=loss)
    moved, state = away.update(grads, away.init(params), params)
    assert moved["w"].tolist() == [[0.0, 0.2]]
    assert state["negative"].item() == 1
    textbook = Newton(loss=loss, absolute=False)
    assert textbook.update(grads, textbook.init(params), params)[0]["w"].abs().max() < 1e-12
    down = Newton(loss=loss, exact_below=0)
    moved, state = down.update(grads, down.init(params), params)
    assert loss(moved) < loss(params)
    with pytest.raises(ValueError, match="conjugate gradients need positive curvature"):
        Newton(loss=loss, absolute=False, exact_below=0).update(grads, state, params)


def test_a_singular_hessian_is_said_and_damped():
    """Two weights that only count by their sum, in one member of two."""
    sums = torch.tensor([[1.0, 1.0], [1.0, -0.5]], dtype=torch.float64)
    params = {"w": torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)}

    def loss(p):
        extra = torch.tensor([0.0, 1.0], dtype=torch.float64) * p["w"][:, 1] ** 2
        return ((sums * p["w"]).sum(1) ** 2 + extra) / 2

    grads = torch.func.grad(lambda p: loss(p).sum())(params)
    rule = Newton(loss=loss)
    with pytest.warns(SingularHessianWarning, match="in 1 of 2 members"):
        moved, state = rule.update(grads, rule.init(params), params)
    assert state["singular"].tolist() == [1, 0]
    torch.testing.assert_close((sums * moved["w"]).sum(1), torch.zeros(2, dtype=torch.float64), atol=1e-9, rtol=0)
    assert moved["w"][0].tolist() == pytest.approx([0.5, -0.5], abs=1e-9), "nothing along the flat direction"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Newton(loss=loss, damping=0.1).update(grads, rule.init(params), params)


@pytest.mark.parametrize("exact_below", [256, 0])
def test_a_loss_without_curvature_is_stepped_along_its_gradient(exact_below):
    params = {"w": torch.zeros(2, 3)}
    rule = Newton(lr=0.5, loss=lambda p: 2 * p["w"].sum(1), exact_below=exact_below)
    with pytest.warns(SingularHessianWarning, match="2 of 2"):
        moved, state = rule.update({"w": torch.full((2, 3), 2.0)}, rule.init(params), params)
    assert moved["w"].tolist() == [[-1.0] * 3] * 2
    assert (state["singular"] > 0).all()
    constant = Newton(loss=lambda p: torch.zeros(2), exact_below=exact_below, damping=1.0)
    assert constant.update({"w": torch.ones(2, 3)}, state, params)[0]["w"].tolist() == [[-1.0] * 3] * 2


@pytest.mark.parametrize("exact_below", [256, 0])
@pytest.mark.parametrize("where", ["params", "grads", "hessian"])
def test_a_nan_stays_in_its_member(exact_below, where):
    params, rule = weights(), Newton(damping=1.0, loss=nets, exact_below=exact_below)
    grads = grads_of(params)
    clean, _ = rule.update(grads, rule.init(params), params)
    dirty, bad = {n: p.clone() for n, p in params.items()}, {n: g.clone() for n, g in grads.items()}
    if where == "params":
        dirty["a"][1, 0, 0] = torch.nan
    if where == "grads":
        bad["b"][1, 2] = torch.inf
    if where == "hessian":

        def spoiled(p):
            return nets(p) * torch.tensor([1.0, torch.nan, 1.0], dtype=torch.float64)

        rule = Newton(damping=1.0, loss=spoiled, exact_below=exact_below)
    moved, _ = rule.update(bad, rule.init(dirty), dirty)
    for name in params:
        assert torch.equal(moved[name][[0, 2]], clean[name][[0, 2]])
        assert not moved[name][1].isfinite().any()


def test_members_solved_together_are_members_solved_alone():
    params = weights()
    damping = torch.tensor([0.2, 1.0, 5.0], dtype=torch.float64)
    for exact_below in (256, 0):
        rule = Newton(damping=damping, loss=nets, exact_below=exact_below)
        together, _ = rule.update(grads_of(params), rule.init(params), params)
        for member in range(MEMBERS):
            single = Newton(damping=float(damping[member]), loss=net, stacked=False, exact_below=exact_below)
            mine = one(params, member)
            moved, _ = single.update(one(grads_of(params), member), single.init(mine), mine)
            for name, value in moved.items():
                torch.testing.assert_close(together[name][member], value, rtol=1e-7, atol=1e-9)
        few = take(rule, torch.tensor([2, 0]))
        assert few.damping.tolist() == [5.0, 0.2]


def test_newton_finds_critical_points_fast():
    """Where 60 steps of Newton leave a gradient of rounding, gradient descent at its largest stable lr is far away."""
    params, rule = weights(), Newton(damping=1e-2, loss=nets)
    before, state = nets(params), rule.init(params)
    plain = params
    lr = 0.5 * min(2 / float(torch.linalg.eigvalsh(dense_hessian(params, e))[-1]) for e in range(MEMBERS))
    for _ in range(60):
        params, state = rule.update(grads_of(params), state, params)
        plain = {name: p - lr * grads_of(plain)[name] for name, p in plain.items()}
    assert (nets(params) < 0.2 * before).all()
    assert (rows(grads_of(params)).norm(dim=1) < 0.1 * rows(grads_of(plain)).norm(dim=1)).all()


def test_what_is_missing_or_of_the_wrong_shape_is_said():
    params = weights()
    grads = grads_of(params)
    plain = Newton()
    state = plain.init(params)
    with pytest.raises(ValueError, match=r"given no curvature.*loss=.*hessian="):
        plain.update(grads, state, params)
    with pytest.raises(ValueError, match=r"Hessian of shape \(16, 16\), needed \(3, 16, 16\)"):
        plain.update(grads, state, params, hessian=torch.eye(16))
    with pytest.raises(ValueError, match=r"loss of shape \(\), needed \(3,\).*vmap"):
        Newton(loss=lambda p: nets(p).sum()).update(grads, state, params)
    with pytest.raises(ValueError, match=r"loss of shape \(3,\), needed \(\)"):
        Newton(loss=nets, stacked=False).update(grads, plain.init(params), params)
    with pytest.raises(ValueError, match="needed one first dimension"):
        plain.init({"a": torch.zeros(4, 2), "b": torch.zeros(3)})
    with pytest.raises(ValueError, match=r"stacked=False and values per member for \['damping'\]"):
        Newton(damping=torch.ones(3), stacked=False)
    with pytest.raises(ValueError, match="cg_steps=0"):
        Newton(cg_steps=0)
    with pytest.raises(ValueError, match="torch has no Newton"):
        Newton.from_torch({"lr": 1.0})
