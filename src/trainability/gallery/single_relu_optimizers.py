"""Which optimizer takes one ReLU from which start to the target weight, over starts and learning rates, and why.

relu(w x) against relu(x), mean squared error without the 1/2, 100 inputs from N(0, 1) a draw, starts in [-3, 3]. For w < 0
the unit answers where x < 0: the gradient is not 0 but lam w, lam = 2 mean(x² 1{x < 0}), about 1, and pulls to 0. Prediction:

linear rules      the start is a factor, and only the lr decides: gradient descent passes 0 iff lr lam > 1, momentum iff
                  √(lr lam) > 1 - √beta, Nesterov iff √(lr lam) > (1 - beta)/(1 + beta), Newton iff lr > 1
adaptive rules    the data are a factor, and only |w_0|/lr decides: Adagrad passes from |w_0| < lr, the others from a few
                  hundred lr; the reach of those that forget (RMSprop, Adam, Adamax) grows with the number of steps
Adadelta          in the end a step of lr times the gradient: passes iff lr lam > 1, as gradient descent
fresh batches     SGD passes with the probability of a chi-square tail, from any start
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.integrate import quad

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.gallery._shares import words
from trainability.gallery._single_relu_optimizers_runs import (
    DIVERGED,
    KINDS,
    STUCK,
    TRAINED,
    Floats,
    Kind,
    Runs,
    by_the_lab,
    sample,
    simulate,
)
from trainability.theory.one_relu import crossing, scale_free

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Which optimizer takes one ReLU from which start to its target, and at which learning rate"
SOURCE = (
    'A public question, "ReLU can\'t learn ReLU" (one weight, target relu(x)), and its accepted answer, which tries '
    "SGD, momentum, "
    "Adam and AMSGrad from two starts."
)

LINEAR = [name for name, kind in KINDS.items() if kind.family == "linear"]
ADAPTIVE = [name for name, kind in KINDS.items() if kind.family == "scale-free"]
FORGET, REMEMBER = ("RMSprop", "Adam", "Adamax"), ("Adagrad", "AMSGrad")
FAR_LR = 0.01


@dataclass(frozen=True, eq=False)
class Far:
    """One adaptive rule from many distances, at lr 0.01.

    Args:
        distance: (n,), |w_0|/lr.
        crossed: (n,), step at which a run passed 0, -1 for none; single: the same in float32, for rules that forget.
        told, told_single: by theory; float32 rounds to 0 below 7e-46.
        steps: of the runs.
    """

    distance: Floats
    crossed: NDArray[np.int64]
    single: NDArray[np.int64]
    told: NDArray[np.int64]
    told_single: NDArray[np.int64]
    steps: int

    def reach(self, steps: int) -> float:
        """The largest distance up to which all runs pass 0 within so many steps."""
        late = (self.crossed < 0) | (self.crossed > steps)
        return float(self.distance[np.argmax(late) - 1]) if late.any() else float(self.distance[-1])


@dataclass(frozen=True, eq=False)
class Study:
    """The numbers behind the figure.

    Args:
        runs: name of a kind -> its runs.
        told: the step at which each run passes 0 by theory, -1 for none, (S, L, seeds); for linear and adaptive rules.
        reach: adaptive rule -> largest |w_0|/lr within the steps of `runs`, by theory.
        later: adaptive rule -> runs from many distances.
        later_reach: adaptive rule -> by theory, the reach after a quarter of the steps of `later`, half, and all of them.
        one_sided: name -> last weight from -1 at the rule's usual lr where all inputs are positive.
        lab: name -> largest difference between last weights here and by `train_ensemble`, for a few runs.
        cycles: momentum 0.9 with long steps on data that are the same on both sides of 0.
        told_cycles: the lengths of its periodic paths for each lr, by theory.
    """

    runs: dict[str, Runs]
    told: dict[str, NDArray[np.int64]]
    reach: dict[str, float]
    later: dict[str, Far]
    later_reach: dict[str, tuple[float, ...]]
    one_sided: dict[str, float]
    lab: dict[str, float]
    cycles: Runs
    told_cycles: tuple[tuple[int, ...], ...]


def linear_steps(name: str, runs: Runs) -> NDArray[np.int64]:
    """The step at which runs of a linear rule pass 0, by its closed form for each lr and each draw of the data.

    Args:
        name: in `LINEAR`.
        runs: whose starts, lrs and draws count.

    Returns:
        (S, L, seeds); -1 for none within the steps, and for starts that are not below 0.
    """
    out = np.full(runs.end.shape, -1, np.int64)
    for j, lr in enumerate(runs.lrs):
        for k, below in enumerate(runs.below):
            found = _linear_step(name, float(lr), float(2 * below))
            if found is not None and found <= runs.steps:
                out[runs.starts < 0, j, k] = found
    return out


def _linear_step(name: str, lr: float, lam: float) -> int | None:
    match name:
        case "gradient descent":
            return 1 if lr * lam > 1 else None
        case "momentum 0.9":
            return crossing.momentum_crossing_step(lr * lam, 0.9, convention="mse")
        case "low-pass 0.1":
            return crossing.momentum_crossing_step(0.1 * lr * lam, 0.9, convention="mse")
        case "Nesterov 0.9":
            return crossing.nesterov_crossing_step(lr * lam, 0.9, convention="mse")
        case _:
            return 1 if lr > 1 else None


def settles_below() -> float:
    """The lr of SGD on single samples below which a weight above 0 comes to its target, almost surely.

    E log|1 - 2 lr x²| < 0 for x ~ N(0, 1)

    Returns:
        The root.
    """
    from scipy.optimize import brentq

    def mean(lr: float) -> float:
        kink = 1 / math.sqrt(2 * lr)

        def part(x: float) -> float:
            return math.log(abs(1 - 2 * lr * x * x) + 1e-300) * math.exp(-x * x / 2) * math.sqrt(2 / math.pi)

        return sum(quad(part, *ends, limit=200)[0] for ends in ((0, kink), (kink, 2 * kink), (2 * kink, 12 + 2 * kink)))

    return float(brentq(mean, 0.1, 5.0))


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """41 starts, 29 learning rates, 20 draws of the data, 2000 steps; `smoke`: 11, 15, 4, 600.

    Newton's step, which does not know the data, is run from 11 starts on 2 draws.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Study.
    """
    n_starts, n_lrs, seeds, steps, far_steps = (11, 15, 4, 600, 900) if smoke else (41, 29, 20, 2000, 8000)
    starts, lrs, x = np.linspace(-3, 3, n_starts), np.geomspace(1e-3, 10**0.5, n_lrs), sample(seeds)
    few = np.linspace(-3, 3, 11)
    total, done = len(KINDS) + len(ADAPTIVE) + 1, 0

    def tick(stage: str) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(stage, done, total)

    runs, told, reach = {}, {}, {}
    for name, kind in KINDS.items():
        runs[name] = (
            simulate(kind, starts, lrs, x, steps) if name != "Newton" else simulate(kind, few, lrs, x[:2], steps)
        )
        tick("run every rule")
    for name in LINEAR:
        told[name] = linear_steps(name, runs[name])
    for name in ADAPTIVE:
        rule = _law(name)
        ratio = np.maximum(-starts[:, None], 0) / lrs
        found = np.full(ratio.shape, -1)
        found[ratio > 0] = scale_free.crossing_steps(rule, ratio[ratio > 0], steps)
        told[name] = np.repeat(found[..., None], seeds, -1)
        reach[name] = scale_free.reach(rule, steps)
    distance = np.geomspace(0.5, 3000, 30 if smoke else 120)
    later, later_reach = {}, {}
    for name in ADAPTIVE:
        kind, rule = KINDS[name], _law(name)
        both = [simulate(kind, -FAR_LR * distance, np.array([FAR_LR]), x[:1], far_steps, dtype).crossed[:, 0, 0]
                for dtype in ((torch.float64, torch.float32) if name in FORGET else (torch.float64,))]  # fmt: skip
        laws = [scale_free.crossing_steps(rule, distance, far_steps, floor=f) for f in (1e-290, 7e-46 / FAR_LR)]
        later[name] = Far(distance, both[0], both[-1], laws[0], laws[1], far_steps)
        later_reach[name] = tuple(scale_free.reach(rule, far_steps // part) for part in (4, 2, 1))
        tick("from farther, for longer")
    one_sided = {
        name: float(simulate(kind, np.array([-1.0]), np.array([kind.default]), np.abs(x[:1]), 100).end.ravel()[0])
        for name, kind in KINDS.items()
        if kind.batch is None
    }
    compared = ("Adam",) if smoke else ("gradient descent", "momentum 0.9", "Adam")
    lab = {name: _by_the_lab(KINDS[name], x, steps=40 if smoke else 300) for name in compared}
    long = np.arange(0.25, 3.8, 0.5 if smoke else 0.125)
    cycles = simulate(KINDS["momentum 0.9"], starts, long, np.array([[-1.0, 1.0]]), 500 if smoke else 1000)
    told_cycles = tuple(tuple(crossing.momentum_cycles(float(lr), 0.9, convention="mse")) for lr in long)
    tick("compare with the lab")
    data = Study(runs, told, reach, later, later_reach, one_sided, lab, cycles, told_cycles)
    return Reproduction(claims(data), data)


def _law(name: str) -> str:
    return "adam" if name == "AdamW" else name.lower()


def _by_the_lab(kind: Kind, x: Floats, steps: int) -> float:
    starts, lrs = np.array([-1.0, -2.0, 0.5]), np.array([0.01, 0.1])
    mine = simulate(kind, starts, lrs, x[:2], steps).end
    s, r, k = (v.ravel() for v in np.meshgrid(starts, lrs, np.arange(2), indexing="ij"))
    return float(np.max(abs(by_the_lab(kind, s, r, x[k], steps) - mine.ravel())))


def claims(data: Study) -> tuple[Claim, ...]:
    """What the numbers must show.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    return (*_linear_claims(data), *_adaptive_claims(data), *_noise_claims(data), *_other_claims(data))


