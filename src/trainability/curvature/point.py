"""A place to measure at: a private copy of a Setup with its present weights and optimizer, and one repeatable loss."""

from __future__ import annotations

import copy
import inspect
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor, nn

from trainability import optimizers
from trainability.errors import SetupError
from trainability.measures import hessian
from trainability.setup import Setup
from trainability.setup.batches import Pair, TensorBatches, steps
from trainability.setup.clone import clone_parts
from trainability.setup.facts import evaluate, forward
from trainability.setup.untouched import random_state_kept, seed_everything

SAMPLE = 1024
GATHER = 100
"""Mini-batches to fill an empty adaptive state with; few would let a few dozen later steps replace it."""
CHUNK, KEPT = 1024, 4096
"""Samples per graph, and samples whose graphs are kept between products."""


@dataclass(frozen=True, eq=False)
class Point:
    """Where a loss's curvature is measured; made by `at`.

    Args:
        setup: a private copy at the weights and with the optimizer's state.
        data: the batches of the loss, the same at every pass.
        samples: how many samples they hold.
        of: how many the data have; None for a stream.
        parameters: what the optimizer moves.
        rule: the optimizer's rule without the weight decay that `decay` has; None where it is not known.
        lr: the optimizer's own, of its first group that moves.
        ratios: each parameter's lr over that.
        group_ratios: each parameter group's.
        preconditioner: diagonal by which the rule divides, times `lr / own lr of the group`; None where all are 1.
        adaptive: whether the rule divides by its state.
        decay: weight decay that is part of the gradient, one number per parameter.
        seeded: every evaluation is seeded, since the loss depends on chance also in eval mode.
        notes: what a reader of the numbers has to know.
    """

    setup: Setup
    data: Sequence[Pair] | Passes
    samples: int
    of: int | None
    parameters: list[Tensor]
    rule: optimizers.Rule | None
    lr: float
    ratios: list[float]
    group_ratios: list[float]
    preconditioner: list[Tensor] | None
    adaptive: bool
    decay: list[float]
    seeded: bool
    notes: tuple[str, ...]

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """The loss of one batch as a mean over samples; a loss that sums counts as over one of the user's batches."""
        where = self.setup.device
        x, y = x.to(where), y.to(where)
        with random_state_kept() if self.seeded else nullcontext():
            if self.seeded:
                seed_everything(0)
            value = evaluate(self.setup.loss_fn, forward(self.setup.model, x), y)
        if self.setup.facts.family.sums:
            value = value * (self.setup.batches.batch_size / len(x))
        return value

    def products(self, *, plain: bool = False) -> hessian.Products:
        """Products with the Hessian of the loss, as the rule sees it or plain; to be used inside `measuring`."""
        return hessian.of_batches(
            self.loss,
            self.data,
            self.parameters,
            preconditioner=None if plain else self.preconditioner,
            weight_decay=0.0 if plain else self.decay,
            keep_graphs=self.samples <= KEPT,
        )

    @property
    def effective_is_plain(self) -> bool:
        """Whether the rule sees the plain Hessian."""
        return self.preconditioner is None and not any(self.decay)

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Quiet mode, see `quiet`; without warnings and with the random state put back."""
        with random_state_kept(), warnings.catch_warnings(), quiet(self.setup.model):
            warnings.simplefilter("ignore")
            yield

    def set_lr(self, lr: float) -> None:
        """Give the optimizer an lr, other groups keeping their ratio to the first."""
        for group, ratio in zip(self.setup.optimizer.param_groups, self.group_ratios, strict=True):
            group["lr"] = lr * ratio

    def again(self) -> Point:
        """A copy of this point to train from."""
        setup = here(self.setup)
        moved = {id(p): q for p, q in zip(_held(self.setup), _held(setup), strict=True)}
        return replace(self, setup=setup, parameters=[moved[id(p)] for p in self.parameters])

    def refreshed(self) -> Point:
        """This point after its optimizer has moved on: with the preconditioner of the state it has now."""
        if not self.adaptive or self.rule is None:
            return self
        found = self.rule.preconditioner(self.setup.optimizer, self.parameters)
        return replace(self, preconditioner=_with_ratios(found, self.parameters, self.ratios))


class Passes:
    """A loader as a container: each iteration is the same pass."""

    def __init__(self, setup: Setup) -> None:
        self.batches = setup.batches

    def __iter__(self) -> Iterator[Pair]:
        """One pass."""
        return self.batches.epoch(torch.Generator().manual_seed(0))


def at(setup: Setup, *, sample: int | None = SAMPLE, gather: int = GATHER) -> Point:
    """The point where a Setup is now.

    An adaptive optimizer without a state gets one from `gather` mini-batches at these weights, which stay where
    they are: it takes steps of lr 0.

    Args:
        setup: left as it is.
        sample: samples of the loss; None for all of them.
        gather: 1 or more.

    Returns:
        Point.

    Raises:
        SetupError: the model and the loss do not fit, or there is no parameter to train.
    """
    _ = setup.facts
    own = here(setup)
    notes: list[str] = []
    groups = own.optimizer.param_groups
    lrs = [float(g.get("lr", 0.0)) for g in groups]
    base = next((lr for lr in lrs if lr > 0), 0.0)
    parameters, ratios, group_ratios, decay = [], [], [], []
    for group, lr in zip(groups, lrs, strict=True):
        ratio = lr / base if base else 1.0
        group_ratios.append(ratio)
        coupled = 0.0 if group.get("decoupled_weight_decay", False) else float(group.get("weight_decay", 0.0))
        for p in group["params"]:
            if p.requires_grad and ratio > 0:
                parameters.append(p)
                ratios.append(ratio)
                decay.append(coupled)
    if not parameters:
        raise SetupError(
            "the optimizer holds no parameter that can be trained (requires_grad, lr above 0); at least one is needed. "
            "Give it model.parameters() and unfreeze some."
        )
    if len(set(ratios)) > 1:
        notes.append(
            "Parameter groups have different lrs: the limit is of the first group's, the others keep their ratio."
        )
    rule = optimizers.of(own.optimizer)
    adaptive, diagonal = False, None
    if rule is not None:
        diagonal, note = _diagonal(own, rule, parameters, gather)
        adaptive = diagonal is not None
        notes += [note] if note else []
        if "weight_decay" in {f.name for f in fields(rule)} and not groups[0].get("decoupled_weight_decay", False):  # type: ignore[arg-type]
            rule = replace(rule, weight_decay=0.0)  # type: ignore[type-var]
    data, samples = _sample(own, sample, notes)
    with random_state_kept():
        seeded = _chance(own, data, notes)
    return Point(
        setup=own,
        data=data,
        samples=samples,
        of=own.batches.n,
        parameters=parameters,
        rule=rule,
        lr=base,
        ratios=ratios,
        group_ratios=group_ratios,
        preconditioner=_with_ratios(diagonal, parameters, ratios),
        adaptive=adaptive,
        decay=decay,
        seeded=seeded,
        notes=tuple(notes),
    )


def here(setup: Setup) -> Setup:
    """A private copy of a Setup with its present weights, buffers and optimizer state."""
    model, optimizer, loss_fn = clone_parts(setup.model, setup.optimizer, setup.loss_fn)
    for old, new in zip(setup.optimizer.param_groups, optimizer.param_groups, strict=True):
        for p, q in zip(old["params"], new["params"], strict=True):
            if p in setup.optimizer.state:
                optimizer.state[q] = copy.deepcopy(setup.optimizer.state[p])
    return setup.replaced(model=model, optimizer=optimizer, loss_fn=loss_fn, keep_facts=True)


@contextmanager
def quiet(model: nn.Module) -> Iterator[None]:
    """Eval mode (no dropout), but normalisation with the statistics of the batch, as in training; put back after.

    Running statistics are neither used nor moved: a graph that has seen them could not be walked after they moved.
    """
    modes = [(m, m.training) for m in model.modules()]
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._NormBase)]
    tracked = [m.track_running_stats for m in norms]
    buffers = [(b, b.clone()) for b in model.buffers()]
    try:
        for module in model.modules():
            module.training = False
        for norm in norms:
            norm.training, norm.track_running_stats = True, False
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for norm, track in zip(norms, tracked, strict=True):
            norm.track_running_stats = track
        with torch.no_grad():
            for buffer, kept in buffers:
                if not torch.equal(buffer, kept):
                    buffer.copy_(kept)


def step(optimizer: torch.optim.Optimizer, closure: Callable[[], Tensor]) -> None:
    """One step; the closure, which computes loss and gradient, is called again by optimizers that want to."""
    wanted = inspect.signature(optimizer.step).parameters.get("closure")
    if isinstance(optimizer, torch.optim.LBFGS) or (wanted is not None and wanted.default is inspect.Parameter.empty):
        optimizer.step(closure)  # type: ignore[arg-type]
    else:
        optimizer.step()


def _with_ratios(diagonal: list[Tensor] | None, parameters: list[Tensor], ratios: list[float]) -> list[Tensor] | None:
    # w_i <- w_i - (lr r_i) g_i / d_i: a group's own lr is one more factor of the preconditioner.
    if len(set(ratios)) == 1 and ratios[0] == 1.0:
        return diagonal
    ones = [torch.ones_like(p) for p in parameters]
    return [d / r for d, r in zip(diagonal or ones, ratios, strict=True)]


def _held(setup: Setup) -> list[Tensor]:
    return [p for group in setup.optimizer.param_groups for p in group["params"]]


def _diagonal(
    setup: Setup, rule: optimizers.Rule, parameters: list[Tensor], gather: int
) -> tuple[list[Tensor] | None, str]:
    """The rule's preconditioner with words on where it comes from; an adaptive rule without a state gets one."""
    found = rule.preconditioner(setup.optimizer, parameters)
    note = "Preconditioned with the state that the optimizer has."
    if found is None:
        other = here(setup)  # a rule that does not divide keeps what it has (a momentum buffer)
        moved = dict(zip(map(id, _held(setup)), _held(other), strict=True))
        twins = [moved[id(p)] for p in parameters]
        taken = _gather(other, rule, twins, gather)
        found = rule.preconditioner(other.optimizer, twins)
        if found is None:
            return None, ""
        note = (
            f"The optimizer has no state yet: its preconditioner is from {taken} mini-batches at these weights, which "
            "were not moved."
        )
        for p, twin in zip(_held(setup), _held(other), strict=True):
            if twin in other.optimizer.state:
                setup.optimizer.state[p] = other.optimizer.state[twin]
    if not all(bool((d.isfinite() & (d > 0)).all()) for d in found):
        return None, "The optimizer's state is not finite or 0: measured without its preconditioner."
    return found, note


