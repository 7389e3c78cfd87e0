"""The loss, and the outputs, that the labels ask for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._class_loss import yes_or_no_lines
from trainability.doctor.remedies._layers import put_in
from trainability.doctor.remedies._tensors import with_data
from trainability.errors import SetupError
from trainability.setup import Setup

ANSWERS = ("loss-does-not-fit-the-task",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """One output per class and cross-entropy for class numbers; for cross-entropy on one output, a loss that fits."""
    labels, out = r.labels, r.start.output
    if r.loss.family in ("cross-entropy", "nll", "nll-of-probabilities"):
        yes_or_no = labels.low >= 0 and labels.high <= 1 and labels.distinct <= 2
        yield Change(
            name="bce-with-logits" if yes_or_no else "squared-error",
            family="fitting-loss",
            summary="Use binary cross-entropy on the one output" if yes_or_no else "Use the squared error",
            code=yes_or_no_lines(r).replace("BCEWithLogits", "BCEWithLogits" if yes_or_no else "MSE"),
            size=1.0,
            answers=ANSWERS,
            touches=("loss",),
            transform=partial(_one, yes_or_no=yes_or_no),
        )
    elif labels.numbers >= 3 and not out.activation:
        low = int(labels.low) if labels.low in (0.0, 1.0) else 0
        yield Change(
            name="one-output-per-class",
            family="fitting-loss",
            summary=f"Give the model {labels.numbers} outputs, one per class, and use cross-entropy",
            code=(
                f"{_last_layer(r, labels.numbers)}\n"
                f"y = y.flatten().long(){f' - {low}' if low else ''}\nloss_fn = nn.CrossEntropyLoss()"
            ),
            size=3.0,
            answers=ANSWERS,
            touches=("ending", "loss", "targets"),
            transform=partial(_classes, classes=labels.numbers, low=low),
        )


def _last_layer(r: Readings, classes: int) -> str:
    """The line that gives the last layer one output per class."""
    last = [w for w in r.start.weights if len(w.shape) == 2 and w.shape[0] == 1 and w.name.endswith(".weight")]
    if not last:
        return f"# the last layer with {classes} outputs instead of 1"
    path = last[-1].name.removesuffix(".weight")
    options = "" if any(w.name == f"{path}.bias" for w in r.start.weights) else ", bias=False"
    new = f"nn.Linear({last[-1].shape[1]}, {classes}{options})"
    return f'model.set_submodule("{path}", {new})  # before the optimizer is built'


def _one(setup: Setup, generator: torch.Generator, *, yes_or_no: bool) -> Setup:
    new = setup.replaced(loss_fn=yes_or_no_loss if yes_or_no else squared_error)
    return new.replaced(task="binary" if yes_or_no else "regression", task_reason="stated")


def yes_or_no_loss(output: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of one logit per sample."""
    return nn.functional.binary_cross_entropy_with_logits(output, target.reshape(output.shape).to(output.dtype))


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of one value per sample."""
    return nn.functional.mse_loss(output, target.reshape(output.shape).to(output.dtype))


def _classes(setup: Setup, generator: torch.Generator, *, classes: int, low: int) -> Setup:
    last = [(n, m) for n, m in setup.model.named_modules() if isinstance(m, nn.Linear) and m.out_features == 1]
    if not last:
        raise SetupError("the model has no linear layer with one output; give its last layer one output per class.")
    name, layer = last[-1]
    if not name:
        new: nn.Module = nn.Sequential(setup.model)
        setup = setup.replaced(model=new)
        name = "0"
    put_in(setup, name, lambda: nn.Linear(layer.in_features, classes, layer.bias is not None), generator)

    def numbered(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return x, (y.flatten().round().long() - low).clamp(0, classes - 1)

    changed = with_data(setup, numbered, numbered)
    return changed.replaced(loss_fn=nn.CrossEntropyLoss(), task="multi-class", task_reason="stated", target=None)


REMEDY = Prescription("fitting-loss", ANSWERS, propose)
