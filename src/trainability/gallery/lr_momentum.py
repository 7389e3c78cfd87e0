"""The phase diagram of learning rate and momentum on a quadratic: where it converges, how fast, and where it diverges.

Heavy ball, Nesterov's rule and the low-pass form, the package's own update rules, each cell of the plane a run on l w²/2
from w = 1. Measured is by how much |w| grows or shrinks per step between two late times.

Prediction: the spectral radius of one update as a linear map of (weight, buffer), drawn as lines. It is 1 at the stability
limit, least at critical damping for a given lr, and the best lr and momentum for curvatures from l1 to ln are those
at which the ends l1 and ln lie on the two branches of critical damping.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.lab import single_thread
from trainability.optimizers import LowPass, Momentum, Nesterov, Rule
from trainability.theory import stability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Learning rate against momentum on a quadratic: stability, critical damping and Polyak's optimum"
SOURCE = (
    "Polyak 1964; Goh 2017, 'Why momentum really works', Distill; Lessard, Recht and Packard 2016, Proposition 1; the rules "
    "as in lecture notes on optimization of neural networks (momentum, Nesterov) and Sahai, lecture 6, eq. 6.7 (low pass)."
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """One update rule, its second axis always "how much is kept": b, or 1 - B for the low-pass form.

    Args:
        title: in the figure.
        rule: of `theory.stability.RULES`.
        highest: lr times curvature at the top of the plane.
    """

    title: str
    rule: str
    highest: float

    def member(self, lr: Array, kept: Array) -> Rule:
        """The package's update rule, one member for each pair."""
        rate, share = torch.from_numpy(np.array(lr)), torch.from_numpy(np.array(kept))
        if self.rule == "heavy_ball":
            return Momentum(lr=rate, momentum=share)
        return Nesterov(lr=rate, momentum=share) if self.rule == "nesterov" else LowPass(lr=rate, weight=1 - share)

    def hyper(self, kept: Array) -> dict[str, Array]:
        """What the theory's functions want beside the lr."""
        return {"weight": 1 - kept} if self.rule == "low_pass" else {"momentum": kept}

    def limit(self, kept: Array) -> Array:
        """The stability limit of lr times curvature, from theory."""
        return np.asarray(getattr(stability, self.rule)(1.0, *self.hyper(kept).values()), dtype=np.float64)

    def critical(self, lr: Array) -> Array:
        """The share kept at critical damping on curvature 1, from theory."""
        if self.rule == "low_pass":
            return np.asarray(1 - stability.critical_weight(lr, 1.0), dtype=np.float64)
        return np.asarray(stability.critical_momentum(lr, 1.0, self.rule), dtype=np.float64)

    def best(self, kappa: float) -> tuple[float, float, float]:
        """The optimum (lr, share kept, rate) for curvatures from 1/kappa to 1, from theory."""
        found = getattr(stability.optimum, self.rule)(1 / kappa, 1.0)
        return (
            float(found.lr),
            float(1 - found.weight if self.rule == "low_pass" else found.momentum),
            float(found.rate),
        )


KINDS = {
    "heavy ball": Kind("a  Heavy ball", "heavy_ball", 6.0),
    "Nesterov": Kind("b  Nesterov", "nesterov", 6.0),
    "low pass": Kind("c  Low-pass form", "low_pass", 300.0),
}


@dataclass(frozen=True)
class Plane:
    """One rule's measurements.

    Args:
        lrs: lr times curvature `(L,)`; kept: b or 1 - B `(K,)`.
        growth: measured factor per step `(L, K)`; told: the spectral radius.
        edge_kept, edges: where the stability limit was searched for, and what was found.
        damping_lrs, damping: lrs at which critical damping was searched for, and the share kept that was found.
        best: kappa -> (lr, share kept, rate) of the fastest cell of a grid, measured; spacing: of that grid, relative
            in lr and absolute in share.
    """

    lrs: Array
    kept: Array
    growth: Array
    told: Array
    edge_kept: Array
    edges: Array
    damping_lrs: Array
    damping: Array
    best: dict[float, tuple[float, float, float]]
    spacing: tuple[float, float]


