"""The ladder of spurious minima: each student that points away from its teacher costs about the same.

`theory.families` solves six equations for the point at which j of k students are flipped; nothing there knows of
descent. Type II (j = 1) is the minimum of Safran and Shamir, type A has all flipped, type I all but one.

Prediction: type II's loss falls like (1/2 - 2/pi²)/k; those of type A and I tend to the constant 1/2 - 1/pi.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING

import numpy as np

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.theory.critical_points import classify, recognise
from trainability.theory.descent import descend
from trainability.theory.families import Flipped, flipped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "The ladder of spurious minima: exact losses of j flipped students, and where descent ends"
SOURCE = (
    "Arjevani and Field 2020, arXiv 2003.10576, and 2021: types A, I and II, a loss like 1/k against a positive "
    "constant. The limits' values and the rungs 1 < j < k - 1 were measured here."
)

SIZES = (10, 20, 50, 100)
RUNGS = {1: 0.01128, 2: 0.02192, 3: 0.03215, 4: 0.04202, 5: 0.05156}
"""Losses of the most frequent ends at k = 20, by an independent program for one run at a time."""

BELONGS = 1e-6
"""An end stands on a rung only if its loss does: some ends have a family's symmetry and another loss."""


@dataclass(frozen=True)
class Ladder:
    """The numbers behind the figure.

    Args:
        rungs: for each size in `SIZES`, the points with j = 1, 2, ... flipped students, up to half of k and at most 12.
        kinds: (type, k, kind, least Hessian eigenvalue) of types II, A and I at the sizes where they become minima.
        large: types II, A and I at sizes up to 100 million.
        ends: (k, j, count, largest difference of loss from the exact rung) of spurious ends of descent that stand on a rung,
            by symmetry and by loss.
        spurious: spurious ends altogether; of how many runs.
        runs: starts.
    """

    rungs: dict[int, tuple[Flipped, ...]]
    kinds: tuple[tuple[str, int, str, float], ...]
    large: dict[str, tuple[Flipped, ...]]
    ends: tuple[tuple[int, int, int, float], ...]
    spurious: int
    runs: int


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Solve the families, and descend at k = 10 and 20 (1000 runs each); `smoke`: at k = 10 alone, 200 runs.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Ladder.
    """
    plan = ((10, 200),) if smoke else ((10, 1000), (20, 1000))
    rungs = {k: tuple(flipped(k, j) for j in range(1, min(k // 2, 12) + 1)) for k in SIZES}
    families = {"II": lambda k: 1, "A": lambda k: k, "I": lambda k: k - 1}
    large = {
        name: tuple(flipped(k, j(k)) for k in (10, 30, 100, 1000, 10**4, 10**5, 10**6, 10**7, 10**8))
        for name, j in families.items()
    }
    kinds = []
    for name, k in (("II", 5), ("II", 6), ("A", 5), ("A", 6), ("I", 6), ("I", 7)):
        point = classify(flipped(k, families[name](k)).matrix(), np.eye(k))
        kinds.append((name, k, point.kind, float(point.spectrum[0])))
    if progress:
        progress("solve and descend", 1, 1 + len(plan))
    ends, spurious = [], 0
    for done, (k, runs) in enumerate(plan):
        W0 = np.random.default_rng([11, k]).normal(0.0, k**-0.5, (runs, k, k))
        out = descend(W0, np.eye(k), lr=0.1, tol=1e-9, floor=1e-10)
        bad = np.flatnonzero(out.loss > 1e-3)
        spurious += len(bad)
        js = np.array([recognise(out.W[i], np.eye(k)).flipped or 0 for i in bad], dtype=int)
        for j in sorted(set(js.tolist()) - {0}):
            off = np.abs(out.loss[bad[js == j]] - flipped(k, j).loss)
            mine = off[off < BELONGS]  # others have the symmetry, and are other critical points
            if len(mine):
                ends.append((k, j, len(mine), float(mine.max())))
        if progress:
            progress("solve and descend", 2 + done, 1 + len(plan))
    data = Ladder(rungs, tuple(kinds), large, tuple(ends), spurious, sum(r for _, r in plan))
    return Reproduction(claims(data), data)


def claims(data: Ladder) -> tuple[Claim, ...]:
    """What the ladder must show.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    two, one, limit_two, limit_one = data.large["II"], data.large["I"], 1 / 2 - 2 / pi**2, 1 / 2 - 1 / pi
    all_a = data.large["A"]
    twenty = [p.loss for p in data.rungs[20][:5]]
    steps = np.diff([0.0, *twenty])
    known = sum(count for _, _, count, _ in data.ends)
    worst = max((error for *_, error in data.ends), default=0.0)
    wanted = {("II", 5): "saddle", ("II", 6): "minimum", ("A", 5): "saddle", ("A", 6): "minimum", ("I", 6): "saddle",
              ("I", 7): "minimum"}  # fmt: skip
    return (
        Claim(
            "Type II: k times the loss tends to 1/2 - 2/pi² (the source: the loss decays like 1/k)",
            f"{limit_two:.7f}, from below",
            f"{two[-1].k * two[-1].loss:.7f} at k = 10⁸",
            abs(two[-1].k * two[-1].loss - limit_two) < 2e-5,
        ),
        Claim(
            "Type A: the loss tends to 1/2 - 1/pi (the source: a positive constant)",
            f"{limit_one:.7f}, from below",
            f"{all_a[-1].loss:.7f} at k = 10⁸",
            abs(all_a[-1].loss - limit_one) < 1e-4,
        ),
        Claim(
            "Type I: the same constant",
            f"{limit_one:.7f}, from below",
            f"{one[-1].loss:.7f} at k = 10⁸",
            abs(one[-1].loss - limit_one) < 1e-4,
        ),
        Claim(
            "Type II and A are minima from k = 6 on, type I from k = 7 on; one size below each is a saddle",
            "saddle, minimum; saddle, minimum; saddle, minimum",
            ", ".join(f"{name} {k}: {kind} ({least:+.4f})" for name, k, kind, least in data.kinds),
            all(wanted[name, k] == kind for name, k, kind, _ in data.kinds),
        ),
        Claim(
            "At k = 20 the rungs j = 1 to 5 are the losses at which descent was seen to end",
            ", ".join(f"{v:.5f}" for v in RUNGS.values()),
            ", ".join(f"{v:.5f}" for v in twenty),
            all(abs(a - b) < 6e-6 for a, b in zip(twenty, RUNGS.values(), strict=True)),
        ),
        Claim(
            "Each further flip costs a little less than the one before",
            "steps fall, all within 20% of the first",
            ", ".join(f"{v:.5f}" for v in steps),
            bool((np.diff(steps) < 0).all() and steps[-1] > 0.8 * steps[0]),
        ),
        Claim(
            "Spurious ends of descent stand on the rungs",
            "at least 95%, by symmetry and by loss (to 1e-8)",
            f"{known} of {data.spurious} (of {data.runs} runs): "
            + ", ".join(f"k={k} j={j}: {count}" for k, j, count, _ in data.ends)
            + f"; to {worst:.0e}",
            data.spurious > 0 and known >= 0.95 * data.spurious and worst < 1e-8,
        ),
    )


