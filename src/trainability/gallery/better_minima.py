"""Does SGD with momentum find better minima? Digits, 64-32-10, ReLU, batches of 32, three rules at their best learning rates.

SGD, SGD with momentum 0.9 and Adam, each at the learning rate with the best validation accuracy on *other* seeds; then fresh
seeds, each with its own split of the digits (1000 to train, 397 to validate, 400 to test), weights and order of the data, the
same for every rule, so that differences are paired. "Better" is measured two ways: test accuracy, and sharpness (the largest
eigenvalue of the training loss's Hessian), at the end and where each run's training loss first falls below one level.

Prediction: momentum b with a small lr follows SGD with lr/(1 - b), so that the two should find the same; at the same lr, as
they are often compared, momentum is 1/(1 - b) = 10 times ahead. What momentum adds is room: it is stable up to lr/(1 - b) =
2 (1 + b)/(1 - b)/sharpness, 19 times as far as SGD.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from math import exp, sqrt
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.gallery._paired import Interval, mean_of_pairs
from trainability.lab import run_all
from trainability.measures.sharpness import sharpness_of_members
from trainability.optimizers import SGD, Adam, Momentum, Params, Rule
from trainability.problems import get as problem
from trainability.theory.stability import limits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Does SGD with momentum find better minima? On digits by a third of a point, and not at the same training loss"
SOURCE = (
    "Lecture notes on the optimization of neural networks, 'Which optimizer should I use?', heuristic 3: better minima -> SGD "
    "+ momentum; Wilson, Roelofs, Stern, Srebro and Recht 2017, arXiv 1705.08292 (adaptive methods and generalization)."
)

Floats = NDArray[np.float64]
TRAIN, VALID, BATCH, HIDDEN, BETA = 1000, 397, 32, 32, 0.9
RULES: dict[str, Callable[..., Rule]] = {"SGD": SGD, "momentum": partial(Momentum, momentum=BETA), "Adam": Adam}
GRIDS = {
    "SGD": (0.06, 0.12, 0.25, 0.5, 1.0, 1.5),
    "momentum": (0.006, 0.012, 0.025, 0.05, 0.1, 0.2, 0.4),
    "Adam": (0.0012, 0.0025, 0.005, 0.01, 0.02, 0.04),
}


PAIR = 0.025
"""A lr at which momentum is compared with SGD at the same one, and at ten times as much."""
SAME, TIMES, BEYOND = "SGD, lr 0.025", "SGD, lr 0.25", "SGD at 10 times momentum's best lr"


@dataclass(frozen=True)
class Ends:
    """What a rule's runs found, one number a seed.

    Args:
        rule: key of `RULES`; lr: learning rate; name: what figures call it.
        accuracy: on test data, at the end; loss: on training data, at the end; sharpness: at the end.
        level_accuracy, level_sharpness: at the first end of an epoch with the training loss below the level; nan if never.
        epochs_to_level: that epoch, nan if never.
    """

    rule: str
    lr: float
    name: str
    accuracy: Floats
    loss: Floats
    sharpness: Floats
    level_accuracy: Floats
    level_sharpness: Floats
    epochs_to_level: Floats


@dataclass(frozen=True)
class Minima:
    """The numbers behind the figure.

    Args:
        tuned: rule -> (learning rates, mean validation accuracy on the tuning seeds with its standard error), three rows.
        ends: the three rules at their best lr, momentum at `PAIR`, SGD at that, ten times that, and ten times momentum's best.
        level: the training loss at which runs are compared too.
        epochs: of each run.
    """

    tuned: dict[str, Floats]
    ends: tuple[Ends, ...]
    level: float
    epochs: int

    def at(self, name: str) -> Ends:
        """The runs of that name."""
        return next(e for e in self.ends if e.name == name)

    @property
    def seeds(self) -> int:
        """How many."""
        return len(self.ends[0].accuracy)


@cache
def images() -> tuple[Tensor, Tensor]:
    """All 1797 digits."""
    setup = problem("digits-mlp")()
    assert setup.validation is not None
    (x, y), (more_x, more_y) = setup.data, setup.validation
    return torch.cat((x, more_x)), torch.cat((y, more_y))


def split(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Indices to train on, to validate on and to test on."""
    order = torch.randperm(len(images()[1]), generator=torch.Generator().manual_seed(1000 + seed))
    return order[:TRAIN], order[TRAIN : TRAIN + VALID], order[TRAIN + VALID :]