def negative(runs: Runs) -> NDArray[np.bool_]:
    """Which starts are below 0."""
    return np.asarray(runs.starts < 0)


def _at(runs: Runs, lr: float) -> int:
    return int(np.argmin(abs(np.log(runs.lrs / lr))))


def _linear_claims(data: Study) -> list[Claim]:
    wrong, spread, members, settled = {}, {}, 0, []
    for name in LINEAR:
        runs, told = data.runs[name], data.told[name]
        below = negative(runs)
        wrong[name] = int((runs.crossed[below] != told[below]).sum())
        spread[name] = int(np.ptp(runs.crossed[below], axis=0).max())
        members = told[below].size
        lam = torch.as_tensor(2 * runs.above)
        stable = np.array([float(KINDS[name].made(float(runs.lrs[0])).stable_lr(float(v))) for v in lam])
        if name == "Newton":
            stable = np.full_like(stable, 2.0)
        # Momentum with longer steps than a tenth of the stable ones can cycle: another claim.
        most = stable / (10.0 if "momentum" in name or "low-pass" in name else 1.6)
        inside = (runs.lrs[:, None] < most) & (runs.lrs[:, None] * runs.steps > 12)
        clear = np.broadcast_to(inside | (runs.lrs[:, None] > 1.05 * stable), told.shape)
        wins = np.broadcast_to(runs.lrs[:, None] < stable, told.shape) & ((told > 0) & (told < 0.5 * runs.steps))
        loses = np.broadcast_to(runs.lrs[:, None] > stable, told.shape) | (told < 0)
        counted = clear & (wins | loses) & below[:, None, None]
        seen = (runs.outcome == TRAINED)[counted]
        settled.append((name, int(counted.sum()), int((seen != wins[counted]).sum())))
    never = (data.cycles.outcome != TRAINED)[data.cycles.starts < 0].any((0, 2))
    seen_lrs = [round(float(v), 6) for v in data.cycles.lrs[never]]
    told_lrs = [round(float(v), 6) for v, found in zip(data.cycles.lrs, data.told_cycles, strict=True) if found]
    newton = data.runs["Newton"]
    one = _at(newton, 1.0)
    landed = newton.end[negative(newton), one]
    shares = {n: _share(data.runs[n], KINDS[n].default) for n in LINEAR}
    grid = data.runs["gradient descent"]
    ratio = grid.lrs[1] / grid.lrs[0]
    middle = float(np.median(2 * grid.below))
    edges = {
        "gradient descent": 1 / middle, "momentum 0.9": (1 - math.sqrt(0.9)) ** 2 / middle,
        "low-pass 0.1": 10 * (1 - math.sqrt(0.9)) ** 2 / middle, "Nesterov 0.9": (0.1 / 1.9) ** 2 / middle, "Newton": 1.0,
    }  # fmt: skip
    return [
        Claim(
            "Linear rules: the step at which a run passes 0, run by run, from the curvature of its own data",
            f"the closed form's, for each of {members} runs of each rule",
            ", ".join(f"{n}: {w} differ" for n, w in wrong.items()),
            all(w <= 0.002 * members for w in wrong.values()),
        ),
        Claim(
            "Linear rules: how far below 0 the start lies does not matter, so that no start helps where the lr does not",
            "the same step from every start, for each lr and draw of the data",
            ", ".join(f"{n}: {s} steps apart" for n, s in spread.items()),
            all(s == 0 for s in spread.values()),
        ),
        Claim(
            "Linear rules: a run that passes 0 trains where the lr is stable at the target, since it comes back below 0 only "
            "to pass again (momentum: up to a tenth of the stable lr)",
            "trained iff it passes and lr < the rule's stable lr, edges and runs too slow for the budget left out",
            ", ".join(f"{n}: {w} of {m} not so" for n, m, w in settled),
            all(w <= 0.01 * m and m > 0 for _, m, w in settled),
        ),
        Claim(
            "Momentum 0.9 with lr lam of about 1 and more can go round for ever, below 0 and above the target by "
            "turns, though "
            "the lr is stable on either side: from some starts it neither sticks nor arrives",
            "cycles of up to 8 steps exist for lr " + (", ".join(f"{v:g}" for v in told_lrs) or "none"),
            "some start ends in none but a cycle for lr " + (", ".join(f"{v:g}" for v in seen_lrs) or "none"),
            len(told_lrs) > 0 and len(set(told_lrs) ^ set(seen_lrs)) <= 0.1 * len(data.cycles.lrs)
            and min(told_lrs) > 0.5 and bool(seen_lrs),
        ),
        Claim(
            "Smallest lr with which half of the draws pass 0 from below (curvature 1 in the mean)",
            ", ".join(f"{n} {v:.3g}" for n, v in edges.items()),
            ", ".join(f"{n} {_half(data.runs[n]):.3g}" for n in LINEAR) + f", on a grid of ratio {ratio:.2f}",
            all(abs(math.log(_half(data.runs[n]) / v)) < 1.6 * math.log(ratio) for n, v in edges.items()),
        ),
        Claim(
            "Newton's step from below goes to (1 - lr) w whatever the data are: with lr 1 to 0 itself, where gradient and "
            "curvature are 0 and the step is undefined; it passes only with lr > 1, where it is no longer Newton's",
            "lr 1: all stuck within rounding of 0; lr in (1, 2): all train",
            f"lr {newton.lrs[one]:g}: {int((newton.outcome[negative(newton), one] == STUCK).sum())} of {landed.size} stuck, "
            f"|w| at most {np.abs(landed).max():.0e}; lr {newton.lrs[one + 1]:.3g}: "
            f"{(newton.outcome[negative(newton), one + 1] == TRAINED).mean():.0%} train",
            bool(np.abs(landed).max() < 1e-12) and bool((newton.outcome[negative(newton), one] == STUCK).all())
            and bool((newton.outcome[negative(newton), one + 1 : _at(newton, 1.9)] == TRAINED).all()),
        ),
        Claim(
            "The source calls the gradient below 0 vanishing. It is as large as on the other side, lam |w|; what "
            "vanishes is the "
            "distance to 0, a stationary point from below",
            "at their usual lr: gradient descent, low-pass and Newton train from no start below 0, momentum and "
            "Nesterov from all",
            ", ".join(f"{n} (lr {KINDS[n].default:g}) {words(*shares[n])}" for n in LINEAR),
            all(shares[n][0] == (shares[n][1] if n in ("momentum 0.9", "Nesterov 0.9") else 0) for n in LINEAR),
        ),
    ]  # fmt: skip


