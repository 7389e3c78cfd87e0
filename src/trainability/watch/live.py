"""The watch itself: what is hung on a live loop, when it looks, and how it is taken off again.

One long file, since every event of a loop (backward, step, a loss said by hand, the end) meets the same few fields here.
"""

from __future__ import annotations

import math
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainability.doctor.finding import Finding
from trainability.doctor.probes.optimizer import NORMALISED
from trainability.doctor.readings import CurvatureReading
from trainability.errors import SetupError
from trainability.measures.outcome import Outcome
from trainability.watch import alarms, patch, records
from trainability.watch.clock import WARM, Clock
from trainability.watch.curvature import live_curvature
from trainability.watch.layers import DeadUnits, LayerProbe
from trainability.watch.losses import Losses
from trainability.watch.order import OrderProbe
from trainability.watch.origin import nonfinite_origin
from trainability.watch.postmortem import PostMortem
from trainability.watch.sinks import Sink, sinks_for
from trainability.watch.state import NAN, Sample, State
from trainability.watch.unwrap import unwrapped, unwrapped_optimizer
from trainability.watch.updates import UpdateProbe

Detail = Literal["default", "full"]

# Shares of the loop's own time: for looks, and for the sharpness. The promise is 1.05 and 1.5 times the loop in all; what
# is done in every step takes the rest.
LOOKS = {"default": 0.01, "full": 0.15}
SHARPNESS = {"default": 0.0, "full": 0.08}
DENSITY = {"default": 200, "full": 1000}
HELD = 64  # losses that wait on an accelerator before they are fetched
STARVED = 102  # backward passes without a step before the order is judged all the same


