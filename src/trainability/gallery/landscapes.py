"""Every update rule on seven functions of two variables, from many starts: who arrives, how often, and how fast.

Each rule runs from random starts at its default learning rate and at the one of a grid that did best from *other* starts (least
mean time, a run that fails counted as twice the budget). "Arrived" is the first step from which the gap f - f* stays at or
below 1e-4 up to the end of the budget. AdamW's decay pulls to the origin, which is where four of the seven minima are.

Prediction: on a quadratic with condition number k gradient descent's best rate is (k - 1)/(k + 1), momentum's
(√k - 1)/(√k + 1), Newton needs one step, and each run's arrival is known in closed form. Rules along the gradient, and Newton,
do not notice that axes are turned; rules that divide each coordinate by its own size do. Gradient descent leaves a strict
saddle from almost every start, but not from its stable manifold. On a plateau 1 - exp(-r²/2) it needs
(Ei(r²/2) - Ei(r_end²/2)) / (2 lr) steps, a rule with steps of length lr about r/lr. Newton's formula without a positive
definite Hessian goes to saddles or away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite, log, sqrt
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expi
from torch import Tensor

from trainability.gallery import _landscapes as lands
from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.gallery._paired import Interval, median
from trainability.lab import run_all
from trainability.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    LowPass,
    Momentum,
    Nesterov,
    Newton,
    RMSprop,
    Rule,
)
from trainability.theory.stability import iterates, optimum
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Every update rule on seven landscapes from hundreds of starts: who arrives, and how fast"
SOURCE = (
    "Lecture notes on the optimization of neural networks (saddles, pathological curvature, 'faster convergence: adaptive "
    "methods', Newton's formula); Goh 2017, Why momentum really works, Distill (rates on a quadratic); Lee, Simchowitz, Jordan "
    "and Recht 2016, arXiv 1602.04915 (gradient descent leaves strict saddles)."
)

Floats = NDArray[np.float64]
TARGET = 1e-4


def _textbook(lr: float | Tensor = 1.0) -> Newton:
    return Newton(lr=lr, absolute=False, floor=0.0)


RULES: dict[str, Callable[..., Rule]] = {
    "SGD": SGD,
    "Momentum": Momentum,
    "LowPass": LowPass,
    "Nesterov": Nesterov,
    "Adagrad": Adagrad,
    "RMSprop": RMSprop,
    "Adadelta": Adadelta,
    "Adam": Adam,
    "Adamax": Adamax,
    "AMSGrad": AMSGrad,
    "AdamW": AdamW,
    "Newton, textbook": _textbook,
    "Newton, sizes": Newton,
}
"""Name -> rule with its defaults; "sizes" takes |H|, the sizes of H's eigenvalues."""
LINEAR = ("SGD", "Momentum", "LowPass", "Nesterov")
ADAPTIVE = ("Adagrad", "RMSprop", "Adadelta", "Adam", "Adamax", "AMSGrad", "AdamW")
IN_THEORY = {
    "SGD": ("gradient_descent", {}),
    "Momentum": ("heavy_ball", {"momentum": 0.9}),
    "LowPass": ("low_pass", {"weight": 0.1}),
    "Nesterov": ("nesterov", {"momentum": 0.9}),
}
DRAWN = ("quadratic, turned", "Rosenbrock")
PATHS = ("SGD", "Momentum", "Adam", "RMSprop", "Newton, sizes")
BEGIN = {"quadratic, turned": (-2.5, -0.9), "Rosenbrock": (-1.2, 1.0)}


@dataclass(frozen=True)
class Entry:
    """One rule on one landscape.

    Args:
        rule: key of `RULES`; landscape: a name.
        lr: the best of the grid from other starts; default: the rule's own.
        steps: the budget.
        arrived: first step from which a run stays at the target, one a start, infinite where it never does.
        at_default: the same at the default lr.
    """

    rule: str
    landscape: str
    lr: float
    default: float
    steps: int
    arrived: Floats
    at_default: Floats

    @property
    def count(self) -> int:
        """Starts that arrived."""
        return int(np.isfinite(self.arrived).sum())

    @property
    def share(self) -> float:
        """Share of starts that arrived."""
        return self.count / len(self.arrived)

    @property
    def wilson(self) -> tuple[float, float]:
        """Its 95% interval."""
        return interval(self.count, len(self.arrived))

    @property
    def median(self) -> Interval:
        """Median time, with its 95% interval."""
        return median(self.arrived)

    def says(self) -> str:
        """The share with its interval, in words."""
        low, high = self.wilson
        return f"{self.rule} {self.share:.0%} ({low:.0%} to {high:.0%})"