@dataclass(frozen=True)
class Phases:
    """The numbers behind the figure.

    Args:
        planes: by rule, the keys of `KINDS`.
        twin: largest difference of the paths of the low-pass form and of heavy ball with lr B and momentum 1 - B.
        buffers: what heavy ball, Nesterov and the low-pass form hold after a long constant gradient of 1, b = 1 - B = 0.9.
    """

    planes: dict[str, Plane]
    twin: float
    buffers: tuple[float, float, float]


def growth(rule: Rule, curvature: Array, steps: int) -> tuple[Array, NDArray[np.int64]]:
    """Run every member and measure its factor per step.

    Args:
        rule: with a value per member.
        curvature: l of each member `(E,)`.
        steps: the largest of |w_t| + |w_(t-1)| in the quarter before `steps` is compared with that before 2 `steps`.

    Returns:
        (factor per step `(E,)`, changes of the sign of w `(E,)`).
    """
    slope = torch.from_numpy(np.array(curvature))[:, None]
    params = {"w": torch.ones_like(slope)}
    state, scale = rule.init(params), torch.zeros_like(slope)
    before, changes = params["w"].clone(), torch.zeros_like(slope)
    tops = [torch.full_like(slope, -1e9), torch.full_like(slope, -1e9)]
    for t in range(1, 2 * steps + 1):
        rule.step_(params, {"w": slope * params["w"]}, state)
        w = params["w"]
        changes += w * before < 0
        for i, top in enumerate(tops):
            if (i + 1) * steps - steps // 4 < t <= (i + 1) * steps:
                torch.maximum(top, scale + (w.abs() + before.abs() + 1e-300).log(), out=top)
        if t % 20 == 0:  # the map is linear: shrink the whole state, so that nothing overflows or vanishes
            size = (w.abs() + before.abs()).clamp(min=1e-200)
            scale += size.log()
            w.div_(size)
            for buffers in state.values():
                if isinstance(buffers, dict):
                    buffers["w"].div_(size)
        before = w.clone()
    factor = ((tops[1] - tops[0]) / steps).exp()
    return factor[:, 0].numpy(), changes[:, 0].numpy().astype(np.int64)


def search(found: Callable[[Array], NDArray[np.bool_]], low: Array, high: Array, rounds: int) -> Array:
    """Find where a condition begins to hold, by cutting each interval in 17 again and again.

    Args:
        found: of points `(16, N)`, whether it holds there.
        low, high: ends `(N,)`; it does not hold at low.
        rounds: how often.

    Returns:
        Middles of the last intervals `(N,)`.
    """
    column = np.arange(len(low))
    for _ in range(rounds):
        points = low + (high - low) * np.arange(18)[:, None] / 17
        holds = np.concatenate([found(points[1:-1]), np.ones((1, len(low)), dtype=bool)])
        first = holds.argmax(axis=0)
        low, high = points[first, column], points[first + 1, column]
    return np.asarray((low + high) / 2)


def edges(kind: Kind, kept: Array, steps: int, rounds: int) -> Array:
    """The lr times curvature at which runs begin to grow, for each share kept."""

    def grows(lr: Array) -> NDArray[np.bool_]:
        shares = np.broadcast_to(kept, lr.shape).ravel()
        return (growth(kind.member(lr.ravel(), shares), np.ones(lr.size), steps)[0] > 1).reshape(lr.shape)

    return search(grows, np.full(len(kept), 0.5), np.full(len(kept), 200.0), rounds)


def damping(kind: Kind, lrs: Array, steps: int, rounds: int) -> Array:
    """The share kept at which runs begin to swing, by the changes of sign, for each lr times curvature below 1."""

    def swings(kept: Array) -> NDArray[np.bool_]:
        rates = np.broadcast_to(lrs, kept.shape).ravel()
        return (growth(kind.member(rates, kept.ravel()), np.ones(kept.size), steps)[1] >= 2).reshape(kept.shape)

    return search(swings, np.zeros(len(lrs)), np.full(len(lrs), 0.999), rounds)


