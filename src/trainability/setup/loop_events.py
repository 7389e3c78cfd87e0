"""The order in which a training loop really does things: forward, clear, backward, clip, step, schedule."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

Name = Literal["forward", "clear", "backward", "grad", "clip", "step", "skip", "schedule"]
KEPT = 100_000
NAN = math.nan


@dataclass(frozen=True)
class Event:
    """One thing that a training loop did.

    Args:
        name: "forward" (the model ran), "clear" (gradients set to None or 0, however that was done), "backward",
            "grad" (`torch.autograd.grad`, which leaves `.grad` alone), "clip" (gradients made smaller), "step",
            "skip" (a GradScaler left the step out because a gradient was not finite), "schedule" (a scheduler's step).
        ours: whether it concerned the watched model: a step or clearing of an optimizer that holds none of its
            parameters does not, nor does a backward that started elsewhere and reached none of them.
        reached: of a backward, the model's parameter tensors that it gave a gradient; of a step, those that had one
            other than 0; of a grad, those among what was differentiated by.
        history: of a backward, whether what it started from had been computed from something.
        training, recorded: of a forward, whether the model was in training mode, and whether autograd was on.
        gradient: of a backward and a step, the norm of the gradient over all parameters; nan where values are not read.
        lr: of a step, the optimizer's largest learning rate.
    """

    name: Name
    ours: bool = True
    reached: int = 0
    history: bool = True
    training: bool = True
    recorded: bool = True
    gradient: float = NAN
    lr: float = NAN


class Events:
    """What happened, in order; filled while the loop runs.

    Args:
        seen: called with each Event as it happens.
        kept: how many of the last events are held.
    """

    def __init__(self, seen: Callable[[Event], None] | None = None, kept: int = KEPT) -> None:
        self.all: deque[Event] = deque(maxlen=kept)
        self._seen = seen

    def add(self, event: Event) -> None:
        """Append an event."""
        self.all.append(event)
        if self._seen is not None:
            self._seen(event)

    @property
    def groups(self) -> list[tuple[Event, ...]]:
        """The events that concern the model, one tuple per optimizer step, which ends it; then what is left over."""
        groups: list[tuple[Event, ...]] = []
        now: list[Event] = []
        for event in self.all:
            if event.ours:
                now.append(event)
                if event.name == "step":
                    groups.append(tuple(now))
                    now = []
        return [*groups, tuple(now)]

    @property
    def steps(self) -> list[tuple[str, ...]]:
        """The names of the events of each optimizer step, such as ("clear", "forward", "backward", "step")."""
        return [tuple(e.name for e in group) for group in self.groups[:-1]]

    @property
    def rest(self) -> tuple[str, ...]:
        """The names of the events after the last step."""
        return tuple(e.name for e in self.groups[-1])


@contextmanager
def loop_events(
    model: nn.Module,
    optimizer: Optimizer | Sequence[Optimizer] = (),
    *,
    seen: Callable[[Event], None] | None = None,
    values: bool = True,
    kept: int = KEPT,
) -> Iterator[Events]:
    """Record the order of events in a training loop that runs inside the `with`.

    Calls are seen by a hook on the model, the optimizers' own step hooks, and wrappers around PyTorch's functions,
    all of which are gone on the way out. Gradients are looked at after every backward and before every step and
    backward, so that a clearing (`p.grad = None`, `p.grad.data.zero_()`) or clipping by hand is seen as well. An inner
    call (a backward inside a backward for a checkpoint, a closure inside a step) is no event of its own,
    except that what a closure does comes before its step.

    Args:
        model: whose training it is; the one that the loop calls (a compiled model's wrapper, say).
        optimizer: one or several; found by their parameters where none is given.
        seen: called with each Event as it happens.
        values: read the gradients' norm; False only looks whether there are gradients, which costs next to nothing
            and never waits for a GPU.
        kept: how many of the last events are held.

    Returns:
        Events; `events.steps` has one tuple of names per optimizer step.

    Example:
        >>> net = nn.Linear(1, 1)
        >>> opt = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> with loop_events(net, opt) as events:
        ...     for _ in range(2):
        ...         opt.zero_grad(); net(torch.ones(2, 1)).sum().backward(); opt.step()
        >>> events.steps[1]
        ('clear', 'forward', 'backward', 'step')
    """
    events = Events(seen, kept)
    given = tuple(optimizer) if isinstance(optimizer, Sequence) else (optimizer,)
    watch = _Watch(model, given, events, values)
    with ExitStack() as stack:
        watch.attach(stack)
        yield events


class _Watch:
    """The state between two events: which gradients there were at the last look."""

    def __init__(self, model: nn.Module, optimizers: tuple[Any, ...], events: Events, values: bool) -> None:
        self.model, self.given, self.events, self.values = model, optimizers, events, values
        self.depth = 0  # inside a backward or a scheduler's step
        self.clearing = False
        self.steps = self.backwards = 0
        self.at_begin = (0, 0, NAN)  # of a step: backwards so far, gradients and their norm
        self.parameters = list(model.parameters())
        self.ids = {id(p) for p in self.parameters}
        self.last = self.look()

    def attach(self, stack: ExitStack) -> None:
        """Put hooks and wrappers in place; `stack` takes them away again."""
        hook = self.model.register_forward_hook(self.on_forward)
        stack.callback(hook.remove)
        stack.callback(register_optimizer_step_pre_hook(self.on_step_begin).remove)
        stack.callback(register_optimizer_step_post_hook(self.on_step_end).remove)
        for other in self.given:
            if not isinstance(other, Optimizer):  # only looks like one: its hooks would never fire
                _replace(stack, other, "step", self.around_foreign_step)
                _replace(stack, other, "zero_grad", self.around_clear)
        _replace(stack, Tensor, "backward", self.around_backward)
        _replace(stack, torch.autograd, "backward", self.around_backward)
        _replace(stack, torch.autograd, "grad", self.around_grad)
        for cls in _with_own(Optimizer, "zero_grad"):
            _replace(stack, cls, "zero_grad", self.around_clear)
        for cls in _with_own(nn.Module, "zero_grad"):
            _replace(stack, cls, "zero_grad", self.around_clear)
        for name in ("clip_grad_norm_", "clip_grad_value_"):
            for place in (torch.nn.utils, torch.nn.utils.clip_grad):
                _replace(stack, place, name, self.around_clip)
        for cls in _with_own(LRScheduler, "step"):
            _replace(stack, cls, "step", self.around_schedule)
        _replace(stack, torch.amp.GradScaler, "step", self.around_scaler)
        _replace(stack, torch.amp.GradScaler, "unscale_", self.around_unscale)

    # what happens

    def on_forward(self, module: nn.Module, args: Any, output: Any) -> None:
        self.add("forward", training=self.model.training, recorded=torch.is_grad_enabled())

    def on_step_begin(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self.holds_ours(optimizer):
            self.notice()
            self.at_begin = (self.backwards, *self.last)

    def on_step_end(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        backwards, reached, norm = self.at_begin
        if self.backwards > backwards:  # the step called a closure
            reached, norm = self.last
        self.steps += 1
        ours = self.holds_ours(optimizer)
        self.add("step", ours=ours, reached=reached if ours else 0, gradient=norm if ours else NAN, lr=_lr(optimizer))

    def around_foreign_step(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def step(*args: Any, **kwargs: Any) -> Any:
            owner = getattr(original, "__self__", None)
            self.on_step_begin(owner, args, kwargs)
            result = original(*args, **kwargs)
            self.on_step_end(owner, args, kwargs)
            return result

        return step

    def around_backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def backward(*args: Any, **kwargs: Any) -> Any:
            if self.depth:
                return original(*args, **kwargs)
            self.notice()
            self.refresh()
            old = [p.grad for p in self.parameters]
            versions = [None if g is None else g._version for g in old]
            with self.inside():
                result = original(*args, **kwargs)
            reached = sum(
                new is not None and (new is not before or new._version != version)
                for new, before, version in zip((p.grad for p in self.parameters), old, versions, strict=True)
            )
            self.last = self.look()
            roots = list(_tensors(args[:1] or [kwargs.get("tensors")]))
            history = any(t.grad_fn is not None for t in roots)
            self.backwards += 1
            self.add(
                "backward", ours=bool(reached) or not history, reached=reached, history=history, gradient=self.last[1]
            )
            return result

        return backward

    def around_grad(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def grad(*args: Any, **kwargs: Any) -> Any:
            if self.depth:
                return original(*args, **kwargs)
            with self.inside():
                result = original(*args, **kwargs)
            self.refresh()
            inputs = args[1] if len(args) > 1 else kwargs.get("inputs")
            reached = sum(id(t) in self.ids for t in _tensors([inputs]))
            self.add("grad", ours=bool(reached), reached=reached)
            return result

        return grad

    def around_clear(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def zero_grad(*args: Any, **kwargs: Any) -> Any:
            owner = args[0] if args else getattr(original, "__self__", None)
            nested, self.clearing = self.clearing, True
            try:
                result = original(*args, **kwargs)
            finally:
                self.clearing = nested
            if not nested:
                self.add("clear", ours=self.holds_ours(owner))
                self.last = self.look()
            return result

        return zero_grad

    def around_clip(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def clip(*args: Any, **kwargs: Any) -> Any:
            self.notice()
            given = args[0] if args else kwargs.get("parameters")
            if isinstance(given, Iterator):
                given = list(given)
                args, kwargs = ((given, *args[1:]), kwargs) if args else (args, {**kwargs, "parameters": given})
            result = original(*args, **kwargs)
            self.refresh()
            self.add("clip", ours=any(id(t) in self.ids for t in _tensors([given])))
            self.last = self.look()
            return result

        return clip

    def around_schedule(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def step(*args: Any, **kwargs: Any) -> Any:
            if self.depth:
                return original(*args, **kwargs)
            with self.inside():
                result = original(*args, **kwargs)
            self.add("schedule", ours=self.holds_ours(getattr(args[0], "optimizer", None)))
            return result

        return step

    def around_scaler(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def step(*args: Any, **kwargs: Any) -> Any:
            before = self.steps
            result = original(*args, **kwargs)
            if self.steps == before:
                self.add("skip", ours=self.holds_ours(args[1] if len(args) > 1 else kwargs.get("optimizer")))
            return result

        return step

    def around_unscale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def unscale(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            self.last = self.look()  # smaller, and not clipped
            return result

        return unscale

    # what is looked at

    def add(self, name: Name, **details: Any) -> None:
        self.events.add(Event(name, **details))

    def notice(self) -> None:
        """Say what became of the gradients since the last look, where no call said it."""
        count, norm = self.last
        now = self.last = self.look()
        if count and not now[0]:
            self.add("clear")
        elif now[0] and now[1] < 0.999 * norm:
            self.add("clip")

    def look(self) -> tuple[int, float]:
        """How many of the model's parameters have a gradient (other than 0, where values are read), and its norm."""
        self.refresh()
        gradients = [p.grad.detach() for p in self.parameters if p.grad is not None]
        if not self.values:
            return len(gradients), NAN
        dense = [g.coalesce().values() if g.is_sparse else g for g in gradients]
        norms = [float(n) for n in torch._foreach_norm(dense)] if dense else []
        return sum(n != 0 for n in norms), math.sqrt(sum(n * n for n in norms))

    def refresh(self) -> None:
        """Find the model's parameters again, since a loop may replace layers."""
        if self.values:
            self.parameters = list(self.model.parameters())
            self.ids = {id(p) for p in self.parameters}

    def holds_ours(self, owner: object) -> bool:
        """Whether an optimizer or a module has a parameter of the model."""
        if owner is self.model or any(owner is one for one in self.given):
            return True
        groups = getattr(owner, "param_groups", None)
        if groups is not None:
            return any(id(p) in self.ids for group in groups for p in group["params"])
        return isinstance(owner, nn.Module) and any(id(p) in self.ids for p in owner.parameters())

    @contextmanager
    def inside(self) -> Iterator[None]:
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1


def _replace(
    stack: ExitStack, owner: Any, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> None:
    """Wrap an attribute until the stack is unwound."""
    own = name in vars(owner)
    kept = vars(owner).get(name)
    setattr(owner, name, around(getattr(owner, name)))
    stack.callback(setattr, owner, name, kept) if own else stack.callback(delattr, owner, name)


def _with_own(base: type, name: str) -> Iterator[type]:
    """`base` and its subclasses that define `name` themselves."""
    waiting: list[type] = [base]
    met: set[type] = set()
    while waiting:
        cls = waiting.pop()
        if cls not in met and name in vars(cls):
            yield cls
        if cls not in met:
            waiting += type.__subclasses__(cls)
        met.add(cls)


def _tensors(given: Iterable[object]) -> Iterator[Tensor]:
    for one in given:
        if isinstance(one, Tensor):
            yield one
        elif isinstance(one, (list, tuple)):
            yield from _tensors(one)


def _lr(optimizer: Any) -> float:
    return max((float(group.get("lr", NAN)) for group in getattr(optimizer, "param_groups", ())), default=NAN)
