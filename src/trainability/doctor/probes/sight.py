"""Replace a part of each input by another sample's, or shuffle its order, and see whether the answers notice."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from trainability.doctor.probes._held_out import best_correlation, columns, finite_sample
from trainability.doctor.probes._learners import Array, _standard, features, forest, linear
from trainability.doctor.probes.recorder import Call, recording
from trainability.doctor.readings.sight import SightReading
from trainability.errors import TrainabilityError
from trainability.initializers import initialize
from trainability.setup import Setup
from trainability.setup.facts import forward
from trainability.setup.large import is_large
from trainability.setup.untouched import random_state_kept, seed_everything

SAMPLES, BLOCKS = 32, 32  # inputs of a pass, and parts that their places are cut into
FEW = 4  # of both, for a large model
ROUNDING = 1e-6  # of the outputs' size: single precision
TWINS, MANY = 2, 8  # draws of other weights; one ReLU is dead in half of them
DATA = 1400  # samples that quick learners are given
ORDERLESS = 1e-3  # of the outputs' spread: a sum in another order differs by rounding


def sight(setup: Setup, *, ask: bool) -> SightReading:
    """Read which places of the input reach the answers, and whether their order does.

    A place counts as unseen where neither another sample's value nor, for numbers, one as large as the inputs are
    moves any answer, with the weights as given and with two draws of He's: what dead or tiny weights hide is not meant.
    All do where whole samples in exchange move none, with the weights as given and with eight draws.

    Args:
        setup: stays as it is.
        ask: whether to look at all; it costs some tens of passes over 32 inputs.

    Returns:
        SightReading; its defaults where it was not asked or the model cannot be run on changed inputs.
    """
    if not ask:
        return SightReading()
    try:
        with random_state_kept(), warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            seed_everything(0)
            return _sight(setup)
    except (TrainabilityError, RuntimeError, IndexError, ValueError):
        return SightReading()


def _sight(setup: Setup) -> SightReading:
    few = is_large(setup.model)
    n, blocks = (FEW, FEW) if few else (SAMPLES, BLOCKS)
    x = setup.batches.sample(2 * n)[0].to(setup.device)
    if len(x) < 4 or (x.is_floating_point() and not bool(torch.isfinite(x).all())):
        return SightReading()
    here, other = x[: len(x) // 2], x[len(x) // 2 : 2 * (len(x) // 2)]
    varies = (here != other).reshape(len(here), -1).any(0).nonzero().flatten()
    if not len(varies):
        return SightReading()
    own = setup.clone().model.eval()
    views = [(here, other), *_standardised(own, here, other)]
    if not any(_differs(net, *view) for net in (own, *_twins(setup, MANY)) for view in views):
        return SightReading(places=len(varies), unseen=1.0, which=_words(varies.tolist(), tuple(x.shape[1:])))
    nets = [own, *_twins(setup, 1 if few else TWINS)]
    open_ = list(varies.tensor_split(min(blocks, len(varies))))
    for net in nets:
        for view in views:
            open_ = _unseen(net, *view, open_)
    unseen = torch.cat(open_) if open_ else varies[:0]
    reading = SightReading(
        places=len(varies), unseen=len(unseen) / len(varies), which=_words(unseen.tolist(), tuple(x.shape[1:]))
    )
    steps = int(x.shape[1]) if (x.ndim == 2 and not x.is_floating_point()) or x.ndim == 3 else 0
    if reading.blind or steps < 3:
        return reading
    shuffled = here.clone()
    for i in range(len(here)):
        shuffled[i] = here[i, torch.randperm(steps, device=here.device)]
    told = [change for change in (_change(net, here, shuffled) for net in nets) if change == change]
    order = max(told, default=math.nan)
    reading = replace(reading, steps=steps, order=order)
    return _with_labels(reading, setup) if order <= ORDERLESS else reading


def _standardised(net: nn.Module, here: Tensor, other: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The same inputs as numbers of size 1, since raw ones may saturate what they reach; none where the model refuses them."""
    if not here.is_floating_point():
        return []
    both = torch.cat([here, other])
    mean, std = both.mean(), both.std()
    views = [((t - mean) / std.clamp_min(torch.finfo(t.dtype).tiny)) for t in (here, other)]
    try:
        _answers(net, views[0])
    except (TrainabilityError, RuntimeError, IndexError, ValueError):
        return []
    return [(views[0], views[1])]


def _differs(net: nn.Module, here: Tensor, other: Tensor) -> bool:
    """Whether other samples get other answers."""
    before = _answers(net, here)
    return _moves(before, _answers(net, other), _size(net, here, before))


@dataclass
class _Last:
    call: Call | None = None


def _answers(net: nn.Module, x: Tensor) -> Tensor:
    """The outputs before a last activation."""
    last = _Last()

    def seen(call: Call) -> None:
        if call.role == "activation":
            last.call = call

    with recording(net, seen):
        output = forward(net, x)
    call = last.call
    ends = call is not None and call.output.shape == output.shape and torch.equal(call.output, output)
    return (call.inputs if call is not None and ends else output).detach().double()


