"""Tensors behind the model's output that no optimizer moves, since the model does not know that they are its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainability.doctor.readings.graph import UnregisteredReading
from trainability.setup import Setup
from trainability.setup.facts import forward
from trainability.setup.hidden import hidden
from trainability.setup.large import is_large
from trainability.setup.untouched import seed_everything

SAMPLE, FEW, STEPS = 16, 2, 3


def unregistered_reading(setup: Setup) -> UnregisteredReading:
    """Walk the graph of the output of a private copy, twice, and train the copy for a few steps where something is found.

    A leaf that wants a gradient counts where it is the same tensor in both passes (what `forward` makes anew, such as
    inputs that derivatives are taken by, is not), where neither model nor optimizer holds it, and where the steps
    leave it as it was: a step of the user's own may move it with an optimizer of its own.

    Args:
        setup: stays as it is.

    Returns:
        UnregisteredReading.
    """
    copy = setup.clone()
    registered = sum(p.numel() for p in copy.model.parameters() if p.requires_grad)
    leaves = strangers(copy)
    if not leaves:
        return UnregisteredReading(registered=registered)
    before = [leaf.detach().clone() for leaf in leaves]
    copy.train(steps=STEPS)
    leaves = [leaf for leaf, old in zip(leaves, before, strict=True) if torch.equal(leaf.detach(), old)]
    wanted = {id(leaf) for leaf in leaves}
    held = [(path, id(tensor)) for path, tensor in hidden(copy.model) if id(tensor) in wanted]
    found, seen = dict.fromkeys(path for path, _ in held), {tensor for _, tensor in held}
    kinds = {path: _kind(copy.model, path) for path in found}
    return UnregisteredReading(
        numbers=sum(leaf.numel() for leaf in leaves),
        tensors=len(leaves),
        places=tuple(found),
        lost=sum(id(leaf) not in seen for leaf in leaves),
        lists=tuple(path for path, kind in kinds.items() if kind == "list"),
        dicts=tuple(path for path, kind in kinds.items() if kind == "dict"),
        others=tuple(path for path, kind in kinds.items() if kind == ""),
        registered=registered,
    )


def strangers(setup: Setup) -> list[Tensor]:
    """The leaves behind the model's output that are neither its parameters nor the optimizer's.

    Args:
        setup: a private copy; its buffers may change.

    Returns:
        Tensors, each once, in the order in which a walk from the output finds them.
    """
    x = setup.batches.sample(FEW if is_large(setup.model) else SAMPLE)[0].to(setup.device)
    own = {id(p) for p in setup.model.parameters()}
    own |= {id(p) for group in setup.optimizer.param_groups for p in group["params"]}
    setup.model.train()
    seed_everything(0)
    first = leaves_of(forward(setup.model, x.clone()))
    seed_everything(0)
    again = {id(leaf) for leaf in leaves_of(forward(setup.model, x.clone()))}
    return [leaf for leaf in first if id(leaf) in again and id(leaf) not in own]


def leaves_of(output: Tensor) -> list[Tensor]:
    """The tensors at which the graph behind `output` ends.

    Example:
        >>> net = nn.Linear(2, 1)
        >>> sorted(tuple(leaf.shape) for leaf in leaves_of(net(torch.ones(3, 2))))
        [(1,), (1, 2)]
    """
    found: dict[int, Tensor] = {}
    if output.grad_fn is None:
        return []
    seen, left = {output.grad_fn}, [output.grad_fn]
    while left:
        node = left.pop()
        leaf = getattr(node, "variable", None)
        if isinstance(leaf, Tensor):
            found.setdefault(id(leaf), leaf)
        for before, _ in node.next_functions:
            if before is not None and before not in seen:
                seen.add(before)
                left.append(before)
    return list(found.values())


def _kind(model: nn.Module, path: str) -> str:
    owner, _, attribute = path.rpartition(".")
    value = vars(model.get_submodule(owner))[attribute]
    if isinstance(value, (list, tuple)) and value and all(isinstance(v, nn.Module) for v in value):
        return "list"
    if isinstance(value, dict) and value and all(isinstance(v, nn.Module) for v in value.values()):
        return "dict" if all(isinstance(k, str) and k and "." not in k for k in value) else ""
    return ""