def fastest(kind: Kind, kappa: float, size: int, steps: int) -> tuple[float, float, float]:
    """The cell of a grid of lr and share kept whose slower end, curvature 1/kappa or 1, is fastest.

    Args:
        kind: rule.
        kappa: largest over smallest curvature.
        size: cells along each side: lr from a quarter to four times sqrt(kappa) (low pass) or from 0.05 to 4, share
            kept from 0 to 0.96.
        steps: as in `growth`.

    Returns:
        (lr, share kept, rate).
    """
    kept = np.linspace(0.0, 0.96, size)
    lrs = np.geomspace(0.25, 4.0, size) * kappa**0.5 if kind.rule == "low_pass" else np.geomspace(0.05, 4.0, size)
    rate, share = (a.ravel() for a in np.meshgrid(lrs, kept, indexing="ij"))
    ends = [growth(kind.member(rate, share), np.full(rate.size, end), steps)[0] for end in (1 / kappa, 1.0)]
    slower = np.maximum(*ends)
    i = int(slower.argmin())
    return float(rate[i]), float(share[i]), float(slower[i])


def measure(kind: Kind, smoke: bool) -> Plane:
    """All of one rule; see `run`."""
    size, steps = (28, 200) if smoke else (96, 600)
    lrs, kept = np.geomspace(0.01, kind.highest, size), np.linspace(0.0, 0.98, size)
    rate, share = (a.ravel() for a in np.meshgrid(lrs, kept, indexing="ij"))
    seen = growth(kind.member(rate, share), np.ones(rate.size), steps)[0].reshape(size, size)
    told = np.asarray(stability.spectral_radius(kind.rule, rate, 1.0, **kind.hyper(share)))
    edge_kept = np.linspace(0.0, 0.9, 4 if smoke else 19)
    damping_lrs = np.geomspace(0.02, 0.8, 4 if smoke else 17)
    cells = 36 if smoke else 121
    width = 16.0 if kind.rule == "low_pass" else 80.0
    return Plane(
        lrs=lrs,
        kept=kept,
        growth=seen,
        told=told.reshape(size, size),
        edge_kept=edge_kept,
        edges=edges(kind, edge_kept, 150 if smoke else 400, 5 if smoke else 6),
        damping_lrs=damping_lrs,
        damping=damping(kind, damping_lrs, 500 if smoke else 1500, 3 if smoke else 5),
        best={k: fastest(kind, k, cells, 150 if smoke else 400) for k in ((10.0,) if smoke else (10.0, 30.0))},
        spacing=(width ** (1 / (cells - 1)) - 1, 0.96 / (cells - 1)),
    )


def twins() -> float:
    """The low-pass form against heavy ball with lr B and momentum 1 - B, on curvature 1, at 200 pairs for 300 steps."""
    rng = np.random.default_rng(8)
    weight = rng.uniform(0.02, 1.0, 200)
    lr = rng.uniform(0.02, 0.95, 200) * 2 * (2 - weight) / weight
    rules = (LowPass(lr=torch.from_numpy(lr), weight=torch.from_numpy(weight)),
             Momentum(lr=torch.from_numpy(lr * weight), momentum=torch.from_numpy(1 - weight)))  # fmt: skip
    paths = []
    for rule in rules:
        params = {"w": torch.ones(200, 1, dtype=torch.float64)}
        state, path = rule.init(params), []
        for _ in range(300):
            rule.step_(params, {"w": params["w"].clone()}, state)
            path.append(params["w"].clone())
        paths.append(torch.stack(path))
    return float((paths[0] - paths[1]).abs().max())


def held() -> tuple[float, float, float]:
    """What the three rules hold after 1000 constant gradients of 1, with b = 1 - B = 0.9 and lr 0.01, as a gradient."""
    out = []
    for rule in (Momentum(lr=0.01, momentum=0.9), Nesterov(lr=0.01, momentum=0.9), LowPass(lr=0.01, weight=0.1)):
        params = {"w": torch.zeros(1, dtype=torch.float64)}
        state = rule.init(params)
        for _ in range(1000):
            rule.step_(params, {"w": torch.ones(1, dtype=torch.float64)}, state)
        out.append(float((state["average"] if "average" in state else state["momentum_buffer"])["w"].abs()))
    return out[0], out[1], out[2]


