"""Another activation in the hidden layers, with the initializer that belongs to it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OutputReading, Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.initializers import initialize
from trainability.setup import Setup

ANSWERS = ("vanishing-gradient", "saturated-units", "dying-relu", "rank-collapse")

CHOICES: dict[str, tuple[tuple[type[nn.Module], str], ...]] = {
    "sigmoid": ((nn.Tanh, "xavier_normal"), (nn.SELU, "lecun_normal")),
    "tanh": ((nn.SELU, "lecun_normal"),),
    "relu": ((nn.LeakyReLU, "he_normal"),),
}
MODULES = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Tanh or SELU for sigmoid, SELU for tanh, leaky ReLU for ReLU, where the activations are modules."""
    ending = r.start.output
    hidden = [x for x in r.start.of("activation") if x.name.split("#")[0] != ending.path]
    for kind, choices in CHOICES.items():
        if not any(x.kind == kind and not x.name.endswith(f".{kind}") and x.name != kind for x in hidden):
            continue
        own = ending.path and not ending.reused and ending.activation == kind
        kept = f' and child is not model.get_submodule("{ending.path}")' if own else ""
        for new, scheme in choices:
            yield Change(
                name=f"{new.__name__.lower()}-for-{kind}",
                family="other-activation",
                summary=f"Use {new.__name__} instead of {MODULES[kind].__name__} in the hidden layers, weights "
                f"{scheme.replace('_', ' ')}",
                code=(
                    "for parent in list(model.modules()):\n"
                    "    for name, child in list(parent.named_children()):\n"
                    f"        if isinstance(child, nn.{MODULES[kind].__name__}){kept}:\n"
                    f"            setattr(parent, name, nn.{new.__name__}())\n"
                    f'trainability.initializers.initialize(model, "{scheme}", bias="zeros")'
                ),
                size=2.0,
                answers=ANSWERS,
                touches=("weights", "activation"),
                transform=partial(_swap, old=MODULES[kind], new=new, scheme=scheme, ending=ending),
            )


def _swap(
    setup: Setup,
    generator: torch.Generator,
    *,
    old: type[nn.Module],
    new: type[nn.Module],
    scheme: str,
    ending: OutputReading,
) -> Setup:
    for name, module in list(setup.model.named_modules()):
        for leaf, child in list(module.named_children()):
            path = f"{name}.{leaf}".lstrip(".")
            if isinstance(child, old) and (path != ending.path or ending.reused):
                module._modules[leaf] = new()
    initialize(setup.model, scheme, bias="zeros", generator=generator)
    return setup.replaced(keep_facts=True)


REMEDY = Prescription("other-activation", ANSWERS, propose)
