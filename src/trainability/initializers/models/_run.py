"""Run a model once and change its layers on the way, in the order in which they are executed."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from trainability.errors import SetupError
from trainability.initializers._layers import CONVOLUTIONS, EMBEDDINGS, attention_outputs, layers

Visit = Callable[[str, Any, Tensor], None]
"""Called with a layer's dotted name, the layer, and its output on the sample; may change the layer in place."""


def in_order(model: nn.Module, sample: Any, visit: Visit) -> None:
    """Let `visit` change each linear and convolution layer at its first call in one forward pass.

    What comes behind a layer sees it as changed. A layer that is called again, or whose weight a layer before it has,
    is not visited again; neither are those that share an embedding's tensor, recurrent layers and attention.
    BatchNorm uses the statistics of the sample, Dropout does nothing.

    Args:
        model: may be compiled; it is run as written, in eager mode.
        sample: a batch, or a tuple of the model's arguments.
        visit: see `Visit`.

    Raises:
        SetupError: a layer has no tensor to change, or none was called.
        Exception: whatever the model or `visit` raises; all parameters are then what they were before the call.
    """
    plain = getattr(model, "_orig_mod", model)
    skipped = attention_outputs(plain)
    seen = {id(module.weight) for module in plain.modules() if isinstance(module, EMBEDDINGS)}
    found = [
        (name, layer)
        for name, layer in layers(plain)
        if isinstance(layer, (nn.Linear, *CONVOLUTIONS)) and id(layer) not in skipped and id(layer.weight) not in seen
    ]
    if not found:
        raise SetupError("model: given no linear or convolution layer, needed at least one.")
    called: set[int] = set()

    def hook_for(name: str) -> Callable[..., Tensor | None]:
        def hook(layer: Any, inputs: tuple[Any, ...], named: dict[str, Any], output: Tensor) -> Tensor | None:
            called.add(id(layer))
            if id(layer.weight) in seen:
                return None
            seen.add(id(layer.weight))
            visit(name, layer, output)
            return layer.forward(*inputs, **named)

        return hook

    with contextlib.ExitStack() as stack:
        stack.enter_context(parameters_kept_after_an_exception(plain))
        stack.enter_context(all_but_parameters_restored(plain))
        stack.enter_context(torch.no_grad())
        # Hooks do not fire inside code that was compiled before they were added.
        stack.enter_context(torch.compiler.set_stance("force_eager"))
        for name, layer in found:
            stack.callback(layer.register_forward_hook(hook_for(name), with_kwargs=True).remove)
        plain(*sample) if isinstance(sample, tuple) else plain(sample)
    missed = [name for name, layer in found if id(layer) not in called]
    if len(missed) == len(found):
        raise SetupError("model: given a model whose forward pass calls none of its layers, needed at least one call.")
    if missed:
        warnings.warn(f"Not called on the sample and so left as drawn: {', '.join(missed)}.", stacklevel=4)


@contextlib.contextmanager
def parameters_kept_after_an_exception(model: nn.Module) -> Iterator[None]:
    """Give all parameters the values they had at the start, if the block raises."""
    before = [(parameter, parameter.detach().clone()) for parameter in model.parameters()]
    try:
        yield
    except BaseException:
        with torch.no_grad():
            for parameter, values in before:
                parameter.copy_(values)
        raise


@contextlib.contextmanager
def all_but_parameters_restored(model: nn.Module) -> Iterator[None]:
    """Restore modes, buffers and the random state at the end; meanwhile batch statistics are used, and no noise."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [
        (module, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    devices = list({p.device.index for p in model.parameters() if p.device.type == "cuda"})
    try:
        with torch.random.fork_rng(devices=devices):
            for module, _ in modes:
                module.training = isinstance(module, nn.modules.batchnorm._NormBase)
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        with torch.no_grad():
            for module, name, buffer, values in buffers:
                module._buffers[name] = buffer
                buffer.copy_(values)


def channels_first(layer: Any, output: Tensor) -> Tensor:
    """Give a layer's output as (units, everything else): the last dimension of a linear layer, channels of an image."""
    place = output.ndim - 1 - (len(layer.kernel_size) if isinstance(layer, CONVOLUTIONS) else 0)
    return output.detach().movedim(place, 0).flatten(1)