@single_thread()  # tensors are small: threads would wait for each other
def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Planes of 96 × 96 runs of 1200 steps for each rule; `smoke`: 28 × 28 of 400.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Phases.
    """
    planes = {}
    for done, (name, kind) in enumerate(KINDS.items()):
        planes[name] = measure(kind, smoke)
        if progress:
            progress("run each rule", done + 1, len(KINDS))
    data = Phases(planes, twins(), held())
    return Reproduction(claims(data), data)


def claims(data: Phases) -> tuple[Claim, ...]:
    """What the planes must show.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    out = []
    formulas = {"heavy ball": "2 (1 + b)", "Nesterov": "2 (1 + b)/(1 + 2b)", "low pass": "2 (2 - B)/B"}
    for name, plane in data.planes.items():
        kind = KINDS[name]
        told = kind.limit(plane.edge_kept)
        edge = float(np.abs(plane.edges / told - 1).max())
        clear = np.abs(plane.told - 1) > 2e-3
        wrong = int((clear & ((plane.growth > 1) != (plane.told > 1))).sum())
        off = np.abs(plane.growth - plane.told)
        critical = kind.critical(plane.damping_lrs)
        damp = float(np.abs(plane.damping - critical).max())
        out += [
            Claim(
                f"{name}: the largest stable lr times curvature is {formulas[name]}",
                ", ".join(f"{v:.4f}" for v in told[:: max(1, len(told) // 3)]),
                ", ".join(f"{v:.4f}" for v in plane.edges[:: max(1, len(told) // 3)]) + f"; all within {edge:.1e}",
                edge < 2e-4,
            ),
            Claim(
                f"{name}: runs shrink where the spectral radius is below 1 and grow where it is above",
                f"all of {int(clear.sum())} cells (of {clear.size}; the others are within 0.002 of 1)",
                f"{wrong} do otherwise",
                wrong == 0,
            ),
            Claim(
                f"{name}: the factor per step is the spectral radius",
                "median within 0.002, all within 0.03",
                f"median {np.median(off):.1e}, worst {off.max():.1e}",
                float(np.median(off)) < 2e-3 and float(off.max()) < 0.03,
            ),
            Claim(
                f"{name}: it begins to swing at critical damping, lr times curvature from 0.02 to 0.8",
                ("1 - B: " if name == "low pass" else "b: ")
                + ", ".join(f"{v:.3f}" for v in critical[:: max(1, len(critical) // 4)]),
                ", ".join(f"{v:.3f}" for v in plane.damping[:: max(1, len(critical) // 4)])
                + f"; all within {damp:.4f}",
                damp < 0.003,
            ),
        ]
        for kappa, (lr, kept, rate) in plane.best.items():
            best = kind.best(kappa)
            out.append(
                Claim(
                    f"{name}: the best lr and {'1 - B' if name == 'low pass' else 'momentum'} for curvatures from "
                    f"1/{kappa:g} to 1",
                    f"lr {best[0]:.4f}, {best[1]:.4f}, rate {best[2]:.4f}",
                    f"fastest of a grid: lr {lr:.4f}, {kept:.4f}, rate {rate:.4f}",
                    abs(lr / best[0] - 1) < 3 * plane.spacing[0]
                    and abs(kept - best[1]) < 3 * plane.spacing[1]
                    and -0.01 < rate - best[2] < 6 * plane.spacing[1],
                )
            )
    a, b, c = data.buffers
    out += [
        Claim(
            "The low-pass form is heavy ball with lr B and momentum 1 - B",
            "equal to rounding, at 200 pairs for 300 steps",
            f"largest difference {data.twin:.1e}",
            data.twin < 1e-10,
        ),
        Claim(
            "The notes call the buffer of momentum and of Nesterov a decaying average; imprecise: it is a sum, which a "
            "constant gradient of 1 makes 1/(1 - b). The low-pass form's is an average",
            "b = 0.9: 10, 10; B = 0.1: 1",
            f"{a:.6f}, {b:.6f}; {c:.6f}",
            abs(a - 10) < 1e-9 and abs(b - 10) < 1e-9 and abs(c - 1) < 1e-9,
        ),
    ]
    return tuple(out)


def figure(reproduction: Reproduction) -> Figure:
    """One plane for each rule: measured factor per step as fill, theory as lines.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from trainability.gallery._lr_momentum_figure import draw

    return draw(reproduction.data)