@dataclass(frozen=True)
class Landscapes:
    """The numbers behind the figure.

    Args:
        entries: rule by landscape.
        rates: rule -> (predicted, measured) factor per step on the quadratic at the theory's own best values.
        on_manifold: rule -> how many of the runs that began on the saddle's stable manifold reached a minimum, of how many.
        crossing: rule -> (lr, r/lr, measured median time to come from radius r = 4 to 1 on the plateau).
        starts: landscape -> starts (n, 2).
        paths: (landscape, rule) -> (steps + 1, 2) at the best lr, from `BEGIN`.
    """

    entries: tuple[Entry, ...]
    rates: dict[str, tuple[float, float]]
    on_manifold: dict[str, tuple[int, int]]
    crossing: dict[str, tuple[float, float, float]]
    starts: dict[str, Floats]
    paths: dict[tuple[str, str], Floats]

    def at(self, rule: str, landscape: str) -> Entry:
        """The entry of a rule and a landscape."""
        return next(e for e in self.entries if (e.rule, e.landscape) == (rule, landscape))


def grid(rule: str, size: int) -> Tensor:
    """The learning rates a rule is tried at: (G,), float64."""
    if rule.startswith("Newton"):
        return torch.tensor([0.125, 0.25, 0.5, 1.0], dtype=torch.float64)
    return 10 ** torch.linspace(-4, 1, size, dtype=torch.float64)