def figure(reproduction: Reproduction) -> Figure:
    """Left: loss against flipped students, with the ends of descent. Right: loss against k for types II, A and I.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    data: Ladder = reproduction.data
    from matplotlib.figure import Figure

    from trainability.plots._axes import plain
    from trainability.plots._style import GREY, HEALTHY, INK, REMEDY, UNCHANGED

    picture = Figure(figsize=(9.6, 4.0), dpi=150, layout="constrained")
    left, right = picture.subplots(1, 2)
    plain(left, "The ladder")
    plain(right, "Large networks")
    colours = (REMEDY, UNCHANGED, HEALTHY, "#CC79A7")
    for (k, points), colour in zip(data.rungs.items(), colours, strict=True):
        left.plot([0, *(p.j for p in points)], [0.0, *(p.loss for p in points)], "-o", ms=3, lw=1, color=colour,
                  label=f"k = {k}")  # fmt: skip
    for k, j, count, _ in data.ends:
        point = data.rungs[k][j - 1] if j <= len(data.rungs[k]) else flipped(k, j)
        colour = colours[SIZES.index(k)]
        left.scatter(
            j, point.loss, s=30 + 250 * count / data.runs, facecolors="none", edgecolors=colour, lw=1.4, zorder=3
        )
    left.scatter([], [], s=60, facecolors="none", edgecolors=INK, lw=1.4, label="ends of descent (area: how many)")
    left.set_xlabel("flipped students, j", fontsize=9, color=INK)
    left.set_ylabel("population loss", fontsize=9, color=INK)
    left.set_ylim(0, None)
    left.legend(fontsize=8, frameon=False, loc="upper left")
    marks = {"II": ("-o", REMEDY), "A": ("-s", UNCHANGED), "I": ("--^", HEALTHY)}
    for name, points in data.large.items():
        style, colour = marks[name]
        label = {"II": "type II: one flipped", "A": "type A: all flipped", "I": "type I: all but one"}[name]
        right.plot([p.k for p in points], [p.loss for p in points], style, ms=4, lw=1.2, color=colour, label=label)
    ks = np.geomspace(10, 1e8, 50)
    right.plot(ks, (1 / 2 - 2 / pi**2) / ks, ":", color=GREY, lw=1.4, label="(1/2 − 2/π²)/k")
    right.axhline(1 / 2 - 1 / pi, ls="-.", color=GREY, lw=1.2, label="1/2 − 1/π")
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_xlabel("students and teachers, k", fontsize=9, color=INK)
    right.set_ylabel("population loss", fontsize=9, color=INK)
    right.legend(fontsize=8, frameon=False, loc="lower left")
    return picture