def weights(seed: int) -> Params:
    """The network's first weights, drawn as `torch.nn.Linear` draws them."""
    chance = torch.Generator().manual_seed(seed)

    def draw(n_in: int, *shape: int) -> Tensor:
        return (2 * torch.rand(*shape, generator=chance) - 1) / sqrt(n_in)

    return {"w1": draw(64, 64, HIDDEN), "b1": draw(64, HIDDEN), "w2": draw(HIDDEN, HIDDEN, 10), "b2": draw(HIDDEN, 10)}


def outputs(p: Params, x: Tensor) -> Tensor:
    """(E, n, 64) to (E, n, 10)."""
    hidden = torch.relu(torch.baddbmm(p["b1"][:, None], x, p["w1"]))
    return torch.baddbmm(p["b2"][:, None], hidden, p["w2"])


def losses(p: Params, x: Tensor, y: Tensor) -> Tensor:
    """Mean cross-entropy of each member, (E,)."""
    out = outputs(p, x)
    rows = torch.nn.functional.cross_entropy(out.reshape(-1, 10), y.reshape(-1), reduction="none")
    return rows.view(y.shape).mean(1)


def train(rule: str, rates: tuple[float, ...], seeds: tuple[int, ...], epochs: int, level: float) -> dict[str, Floats]:
    """Train every seed at every lr, all in one stack.

    Args:
        rule: key of `RULES`.
        rates: learning rates (K,); seeds: (S,).
        epochs: passes over the data; level: of the training loss.

    Returns:
        Name -> (S, K): "valid", and the fields of `Ends`.
    """
    x, y = images()
    K = len(rates)
    parts = [torch.stack(part).repeat_interleave(K, 0) for part in zip(*map(split, seeds), strict=True)]
    train_on, valid_on, test_on = parts
    begin = [weights(seed) for seed in seeds]
    p = {name: torch.stack([one[name] for one in begin]).repeat_interleave(K, 0) for name in begin[0]}
    made = RULES[rule](lr=torch.tensor(rates, dtype=torch.float64).repeat(len(seeds)))
    state = made.init(p)
    chances = [torch.Generator().manual_seed(50_000 + seed) for seed in seeds]
    there = {name: value.clone() for name, value in p.items()}
    when = torch.full((len(train_on),), float("nan"))
    x_train, y_train = x[train_on], y[train_on]
    for epoch in range(epochs):
        order = torch.stack([torch.randperm(TRAIN, generator=c) for c in chances]).repeat_interleave(K, 0)
        for batch in order.split(BATCH, 1):
            index = train_on.gather(1, batch)
            leaves = {name: value.requires_grad_() for name, value in p.items()}
            found = torch.autograd.grad(losses(leaves, x[index], y[index]).sum(), list(leaves.values()))
            p = {name: value.detach() for name, value in p.items()}
            made.step_(p, dict(zip(p, found, strict=True)), state)
        with torch.no_grad():
            loss = losses(p, x_train, y_train)
        first = when.isnan() & (loss <= level)
        when[first] = epoch + 1
        for name, value in p.items():
            there[name][first] = value[first]

    def accuracy(q: Params, index: Tensor) -> Tensor:
        with torch.no_grad():
            return (outputs(q, x[index]).argmax(-1) == y[index]).double().mean(1)

    def sharpness(q: Params) -> Tensor:
        leaves = {name: value.clone().requires_grad_() for name, value in q.items()}
        return sharpness_of_members(lambda: losses(leaves, x_train, y_train), list(leaves.values()), tol=2e-2).values

    never = when.isnan()
    found_there = {"level_accuracy": accuracy(there, test_on), "level_sharpness": sharpness(there)}
    for value in found_there.values():
        value[never] = float("nan")
    rows = {
        "valid": accuracy(p, valid_on),
        "accuracy": accuracy(p, test_on),
        "loss": loss,
        "sharpness": sharpness(p),
        "epochs_to_level": when,
        **found_there,
    }
    return {name: value.double().view(len(seeds), K).numpy() for name, value in rows.items()}


