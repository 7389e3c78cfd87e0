"""Train one chunk of members to the end of the budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from trainability.lab.ensemble.data import Feed, Own
from trainability.lab.ensemble.retire import LOST, LOST_STEPS, STAYED, Retire, divergence_bound, lost
from trainability.lab.ensemble.run import OUTCOMES
from trainability.measures.outcome import default_target, end_loss, outcome
from trainability.optimizers import Rule, take

Params = dict[str, Tensor]


class Engine(Protocol):
    """The members of a chunk in slots; see `mlp.StackedMLP`, `fused.FusedMLP` and `module.StackedModule`.

    `params` are updated where they lie. `picks` says that `gradient` takes rows of a data set, too.
    """

    params: Params
    slots: int
    quantum: int
    picks: bool

    def gradient(self, x: Tensor, y: Tensor, own: Own = False) -> tuple[Tensor, Params]:
        """The loss of every slot and its gradient."""
        ...

    def evaluate(self, x: Tensor, y: Tensor, own: Own = False) -> Tensor:
        """The loss of every slot."""
        ...

    def outputs(self, x: Tensor, own: Own = False) -> Tensor:
        """The outputs of every slot."""
        ...

    def take(self, slots: Tensor) -> None:
        """Keep these slots."""
        ...


@dataclass(frozen=True)
class Snapshot:
    """What a measure sees: the members that are still in training, at one step.

    Args:
        step: steps taken so far.
        members: (M,) their places in the ensemble.
        params: name -> (M, ...); not to be changed.
        outputs: inputs (B, ...) -> outputs (M, B, ...) in evaluation mode.
    """

    step: int
    members: np.ndarray
    params: Params
    outputs: Callable[[Tensor], Tensor]


Measure = Callable[[Snapshot], Any]


@dataclass(frozen=True)
class Job:
    """What is the same for every chunk.

    Args:
        steps: the budget.
        retire: which members leave early; None for those alone whose loss is lost.
        target: of all members, (E,) of each, or None for the default.
        fixed: whether every step has the same data.
        score: outputs of one member, its place in the chunk -> score.
        sample: inputs that the score is taken on.
        sample_own: whether they differ by member.
        measures: by name.
        measured_at: steps before which they are taken.
        curve_steps: steps whose losses are kept.
        keep_params: whether the parameters at the end are kept.
    """

    steps: int
    retire: Retire | None
    target: float | np.ndarray | None
    fixed: bool
    score: Callable[[Tensor, int], float]
    sample: Tensor
    sample_own: bool
    measures: Mapping[str, Measure]
    measured_at: tuple[int, ...]
    curve_steps: np.ndarray
    keep_params: bool


def padded(count: int, quantum: int) -> Tensor:
    """Slots for `count` members: each once, the last one again until there are a multiple of `quantum`.

    >>> padded(3, 4).tolist()
    [0, 1, 2, 2]
    """
    slots = -(-count // quantum) * quantum
    return torch.arange(slots).clamp_max(count - 1)


class _Course:
    """One chunk on its way: who is in which slot, and what has been seen."""

    def __init__(self, engine: Engine, rule: Rule, feed: Feed, members: np.ndarray, job: Job) -> None:
        self.engine, self.rule, self.feed, self.members, self.job = engine, rule, feed, members, job
        count = len(members)
        self.holds = padded(count, engine.quantum).numpy()  # slot -> member
        self.active = np.arange(engine.slots) < count
        self.losses = np.full((job.steps, count), np.nan)
        self.steps_run = np.full(count, job.steps)
        self.retired = np.full(count, STAYED)
        self.score = np.full(count, np.nan)
        self.params: dict[str, np.ndarray] = {}
        self.measured: dict[str, np.ndarray] = {}

    def close(self, slots: np.ndarray) -> None:
        """Take score and parameters of members that will not be trained on; `slots` are theirs."""
        if not len(slots):
            return
        job, engine = self.job, self.engine
        finite = [s for s in slots if self.retired[self.holds[s]] != LOST]
        if finite:
            sample = job.sample[torch.as_tensor(self.holds)] if job.sample_own else job.sample
            outputs = engine.outputs(sample, job.sample_own)
            for s in finite:
                self.score[self.holds[s]] = job.score(outputs[s], int(self.holds[s]))
        if job.keep_params:
            for name, value in engine.params.items():
                kept = self.params.setdefault(
                    name, np.full((len(self.members), *value.shape[1:]), np.nan, value.cpu().numpy().dtype)
                )
                kept[self.holds[slots]] = value[torch.as_tensor(slots)].cpu().numpy()

    def measure(self, step: int) -> None:
        """Call the measures on the members in training."""
        slots = torch.as_tensor(np.flatnonzero(self.active))
        held, engine = self.holds[self.active], self.engine
        snapshot = Snapshot(
            step,
            self.members[held],
            {name: value[slots] for name, value in engine.params.items()},
            lambda x: engine.outputs(x)[slots],
        )
        for name, function in self.job.measures.items():
            values = torch.as_tensor(function(snapshot)).detach().cpu().numpy()
            if values.shape[:1] != held.shape:
                raise ValueError(
                    f"measure {name!r}: given values of shape {values.shape} for {len(held)} members, needed one per "
                    f"member, shape ({len(held)}, ...). Keep the first dimension of the parameters."
                )
            shape = (len(self.members), len(self.job.measured_at), *values.shape[1:])
            kept = self.measured.setdefault(name, np.full(shape, np.nan))
            kept[held, self.job.measured_at.index(step)] = values

    def leave(self, step: int, reason: np.ndarray, level: np.ndarray) -> Tensor | None:
        """Let active members go after `step` steps; the slots to keep, None where all stay in place."""
        slots = np.flatnonzero(self.active)
        going = reason != STAYED
        if not going.any():
            return None
        gone = self.holds[slots[going]]
        self.retired[gone], self.steps_run[gone] = reason[going], step
        self.losses[step:, gone] = level[going]
        self.close(slots[going])
        self.active[slots[going]] = False
        stay = np.flatnonzero(self.active)
        order = padded(len(stay), self.engine.quantum).numpy() if len(stay) else np.zeros(0, dtype=int)
        if len(order) == len(self.active):
            return None
        self.holds, self.active = self.holds[stay[order]], np.arange(len(order)) < len(stay)
        return torch.as_tensor(stay[order])


@torch.no_grad()
def train_chunk(
    engine: Engine,
    rule: Rule,
    feed: Feed,
    members: np.ndarray,
    references: Sequence[tuple[Tensor, Tensor, bool]],
    constant_loss: np.ndarray,
    job: Job,
) -> dict[str, Any]:
    """Train the members of one chunk.

    Args:
        engine: with `padded(M, quantum)` slots.
        rule: with hyper-parameters of these slots.
        feed: of these slots.
        members: (M,) their places in the ensemble.
        references: batches (x, y, whether there is one per slot) over which L0 is the mean loss.
        constant_loss: (M,) Lc.
        job: everything else.

    Returns:
        Arrays by the names of `EnsembleRun`'s fields, M long, and "measured" and "params".
    """
    count = len(members)
    each = [engine.evaluate(x, y, own).double().cpu().numpy()[:count] for x, y, own in references]
    start_loss = np.mean(each, axis=0)
    target = _targets(job.target, members, start_loss, constant_loss)
    bound = divergence_bound(start_loss, constant_loss)
    course = _Course(engine, rule, feed, members, job)
    state = rule.init(engine.params)
    window = job.retire.window if job.retire else 100
    recent = torch.empty(
        window, engine.slots, dtype=torch.float64, device=engine.params[next(iter(engine.params))].device
    )
    before: Params = {}
    filled, at = 0, set(job.measured_at) if job.measures else set()
    for step in range(job.steps):
        if step in at:
            course.measure(step)
        x, y, own = feed.next()
        loss, grads = engine.gradient(x, y, own)
        recent[filled].copy_(loss)
        filled += 1
        rule.step_(engine.params, grads, state)
        if filled < window and step + 1 < job.steps:
            continue
        held = course.holds[course.active]
        course.losses[step + 1 - filled : step + 1, held] = recent[:filled].cpu().numpy()[:, course.active]
        if step + 1 == job.steps:
            break
        seen = course.losses[step + 1 - filled : step + 1, held]
        filled = 0
        reason = np.full(len(held), STAYED)
        level = np.full(len(held), np.nan)
        if job.retire:
            still = job.fixed and job.retire.still
            unmoved = _unmoved(engine.params, before)[course.active] if still else np.zeros(len(held), dtype=bool)
            reason, level = job.retire.judge(seen, bound[held], target[held], unmoved)
            before = {name: value.clone() for name, value in engine.params.items()} if still else {}
        gone = lost(course.losses[max(0, step + 1 - LOST_STEPS) : step + 1, held])
        reason[gone], level[gone] = LOST, np.nan
        keep = course.leave(step + 1, reason, level)
        if not course.active.any():
            break
        if keep is not None:
            engine.take(keep)
            feed.take(keep)
            rule, state, before = take(rule, keep), take(state, keep), take(before, keep)
            recent = recent[:, : len(keep)].clone()
    if course.active.any():
        if job.steps in at:
            course.measure(job.steps)
        course.close(np.flatnonzero(course.active))
    _cut_lost(course.losses)
    return _summary(course, start_loss, constant_loss, target)


def _targets(
    given: float | np.ndarray | None, members: np.ndarray, start_loss: np.ndarray, constant_loss: np.ndarray
) -> np.ndarray:
    if given is None:
        return np.array(
            [default_target(a, b) for a, b in zip(start_loss.tolist(), constant_loss.tolist(), strict=True)]
        )
    return np.broadcast_to(np.asarray(given, dtype=np.float64), len(members)) if np.ndim(given) == 0 else given[members]  # type: ignore[index]


def _unmoved(params: Params, before: Params) -> np.ndarray:
    """(S,) whether all parameters are bit for bit as they were."""
    if not before:
        return np.zeros(len(next(iter(params.values()))), dtype=bool)
    same = [(params[name] == before[name]).flatten(1).all(1) for name in params]
    result: np.ndarray = torch.stack(same).all(0).cpu().numpy()
    return result


def _cut_lost(losses: np.ndarray) -> None:
    """Nothing counts after 20 losses in a row that are not finite, as in `setup.train`."""
    bad = ~np.isfinite(losses)
    if len(losses) < LOST_STEPS or not bad.any():
        return
    total = np.cumsum(np.vstack([np.zeros((1, losses.shape[1])), bad]), axis=0)
    whole = total[LOST_STEPS:] - total[:-LOST_STEPS] == LOST_STEPS
    for member in np.flatnonzero(whole.any(0)):
        losses[whole[:, member].argmax() + LOST_STEPS :, member] = np.nan


def _summary(course: _Course, start_loss: np.ndarray, constant_loss: np.ndarray, target: np.ndarray) -> dict[str, Any]:
    losses = course.losses
    columns: list[Any] = [losses[:, i] for i in range(losses.shape[1])]
    cases = zip(columns, start_loss.tolist(), constant_loss.tolist(), target.tolist(), strict=True)
    reached = losses <= target
    finite = np.where(np.isfinite(losses), losses, np.inf).min(0)
    return {
        "outcome": np.array([OUTCOMES.index(outcome(w, a, b, t)) for w, a, b, t in cases], dtype=np.int64),
        "start_loss": start_loss,
        "constant_loss": constant_loss,
        "target": target,
        "end_loss": np.array([end_loss(w) for w in columns]),
        "final_loss": losses[-1],
        "best_loss": np.where(np.isfinite(finite), finite, np.nan),
        "score": course.score,
        "steps_to_target": np.where(reached.any(0), reached.argmax(0), -1),
        "curve": losses[course.job.curve_steps].T.copy(),
        "steps_run": course.steps_run,
        "retired": course.retired,
        "measured": course.measured,
        "params": course.params,
    }
