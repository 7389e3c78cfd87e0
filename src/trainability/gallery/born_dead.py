"""Deep narrow ReLU nets that are constant from birth, and randomized asymmetric initialization against that.

A net is born dead if some hidden layer is 0 on every input: its output is constant, and no gradient ever reaches that layer
or those below. Nets are drawn with the package's initializers and counted; the predictions come from `theory.dead_units`.
Then nets with 9 hidden layers of 2 units are trained on |x|, drawn with He's weights, with small random biases added, and
with randomized asymmetric initialization (RAI) of all layers or of the hidden layers alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainability.gallery import _born_dead_figure
from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.gallery._stacked import descend
from trainability.initializers import he_normal_, randomized_asymmetric_
from trainability.lab import run_all, single_thread
from trainability.optimizers import Adam, Params
from trainability.theory.dead_units import Rays, one_point, simulate, two_rays
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = (
    "Born dead: how often deep narrow ReLU nets are constant from birth, and what randomized asymmetric weights save"
)
SOURCE = (
    "Lu, Shin, Su and Karniadakis 2020, arXiv 1903.06733 (Commun. Comput. Phys. 28), for born-dead nets and RAI; "
    "arXiv 1808.04947 for the collapse on |x|. Their numbers are quoted at second hand, from a public summary."
)

WIDTHS, LAYERS = (2, 3, 5, 10), 19
SCHEMES = ("He", "He, b ~ N(0, 0.1²)", "RAI")
HIDDEN_ONLY = "RAI, last layer He"
CELLS = ((2, 5), (2, 10), (2, 20), (3, 10), (3, 20), (5, 20))
"""(width, layers with weights) at which the schemes are compared."""
EDGE = sqrt(3.0)
HIDDEN, SOLVED, CONSTANT = (2,) * 9, 0.01, 1e-3


@dataclass(frozen=True)
class Trained:
    """Nets of one scheme, trained on |x|.

    Args:
        scheme: one of `SCHEMES`, or `HIDDEN_ONLY`.
        nets: drawn.
        dead: born dead.
        alive: not born dead and trained, all of them.
        constant: of those alive at birth, outputs that differ by less than 1e-3 over the points at the end.
        solved: of those alive at birth, final mean squared error below 0.01.
        watched: born dead and trained as well; woken: of those, not constant at the end.
        steps: of Adam.
        loss: (alive,), final mean squared errors.
        outputs: (up to 60, 101), final outputs of some that were alive at birth.
    """

    scheme: str
    nets: int
    dead: int
    alive: int
    constant: int
    solved: int
    watched: int
    woken: int
    steps: int
    loss: NDArray[np.float32]
    outputs: NDArray[np.float32]


@dataclass(frozen=True)
class BornDead:
    """The numbers behind the figure.

    Args:
        nets: drawn per width, and per cell of `cells`.
        dead: width -> (19,), nets of which one of the first l hidden layers is 0 on both rays, He's weights, zero biases.
        dead_at_one: width -> (19,), the same on the single input 1.
        cells: (scheme, (width, layers)) -> (nets born dead on 101 points, of the same by an independent program's shares).
        trained: one per scheme.
    """

    nets: int
    dead: dict[int, NDArray[np.int64]]
    dead_at_one: dict[int, NDArray[np.int64]]
    cells: dict[tuple[str, tuple[int, int]], tuple[int, float, int]]
    trained: tuple[Trained, ...]


def draw(scheme: str, nets: int, hidden: tuple[int, ...], generator: torch.Generator) -> Params:
    """Weights and biases of nets with one input and one output, stacked.

    Args:
        scheme: one of `SCHEMES`, or `HIDDEN_ONLY`.
        nets: how many.
        hidden: widths.
        generator: of the draws.

    Returns:
        w0, b0, w1, ...: (nets, out, in) and (nets, 1, out).
    """
    params: Params = {}
    fan = 1
    for i, width in enumerate((*hidden, 1)):
        weight, bias = torch.empty(nets, width, fan), torch.zeros(nets, width)
        if scheme == "RAI" or (scheme == HIDDEN_ONLY and i < len(hidden)):
            randomized_asymmetric_(weight, bias, batch_dims=1, generator=generator)
        else:
            he_normal_(weight, batch_dims=1, generator=generator)
            if scheme == SCHEMES[1]:
                bias.normal_(0.0, 0.1, generator=generator)
        params |= {f"w{i}": weight, f"b{i}": bias[:, None, :]}
        fan = width
    return params


def forward(params: Params, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Outputs (nets, points), and what each hidden layer gives, (nets, points, width)."""
    last = len(params) // 2 - 1
    hidden: list[Tensor] = []
    now = x[:, None].expand(len(params["w0"]), -1, -1)
    for i in range(last + 1):
        now = torch.baddbmm(params[f"b{i}"], now, params[f"w{i}"].mT)
        if i < last:
            now = torch.relu(now)
            hidden.append(now)
    return now.squeeze(-1), hidden


def died(params: Params, x: Tensor) -> Tensor:
    """(nets, hidden layers): whether that layer or one before it is 0 on all points."""
    zero = torch.stack([h.amax((1, 2)) <= 0 for h in forward(params, x)[1]], 1)
    return zero.cummax(1).values


def counts(width: int, nets: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Dead nets by number of hidden layers, on both rays and on one input; He's weights without biases."""
    generator = torch.Generator().manual_seed(100 + width)
    both, one = np.zeros(LAYERS, np.int64), np.zeros(LAYERS, np.int64)
    for start in range(0, nets, 20_000):
        params = draw("He", min(20_000, nets - start), (width,) * LAYERS, generator)
        both += died(params, torch.tensor([-1.0, 1.0])).sum(0).numpy()
        one += died(params, torch.tensor([1.0])).sum(0).numpy()
    return both, one


@cache
def chain(width: int) -> Rays:
    """Prediction for `counts` on both rays."""
    return two_rays([width] * LAYERS)


def cell(scheme: str, width: int, depth: int, nets: int) -> tuple[int, float, int]:
    """Born dead on 101 points: our count, and the share and number of nets of `theory.dead_units.simulate`."""
    hidden, x = (width,) * (depth - 1), points()
    generator = torch.Generator().manual_seed(7 * width + depth)
    count = int(died(draw(scheme, nets, hidden, generator), x)[:, -1].sum())
    told = simulate(
        hidden, x.numpy(), scheme="rai" if scheme == "RAI" else "normal", bias_std=0.1 if "," in scheme else 0.0,
        samples=4 * nets, seed=5,
    )  # fmt: skip
    return count, told.share, told.samples


def points() -> Tensor:
    """101 inputs, evenly on [-sqrt 3, sqrt 3]."""
    return torch.linspace(-EDGE, EDGE, 101)


def train(scheme: str, nets: int, steps: int, seed: int, watched: int = 10) -> Trained:
    """Draw nets and train on |x|, full batch, Adam 1e-3, those that are not born dead and a few that are."""
    x = points()
    start = draw(scheme, nets, HIDDEN, torch.Generator().manual_seed(seed))
    dead = died(start, x)[:, -1]
    chosen = torch.cat([torch.nonzero(~dead).ravel(), torch.nonzero(dead).ravel()[:watched]])

    def losses(p: Params) -> Tensor:
        return (forward(p, x)[0] - x.abs()).square().mean(1)

    end = descend(losses, {name: value[chosen] for name, value in start.items()}, Adam(lr=1e-3), steps)
    out = forward(end, x)[0].numpy()
    alive = int((~dead).sum())
    loss = np.square(out - x.abs().numpy()).mean(1)
    constant = np.ptp(out, axis=1) < CONSTANT
    return Trained(
        scheme, nets, int(dead.sum()), alive, int(constant[:alive].sum()), int((loss[:alive] < SOLVED).sum()),
        len(chosen) - alive, int((~constant[alive:]).sum()), steps, loss[:alive], out[: min(alive, 60)],
    )  # fmt: skip


def _together(parts: list[Trained]) -> Trained:
    def add(name: str) -> int:
        return sum(int(getattr(p, name)) for p in parts)

    return Trained(
        parts[0].scheme, add("nets"), add("dead"), add("alive"), add("constant"), add("solved"), add("watched"), add("woken"),
        parts[0].steps, np.concatenate([p.loss for p in parts]), np.concatenate([p.outputs for p in parts])[:60],
    )  # fmt: skip


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Draw 40 000 nets a width, train 1000 nets with He's weights, 500 with biases, 360 of each RAI; `smoke`: 4000 drawn,
    100 and 40 trained for 200 steps.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a BornDead.
    """
    nets, steps = (4000, 200) if smoke else (40_000, 3000)
    # Parts and nets a part; the fewer are born dead, the longer a part takes, and the longest go first.
    plan = {HIDDEN_ONLY: (1, 40), "RAI": (1, 40), SCHEMES[1]: (1, 40), "He": (1, 100)} if smoke else {
        HIDDEN_ONLY: (3, 120), "RAI": (3, 120), SCHEMES[1]: (2, 250), "He": (2, 500)}  # fmt: skip
    jobs = [
        partial(train, name, size, steps, 1000 * i + part) for i, (name, (parts, size)) in enumerate(plan.items())
        for part in range(parts)
    ]  # fmt: skip
    count, total = 0, len(jobs) + 2

    def done(index: int) -> None:
        nonlocal count
        count += 1
        if progress:
            progress("draw and train", count, total)

    with single_thread():  # many small products: threads would only wait for each other
        found = {width: counts(width, nets) for width in WIDTHS}
        done(0)
        cells = {(s, c): cell(s, *c, nets // 10) for s in SCHEMES for c in CELLS}
        done(0)
    parts = run_all(jobs, done=done, workers=1 if smoke else None)
    trained = tuple(_together([p for p in parts if p.scheme == name]) for name in (*SCHEMES, HIDDEN_ONLY))
    data = BornDead(
        nets, {w: both for w, (both, _) in found.items()}, {w: one for w, (_, one) in found.items()}, cells, trained
    )
    return Reproduction(claims(data), data)


def claims(data: BornDead) -> tuple[Claim, ...]:
    """What the numbers must show; claims on solved nets are left out of short trainings.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    n = data.nets

    def share(width: int, depth: int) -> float:
        return float(data.dead[width][depth - 2]) / n

    def near(count: int, of: int, p: float, sure: float = 0.9999) -> bool:
        low, high = interval(int(count), of, sure)
        return low <= p <= high

    one = {w: one_point([w] * 9) for w in WIDTHS}
    small = {2: 0.15625, 3: 0.04296875}
    rays = {w: chain(w) for w in WIDTHS}
    z = {
        w: float(np.abs(
            (data.dead[w] / n - r.none) / np.sqrt(np.maximum(r.none * (1 - r.none), 1 / n) / n + r.standard_error**2)
        ).max())
        for w, r in rays.items()
    }  # fmt: skip
    apart = {
        key: (c / (n // 10) - p) / sqrt(max(p * (1 - p), 1 / n) * (1 / (n // 10) + 1 / samples))
        for key, (c, p, samples) in data.cells.items()
    }
    he, _, rai, mixed = data.trained
    ends = [(t.dead + t.constant) / t.nets for t in data.trained]
    spans = [interval(t.dead + t.constant, t.nets) for t in data.trained]
    found = [
        Claim(
            "At one input the share of nets that are 0 there is 1 - prod(1 - 2^-N), 10 layers (9 hidden)",
            ", ".join(f"N = {w}: {p:.4f}" for w, p in one.items()),
            ", ".join(f"N = {w}: {data.dead_at_one[w][8] / n:.4f}" for w in WIDTHS),
            all(near(int(data.dead_at_one[w][8]), n, p) for w, p in one.items()),
        ),
        Claim(
            "On a line, 3 layers: 2^(1-N) 2^-N + (1 - 2^(1-N)) 4^-N is exact",
            ", ".join(f"N = {w}: {p:.5f}" for w, p in small.items()),
            ", ".join(f"N = {w}: {share(w, 3):.5f}" for w in small),
            all(near(int(data.dead[w][1]), n, p) for w, p in small.items()),
        ),
        Claim(
            "On a line, any depth: the chain of two rays predicts the share born dead; the formula for one input is only an "
            "upper bound",
            "10 layers: " + ", ".join(f"N = {w}: {r.none[8]:.4f} (bound {one[w]:.4f})" for w, r in rays.items())
            + "; |z| < 4 at every depth to 20",
            ", ".join(f"N = {w}: {share(w, 10):.4f}" for w in WIDTHS) + f"; largest |z| {max(z.values()):.1f}",
            max(z.values()) < 4 and all(r.none[8] < one[w] for w, r in rays.items()),
        ),
        Claim(
            "Published for 10 layers: width 10 below 1%, width 5 above 10%, width 3 about 60%",
            "< 1%, > 10%, 50 to 70%",
            ", ".join(f"{100 * share(w, 10):.2f}%" for w in (10, 5, 3)),
            share(10, 10) < 0.01 and share(5, 10) > 0.1 and 0.5 < share(3, 10) < 0.7,
        ),
        Claim(
            "Small random biases help, RAI helps more, at every width and depth tried; two programs agree on the shares",
            "; ".join(f"{c}: " + "/".join(f"{data.cells[s, c][1]:.3f}" for s in SCHEMES) for c in CELLS),
            "; ".join(f"{c}: " + "/".join(f"{data.cells[s, c][0] / (n // 10):.3f}" for s in SCHEMES) for c in CELLS)
            + f"; largest |z| {max(map(abs, apart.values())):.1f}",
            max(map(abs, apart.values())) < 4.2
            and all(data.cells[SCHEMES[0], c][0] > data.cells[SCHEMES[1], c][0] > data.cells["RAI", c][0] for c in CELLS),
        ),
        Claim(
            "Born dead is for ever: no training on |x| wakes such a net",
            "0",
            f"{sum(t.woken for t in data.trained)} of {sum(t.watched for t in data.trained)} after {he.steps} steps",
            sum(t.woken for t in data.trained) == 0 < sum(t.watched for t in data.trained),
        ),
        Claim(
            "RAI leaves fewer nets constant than He's weights after training on |x|",
            "95% intervals apart",
            "; ".join(f"{t.scheme}: born dead {t.dead / t.nets:.3f}, constant at the end {e:.3f} [{lo:.3f}, {hi:.3f}]"
                      for t, e, (lo, hi) in zip(data.trained, ends, spans, strict=True)),
            spans[2][1] < spans[0][0],
        ),
    ]  # fmt: skip
    if he.steps >= 3000:
        found += [
            Claim(
                "Published: more than 90% of He nets with 10 layers of width 2 collapse on |x|",
                "above 0.9; an independent program: 0.884 born constant, 0.937 after training, 0.034 solved",
                f"{ends[0]:.3f}; solved {he.solved / he.nets:.3f}",
                spans[0][1] > 0.9 and abs(ends[0] - 0.937) < 0.03 and near(he.solved, he.nets, 0.034, 0.999),
            ),
            Claim(
                "Published: with RAI 29 to 33% of nets collapse in one dimension. Here more do: RAI saves nets at birth, but "
                "training kills more afterwards (full batch, Adam 1e-3; the published protocol is not known here)",
                "above 0.33; at least five times as many solved as with He's weights",
                f"{ends[2]:.3f} [{spans[2][0]:.3f}, {spans[2][1]:.3f}], born dead {rai.dead / rai.nets:.3f}; solved "
                f"{rai.solved / rai.nets:.3f} against {he.solved / he.nets:.3f}",
                spans[2][0] > 0.33 and rai.solved / rai.nets > 5 * he.solved / he.nets,
            ),
            Claim(
                "With RAI in the hidden layers alone and He's weights in the last, as many are born dead and more die",
                "an independent program: 0.238 born constant, 0.552 after training, 0.309 solved",
                f"born dead {mixed.dead / mixed.nets:.3f}, constant at the end {ends[3]:.3f} [{spans[3][0]:.3f}, "
                f"{spans[3][1]:.3f}], solved {mixed.solved / mixed.nets:.3f}",
                near(mixed.dead, mixed.nets, 0.238, 0.999)
                and near(mixed.dead + mixed.constant, mixed.nets, 0.552, 0.999)
                and near(mixed.solved, mixed.nets, 0.309, 0.999),
            ),
        ]
    return tuple(found)


def figure(reproduction: Reproduction) -> Figure:
    """Born dead against depth, the three schemes, what training makes of them, and the functions that come out.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    return _born_dead_figure.draw(reproduction.data)
