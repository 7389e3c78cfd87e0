"""The first layer that the inputs themselves go through, found by running the model on a few of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainability.errors import SetupError
from trainability.setup import Setup
from trainability.setup.facts import forward
from trainability.setup.untouched import untouched

FEW = 4


def entry(setup: Setup, kinds: tuple[type[nn.Module], ...]) -> tuple[str, Tensor]:
    """Path of the first module of these kinds that takes the inputs' own numbers in their order, and what it gave.

    Args:
        setup: a private copy; left as it was.
        kinds: of modules.

    Returns:
        (path, its output for a few inputs: of a recurrent layer the first one).

    Raises:
        SetupError: there is none.

    Example:
        >>> net = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 1))
        >>> data = (torch.tensor([[1, 2], [0, 4]]), torch.zeros(2, 1))
        >>> path, out = entry(Setup(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=0.1), data), (nn.Embedding,))
        >>> path, tuple(out.shape)
        ('0', (2, 2, 3))
    """
    x = setup.batches.sample(FEW)[0].to(setup.device)
    found: list[tuple[str, Tensor]] = []

    def note(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[object, ...], output: object) -> None:
            given = args[0] if args else None
            same = (
                isinstance(given, Tensor) and given.numel() == x.numel() and torch.equal(given.flatten(), x.flatten())
            )
            first = output[0] if isinstance(output, tuple) else output
            if same and isinstance(first, Tensor) and not found:
                found.append((path, first.detach()))

        return hook

    handles = [m.register_forward_hook(note(p)) for p, m in setup.model.named_modules() if p and isinstance(m, kinds)]
    try:
        with untouched(setup.model), torch.no_grad():
            forward(setup.model.eval(), x)
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        names = " or ".join(k.__name__ for k in kinds)
        raise SetupError(f"no {names} takes the inputs as they are; needed is one. Change forward() by hand.")
    return found[0]


def put(model: nn.Module, path: str, module: nn.Module) -> None:
    """Replace the module at `path`."""
    parent, _, leaf = path.rpartition(".")
    owner = model.get_submodule(parent) if parent else model
    owner._modules[leaf] = module
