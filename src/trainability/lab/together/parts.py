"""Group Setups that can be advanced in one step, train each group, and give every Setup the Run that is its own."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from trainability.errors import TrainabilityError
from trainability.lab.ensemble import Data
from trainability.lab.ensemble.data import Feed, feed
from trainability.lab.executor import cores, run_all
from trainability.lab.together.course import Course, advance
from trainability.lab.together.engine import Engine
from trainability.lab.together.member import Member, prepared, read
from trainability.measures.outcome import default_target, outcome
from trainability.setup import Run, Setup
from trainability.setup.batches import TensorBatches
from trainability.setup.facts import SAMPLE
from trainability.setup.train import answers_zero, before_training, bottomless, validated
from trainability.setup.untouched import random_state_kept

Result = Run | TrainabilityError | torch.OutOfMemoryError

MOST = 32  # members of one group; more gain nothing, and their numbers leave the cache
SHORT = 40  # steps below which making an ensemble costs what it saves
PLAIN = 12  # first steps that one member of a group takes alone too
ALIKE = 1e-3  # relative difference allowed between both in the first three of them


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the Setups, trained by one job.

    Args:
        places: which ones.
        job: gives one result for each: a Run, or the error that `Setup.train` raises.
        cost: expected time, in runs of one Setup alone.
    """

    places: tuple[int, ...]
    job: Callable[[], list[Result]]
    cost: float


def groupable(setup: Setup, steps: int) -> bool:
    """Whether Setups like this one can be advanced in one step, faster than one by one.

    Example:
        >>> from trainability.problems import get
        >>> from trainability.setup import as_setup
        >>> groupable(as_setup(get("digits-mlp")), 500)
        True
    """
    return steps >= SHORT and read(setup) is not None


def train_setups(
    setups: Sequence[Setup],
    seeds: Sequence[int],
    steps: int | Sequence[int],
    *,
    workers: int | None = None,
    done: Callable[[int], None] | None = None,
) -> list[Run]:
    """What `setup.train(steps=steps, order=seed)` gives for each Setup, trained together where that is faster.

    The numbers are those of plain training to the last bit where torch's products of many matrices have the bits of one, as
    they had on the processors tried; elsewhere to rounding.

    Args:
        setups: with the weights to start from; trained in place, or in a worker's copy.
        seeds: one per Setup, of data order and random layers; also the one that its Run reports.
        steps: optimizer steps from 1, for all or one number per Setup.
        workers: processes; None for one per core.
        done: called with the place of each Setup as its run is finished.

    Returns:
        One Run per Setup. On a CPU its `seconds` are the processor's, which other work does not lengthen: the run's own,
        or, of one trained with others, about what it would have taken alone, from first steps taken alone.

    Raises:
        ValueError: lengths that differ.
        SetupError: as from `Setup.train`.

    Example:
        >>> from trainability.problems import get
        >>> from trainability.setup import as_setup
        >>> digits = as_setup(get("digits-mlp"))
        >>> [run.outcome for run in train_setups([digits.seeded(1), digits.seeded(2)], [1, 2], 200, workers=1)]
        ['trained', 'trained']
    """
    found = parts(setups, seeds, steps, lanes=workers or cores())

    def finished(index: int) -> None:
        for place in found[index].places if done else ():
            done(place)  # type: ignore[misc]

    runs: dict[int, Run] = {}
    for part, results in zip(found, run_all([p.job for p in found], workers=workers, done=finished), strict=True):
        for place, result in zip(part.places, results, strict=True):
            if isinstance(result, BaseException):
                raise result
            runs[place] = result
    return [runs[i] for i in range(len(setups))]


