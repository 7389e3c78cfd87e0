"""Layers of a live model in one of the user's own passes, or beside it where the model is compiled."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from trainability.doctor.probes.activations import FLAT, SMOOTH
from trainability.doctor.probes.recorder import Call, Recorder
from trainability.doctor.probes.snapshot import layer_reading
from trainability.doctor.readings import NAN, LayerReading
from trainability.measures.saturation import saturated_share
from trainability.setup.untouched import random_state_kept
from trainability.watch.state import Dead
from trainability.watch.unwrap import compiled_calls, unwrapped

VALUES = 1_000_000  # a layer's output is thinned over inputs above this
WHOLE, LOOKS = 512, 3  # units times inputs of a layer that is silent as a whole: by the same odds missed once in 10^7
ENOUGH = 128  # inputs that a dead unit has to be seen on: a live one that answers 1 in 30 is missed 1 time in 77
INPUTS = 64  # for the pass beside a compiled one


class LayerProbe:
    """Looks at one pass through a model and is gone again.

    In an ordinary model the pass is the user's own: hooks are put on every module before it and taken off after it, and
    values are read at the moment of each call, before an in-place function can change them. A compiled model is not
    touched, since a hook inside would not fire or would compile it anew: its inputs are kept, and the module behind it
    runs on some of them once more, uncompiled and without gradients; buffers and random state are put back.

    Args:
        model: the user's.
    """

    def __init__(self, model: nn.Module) -> None:
        self.outer, self.model = model, unwrapped(model)
        self.readings: list[LayerReading] = []
        self.masks: list[tuple[str, int, Tensor]] = []  # name, inputs, which units answered
        self.gradients: dict[int, Tensor] = {}
        self.beside = False
        self.whole: list[LayerReading] = []  # of the first pass, all that the doctor reads
        self.ending: Call | None = None  # the last activation of the pass
        self._first = True
        self._hooks: list[Any] = []
        self._depth = 0
        self._done = False
        self._mode: ExitStack | None = None
        self._inputs: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        self._recorder: Recorder | None = None

    def attach(self) -> None:
        """Be ready for the next pass."""
        self.detach()
        self.readings, self.masks, self.gradients = [], [], {}
        self._depth, self._done, self._inputs = 0, False, None
        self.ending = None
        callers = compiled_calls(self.outer)
        self.beside = bool(callers)
        if self.beside:
            for module in callers:
                self._hooks.append(module.register_forward_pre_hook(self._keep, with_kwargs=True))
            return
        self._recorder = Recorder(self.model, self._seen)
        for name, module in self.model.named_modules():
            self._hooks.append(module.register_forward_pre_hook(self._enter(name)))
            self._hooks.append(module.register_forward_hook(self._leave, always_call=True))

    def detach(self) -> None:
        """Take every hook off."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self._close()

    def _keep(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if torch.is_grad_enabled() and self._inputs is None:
            self._inputs = (args, kwargs)

    def _enter(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any) -> None:
            if torch.compiler.is_compiling() or self._done or self._recorder is None:
                return
            if self._depth == 0:
                if not torch.is_grad_enabled():
                    return
                self._mode = ExitStack()
                self._mode.enter_context(self._recorder)
            self._depth += 1
            self._recorder.stack.append(name)

        return hook

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        if torch.compiler.is_compiling() or self._depth == 0 or self._recorder is None:
            return
        self._recorder.stack.pop()
        self._depth -= 1
        if self._depth == 0:
            self._close()
            self._done = self._done or module is self.model

    def _close(self) -> None:
        if self._mode is not None:
            mode, self._mode = self._mode, None
            mode.close()
        self._depth = 0

    def backward_begins(self) -> None:
        """The pass is over, whichever modules it went through."""
        if not self.beside and self._depth == 0:
            self._done = self._done or bool(self.readings)

    def _seen(self, call: Call) -> None:
        mode, x = self._mode, call.output.detach()
        if x.numel() == 0 or call.role not in ("weight", "activation"):
            return
        if call.role == "activation":
            self.ending = call
        with torch._C.DisableTorchFunction() if mode is not None else ExitStack():
            self._read(call, x)
            if self._first:
                self.whole.append(layer_reading(call))

    def _read(self, call: Call, x: Tensor) -> None:
        index, weight = len(self.readings), call.role == "weight"
        stride = max(1, x.numel() // VALUES)
        x = x[::stride]
        units = x.shape[call.unit_dim] if x.ndim > 1 else 1
        smooth = None if weight else SMOOTH.get(call.kind)
        saturated = NAN
        if smooth is not None:
            saturated = saturated_share(call.inputs.detach()[::stride].float(), smooth)
        name, dead = call.name or call.kind, NAN
        if not weight and call.kind in FLAT and x.ndim > 1:
            answered = (x != 0).movedim(call.unit_dim, 0).flatten(1).any(1)
            self.masks.append((name, len(x), answered))
            dead = 1 - float(answered.double().mean())
        self.readings.append(
            LayerReading(
                name=name,
                kind=call.kind,
                role=call.role,  # type: ignore[arg-type]
                units=units,
                mean_square=float(x.float().square().mean()),
                share_across_inputs=NAN,
                dead=dead,
                saturated=saturated,
                gradient=NAN,
            )
        )
        if weight and call.output.requires_grad:
            call.output.register_hook(lambda g: self.gradients.__setitem__(index, g.detach().float().square().mean()))

    def finish(self) -> tuple[LayerReading, ...]:
        """What was seen; called after the optimizer's step, hooks are off afterwards."""
        from dataclasses import replace

        self.detach()
        if self.beside and self._inputs is not None:
            self._look_beside(*self._inputs)
        self._inputs = None
        found = {i: math.sqrt(float(g)) if float(g) >= 0 else NAN for i, g in self.gradients.items()}
        self.gradients, self.ending = {}, None
        if self._first and self.readings:
            self._first = False
            self.whole = [replace(r, gradient=found.get(i, NAN)) for i, r in enumerate(self.whole)]
        return tuple(replace(r, gradient=found.get(i, NAN)) for i, r in enumerate(self.readings))

    def _look_beside(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        first = next((a for a in (*args, *kwargs.values()) if isinstance(a, Tensor) and a.ndim), None)
        rows = len(first) if first is not None else 0

        def cut(value: Any) -> Any:
            return value[:INPUTS] if isinstance(value, Tensor) and value.ndim and len(value) == rows else value

        buffers = [(b, b.clone()) for b in self.model.buffers()]
        hooks = []
        recorder = self._recorder = Recorder(self.model, self._seen)
        try:
            for name, module in self.model.named_modules():
                hooks.append(module.register_forward_pre_hook(lambda m, a, name=name: recorder.stack.append(name)))
                hooks.append(
                    module.register_forward_hook(lambda m, a, o: recorder.stack.pop() and None, always_call=True)
                )
            with random_state_kept(), torch.no_grad(), torch.compiler.set_stance("force_eager"), recorder:
                self.model(*map(cut, args), **{k: cut(v) for k, v in kwargs.items()})
        finally:
            for hook in hooks:
                hook.remove()
            with torch.no_grad():
                for buffer, value in buffers:
                    buffer.copy_(value)


class DeadUnits:
    """Which units of each layer answered at all, over the last looks, until enough inputs were seen.

    A unit is called dead on 128 inputs; a layer that answered nothing at all in three looks is so on fewer.

    Example:
        >>> units = DeadUnits()
        >>> for _ in range(3):
        ...     units.add([("1", 8, torch.zeros(32, dtype=torch.bool))])
        >>> units.now()[0].share, units.now()[0].inputs
        (1.0, 24)
    """

    def __init__(self) -> None:
        self._looks: dict[str, deque[tuple[int, Tensor]]] = {}
        self._first: dict[str, tuple[int, Tensor]] = {}
        self._settled: dict[str, float] = {}

    def add(self, masks: list[tuple[str, int, Tensor]]) -> None:
        """Take the masks of one pass."""
        for name, inputs, mask in masks:
            mask = mask.cpu()
            looks = self._looks.setdefault(name, deque())
            if looks and looks[-1][1].shape != mask.shape:
                looks.clear()
                self._first.pop(name, None)
                self._settled.pop(name, None)
            looks.append((inputs, mask))
            while sum(n for n, _ in looks) - looks[0][0] >= ENOUGH:
                looks.popleft()
            if name not in self._settled:
                n, alive = self._first.get(name, (0, torch.zeros_like(mask)))
                n, alive = n + inputs, alive | mask
                self._first[name] = (n, alive)
                if n >= ENOUGH:
                    self._settled[name] = 1 - float(alive.double().mean())

    def now(self) -> tuple[Dead, ...]:
        """Every layer; `inputs` is 0 for those not seen on enough inputs yet."""
        found = []
        for name, looks in self._looks.items():
            inputs = sum(n for n, _ in looks)
            alive = torch.stack([mask for _, mask in looks]).any(0)
            silent = not bool(alive.any()) and len(looks) >= LOOKS and inputs * len(alive) >= WHOLE
            enough = inputs >= ENOUGH or silent
            share = 1 - float(alive.double().mean()) if enough else 0.0
            found.append(Dead(name, len(alive), share, self._settled.get(name, share), inputs if enough else 0))
        return tuple(found)
