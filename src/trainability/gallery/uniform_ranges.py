"""Which range of initial weights trains, at which learning rate, with which loss, and why the others do not.

Digits, 64-[64]xd-10 with 2 and 4 hidden layers, sigmoid and ReLU, biases 0, batch 16, SGD for 1500 steps: seven initializers
from U[0, 1] to He's, five decades of learning rates, softmax with squared error (summed over the classes) and with
cross-entropy. Each failing run is given its cause by a rule over what was measured at its start and end
(`_uniform_ranges_mechanism`); each start, and each cell, is predicted from the covariances of infinitely wide networks
(`_uniform_ranges_theory`), for which no network is drawn.

Prediction: squared error cannot correct a softmax that starts sure and wrong, so that wide ranges fail at every learning rate,
the sooner the deeper; cross-entropy can, and only moves the learning rates that work. Sigmoids are blind to inputs where all
of them are on (U[0, 1]), and nearly so where the weights are thin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf, isnan, log
from typing import TYPE_CHECKING

import numpy as np

from trainability.gallery import _uniform_ranges_figure
from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.gallery._uniform_ranges_mechanism import blocked
from trainability.gallery._uniform_ranges_runs import (
    ACTIVATIONS,
    LOSSES,
    SCHEMES,
    Trained,
    images,
    mechanisms,
    train,
)
from trainability.gallery._uniform_ranges_theory import Predicted, predict
from trainability.lab import run_all
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = (
    "Which range of initial weights trains sigmoid and ReLU networks at which learning rate, and why the others fail"
)
SOURCE = (
    "A public question of December 2020 (U[-1, 1] against U[-0.5, 0.5] and normal weights) and its answers, which say that "
    "normal weights converge, that sigmoid does not care, that the loss has to be cross-entropy, and that a learning rate "
    "which is stable at the start suffices; the other ranges, and the causes, are added."
)

RATES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
DEPTHS = (2, 4)
FEW = ("U[0, 1]", "U[-0.5, 0.5]", "N(0, 1)", "He")
ENOUGH = 20
"""Runs from which a share is claimed."""
Key = tuple[str, str, int, str]
"""Activation, loss, hidden layers, initializer."""


@dataclass(frozen=True)
class Ranges:
    """The numbers behind the figure.

    Args:
        steps: of each run.
        runs: by key and lr, one run a seed, in the order of seeds.
        predicted: by key.
    """

    steps: int
    runs: dict[Key, dict[float, tuple[Trained, ...]]]
    predicted: dict[Key, Predicted]

    @property
    def rates(self) -> tuple[float, ...]:
        """Learning rates, rising."""
        return tuple(sorted(next(iter(self.runs.values()))))

    def share(self, key: Key, lr: float) -> float:
        """Share of seeds that trained."""
        return _trained(self.runs[key][lr]) / len(self.runs[key][lr])

    def state(self, key: Key, theory: bool) -> str:
        """What blocks the start, by the rule on the predicted or on the median measured reading; "" for nothing."""
        cases = [run.case for run in self.runs[key][self.rates[0]]]
        case = cases[0]
        if theory:
            told = self.predicted[key]
            limit = inf if isnan(told.limit) else told.limit
            found = blocked(told.reading, replace(case, limit=limit))
        else:
            names = [blocked(c.start, c) or "" for c in cases]
            return max(sorted(set(names)), key=names.count)
        return found or ""


def _trained(runs: Sequence[Trained]) -> int:
    return sum(run.mechanism is None for run in runs)


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Train every combination with 10 seeds, some 4 minutes of one core.

    `smoke`: 3 seeds, 300 steps, ReLU, 2 hidden layers, 4 initializers, 3 rates.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Ranges.
    """
    seeds, steps = (3, 300) if smoke else (10, 1500)
    rates, depths = (RATES[2:], DEPTHS[:1]) if smoke else (RATES, DEPTHS)
    activations, schemes = (ACTIVATIONS[:1], FEW) if smoke else (ACTIVATIONS, tuple(SCHEMES))
    keys = [(a, b, d, s) for d in reversed(depths) for a in activations for b in LOSSES for s in schemes]
    count = 0

    def done(index: int) -> None:
        nonlocal count
        count += 1
        if progress:
            progress("train and predict", count, 2 * len(keys))

    images(1)  # loads the digits once, before workers are forked
    runs = run_all([partial(train, *key, rates, seeds, steps) for key in keys], done=done)
    told = run_all([partial(predict, *key, rates, steps) for key in keys], done=done)
    data = Ranges(steps, dict(zip(keys, runs, strict=True)), dict(zip(keys, told, strict=True)))
    return Reproduction(claims(data), data)


