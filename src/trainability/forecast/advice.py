"""Which initialization does better, found by drawing it and looking."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from trainability.errors import SetupError
from trainability.forecast.forecast import Advice, Forecast, hidden_layers
from trainability.forecast.reading import factor
from trainability.initializers import initialize

LIMIT = 1e4
"""Factors beyond this, in mean square from the first place of `hidden_layers` to the last, are spoken of: 100 in size.
Five Xavier layers of ReLU (2⁻⁴), torch's own weights over five layers (6⁻⁴) and a residual stream that grows with depth
stay below."""

GROWTH = 1e2
"""The same for growth along a plain chain. It is the worse direction: an output 10 times too large saturates whatever
stands behind it, where one too small is made up for by the first steps."""

DEAD = 0.5
"""A layer with more than this share of dead units is spoken of; He's weights without bias leave far fewer on any data
with more than one direction."""

ALIKE = 0.999
"""Inputs that came in with a cosine below 0.9 and leave with one above this are told apart no longer."""

SCHEMES = ("he_normal", "lecun_normal", "xavier_normal", "orthogonal")


def advise(
    model: nn.Module, found: Forecast, again: Callable[[nn.Module], Forecast], copied: Callable[[nn.Module], Any]
) -> tuple[Advice, ...]:
    """What to change, with what the same passes show after it; nothing where nothing is wrong.

    Args:
        model: left alone.
        found: its forecast.
        again: forecasts another model on the same inputs.
        copied: gives a copy.

    Returns:
        At most one Advice.
    """
    seen = trouble(found)
    if not seen:
        return ()
    best: tuple[float, str, Forecast] | None = None
    for scheme in SCHEMES:
        changed = copied(model)
        try:
            initialize(changed, scheme, bias="zeros", generator=torch.Generator().manual_seed(0))
            result = again(changed)
        except (SetupError, ValueError):
            continue
        if best is None or score(result) < best[0]:
            best = (score(result), scheme, result)
    if best is None or best[0] >= score(found) - 0.5:
        text = "None of the standard schemes does better here: look at depth, normalisation and residual connections."
        return (Advice(seen, text, "", ""),)
    _, scheme, result = best
    after = f"Then the mean square changes {factor(result.signal_factor or math.nan)}"
    if result.gradient_factor is not None:
        after += f" and the gradient {factor(result.gradient_factor)}"
    left = trouble(result)
    after += ", measured by the same passes." + (f" Still: {left}" if left else "")
    code = f'trainability.initializers.initialize(model, "{scheme}", bias="zeros")'
    return (Advice(seen, f"Draw the weights anew: {scheme}, biases 0.", code, after),)


def trouble(found: Forecast) -> str:
    """What is wrong, in a sentence with its numbers; empty where nothing is."""
    signal, gradient = found.signal_factor, found.gradient_factor
    for ratio, what in ((signal, "The signal"), (gradient, "The gradient on its way back")):
        if ratio is None:
            continue
        most = LIMIT if any(row.kind == "sum" for row in found.layers) else GROWTH
        if math.isnan(ratio) or not 1 / LIMIT <= ratio <= most:
            return f"{what} changes {factor(ratio)} in mean square over {found.depth} layers."
    dead = [row for row in found.layers if row.measured_dead is not None]
    worst = max(dead, key=lambda row: row.measured_dead or 0.0, default=None)
    if worst is not None and (worst.measured_dead or 0.0) > DEAD and found.inputs >= 8:
        return f"{worst.measured_dead:.0%} of the units of {worst.name} are dead on all {found.inputs} inputs."
    hidden = [row.measured_correlation for row in hidden_layers(found.layers) if row.measured_correlation is not None]
    if len(hidden) > 1 and hidden[0] < 0.9 and hidden[-1] > ALIKE:
        return f"All inputs look alike behind the last hidden layer: their cosine is {hidden[-1]:.5f}."
    return ""


def score(found: Forecast) -> float:
    """How far signal and gradient are from being kept, in powers of ten; less is better."""
    total = 0.0
    for ratio in (found.signal_factor, found.gradient_factor):
        if ratio is None:
            continue
        total += abs(math.log10(ratio)) if math.isfinite(ratio) and ratio > 0 else 100.0
    dead = max((row.measured_dead or 0.0 for row in found.layers), default=0.0)
    return total + 10 * max(dead - DEAD, 0.0)
