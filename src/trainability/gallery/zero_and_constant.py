"""Zero, constant and symmetric initialization: units that start alike stay alike, to the last bit, until something differs.

Gradient descent commutes with exchanging the hidden units of a layer. Units that start with the same weights in, bias and
weights out therefore have the same gradients, for ever: a layer never has more different units than it starts with, and
neither the rank of its weights nor that of its outputs exceeds their number. What breaks the tie is anything that differs
between units; what has to grow from a difference eps needs log(1/eps) divided by an unstable rate, which for ReLU students
of an orthonormal teacher is known in closed form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import log, log1p
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainability.gallery import _zero_and_constant_figure
from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.lab import run_all
from trainability.problems import get as problem
from trainability.theory.descent import descend
from trainability.theory.symmetric_dynamics import saddle, saddle_spectrum

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Zero and constant weights: units that start alike stay alike, and how fast noise tells them apart"
SOURCE = (
    "Common teaching, as in Goodfellow, Bengio and Courville 2016, Deep Learning, Section 8.4 (break symmetry between units); "
    "the rate: Tian 2017, arXiv 1703.00560, the saddle of equal students."
)

Array = NDArray[np.float64]
Net = list[tuple[Array, Array]]
"""(weights (out, in), biases (out,)) of each layer."""

HIDDEN, RATE, LEVEL, NOISE = 16, 0.3, 0.1, 1e-6


@dataclass(frozen=True)
class Watched:
    """One start, trained on digits.

    Args:
        start: a key of `STARTS`.
        told: different units per hidden layer at the start: no layer may ever have more.
        steps: when the rest was taken.
        units: (times, 2), different units per hidden layer, to the last bit.
        rank_weights: (times, 3), ranks of the weights of each layer.
        rank_outputs: (times, 2), ranks of the hidden layers' outputs over the images.
        loss, accuracy: (times,), on the training images.
        batch: images a step.
    """

    start: str
    told: int
    steps: tuple[int, ...]
    units: NDArray[np.int64]
    rank_weights: NDArray[np.int64]
    rank_outputs: NDArray[np.int64]
    loss: Array
    accuracy: Array
    batch: int


@dataclass(frozen=True)
class Parted:
    """K equal ReLU students of an orthonormal teacher plus noise, exact population gradient.

    Args:
        K: students, teachers and dimensions.
        lr: learning rate.
        eps: sizes of the noise.
        distance: (eps, steps + 1), Frobenius norm of the differences of the students from their mean.
        alone: the same without noise, at the end; exactly 0.
        alone_at: every entry's distance from the saddle's closed form at the end, without noise.
        parting: step at which the distance passes 0.1.
        rate: the unstable rate at the saddle, closed form.
    """

    K: int
    lr: float
    eps: tuple[float, ...]
    distance: Array
    alone: float
    alone_at: float
    parting: tuple[int, ...]
    rate: float

    @property
    def told(self) -> float:
        """Steps for each factor 10 of smaller noise: log 10 / log(1 + lr rate)."""
        return log(10) / log1p(self.lr * self.rate)

    @property
    def seen(self) -> float:
        """The same by a straight line through `parting` against log10(1/eps), noise of 1e-4 and less."""
        chosen = [i for i, eps in enumerate(self.eps) if eps <= 1.1e-4]
        at = -np.log10([self.eps[i] for i in chosen])
        return float(np.polyfit(at, [self.parting[i] for i in chosen], 1)[0])


@dataclass(frozen=True)
class Symmetry:
    """The numbers behind the figure.

    Args:
        watched: one per start.
        parted: one per K.
        entropy: of the class frequencies, the loss of the best constant answer.
    """

    watched: tuple[Watched, ...]
    parted: tuple[Parted, ...]
    entropy: float


def _layers(weight: Callable[[int, int, int], Array], bias: Callable[[int, int], Array]) -> Net:
    sizes = (64, HIDDEN, HIDDEN, 10)
    return [(weight(i, sizes[i + 1], sizes[i]), bias(i, sizes[i + 1])) for i in range(3)]


def _xavier(rng: np.random.Generator) -> Callable[[int, int, int], Array]:
    return lambda _, out, fan: rng.normal(0.0, (2 / (out + fan)) ** 0.5, (out, fan))


def _pairs(rng: np.random.Generator) -> Net:
    """Xavier, every hidden unit twice."""
    net = _layers(_xavier(rng), lambda _, n: np.zeros(n))
    half = HIDDEN // 2
    for layer, (weight, _) in enumerate(net):
        if layer < 2:
            weight[half:] = weight[:half]
        if layer > 0:
            weight[:, half:] = weight[:, :half]
    return net


def _no(_: int, n: int) -> Array:
    return np.zeros(n)


STARTS: dict[str, tuple[int, Callable[[np.random.Generator], Net]]] = {
    "all 0": (1, lambda rng: _layers(lambda _, o, f: np.zeros((o, f)), _no)),
    "weights 0, biases 0.1": (1, lambda rng: _layers(lambda _, o, f: np.zeros((o, f)), lambda _, n: np.full(n, LEVEL))),
    "weights 0.1, biases 0": (1, lambda rng: _layers(lambda _, o, f: np.full((o, f), LEVEL), _no)),
    "weights 0.1, biases 0.1": (1, lambda rng: _layers(lambda _, o, f: np.full((o, f), LEVEL), lambda _, n: np.full(n, LEVEL))),
    "weights 0.1, mini-batches": (1, lambda rng: _layers(lambda _, o, f: np.full((o, f), LEVEL), _no)),
    "every unit twice": (HIDDEN // 2, _pairs),
    "weights 0.1 + noise 1e-6": (
        HIDDEN, lambda rng: _layers(lambda _, o, f: LEVEL + rng.normal(0.0, NOISE, (o, f)), _no)),
    "weights 0, random biases": (
        HIDDEN, lambda rng: _layers(lambda _, o, f: np.zeros((o, f)), lambda _, n: rng.normal(0.0, 0.5, n))),
    "last layer 0, rest Xavier": (
        HIDDEN, lambda rng: _layers(lambda i, o, f: np.zeros((o, f)) if i == 2 else _xavier(rng)(i, o, f), _no)),
    "Xavier": (HIDDEN, lambda rng: _layers(_xavier(rng), _no)),
}  # fmt: skip
"""Name -> (different units in each hidden layer, how it is drawn)."""


def product(a: Array, b: Array) -> Array:
    """a bᵀ, every entry by the same sequence of additions: equal rows give equal results, to the last bit.

    A library's matrix product does not promise that: its edges may be added up in another order.
    """
    return np.asarray(np.einsum("ik,jk->ij", np.ascontiguousarray(a), np.ascontiguousarray(b)))


def forward(net: Net, x: Array) -> list[Array]:
    """What each layer gives, (images, out): tanh of the hidden ones, logits of the last."""
    out = [x]
    for i, (weight, bias) in enumerate(net):
        z = product(out[-1], weight) + bias
        out.append(np.tanh(z) if i < len(net) - 1 else z)
    return out


def step(net: Net, x: Array, wanted: Array, lr: float) -> Net:
    """One step of gradient descent on the mean cross-entropy."""
    out = forward(net, x)
    delta = (softmax(out[-1]) - wanted) / len(x)
    new = []
    for i in range(len(net) - 1, -1, -1):
        weight, bias = net[i]
        turned = np.ascontiguousarray(delta.T)
        new.append((weight - lr * product(turned, out[i].T), bias - lr * turned.sum(1)))
        if i:
            delta = product(delta, weight.T) * (1 - out[i] ** 2)
    return new[::-1]


def softmax(logits: Array) -> Array:
    """Rows of probabilities."""
    e = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def different(net: Net, layer: int) -> int:
    """How many units of a hidden layer differ in weights in, bias or weights out, to the last bit."""
    weight, bias = net[layer]
    whole = np.concatenate([weight, bias[:, None], net[layer + 1][0].T], axis=1)
    return len(np.unique(whole, axis=0))


def rank(matrix: Array) -> int:
    """Singular values above 1e-9 of the largest."""
    s = np.linalg.svd(matrix, compute_uv=False)
    return int((s > 1e-9 * s[0]).sum()) if s[0] > 0 else 0


def watch(start: str, images: int, steps: int) -> Watched:
    """Train one start and look at it 25 times, evenly in the logarithm of the step."""
    x, wanted, labels = data(images)
    told, make = STARTS[start]
    rng = np.random.default_rng([17, len(start)])
    net = make(rng)
    batch = 20 if "mini" in start else images
    times = sorted({0, *np.geomspace(1, steps, 24).round().astype(int).tolist()})
    rows = []
    for now in range(steps + 1):
        if now in times:
            out = forward(net, x)
            p = softmax(out[-1])[np.arange(images), labels]
            rows.append(
                (
                    [different(net, i) for i in range(2)], [rank(w) for w, _ in net], [rank(h) for h in out[1:-1]],
                    float(-np.log(p).mean()), float((out[-1].argmax(1) == labels).mean()),
                )
            )  # fmt: skip
        chosen = rng.integers(0, images, batch) if batch < images else slice(None)
        net = step(net, x[chosen], wanted[chosen], RATE)
    units, of_weights, of_outputs, loss, accuracy = (np.array(column) for column in zip(*rows, strict=True))
    return Watched(start, told, tuple(times), units, of_weights, of_outputs, loss, accuracy, batch)


def data(images: int) -> tuple[Array, Array, NDArray[np.int64]]:
    """(images of digits minus their mean, one-hot classes, classes)."""
    x, y = (v.numpy() for v in problem("digits-mlp")().data)
    x, y = x[:images].astype(np.float64), y[:images]
    return x - x.mean(0), np.eye(10)[y], y


def part(K: int, eps: tuple[float, ...], lr: float = 0.05) -> Parted:
    """Descend from all students (0.1, .., 0.1), alone and with noise eps N(0, 1) on every weight."""
    rate = -min(value for value, _ in saddle_spectrum(K))
    steps = int((log(1 / min(eps)) + 12) / log1p(lr * rate))
    noise = np.random.default_rng(K).normal(size=(K, K))
    starts = np.full((len(eps) + 1, K, K), 0.1)
    starts[:-1] += np.array(eps)[:, None, None] * noise
    out = descend(starts, np.eye(K), lr=lr, tol=0.0, max_steps=steps, record=1)
    assert out.path is not None
    apart = np.linalg.norm(out.path - out.path.mean(2, keepdims=True), axis=(2, 3))
    parting = tuple(int(np.argmax(row > 0.1)) if (row > 0.1).any() else steps + 1 for row in apart[:-1])
    end = out.path[-1, -1]
    largest = float(np.abs(end - end[:1]).max())
    return Parted(K, lr, eps, apart[:-1], largest, float(np.abs(end - saddle(K)[0]).max()), parting, rate)


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Ten starts on 300 digits for 2000 steps, and students at K = 3, 5, 10; `smoke`: 100 digits, 250 steps, K = 5.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Symmetry.
    """
    images, steps = (100, 250) if smoke else (300, 2000)
    sizes = (5,) if smoke else (3, 5, 10)
    count, total = 0, len(STARTS) + 1

    def done(index: int) -> None:
        nonlocal count
        count += 1
        if progress:
            progress("train every start", count, total)

    jobs = [partial(watch, start, images, steps) for start in STARTS]
    watched = run_all(jobs, done=done, workers=1 if smoke else None)
    parted = tuple(part(K, tuple(10.0**-e for e in range(2, 13, 2 if smoke else 1))) for K in sizes)
    done(0)
    share = data(images)[1].mean(0)
    found = Symmetry(tuple(watched), parted, float(-(share * np.log(share)).sum()))
    return Reproduction(claims(found), found)