def claims(data: Ranges) -> tuple[Claim, ...]:
    """What the table must show; a claim whose cells are missing is left out.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    return (*_start(data), *_causes(data), *_source(data))


def _start(data: Ranges) -> list[Claim]:
    """The networks before training, and the whole map, against theory."""
    keys = list(data.runs)
    states = {key: (data.state(key, True), data.state(key, False)) for key in keys}
    agree = sum(a == b for a, b in states.values())
    odd = [f"{_name(k)}: {a or 'free'} told, {b or 'free'} seen" for k, (a, b) in states.items() if a != b]
    still = sorted({b for _, b in states.values() if b})
    centred = [k for k in keys if data.predicted[k].trained]
    moving = [k for k in centred if states[k][1] != "softmax"]
    signal, limit = [], []
    for k in moving:
        first = data.runs[k][data.rates[0]]
        signal.append(data.predicted[k].reading.signal / float(np.median([r.case.start.signal for r in first])))
        limit.append(data.predicted[k].limit / float(np.median([r.case.limit for r in first])))
    calm = [x for x, k in zip(limit, moving, strict=True) if data.predicted[k].reading.gap < log(data.steps)]
    cells = [(k, lr) for k in centred for lr in data.rates]
    hits = [(data.predicted[k].trained[lr] >= 0.5) == (data.share(k, lr) >= 0.5) for k, lr in cells]
    missed = [c for c, hit in zip(cells, hits, strict=True) if not hit and data.predicted[c[0]].trained[c[1]] >= 0.5]
    letters = mechanisms([r for k, lr in missed for r in data.runs[k][lr]])
    late = sum(n for letter, n in letters.items() if letter in "dsX")
    stated = [
        Claim(
            "Which networks cannot start, and by what, is decided by the covariances of wide networks: the rule on predicted "
            "numbers gives what it gives on measured ones (most frequent of the seeds)",
            "at least 9 of 10 combinations of activation, loss, depth and initializer",
            f"{agree} of {len(keys)}; what blocks a start: {', '.join(still)}" + "".join(f"; {o}" for o in odd[:4]),
            agree >= 0.9 * len(keys),
        ),
        Claim(
            "The gradient that tells inputs apart, from 1e-9 to 1e6 in square, is that of the tangent kernel",
            "median ratio within 1.5, nine of ten within 3",
            f"median {np.median(signal):.2f}, {_within(signal, 3):.0f}% within 3 ({len(signal)} combinations)",
            abs(np.log(np.median(signal))) < np.log(1.5) and _within(signal, 3) >= 90,
        ),
        Claim(
            "The largest stable lr at the start is 2 over the top eigenvalue of the tangent kernel with the loss's curvature, "
            f"where softmax is not sure (gap below ln {data.steps})",
            "median ratio within 1.5, all within 4",
            f"median {np.median(calm):.2f}, {min(calm):.2f} to {max(calm):.2f} ({len(calm)} combinations, Hessian by Lanczos)",
            abs(np.log(np.median(calm))) < np.log(1.5) and _within(calm, 4) == 100,
        ),
        Claim(
            "Descent of outputs with the kernel of the start, for which no network is drawn, says in which cells half of the "
            "seeds train (weights of mean 0)",
            "at least 70% of the cells",
            f"{sum(hits)} of {len(hits)} ({100 * np.mean(hits):.0f}%)",
            float(np.mean(hits)) >= 0.7,
        ),
    ]
    if sum(letters.values()) < ENOUGH:
        return stated
    return [
        *stated,
        Claim(
            "Where that promises training and there is none, the network left its kernel: units died or softmax froze in "
            "training, or the run left the numbers",
            "at least 70% of the failing runs of those cells",
            f"{late} of {sum(letters.values())} ({', '.join(f'{x}: {n}' for x, n in letters.items())})",
            late >= 0.7 * sum(letters.values()),
        ),
    ]


def _name(key: Key) -> str:
    return f"{key[0]}, {key[1]}, {key[2]} layers, {key[3]}"


def _within(ratios: Sequence[float], factor: float) -> float:
    """Percent of ratios between 1/factor and factor."""
    return float(100 * np.mean([1 / factor <= r <= factor for r in ratios]))


def _causes(data: Ranges) -> list[Claim]:
    """The causes named by the rule, tested by the same seeds at other learning rates."""
    found: list[Claim] = []
    rates = data.rates
    slow, fast, stuck = [], [], []
    for by_lr in data.runs.values():
        for i, lr in enumerate(rates):
            for seed, one in enumerate(by_lr[lr]):
                if one.mechanism is None:
                    continue
                letter = one.mechanism.letter
                if letter == "L" and i + 1 < len(rates) and rates[i + 1] <= one.case.limit:
                    slow.append(by_lr[rates[i + 1]][seed].end_loss < one.end_loss)
                if letter in "dsX" and i:
                    before = by_lr[rates[i - 1]][seed].mechanism
                    fast.append(before is None or before.letter != letter)
                if letter in "SA":
                    stuck.append(any(by_lr[r][seed].mechanism is None for r in rates))
    if slow:
        found.append(_counted("L, too slow: ten times the lr, where still stable at the start, ends lower with the same seed",
                              "at least 90% of such runs", slow, 0.9))  # fmt: skip
    if fast:
        found.append(_counted("d, s, X, dead or frozen or lost in training: a tenth of the lr spares the same seed that end",
                              "at least 60% of such runs; the others need yet smaller ones", fast, 0.6))  # fmt: skip
    if stuck:
        found.append(_counted("S and A, drawn sure and wrong, or flat: the same seed trains at no lr",
                              "at least 90% of such runs", [not s for s in stuck], 0.9))  # fmt: skip
    first = [k for k in data.runs if data.state(k, False) == "vanished"]
    grown = [k for k in first if max(data.share(k, lr) for lr in rates) >= 0.5]
    if len(first) > 3:
        found.append(
            Claim(
                "V, too weak a signal, says that the gradient of the start cannot do it at any lr of the study. That is no "
                "verdict: near a plateau signals grow, and some leave it, at one of the two largest lr alone",
                "some of the V starts train, none of them below the two largest lr",
                f"{len(grown)} of {len(first)}; below: "
                f"{sum(data.share(k, lr) >= 0.5 for k in first for lr in rates[:-2])} cells of "
                f"{len(first) * len(rates[:-2])}",
                0 < len(grown) < len(first) and not any(data.share(k, lr) >= 0.5 for k in first for lr in rates[:-2]),
            )
        )
    below = [
        run
        for key, by_lr in data.runs.items()
        if key[:2] == (ACTIVATIONS[0], LOSSES[1])
        for run in by_lr[rates[-1]]
        if run.case.lr < run.case.limit
    ]
    if len(below) >= ENOUGH:
        dead = sum(run.mechanism is not None and run.mechanism.letter in "dX" for run in below)
        low, high = interval(dead, len(below))
        found.append(
            Claim(
                "'For many functions a learning rate that is stable at the start suffices': not for ReLU with cross-entropy. "
                "At lr 1, below the limit of the start, thin weights grow until their units die",
                "by the answer none would fail; by the kernel's rise in training most do",
                f"{dead} of {len(below)} runs below the limit died or were lost ({100 * low:.0f} to {100 * high:.0f}%)",
                low > 0.5,
            )
        )
    return found


def _counted(says: str, wanted: str, seen: Sequence[bool], least: float) -> Claim:
    low, high = interval(sum(seen), len(seen))
    return Claim(
        says,
        wanted,
        f"{sum(seen)} of {len(seen)} ({100 * low:.0f} to {100 * high:.0f}%)",
        sum(seen) >= least * len(seen),
    )


def _source(data: Ranges) -> list[Claim]:
    """What the question and its answers say, cell by cell."""
    squared, entropy = LOSSES
    relu, sigmoid = ACTIVATIONS
    every, no, yes = tuple(data.rates), "at most 1 in 6 seeds trained, each", "at least 5 in 6 seeds trained, each"
    centred = tuple(s for s in SCHEMES if s != "U[0, 1]")
    rows: list[tuple[str, bool, Iterable[tuple[str, str, int, str]], tuple[float, ...]]] = [
        ("ReLU, squared error, 4 hidden layers: U[-1, 1] fails at 0.01 and at every other lr ('a smaller learning rate helps' "
         "does not hold once softmax is sure)", False, [(relu, squared, 4, "U[-1, 1]")], every),
        ("... and U[-0.5, 0.5] trains, at 0.1", True, [(relu, squared, 4, "U[-0.5, 0.5]")], (0.1,)),
        ("U[0, 1] trains at no lr, whatever the activation, the loss and the depth: 'sigmoid does not care about [0, 1] or "
         "[-1, 1]' is wrong for a network of several layers", False,
         [(a, b, d, "U[0, 1]") for a in ACTIVATIONS for b in LOSSES for d in DEPTHS], every),
        ("'Normal weights converge' is imprecise: N(0, 1) fails with ReLU and squared error at every lr", False,
         [(relu, squared, d, "N(0, 1)") for d in DEPTHS], every),
        ("... where N(0, 0.1²) and He's weights train at 0.1: 'the loss has to be cross-entropy' is wrong", True,
         [(relu, squared, d, s) for d in DEPTHS for s in ("N(0, 0.1²)", "He")], (0.1,)),
        ("ReLU, cross-entropy: lr 0.01 trains all ranges around 0 that are no thinner than He's and no wider than U[-1, 1]",
         True, [(relu, entropy, d, s) for d in DEPTHS for s in ("U[-1, 1]", "U[-0.5, 0.5]", "He")], (0.01,)),
        ("ReLU, cross-entropy: lr 1 trains none", False, [(relu, entropy, d, s) for d in DEPTHS for s in SCHEMES], (1.0,)),
        ("Sigmoid, cross-entropy, lr 1, 2 hidden layers: every range around 0 trains", True,
         [(sigmoid, entropy, 2, s) for s in centred], (1.0,)),
        ("Sigmoid, 4 hidden layers: the wide U[-1, 1] trains at 0.1, with both losses", True,
         [(sigmoid, b, 4, "U[-1, 1]") for b in LOSSES], (0.1,)),
        ("... and He's, made for ReLU, as well as thinner ones train at no lr", False,
         [(sigmoid, b, 4, s) for b in LOSSES for s in ("He", "N(0, 0.1²)", "U[-0.1, 0.1]")], every),
    ]  # fmt: skip
    found = []
    for says, wanted, keys, lrs in rows:
        cells = [(key, lr) for key in keys for lr in lrs if key in data.runs and lr in data.runs[key]]
        if not cells:
            continue
        shares = [data.share(key, lr) for key, lr in cells]
        good = min(shares) >= 5 / 6 if wanted else max(shares) <= 1 / 6
        found.append(Claim(says, yes if wanted else no, _told(data, cells, wanted), good))
    return found


def _told(data: Ranges, cells: Sequence[tuple[Key, float]], wanted: bool) -> str:
    """The worst cell with its interval, and what failed."""
    runs = [run for key, lr in cells for run in data.runs[key][lr]]
    key, lr = (min if wanted else max)(cells, key=lambda c: data.share(*c))
    worst = data.runs[key][lr]
    low, high = interval(_trained(worst), len(worst))
    why = ", ".join(f"{letter} {n}" for letter, n in mechanisms(runs).items())
    return (
        f"{_trained(runs)} of {len(runs)} in {len(cells)} cells; {'least' if wanted else 'most'} {_trained(worst)} of "
        f"{len(worst)} ({100 * low:.0f} to {100 * high:.0f}%), {_name(key)} at {lr:g}"
        + (f"; failed by {why}" if why else "")
    )


def figure(reproduction: Reproduction) -> Figure:
    """Share of seeds that trained for every combination, with the cause of failure, and the start against theory.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    return _uniform_ranges_figure.draw(reproduction.data)
