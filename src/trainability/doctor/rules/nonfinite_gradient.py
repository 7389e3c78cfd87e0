"""A gradient that is NaN or infinite although the loss is finite."""

from __future__ import annotations

import math

from trainability.doctor.finding import Finding
from trainability.doctor.readings import BadGradientReading, GraphReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt

GROWN = 10.0  # times the loss to beat; a loss above it was lost to the steps and not to an operation
PLAIN = frozenset(
    {"mm", "addmm", "bmm", "baddbmm", "addbmm", "mv", "addmv", "convolution", "slowconv2d", "mkldnnconvolution", "sum"}
)
"""Operations whose own derivative is finite wherever they are: what overflows in them was too large before."""

CURES = {
    "sqrt": "the root has an infinite derivative at 0: put a small number under it, (x + 1e-6).sqrt()",
    "rsqrt": "put a small number under the root: (x + 1e-6).rsqrt()",
    "pow": "a power below 1 has an infinite derivative at 0: add a small number first, (x + 1e-6) ** p",
    "log": "the logarithm has no derivative at 0: keep its argument away from there, x.clamp(min=1e-6).log()",
    "div": "a denominator is 0: add a small number to it, or choose the denominator by torch.where before dividing",
    "acos": "keep its argument inside: x.clamp(-1 + 1e-6, 1 - 1e-6).acos()",
    "asin": "keep its argument inside: x.clamp(-1 + 1e-6, 1 - 1e-6).asin()",
    "exp": "it overflows where torch.where does not choose it: clamp its argument before, x.clamp(max=50).exp()",
}
"""What is usual, by operation."""


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and an operation turns a finite gradient into one that is not, the loss being finite."""
    bad = r.graph.bad_gradient
    if not r.fails or not bad.tensors or not math.isfinite(bad.loss) or bad.operation in PLAIN:
        return None
    if bad.step and not _moderate(r):
        return None
    cure = CURES.get(bad.operation, "keep its argument away from where its derivative is infinite")
    at = f" ({bad.line})" if bad.line else ""
    when = "before the first step" if not bad.step else f"after {bad.step} steps"
    name = bad.node or "an operation"
    return Finding(
        cause="nonfinite-gradient",
        where=bad.line or name,
        evidence={
            "loss": bad.loss,
            "parameter tensors whose gradient is not finite": float(bad.tensors),
            "operation": name,
            "numbers that come out of it not finite": float(bad.numbers),
            "steps before": float(bad.step),
        },
        says=(
            f"The loss is {fmt(bad.loss)}, and the gradient of {bad.tensors} parameter tensors is NaN or infinite, "
            f"{when}: {name}{at} gets a finite gradient and hands back {bad.numbers} "
            f"{'number that is' if bad.numbers == 1 else 'numbers that are'} not. One such number makes the weights that it "
            "reaches NaN at the next step, whatever the learning rate; a torch.where behind it does not help, "
            "since 0 times infinity is NaN. It does not mean that the data or the loss are not finite. The "
            f"usual cure: {cure}."
        ),
        weight=93.0 if not bad.step else 82.0,
    )


def _moderate(r: Readings) -> bool:
    """Whether the loss was still near what it has to beat."""
    run = r.runs[0] if r.runs else RunReading()
    known = [abs(x) for x in (run.start_loss, run.constant_loss) if math.isfinite(x)]
    return abs(r.graph.bad_gradient.loss) <= GROWN * max(known, default=0.0)


_ROOT = BadGradientReading(loss=0.7, tensors=4, node="SqrtBackward0", line="net.py, line 9: d.sqrt()", numbers=6)
_LATE = BadGradientReading(step=40, loss=0.7, tensors=4, node="LogBackward0", numbers=1)
_LOST = (RunReading("diverged", score=float("nan")),)

RULE = Rule(
    cause="nonfinite-gradient",
    title="A gradient that is not finite, of a finite loss",
    why="Roots, logarithms, quotients and norms have finite values at places where their derivatives are infinite.",
    not_meant="Steps that are too long make the loss itself overflow; there the loss is lost before the gradient is.",
    source="The chain rule; PyTorch's notes on autograd, on gradients of operations that are not differentiable.",
    judge=judge,
    sick=(
        Readings(graph=GraphReading(bad_gradient=_ROOT), runs=_LOST),
        Readings(graph=GraphReading(bad_gradient=_LATE), runs=_LOST),
    ),
    healthy=(
        Readings(),
        Readings(graph=GraphReading(bad_gradient=_ROOT)),
        Readings(
            graph=GraphReading(bad_gradient=BadGradientReading(step=9, loss=1e20, tensors=4, node="SqrtBackward0")),
            runs=_LOST,
        ),
        Readings(
            graph=GraphReading(bad_gradient=BadGradientReading(loss=2.0, tensors=4, node="AddmmBackward0")), runs=_LOST
        ),
    ),
)