class Watch:
    """A live run under watch; see `trainability.watch`."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: Any = None,
        loss_fn: Any = None,
        *,
        detail: Detail = "default",
        every: int | None = None,
        log: str | Path | None = None,
        terminal: bool = False,
        tensorboard: Any = None,
        wandb: Any = None,
        sinks: Iterable[Sink] = (),
        on_finding: Callable[[Finding, int], None] | None = None,
        constant_loss: float = NAN,
        target: float | None = None,
        lr: Callable[[], float] | None = None,
        name: str = "",
    ) -> None:
        _check(model, optimizer, detail, every)
        self.model, self.optimizer, self.loss_fn = model, unwrapped_optimizer(optimizer), loss_fn
        self.detail, self.name = detail, name or type(unwrapped(model)).__name__
        self.step = 0
        self.error: str = ""
        self._lr = lr
        self._options = {"log": log, "terminal": terminal, "tensorboard": tensorboard, "wandb": wandb, "sinks": sinks}
        self._on_finding = on_finding
        self._sinks: Sequence[Sink] = ()
        self._records: list[dict[str, Any]] = []
        self._found: dict[str, tuple[int, Finding]] = {}
        self.losses = Losses(constant_loss, target)
        self.clock = Clock(LOOKS[detail], DENSITY[detail], every)
        self._dead = DeadUnits()
        self._layers = LayerProbe(model)
        self._updates = UpdateProbe(unwrapped(model))
        self._order = OrderProbe(unwrapped(model), self.optimizer) if self.optimizer is not None else None
        self._order_due = 0
        self._first: Sample | None = None
        self._last: Sample | None = None
        self._ratios: deque[float] = deque(maxlen=5)
        self._names: Any = None
        self._curvature: CurvatureReading | None = None
        self._curve_spent, self._curve_cost, self._curve_off = 0.0, NAN, SHARPNESS[detail] == 0
        self._curve_due = 10
        self._on = self._armed = self._told = self._lr_seen = self._scaler = self._mixed = self._quick = False
        self.wants_end = True
        self._due = self._next = self._attended = 0
        self._before: list[Any] = []
        self._hooks: list[Any] = []
        self._scaled: tuple[Any, Any] | None = None
        self._value: Any = None
        self._marks: tuple[Any, ...] = ()
        self._sentinels: list[Tensor] = []
        self._origin = ""
        self._starved = 0
        self._aside = 0.0  # seconds since the last time that went into a sharpness
        self._arming = 0.0
        self._began = self._ended = 0.0

    # the block

    def __enter__(self) -> Watch:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(error)

    def start(self) -> Watch:
        """Begin to watch; `with` calls this.

        Returns:
            Itself. In a process group of several, all ranks but 0 watch nothing.
        """
        if self._on:
            raise SetupError("this watch is running already; stop it first, or make another one.")
        if _rank():
            return self
        self._on = True
        self._began = self.clock.now()
        self._sinks = sinks_for(**self._options)
        parameters = [p for p in unwrapped(self.model).parameters() if p.requires_grad]
        self._sentinels = [parameters[i] for i in sorted({0, len(parameters) // 2, len(parameters) - 1}) if parameters]
        self._write(records.start(self))
        patch.listen(self)
        if self.optimizer is not None:
            self._hooks = [self.optimizer.register_step_post_hook(_after_step(weakref.ref(self)))]
            self._follow()
        self._judge()
        self._arm()
        self._attended = self.step
        self._due = self.step + 1
        self.clock.lap()
        return self

    def stop(self, error: BaseException | None = None) -> None:
        """Take everything off and close the sinks; `with` calls this.

        Args:
            error: what ended the run early, if anything did.
        """
        if not self._on:
            return
        self._off()
        try:
            self.losses.take(self.step - self._attended)
            self._attended = self.step
            self._judge()
            self._detached(error)
            if error is not None:
                self.error = f"{type(error).__name__}: {error}"[:300]
            self._write(records.end(self, self.error))
        finally:
            for sink in self._sinks:
                sink.close()
            self._sinks = ()

    def _off(self) -> None:
        """Every hook and patch away; nothing here may fail."""
        self._ended = self.clock.now()
        self._on = self._armed = self._quick = False
        if self._order is not None:
            self._order.end()  # it wrapped what is unwrapped next
        patch.leave(self)
        for hook in (*self._hooks, *self._before):
            hook.remove()
        self._hooks, self._before = [], []
        self._layers.detach()
        self._scaled = self._value = None

    def __del__(self) -> None:
        if getattr(self, "_on", False):
            self._off()

    # what the loop tells

    def loss(self, value: Tensor | float) -> None:
        """Tell the loss by hand, where the loop never calls backward on it or on another thing as well.

        Args:
            value: one number; from the first call on only told losses count.
        """
        self._told, self._quick = True, False
        if self._on:
            self._add(value if isinstance(value, Tensor) else torch.tensor(float(value)))

    def scaled(self, result: Any, given: Any) -> None:
        """A GradScaler multiplied a loss."""
        if isinstance(given, Tensor) and result is not given:
            self._scaled, self._quick, self._scaler = (result, given), False, True

    def backward_begins(self, root: Any) -> None:
        """A backward pass is about to start at `root`."""
        if self._quick:  # nearly every step: the one thing to do is to read the loss
            try:
                value = root.item()
                if value - value == 0.0:
                    self.losses.parts.append(value)
                    return
            except (AttributeError, RuntimeError, ValueError):
                pass
        try:
            self._value = None
            self._layers.backward_begins()
            loss = self._unscaled(root)
            if loss is None:
                return
            if not self._told:
                self._value = loss
                self._find_origin(loss)
            if not self._curve_off and self.step >= self._curve_due:
                self._sharpness(loss)
            if self.wants_end:
                self._marks = self._gradients()
            else:
                self._keep_value()
        except Exception as error:
            self._fail(error)

    def backward_ended(self, root: Any) -> None:
        """A backward pass is over."""
        try:
            if self._gradients() != self._marks:  # else it was another model's
                self._keep_value()
            self._value = self._scaled = None
            if self.step == 0:
                self._starved += 1
                if self._starved == STARVED and self._order is not None:
                    self._order.end()
                    self._judge()
        except Exception as error:
            self._fail(error)

    def step_begins(self) -> None:
        """The optimizer is about to step; called by its hook, or by a loop without a torch optimizer."""
        if self._armed:
            try:
                self._updates.before()
            except Exception as error:
                self._fail(error)

    def step_ended(self) -> None:
        """The optimizer has stepped; called by its hook, or by a loop without a torch optimizer."""
        self.step += 1
        if self.step >= self._due:
            self._due_now()

    def _due_now(self) -> None:
        if self._on:
            try:
                self._attend()
            except Exception as error:
                self._fail(error)

    def _keep_value(self) -> None:
        if self._value is not None:
            self._add(self._value)
            self._value = None

    def _add(self, loss: Tensor) -> None:
        if loss.device.type == "cpu":
            value = float(loss.detach())
            self.losses.parts.append(value)
            if not math.isfinite(value):
                self._due = 0
        elif self.losses.wait(loss) >= HELD:
            self._due = 0

    def _find_origin(self, loss: Tensor) -> None:
        on_cpu = loss.device.type == "cpu"
        if on_cpu and not self.losses.seen_nonfinite and not self._origin and not math.isfinite(loss.item()):
            own = unwrapped(self.model)
            self._origin = nonfinite_origin(loss, [*own.parameters(), *own.buffers()])

    def _gradients(self) -> tuple[Any, ...]:
        """Which gradients there are at a few parameters, and how often each was changed."""
        return tuple([None if g is None else (id(g), g._version) for g in (p.grad for p in self._sentinels)])

    def _attend(self) -> None:
        """What is done after some steps: take stock, look, judge, and plan the next time."""
        took, began = self.clock.lap() - self._aside, self.clock.now()
        self._aside = 0.0
        steps, self._attended = self.step - self._attended, self.step
        self.losses.take(steps)
        looked, following = self._armed, self._order is not None and self._order.following
        judged = looked or 0 < self.losses.nonfinite <= 3
        if following and self._order is not None and self._order.look():
            self._order_due, judged = 10 * self.step, True
            self._mixed = self._order.foreign > 0
        if looked:
            self._look()
        if judged:
            self._judge()
        if looked:
            usual = self.clock.usual
            own = self.clock.now() - began + self._arming
            counts = not following and self.step > 1 and usual == usual
            self._next = self.step + self.clock.gap(self.step, cost=own + max(took - usual, 0.0) if counts else NAN)
        elif not following:
            self.clock.plain(took, steps)
        if self.step >= self._next - 1:
            self._arm()
            if self._order is not None and self.step >= self._order_due and not self._order.following:
                self._follow()
        following = self._order is not None and self._order.following
        gap = 1 if self._armed or following else self._next - 1 - self.step
        self._due = self.step + max(gap, 1)
        self.wants_end = following or self._mixed or (self.optimizer is None and self.step < WARM)
        on_cpu = all(p.device.type == "cpu" for p in self._sentinels)
        self._quick = not (self.wants_end or self._armed or self._told or self._scaler) and self._curve_off and on_cpu
        self.clock.lap()

    # looking

    def _arm(self) -> None:
        began = self.clock.now()
        self._armed = True
        self._layers.attach()
        if self.optimizer is not None and not self._before:
            self._before = [self.optimizer.register_step_pre_hook(_before_step(weakref.ref(self)))]
        self._arming = self.clock.now() - began

    def _follow(self) -> None:
        if self._order is not None:
            self._order.begin()

    def _look(self) -> None:
        self._armed = False
        for hook in self._before:
            hook.remove()
        self._before = []
        scale = getattr(self.optimizer, "grad_scale", None)
        layers = self._layers.finish()
        weights, norm = self._updates.after(float(scale) if scale is not None else 1.0)
        self._dead.add(self._layers.masks)
        loss, count = self.losses.fresh()
        lrs = self._lrs()
        self._lr_seen = self._lr_seen or any(lr != 0 for lr in lrs)
        sample = Sample(
            step=self.step,
            loss=loss,
            lr=max(lrs, default=NAN),
            gradient_norm=norm,
            layers=layers,
            weights=weights,
            seconds=self.seconds,
        )
        ways = [x.gradient for x in sample.of("weight") if x.gradient == x.gradient]
        if len(ways) >= 4 and ways[-1] > 0:
            self._ratios.append(ways[0] / ways[-1])
        self._first = self._first or sample
        self._last = sample
        names = records.names(sample)
        if names != self._names:
            self._names = names
            self._write(names)
        self._write(records.look(sample, count, self.losses.outcome(), self._dead.now(), self._layers.beside))

    def _sharpness(self, loss: Tensor) -> None:
        if self.optimizer is None:
            self._curve_off = True
            return
        now, usual = self.clock.now(), self.clock.usual
        if usual != usual:
            return
        expected = self._curve_cost if self._curve_cost == self._curve_cost else 60 * usual
        short = (self._curve_spent + expected) / SHARPNESS[self.detail] - (now - self._began)
        if short > 0:
            self._curve_due = self.step + math.ceil(min(short / usual, 1e6) / 2)
            return
        found = live_curvature(loss, self.optimizer, self.step)
        self._curve_cost = self.clock.now() - now
        self._curve_spent += self._curve_cost
        self._aside += self._curve_cost
        self._curve_due = self.step + max(1, self.step // 100)
        if found is None:
            self._curve_off = True
            return
        self._curvature = found
        self._write(records.sharpness(found, max(self._lrs(), default=NAN)))

    def _unscaled(self, root: Any) -> Tensor | None:
        if isinstance(root, (tuple, list)) and len(root) == 1:
            root = root[0]
        if self._scaled is not None and root is self._scaled[0]:
            root = self._scaled[1]
        return root if isinstance(root, Tensor) and root.numel() == 1 else None

    def _lrs(self) -> list[float]:
        if self._lr is not None:
            return [float(self._lr())]
        return [float(group.get("lr", NAN)) for group in getattr(self.optimizer, "param_groups", ())]

    # judging

    def state(self) -> State:
        """Everything that alarms may look at, now.

        Returns:
            State.
        """
        named = [(n, p) for n, p in unwrapped(self.model).named_parameters() if p.requires_grad]
        mine = {id(p) for p in self.model.parameters()}
        held = {id(p) for g in getattr(self.optimizer, "param_groups", ()) for p in g["params"]}
        row = self.losses.nonfinite
        first = self._first or Sample(step=0, lr=max(self._lrs(), default=NAN), loss=NAN)
        last = self._last or first
        return State(
            step=self.step,
            outcome=self.losses.outcome(),
            start_loss=self.losses.start,
            recent_loss=self.losses.recent,
            peak_loss=self.losses.peak,
            constant_loss=self.losses.constant,
            target=NAN if self.losses.target is None else self.losses.target,
            trend=self.losses.trend,
            nonfinite=row,
            nonfinite_weights=tuple(n for n, p in named if not bool(torch.isfinite(p.detach()).all())) if row else (),
            nonfinite_data=self._origin,
            first=first,
            last=last,
            ratios=tuple(self._ratios),
            dead=self._dead.now(),
            order=self._order.found if self._order is not None else State().order,
            optimizer=type(self.optimizer).__name__ if self.optimizer is not None else "the optimizer",
            normalised=bool({k.__name__ for k in type(self.optimizer).__mro__} & NORMALISED),
            trainable=len(named),
            missing=tuple(n for n, p in named if id(p) not in held) if self.optimizer is not None else (),
            foreign=len(held - mine),
            zero_lr=0 if self._lr_seen or self._last is None else self.step,
            steps_on=self.optimizer is not None,
            curvature=self._curvature,
        )

    def _judge(self) -> None:
        for finding in alarms.judge(self.state()):
            self._report(finding)

    def _report(self, finding: Finding) -> None:
        known = self._found.get(finding.cause)
        if known is not None and (known[1].severity == finding.severity or finding.severity == "warning"):
            return
        self._found[finding.cause] = (self.step, finding)
        self._write(records.finding(finding, self.step))
        if self._on_finding is not None:
            self._on_finding(finding, self.step)

    def _detached(self, error: BaseException | None) -> None:
        if isinstance(error, RuntimeError) and "does not require grad and does not have a grad_fn" in str(error):
            self._report(
                Finding(
                    cause="detached-loss",
                    where="loss",
                    evidence={"step": float(self.step), "error": str(error)},
                    says=(
                        f"At step {self.step} backward was called on a tensor without history, and PyTorch raised: "
                        "somewhere between output and loss the graph is cut (.detach(), .item(), .data, torch.no_grad(), "
                        "NumPy, argmax, a new tensor made of the value). It does not mean that gradients vanish. Compute "
                        "the loss from the output by torch operations alone."
                    ),
                    weight=1000.0,
                )
            )

    def _write(self, record: dict[str, Any]) -> None:
        self._records.append(record)
        for sink in self._sinks:
            sink.write(record)

    def _fail(self, error: Exception) -> None:
        """A fault of the watch is no fault of the run: let go of it, and say so."""
        self.error = f"the watch stopped at step {self.step}: {type(error).__name__}: {error}"
        self._off()
        warnings.warn(f"trainability: {self.error}. Training goes on unwatched.", RuntimeWarning, stacklevel=3)

    # what comes of it

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything found so far, the strongest first."""
        return tuple(sorted((f for _, f in self._found.values()), key=lambda f: -f.weight))

    @property
    def seconds(self) -> float:
        """Since the watch began, up to now or to its end."""
        return (self.clock.now() if self._on else self._ended) - self._began if self._began else 0.0

    @property
    def outcome(self) -> Outcome | None:
        """What has become of the run so far; None where its loss is not known or under ten steps long."""
        return self.losses.outcome()

    def report(self) -> PostMortem:
        """The run so far, as `trainability.watch.read` gives it from a log.

        Returns:
            PostMortem.
        """
        return PostMortem.of([*self._records, records.end(self, self.error, running=self._on)])

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint has to keep for the watch to go on after a restart; plain values.

        Returns:
            dict for `load_state_dict`.
        """
        self.losses.take(self.step - self._attended)
        self._attended = self.step
        return {
            "step": self.step,
            "losses": self.losses.state(),
            "records": list(self._records),
            "seconds": self.seconds,
        }

    def resume_at(self, step: int) -> None:
        """Count from a step of an earlier run that kept no state of its watch.

        Args:
            step: optimizer steps taken before.
        """
        self.step = self._attended = self._next = step
        self._due = step + 1
        self._curve_due += step
        self._lr_seen = True
        if self._on:
            self._write(records.start(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; call it before the block, or at its beginning.

        Args:
            state: from `state_dict`.
        """
        self.step = int(state["step"])
        self.losses.restore(state["losses"])
        self._records = [*state["records"]]
        self._found = {}
        for record in self._records:
            if record["kind"] == "finding":
                self._found[record["cause"]] = (record["step"], records.as_finding(record))
        self._attended = self._next = self.step
        self._due = self.step + 1
        self._curve_due = max(self._curve_due, self.step)
        self._lr_seen = self.step > 0
        if self._on:
            self._write(records.start(self))


