"""Do adaptive rules help with rare features? Regressions whose features occur with frequencies from 0.5 to 0.004.

Binary features, x_j = 1 with probability p_j, independent; true weights N(0, 1); fresh batches of 32; linear regression with
squared error and logistic regression. Frequencies follow a power law, p_j = 0.5 j^-1.2, or are all the same (control), or
follow the power law with each feature divided by √p_j ("standardised"). Learning rates are constant, or fall linearly to 0.
Every rule has the learning rate with the least excess loss on other seeds; all rules see the same data; differences are paired
by seed.

Prediction: in the linear problem the mean error of gradient descent is (I - lr S)^t times the first one, S = E[x xᵀ], so that a
rare weight learns at a rate of about lr p_j while the frequent ones bound lr. A rule that divides each coordinate by its own
gradient's size takes that spread away, and so does standardising the features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import exp, sqrt
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.gallery._paired import Interval, mean_of_pairs
from trainability.lab import run_all
from trainability.optimizers import SGD, Adagrad, Adam, Momentum, RMSprop, Rule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Do adaptive rules help with rare features? While time is short; so do momentum and standardised features"
SOURCE = (
    "Lecture notes on the optimization of neural networks, 'Which optimizer should I use?', heuristic 1: sparse features -> "
    "adaptive learning-rate methods; Duchi, Hazan and Singer 2011, JMLR 12, 2121-2159 (Adagrad)."
)

Floats = NDArray[np.float64]
FEATURES, BATCH, NOISE = 60, 32, 0.5
RARE = slice(40, 60)
"""The rarest third."""
RULES: dict[str, Callable[..., Rule]] = {
    "SGD": SGD,
    "Momentum": Momentum,
    "Adagrad": Adagrad,
    "RMSprop": RMSprop,
    "Adam": Adam,
}
ADAPTIVE = ("Adagrad", "RMSprop", "Adam")
TASKS = ("linear", "logistic")
KINDS = ("power law", "equal", "standardised")
SCHEDULES = ("constant", "falling")
SHORT, LONG = 150, 1000
"""Steps: the rarest features occur 18 and 120 times in them."""
CONFIDENCE = 0.99


@dataclass(frozen=True)
class Compared:
    """All rules on one problem, judged on the same seeds.

    Args:
        task: of `TASKS`; kind: of `KINDS`; schedule: of `SCHEDULES`.
        steps: updates.
        lr: rule -> the best on other seeds.
        excess: rule -> (seeds,), test loss above that of the true weights.
        errors: rule -> (seeds, features), squared error of each weight, in the units of the unscaled features.
        left: rule -> (seeds, features), that error with its sign over the true weight's variance, times the true weight.
        truth: (seeds, features).
    """

    task: str
    kind: str
    schedule: str
    steps: int
    lr: dict[str, float]
    excess: dict[str, Floats]
    errors: dict[str, Floats]
    left: dict[str, Floats]
    truth: Floats

    def rare(self, rule: str) -> Floats:
        """Mean squared error of the rarest third's weights, one a seed."""
        return self.errors[rule][:, RARE].mean(1)

    def against(self, rule: str, other: Compared | None = None, base: str = "SGD", *, rare: bool = False) -> Interval:
        """The ratio of a rule's excess loss (or rare error) to that of `base` in `other`, by pairs; 99% interval."""
        reference = other or self
        mine, theirs = (self.rare(rule), reference.rare(base)) if rare else (self.excess[rule], reference.excess[base])
        logs = mean_of_pairs(np.log(mine), np.log(theirs), CONFIDENCE)
        return Interval(exp(logs.value), exp(logs.low), exp(logs.high))


