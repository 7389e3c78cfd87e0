"""What the numbers that leave a model are: probabilities, log-probabilities, or values (logits among them)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

OutputForm = Literal["probabilities", "independent-probabilities", "log-probabilities", "values"]


def output_form(output: Tensor) -> OutputForm:
    """Tell a model's output form from its values.

    "probabilities": rows in [0, 1] that sum to 1 (a softmax); "independent-probabilities": all in [0, 1]
    without that (sigmoids); "log-probabilities": rows whose exponentials sum to 1; otherwise "values".

    Args:
        output: (N, C, ...) or (N,), any N >= 1.

    Returns:
        OutputForm. Values that happen to lie in [0, 1] cannot be told from sigmoids by this alone.

    Example:
        >>> output_form(torch.randn(5, 3).softmax(1)), output_form(torch.randn(50, 3))
        ('probabilities', 'values')
    """
    x = output.detach().to(torch.float64)
    if not bool(torch.isfinite(x).all()):
        return "values"
    wide = x.ndim > 1 and x.shape[1] > 1
    if bool((x >= 0).all()) and bool((x <= 1).all()):
        sums = x.sum(1) if wide else None
        if sums is not None and torch.allclose(sums, torch.ones_like(sums), atol=1e-4):
            return "probabilities"
        return "independent-probabilities"
    if wide and bool((x <= 1e-6).all()) and bool((x.logsumexp(1).abs() < 1e-4).all()):
        return "log-probabilities"
    return "values"
