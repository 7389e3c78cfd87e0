"""Answers made from the targets, put before the loss: whether it prefers right ones, and knows all it may be given."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from trainability.doctor.readings import NAN, AnswersReading
from trainability.setup import Setup
from trainability.setup.constant_answer import WIDE, constant_answer
from trainability.setup.score import class_dim, constant_score, score
from trainability.setup.task import Task
from trainability.setup.untouched import random_state_kept

SAMPLES, NUMBERS = 128, 2**16  # answers that are made, and the numbers that they hold together, at most
SIZES = (1.0, 5.0, 20.0)
TRIALS = 16
SLIGHT = 1e-4
EDGE = 1e-3  # from 0 and 1, where a probability's logarithm is still small
STEPS = 40

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class _Range:
    """Which answers are possible: a map from free numbers to them, and one back."""

    to: Map
    back: Map


def answers_reading(
    setup: Setup, ending: str | None, last: Tensor | None, *, ask: bool = True
) -> AnswersReading | None:
    """Put answers that were made from the targets before the Setup's loss.

    Args:
        setup: on finite data; stays as it is.
        ending: the kind of the model's last activation, "" for a last layer without one, None where it is not known.
        last: (n, ...), the trained model's answers to the samples of `setup.facts`; None without.
        ask: whether to descend to the lowest loss too; otherwise only where right answers are no better than constant.

    Returns:
        AnswersReading; None for fewer than 4 samples or very wide answers, and where the loss raises on some.
    """
    facts = setup.facts
    rows = len(facts.output)
    size = min(rows, SAMPLES, max(NUMBERS // max(facts.output[0].numel(), 1), 8), len(facts.target))
    outputs, y = facts.output[:size].detach(), facts.target[:size]
    last = None if last is None or last.shape[1:] != outputs.shape[1:] else last[:size].detach().to(outputs.device)
    if not outputs.is_floating_point() or size < 4 or outputs[0].numel() > WIDE:
        return None
    try:
        with random_state_kept(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            return _Answers(setup, outputs, y, ending).read(last, ask)
    except Exception:  # a user's loss may raise anything on answers that it was never meant for
        return None


class _Answers:
    """One Setup's loss before made-up answers to one sample."""

    def __init__(self, setup: Setup, outputs: Tensor, y: Tensor, ending: str | None) -> None:
        self.setup, self.outputs, self.y, self.ending = setup, outputs, y, ending
        self.task: Task = setup.facts.task
        self.range = _RANGES.get(ending) if ending is not None else None

    def read(self, last: Tensor | None, ask: bool) -> AnswersReading:
        forms = {k: v for k, v in _forms(self.outputs, self.y, self.task) if torch.isfinite(v).all()}
        losses = {name: self.loss(answer) for name, answer in forms.items()}
        known = {name: loss for name, loss in losses.items() if math.isfinite(loss)}
        best = min(known, key=lambda k: known[k], default="")
        right = known.get(best, NAN)
        order = torch.roll(torch.arange(len(self.y)), len(self.y) // 2).to(self.outputs.device)
        constant_row = self.constant()
        constant = self.loss(constant_row) if constant_row is not None else NAN
        base = forms[best] if best else constant_row
        reading = AnswersReading(
            n=len(self.y),
            forms=len(known),
            form=best,
            right=right,
            logits=min((v for k, v in known.items() if k.startswith("logits") and "turned" not in k), default=NAN),
            shuffled=self.loss(forms[best][order]) if best else NAN,
            constant=constant,
            lowest=NAN,
            lowest_score=NAN,
            constant_score=constant_score(self.y, self.task),
            flat_start=self.flat(self.outputs),
            flat_end=self.flat(last),
            quiet=self.quiet(forms, right),
            soft=_soft(self.outputs, self.y),
            linear=self.linear(),
        )
        if base is not None:
            share, at = self.undefined(base)
            reading = replace(reading, undefined=share, undefined_at=at)
        if not (ask or (best and not right < constant) or reading.soft) or self.range is None:
            return reading
        starts = [a for a in (*(forms[k] for k in known), constant_row, self.outputs, last) if a is not None]
        lowest, answer = self.descend(starts, self.range)
        reading = replace(reading, lowest=lowest, lowest_score=self.score(answer))
        if reading.soft and answer is not None:
            reading = replace(reading, distance=float((answer - self.y).abs().sum(1).mean()) / 2)
        within = _kept(self.outputs, self.y, self.task)
        if self.ending == "" and within is not None:
            kept, answer = self.descend(starts, within)
            reading = replace(reading, kept=kept, kept_score=self.score(answer, logits=False), beyond=self.beyond())
        return reading

    def loss(self, answers: Tensor) -> float:
        try:
            with torch.no_grad():
                return float(self.setup.loss_fn(answers, self.y))
        except Exception:  # BCELoss, say, refuses what is no probability
            return NAN

    def score(self, answers: Tensor | None, *, logits: bool | None = None) -> float:
        if answers is None:
            return NAN
        try:
            return score(answers, self.y, self.task, logits=self.setup.facts.logits if logits is None else logits)
        except (RuntimeError, ValueError):
            return NAN

    def constant(self) -> Tensor | None:
        facts = self.setup.facts
        row = constant_answer(self.setup.loss_fn, self.outputs, self.y, facts.family, facts.form)
        return None if row is None else row.expand(self.outputs.shape).contiguous()

    def beyond(self) -> float:
        """The smallest loss of one number given as every answer; dense near 0, where quotients have their poles."""
        sizes = torch.logspace(-2, math.log10(50), 60).tolist()
        found = [self.loss(torch.full_like(self.outputs, c)) for c in (*sizes, *(-c for c in sizes))]
        return min((v for v in found if math.isfinite(v)), default=NAN)

    def gradient(self, answers: Tensor) -> Tensor | None:
        """The loss's gradient at some answers, nothing else of the graph touched."""
        free = answers.detach().clone().requires_grad_()
        with torch.enable_grad():
            loss = self.setup.loss_fn(free, self.y)
            if not isinstance(loss, Tensor) or not loss.requires_grad:
                return None
            found = torch.autograd.grad(loss.sum(), free, allow_unused=True)[0]
        return found

    def flat(self, answers: Tensor | None) -> float:
        """Share of answers that are wrong, however they are read, and get a gradient of exactly 0."""
        wrong = None if answers is None else _wrong(answers, self.y, self.task)
        if wrong is None or answers is None:
            return NAN
        try:
            gradient = self.gradient(answers)
        except Exception:
            return NAN
        if gradient is None or not bool(torch.isfinite(gradient).all()):
            return NAN
        still = gradient == 0
        if self.task == "multi-class" and wrong.shape != still.shape:
            still = still.all(class_dim(answers, self.y))
        return float((wrong & still).double().mean())

    def quiet(self, forms: dict[str, Tensor], right: float) -> float:
        """How many samples say nothing when all are wrong by as much."""
        target = forms.get("the targets")
        if self.task != "regression" or target is None:
            return NAN
        off = float(target.double().std())
        off = max(off, float(target.double().abs().mean())) if math.isfinite(off) else NAN
        sides = [target + off, target - off]
        at = self.loss(target)
        if not off > 0 or not all(self.loss(s) > at for s in sides) or not math.isclose(at, right, abs_tol=1e-12):
            return NAN
        size = torch.zeros(len(target), dtype=torch.float64, device=target.device)
        for side in sides:
            gradient = self.gradient(side)
            if gradient is None or not bool(torch.isfinite(gradient).all()):
                return NAN
            size += gradient.double().flatten(1).abs().sum(1) if gradient.ndim > 1 else gradient.double().abs()
        return float((size < SLIGHT * size.mean()).double().mean())

    def linear(self) -> bool:
        """Whether the loss of the middle between two answers is the middle between their losses."""
        a, b = (0.1 + 0.8 * torch.rand_like(self.outputs) for _ in range(2))
        one, two, middle = self.loss(a), self.loss(b), self.loss((a + b) / 2)
        return abs(one - two) > 0 and abs((one + two) / 2 - middle) <= 1e-4 * abs(one - two)

    def undefined(self, base: Tensor) -> tuple[float, float]:
        """Share of answers in the model's range that alone, among good ones, make the loss no number."""
        if self.range is None or not math.isfinite(self.loss(base)):
            return 0.0, NAN
        trials = torch.randn(TRIALS, *base.shape[1:], dtype=base.dtype, device=base.device)
        trials[0] = 0.0
        trials[1] = -1.0
        trials = self.range.to(trials)
        bad = []
        for row, trial in enumerate(trials):
            answers = base.clone()
            answers[row % len(base)] = trial
            if not math.isfinite(self.loss(answers)):
                bad.append(float(trial.min()))
        return len(bad) / TRIALS, bad[0] if bad else NAN

    def descend(self, starts: list[Tensor], within: _Range) -> tuple[float, Tensor | None]:
        """The smallest loss over answers within a range, and the answers: from the two best starts, and from the last."""
        free = [within.back(s) for s in starts]
        found = [(self.loss(within.to(z)), i) for i, z in enumerate(free)]
        ranked = [i for loss, i in sorted(found) if math.isfinite(loss)]
        best, answer = NAN, None
        for i in dict.fromkeys([*ranked[:2], *ranked[-1:]]):
            loss, z = self._lower(free[i], within)
            if math.isfinite(loss) and not loss >= best:
                best, answer = loss, within.to(z)
        return best, answer

    def _lower(self, z: Tensor, within: _Range) -> tuple[float, Tensor]:
        """Adam over the answers, with a step that is the size of the answers, halved as it goes."""
        z = z.detach().clone().requires_grad_()
        lr = max(float(z.detach().abs().mean()), 1.0) / 4
        optimizer = torch.optim.Adam([z], lr=lr)
        best, kept = self.loss(within.to(z.detach())), z.detach().clone()
        for step in range(STEPS):
            for group in optimizer.param_groups:
                group["lr"] = lr * (1 - step / STEPS)
            with torch.enable_grad():
                loss = self.setup.loss_fn(within.to(z), self.y)
                if not loss.requires_grad:
                    break
                optimizer.zero_grad()
                (z.grad,) = torch.autograd.grad(loss.sum(), [z])
            value = float(loss.detach())
            if value < best:
                best, kept = value, z.detach().clone()
            if not math.isfinite(value) or not bool(torch.isfinite(z.grad).all()):
                break
            optimizer.step()
        return best, kept


def _forms(outputs: Tensor, y: Tensor, task: Task) -> Iterator[tuple[str, Tensor]]:
    """Right answers in every form that such outputs might have."""
    yes = _yes(outputs, y, task)
    if task == "regression":
        if y.numel() == outputs.numel():
            target = y.reshape(outputs.shape).to(outputs)
            yield "the targets", target
            if bool((target >= 0).all()):
                yield "logarithms of the targets", target.clamp_min(EDGE).log()
            if bool((target >= 0).all() and (target <= 1).all()):
                yield "logits of the targets", torch.logit(target.clamp(EDGE, 1 - EDGE))
        return
    if yes is None:
        yield from _ordered(outputs, y)
        return
    wide = task == "multi-class"
    for size in SIZES:
        yield f"logits of size {size:g}", size * (2 * yes - 1)
        yield f"values 0 and {size:g}", size * yes
        if not wide:  # a distance is small where the answer is yes
            yield f"distances 0 and {size:g}", size * (1 - yes)
            yield f"logits of size {size:g}, turned round", size * (1 - 2 * yes)
    sharp = yes.clamp(EDGE, 1 - EDGE)
    if wide:
        sharp = sharp / sharp.sum(class_dim(outputs, y), keepdim=True)
        yield from _ordered(outputs, y)
    yield "probabilities", sharp
    yield "logarithms of probabilities", sharp.log()


def _yes(outputs: Tensor, y: Tensor, task: Task) -> Tensor | None:
    """1 where the answer is yes, 0 elsewhere, in the outputs' shape; shares stay shares."""
    if task == "multi-class":
        if y.shape == outputs.shape:
            return y.to(outputs)
        where = class_dim(outputs, y)
        index = y.squeeze(-1) if y.ndim == outputs.ndim and y.shape[-1] == 1 else y
        classes = outputs.shape[where]
        if index.numel() * classes != outputs.numel() or int(index.max()) >= classes:
            return None
        one_hot = F.one_hot(index.long().clamp_min(0), classes).to(outputs)
        return one_hot if where == -1 else one_hot.movedim(-1, 1)
    if task in ("binary", "multi-label") and y.numel() == outputs.numel():
        low, high = float(y.min()), float(y.max())
        return (y.reshape(outputs.shape).to(outputs) - low) / (high - low) if high > low else None
    return None


def _ordered(outputs: Tensor, y: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Grades: yes to every threshold below the grade."""
    if outputs.ndim != 2 or y.is_floating_point() or y.numel() != len(outputs) or int(y.min()) < 0:
        return
    above = (y.reshape(-1, 1) > torch.arange(outputs.shape[1], device=y.device)).to(outputs)
    for size in SIZES:
        yield f"thresholds of size {size:g}", size * (2 * above - 1)


def _wrong(answers: Tensor, y: Tensor, task: Task) -> Tensor | None:
    yes = _yes(answers, y, task)
    if yes is None or not bool(torch.isfinite(answers).all()):
        return None
    if task == "multi-class":
        where = class_dim(answers, y)
        given = answers.argmax(where, keepdim=True)
        wrong = (yes.gather(where, given) < yes.amax(where, keepdim=True)).squeeze(where)
        ignored = y.reshape(wrong.shape) < 0 if y.numel() == wrong.numel() else torch.zeros_like(wrong)
        return wrong & ~ignored
    return torch.where(yes > 0.5, answers <= 0, answers >= 1)


def _soft(outputs: Tensor, y: Tensor) -> bool:
    """Whether targets are rows of shares over the outputs, and few of them are all of one class."""
    if y.shape != outputs.shape or outputs.ndim < 2 or outputs.shape[1] < 2 or not y.is_floating_point():
        return False
    sums = y.sum(1)
    return bool((y >= 0).all() and torch.allclose(sums, torch.ones_like(sums), atol=1e-4) and y.amax(1).mean() < 0.95)


def _kept(outputs: Tensor, y: Tensor, task: Task) -> _Range | None:
    """The answers that would be probabilities, or positive where targets never are negative."""
    if task == "multi-class":
        return _RANGES["softmax"] if class_dim(outputs, y) == 1 else None
    if task in ("binary", "multi-label"):
        return _RANGES["sigmoid"]
    return _RANGES["softplus"] if bool((y >= 0).all()) else None


def _inverse_softplus(p: Tensor) -> Tensor:
    p = p.clamp_min(EDGE)
    return p + (-torch.expm1(-p)).log()


_RANGES: dict[str, _Range] = {
    "": _Range(lambda z: z, lambda a: a),
    "sigmoid": _Range(torch.sigmoid, lambda p: torch.logit(p.clamp(EDGE, 1 - EDGE))),
    "tanh": _Range(torch.tanh, lambda a: torch.atanh(a.clamp(-1 + EDGE, 1 - EDGE))),
    "relu": _Range(torch.relu, lambda a: a.clamp_min(EDGE)),
    "softplus": _Range(F.softplus, _inverse_softplus),
    "softmax": _Range(lambda z: z.softmax(1), lambda p: p.clamp_min(EDGE).log()),
    "log_softmax": _Range(lambda z: z.log_softmax(1), lambda a: a),
}