def _half(runs: Runs) -> float:
    """The smallest lr of the grid with which half of the draws pass 0 from below."""
    passed = (runs.crossed[negative(runs)] > 0).mean((0, 2)) >= 0.5
    return float(runs.lrs[np.argmax(passed)]) if passed.any() else math.inf


def _share(runs: Runs, lr: float, what: int = TRAINED) -> tuple[int, int]:
    """How many of the runs from below 0 have an outcome, at the lr of the grid that is nearest."""
    found = runs.outcome[negative(runs), _at(runs, lr)] == what
    return int(found.sum()), int(found.size)


def _adaptive_claims(data: Study) -> list[Claim]:
    off, agree, cells = {}, {}, 0
    for name in ADAPTIVE:
        runs, told = data.runs[name], data.told[name]
        below = negative(runs)
        seen, law = runs.crossed[below], told[below]
        both = (seen > 0) & (law > 0)
        cells = law.size
        agree[name] = int(((seen > 0) != (law > 0))[law > -2].sum())  # -2: so near 0 that rounding decides
        off[name] = float(np.max(abs(seen[both] - law[both]) / (law[both] + 10), initial=0.0))
    at = {}
    for name in ADAPTIVE:
        runs = data.runs[name]
        crossed = runs.crossed[negative(runs), _at(runs, KINDS[name].default)] > 0
        lr = runs.lrs[_at(runs, KINDS[name].default)]
        depth = -runs.starts[negative(runs)]
        at[name] = (float((depth < data.reach[name] * lr).mean()), int(crossed.sum()), int(crossed.size))
    names = [n for n in ADAPTIVE if n != "AdamW"]
    ratio = data.later["Adam"].distance[1] / data.later["Adam"].distance[0]
    parts = (4, 2, 1)
    seen_reach = {n: [data.later[n].reach(data.later[n].steps // p) for p in parts] for n in names}
    near = all(
        abs(math.log(s / t)) < 1.5 * math.log(ratio) or (t > 3000 and s > 2900)
        for n in names for s, t in zip(seen_reach[n], data.later_reach[n], strict=True)
    )  # fmt: skip
    grows = {n: data.later_reach[n][2] / data.later_reach[n][1] for n in names}
    passed64 = {n: int((data.later[n].crossed > 0).sum()) for n in FORGET}
    lost = {n: passed64[n] - int((data.later[n].single > 0).sum()) for n in FORGET}
    differ = {n: int(((data.later[n].single > 0) != (data.later[n].told_single > 0)).sum()) for n in FORGET}
    delta = data.runs["Adadelta"]
    b = negative(delta)
    lam = 2 * delta.below
    # Just above the edge it takes longer than the budget.
    sure = (delta.lrs[:, None] * lam < 0.98) | (delta.lrs[:, None] * lam > 1.05 + 400 / delta.steps)
    goes = np.broadcast_to(delta.lrs[:, None] * lam > 1, delta.end.shape)[b]
    wrong = int(((delta.crossed[b] > 0) != goes)[:, sure].sum())
    half = delta.crossed[np.argmin(abs(delta.starts + 0.6)), _at(delta, 1.0)] > 0
    return [
        Claim(
            "Adaptive rules: data and lr enter through |w_0|/lr alone. One path per ratio, computed with lr 1 and no "
            "data, gives "
            f"the step at which each of {cells} runs passes 0",
            "the same runs pass, at the same step within 3% (AdamW: 20%, whose decay has a scale)",
            ", ".join(f"{n}: {a} differ, {100 * off[n]:.1f}%" for n, a in agree.items()),
            all(a <= (0.01 if n == "AdamW" else 0.003) * cells and off[n] <= (0.2 if n == "AdamW" else 0.03)
                for n, a in agree.items()),
        ),
        Claim(
            "Share of the starts in [-3, 0) that pass 0 at each rule's usual lr: those nearer than the reach times lr",
            ", ".join(f"{n} (lr {KINDS[n].default:g}, reach {data.reach[n]:.3g} lr) {p:.3f}" for n, (p, *_) in at.items()),
            ", ".join(f"{n} {words(k, m)}" for n, (_, k, m) in at.items()),
            all(abs(k / m - p) < 1e-9 + (0.06 if n == "AdamW" else 0.0) for n, (p, k, m) in at.items()),
        ),
        Claim(
            "Adagrad, which forgets nothing, passes 0 only from |w_0| < lr, in its first step or never",
            "1 lr, after any number of steps",
            f"{seen_reach['Adagrad'][2]:.3g} lr after {data.later['Adagrad'].steps:,} steps",
            data.reach["Adagrad"] == 1 and abs(math.log(seen_reach["Adagrad"][2])) < 1.5 * math.log(ratio),
        ),
        Claim(
            "Rules that forget old gradients divide by ever less, until a step is longer than the way to 0: their "
            "reach grows with "
            "the budget. AMSGrad and Adagrad remember, and theirs does not",
            "; ".join(f"{n} " + ", ".join(f"{v:.3g}" for v in data.later_reach[n]) + f" (last x {grows[n]:.2f})" for n in names)
            + f" lr after {', '.join(f'{data.later[names[0]].steps // p:,}' for p in parts)} steps",
            "; ".join(f"{n} " + ", ".join(f"{v:.3g}" for v in s) for n, s in seen_reach.items()),
            near and all(grows[n] > 1.35 for n in FORGET) and all(grows[n] < 1.25 for n in REMEMBER),
        ),
        Claim(
            "In float32, torch's default, the weight can be rounded to 0 on the way, where nothing moves it any more: "
            "what passes in "
            "float64 need not",
            "the distances that pass are those whose path stays above 7e-46",
            "; ".join(f"{n}: {lost[n]} of {passed64[n]} lost, {differ[n]} not as told" for n in FORGET),
            all(d <= 0.05 * len(data.later[n].distance) for n, d in differ.items()) and lost["RMSprop"] > 0,
        ),
        Claim(
            "Adadelta ends with steps of lr times the gradient, as both of its means fall below eps: its lr of 1 is "
            "then that of "
            "gradient descent at the edge of passing, and the draw of the data decides",
            f"passes iff lr lam > 1, from any start, if there is time; at lr 1 from -0.6 in at most "
            f"{float((lam > 1).mean()):.2f} of "
            "the draws",
            f"{wrong} of {int(goes[:, sure].size)} runs not so; {half.mean():.2f}",
            wrong <= 0.01 * goes[:, sure].size and half.mean() <= (lam > 1).mean(),
        ),
    ]  # fmt: skip


def _noise_claims(data: Study) -> list[Claim]:
    out, told = [], []
    for name in ("SGD, batch 32", "SGD, batch 1"):
        runs, batch = data.runs[name], KINDS[name].batch or 1
        # Later the weight may have been rounded to 0, where no step is longer than the way.
        within = min(runs.steps, 300)
        seen = (runs.crossed[negative(runs)] > 0) & (runs.crossed[negative(runs)] <= within)
        for j, lr in enumerate(runs.lrs):
            p = crossing.sgd_crossing_probability(float(lr), batch, steps=within, convention="mse")
            n = seen[:, j].size
            z = (seen[:, j].sum() - n * p) / math.sqrt(n * p * (1 - p) + 0.25)
            out.append((name, float(lr), p, float(seen[:, j].mean()), float(z)))
            if 0.02 < p < 0.98:
                told.append((name, lr, p, int(seen[:, j].sum()), n))
    worst = max(abs(z) for *_, z in out)
    slow = {b: crossing.sgd_crossing_probability(0.01, b, steps=2000, convention="mse") for b in (1, 32)}
    one = data.runs["SGD, batch 1"]
    limit, late = settles_below(), negative(one)
    trained = (one.outcome[late] == TRAINED).mean((0, 2))
    low = one.lrs[(one.lrs > 0.2) & (one.lrs < 0.7 * limit)]
    high = one.lrs[one.lrs > 1.2 * limit]
    least = float(min(trained[_at(one, lr)] for lr in low))
    most = float(max(trained[_at(one, lr)] for lr in high))
    adam, noisy = data.runs["Adam"], data.runs["Adam, batch 1"]
    small = [j for j, lr in enumerate(adam.lrs) if lr <= 0.02]
    passed = [float((r.crossed[negative(r)][:, small] > 0).mean()) for r in (adam, noisy)]
    return [
        Claim(
            "SGD on fresh batches passes 0 with the probability that a step is longer than the way, a chi-square tail "
            "in which the "
            "start does not stand (within 300 steps): noise does help, with batches of 1 from an lr of about 0.06 on",
            "; ".join(f"{n}, lr {lr:.3g}: {p:.3f}" for n, lr, p, *_ in told) or "0 or 1 at every lr of the grid",
            "; ".join(f"{n}, lr {lr:.3g}: {words(k, m)}" for n, lr, _, k, m in told)
            + f" (worst of all {len(out)} at {worst:.1f} standard errors)",
            worst < 4.5,
        ),
        Claim(
            "With the source's lr 0.01 it never will: a sample at x > 0 gives a run below 0 a gradient of exactly 0, "
            "and one at "
            "x < 0 would have to be beyond |x| = 7.07",
            ", ".join(f"batch {b}: probability {p:.1e} in 2,000 steps" for b, p in slow.items()),
            ", ".join(
                f"{n}: {int((data.runs[n].crossed[negative(data.runs[n]), _at(data.runs[n], 0.01)] > 0).sum())} of "
                f"{data.runs[n].crossed[negative(data.runs[n]), 0].size} pass" for n in ("SGD, batch 1", "SGD, batch 32")
            ),
            all(p < 1e-8 for p in slow.values())
            and all((data.runs[n].crossed[negative(data.runs[n]), _at(data.runs[n], 0.01)] < 0).all()
                    for n in ("SGD, batch 1", "SGD, batch 32")),
        ),
        Claim(
            "SGD on single samples settles at the target while E log|1 - 2 lr x²| < 0",
            f"lr < {limit:.3f}",
            f"trained from below 0: at least {least:.2f} for lr {low[0]:.2g} to {low[-1]:.2g}, at most {most:.2f} from lr "
            f"{high[0]:.2g} on",
            least > 0.95 and most < 0.4,
        ),
        Claim(
            "Noise does not help Adam: at lr 0.02 and less single samples pass 0 no more often than full batches, "
            "since samples at "
            "x > 0 count as steps without a gradient",
            "at most 0.05 more",
            f"{passed[1]:.3f} with batches of 1, {passed[0]:.3f} without noise",
            passed[1] < passed[0] + 0.05,
        ),
    ]  # fmt: skip


def _other_claims(data: Study) -> list[Claim]:
    at_zero = {n: r.end[r.starts == 0] for n, r in data.runs.items()}
    moved = max(float(np.abs(v).max(initial=0)) for v in at_zero.values())
    kept = (1 - KINDS["AdamW"].default * 0.01) ** 100
    best = {}
    for name, runs in data.runs.items():
        share = (runs.outcome == TRAINED)[runs.starts > 0].mean((0, 2))
        best[name] = float(share.max())
    usual = {n: _share(r, KINDS[n].default) for n, r in data.runs.items()}
    top = {n: float((r.outcome == TRAINED)[negative(r)].mean((0, 2)).max()) for n, r in data.runs.items()}
    lost = sum(int((r.outcome == DIVERGED).sum()) for r in data.runs.values())
    every = sum(r.outcome.size for r in data.runs.values())
    return [
        Claim(
            "From weight 0 no rule ever moves: the unit is off for every input",
            "0",
            f"largest |w| at the end: {moved:g}",
            moved == 0 and all(v.size > 0 for v in at_zero.values()),
        ),
        Claim(
            "If all inputs are positive, a unit with w < 0 is off for all of them: the gradient is exactly 0, and no "
            "rule moves it "
            "but AdamW, whose decay takes it towards 0 and never past it. The inputs of both signs are what pulls it "
            "to 0 elsewhere",
            f"-1 for all but AdamW, {-kept:.6f} for it, after 100 steps",
            ", ".join(f"{n} {w:.6f}" for n, w in data.one_sided.items() if n == "AdamW" or w != -1) + "; -1 for the others",
            all(abs(w + (kept if n == "AdamW" else 1)) < 1e-12 for n, w in data.one_sided.items()),
        ),
        Claim(
            "From a start above 0 every rule trains from everywhere, at its best lr",
            "1 for each",
            ", ".join(f"{n} {v:.2f}" for n, v in best.items() if v < 1) or "1 for each",
            all(v > (0.9 if "batch" in n else 0.999) for n, v in best.items()),
        ),
        Claim(
            "Below 0 every rule has an lr with which every start in [-3, 0) trains (Adam on single samples: most), and "
            "at its usual "
            "lr most rules train from few or none",
            "1 at the best lr; at the usual lr 1 for momentum and Nesterov, 0 for gradient descent, low-pass, Newton "
            "and Adagrad",
            "at the best lr " + (", ".join(f"{n} {v:.2f}" for n, v in top.items() if v < 1) or "1 for each")
            + "; at the usual lr " + ", ".join(f"{n} {words(*usual[n])}" for n in usual),
            all(v > (0.85 if n == "Adam, batch 1" else 0.98) for n, v in top.items())
            and all(usual[n][0] == usual[n][1] for n in ("momentum 0.9", "Nesterov 0.9"))
            and all(usual[n][0] == 0 for n in ("gradient descent", "low-pass 0.1", "Newton", "Adagrad"))
            and lost < 0.1 * every,
        ),
        Claim(
            "`lab.train_ensemble` on a module of one Linear and one ReLU makes the same runs",
            "last weights equal to 1e-9",
            ", ".join(f"{n}: {v:.0e} apart" for n, v in data.lab.items()),
            all(v < 1e-9 for v in data.lab.values()),
        ),
    ]  # fmt: skip


def figure(reproduction: Reproduction) -> Figure:
    """A panel for every rule: share of draws that train, over start and lr, with the predicted edges.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from trainability.gallery._single_relu_optimizers_figure import draw

    return draw(reproduction.data)
