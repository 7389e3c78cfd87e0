"""A forecast in sentences."""

from __future__ import annotations

import math

from trainability.forecast.forecast import MEASURED, Forecast


def read(found: Forecast) -> tuple[str, ...]:
    """What the table says, for somebody who reads three sentences.

    Args:
        found: the numbers.

    Returns:
        Sentences.
    """
    lines = [
        f"{found.inputs} inputs, {found.draws} draws of the weights; each pair is predicted | measured. The gradient is that "
        "of a standard Gaussian one at the output."
    ]
    signal, gradient = found.signal_factor, found.gradient_factor
    if signal is not None:
        text = f"From the first hidden layer to the last the mean square changes {factor(signal)}"
        if gradient is not None:
            text += f", and that of the gradient on its way back {factor(gradient)}"
        lines.append(text + ".")
    checked = [row.agrees for row in found.layers if row.agrees is not None]
    alone = sum(row.reach == MEASURED for row in found.layers)
    if checked:
        text = f"Theory states {len(checked)} mean squares; {sum(checked)} lie within its own error."
        lines.append(text + (f" At {alone} operations it does not reach." if alone else ""))
    if found.trainable_depth is not None:
        depth = found.trainable_depth
        shown = "no limit from signal and gradient" if math.isinf(depth) else f"about {depth:.0f} layers"
        lines.append(
            f"Trainable depth with this scheme (six scales, an empirical rule): {shown}; this has {found.depth}."
        )
    if not found.advice:
        lines.append("Nothing in this initialization needs to be changed." if signal is None or ok(signal) else "")
    return tuple(line for line in lines if line)


def ok(ratio: float) -> bool:
    """Whether a factor is finite and not 0."""
    return math.isfinite(ratio) and ratio > 0


def factor(ratio: float) -> str:
    """A ratio in words.

    >>> factor(3.0), factor(0.01), factor(0.0)
    ('3-fold', '0.01-fold', 'to nothing')
    """
    if not math.isfinite(ratio):
        return "beyond any finite number"
    return "to nothing" if ratio == 0 else f"{ratio:.3g}-fold"
