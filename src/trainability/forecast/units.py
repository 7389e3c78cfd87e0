"""Share of units that theory expects dead, or always on, on the inputs of a pass."""

from __future__ import annotations

import torch

from trainability.forecast.shadow import Node

_DRAWS = 20_000


def predicted_units(node: Node) -> tuple[float | None, float | None]:
    """P(z_i <= 0 for all inputs) and P(z_i > 0 for all), z Gaussian with the kernel before the activation.

    From 20,000 Gaussian draws, so to about 0.3%. Between positions kernels are unknown: there, None.

    Args:
        node: an activation that theory has followed.

    Returns:
        (dead, always on).
    """
    law = node.facts.get("before")
    if node.kind != "activation" or law is None or len(law.kernel) != 1:
        return None, None
    covariance = law.kernel[0] - law.mean[0][:, None] * law.mean[0][None, :]
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp_min(0).sqrt()
    noise = torch.randn(_DRAWS, law.inputs, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    on = noise @ root.t() + law.mean[0] > 0
    return float((~on).all(1).double().mean()), float(on.all(1).double().mean())
