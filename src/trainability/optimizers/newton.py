"""Damped Newton steps: by the whole Hessian in small networks, by products with it in larger ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from trainability.optimizers import _newton
from trainability.optimizers._limit import limit
from trainability.optimizers._rule import Params, State, advance, copied
from trainability.optimizers._values import (
    NOT_NEGATIVE,
    PerMember,
    add_decay,
    add_scaled_,
    check_alone,
    check_names,
    check_params,
    count_members,
    settle,
)
from trainability.theory import stability

Hvp = Callable[[Params], Params]


class SingularHessianWarning(UserWarning):
    """A Newton step met a Hessian without curvature in some direction, and damped it there."""


@dataclass(frozen=True)
class Newton:
    """Steps along the gradient over the curvature of each direction, damped.

    g <- g + weight_decay · theta,  theta <- theta - lr · (|H + weight_decay| + damping)^-1 g.

    The textbook's theta - lr · H^-1 g is damping = 0 and absolute=False; it finds the minimum of a quadratic in one step
    of lr = 1, needs a Hessian without zero eigenvalues, and goes *up* along negative ones, to saddles and maxima. |H| has
    the sizes of H's eigenvalues, so that those are left behind; where H has no negative ones nothing changes.

    An eigenvalue (damped) below `floor` times the largest counts as singular and is raised to that: the state says in how
    many directions, a `SingularHessianWarning` says so once. A loss without any curvature is stepped along its gradient.

    The curvature comes from `loss`, or from an argument of `update`: `hessian=`, or `hvp=`. Up to `exact_below` weights per
    member the whole Hessian is taken (one backward pass for each weight) and split into eigenvalues in float64; above, and
    with `hvp=`, conjugate gradients solve for the step ("Newton-CG"), which end at negative curvature instead of taking
    its size. Members share no number: a NaN stays in its own.

    Args:
        lr: >= 0, a float or one per member, shape `(E,)`.
        damping: >= 0, in units of curvature; large damping is gradient descent with lr / damping.
        weight_decay: >= 0, a float or one per member; it is part of g and of H.
        floor: >= 0, a float or one per member.
        loss: parameters -> the training loss without weight decay, of shape `(E,)`, or `()` with stacked=False; member e of
            it depends on member e alone. `torch.func.vmap` makes it from the loss of one network.
        stacked: whether parameters are `(E, ...)`, an ensemble; False for one network.
        absolute: take eigenvalues by their size.
        exact_below: most weights per member for the whole Hessian.
        cg_steps: most products with the Hessian in one update.
        cg_tol: relative residual at which conjugate gradients stop.

    Raises:
        ValueError: a value that is out of range or NaN, or values for different numbers of members.

    Source: Nocedal & Wright, "Numerical Optimization", sections 3.4 (raised eigenvalues) and 7.1 (Newton-CG); Dauphin et
    al. 2014, arXiv 1406.2572 (sizes of eigenvalues).

    >>> rule = Newton(loss=lambda p: (p["w"] ** 2 * torch.tensor([1.0, 50.0])).sum(), stacked=False)
    >>> theta = {"w": torch.tensor([3.0, -1.0])}
    >>> rule.update({"w": torch.tensor([6.0, -100.0])}, rule.init(theta), theta)[0]["w"]
    tensor([0., 0.])
    """

    lr: PerMember = 1.0
    damping: PerMember = 0.0
    weight_decay: PerMember = 0.0
    floor: PerMember = 1e-6
    loss: _newton.Loss | None = None
    stacked: bool = True
    absolute: bool = True
    exact_below: int = 256
    cg_steps: int = 100
    cg_tol: float = 1e-8

    def __post_init__(self) -> None:
        settle(self, lr=NOT_NEGATIVE, damping=NOT_NEGATIVE, weight_decay=NOT_NEGATIVE, floor=NOT_NEGATIVE)
        check_alone(self, self.stacked)
        if not (self.cg_steps >= 1 and 0 < self.cg_tol < 1):
            raise ValueError(
                f"Newton: given cg_steps={self.cg_steps} and cg_tol={self.cg_tol}, needed at least 1 step and a "
                "tolerance between 0 and 1."
            )

    def init(self, params: Params) -> State:
        """Give the state before the first update: counts of 0, per member.

        "singular" counts directions that the last update had to raise, "negative" those of negative curvature; for
        conjugate gradients each is 1 where they ended for that reason.
        """
        check_params(self, params)
        device = next(iter(params.values())).device
        shape = (count_members(self, params),) if self.stacked else ()
        return {name: torch.zeros(shape, dtype=torch.long, device=device) for name in ("singular", "negative")}

    def update(
        self,
        grads: Params,
        state: State,
        params: Params,
        *,
        hessian: Tensor | None = None,
        hvp: Hvp | None = None,
    ) -> tuple[Params, State]:
        """Give the parameters and the state after one update; see the class for the formula.

        Args:
            grads: as always; they may be clipped, or of another batch than the curvature.
            state: as from `init`.
            params: the parameters, in the order of whose names a Hessian's rows stand, each tensor flat.
            hessian: `(E, P, P)`, or `(P, P)` with stacked=False; without weight decay.
            hvp: a function of `Params` that gives the Hessian's product with it, as `Params`.

        Returns:
            Parameters and state.

        Raises:
            ValueError: no curvature at all was given, or one of the wrong shape; absolute=False where conjugate gradients
                would be used.
        """
        if hessian is None and hvp is None:
            return advance(self, grads, state, params)
        fresh, kept = copied({name: param.detach() for name, param in params.items()}), copied(state)
        self.step_(fresh, grads, kept, hessian=hessian, hvp=hvp)
        return fresh, kept

    @torch.no_grad()
    def step_(
        self, params: Params, grads: Params, state: State, *, hessian: Tensor | None = None, hvp: Hvp | None = None
    ) -> None:
        """Do the update in place, on the parameters and on the state; arguments as for `update`."""
        check_names(grads, params)
        check_params(self, params)
        members = count_members(self, params) if self.stacked else None
        rows = 1 if members is None else members
        whole = {name: add_decay(grads[name], param, self.weight_decay) for name, param in params.items()}
        grad = _newton.flat(list(whole.values()), rows)
        decay, damping, floor = (self._rows(value, grad) for value in (self.weight_decay, self.damping, self.floor))
        size = grad.shape[1]
        if hessian is None and (hvp is not None or size > self.exact_below):
            if not self.absolute:
                raise ValueError(
                    f"Newton: given absolute=False for {size} weights and exact_below={self.exact_below}; conjugate "
                    "gradients need positive curvature. Raise exact_below, pass hessian=, or leave absolute=True."
                )
            product = self._product(params, rows, members, hvp)
            step, singular, negative = _newton.conjugate_gradients(
                lambda v: product(v) + decay.to(v.dtype)[:, None] * v, grad, damping, floor, self.cg_steps, self.cg_tol
            )
        else:
            if hessian is None:
                square = _newton.Graph(self._loss(), params, members).hessian()
            else:
                needed = (size, size) if members is None else (rows, size, size)
                if tuple(hessian.shape) != needed:
                    raise ValueError(f"Newton: given a Hessian of shape {tuple(hessian.shape)}, needed {needed}.")
                square = hessian.detach().reshape(rows, size, size)
            square = square + decay.to(square.dtype)[:, None, None] * torch.eye(size).to(square)
            step, singular, negative = _newton.solve(square, grad, damping, floor, self.absolute)
        for name, piece in _newton.unflat(step, params).items():
            add_scaled_(params[name], piece, -self.lr)
        state["singular"].copy_(singular.reshape(state["singular"].shape))
        state["negative"].copy_(negative.reshape(state["negative"].shape))
        if bool(singular.any()):
            warnings.warn(
                f"Newton: a singular Hessian in {int((singular > 0).sum())} of {rows} members; its flat directions were "
                "damped. Give a damping above 0 to choose by how much.",
                SingularHessianWarning,
                stacklevel=2,
            )

    def _loss(self) -> _newton.Loss:
        if self.loss is None:
            raise ValueError(
                "Newton: given no curvature, needed some. Pass loss= to Newton, or hessian= or hvp= to update."
            )
        return self.loss

    def _product(self, params: Params, rows: int, members: int | None, hvp: Hvp | None) -> _newton.Product:
        if hvp is None:
            return _newton.Graph(self._loss(), params, members).product
        return lambda v: _newton.flat(
            [hvp_[name] for hvp_ in [hvp(_newton.unflat(v, params))] for name in params], rows
        )

    def _rows(self, value: PerMember, grad: Tensor) -> Tensor:
        if isinstance(value, Tensor):
            return value.to(grad.device)
        return torch.full((len(grad),), value, dtype=torch.float64, device=grad.device)

    def stable_lr(self, sharpness: PerMember) -> PerMember:
        """Give the largest lr at which the update does not grow.

        2 (sharpness + weight_decay + damping) / (sharpness + weight_decay): 2 without damping.

        Args:
            sharpness: largest eigenvalue of the Hessian of the loss without weight decay, one or one per member.

        Returns:
            The lr, inf where sharpness + weight_decay <= 0; a float64 tensor if anything was per member.
        """

        def formula(h: Any, decay: Any, damping: Any) -> Any:
            return stability.newton(h + decay, damping)

        return limit(formula, sharpness, self.weight_decay, self.damping)

    @classmethod
    def matches(cls, optimizer: torch.optim.Optimizer) -> bool:
        """Say False: torch has no Newton step. LBFGS approaches one by gradients and is another rule."""
        return False

    @classmethod
    def from_torch(cls, group: dict[str, Any]) -> Self:
        """Raise a ValueError: no torch optimizer is this rule.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"Given a torch parameter group with {sorted(group)}, needed none: torch has no Newton step.")

    def preconditioner(self, optimizer: torch.optim.Optimizer, params: list[Tensor]) -> list[Tensor] | None:
        """Give None: it divides by the whole Hessian and not by a diagonal."""
        return None
