"""What can be wrong with a sweep beyond the form of its fields: parts that do not go together."""

from __future__ import annotations

from itertools import product as every_pair
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from trainability import initializers, optimizers
from trainability.lab.ensemble import train_ensemble
from trainability.lab.sweep import fields
from trainability.lab.sweep import measures as _measures
from trainability.lab.sweep.errors import SweepError, nearest
from trainability.lab.sweep.module import ModuleStructure
from trainability.lab.sweep.structure import Structure

if TYPE_CHECKING:
    from trainability.lab.sweep.sweep import Sweep


def names(sweep: Sweep) -> None:
    """Refuse what would have no effect: momentum for Adam, std for He's law, a slope for tanh."""
    problems = []
    rules, draws = fields.hyper_parameters(), fields.options()
    for name in (*sweep.axes, *sweep.fixed):
        if name in {n for names in rules.values() for n in names}:
            family, kind = rules, "optimizer"
        elif name in {n for names in draws.values() for n in names}:
            family, kind = draws, "initializer"
        else:
            continue
        for choice in sweep.choices(kind):
            base, inline = fields.called(choice)
            if name in inline:
                says = f"given here and in {choice!r}, needed in one place. Leave one out."
                problems.append((sweep.where(name), says))
            elif name not in family[base]:
                able = [other for other, names in family.items() if name in names]
                says = (
                    f"{base} has no {name}; it has {', '.join(family[base]) or 'nothing to vary'}. Leave {name} out, or "
                    f"use what has it: {', '.join(able)}."
                )
                problems.append((sweep.where(name), says))
        if not sweep.choices(kind):
            says = f"needs an {kind}; the Setup's own has no counterpart here. Give fixed.{kind}."
            problems.append((sweep.where(name), says))
    if sweep.module is not None and not sweep.choices("optimizer"):
        says = f"{type(sweep.module.setup.optimizer).__name__} has no counterpart here; give fixed.optimizer."
        problems.append(("problem", says))
    if "bias" in {*sweep.axes, *sweep.fixed} and not sweep.choices("initializer"):
        problems.append((sweep.where("bias"), "needs an initializer beside it. Give fixed.initializer."))
    if sweep.module is not None and fields.NO_BIAS in sweep.choices("bias"):
        problems.append((sweep.where("bias"), "the Setup's own network decides whether layers have biases."))
    if "negative_slope" in {*sweep.axes, *sweep.fixed}:
        other = [a for a in sweep.choices("activation") if a != "leaky_relu"]
        if other:
            says = f"{other[0]} has no slope below 0; needed is activation = 'leaky_relu' throughout."
            problems.append((sweep.where("negative_slope"), says))
    samples = sweep.samples
    for i, size in enumerate(sweep.choices("batch_size")):
        if size != fields.FULL and size > samples:
            place = f"axes.batch_size[{i}]" if "batch_size" in sweep.axes else "fixed.batch_size"
            problems.append((place, f"given {size} for {samples} samples, needed at most {samples}."))
    if problems:
        raise SweepError(problems)


def measures(sweep: Sweep) -> None:
    """Refuse measures that nobody has, given twice, or that say nothing of some of the networks."""
    problems = []
    for i, name in enumerate(sweep.measures):
        if name not in _measures.ALL:
            says = f"there is no measure {name!r}. {nearest(name, list(_measures.ALL))}"
        elif name in list(sweep.measures)[:i]:
            says = f"given {name!r} twice, needed each measure once."
        elif sweep.module is not None:
            says = "the networks of a Setup are not measured on the way; take measures out, or sweep a named problem."
        else:
            every = every_pair(sweep.choices("activation"), sweep.choices("depth"))
            says = next((why for a, d in every if (why := _measures.fits(name, a, d))), "")
            says = f"{name}: {says}. Leave it out, or sweep that alone." if says else ""
        if says:
            problems.append((f"measures[{i}]", says))
    if problems:
        raise SweepError(problems)


def numbers(sweep: Sweep) -> None:
    """Refuse numbers that an optimizer or an initializer does not take."""
    problems = []
    for optimizer in sweep.choices("optimizer"):
        base, inline = fields.called(optimizer)
        rule = optimizers.get(base)
        try:
            rule(**inline)
        except (ValueError, TypeError) as error:
            problems.append((sweep.where("optimizer"), str(error)))
        for name in fields.hyper_parameters()[base]:
            if name in {*sweep.axes, *sweep.fixed}:
                every = sweep.choices(name)
                column: Any = torch.tensor(every, dtype=torch.float64)
                try:
                    rule(**{name: tuple(column.T) if name == "betas" else column})
                except ValueError as error:
                    problems.append((sweep.where(name), str(error).replace(" members", " values")))
    for initializer in sweep.choices("initializer"):
        problems += _initializer(sweep, *fields.called(initializer))
    if problems:
        raise SweepError(list(dict.fromkeys(problems)))


def _initializer(sweep: Sweep, base: str, inline: dict[str, Any]) -> list[tuple[str, str]]:
    used = [n for n in fields.options()[base] if n in {*sweep.axes, *sweep.fixed}]
    varied = [n for n in used if n in sweep.points.along]
    rows: list[Any]
    if sweep.combine == "product":
        rows = list(every_pair(*(sweep.choices(n) for n in varied)))
    else:
        rows = list(zip(*(sweep.points.along[n][1] for n in varied), strict=True)) if varied else [()]
    taken = {n: torch.tensor([row[i] for row in rows], dtype=torch.float64) for i, n in enumerate(varied)}
    taken |= {n: sweep.given(n) for n in used if n not in varied}
    missing = [n for n in fields.required(base) if n not in {**inline, **taken}]
    if missing:
        says = f"{base} needs {missing[0]}; write it in brackets, as {base}({missing[0]}=0.1), or make it an axis."
        return [(sweep.where("initializer"), says)]
    try:
        initializers.get(base)(
            torch.empty(len(rows), 4, 4),
            batch_dims=1,
            generator=torch.Generator().manual_seed(0),
            **inline,
            **taken,
        )
    except (ValueError, TypeError) as error:
        return [(", ".join(map(sweep.where, used)) or sweep.where("initializer"), f"{base}: {error}")]
    return []


def by_trying(sweep: Sweep) -> None:
    """One step of every combination that may not fit together; sizes of a network always fit."""
    seen = set()
    for s in sweep.structures():
        small: Structure | ModuleStructure = s.small()
        if small in seen:
            continue
        seen.add(small)
        parts = small.build(sweep, np.array([0]))
        try:
            train_ensemble(
                parts.network, parts.rule, parts.data, loss=parts.loss, task=parts.task, steps=1, seeds=1, workers=1
            )
        except ValueError as error:
            raise SweepError([("axes", f"{s.told()} do not fit together: {error}")]) from error