def _after_step(watch: weakref.ref[Watch]) -> Callable[..., None]:
    """`step_ended` as a hook that does not keep the watch alive; it runs in every step, so it is as short as can be."""

    def hook(optimizer: Any, args: Any, kwargs: Any) -> None:
        here = watch()
        if here is not None:  # as `step_ended`, without another call
            here.step = step = here.step + 1
            if step >= here._due:
                here._due_now()

    return hook


def _before_step(watch: weakref.ref[Watch]) -> Callable[..., None]:
    """`step_begins` likewise."""

    def hook(optimizer: Any, args: Any, kwargs: Any) -> None:
        here = watch()
        if here is not None:
            here.step_begins()

    return hook


def _rank() -> int:
    distributed = torch.distributed
    return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0


def _check(model: object, optimizer: Any, detail: str, every: object) -> None:
    if not isinstance(model, nn.Module):
        raise SetupError(f"model is a {type(model).__name__}; needed is a torch.nn.Module.")
    inner = unwrapped_optimizer(optimizer)
    if inner is not None and not isinstance(inner, Optimizer):
        raise SetupError(
            f"optimizer is a {type(optimizer).__name__}; needed is a torch.optim.Optimizer, or None with calls of "
            "step_begins() and step_ended() in the loop."
        )
    if detail not in LOOKS:
        raise SetupError(f'detail is {detail!r}; needed is "default" or "full".')
    if every is not None and (not isinstance(every, int) or isinstance(every, bool) or every < 1):
        raise SetupError(f"every is {every!r}; needed is a whole number of steps from 1, or None to adapt.")