def parts(
    setups: Sequence[Setup], seeds: Sequence[int], steps: int | Sequence[int], *, lanes: int, others: int = 0
) -> list[Part]:
    """The jobs that train these Setups, the longest first.

    Args:
        setups, seeds, steps: as in `train_setups`.
        lanes: jobs that run at the same time.
        others: jobs of about one run that share the lanes.
    """
    wanted = [steps] * len(setups) if isinstance(steps, int) else list(steps)
    if not len(setups) == len(seeds) == len(wanted):
        raise ValueError(
            f"seeds, steps: given {len(seeds)} and {len(wanted)} for {len(setups)} Setups, needed as many."
        )
    alone = len(setups) + others <= lanes  # every run has a core of its own
    groups: dict[tuple[object, ...], list[int]] = {}
    members: dict[int, Member] = {}
    for i, setup in enumerate(setups):
        member = None if alone or wanted[i] < SHORT else read(setup)
        if member is not None:
            members[i] = member
        groups.setdefault((wanted[i], *member.key) if member else (i,), []).append(i)
    sizes = [(group, _cost(len(group), members.get(group[0]))) for group in groups.values()]
    share = max((sum(cost for _, cost in sizes) + others) / max(lanes, 1), 1.0)
    found = []
    for group, cost in sizes:
        pieces = max(math.ceil(cost / share - 0.25), math.ceil(len(group) / MOST))
        for piece in np.array_split(np.array(group), min(pieces, len(group))):
            places = tuple(int(i) for i in piece)
            if len(places) == 1:
                i = places[0]
                job: Callable[[], list[Result]] = partial(_alone, setups[i], seeds[i], wanted[i])
            else:
                job = partial(_together, [members[i] for i in places], [seeds[i] for i in places], wanted[places[0]])
            found.append(Part(places, job, _cost(len(places), members.get(places[0]))))
    return sorted(found, key=lambda part: -part.cost)


def _cost(count: int, member: Member | None) -> float:
    """Time of a group in runs of one alone: what each member adds grows with its layers."""
    if member is None or count == 1:
        return float(count)
    return 1 + (count - 1) * (0.1 + 0.9 * member.load)


def _alone(setup: Setup, seed: int, steps: int) -> list[Result]:
    began = time.thread_time()
    try:
        run = setup.train(steps=steps, order=seed)
        own = time.thread_time() - began if setup.device.type == "cpu" else run.seconds
        return [replace(run, seed=seed, seconds=own)]
    except (TrainabilityError, torch.OutOfMemoryError) as error:
        return [error]


def _together(members: Sequence[Member], seeds: Sequence[int], steps: int) -> list[Result]:
    """Each member's Run; all alone where the first steps of one alone are not those that it takes with the others."""
    results: dict[int, Result] = {}
    first: dict[tuple[int, ...], _First] = {}
    began: dict[int, _First] = {}
    for i, member in enumerate(members):
        setup = member.setup
        setup.model.load_state_dict(setup._start)
        setup.optimizer.state.clear()
        try:
            if _same(setup) not in first:
                first[_same(setup)] = _First.of(setup, seeds[i])
        except (TrainabilityError, torch.OutOfMemoryError) as error:
            results[i] = error
            continue
        began[i] = first[_same(setup)]
    places = list(began)
    course = _trained([members[i] for i in places], [seeds[i] for i in places], steps) if places else None
    if course is not None and not _agree(course, [began[i] for i in places], [seeds[i] for i in places]):
        course = None
    for slot, i in enumerate(places):
        run = None if course is None else _run(members[i], seeds[i], steps, course, slot, began[i])
        results[i] = _alone(members[i].setup, seeds[i], steps)[0] if run is None else run
    return [results[i] for i in range(len(members))]


@dataclass(frozen=True, eq=False)
class _First:
    """The first steps of a Setup alone, and the processor's time for one of them and for what is around them."""

    seed: int
    run: Run
    setup: Setup
    step_seconds: float
    other_seconds: float

    @classmethod
    def of(cls, setup: Setup, seed: int) -> _First:
        clock: list[float] = []
        twin = setup.clone()
        stamps = {step: lambda: clock.append(time.thread_time()) for step in range(1, PLAIN + 1)}
        began = time.thread_time()
        run = twin.train(steps=PLAIN, order=seed, observe=stamps)
        seconds = time.thread_time() - began
        setup.__dict__["facts"] = twin.facts
        step = float(np.quantile([after - before for before, after in pairwise(clock)], 0.25))  # the first are slow
        return cls(seed, run, setup, step, max(seconds - PLAIN * step, 0.0))


