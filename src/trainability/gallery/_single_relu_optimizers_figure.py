"""The figure of the entry `single-relu-optimizers`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from trainability.gallery._single_relu_optimizers_runs import ACROSS, DIVERGED, KINDS, TRAINED, Runs
from trainability.plots._style import GREY, INK
from trainability.theory.one_relu import crossing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainability.gallery.single_relu_optimizers import Study

EDGE, STABLE, LATER = "#E8590C", "#56B4E9", "#CC79A7"
COLOURS = "cividis"


def draw(data: Study) -> Figure:
    """Fifteen maps and their key."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12.0, 12.4), dpi=150, layout="constrained")
    picture.get_layout_engine().set(w_pad=0.06, h_pad=0.06)  # type: ignore[union-attr, call-arg]
    panels = list(picture.subplots(4, 4, sharex=True, sharey=True).ravel())
    image: Any = None
    for i, (axes, (name, runs)) in enumerate(zip(panels, data.runs.items(), strict=False)):
        image = _map(axes, runs)
        _lines(axes, name, runs, data)
        axes.set_title(f"({chr(97 + i)}) {name}", loc="left", fontsize=10, fontweight="bold", color=INK)
        if i % 4 == 0:
            axes.set_ylabel("learning rate", fontsize=9, color=INK)
        if i >= 11:
            axes.set_xlabel("first weight (target 1)", fontsize=9, color=INK)
            axes.tick_params(labelbottom=True)
    _key(picture, panels[-1], image, next(iter(data.runs.values())), data)
    return picture


def _map(axes: Axes, runs: Runs) -> Any:
    import matplotlib as mpl

    step, ratio = runs.starts[1] - runs.starts[0], math.sqrt(runs.lrs[1] / runs.lrs[0])
    x = np.append(runs.starts - step / 2, runs.starts[-1] + step / 2)
    y = np.append(runs.lrs / ratio, runs.lrs[-1] * ratio)
    axes.set_yscale("log")
    image = axes.pcolormesh(x, y, (runs.outcome == TRAINED).mean(-1).T, cmap=COLOURS, vmin=0, vmax=1, rasterized=True)
    for what, hatch in ((ACROSS, "...."), (DIVERGED, "xxxx")):
        some = (runs.outcome == what).mean(-1).T > 0.5
        if some.any():
            with mpl.rc_context({"hatch.color": "white", "hatch.linewidth": 0.7}):
                axes.contourf(
                    runs.starts, runs.lrs, some.astype(float), levels=[0.5, 1.5], hatches=[hatch], colors="none"
                )
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])
    axes.axvline(0, color="white", lw=0.8)
    axes.tick_params(labelsize=8.5, colors=INK)
    return image


def _lines(axes: Axes, name: str, runs: Runs, data: Study) -> None:
    kind, left = KINDS[name], (runs.starts[0] - 0.3, 0.0)
    lam = float(2 * runs.below.mean())
    edge: float | None = {
        "gradient descent": 1 / lam, "momentum 0.9": (1 - math.sqrt(0.9)) ** 2 / lam,
        "low-pass 0.1": 10 * (1 - math.sqrt(0.9)) ** 2 / lam, "Nesterov 0.9": (0.1 / 1.9) ** 2 / lam, "Newton": 1.0,
        "Adadelta": 1 / lam,
    }.get(name)  # fmt: skip
    if name.startswith("SGD, batch"):
        fine = np.geomspace(runs.lrs[0], runs.lrs[-1], 400)
        chance = [
            crossing.sgd_crossing_probability(lr, kind.batch or 1, steps=runs.steps, convention="mse") for lr in fine
        ]
        edge = float(fine[np.argmax(np.array(chance) > 0.5)])
    if edge is not None:
        axes.plot(left, (edge, edge), "--", color=EDGE, lw=2.2)
    if name in data.reach:
        w = np.linspace(runs.starts[0] - 0.3, -1e-4, 400)
        axes.plot(w, -w / data.reach[name], "--", color=EDGE, lw=2.2)
        axes.plot(w, -w / data.later_reach[name][2], ":", color=LATER, lw=2.2)
    if kind.family == "linear":
        high = 2.0 if name == "Newton" else float(kind.made(0.1).stable_lr(float(2 * runs.above.mean())))
        axes.axhline(high, color=STABLE, ls="-.", lw=1.8)
    axes.plot(-2.85, kind.default, ">", color="white", mec="black", ms=7, mew=0.9, clip_on=False)


def _key(picture: Figure, axes: Axes, image: Any, runs: Runs, data: Study) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    axes.axis("off")
    far = next(iter(data.later.values())).steps
    handles: list[Any] = [
        Line2D([], [], color=EDGE, ls="--", lw=2.2, label="predicted edge of passing 0\nfrom below, " f"{runs.steps:,} steps"),
        Line2D([], [], color=LATER, ls=":", lw=2.2, label=f"the same after {far:,} steps\n(adaptive rules)"),
        Line2D([], [], color=STABLE, ls="-.", lw=1.8, label="predicted stable lr at the target"),
        Line2D([], [], color="white", marker=">", mec="black", ls="", ms=7, label="usual lr"),
        Patch(facecolor=GREY, edgecolor="white", hatch="....", label="most runs end above 0,\nnot at the target"),
        Patch(facecolor=GREY, edgecolor="white", hatch="xxxx", label="most runs diverge"),
    ]  # fmt: skip
    axes.legend(handles=handles, loc="upper left", fontsize=8.5, frameon=False, borderaxespad=0, labelspacing=0.9)
    bar = picture.colorbar(image, ax=axes, location="bottom", fraction=0.08, pad=0.02)
    bar.set_label(f"share of {runs.end.shape[-1]} draws that train (dark: stuck at 0)", fontsize=8.5, color=INK)
    bar.ax.tick_params(labelsize=8)