@dataclass(frozen=True)
class Sparse:
    """The numbers behind the figure.

    Args:
        problems: every task, kind and schedule that was run.
    """

    problems: tuple[Compared, ...]

    def at(self, task: str, kind: str, schedule: str = "constant", steps: int = SHORT) -> Compared | None:
        """That problem, None if it was not run."""
        wanted = (task, kind, schedule, steps)
        return next((p for p in self.problems if (p.task, p.kind, p.schedule, p.steps) == wanted), None)


def frequencies(kind: str) -> Tensor:
    """How often each feature occurs, (60,); "equal" has the power law's mean in each."""
    p = 0.5 * torch.arange(1, FEATURES + 1, dtype=torch.float64) ** -1.2
    return torch.full_like(p, float(p.mean())) if kind == "equal" else p


def second_moment(p: Tensor, scale: Tensor) -> Tensor:
    """E[x xᵀ] of independent binary features of frequencies p, times their scales."""
    return (torch.outer(p, p) + torch.diag(p * (1 - p))) * torch.outer(scale, scale)


def train(
    task: str, kind: str, schedule: str, rates: dict[str, Tensor], seeds: int, steps: int, seed: int
) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
    """Train every rule at every lr on the same batches.

    Args:
        task, kind, schedule: of `TASKS`, `KINDS`, `SCHEDULES`.
        rates: rule -> (K,).
        seeds: problems, each with true weights and data of its own; seed: of them all.
        steps: updates.

    Returns:
        rule -> excess loss (seeds, K); rule -> error of the weights (seeds, K, features), in units of unscaled features; the
        true weights (seeds, features).
    """
    chance = torch.Generator().manual_seed(seed)
    p = frequencies(kind)
    scale = p.rsqrt() if kind == "standardised" else torch.ones_like(p)
    truth = torch.randn(seeds, FEATURES, generator=chance, dtype=torch.float64)
    scaled = truth / scale
    weights = {name: {"w": torch.zeros(seeds * len(lr), FEATURES, dtype=torch.float64)} for name, lr in rates.items()}
    states = {name: RULES[name]().init(w) for name, w in weights.items()}
    for t in range(steps):
        x = (torch.rand(seeds, BATCH, FEATURES, generator=chance) < p).double() * scale
        z = torch.bmm(x, scaled[..., None])[..., 0]
        if task == "linear":
            y = z + NOISE * torch.randn(seeds, BATCH, generator=chance, dtype=torch.float64)
        else:
            y = (torch.rand(seeds, BATCH, generator=chance) < torch.sigmoid(z)).double()
        factor = 1 - t / steps if schedule == "falling" else 1.0
        for name, lr in rates.items():
            w = weights[name]["w"].view(seeds, len(lr), FEATURES)
            out = torch.bmm(x, w.mT)
            off = (out if task == "linear" else torch.sigmoid(out)) - y[..., None]
            gradient = (torch.bmm(off.mT, x) / BATCH).view(-1, FEATURES)
            RULES[name](lr=(lr * factor).repeat(seeds)).step_(weights[name], {"w": gradient}, states[name])
    x = (torch.rand(3000, FEATURES, generator=torch.Generator().manual_seed(99)) < p).double() * scale
    z = (scaled @ x.T)[:, None]
    excess, errors = {}, {}
    for name, lr in rates.items():
        w = weights[name]["w"].view(seeds, len(lr), FEATURES)
        if task == "linear":
            difference = w - scaled[:, None]
            excess[name] = torch.einsum("ski,ij,skj->sk", difference, second_moment(p, scale), difference) / 2
        else:
            out = w @ x.T
            soft = torch.nn.functional.softplus
            excess[name] = (soft(out) - soft(z) - torch.sigmoid(z) * (out - z)).mean(-1)
        errors[name] = w * scale - truth[:, None]
    return excess, errors, truth


