"""The figure of the entry `better-minima`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainability.gallery.better_minima import RULES, SAME, TIMES, correlation, difference
from trainability.plots._axes import plain
from trainability.plots._style import GREY, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.better_minima import Minima

COLOURS = {"SGD": "#000000", "momentum": "#0072B2", "Adam": "#D55E00"}
MARKS = {"SGD": "o", "momentum": "s", "Adam": "D"}


def draw(data: Minima) -> Figure:
    """Three panels; see `better_minima.figure`."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(13.2, 4.4), dpi=150, layout="constrained")
    a, b, c = picture.subplots(1, 3, width_ratios=(1, 1.2, 1))
    _tuning(a, data)
    _differences(b, data)
    _sharpness(c, data)
    return picture


def _tuning(axes: Axes, data: Minima) -> None:
    plain(axes, "a  Each rule's lr, chosen on other seeds")
    top = max(100 * float(mean.max()) for _, mean, _ in data.tuned.values())
    bottom = top - 10
    for rule, (rates, mean, error) in data.tuned.items():
        axes.errorbar(rates, 100 * mean, yerr=100 * error, marker=MARKS[rule], ms=4.5, color=COLOURS[rule], lw=1.4, capsize=2,
                      label=rule)  # fmt: skip
        best = int(mean.argmax())
        axes.plot(rates[best], 100 * mean[best], "o", ms=12, mfc="none", mec=COLOURS[rule], mew=1.3)
        for lr in rates[100 * mean < bottom]:
            axes.plot(lr, bottom + 0.25, "v", ms=7, color=COLOURS[rule])
    axes.set_ylim(bottom, top + 1)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate (ring: chosen; triangle: below the axis)", fontsize=9, color=INK)
    axes.set_ylabel("validation accuracy (%), mean ± standard error", fontsize=9, color=INK)
    axes.legend(fontsize=8.5, frameon=False, loc="lower left", bbox_to_anchor=(0.0, 0.08))


def _differences(axes: Axes, data: Minima) -> None:
    plain(axes, f"b  Momentum minus another, {data.seeds} seeds")
    ball, small = data.at("momentum"), data.at("momentum, lr 0.025")
    wanted = [
        ("SGD, both at\ntheir best lr", ball, data.at("SGD"), "accuracy"),
        ("Adam, both at\ntheir best lr", ball, data.at("Adam"), "accuracy"),
        (f"SGD, at training\nloss {data.level:g}", ball, data.at("SGD"), "level_accuracy"),
        (f"Adam, at training\nloss {data.level:g}", ball, data.at("Adam"), "level_accuracy"),
        ("SGD, lr 0.25;\nmomentum 0.025", small, data.at(TIMES), "accuracy"),
        ("SGD, lr 0.025;\nmomentum 0.025", small, data.at(SAME), "accuracy"),
    ]
    for i, (_, one, other, what) in enumerate(wanted):
        found = difference(one, other, what)
        gaps = 100 * (getattr(one, what) - getattr(other, what))
        axes.plot(gaps, i + np.linspace(-0.22, 0.22, len(gaps)), ".", color=GREY, ms=4, alpha=0.7,
                  label="one seed" if i == 0 else None)  # fmt: skip
        axes.errorbar(found.value, i, xerr=[[found.value - found.low], [found.high - found.value]], fmt="o", color="#0072B2",
                      ms=6, capsize=4, lw=1.8, label="mean, 95% interval" if i == 0 else None)  # fmt: skip
    axes.axvline(0, color=INK, lw=0.9)
    axes.set_yticks(range(len(wanted)), [name for name, *_ in wanted])
    axes.set_ylim(len(wanted) - 0.4, -1.1)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color="#E3E6EB", lw=0.8)
    axes.set_xlabel("difference in test accuracy (points; right: momentum better)", fontsize=9, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="upper right", ncols=2)


def _sharpness(axes: Axes, data: Minima) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    plain(axes, f"c  Where the training loss falls below {data.level:g}")
    for name in RULES:
        e = data.at(name)
        axes.plot(
            e.level_sharpness, 100 * e.level_accuracy, MARKS[name], color=COLOURS[name], ms=4.5, mfc="none", label=name
        )
    rank, low, high = correlation(data)
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top + 0.3 * (top - bottom))
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("sharpness (largest eigenvalue of the loss's Hessian)", fontsize=9, color=INK)
    axes.set_ylabel("test accuracy (%)", fontsize=9, color=INK)
    axes.legend(fontsize=8.5, frameon=False, loc="upper center", ncols=3, title_fontsize=8.5,
                title=f"rank correlation within rules {rank:.2f} ({low:.2f} to {high:.2f})")  # fmt: skip
