"""The order of backward, clearing and step, followed event by event over stretches of a few steps."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace

from torch import Tensor, nn

from trainability.setup.loop_events import Event, Events, loop_events
from trainability.watch.state import Order

STRETCH = 5
"""Steps that are followed; the first of them may have begun before."""

PATIENCE = 400
"""Events after which a stretch ends that saw no step."""


class OrderProbe:
    """Follows the loop for a stretch at a time; between stretches nothing of it is in place.

    Args:
        model: its parameters tell which events are its own; no hook is put on it.
        optimizer: the torch optimizer.
    """

    def __init__(self, model: nn.Module, optimizer: object) -> None:
        self._model, self._optimizer = model, optimizer
        self._stack: ExitStack | None = None
        self._events: Events | None = None
        self.found = Order()
        self.foreign = 0  # backward passes of the last stretch that were another model's

    @property
    def following(self) -> bool:
        """Whether a stretch is under way."""
        return self._stack is not None

    def begin(self) -> None:
        """Follow from here."""
        self.end()
        self._stack = ExitStack()
        # A module around the same parameters: the user's own one gets no hook, which a compiler would notice.
        twin = _Parameters(list(self._model.parameters()))
        self._events = self._stack.enter_context(loop_events(twin, self._optimizer, kept=4 * PATIENCE))  # type: ignore[arg-type]

    def look(self, *, enough: int = STRETCH) -> bool:
        """Take stock; ends the stretch where enough was seen. Returns whether it ended."""
        if self._events is None:
            return False
        if sum(e.ours and e.name == "step" for e in self._events.all) < enough and len(self._events.all) < PATIENCE:
            return False
        self.end()
        return True

    def end(self) -> None:
        """Judge what was seen and take everything off."""
        if self._events is not None:
            found = order_of(self._events.all)
            self.found = found if found.steps or found.backwards else self.found
            self.foreign = sum(e.name == "backward" and not e.ours for e in self._events.all)
        if self._stack is not None:
            stack, self._stack = self._stack, None
            stack.close()
        self._events = None


class _Parameters(nn.Module):
    """The same parameters in a module that nobody calls."""

    def __init__(self, parameters: list[Tensor]) -> None:
        super().__init__()
        self.held = nn.ParameterList(parameters)


def order_of(events: Iterable[Event]) -> Order:
    """Count what was wrong in the steps of a stretch.

    Args:
        events: in order, from a stretch that may begin within a step; also those of other models.

    Returns:
        Order.

    Example:
        >>> good = [Event("clear"), Event("backward", reached=2), Event("step", reached=2)]
        >>> order_of([*good, *good])
        Order(steps=1, uncleared=0, emptied=0, unreached=0, unbacked=0, backwards=0)
        >>> order_of([*good, *good[1:], *good[1:]]).uncleared
        2
    """
    *whole, rest = _groups(events)
    found = Order(backwards=sum(e.name == "backward" and e.reached > 0 for e in rest) if not whole else 0)
    for group in whole[1:]:
        names = [e.name for e in group if e.ours]
        backs = [i for i, e in enumerate(group) if e.name == "backward"]
        reached = [i for i in backs if group[i].reached]
        step = group[-1]
        cleared = [i for i, e in enumerate(group) if e.name == "clear" and e.ours]
        manual = "grad" in names
        found = replace(
            found,
            steps=found.steps + 1,
            uncleared=found.uncleared + bool(reached and not cleared),
            emptied=found.emptied + bool(reached and cleared and cleared[-1] > reached[-1] and not step.reached),
            unreached=found.unreached + bool(backs and not reached and not step.reached and not manual),
            unbacked=found.unbacked + bool(not backs and not step.reached and not manual),
        )
    return found


def _groups(events: Iterable[Event]) -> list[list[Event]]:
    """The events up to each of the model's own steps, and those after the last."""
    groups: list[list[Event]] = [[]]
    for event in events:
        if event.ours or event.name == "backward":
            groups[-1].append(event)
        if event.ours and event.name == "step":
            groups.append([])
    return groups
