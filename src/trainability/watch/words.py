"""The sentences that every form of a post-mortem shares."""

from __future__ import annotations

import math

from trainability.doctor.report import words
from trainability.doctor.rules import fmt, share
from trainability.watch.postmortem import PostMortem

HEAD = {
    "trained": "It trained.",
    "learning": "It was learning.",
    "stalled": "It learned nothing.",
    "diverged": "It diverged.",
    "": "Its loss was not seen.",
}
STYLE = {"trained": "trains", "learning": "trains", "stalled": "will-not-train", "diverged": "will-not-train"}


def headline(p: PostMortem) -> str:
    """The outcome and the strongest finding in one line."""
    said = HEAD.get(p.outcome, p.outcome)
    if not p.findings:
        return said
    first = words.title(p.findings[0])
    return f"{said[:-1]}; what was seen first of all: {first[0].lower()}{first[1:]}."


def grounds(p: PostMortem) -> str:
    """How far it got, and the loss."""
    loss = ""
    if math.isfinite(p.start_loss):
        now = "is not a number" if not math.isfinite(p.recent_loss) else f"was {fmt(p.recent_loss)}"
        loss = f" The loss began at {fmt(p.start_loss)} and {now} over the last tenth."
    again = f" It was taken up again at step {', '.join(map(str, p.restarts))}." if p.restarts else ""
    ended = f" It ended early: {words.clean(p.ended)}." if p.ended and "still" not in p.ended else ""
    ended = ended or (f" {p.ended[0].upper()}{p.ended[1:]}." if p.ended else "")
    return f"{p.steps} steps in {fmt(p.seconds)} s.{loss}{again}{ended}"


def facts(p: PostMortem) -> list[tuple[str, str]]:
    """What was watched, in rows."""
    seen = "in the run's own passes"
    if p.compiled:
        seen = "beside the run, uncompiled and without gradients, since the model was compiled"
    last = p.looks[-1] if p.looks else None
    rows = [
        ("Model", f"{p.model}, {p.weights} weights"),
        ("Optimizer", p.optimizer or "none was given"),
        ("Loss", p.loss_fn or "learned from backward"),
        ("Looks", f"{len(p.looks)}, layers seen {seen}"),
    ]
    if last is not None:
        rows.append(("At the last look", _now(last.step, last.lr, last.update, last.gradient_norm)))
        if last.dead:
            name, worst = max(last.dead, key=lambda d: d[1])
            rows.append(
                (
                    "Dead units",
                    f"at most {share(worst)} of a layer ({name or 'relu'}), over the last 128 inputs or more",
                )
            )
    if p.curves:
        c = p.curves[-1]
        limit = "no limit" if c.stable_lr == math.inf or c.stable_lr != c.stable_lr else fmt(c.stable_lr)
        rows.append(("Sharpness", f"{fmt(c.sharpness)} at step {c.step}; stable lr {limit}, lr {fmt(c.lr)}"))
    return rows


def _now(step: int, lr: float, update: float, norm: float) -> str:
    return (
        f"step {step}: lr {fmt(lr)}, one step moves the median weight matrix by {fmt(update)} of its size, "
        f"gradient norm {fmt(norm)}"
    )
