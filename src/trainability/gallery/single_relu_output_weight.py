"""One ReLU whose output weight learns as well, a relu(w x) against relu(x): which starts (w, a) succeed, and what a step does.

x ~ N(0, 1), mean squared error without the 1/2. Prediction: gradient flow conserves a² - w². It succeeds iff w > 0 and a > -w,
from 3/8 of all directions, whatever the data are: from w > 0 and a < -w the weight comes to 0 before a does and stays there,
and from w < 0 the product a w comes to 0. A step of descent multiplies a² - w² by 1 - (lr g)²; a first step from w < 0 is
longer than the way to 0 iff |a| > 1/√(lr lam), lam = 2 mean(x² 1{x < 0}), and carries the success share past 3/8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from trainability import optimizers
from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.gallery._shares import words
from trainability.lab.ensemble import MLP, Data, EnsembleRun, train_ensemble
from trainability.problems import single_relu_teacher
from trainability.theory.one_relu import crossing, descent, output_weight

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "One ReLU with an output weight: 3/8 of all starts succeed, and the conserved quantity that says which"
SOURCE = (
    'A public question, "ReLU can\'t learn ReLU", which says of output weight and bias that the unit flips left-to-right or '
    "down-to-up but not both."
)

Floats = NDArray[np.float64]
TARGET = single_relu_teacher.KNOWN.target or 0.003
SAMPLES, RATES, TIME = 40, (0.01, 0.03, 0.1, 0.3, 0.6, 1.0), 40.0
OTHERS = {
    "momentum 0.9": ("Momentum", 0.01), "Nesterov 0.9": ("Nesterov", 0.01), "RMSprop": ("RMSprop", 0.01),
    "Adam": ("Adam", 0.01), "AMSGrad": ("AMSGrad", 0.01), "Adagrad": ("Adagrad", 0.1),
}  # fmt: skip
"""Name -> (rule, lr)."""


@dataclass(frozen=True, eq=False)
class Ends:
    """An ensemble on one draw of the data.

    Args:
        name: of the rule; lr: its learning rate.
        weight, output: (n,), starts w and a.
        end_weight, end_output: (n,).
        trained: (n,), loss at or below the target at the end.
        told: (n,), whether descent on both moments of the same data succeeds, in NumPy; empty for other rules.
        kept: (n,), by the same, the factor of a² - w²; empty for other rules.
    """

    name: str
    lr: float
    weight: Floats
    output: Floats
    end_weight: Floats
    end_output: Floats
    trained: NDArray[np.bool_]
    told: NDArray[np.bool_]
    kept: Floats

    @property
    def share(self) -> tuple[int, int]:
        """Successes and runs."""
        return int(self.trained.sum()), int(self.trained.size)


@dataclass(frozen=True, eq=False)
class Weights:
    """The numbers behind the figure.

    Args:
        below, above: mean(x² 1{x < 0}) and mean(x² 1{x > 0}) of the data.
        rates: gradient descent at each of `RATES`.
        others: other rules.
        default: gradient descent at the smallest lr from torch's own start, U(-1, 1) each.
        grid: (m,) values of w and of a; told: (m, m) by descent in NumPy at lr 1, rows a.
        bias: (n, 3) starts w, a and b, b = 0 in the first half; bias_loss: (n,) population loss after descent with a bias;
            bias_ends: (n, 3).
    """

    below: float
    above: float
    rates: tuple[Ends, ...]
    others: tuple[Ends, ...]
    default: Ends
    grid: Floats
    told: NDArray[np.bool_]
    bias: Floats
    bias_loss: Floats
    bias_ends: Floats


def data(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """40 inputs from N(0, 1) and relu of them."""
    x = torch.as_tensor(np.random.default_rng(seed).standard_normal((SAMPLES, 1)))
    return x, x.relu()


def train(
    name: str, lr: float, seeds: int, steps: int, *, init: str = "normal", options: dict[str, float] | None = None
) -> Ends:
    """Train an ensemble by the lab, and run the same starts in NumPy where the rule is gradient descent.

    Args:
        name: a key of `optimizers.ALL`.
        lr: learning rate.
        seeds: members.
        steps: of all.
        init: initializer; options: its own.

    Returns:
        Ends.
    """
    x, y = data()
    network = MLP((1, 1, 1), "relu", bias=False, init=init, options={"std": 1.0} if options is None else options)
    made: EnsembleRun = train_ensemble(
        network, optimizers.ALL[name](lr=lr), Data(x, y), loss="mse", steps=steps, seeds=seeds,  # type: ignore[call-arg]
        measures={"w": lambda s: s.params["0.weight"].reshape(-1), "a": lambda s: s.params["2.weight"].reshape(-1)},
        measured_at=(0,), keep_params=True, dtype=torch.float64, chunk=1000, curve=2,
    )  # fmt: skip
    w, a = (made.measured[k][:, 0].astype(float) for k in ("w", "a"))
    end = {k: made.params[f"{i}.weight"].reshape(-1).astype(float) for i, k in ((0, "w"), (2, "a"))}
    low, high = (float((x[side] ** 2).sum()) / SAMPLES for side in (x < 0, x > 0))
    with np.errstate(all="ignore"):
        left = np.where(end["w"] > 0, (end["a"] * end["w"] - 1) ** 2 * high, end["a"] ** 2 * end["w"] ** 2 * low + high)
    told, kept = np.zeros(0, bool), np.zeros(0)
    if name == "SGD":
        law = output_weight.descend(w, a, lr, steps, below=low, above=high, convention="mse")
        with np.errstate(all="ignore"):
            told, kept = np.asarray(2 * law.loss <= TARGET), law.kept
    return Ends(name, lr, w, a, end["w"], end["a"], left <= TARGET, told, kept)


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """2000 starts from N(0, 1)² for each lr and rule, lr · steps = 40 and at least 400 steps; `smoke`: 400, lr 0.03 and 1.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Weights.
    """
    seeds, drawn, side = (400, 200, 41) if smoke else (2000, 3000, 161)
    rates = (0.03, 0.3, 1.0) if smoke else RATES
    rules = {k: OTHERS[k] for k in ("momentum 0.9", "Adam")} if smoke else OTHERS
    total, done = len(rates) + len(rules) + 3, 0

    def tick(stage: str) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(stage, done, total)

    found, others = [], []
    for lr in rates:
        found.append(train("SGD", lr, seeds, max(400, round(TIME / lr))))
        tick("train by learning rate")
    for rule, lr in rules.values():
        others.append(train(rule, lr, seeds, 1000 if smoke else 3000))
        tick("train by rule")
    default = train("SGD", rates[0], seeds, round(TIME / rates[0]), init="uniform", options={"a": -1.0, "b": 1.0})
    tick("train from torch's start")
    x, _ = data()
    low, high = (float((x[part] ** 2).sum()) / SAMPLES for part in (x < 0, x > 0))
    axis = np.linspace(-3, 3, side)
    w, a = np.meshgrid(axis, axis)
    law = output_weight.descend(w, a, 1.0, 400, below=low, above=high, convention="mse")
    with np.errstate(all="ignore"):
        told = np.asarray(2 * law.loss <= TARGET)
    tick("the plane at lr 1")
    starts = np.random.default_rng(3).standard_normal((drawn, 4)) * [1, 1, 1, 0]
    starts[: drawn // 2, 1] = 0
    ends = descent.descend(
        starts, lr=0.02, steps=3000 if smoke else 20_000, learn=("weight", "bias", "output"), tol=1e-10, convention="mse"
    )  # fmt: skip
    tick("with a bias")
    here = Weights(low, high, tuple(found), tuple(others), default, axis, told,
                   starts[:, [0, 2, 1]], 2 * ends.loss, ends.parameters[:, [0, 2, 1]])  # fmt: skip
    return Reproduction(claims(here), here)


def claims(data: Weights) -> tuple[Claim, ...]:
    """What the numbers must show.

    Args:
        data: from `run`.

    Returns:
        Claims; chance bounds are 4 standard errors, 1 in 16,000 each.
    """
    first, last = data.rates[0], data.rates[-1]
    small = [e for e in data.rates if e.lr <= 0.1]
    hits, n = first.share
    flow = output_weight.succeeds(first.weight, first.output)
    # Within 3% of the edge, or so near 0 that the budget ends first, steps and time decide.
    near = abs(first.weight + first.output) < 0.03 * np.hypot(first.weight, first.output)
    slow = np.hypot(first.weight, first.output) < 0.15
    clear = ~near & ~slow & (abs(first.output) < output_weight.jump_radius(first.lr, convention="mse"))
    wrong = int((flow != first.trained)[clear].sum())
    told_end = output_weight.limit(first.weight, first.output)
    # a w falls like exp(-|a² - w²| lam lr steps) there.
    stuck = ~flow & clear & ~first.trained & (abs(first.output**2 - first.weight**2) > 0.2)
    gap = max(float(np.max(abs(end - law)[stuck], initial=0.0))
              for end, law in zip((first.end_weight, first.end_output), told_end, strict=True))  # fmt: skip
    leaks, signs = [], 0
    for e in small:
        q0, q1 = e.output**2 - e.weight**2, e.end_output**2 - e.end_weight**2
        leaks.append((e.lr, float(np.max(abs(q1 - q0 * e.kept))), float(np.median(1 - e.kept))))
        gentle = 2 * e.lr * np.maximum(abs(e.weight * e.output), abs(e.weight * e.output - 1)) < 1
        signs += int((np.sign(q0) != np.sign(q1))[gentle].sum())
    slopes = (
        np.polyfit(np.log([lr for lr, *_ in leaks]), np.log([k for *_, k in leaks]), 1)[0] if len(leaks) > 1 else 1.0
    )
    miss = {e.lr: int((e.told != e.trained).sum()) for e in data.rates}
    lam = 2 * data.below
    jump = last.weight < 0
    radius = 1 / math.sqrt(last.lr * lam)
    inside = jump & (abs(last.output) < radius)
    within = inside & (abs(last.output) < 0.97 * radius)
    beyond = jump & (abs(last.output) > radius) & (last.output > 0)
    default_hits, default_n = data.default.share
    quadrant = {
        "w > 0, a > 0": (first.weight > 0) & (first.output > 0), "w > 0 > a > -w": (first.weight > 0) & (first.output < 0)
        & (first.output > -first.weight), "w > 0, a < -w": (first.weight > 0) & (first.output < -first.weight),
        "w < 0": first.weight < 0,
    }  # fmt: skip
    flips = ((np.sign(first.end_weight) != np.sign(first.weight)) & first.trained,
             (np.sign(first.end_output) != np.sign(first.output)) & first.trained)  # fmt: skip
    w, a, b = data.bias.T
    half = len(w) // 2
    good = data.bias_loss <= TARGET
    forbidden = (a < 0) & (a * a >= w * w + b * b)
    lefts = good & (w < 0)
    both = good & (w < 0) & (a < 0)
    shares = {e.name: e.share for e in data.others}
    momentum = next(e for e in data.others if e.name == "Momentum")
    above = momentum.output**2 - momentum.weight**2
    turn = (1 - math.sqrt(0.9)) ** 2 / (momentum.lr * lam)
    # From below 0 it turns round where a² stays above the edge of turning.
    turns = (momentum.weight < 0) & (momentum.output > 0) & (above > 1.3 * turn)
    step = crossing.momentum_crossing_step(momentum.lr * lam, 0.9, convention="mse")
    return (
        Claim(
            f"Share of starts from N(0, 1)² that succeed with gradient descent, lr {first.lr:g}, by the lab",
            "3/8 = 0.375",
            words(hits, n),
            abs(hits / n - 0.375) < 4 * math.sqrt(0.375 * 0.625 / n) + 0.01,
        ),
        Claim(
            "The same from torch's own start, U(-1, 1) for each, as its distribution has the same symmetry",
            "3/8 = 0.375",
            words(default_hits, default_n),
            abs(default_hits / default_n - 0.375) < 4 * math.sqrt(0.375 * 0.625 / default_n) + 0.01,
        ),
        Claim(
            "Which they are: start by start, but for those within 3% of the edge a = -w, near 0, or far enough to jump",
            "success iff w > 0 and a > -w",
            f"{wrong} of {int(clear.sum())} not so; trained: "
            + ", ".join(f"{k} {first.trained[v & clear].mean():.3f}" for k, v in quadrant.items() if (v & clear).any()),
            wrong <= 0.002 * clear.sum(),
        ),
        Claim(
            "Where the others end: at w = 0 with |a| = √(a² - w²) or at a = 0 with |w| = √(w² - a²), not at the target",
            "the flow's limit, to 6 lr for steps of finite length (left out: |a² - w²| < 0.2, too slow for the budget)",
            f"at most {gap:.3f} from it, {int(stuck.sum())} runs",
            gap < 6 * first.lr and bool(stuck.any()),
        ),
        Claim(
            "a² - w² is conserved but for a factor 1 - (lr g)² a step: what is lost is of second order in lr a step, "
            "of first in all",
            "a² - w² at the end = start times the product of the factors, to 1e-9; exponent 1",
            ", ".join(f"lr {lr:g}: {gap_:.0e}, median share lost {lost:.1e}" for lr, gap_, lost in leaks)
            + f"; exponent {slopes:.2f}; {signs} signs changed",
            all(g < 1e-9 for _, g, _ in leaks) and abs(slopes - 1) < 0.15 and signs == 0,
        ),
        Claim(
            "The source says that the unit flips left-to-right or down-to-up, but not both. Without a bias "
            "left-to-right does not "
            "occur: no run from w < 0 succeeds, and down-to-up from a > -w alone",
            "0 flips of w; flips of a in 1/8 of all starts",
            f"{int(flips[0].sum())} flips of w; {words(int(flips[1].sum()), n)} flips of a",
            int(flips[0][abs(first.output) < output_weight.jump_radius(first.lr, convention='mse')].sum()) == 0
            and abs(flips[1].mean() - 0.125) < 4 * math.sqrt(0.125 * 0.875 / n) + 0.01,
        ),
        Claim(
            "At every lr the lab's runs are those of the map on two moments of the data, start by start",
            "the same runs train",
            ", ".join(f"lr {lr:g}: {k} differ" for lr, k in miss.items()) + f", of {n} each",
            all(k <= 0.003 * n for k in miss.values()),
        ),
        Claim(
            f"Long steps help: with lr {last.lr:g} the share is above 3/8, as starts with w < 0 and |a| > 1/√(lr lam) = "
            f"{radius:.2f} "
            "jump over 0, and those inside do not, but for a few in a later step",
            f"from w < 0: few inside; a share above 3/8 in all: {np.mean(last.told):.3f} by the map",
            f"inside {int(last.trained[within].sum())} of {int(within.sum())}; a > {radius:.2f}: "
            f"{last.trained[beyond].mean():.2f}; in all {words(*last.share)}",
            last.trained[within].mean() < 0.1 and last.trained[beyond].mean() > 0.5
            and last.share[0] / n > 0.375 + 2 * math.sqrt(0.235 / n),
        ),
        Claim(
            "Momentum 0.9 turns round from w < 0 where the curvature lam a² that is left there lets it: "
            f"a² - w² above {turn:.2f}, a > 0 (for a = 1 and no output weight: at step {step})",
            "all of them succeed",
            f"{int(momentum.trained[turns].sum())} of {int(turns.sum())}; in all {words(*momentum.share)}",
            bool(turns.any()) and momentum.trained[turns].mean() > 0.98 and momentum.share[0] / n > 0.42,
        ),
        Claim(
            "Other rules pass 0 from some starts as well: none does worse than gradient descent's 3/8",
            "at least 0.375",
            ", ".join(f"{e.name} (lr {e.lr:g}) {words(*shares[e.name])}" for e in data.others),
            all(k / m > 0.375 - 4 * math.sqrt(0.235 / m) for k, m in shares.values()),
        ),
        Claim(
            "With a bias a² - w² - b² is conserved, so that a < 0 cannot turn from a² >= w² + b², and w < 0 can: "
            "through a bias "
            "above 0 the elbow passes the data. Both at once is rare",
            "0 successes from a < 0, a² >= w² + b²; some from w < 0; fewer from w < 0 and a < 0",
            f"{int(good[forbidden].sum())} of {int(forbidden.sum())}; {int(lefts.sum())} of {int((w < 0).sum())}; "
            f"{int(both.sum())} of {int(((w < 0) & (a < 0)).sum())}; in all from b = 0 "
            f"{words(int(good[:half].sum()), half)}, "
            f"from N(0, 1) {words(int(good[half:].sum()), len(w) - half)}",
            int(good[forbidden].sum()) == 0 and bool(forbidden.any()) and lefts.sum() > both.sum(),
        ),
    )  # fmt: skip


def figure(reproduction: Reproduction) -> Figure:
    """Starts and what became of them at a small and a large lr, success shares by lr and by rule, the conserved quantity.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from trainability.gallery._single_relu_output_weight_figure import draw

    return draw(reproduction.data)