def compare(task: str, kind: str, schedule: str, steps: int, seeds: int, tuning: int, rates: Tensor) -> Compared:
    """Tune every rule on some seeds, judge it on others; see `Compared`."""
    tuned, _, _ = train(task, kind, schedule, dict.fromkeys(RULES, rates), tuning, steps, 1)
    chosen = {
        name: rates[excess.nan_to_num(nan=1e9, posinf=1e9).mean(0).argmin()][None] for name, excess in tuned.items()
    }
    excess, errors, truth = train(task, kind, schedule, chosen, seeds, steps, 2)
    return Compared(
        task,
        kind,
        schedule,
        steps,
        {name: float(lr) for name, lr in chosen.items()},
        {name: value[:, 0].numpy() for name, value in excess.items()},
        {name: value[:, 0].square().numpy() for name, value in errors.items()},
        {name: (value[:, 0] * -truth).numpy() for name, value in errors.items()},
        truth.numpy(),
    )


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Compare five rules on 24 problems with 40 seeds; `smoke`: the six shortest of most interest, 12 seeds.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Sparse.
    """
    seeds, tuning, low, size = (12, 4, -3.0, 10) if smoke else (40, 8, -4.0, 12)
    rates = 10 ** torch.linspace(low, 1.5, size, dtype=torch.float64)
    wanted = [
        (task, kind, schedule, steps)
        for steps in (LONG, SHORT)
        for task in TASKS
        for kind in KINDS
        for schedule in SCHEDULES
    ]
    if smoke:
        wanted = [w for w in wanted if w[3] == SHORT and (w[1:3] == ("power law", "falling") or
                                                          (w[1] != "equal" and w[2] == "constant"))]  # fmt: skip
    count = 0

    def done(index: int) -> None:
        nonlocal count
        count += 1
        if progress:
            progress("compare the rules on every problem", count, len(wanted))

    jobs = [partial(compare, *w, seeds, tuning, rates) for w in wanted]
    data = Sparse(tuple(run_all(jobs, done=done)))
    return Reproduction(claims(data), data)


def unlearned(p: Compared) -> Floats:
    """The mean error of gradient descent on each weight in the linear problem, (I - lr S)^steps times minus the true ones.

    Args:
        p: a linear problem with a constant lr and unscaled features.

    Returns:
        (seeds, features).
    """
    moment = second_moment(frequencies(p.kind), torch.ones(FEATURES, dtype=torch.float64)).numpy()
    power = np.linalg.matrix_power(np.eye(FEATURES) - p.lr["SGD"] * moment, p.steps)
    return -p.truth @ power.T


def claims(data: Sparse) -> tuple[Claim, ...]:
    """What the comparison must show; claims whose problems are missing are left out.

    Args:
        data: from `run`.

    Returns:
        Claims; intervals are 99%.
    """
    linear = data.at("linear", "power law")
    out = [_mean_claim(linear)] if linear else []
    for task in TASKS:
        short, late = data.at(task, "power law"), data.at(task, "power law", "constant", LONG)
        falling = data.at(task, "power law", "falling", LONG)
        if short:
            out.append(_short(task, short))
        if late and falling:
            out.append(_falling(task, late, falling))
        for steps in (SHORT, LONG):
            raw, equal = data.at(task, "power law", steps=steps), data.at(task, "equal", steps=steps)
            if raw and equal:
                out.append(_control(task, raw, equal))
    late = data.at("linear", "power law", "constant", LONG)
    if linear:
        out.append(_momentum(linear))
    if late:
        out.append(_where(late))
    for steps in (SHORT, LONG):
        standardised = data.at("linear", "standardised", steps=steps)
        if standardised:
            out.append(_standardised(standardised))
    raw, standardised = (data.at("logistic", kind, steps=LONG) for kind in ("power law", "standardised"))
    if raw and standardised:
        out.append(_standardised_logistic(raw, standardised))
    return (*out, _answer(data))


def _mean_claim(p: Compared) -> Claim:
    """Gradient descent's mean error on frequent and rare weights against its exact law."""
    told, words, good = unlearned(p), [], []
    for part in (slice(0, 20), RARE):
        size = (p.truth[:, part] ** 2).sum(1)
        law = (told[:, part] * -p.truth[:, part]).sum(1) / size
        seen = p.left["SGD"][:, part].sum(1) / size
        gap = seen - law
        error = gap.std(ddof=1) / sqrt(len(gap))
        words.append((law.mean(), seen.mean(), error))
        good.append(abs(gap.mean()) < 4.5 * error)
    rare = words[1][0]
    return Claim(
        "linear: SGD's mean error is (I - lr S)^t of the first: at its best lr the frequent third of the weights is learned, "
        "of the rare third a share is left",
        f"share left {words[0][0]:.4f} and {rare:.4f} (lr {p.lr['SGD']:.2g}, {p.steps} steps)",
        ", ".join(f"{seen:.4f} ± {error:.4f}" for _, seen, error in words),
        all(good) and rare > 10 * abs(words[0][0]),
    )


