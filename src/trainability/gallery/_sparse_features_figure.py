"""The figure of the entry `sparse-features`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainability.gallery.sparse_features import KINDS, RULES, SCHEDULES, TASKS, frequencies, unlearned
from trainability.plots._axes import plain
from trainability.plots._style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.sparse_features import Sparse

COLOURS = {"SGD": "#000000", "Momentum": "#56B4E9", "Adagrad": "#D55E00", "RMSprop": "#E69F00", "Adam": "#0072B2"}
MARKS = {"SGD": "o", "Momentum": "v", "Adagrad": "D", "RMSprop": "^", "Adam": "s"}


def draw(data: Sparse) -> Figure:
    """A row of panels for each task and budget; see `sparse_features.figure`."""
    from matplotlib.figure import Figure

    kinds = [kind for kind in KINDS if any(p.kind == kind for p in data.problems)]
    budgets = sorted({p.steps for p in data.problems})
    rows = [(task, steps) for steps in budgets for task in TASKS]
    picture = Figure(figsize=(3.6 * len(kinds) + 4.3, 3.0 * len(rows) + 0.7), dpi=150, layout="constrained")
    grid = picture.subplots(len(rows), len(kinds) + 1, squeeze=False)
    for i, (task, steps) in enumerate(rows):
        for j, kind in enumerate(kinds):
            _ratios(grid[i, j], data, task, kind, steps)
        _errors(grid[i, -1], data, task, steps)
    handles, names = grid[0, 0].get_legend_handles_labels()
    picture.legend(handles, names, loc="outside upper center", ncols=4, fontsize=9, frameon=False)
    return picture


def _ratios(axes: Axes, data: Sparse, task: str, kind: str, steps: int) -> None:
    plain(axes, f"{task}, {kind}, {steps} steps")
    others = [rule for rule in RULES if rule != "SGD"]
    for k, (schedule, rare) in enumerate([(s, r) for r in (False, True) for s in SCHEDULES]):
        colour, mark = ("#D55E00", "D") if rare else ("#0072B2", "o")
        label = f"{'error of rare weights' if rare else 'excess loss'}, {schedule} lr"
        look: dict[str, Any] = {
            "fmt": mark,
            "color": colour,
            "mfc": colour if schedule == "constant" else "white",
            "ms": 5,
            "capsize": 2,
            "lw": 1.2,
        }
        axes.errorbar([], [], xerr=[], label=label, **look)
        p = data.at(task, kind, schedule, steps)
        for i, rule in enumerate(others if p else ()):
            assert p is not None
            r = p.against(rule, rare=rare)
            axes.errorbar(r.value, i + 0.18 * (k - 1.5), xerr=[[r.value - r.low], [r.high - r.value]], **look)
    axes.axvline(1, color=INK, lw=0.9)
    axes.set_xscale("log")
    axes.set_xlim(0.08, 6)
    axes.set_xticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"])
    axes.minorticks_off()
    axes.set_yticks(range(len(others)), others)
    axes.set_ylim(len(others) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color="#E3E6EB", lw=0.8)
    axes.set_xlabel("ratio to SGD, 99% interval (below 1: better)", fontsize=8.5, color=INK)


def _errors(axes: Axes, data: Sparse, task: str, steps: int) -> None:
    p = data.at(task, "power law", "constant", steps)
    assert p is not None
    plain(axes, f"{task}, power law, {steps} steps, constant lr")
    often = frequencies("power law").numpy()
    for rule in ("SGD", "Adagrad", "Adam"):
        label = f"{rule}, lr {p.lr[rule]:.2g}"
        axes.plot(often, p.errors[rule].mean(0), MARKS[rule], color=COLOURS[rule], ms=3.6, label=label)
    if task == "linear":
        law = (unlearned(p) ** 2).mean(0)
        axes.plot(often, law, "-", color=COLOURS["SGD"], lw=1.3, label="SGD without noise, theory")
    axes.set_xscale("log")
    axes.set_yscale("log")
    low = min(float(p.errors[rule].mean(0).min()) for rule in ("SGD", "Adagrad", "Adam"))
    axes.set_ylim(low / 3, 30)
    axes.invert_xaxis()
    axes.set_xlabel("frequency of the feature (rare to the right)", fontsize=8.5, color=INK)
    axes.set_ylabel("mean squared error of its weight", fontsize=8.5, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=2)
