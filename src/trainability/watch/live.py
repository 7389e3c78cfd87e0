"""The watch itself: what is hung on a live loop, when it attends to it, and how it is taken off again."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from trainability.doctor.finding import Finding
from trainability.errors import SetupError
from trainability.measures.outcome import Outcome
from trainability.watch import checkpoint, patch, records
from trainability.watch.alarms.detached_loss import without_history
from trainability.watch.arguments import check
from trainability.watch.budget import SharpnessBudget
from trainability.watch.clock import FIRST, WARM, Clock
from trainability.watch.hearing import Hearing, rank
from trainability.watch.hooks import after_step, before_step
from trainability.watch.judge import Judge, state
from trainability.watch.ledger import Ledger
from trainability.watch.look import Looker
from trainability.watch.losses import Losses
from trainability.watch.order import OrderProbe
from trainability.watch.postmortem import PostMortem
from trainability.watch.sinks import Sink
from trainability.watch.state import NAN, State
from trainability.watch.unwrap import unwrapped, unwrapped_optimizer

Detail = Literal["default", "full"]

# Shares of the loop's own time for looks; the sharpness has another. The promise is 1.05 and 1.5 times the loop in all; what
# is done in every step takes the rest.
LOOKS = {"default": 0.005, "full": 0.15}
DENSITY = {"default": 200, "full": 1000}


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
        check(model, optimizer, detail, every)
        self.model, self.optimizer, self.loss_fn = model, unwrapped_optimizer(optimizer), loss_fn
        self.detail, self.name = detail, name or type(unwrapped(model)).__name__
        self.step = 0
        self.error: str = ""
        self._lr = lr
        self.ledger = Ledger(on_finding, sinks, log=log, terminal=terminal, tensorboard=tensorboard, wandb=wandb)
        self.losses = Losses(constant_loss, target)
        self.clock = Clock(LOOKS[detail], DENSITY[detail], every)
        self.looker = Looker(model, self.optimizer, loss_fn)
        self.sharpness = SharpnessBudget(self.optimizer, detail)
        self.order = OrderProbe(unwrapped(model), self.optimizer) if self.optimizer is not None else None
        self.hearing = Hearing(self, self.losses)
        self._judge = Judge(model)
        self._order_due = 0
        self._on = self._mixed = False
        self._due = self._next = self._attended = 0
        self._hooks: list[Any] = []
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
        if rank():
            return self
        self._on = True
        self._began = self.clock.now()
        self.ledger.open()
        self.hearing.begin([p for p in unwrapped(self.model).parameters() if p.requires_grad])
        self.ledger.write(records.start(self))
        patch.listen(self.hearing)
        if self.optimizer is not None:
            self._hooks = [self.optimizer.register_step_post_hook(after_step(weakref.ref(self)))]
            self._follow()
        if self.step == 0:
            self._judge.begin(self.optimizer)
        self._judge.judge(self)
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
            self.take_losses()
            try:
                self._judge.judge(self, ended=True)
            except Exception as fault:
                self.fail(fault)
            lost = without_history(error, self.step)
            if lost is not None:
                self.ledger.take(lost, self.step)
            if error is not None:
                self.error = f"{type(error).__name__}: {error}"[:300]
            self.ledger.write(records.end(self, self.error))
        finally:
            self.ledger.close()

    def _off(self) -> None:
        """Every hook and patch away; nothing here may fail."""
        self._ended = self.clock.now()
        self._on = False
        if self.order is not None:
            self.order.end()  # it wrapped what is unwrapped next
        patch.leave(self.hearing)
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self.looker.off()
        self.hearing.off()

    def __del__(self) -> None:
        if getattr(self, "_on", False):
            self._off()

    # what the loop tells

    def loss(self, value: Tensor | float) -> None:
        """Tell the loss by hand, where the loop never calls backward on it or on another thing as well.

        Args:
            value: one number; from the first call on only told losses count.
        """
        self.hearing.told, self.hearing.quick = True, False
        if self._on:
            self.hearing.add(value if isinstance(value, Tensor) else torch.tensor(float(value)), self)

    def step_begins(self) -> None:
        """The optimizer is about to step; called by its hook, or by a loop without a torch optimizer."""
        if self.looker.armed:
            try:
                self.looker.step_begins()
            except Exception as error:
                self.fail(error)

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
                self.fail(error)

    def starved(self) -> None:
        """Backward is called again and again, and no step follows."""
        if self.order is not None:
            self.order.end()
            self._judge.judge(self)

    def attend_next(self) -> None:
        """The next step is attended to, whatever was planned."""
        self._due = 0

    # what is done of it

    def _attend(self) -> None:
        """What is done after some steps: take stock, look, judge, and plan the next time."""
        took, began = self.clock.lap() - self.sharpness.taken(), self.clock.now()
        steps = self.take_losses()
        looked, following = self.looker.armed, self.order is not None and self.order.following
        judged = (looked and self.step >= FIRST) or 0 < self.losses.nonfinite <= 3
        if following and self.order is not None and self.order.look():
            self._order_due, judged = 10 * self.step, True
            self._mixed = self.order.foreign > 0
        if looked:
            for record in self.looker.look(self.step, self.seconds, self.losses, self.lrs()):
                self.ledger.write(record)
        if judged:
            self._judge.judge(self)
        if looked:
            usual = self.clock.usual
            own = self.clock.now() - began + self._arming
            counts = not following and self.step > 1 and usual == usual
            self._next = self.step + self.clock.gap(self.step, cost=own + max(took - usual, 0.0) if counts else NAN)
        elif not following:
            self.clock.plain(took, steps)
        if self.step >= self._next - 1:
            self._arm()
            if self.order is not None and self.step >= self._order_due and not self.order.following:
                self._follow()
        following = self.order is not None and self.order.following
        gap = 1 if self.looker.armed or following else self._next - 1 - self.step
        self._due = self.step + max(gap, 1)
        hearing = self.hearing
        hearing.wants_end = following or self._mixed or (self.optimizer is None and self.step < WARM)
        busy = hearing.wants_end or self.looker.armed or hearing.told or hearing.scaler
        hearing.quick = not busy and self.sharpness.off and hearing.on_cpu()
        self.clock.lap()

    def take_losses(self) -> int:
        """Share out the losses since the last time among the steps since then. Returns how many steps these were."""
        steps, self._attended = self.step - self._attended, self.step
        self.losses.take(steps)
        return steps

    def _arm(self) -> None:
        began = self.clock.now()
        self.looker.arm(before_step, weakref.ref(self))
        self._arming = self.clock.now() - began

    def _follow(self) -> None:
        if self.order is not None:
            self.order.begin()

    def measure_sharpness(self, loss: Tensor) -> None:
        """Of this loss, where it is due."""
        found = self.sharpness.measure(loss, self.step, self.clock, self._began)
        if found is not None:
            self.ledger.write(records.sharpness(found, max(self.lrs(), default=NAN)))

    def lrs(self) -> list[float]:
        """The present learning rates, one per group."""
        if self._lr is not None:
            return [float(self._lr())]
        return [float(group.get("lr", NAN)) for group in getattr(self.optimizer, "param_groups", ())]

    def state(self) -> State:
        """Everything that alarms may look at, now.

        Returns:
            State.
        """
        return state(self)

    def fail(self, error: Exception) -> None:
        """A fault of the watch is no fault of the run: let go of it, and say so."""
        self.error = f"the watch stopped at step {self.step}: {type(error).__name__}: {error}"
        self._off()
        warnings.warn(f"trainability: {self.error}. Training goes on unwatched.", RuntimeWarning, stacklevel=3)

    # what comes of it

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything found so far, the strongest first."""
        return self.ledger.findings

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
        return PostMortem.of([*self.ledger.records, records.end(self, self.error, running=self._on)])

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint has to keep for the watch to go on after a restart; plain values.

        Returns:
            dict for `load_state_dict`.
        """
        return checkpoint.save(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; call it before the block, or at its beginning.

        Args:
            state: from `state_dict`.
        """
        checkpoint.load(self, state)
        self._go_on(int(state["step"]), max(self.sharpness.due, int(state["step"])))

    def resume_at(self, step: int) -> None:
        """Count from a step of an earlier run that kept no state of its watch.

        Args:
            step: optimizer steps taken before.
        """
        self._go_on(step, self.sharpness.due + step)

    def _go_on(self, step: int, sharpness_due: int) -> None:
        self.step = self._attended = self._next = step
        self._due = step + 1
        self.sharpness.due = sharpness_due
        if step:
            self.looker.lr_seen = True
            self._judge.resumed()
        if self._on:
            self.ledger.write(records.start(self))