def _short(task: str, p: Compared) -> Claim:
    loss, rare = ({rule: p.against(rule, rare=r) for rule in ADAPTIVE} for r in (False, True))
    return Claim(
        f"{task}, power law, {p.steps} steps, constant lr: the heuristic holds while time is short: each at its best lr, "
        "adaptive rules have less excess loss than SGD and a smaller error on rare weights",
        "every ratio to SGD below 1",
        "; ".join(f"{rule}: loss {loss[rule].says(2)}, rare weights {rare[rule].says(2)}" for rule in ADAPTIVE),
        all(ratio.high < 1 for found in (loss, rare) for ratio in found.values()),
    )


def _momentum(p: Compared) -> Claim:
    ratio, there = p.against("Momentum", rare=True), p.against("Adagrad", rare=True)
    return Claim(
        f"linear, power law, {p.steps} steps: it need not be an adaptive rule: momentum, which also shortens the spread of "
        "curvatures (to its root), has a smaller error on rare weights too",
        "ratio of rare errors to SGD below 1",
        f"Momentum {ratio.says(2)}; Adagrad {there.says(2)}",
        ratio.high < 1,
    )


def _where(p: Compared) -> Claim:
    loss, rare = ({rule: p.against(rule, rare=r) for rule in ADAPTIVE} for r in (False, True))
    return Claim(
        f"linear, power law, {p.steps} steps, constant lr: adaptive rules still have less excess loss, but no longer because "
        "of the rare weights, on which they are worse: their gain is less noise in the frequent ones",
        "every ratio of excess loss below 1, every ratio of rare errors above 1",
        "; ".join(f"{rule}: loss {loss[rule].says(2)}, rare weights {rare[rule].says(2)}" for rule in ADAPTIVE),
        all(loss[rule].high < 1 < rare[rule].low for rule in ADAPTIVE),
    )


def _falling(task: str, late: Compared, falling: Compared) -> Claim:
    after = {rule: falling.against(rule, rare=True) for rule in ADAPTIVE}
    gain = falling.against("SGD", late, rare=True)
    stays = task == "logistic"
    return Claim(
        f"{task}, power law, {late.steps} steps: a lr that falls to 0 lets SGD begin with a larger one and find rare weights "
        "better; " + ("adaptive rules are better still" if stays else "then no adaptive rule does better"),
        f"rare weights, ratio to SGD: {'every' if stays else 'no'} interval below 1; SGD falling to SGD constant: below 1",
        ", ".join(f"{rule} {ratio.says(2)}" for rule, ratio in after.items())
        + f"; SGD falling to constant {gain.says(2)}",
        all(ratio.high < 1 if stays else ratio.high > 1 for ratio in after.values()) and gain.high < 1,
    )