def _gather(setup: Setup, rule: optimizers.Rule, parameters: list[Tensor], most: int) -> int:
    """Take steps of lr 0 on mini-batches, one only where the rule has no preconditioner after it; their number."""
    optimizer = setup.optimizer
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    setup.model.train()
    taken = 0
    with random_state_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seed_everything(0)
        for x, y in itertools.islice(steps(setup.batches, 0), most):
            optimizer.zero_grad()
            loss = evaluate(setup.loss_fn, forward(setup.model, x.to(setup.device)), y.to(setup.device))
            if not loss.requires_grad:
                break
            loss.backward()
            for p in parameters:
                p.grad = torch.zeros_like(p) if p.grad is None else p.grad
            optimizer.step()  # a rule that is known needs no closure
            taken += 1
            if rule.preconditioner(optimizer, parameters) is None:
                break
    return taken


def _sample(setup: Setup, sample: int | None, notes: list[str]) -> tuple[Sequence[Pair] | Passes, int]:
    batches = setup.batches
    couples = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in setup.model.modules())
    if sample is None and not isinstance(batches, TensorBatches) and not couples:
        return (passes := Passes(setup)), sum(len(x) for x, _ in passes)
    x, y = batches.sample(10**12 if sample is None else sample)
    if couples:
        notes.append(f"BatchNorm uses the statistics of all {len(x)} samples at once.")
    size = len(x) if couples else CHUNK
    data = list(zip(x.split(size), y.split(size), strict=True))
    if len(data) > 1 and getattr(setup.loss_fn, "weight", None) is not None:
        notes.append("The loss weighs its samples: the mean over several batches is only near to that over all.")
    return data, len(x)


def _chance(setup: Setup, data: Sequence[Pair] | Passes, notes: list[str]) -> bool:
    """Whether the loss has to be seeded to be repeatable in quiet mode; says what was switched off."""
    x, y = next(iter(data))
    x, y = x[:256].to(setup.device), y[:256].to(setup.device)
    buffers = [(b, b.clone()) for b in setup.model.buffers()]

    def differs() -> bool:
        values = []
        for seed in (0, 1):
            seed_everything(seed)
            values.append(evaluate(setup.loss_fn, forward(setup.model, x), y))
            for buffer, kept in buffers:
                buffer.copy_(kept)
        return not torch.equal(values[0], values[1]) and bool(torch.stack(values).isfinite().all())

    modes = [(m, m.training) for m in setup.model.modules()]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        setup.model.train()
        trained = differs()
        with quiet(setup.model):
            seeded = differs()
        for module, mode in modes:
            module.training = mode
    if seeded:
        notes.append("The loss depends on chance in eval mode too: measured with the same seed at every evaluation.")
    elif trained:
        notes.append("The loss depends on chance in training mode (dropout): measured with that switched off.")
    return seeded