def _steps(rule: str, steps: int) -> int:
    return max(20, steps // 20) if rule.startswith("Newton") else steps


def best(arrived: Tensor, steps: int) -> Tensor:
    """Which lr has the least mean time, a run that does not arrive counted as twice the budget.

    Args:
        arrived: (L, G, n).
        steps: the budget.

    Returns:
        Indices (L,); the lower lr among equals.
    """
    return torch.where(torch.isfinite(arrived), arrived, 2.0 * steps).mean(-1).argmin(1)


def measure(rule: str, count: int, tuning: int, size: int, steps: int) -> tuple[list[Entry], tuple[int, int], dict]:
    """Tune a rule on some starts of every landscape, judge it on others.

    Args:
        rule: key of `RULES`.
        count: starts it is judged on; tuning: those it is tuned on; size: of the grid.
        steps: budget; Newton has a twentieth.

    Returns:
        Its entries; how many of 20 runs from the saddle's stable manifold arrived; its paths by landscape.
    """
    make, budget, number = RULES[rule], _steps(rule, steps), len(lands.ALL)
    rates = grid(rule, size)

    def run_from(starts: Tensor, lr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`lr` is (L,)."""
        flat = lr[:, None].expand(starts.shape[:2]).reshape(-1)
        return lands.race(make(lr=flat), lands.ALL, starts, budget, TARGET)

    first = torch.stack([land.starts(tuning, 1) for land in lands.ALL])
    stack = first[:, None].expand(number, len(rates), tuning, 2).reshape(number, -1, 2)
    lr = rates[None, :, None].expand(number, -1, tuning).reshape(-1)
    tuned, _, _ = lands.race(make(lr=lr), lands.ALL, stack, budget, TARGET)
    chosen = rates[best(tuned.view(number, len(rates), tuning), budget)]

    starts = torch.stack([land.starts(count, 2) for land in lands.ALL])
    default = float(make().lr)
    both = torch.cat((starts, starts), 1)
    flat = torch.cat((chosen[:, None].expand(-1, count), torch.full((number, count), default, dtype=torch.float64)), 1)
    arrived, _, _ = lands.race(make(lr=flat.reshape(-1)), lands.ALL, both, budget, TARGET)
    found = arrived.numpy()
    entries = [
        Entry(rule, land.name, float(chosen[i]), default, budget, found[i, :count], found[i, count:])
        for i, land in enumerate(lands.ALL)
    ]
    saddle = lands.get("saddle")
    on = saddle.starts(20, 3)
    on[:, 0] = 0.0
    lr_there = chosen[[land.name for land in lands.ALL].index("saddle")]
    stuck, _, _ = lands.race(make(lr=lr_there.expand(20)), [saddle], on[None], min(budget, 200), TARGET)
    paths = {}
    for name in DRAWN if rule in PATHS else ():
        begin = torch.tensor(BEGIN[name], dtype=torch.float64)[None, None]
        lr_here = chosen[[land.name for land in lands.ALL].index(name)]
        _, _, path = lands.race(make(lr=lr_here[None]), [lands.get(name)], begin, min(budget, 400), TARGET)
        paths[name, rule] = path[:, 0].numpy()
    return entries, (int(torch.isfinite(stuck).sum()), 20), paths


def measured_rates() -> dict[str, tuple[float, float]]:
    """The factor per step on the quadratic at the theory's best values, predicted and over steps 60 to 90.

    Momentum's double root makes its distance t · rate^t; that factor t is divided out.
    """
    quadratic = lands.get("quadratic")
    told = {"SGD": optimum.gradient_descent(1.0, lands.CONDITION), "Momentum": optimum.heavy_ball(1.0, lands.CONDITION)}
    out = {}
    for name, best_values in told.items():
        more = {"momentum": float(best_values.momentum)} if name == "Momentum" else {}
        rule = RULES[name](lr=float(best_values.lr), **more)
        start = torch.tensor([[[1.7, 0.9]]], dtype=torch.float64)
        _, _, path = lands.race(rule, [quadratic], start, 90, TARGET)
        a, b = (float(path[t].norm()) / (t if name == "Momentum" else 1) for t in (60, 90))
        out[name] = float(best_values.rate), (b / a) ** (1 / 30)
    return out


def crossing(steps: int, count: int) -> dict[str, tuple[float, float, float]]:
    """How long rules with steps of about lr take from radius 4 to radius 1 on the plateau, against 3/lr."""
    plateau = lands.get("plateau")
    angle = 2 * torch.pi * torch.arange(count, dtype=torch.float64) / count
    starts = 4 * torch.stack((angle.cos(), angle.sin()), -1)[None]
    lr = 6.0 / steps
    out = {}
    for name in ("Adam", "Adamax", "AMSGrad"):
        near, _, _ = lands.race(RULES[name](lr=lr), [plateau], starts, steps, 1 - float(np.exp(-0.5)))
        out[name] = lr, 3 / lr, median(near[0].numpy()).value
    return out


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Race 13 rules with 400 starts on each landscape, 2000 steps; `smoke`: 60 starts, 200 steps, a coarser grid.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are Landscapes.
    """
    count, tuning, size, steps = (60, 16, 11, 160) if smoke else (400, 60, 16, 2000)
    jobs = [lambda name=name: measure(name, count, tuning, size, steps) for name in RULES]
    seen = 0

    def done(index: int) -> None:
        nonlocal seen
        seen += 1
        if progress:
            progress("race every rule down every landscape", seen, len(jobs))

    found = run_all(jobs, done=done)
    entries = tuple(entry for part, _, _ in found for entry in part)
    manifold = {name: stuck for name, (_, stuck, _) in zip(RULES, found, strict=True)}
    paths = {key: path for _, _, part in found for key, path in part.items()}
    starts = {land.name: land.starts(count, 2).numpy() for land in lands.ALL}
    data = Landscapes(entries, measured_rates(), manifold, crossing(150 if smoke else 600, 24), starts, paths)
    return Reproduction(claims(data), data)


def predicted_arrivals(rule: str, lr: float, starts: Floats, steps: int) -> Floats:
    """When a linear rule arrives on the quadratic, from the closed form of each direction, without taking a step.

    Args:
        rule: one of `LINEAR`.
        lr: learning rate.
        starts: (n, 2).
        steps: the budget.

    Returns:
        (n,), infinite where it does not within the budget.
    """
    name, hyper = IN_THEORY[rule]
    curvature = np.array([1.0, lands.CONDITION])
    with np.errstate(over="ignore", invalid="ignore"):
        factors = iterates(name, lr, curvature, np.arange(steps + 1), **hyper)
        gap = 0.5 * np.einsum("tk,nk,k->nt", factors**2, starts**2, curvature)
    outside = ~(gap <= TARGET)
    last = steps - np.argmax(outside[:, ::-1], axis=1)
    when = np.where(outside.any(1), last + 1.0, 0.0)
    return np.where(outside[:, -1], inf, when)


def plateau_share(lr: float, steps: int) -> float:
    """The share of plateau starts from which gradient flow arrives in lr · steps, by the exponential integral."""
    low, high = lands.get("plateau").annulus or (0.0, 0.0)
    end = -2 * log(1 - TARGET)  # r² at the target
    radii = np.linspace(low, high, 20_001)
    need = (expi(radii**2 / 2) - expi(end / 2)) / (2 * lr)
    return float((need <= steps).mean())


def claims(data: Landscapes) -> tuple[Claim, ...]:
    """What the races must show.

    Args:
        data: from `run`.

    Returns:
        Claims; random shares are tested within 4 standard errors.
    """
    return (*_quadratic_claims(data), *_other_claims(data))


def _quadratic_claims(data: Landscapes) -> list[Claim]:
    k = lands.CONDITION
    sgd, ball = data.rates["SGD"], data.rates["Momentum"]
    wrong = {}
    for rule in LINEAR:
        e = data.at(rule, "quadratic")
        told = predicted_arrivals(rule, e.lr, data.starts["quadratic"], e.steps)
        wrong[rule] = int((told != e.arrived).sum())
    newton = [data.at(rule, land) for rule in RULES if rule.startswith("Newton") for land in ("quadratic", DRAWN[0])]
    equal, moved = {}, {}
    for rule in (*LINEAR, *ADAPTIVE):
        a, b = data.at(rule, "quadratic"), data.at(rule, "quadratic, turned")
        if rule in LINEAR:
            # Rounding may move an arrival by a step.
            same = np.isclose(a.arrived, b.arrived, rtol=0, atol=1)
            equal[rule] = float(same.mean()) if a.lr == b.lr else 0.0
        else:
            some = np.isfinite(a.arrived) | np.isfinite(b.arrived)
            if some.mean() > 0.5:  # a rule that arrives on neither shows nothing
                moved[rule] = float((a.arrived != b.arrived)[some].mean()) > 0.5
    return [
        Claim(
            f"On a quadratic with condition number {k:g} the best rates are (k - 1)/(k + 1) for gradient descent and "
            "(√k - 1)/(√k + 1) for momentum",
            f"{(k - 1) / (k + 1):.4f} and {(sqrt(k) - 1) / (sqrt(k) + 1):.4f} a step",
            f"{sgd[1]:.4f} and {ball[1]:.4f}",
            abs(sgd[1] - (k - 1) / (k + 1)) < 1e-3 and abs(ball[1] - (sqrt(k) - 1) / (sqrt(k) + 1)) < 5e-3,
        ),
        Claim(
            "There the arrival of every single run of a linear rule is known from its closed form",
            f"none of {len(data.starts['quadratic'])} starts differs",
            ", ".join(f"{rule} (lr {data.at(rule, 'quadratic').lr:.2g}): {n} differ" for rule, n in wrong.items()),
            all(n == 0 for n in wrong.values()),
        ),
        Claim(
            "Newton arrives in one step on a quadratic, however its axes lie",
            "1 step, every start",
            ", ".join(f"{e.rule} on {e.landscape}: {e.arrived.min():g} to {e.arrived.max():g}" for e in newton),
            all((e.arrived == 1).all() for e in newton),
        ),
        Claim(
            "Turning the axes by 45° changes nothing for a rule along the gradient; rules that scale each coordinate by "
            "itself owe part of what they show on the aligned quadratic to its alignment",
            f"{', '.join(LINEAR)}: the same arrival from every start; {', '.join(moved)}: another from most",
            "same for "
            + ", ".join(f"{rule} {share:.0%}" for rule, share in equal.items())
            + "; median time aligned and turned: "
            + ", ".join(
                f"{r} {data.at(r, 'quadratic').median.value:g} and {data.at(r, 'quadratic, turned').median.value:g}"
                for r in moved
            ),
            all(share == 1 for share in equal.values()) and all(moved.values()),
        ),
    ]


def _other_claims(data: Landscapes) -> list[Claim]:
    n = len(data.starts["saddle"])
    saddle = data.at("SGD", "saddle")
    trapped = float((np.abs(data.starts["saddle"][:, 0]) < 1 / sqrt(5)).mean())
    textbook, sizes = (data.at(f"Newton, {form}", "saddle") for form in ("textbook", "sizes"))
    sgd = data.at("SGD", "plateau")
    share = plateau_share(sgd.lr, sgd.steps)
    slack = 4 * sqrt(share * (1 - share) / n) + 0.03
    away = data.at("Newton, textbook", "plateau")
    back = data.at("Newton, sizes", "plateau")
    faster, slower = _contest(data)
    lr, near, _ = data.crossing["Adam"]
    slow = float(expi(8.0) - expi(0.5)) / (2 * lr)
    return [
        Claim(
            "Gradient descent leaves a strict saddle from random starts",
            "every start arrives at a minimum",
            saddle.says(),
            saddle.share == 1,
        ),
        Claim(
            "But not from the saddle's stable manifold: no rule that steps along gradient, coordinate or curvature leaves it",
            "0 of 20, every rule",
            ", ".join(f"{rule} {hit}" for rule, (hit, _) in data.on_manifold.items()),
            all(hit == 0 for hit, _ in data.on_manifold.values()),
        ),
        Claim(
            "Newton's formula as the source prints it needs a positive definite Hessian, which the source does not say: with "
            "lr 1 on this saddle it goes to the saddle itself from |x| < 1/√5, and nowhere else does it fail; with the sizes "
            "of the eigenvalues it arrives from everywhere",
            f"textbook {1 - trapped:.1%} of these starts (lr 1), sizes 100%",
            f"textbook {textbook.share:.1%} (lr {textbook.lr:g}), sizes {sizes.share:.1%}",
            textbook.lr == 1 and textbook.count == round((1 - trapped) * n) and sizes.share == 1,
        ),
        Claim(
            "On the plateau, where the curvature along the radius is negative beyond r = 1, textbook Newton walks away from "
            "every start (r becomes r³/(r² - 1) > r)",
            "textbook 0%, sizes more than half",
            f"{away.says()}; {back.says()}",
            away.count == 0 and back.wilson[0] > 0.5,
        ),
        Claim(
            "Gradient descent crosses a plateau in a time that grows like exp(r²/2): which starts arrive is an exponential "
            "integral",
            f"{share:.1%} of the starts at lr {sgd.lr:.2g} in {sgd.steps} steps (within {slack:.1%})",
            sgd.says(),
            abs(sgd.share - share) <= slack,
        ),
        Claim(
            "Rules whose step has the length lr cross it in about distance/lr, however flat it is (Adam is a little quicker, "
            "for its second moment lags behind a growing gradient, Adamax slower, for its first does)",
            f"from r = 4 to 1 in {near:.0f} steps within a factor of 2; gradient descent would need {slow:.0f}",
            ", ".join(f"{rule}: {seen:.0f} steps" for rule, (_, _, seen) in data.crossing.items()),
            all(told / 2 <= seen <= 2 * told for _, told, seen in data.crossing.values()) and slow > 10 * near,
        ),
        Claim(
            "'Faster convergence: adaptive methods' (the source's heuristic) does not hold in general: which family is faster, "
            "each at the best of its rules and rates, depends on the landscape",
            "at least one landscape each way, with medians whose 95% intervals do not meet",
            f"adaptive faster on {', '.join(faster) or 'none'}; gradient and momentum faster on {', '.join(slower) or 'none'}",
            bool(faster) and bool(slower),
        ),
    ]


def _contest(data: Landscapes) -> tuple[list[str], list[str]]:
    """Landscapes on which the best adaptive rule is faster than the best linear one, and the other way."""
    faster, slower = [], []
    for land in lands.ALL:
        a = min((data.at(rule, land.name).median for rule in ADAPTIVE), key=lambda m: m.value)
        b = min((data.at(rule, land.name).median for rule in LINEAR), key=lambda m: m.value)
        words = f"{land.name} ({_number(a.value)} against {_number(b.value)} steps)"
        if a.high < b.low:
            faster.append(words)
        elif b.high < a.low:
            slower.append(words)
    return faster, slower


def _number(steps: float) -> str:
    return f"{steps:.0f}" if isfinite(steps) else "never"


def figure(reproduction: Reproduction) -> Figure:
    """Shares and times as two tables above, paths of some rules on two landscapes below.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from trainability.gallery._landscapes_figure import draw

    return draw(reproduction.data)
