"""Online learning of ReLU teachers in high dimension: five learning rates, and a plateau that only chance ends.

A student gets one fresh example per step. For input dimension N to infinity its overlaps with the teacher obey ordinary
differential equations in alpha = steps/N that hold at any learning rate, and not only at a small one.

One unit: the error falls as exp(-eta (1 - eta/2) alpha), fastest at eta = 1, not at all beyond eta = 2, where it
settles at a level above 0. Two units: students that start alike run into a symmetric state in which both know the mean
of the teachers. The equations stay there for ever from a symmetric start. A finite N leaves because its fluctuations,
of order 1/sqrt(N), grow as exp(lambda alpha), so that the plateau lasts ln(N)/(2 lambda) and is longer the larger N is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.theory import online

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Online learning of ReLU teachers: theory against simulation, and the symmetric plateau"
SOURCE = (
    "Saad and Solla 1995, Phys. Rev. E 52, 4225, Sections III and IV (plateaus, largest learning rate), for the error "
    "function; here the ReLU, whose integrals were derived for this package."
)

Array = NDArray[np.float64]

ETAS = (0.5, 1.0, 1.5, 1.9, 2.1)
COLOURS = ("#0072B2", "#009E73", "#E69F00", "#CC79A7", "#D55E00")  # Okabe and Ito
START = (0.25, 0.0, 1.0)
MARKS = (1.0, 3.0, 10.0)

ETA, TILT = 0.5, 0.02
TEACHERS = np.eye(2)
SMALL = 0.04 * np.eye(2)
ODD = np.array([[1.0, -1.0], [-1.0, 1.0]])


@dataclass(frozen=True)
class Size:
    """How much is run.

    Args:
        n, runs: input dimension and runs of the simulations in R^N.
        large, many: the same of the simulations by their overlaps, for K = 1.
        sizes, escapes: input dimensions and runs per dimension for the plateau's length.
    """

    n: int
    runs: int
    large: int
    many: int
    sizes: tuple[int, ...]
    escapes: tuple[int, ...]


FULL = Size(1000, 8, 100_000, 20, (1000, 10_000, 100_000), (80, 60, 20))
SMOKE = Size(300, 4, 3_000, 20, (150, 1_500), (40, 30))


@dataclass(frozen=True)
class Data:
    """The numbers behind the figure.

    Args:
        size: what was run.
        theory: a learning curve per eta of `ETAS`, K = M = 1.
        space: simulations in R^N, likewise.
        z: (mean of the large simulations - theory)/standard error, `(len(ETAS), len(MARKS))`.
        two: z of the two kinds of simulation against each other, at eta = 1.
        slope: decay rate of the error at eta = 1, simulated.
        late: simulated error at alpha = 60 for eta = 1.9 and 2.1; late_theory: by the equations.
        tilted: theory for K = M = 2 from a start tilted towards its teachers; runs: simulations of it.
        plateau: error of the symmetric state, by the equations; seen: simulated, at alpha = 25, largest N, symmetric start.
        rate: growth rate of the asymmetry there.
        escape: per N, each run's alpha at which its asymmetry passes 1/4.
    """

    size: Size
    theory: tuple[online.Curves, ...]
    space: tuple[online.Simulation, ...]
    z: Array
    two: Array
    slope: float
    late: tuple[float, float]
    late_theory: tuple[float, float]
    tilted: online.Curves
    runs: online.Simulation
    plateau: float
    seen: float
    rate: float
    escape: tuple[Array, ...]


def symmetric_state(eta: float) -> tuple[float, float]:
    """The plateau of two students with two orthonormal teachers: its error, and how fast asymmetry grows there.

    The equations keep a symmetric start symmetric, so that they run into the plateau; symmetry is restored every 20
    units of alpha, before rounding can grow.

    Args:
        eta: learning rate.

    Returns:
        (error, growth rate of R11 - R12 per unit of alpha).
    """
    q, r = SMALL, np.zeros((2, 2))
    for _ in range(12):
        curves = online.integrate(q, r, TEACHERS, eta, [20.0])
        q, r = curves.Q[0], np.full((2, 2), curves.R[0].mean())
        q = np.where(np.eye(2) > 0, np.trace(q) / 2, q[0, 1])
    h = 1e-5
    up, down = (online.rates(q, r + s * h * ODD, TEACHERS, eta).R for s in (1, -1))
    return float(online.generalisation_error(q, r, TEACHERS)), float((up - down)[0, 0] / (2 * h))


def asymmetry(r: Array) -> Array:
    """|R11 - R12 - R21 + R22|/4 of overlaps `(..., 2, 2)`: 0 in the symmetric state, 1/2 when specialised."""
    return np.abs((r * ODD).sum((-1, -2))) / 4


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Integrate the equations, simulate the process, and compare.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are `Data`.
    """
    size = SMOKE if smoke else FULL
    total = len(ETAS) + 3 + len(size.sizes)
    done = 0

    def tick(stage: str) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(stage, done, total)

    fine = np.linspace(0, 12, 121)
    shown = np.linspace(0, 12, 13)
    theory, space, z, two = [], [], [], np.zeros(0)
    for eta in ETAS:
        theory.append(online.integrate(*START, eta, fine))
        space.append(online.simulate(size.n, *START, eta, shown, range(size.runs)))
        large = online.simulate_overlaps(size.large, *START, eta, MARKS, range(size.many)).eg
        z.append((large.mean(0) - online.integrate(*START, eta, MARKS).eg) / _error(large))
        if eta == 1.0:
            first = space[-1].eg[:, [1, 3, 10]]
            second = online.simulate_overlaps(size.n, *START, eta, MARKS, range(20 * size.runs)).eg
            two = (first.mean(0) - second.mean(0)) / np.hypot(_error(first), _error(second))
        tick("one unit")

    falling = online.simulate_overlaps(size.large, *START, 1.0, [8.0, 16.0], range(4)).eg.mean(0)
    late = [online.simulate_overlaps(size.large, *START, eta, [60.0], range(4)).eg.mean() for eta in (1.9, 2.1)]
    late_theory = [online.integrate(*START, eta, [60.0]).eg[0] for eta in (1.9, 2.1)]
    tick("one unit, late")

    wide = np.linspace(0, 100, 201)
    tilt = TILT * np.eye(2)
    tilted = online.integrate(SMALL, tilt, TEACHERS, ETA, wide)
    runs = online.simulate_overlaps(size.sizes[-1], SMALL, tilt, TEACHERS, ETA, wide, range(4))
    plateau, rate = symmetric_state(ETA)
    tick("two units")

    escape, seen = [], 0.0
    for n, many in zip(size.sizes, size.escapes, strict=True):
        times = np.arange(0, 60 + 8 * np.log(n), 0.25)
        alike = online.simulate_overlaps(n, SMALL, np.zeros((2, 2)), TEACHERS, ETA, times, range(many))
        past = asymmetry(alike.R) > 0.25
        escape.append(np.where(past.any(1), times[past.argmax(1)], np.inf))
        waiting = asymmetry(alike.R[:, 100]) < 0.05
        seen = float(np.median(alike.eg[waiting, 100]))
        tick("the plateau's end")
    data = Data(
        size, tuple(theory), tuple(space), np.array(z), two, float(np.log(falling[1] / falling[0]) / 8),
        (float(late[0]), float(late[1])), (float(late_theory[0]), float(late_theory[1])),
        tilted, runs, plateau, seen, rate, tuple(escape),
    )  # fmt: skip
    tick("the plateau's end")
    return Reproduction(claims(data), data)


