"""Layers out of a plain list or dict into nn.ModuleList or nn.ModuleDict, and into the optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.probes.unregistered import strangers
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._lr import optimizer_line
from trainability.setup import Setup
from trainability.setup.untouched import random_state_kept

ANSWERS = ("parameters-not-in-optimizer",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Every list and dict of layers registered, and what is left given to the optimizer as it is."""
    seen = r.graph.unregistered
    if not seen.numbers > 0:
        return
    lines = [_line(path, "ModuleList", "[...]") for path in seen.lists]
    lines += [_line(path, "ModuleDict", "{...}") for path in seen.dicts]
    lines += [f"# hold the tensors of {path} as nn.Parameter, or its layers in nn.ModuleList" for path in seen.others]
    if seen.lost:
        lines.append("# let classes that hold layers derive from nn.Module, and assign their objects to self")
    kinds = " and ".join(["nn.ModuleList"] * bool(seen.lists) + ["nn.ModuleDict"] * bool(seen.dicts))
    what = f"Hold the layers in {kinds}" if kinds else "Register the tensors that the model uses"
    yield Change(
        name="register-layers",
        family="register-layers",
        summary=f"{what}, and build the optimizer over all parameters",
        code="\n".join([*lines, optimizer_line(r.optimizer, lr=r.optimizer.lr)]),
        size=1.0 + 0.5 * len(seen.places),
        answers=ANSWERS,
        touches=("optimizer",),
        transform=partial(_register, lists=seen.lists, dicts=seen.dicts),
    )


def _line(path: str, kind: str, inside: str) -> str:
    owner, _, attribute = path.rpartition(".")
    model = f'model.get_submodule("{owner}")' if owner else "model"
    return f"{model}.{attribute} = nn.{kind}({model}.{attribute})  # or self.{attribute} = nn.{kind}({inside})"


def _register(setup: Setup, generator: torch.Generator, *, lists: tuple[str, ...], dicts: tuple[str, ...]) -> Setup:
    with random_state_kept(), torch.enable_grad():
        buffers = [(b, b.clone()) for b in setup.model.buffers()]
        mode = setup.model.training
        fresh = [leaf for leaf in strangers(setup) if leaf.is_floating_point()]
        setup.model.train(mode)
        with torch.no_grad():
            for buffer, kept in buffers:
                buffer.copy_(kept)
    for paths, kind in ((lists, nn.ModuleList), (dicts, nn.ModuleDict)):
        for path in paths:
            owner, _, attribute = path.rpartition(".")
            module = setup.model.get_submodule(owner)
            setattr(module, attribute, kind(vars(module)[attribute]))
    known = {id(p) for group in setup.optimizer.param_groups for p in group["params"]}
    setup.optimizer.param_groups[0]["params"].extend(leaf for leaf in fresh if id(leaf) not in known)
    return setup.replaced(keep_facts=True)


REMEDY = Prescription("register-layers", ANSWERS, propose)