def _same(setup: Setup) -> tuple[int, ...]:
    """Equal for Setups that have the same constant answer: one record of facts, the same tensors.

    Facts that are not known yet are found by training the first steps; they are then known.
    """
    tensors = [setup.batches, setup.validation_batches]
    own = [id(t) for d in tensors if isinstance(d, TensorBatches) for t in (d.inputs, d.targets)]
    return (id(setup.__dict__.get("facts", setup)), *own)


def _agree(course: Course, firsts: Sequence[_First], seeds: Sequence[int]) -> bool:
    """Whether members that took their first steps alone had the same losses there."""
    seen = set()
    for slot, (first, seed) in enumerate(zip(firsts, seeds, strict=True)):
        if id(first) in seen or seed != first.seed:
            continue
        seen.add(id(first))
        few = min(3, len(first.run.losses))
        alone, among = first.run.losses[:few], course.losses[:few, slot]
        with np.errstate(all="ignore"):
            near = np.abs(alone - among) <= ALIKE * np.abs(alone) + 1e-7
        if not (near | (~np.isfinite(alone) & ~np.isfinite(among))).all():
            return False
    return True


def _trained(members: Sequence[Member], seeds: Sequence[int], steps: int) -> Course | None:
    """The members trained together from their weights as they are; None where their data cannot be fed so."""
    inputs = []
    for member in members:
        x = prepared(member)
        if x is None:
            return None
        inputs.append(x)
    with random_state_kept(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using a target size")
        return advance(
            Engine(members), [m.rule for m in members], _fed(members, inputs, seeds), members[0].trained, steps
        )


def _fed(members: Sequence[Member], inputs: list[Tensor], seeds: Sequence[int]) -> Feed:
    """The members' batches in the orders of their seeds: from one data set, or from one for each where they differ."""
    data = [m.setup.batches for m in members]
    targets = [d.targets for d in data if isinstance(d, TensorBatches)]
    size = data[0].batch_size if data[0].batch_size < len(inputs[0]) else None
    x, y = _one(inputs), _one(targets)
    own = x is None or y is None
    x, y = (torch.stack(inputs), torch.stack(targets)) if x is None or y is None else (x, y)
    shared = not own and len(set(seeds)) == 1
    made = Data(x, y, size, "shared" if shared else "own", seeds[0], own)
    return feed(made, torch.arange(len(members)), list(seeds), torch.arange(len(members)), torch.device("cpu"))


def _one(tensors: list[Tensor]) -> Tensor | None:
    """The tensor that all of them are; None where they differ."""
    first = tensors[0]
    return first if all(t is first or torch.equal(t, first) for t in tensors[1:]) else None


def _run(member: Member, seed: int, steps: int, course: Course, slot: int, first: _First) -> Run | None:
    """The Run of one slot, judged as `setup.train` does; None for a lost one that still answers."""
    setup, losses = member.setup, course.losses[:, slot].copy()
    where, constant = setup.device, first.run.constant_loss
    setup.__dict__.setdefault("facts", first.setup.facts)
    setup.model.train()
    with random_state_kept(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using a target size")
        start_loss = first.run.start_loss if first.setup is setup else before_training(setup, None, where)[0]
        with torch.no_grad():
            for name, parameter in member.parameters.items():
                parameter.copy_(course.params[name][slot])
        target = setup.target if setup.target is not None else default_target(start_loss, constant)
        if setup.target is None and bottomless(setup.facts):
            target = -math.inf
        score = setup.score(*setup.batches.sample(SAMPLE))
        if course.lost[slot] and math.isfinite(score):
            return None
        val_loss, _, val_score = validated(setup, None, where)
        silent = answers_zero(setup)
    taken = int(course.taken[slot])
    norms = np.stack([course.at.astype(float), course.norms[:, slot]], 1)
    return Run(
        outcome=outcome(losses.tolist(), start_loss, constant, target),
        losses=losses,
        start_loss=start_loss,
        constant_loss=constant,
        target=target,
        score=score,
        constant_score=first.run.constant_score,
        validation_loss=val_loss,
        validation_constant_loss=first.run.validation_constant_loss,
        validation_score=val_score,
        seed=seed,
        steps=steps,
        seconds=first.other_seconds + taken * first.step_seconds,
        gradient_norms=norms[course.at < taken],
        answers_zero=silent,
    )