def _error(x: Array) -> Array:
    """Standard error of the mean over runs."""
    return np.asarray(x.std(0, ddof=1) / np.sqrt(len(x)))


def lengths(data: Data) -> tuple[float, float, float, float]:
    """The plateau's length against ln N: (slope, its standard error, standard deviation of single runs, its error)."""
    x = np.log(data.size.sizes)
    y = np.array([e.mean() for e in data.escape])
    weight = 1 / np.array([e.var(ddof=1) / len(e) for e in data.escape])
    centre = (weight * x).sum() / weight.sum()
    spread = (weight * (x - centre) ** 2).sum()
    slope = float((weight * (x - centre) * y).sum() / spread)
    runs = sum(len(e) - 1 for e in data.escape)
    deviation = float(np.sqrt(sum(e.var(ddof=1) * (len(e) - 1) for e in data.escape) / runs))
    # A logarithm of |z| has kurtosis 7: the error of a standard deviation is sqrt((7 - 1)/4 n) of it.
    return slope, float(spread**-0.5), deviation, deviation * float(np.sqrt(1.5 / runs))


def claims(data: Data) -> tuple[Claim, ...]:
    """Each statement, predicted against measured.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    s = data.size
    worst, both = float(np.abs(data.z).max()), float(np.abs(data.two).max())
    slope, slope_error, deviation, deviation_error = lengths(data)
    predicted, scatter = 1 / (2 * data.rate), 1.1107 / data.rate
    half = data.tilted.alpha[asymmetry(data.tilted.R).searchsorted(0.25)]
    past = asymmetry(data.runs.R) > 0.25
    ends = data.tilted.alpha[past.argmax(1)]
    # Noise shifts the logarithm of the asymmetry by x z, z ~ N(0, 1), with x from how late symmetric starts leave
    # (E ln|z| = -0.635); 0.5 is the resolution in alpha.
    x = float(np.exp(data.rate * (half - data.escape[-1].mean()) + 0.635))
    band = 0.5 + 4 * x / data.rate / np.sqrt(len(ends))
    return (
        Claim(
            f"K = M = 1: the error follows the equations at eta = {', '.join(map(str, ETAS))} (alpha = 1, 3, 10)",
            "mean of simulations within 4 standard errors",
            f"at most {worst:.1f} standard errors off, {s.many} runs at N = {s.large}",
            worst < 4,
        ),
        Claim(
            "Simulating the overlaps alone has the law of gradient descent on vectors in R^N",
            "means within 4 standard errors at eta = 1",
            f"at most {both:.1f} standard errors apart, N = {s.n}",
            both < 4,
        ),
        Claim(
            "K = M = 1: at eta = 1 the error decays at the rate eta (1 - eta/2)",
            f"{-online.spectrum(1.0, 1.0).error:.3f}",
            f"{-data.slope:.3f} from alpha = 8 to 16",
            abs(data.slope + 0.5) < 0.05,
        ),
        Claim(
            "K = M = 1 converges for eta below 2 and for none above",
            f"largest eta {online.largest_eta(1.0):g}; error at alpha = 60: {data.late_theory[0]:.1e} (eta = 1.9), "
            f"{data.late_theory[1]:.4f} (2.1)",
            f"{data.late[0]:.1e} (1.9), {data.late[1]:.4f} (2.1)",
            data.late[0] < 5 * data.late_theory[0] and abs(data.late[1] / data.late_theory[1] - 1) < 0.2,
        ),
        Claim(
            f"K = M = 2, eta = {ETA}: the height of the symmetric plateau",
            f"{data.plateau:.4f}",
            f"{data.seen:.4f} at alpha = 25, N = {s.sizes[-1]}",
            abs(data.seen / data.plateau - 1) < 0.05,
        ),
        Claim(
            "A start tilted towards its teachers leaves the plateau when the equations say",
            f"alpha = {half:.1f}, mean within {band:.1f}",
            f"{', '.join(f'{e:.1f}' for e in ends)} at N = {s.sizes[-1]}",
            bool(past.any(1).all()) and abs(ends.mean() - half) < band,
        ),
        Claim(
            "A symmetric start leaves it by fluctuations alone: N ten times larger lengthens it by ln(10)/(2 lambda)",
            f"{np.log(10) * predicted:.1f}",
            f"{np.log(10) * slope:.1f} ± {np.log(10) * slope_error:.1f}",
            abs(slope - predicted) < 4 * slope_error,
        ),
        Claim(
            "Its length differs between runs as the logarithm of a Gaussian does: standard deviation 1.11/lambda",
            f"{scatter:.1f}",
            f"{deviation:.1f} ± {deviation_error:.1f}",
            abs(deviation - scatter) < 4 * deviation_error,
        ),
    )


def figure(reproduction: Reproduction) -> Figure:
    """Four panels: learning curves of one unit, the plateau of two, its overlaps, and its length.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from matplotlib.figure import Figure

    data: Data = reproduction.data
    picture = Figure(figsize=(9.6, 7.2), dpi=150, layout="constrained")
    (one, two), (overlaps, length) = picture.subplots(2, 2)
    _one_unit(one, data)
    _plateau(two, data)
    _overlaps(overlaps, data)
    _length(length, data)
    for letter, axes in zip("abcd", (one, two, overlaps, length), strict=True):
        title = axes.get_title()
        axes.set_title("")
        axes.set_title(f"({letter}) {title}", fontsize=10, loc="left")
        axes.grid(color="#E3E6EB", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return picture


ALPHA = "examples per input dimension, α = steps / N"


def _one_unit(axes: Axes, data: Data) -> None:
    for eta, colour, curve, runs in zip(ETAS, COLOURS, data.theory, data.space, strict=True):
        axes.plot(curve.alpha, curve.eg, color=colour, linewidth=1.6, label=f"η = {eta:g}")
        axes.errorbar(
            runs.alpha, runs.eg.mean(0), yerr=_error(runs.eg), color=colour, fmt="o", markersize=3.5, linewidth=1,
        )  # fmt: skip
    axes.errorbar([], [], yerr=[], color="#6B7280", fmt="o", markersize=3.5, label=f"simulation, N = {data.size.n}")
    axes.set_yscale("log")
    axes.set_title("One unit, five learning rates")
    axes.set_xlabel(ALPHA)
    axes.set_ylabel("generalisation error $e_g$")
    axes.legend(fontsize=8, frameon=False)


def _plateau(axes: Axes, data: Data) -> None:
    for i, eg in enumerate(data.runs.eg):
        axes.plot(
            data.runs.alpha, eg, color="#56B4E9", linewidth=0.9,
            label=f"simulations, N = {data.runs.N:,}" if i == 0 else None,
        )  # fmt: skip
    axes.plot(data.tilted.alpha, data.tilted.eg, color="#1F2430", linewidth=1.8, label="theory")
    axes.axhline(data.plateau, color="#D55E00", linewidth=1.2, linestyle="--", label="symmetric state")
    axes.set_yscale("log")
    axes.set_ylim(1e-4, 1)
    axes.set_title(f"Two units, η = {ETA:g}, tilted start")
    axes.set_xlabel(ALPHA)
    axes.set_ylabel("generalisation error $e_g$")
    axes.legend(fontsize=8, frameon=False, loc="lower left")


def _overlaps(axes: Axes, data: Data) -> None:
    for (i, j), colour in zip(
        ((0, 0), (1, 1), (0, 1), (1, 0)), ("#0072B2", "#009E73", "#D55E00", "#E69F00"), strict=True
    ):
        axes.plot(
            data.tilted.alpha, data.tilted.R[:, i, j], color=colour, linewidth=1.6, linestyle="-" if i <= j else ":"
        )
        axes.plot(
            data.runs.alpha[::8], data.runs.R[0, ::8, i, j], "o", color=colour, markersize=3,
            label=f"$R_{{{i + 1}{j + 1}}}$",
        )  # fmt: skip
    axes.set_title("Its overlaps: theory (lines), one simulation (dots)")
    axes.set_xlabel(ALPHA)
    axes.set_ylabel("overlap of student i and teacher j, $R_{ij}$")
    axes.legend(fontsize=8, frameon=False, ncols=2)


def _length(axes: Axes, data: Data) -> None:
    sizes = np.array(data.size.sizes, dtype=float)
    mean = np.array([e.mean() for e in data.escape])
    error = np.array([e.std(ddof=1) / np.sqrt(len(e)) for e in data.escape])
    for n, each in zip(sizes, data.escape, strict=True):
        axes.plot(np.full(len(each), n), each, "_", color="#56B4E9", markersize=7, alpha=0.6)
    axes.plot([], [], "_", color="#56B4E9", markersize=7, label="single runs")
    axes.errorbar(sizes, mean, yerr=error, color="#0072B2", fmt="o", markersize=5, capsize=3, label="mean ± s.e.")
    slope = 1 / (2 * data.rate)
    middle = np.average(mean - slope * np.log(sizes), weights=1 / error**2)
    x = np.array([sizes[0] / 1.8, sizes[-1] * 1.8])
    axes.plot(
        x, middle + slope * np.log(x), color="#1F2430", linewidth=1.6, label="slope ln N / (2λ), λ from the theory"
    )
    axes.set_xscale("log")
    axes.set_xlim(*x)
    axes.set_ylim(0)
    axes.set_title("Symmetric start: how long the plateau lasts")
    axes.set_xlabel("input dimension N")
    axes.set_ylabel("α at which the asymmetry passes 1/4")
    axes.legend(fontsize=8, frameon=False, loc="upper left")
