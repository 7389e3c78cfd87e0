"""What PyTorch's own calls tell: the tensor on which backward is called, and what a GradScaler multiplied.

`torch.autograd.backward` is wrapped while anybody listens (`Tensor.backward` calls it too) and put back when the last
listener leaves. Listeners are held weakly: one that is forgotten takes its patch with it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch


class Listener(Protocol):
    """Who wants to know; `wants_end` says whether `backward_ended` shall be called."""

    wants_end: bool

    def backward_begins(self, root: Any) -> None:
        """Before the backward pass; `root` is what was given to it."""

    def backward_ended(self, root: Any) -> None:
        """After the backward pass, where it did not raise."""

    def scaled(self, result: Any, given: Any) -> None:
        """A GradScaler made `result` of `given`."""


_listeners: list[weakref.ref[Any]] = []
_TRUE: dict[str, Callable[..., Any]] = {"backward": torch.autograd.backward, "scale": torch.amp.GradScaler.scale}
_below: dict[str, Callable[..., Any]] = dict(_TRUE)
_inside = False


def listen(listener: Listener) -> None:
    """Tell `listener` of every backward from now on.

    Args:
        listener: held weakly.
    """
    if not _listeners:
        # Ours may still be in place, below or on top of somebody else's; what is called next is never ours again.
        if torch.autograd.backward is not _backward:
            _below["backward"] = torch.autograd.backward
            torch.autograd.backward = _backward
        if torch.amp.GradScaler.scale is not _scale:
            _below["scale"] = torch.amp.GradScaler.scale
            torch.amp.GradScaler.scale = _scale  # type: ignore[method-assign]
    _listeners.append(weakref.ref(listener))


def leave(listener: Listener) -> None:
    """Tell `listener` no more; with the last one gone PyTorch is as it was.

    Args:
        listener: one that may have left before.
    """
    _listeners[:] = [ref for ref in _listeners if ref() is not None and ref() is not listener]
    if not _listeners:
        _undo()


@contextmanager
def silence() -> Iterator[None]:
    """Nobody is told of a backward in here: it is the watch's own."""
    global _inside
    before, _inside = _inside, True
    try:
        yield
    finally:
        _inside = before


def _undo() -> None:
    # Where somebody else has wrapped ours since, theirs stays: ours then only passes on.
    if torch.autograd.backward is _backward:
        torch.autograd.backward = _below["backward"]
    if torch.amp.GradScaler.scale is _scale:
        torch.amp.GradScaler.scale = _below["scale"]  # type: ignore[method-assign]


def _here() -> list[Listener]:
    found = [one for one in (ref() for ref in _listeners) if one is not None]
    if not found and _listeners:
        _listeners.clear()
        _undo()
    return found


def _backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
    global _inside
    if _inside:  # a backward within this one (checkpointing), or a wrapper of somebody else's around ours
        return _TRUE["backward"](tensors, *args, **kwargs)
    _inside = True
    try:
        if len(_listeners) == 1:  # the common case, in every step: as little as can be
            one = _listeners[0]()
            if one is not None:
                one.backward_begins(tensors)
                if not one.wants_end:
                    return _below["backward"](tensors, *args, **kwargs)
        else:
            for one in _here():
                one.backward_begins(tensors)
        result = _below["backward"](tensors, *args, **kwargs)
        for one in _here():
            if one.wants_end:
                one.backward_ended(tensors)
        return result
    finally:
        _inside = False


def _scale(self: Any, outputs: Any) -> Any:
    global _inside
    if _inside:
        return _TRUE["scale"](self, outputs)
    _inside = True
    try:
        result = _below["scale"](self, outputs)
    finally:
        _inside = False
    for one in _here():
        one.scaled(result, outputs)
    return result
