"""How deep a plain chain of such layers may be."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from trainability.forecast.moments import moments
from trainability.forecast.shadow import Node
from trainability.theory import signal

SCALES = 6.0
"""Depths beyond about six scales were seen not to train: Schoenholz et al. 2017, an empirical rule."""


def trainable_depth(nodes: list[Node]) -> float | None:
    """Six times the shorter of two scales, in layers: that of correlations, and that of this network's own gradient.

        xi_grad = 1/|mean ln chi_l|,   chi_l = sigma_w² E phi'(z)² at the mean square that layer l really has
        xi_c    of `theory.signal.depth_scales`, at the chain's mean sigma_w² and sigma_b²

    Rates within three standard errors of 0, for weights that are a sample of their law, count as 0.

    Args:
        nodes: of one pass.

    Returns:
        Layers, 1 or more; infinite where nothing decays; None for a network with normalisation or residual sums, or
        without an activation between two layers, where this theory does not apply.

    Source:
        Schoenholz et al. 2017, arXiv 1611.01232, for the scales; six of them is a reading of their experiments.
    """
    if any(
        n.kind in ("sum", "normalisation", "embedding") or (n.law is None and n.kind != "activation") for n in nodes
    ):
        return None
    chain = [n for n in nodes if n.kind in ("linear", "convolution", "activation")]
    pairs = [(phi, layer) for phi, layer in pairwise(chain) if "before" in phi.facts and "sigma_w2" in layer.facts]
    if not pairs:
        return None
    rates = [_rate(phi, layer) for phi, layer in pairs]
    noise = 3 * math.sqrt(sum(2 / layer.facts["weight"].numel() for _, layer in pairs)) / len(pairs)
    decays = [abs(sum(rates) / len(rates))]
    sigma_w2, sigma_b2 = (sum(layer.facts[k] for _, layer in pairs) / len(pairs) for k in ("sigma_w2", "sigma_b2"))
    try:
        xi_c = signal.depth_scales(_in_numpy(pairs[0][0].facts["phi"]), sigma_w2, sigma_b2).xi_c
        decays.append(1 / xi_c if xi_c > 0 else math.inf)
    except (ValueError, ArithmeticError):
        pass  # no mean-field limit for this activation: the gradient alone
    fastest = max(decays)
    return max(SCALES / fastest, 1.0) if fastest > noise else math.inf


def _rate(phi: Node, layer: Node) -> float:
    law = phi.facts["before"]
    std = law.squares.mean().clamp_min(0).sqrt()[None]
    slope = float(moments(phi.facts["phi"], torch.zeros(1, dtype=torch.float64), std).slope)
    chi = float(layer.facts["sigma_w2"]) * slope
    return math.log(chi) if chi > 0 else -math.inf


def _in_numpy(phi: Any) -> Any:
    return lambda z: phi(torch.as_tensor(np.ascontiguousarray(z))).numpy()
