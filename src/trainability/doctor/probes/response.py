"""Mix and scale inputs of the untrained network: is it affine, and does it grow faster than its input?"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from trainability.doctor.probes.recorder import Call, recording
from trainability.doctor.readings.response import NAN, ResponseReading
from trainability.errors import TrainabilityError
from trainability.setup import Setup
from trainability.setup.facts import evaluate, forward
from trainability.setup.large import is_large
from trainability.setup.score import score
from trainability.setup.untouched import random_state_kept, seed_everything

SAMPLE, FEW, FIT_SAMPLE = 128, 4, 1024  # inputs: few for a large model
STRETCH, FAR = 1.25, 1e3
WIDEST = 4096  # features above which no affine map is fitted
AFFINE = 1e-4  # of the outputs' spread: float32 rounding of a deep affine map stays below

ENDINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda z: z,
    "softmax": lambda z: z.softmax(1),
    "log_softmax": lambda z: z.log_softmax(1),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
}


def response(setup: Setup) -> ResponseReading:
    """Read how the weights as given answer to mixed and scaled inputs; nan for inputs that are indices.

    Args:
        setup: stays as it is.

    Returns:
        ResponseReading.
    """
    setup = setup.clone()
    x, _ = setup.batches.sample(FEW if is_large(setup.model) else SAMPLE)
    x = x.to(setup.device)
    unknown = ResponseReading(bend=NAN, growth=NAN, total_growth=NAN, weight_layers=0, hidden_activations=0)
    if not x.is_floating_point() or len(x) < 2 or not bool(torch.isfinite(x).all()):
        return unknown
    with random_state_kept(), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        seed_everything(0)
        try:
            here = _pass(setup.model, x, train=False)
            bend = _bend(setup.model, x, here)
            growth, total, between, finite = _growth(setup.model, x)
        except TrainabilityError:
            return unknown
    loss = value = NAN
    if bend <= AFFINE and here.hidden == 0 and len(here.sizes) > 1:
        loss, value = _affine_floor(setup, here.ending)
    return ResponseReading(
        bend=bend,
        weight_layers=len(here.sizes),
        hidden_activations=here.hidden,
        linear_loss=loss,
        linear_score=value,
        growth=growth,
        total_growth=total,
        grows_between=between,
        finite=finite,
    )


@dataclass(frozen=True)
class _Pass:
    """One forward pass: the outputs before a last activation, that activation, and the weight layers' sizes."""

    logits: Tensor
    ending: str
    hidden: int
    sizes: tuple[tuple[str, float], ...]


def _pass(model: nn.Module, x: Tensor, *, train: bool) -> _Pass:
    sizes: list[tuple[str, float]] = []
    last: list[Call] = []
    count = 0

    def seen(call: Call) -> None:
        nonlocal count
        if call.role == "weight":
            sizes.append((call.name, float(call.output.detach().double().square().mean().sqrt())))
        elif call.role == "activation":
            count += 1
            last[:] = [call]

    model.train(train)
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()
    with recording(model, seen):
        output = forward(model, x)
    ends = bool(last) and output.shape == last[0].output.shape and torch.equal(output, last[0].output)
    logits = last[0].inputs if ends else output
    recurrent = sum(isinstance(module, nn.RNNBase) for module in model.modules())
    hidden = count - ends + recurrent
    return _Pass(logits.detach().double(), last[0].kind if ends else "", hidden, tuple(sizes))


def _bend(model: nn.Module, x: Tensor, here: _Pass) -> float:
    y = x.roll(1, 0)
    at_x, at_y = here.logits, here.logits.roll(1, 0)
    spread = float(at_x.var(0, correction=0).mean().sqrt())
    if not 0 < spread < math.inf:
        return NAN
    worst = 0.0
    for share in (0.5, -1.0, FAR):  # far out even a small signal leaves the straight part of its activation
        mixed = _pass(model, share * x + (1 - share) * y, train=False).logits
        off = (mixed - share * at_x - (1 - share) * at_y).square().mean().sqrt()
        worst = max(worst, float(off) / (spread * abs(share))) if bool(torch.isfinite(off)) else math.inf
    return worst


def _growth(model: nn.Module, x: Tensor) -> tuple[float, float, tuple[str, str], bool]:
    """The largest power from one weight layer to the next, the whole one, where, and whether all was finite."""
    finite = True
    for scale in (1.0, 0.1, 0.01):
        small, large = (_pass(model, x * s, train=True).sizes for s in (scale, scale * STRETCH))
        if all(0 <= size < math.inf for _, size in (*small, *large)):
            break
        finite = False
    else:
        return NAN, NAN, ("", ""), False
    powers = [
        (name, math.log(b / a) / math.log(STRETCH) if a > 0 and b > 0 else NAN)
        for (name, a), (_, b) in zip(small, large, strict=True)
    ]
    steps = [
        (new / old, (first, second)) for (first, old), (second, new) in pairwise(powers) if old > 0.5 and new == new
    ]
    growth, between = max(steps, default=(NAN, ("", "")), key=lambda s: s[0])
    return growth, powers[-1][1] if powers else NAN, between, finite


def _affine_floor(setup: Setup, ending: str) -> tuple[float, float]:
    """The least loss of an affine map with the network's ending, by L-BFGS on the user's loss, and its score."""
    x, y = (t.to(setup.device) for t in setup.batches.sample(FIT_SAMPLE))
    flat = x.flatten(1) if x.ndim > 1 else x[:, None]
    if flat.shape[1] > WIDEST or ending not in ENDINGS:
        return NAN, NAN
    mean, std = flat.mean(0), flat.std(0, correction=0)
    flat = (flat - mean) / torch.where(std > 0, std, 1.0)
    shape = setup.facts.output.shape[1:]
    weight = torch.zeros(flat.shape[1], math.prod(shape), device=flat.device, requires_grad=True)
    bias = torch.zeros(math.prod(shape), device=flat.device, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def answer() -> Tensor:
        return ENDINGS[ending]((flat @ weight + bias).reshape(len(flat), *shape))

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = evaluate(setup.loss_fn, answer(), y)
        loss.backward()
        return loss

    try:
        with random_state_kept(), warnings.catch_warnings(), torch.enable_grad():
            warnings.simplefilter("ignore")
            optimizer.step(closure)
        with torch.no_grad():
            output = answer()
            loss = float(evaluate(setup.loss_fn, output, y))
            return loss, score(output, y, setup.facts.task, logits=setup.facts.logits)
    except (TrainabilityError, RuntimeError):
        return NAN, NAN