def _twins(setup: Setup, count: int) -> Iterator[nn.Module]:
    """The same network with He's weights, drawn anew; none where they cannot be drawn."""
    for seed in range(count):
        twin = setup.clone()
        try:
            initialize(twin.model, "he_normal", generator=torch.Generator().manual_seed(seed))
        except TrainabilityError:
            return
        yield twin.model.eval()


def _unseen(net: nn.Module, here: Tensor, other: Tensor, blocks: list[Tensor]) -> list[Tensor]:
    """Those blocks of places whose change moves no answer beyond rounding; all of them where answers are not finite."""
    before = _answers(net, here)
    size = _size(net, here, before)
    left = []
    for block in blocks:
        changes = [_at(other, block)]
        if here.is_floating_point():
            rms = here.double().square().mean().sqrt().to(here.dtype)
            changes += [_at(here, block) + scale * rms * torch.randn_like(_at(here, block)) for scale in (1.0, 10.0)]
        if not any(_moves(before, _answers(net, _with(here, block, new)), size) for new in changes):
            left.append(block)
    return left


def _size(net: nn.Module, here: Tensor, before: Tensor) -> float:
    """rms of the answers, or of those to inputs with their places shuffled where that is larger: without biases a signal
    that fades leaves answers as small as itself."""
    size = float(before.square().mean().sqrt())
    if not here.is_floating_point() and here.device.type != "cpu":  # an index out of range cannot be caught there
        return size
    flat = here.reshape(len(here), -1)
    mixed = torch.stack([row[torch.randperm(flat.shape[1], device=here.device)] for row in flat]).reshape(here.shape)
    try:
        other = float(_answers(net, mixed).square().mean().sqrt())
    except TrainabilityError:
        return size
    return other if size < other < math.inf else size


def _moves(before: Tensor, after: Tensor, size: float) -> bool:
    off = (after - before)[torch.isfinite(after - before)]
    return bool(off.numel()) and float(off.abs().max()) > ROUNDING * size


def _at(x: Tensor, places: Tensor) -> Tensor:
    return x.reshape(len(x), -1)[:, places]


def _with(x: Tensor, places: Tensor, values: Tensor) -> Tensor:
    flat = x.reshape(len(x), -1).clone()
    flat[:, places] = values
    return flat.reshape(x.shape)


def _change(net: nn.Module, here: Tensor, shuffled: Tensor) -> float:
    """rms change of the answers over their spread across inputs; nan where they do not differ."""
    before, after = _answers(net, here), _answers(net, shuffled)
    spread = float(before.var(0, correction=0).mean().sqrt())
    if not 1e-4 * float(before.square().mean().sqrt()) < spread < float("inf"):
        return math.nan  # another draw of the weights has to say
    return float((after - before).square().mean().sqrt()) / spread


def _with_labels(reading: SightReading, setup: Setup) -> SightReading:
    """What the labels have to do with order, apart from the network."""
    x, y = finite_sample(*setup.batches.sample(DATA))
    labels = columns(y, setup.facts.task) if len(x) >= 40 else None
    if labels is None:
        return reading
    learners = (linear, forest)
    placed = x if x.is_floating_point() else torch.nn.functional.one_hot(_few(x)).double()
    views = [(features(x), learners), (features(placed.flatten(1)), (linear,))]
    return replace(
        reading,
        with_order=best_correlation(views, labels),
        without_order=best_correlation([(_orderless(x), learners)], labels),
    )


def _few(x: Tensor, most: int = 30) -> Tensor:
    """Token numbers as indices of the most frequent ones; all others are one more."""
    values, index, counts = torch.unique(x, return_inverse=True, return_counts=True)
    rank = torch.empty(len(values), dtype=torch.long)
    rank[counts.argsort(descending=True)] = torch.arange(len(values))
    return rank[index].clamp_max(most)


def _orderless(x: Tensor) -> Array:
    """Counts of tokens; each column of numbers sorted, with its mean and products of columns."""
    if not x.is_floating_point():
        return _standard(torch.nn.functional.one_hot(_few(x, 200)).sum(1).double().numpy())
    products = torch.einsum("nti,ntj->nij", x.double(), x.double())[:, :20, :20].flatten(1) / x.shape[1]
    return features(torch.cat([x.double().sort(1).values.flatten(1), products], 1))


def _words(places: list[int], shape: tuple[int, ...]) -> str:
    """Places in words: steps of a sequence, else numbers of the flattened input."""
    if not places:
        return ""
    per = shape[1] if len(shape) == 2 else 1
    found = sorted({p // per for p in places})
    runs: list[list[int]] = []
    for p in found:
        if runs and p == runs[-1][1] + 1:
            runs[-1][1] = p
        else:
            runs.append([p, p])
    said = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in runs[:4]) + (", ..." if len(runs) > 4 else "")
    total = shape[0] if len(shape) <= 2 else int(torch.tensor(shape).prod())
    return f"{said} of 0 to {total - 1}"