def claims(data: Symmetry) -> tuple[Claim, ...]:
    """What the numbers must show.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    at = {w.start: w for w in data.watched}
    last = data.watched[0].steps[-1]
    alike = [w for w in data.watched if w.told == 1]
    twice, zero, plain = at["every unit twice"], at["all 0"], at["Xavier"]
    noise, random = at["weights 0.1 + noise 1e-6"], at["weights 0, random biases"]
    late = at["last layer 0, rest Xavier"]
    mini = at["weights 0.1, mini-batches"]
    return (
        Claim(
            "Units that start alike stay alike to the last bit: zero or constant weights keep one unit per layer, whatever the "
            "biases if those are alike",
            "1 at every look, for " + "; ".join(w.start for w in alike),
            f"at most {max(int(w.units.max()) for w in alike)} over {len(alike)} starts, {len(zero.steps)} looks, {last} steps",
            all((w.units == 1).all() for w in alike),
        ),
        Claim(
            "... mini-batches do not break the tie either: their noise is the same for all units",
            "1",
            f"{int(mini.units.max())} in {last} steps with batches of {mini.batch}",
            bool((mini.units == 1).all()) and mini.batch < plain.batch,
        ),
        Claim(
            "A net with every unit twice stays one of half the width",
            f"{HIDDEN // 2} different units and ranks of at most {HIDDEN // 2} at every look",
            f"{sorted(set(twice.units.ravel().tolist()))} units, outputs of rank up to {int(twice.rank_outputs.max())}, "
            f"weights up to {int(twice.rank_weights.max())}",
            bool((twice.units == HIDDEN // 2).all())
            and max(int(twice.rank_outputs.max()), int(twice.rank_weights.max())) <= HIDDEN // 2,
        ),
        Claim(
            "Ranks never exceed the number of different units: weights and outputs of rank 1 from a constant, 0 from zero",
            "; ".join(f"{w.start}: <= {0 if w.start == 'all 0' else 1}" for w in alike),
            "; ".join(f"{w.start}: {max(int(w.rank_weights.max()), int(w.rank_outputs.max()))}" for w in alike),
            all(max(int(w.rank_weights.max()), int(w.rank_outputs.max())) <= (w.start != "all 0") for w in alike),
        ),
        Claim(
            "From all 0 (tanh, as with ReLU) only the last biases learn: the answer is the class frequencies",
            f"weights exactly 0, loss down to the frequencies' entropy, {data.entropy:.4f}",
            f"weights of rank {int(zero.rank_weights.max())}, loss {zero.loss[-1]:.4f}",
            int(zero.rank_weights.max()) == 0 and abs(zero.loss[-1] - data.entropy) < 2e-3,
        ),
        Claim(
            "One unit per layer is not enough for ten digits; the same net from Xavier's weights learns them",
            "accuracy below 0.6 for all that stay alike, above 0.9 from Xavier",
            f"at most {max(float(w.accuracy[-1]) for w in alike):.2f}; {plain.accuracy[-1]:.2f}",
            max(float(w.accuracy[-1]) for w in alike) < 0.6 and plain.accuracy[-1] > 0.9,
        ),
        Claim(
            "A rule never to start weights at 0 would be imprecise: a last layer of 0 learns like any other, and all weights 0 "
            "with random biases break the tie",
            f"{HIDDEN} different units; accuracy above 0.9 with a last layer of 0; ranks above 1 with random biases",
            f"{late.units[-1].tolist()}, {late.accuracy[-1]:.2f}; {random.units[-1].tolist()}, outputs of rank "
            f"{random.rank_outputs[-1].tolist()}, accuracy {random.accuracy[-1]:.2f}",
            late.accuracy[-1] > 0.9
            and bool(
                (late.units[-1] == HIDDEN).all()
                and (random.units[-1] == HIDDEN).all()
                and (random.rank_outputs[-1] > 1).all()
            ),
        ),
        Claim(
            "Noise of 1e-6 on constant weights makes all units different at once",
            f"{HIDDEN} units at every look",
            f"{sorted(set(noise.units.ravel().tolist()))}; accuracy {noise.accuracy[-1]:.2f}, against "
            f"{at['weights 0.1, biases 0'].accuracy[-1]:.2f} without",
            bool((noise.units == HIDDEN).all()),
        ),
        Claim(
            "Equal ReLU students of an orthonormal teacher stay equal and end in the saddle x_s, where descent stops",
            "differences exactly 0; distance from x_s below 1e-6",
            "; ".join(f"K = {p.K}: {p.alone:g}, {p.alone_at:.0e}" for p in data.parted),
            all(p.alone == 0 and p.alone_at < 1e-6 for p in data.parted),
        ),
        Claim(
            "Noise eps parts them after log(1/eps)/log(1 + lr rate) steps and a constant, rate = K/(2 pi x_s sqrt(K - 1))",
            "steps for each factor 10: " + ", ".join(f"K = {p.K}: {p.told:.2f}" for p in data.parted),
            ", ".join(f"K = {p.K}: {p.seen:.2f}" for p in data.parted),
            all(abs(p.seen / p.told - 1) < 0.02 for p in data.parted),
        ),
    )


def figure(reproduction: Reproduction) -> Figure:
    """Ranks and losses by start, how differences grow, and the time that takes against the noise.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    return _zero_and_constant_figure.draw(reproduction.data)