def tune(rule: str, rates: tuple[float, ...], seeds: tuple[int, ...], epochs: int) -> Floats:
    """Learning rates, mean validation accuracy, its standard error: (3, K)."""
    valid = train(rule, rates, seeds, epochs, 0.0)["valid"]
    return np.stack((np.array(rates), valid.mean(0), valid.std(0, ddof=1) / sqrt(len(seeds))))


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Tune on 8 seeds, judge on 40, 40 epochs; `smoke`: 2 of the rates, 2 and 6 seeds, 8 epochs.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are Minima.
    """
    tuning, judged, epochs, level = (2, 6, 8, 0.25) if smoke else (8, 40, 40, 0.02)
    images()  # once, before workers are forked
    total, seen = 2 * len(RULES), 0

    def done(index: int) -> None:
        nonlocal seen
        seen += 1
        if progress:
            progress("tune, then judge, every rule", seen, total)

    others = tuple(range(900, 900 + tuning))
    grids = {rule: rates[1:3] if smoke else rates for rule, rates in GRIDS.items()}
    first = run_all([partial(tune, rule, grids[rule], others, epochs) for rule in RULES], done=done)
    tuned = dict(zip(RULES, first, strict=True))
    best = {rule: float(row[0, row[1].argmax()]) for rule, row in tuned.items()}
    wanted: dict[str, tuple[float, ...]] = {rule: (lr,) for rule, lr in best.items()}
    wanted["SGD"] = (best["SGD"], PAIR, PAIR / (1 - BETA), best["momentum"] / (1 - BETA))
    wanted["momentum"] = (best["momentum"], PAIR)
    names: dict[str, tuple[str, ...]] = {rule: (rule,) for rule in RULES}
    names |= {"SGD": ("SGD", SAME, TIMES, BEYOND), "momentum": ("momentum", "momentum, lr 0.025")}
    seeds = tuple(range(judged))
    second = run_all([partial(train, rule, rates, seeds, epochs, level) for rule, rates in wanted.items()], done=done)
    ends = [
        Ends(rule, lr, name, **{key: value[:, k] for key, value in found.items() if key != "valid"})
        for rule, found in zip(wanted, second, strict=True)
        for k, (lr, name) in enumerate(zip(wanted[rule], names[rule], strict=True))
    ]
    data = Minima(tuned, tuple(ends), level, epochs)
    return Reproduction(claims(data), data)


def difference(a: Ends, b: Ends, what: str = "accuracy") -> Interval:
    """The mean of a - b by pairs, accuracies in points of 100."""
    return mean_of_pairs(100 * getattr(a, what), 100 * getattr(b, what))


def ratio(a: Ends, b: Ends, what: str) -> Interval:
    """The geometric mean of a/b by pairs."""
    logs = mean_of_pairs(np.log(getattr(a, what)), np.log(getattr(b, what)))
    return Interval(exp(logs.value), exp(logs.low), exp(logs.high))


def claims(data: Minima) -> tuple[Claim, ...]:
    """What the runs must show.

    Args:
        data: from `run`.

    Returns:
        Claims; intervals are 95%, of paired differences. "Below 1 point" means that the interval of the difference in test
        accuracy lies within 1 point, with fewer than 20 seeds within 5.
    """
    margin = 1.0 if data.seeds >= 20 else 5.0
    sgd, ball, adam = (data.at(name) for name in RULES)
    small, same, times, beyond = (data.at(name) for name in ("momentum, lr 0.025", SAME, TIMES, BEYOND))
    plural = "s" if margin > 1 else ""
    told = f"the interval of the difference within {margin:g} point{plural}"

    def mean(e: Ends) -> str:
        return f"{e.name} (lr {e.lr:g}) {100 * e.accuracy.mean():.2f}%"

    def equal(found: Interval) -> bool:
        return -margin < found.low and found.high < margin

    def zero(found: Interval) -> str:
        return "0 is inside" if found.low <= 0 <= found.high else "0 is outside"

    to_sgd, to_adam, to_times = (difference(a, b) for a, b in ((ball, sgd), (ball, adam), (small, times)))
    at_level = difference(ball, sgd, "level_accuracy"), difference(ball, adam, "level_accuracy")
    naive, loss, effective = difference(small, same), ratio(small, same, "loss"), ratio(small, times, "loss")
    sharp = ratio(ball, sgd, "level_sharpness"), ratio(adam, sgd, "level_sharpness")
    bounds = {"SGD": float(limits.heavy_ball(1.0, 0.0)), "momentum": float(limits.heavy_ball(1.0, BETA))}
    stable = [e for e in data.ends if e.rule != "Adam" and e.name != BEYOND]
    used = {e.name: float((e.sharpness * e.lr / bounds[e.rule]).max()) for e in stable}
    rank, low, high = correlation(data)
    stated = [
        Claim(
            f"'Better minima: SGD + momentum', against SGD: at their best lr by less than {margin:g} point{plural}, if at all",
            told,
            f"{mean(ball)}, {mean(sgd)}; difference {to_sgd.says(2)} points, {data.seeds} seeds; {zero(to_sgd)}",
            equal(to_sgd),
        ),
        Claim(
            f"Against Adam too the difference is below {margin:g} point{plural}",
            told,
            f"{mean(ball)}, {mean(adam)}; difference {to_adam.says(2)} points; {zero(to_adam)}",
            equal(to_adam),
        ),
        Claim(
            f"At the same training loss, {data.level:g}, momentum is not ahead: it trains further",
            told + ", against both, and none above 0",
            f"momentum - SGD {at_level[0].says(2)}, momentum - Adam {at_level[1].says(2)} points; training loss at "
            f"the end over SGD's {ratio(ball, sgd, 'loss').says(2)}, over Adam's {ratio(ball, adam, 'loss').says(2)}",
            all(map(equal, at_level)) and all(found.low <= 0 for found in at_level),
        ),
        Claim(
            "What the heuristic may rest on: at the same lr momentum is 10 times ahead, and looks better",
            "training loss lower in the mean of pairs, test accuracy not lower",
            f"lr {PAIR:g}: training loss {loss.says(2)} times SGD's; test accuracy {naive.says(2)} points higher",
            loss.high < 1 and naive.value > 0,
        ),
        Claim(
            "Momentum b is, to first order in lr, SGD with lr/(1 - b): that SGD finds the same",
            f"training loss at the end within a factor of 3, test accuracy: {told}",
            f"training loss {effective.says(2)} times, test accuracy {to_times.says(2)} points",
            1 / 3 < effective.value < 3 and equal(to_times),
        ),
        Claim(
            "Every end is one at which its rule is stable: sharpness below 2/lr for SGD, 2 (1 + b)/lr for momentum",
            "largest share of the bound used: below 1",
            ", ".join(f"{name} {share:.2f}" for name, share in used.items()),
            all(share < 1 for share in used.values()),
        ),
        Claim(
            "Flatter is not better here: at the same training loss sharpness does not tell, within a rule, who generalizes, "
            "and the rule with the flattest points is not ahead by the margin",
            f"interval of the rank correlation contains 0; {told}",
            f"{rank:.2f} ({low:.2f} to {high:.2f}); sharpness over SGD's: momentum {sharp[0].says(2)}, Adam "
            f"{sharp[1].says(2)}; momentum - SGD {at_level[0].says(2)} points",
            low < 0 < high and equal(at_level[0]),
        ),
    ]
    if beyond.lr > 1.2 * max(GRIDS["SGD"]):
        stated.append(
            Claim(
                "What momentum does add is room: its best lr amounts to one that SGD cannot take",
                f"SGD at lr {beyond.lr:g}: less than half right",
                f"{100 * beyond.accuracy.mean():.1f}%, momentum {100 * ball.accuracy.mean():.1f}%",
                bool(beyond.accuracy.mean() < 0.5),
            )
        )
    return tuple(stated)


def correlation(data: Minima) -> tuple[float, float, float]:
    """Spearman's rank correlation of sharpness and test accuracy at the level within rules, with Fisher's 99% interval."""
    pairs = [
        (np.log(e.level_sharpness) - np.log(e.level_sharpness).mean(), e.level_accuracy - e.level_accuracy.mean())
        for e in (data.at(rule) for rule in RULES)
    ]
    sharp, good = (np.concatenate(part) for part in zip(*pairs, strict=True))
    rank = float(spearmanr(sharp, good).statistic)
    half = 2.576 / sqrt(len(sharp) - len(RULES) - 3)
    return rank, float(np.tanh(np.arctanh(rank) - half)), float(np.tanh(np.arctanh(rank) + half))


def figure(reproduction: Reproduction) -> Figure:
    """Tuning, paired differences, and sharpness against test accuracy.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from trainability.gallery._better_minima_figure import draw

    return draw(reproduction.data)
