"""The question this project began with, as a table: initial weights against learning rate, softmax with squared error.

Digits, 64-[64]x4-10, ReLU, biases 0, batch size 1, plain SGD, 8 epochs. The popular explanation of the frozen loss is a
learning rate that is too high; the table shows that no smaller one helps.

Prediction: a ReLU layer multiplies the mean square by fan_in var(w) / 2, which at fan_in 64 is 10.7 for U[-1, 1], 2.67
for U[-0.5, 0.5], 32 for N(0, 1), 0.32 for N(0, 0.1^2) and 1 for He. Four layers of 10.7 put the logits hundreds apart,
softmax is certain, its Jacobian vanishes, and squared error cannot correct what is certain and wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import nn

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.initializers import he_normal_, initialize, normal_, uniform_
from trainability.lab import run_all
from trainability.problems import get as problem
from trainability.setup import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Which weights and which learning rate train a softmax with squared error"
SOURCE = "A public question of December 2020 (softmax, squared error, U[-1, 1] against U[-0.5, 0.5]) and its answers."

INITIALIZERS: dict[str, Callable[..., object]] = {
    "U[-1, 1]": partial(uniform_, a=-1.0, b=1.0),
    "U[-0.5, 0.5]": partial(uniform_, a=-0.5, b=0.5),
    "N(0, 1)": partial(normal_, std=1.0),
    "N(0, 0.1²)": partial(normal_, std=0.1),
    "He": he_normal_,
}
LEARNING_RATES = (1e-2, 1e-3, 1e-4)
LOSSES = ("squared error", "cross-entropy")


@dataclass(frozen=True)
class Cell:
    """All seeds of one combination.

    Args:
        weights, lr, loss: the combination.
        error: mean over seeds of the squared error per output at the end (of the probabilities; chance is 0.09).
        accuracy: mean over seeds, on the training data.
        trained: seeds with the outcome "trained".
        seeds: number of seeds.
    """

    weights: str
    lr: float
    loss: str
    error: float
    accuracy: float
    trained: int
    seeds: int


def combinations() -> list[tuple[str, float, str]]:
    """Every weight scheme and lr under squared error; U[-1, 1] under cross-entropy as the control."""
    table = [(name, lr, LOSSES[0]) for name in INITIALIZERS for lr in LEARNING_RATES]
    return table + [("U[-1, 1]", lr, LOSSES[1]) for lr in LEARNING_RATES]


def train(weights: str, lr: float, loss: str, seed: int, epochs: int) -> tuple[Run, float]:
    """One training: its Run, and the squared error per output at its end.

    Args:
        weights: a key of `INITIALIZERS`.
        lr: learning rate of SGD.
        loss: one of `LOSSES`.
        seed: of weights and data order.
        epochs: passes over 1400 images, one image a step.

    Returns:
        (Run, mean squared difference between the probabilities and the one-hot targets).
    """
    base = problem("digits-saturated")()
    layers = list(base.model.children())
    model = nn.Sequential(*(layers if loss == LOSSES[0] else layers[:-1]))
    # The schemes come from this package's own functions, which take the generator.
    initialize(model, INITIALIZERS[weights], generator=torch.Generator().manual_seed(seed))
    setup = base.replaced(
        model=model,
        loss_fn=base.loss_fn if loss == LOSSES[0] else nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=lr),
        epochs=epochs,
    )
    outcome = setup.train(order=seed)
    x, y = setup.data
    with torch.no_grad():
        p = model(x) if loss == LOSSES[0] else model(x).softmax(1)
    error = float((p - nn.functional.one_hot(y, 10)).square().mean())
    return outcome, error


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """Train every combination on every seed; `smoke` takes one seed, four epochs and three cells.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a tuple of Cells.
    """
    seeds, epochs = (1, 4) if smoke else (4, 8)
    squared, entropy = LOSSES
    few = [("U[-1, 1]", 1e-2, squared), ("He", 1e-2, squared), ("U[-1, 1]", 1e-3, entropy)]
    wanted = few if smoke else combinations()
    jobs = [partial(train, *c, seed, epochs) for c in wanted for seed in range(seeds)]
    count = 0

    def done(index: int) -> None:
        nonlocal count
        count += 1
        if progress:
            progress("train every combination", count, len(jobs))

    results = run_all(jobs, done=done)
    cells = []
    for i, (weights, lr, loss) in enumerate(wanted):
        mine = results[i * seeds : (i + 1) * seeds]
        cells.append(
            Cell(
                weights,
                lr,
                loss,
                error=sum(e for _, e in mine) / seeds,
                accuracy=sum(r.score for r, _ in mine) / seeds,
                trained=sum(r.trained for r, _ in mine),
                seeds=seeds,
            )
        )
    return Reproduction(claims(cells), tuple(cells))


def claims(cells: Sequence[Cell]) -> tuple[Claim, ...]:
    """What the table must show; a claim whose cells are missing is left out.

    Args:
        cells: of any of the combinations.

    Returns:
        Claims.
    """
    at = {(c.weights, c.lr, c.loss): c for c in cells}
    squared, entropy = LOSSES
    every = LEARNING_RATES

    def none(c: Cell) -> bool:
        return c.trained == 0

    def all_(c: Cell) -> bool:
        return c.trained == c.seeds

    stated: list[tuple[str, str, list[tuple[str, float, str]], Callable[[Cell], bool]]] = [
        (
            "U[-1, 1] freezes at lr 0.01, at twice the chance level",
            "error 0.18, no seed trained",
            [("U[-1, 1]", 1e-2, squared)],
            lambda c: 0.17 < c.error < 0.19 and c.trained == 0,
        ),
        (
            "No smaller learning rate trains U[-1, 1] (the popular advice is to lower it)",
            "no seed trained",
            [("U[-1, 1]", lr, squared) for lr in every],
            none,
        ),
        ("He's weights train at lr 0.01", "every seed trained", [("He", 1e-2, squared)], all_),
        ("N(0, 0.1²) trains at lr 0.01", "every seed trained", [("N(0, 0.1²)", 1e-2, squared)], all_),
        (
            "U[-0.5, 0.5] trains on most seeds at lr 0.01",
            "at least half of the seeds",
            [("U[-0.5, 0.5]", 1e-2, squared)],
            lambda c: c.trained >= c.seeds / 2,
        ),
        (
            "A normal distribution is no cure: N(0, 1) fails at every learning rate",
            "no seed trained",
            [("N(0, 1)", lr, squared) for lr in every],
            none,
        ),
        (
            "Cross-entropy trains U[-1, 1] at lr 0.001",
            "every seed trained",
            [("U[-1, 1]", 1e-3, entropy)],
            all_,
        ),
        ("Cross-entropy diverges with U[-1, 1] at lr 0.01", "no seed trained", [("U[-1, 1]", 1e-2, entropy)], none),
    ]
    return tuple(
        Claim(
            says,
            predicted,
            "; ".join(f"{at[k].trained} of {at[k].seeds}, error {at[k].error:.3f}" for k in keys),
            all(test(at[k]) for k in keys),
        )
        for says, predicted, keys, test in stated
        if all(k in at for k in keys)
    )


def figure(reproduction: Reproduction) -> Figure:
    """The table as a picture: share of seeds that trained by colour, accuracy and error in the cells.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    cells: tuple[Cell, ...] = reproduction.data
    import numpy as np
    from matplotlib.figure import Figure

    rows = list(dict.fromkeys((c.weights, c.loss) for c in cells))
    lrs = sorted({c.lr for c in cells}, reverse=True)
    share = np.full((len(rows), len(lrs)), np.nan)
    picture = Figure(figsize=(7.2, 0.62 * len(rows) + 1.6), dpi=150, layout="constrained")
    axes = picture.add_subplot()
    for c in cells:
        i, j = rows.index((c.weights, c.loss)), lrs.index(c.lr)
        share[i, j] = c.trained / c.seeds
        dark = share[i, j] < 0.4
        axes.text(
            j, i, f"{c.trained} of {c.seeds} trained\naccuracy {c.accuracy:.2f}, error {c.error:.3f}",
            ha="center", va="center", fontsize=8, color="white" if dark else "black",
        )  # fmt: skip
    image = axes.imshow(share, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(lrs)), [f"{lr:g}" for lr in lrs])
    axes.set_yticks(range(len(rows)), [f"{w}\n{loss}" for w, loss in rows], fontsize=8)
    axes.set_xlabel("learning rate of SGD")
    axes.set_title("Softmax on digits, 64-[64]×4-10, 1 image a step", fontsize=10)
    picture.colorbar(image, ax=axes, label="share of seeds that trained")
    return picture