def _standardised(p: Compared) -> Claim:
    found = {rule: p.against(rule) for rule in ADAPTIVE}
    scale = frequencies("standardised").rsqrt()
    curvature = torch.linalg.eigvalsh(second_moment(frequencies("standardised"), scale))
    raw = torch.linalg.eigvalsh(second_moment(frequencies("power law"), torch.ones_like(scale)))
    return Claim(
        f"linear, {p.steps} steps: dividing each feature by √p_j leaves adaptive rules nothing to do: nearly all curvatures "
        "are 1 then, and SGD is the best",
        f"median curvature over the second least: {curvature[FEATURES // 2] / curvature[1]:.2f}, raw "
        f"{raw[FEATURES // 2] / raw[1]:.2f}, largest over median {curvature[-1] / curvature[FEATURES // 2]:.0f}, raw "
        f"{raw[-1] / raw[FEATURES // 2]:.0f}; every ratio of excess loss to SGD above 1",
        ", ".join(f"{rule} {ratio.says(2)}" for rule, ratio in found.items()),
        all(ratio.low > 1 for ratio in found.values()),
    )


def _standardised_logistic(raw: Compared, standardised: Compared) -> Claim:
    mine = standardised.against("SGD", raw, rare=True)
    there = {rule: standardised.against(rule) for rule in ADAPTIVE}
    return Claim(
        f"logistic, {raw.steps} steps: standardised features help SGD as well, and adaptive rules as such are no better then; "
        "Adagrad, whose lr falls by itself, is",
        "SGD's rare error, standardised to raw: below 1; ratio of excess loss to SGD: RMSprop and Adam above 1, Adagrad below",
        f"{mine.says(2)}; " + ", ".join(f"{rule} {ratio.says(2)}" for rule, ratio in there.items()),
        mine.high < 1 and there["Adagrad"].high < 1 and all(there[rule].low > 1 for rule in ("RMSprop", "Adam")),
    )


def _control(task: str, raw: Compared, equal: Compared) -> Claim:
    logs = [np.log(p.excess["Adagrad"] / p.excess["SGD"]) for p in (equal, raw)]
    gain = mean_of_pairs(logs[0], logs[1], CONFIDENCE)
    return Claim(
        f"{task}, {raw.steps} steps: what Adagrad gains has to do with rare features: with equal frequencies it gains less",
        "ratio to SGD with equal frequencies over that by the power law: above 1",
        f"{exp(gain.value):.3g} ({exp(gain.low):.3g} to {exp(gain.high):.3g}); {equal.against('Adagrad').says(2)} with equal "
        f"frequencies, {raw.against('Adagrad').says(2)} by the power law",
        gain.low > 0,
    )


def _answer(data: Sparse) -> Claim:
    """In how many comparisons on power-law features an adaptive rule is better than SGD, and worse."""
    counts: dict[tuple[int, str], list[int]] = {}
    for p in data.problems:
        if p.kind == "power law":
            row = counts.setdefault((p.steps, p.schedule), [0, 0, 0])
            for ratio in (p.against(rule, rare=rare) for rule in ADAPTIVE for rare in (False, True)):
                row[0] += ratio.high < 1
                row[1] += ratio.low > 1
                row[2] += 1
    worse = sum(row[1] for row in counts.values())
    long = any(steps == LONG for steps, _ in counts)
    return Claim(
        "The honest answer to 'sparse features -> adaptive methods': a rule for short budgets, with exceptions in long ones",
        f"constant lr, {SHORT} steps: better in all" + (f"; {LONG} steps: significantly worse in some" if long else ""),
        "; ".join(
            f"{steps} steps, {schedule} lr: better {row[0]}, worse {row[1]} of {row[2]}"
            for (steps, schedule), row in counts.items()
        ),
        all(row[0] == row[2] for key, row in counts.items() if key == (SHORT, "constant")) and (worse > 0 or not long),
    )


def figure(reproduction: Reproduction) -> Figure:
    """Ratios to SGD with their intervals, and the error of each weight against its feature's frequency.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from trainability.gallery._sparse_features_figure import draw

    return draw(reproduction.data)
