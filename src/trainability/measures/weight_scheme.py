"""Which initialization a weight tensor looks like it was drawn by, read off the numbers alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, log, nan, pi, prod, sqrt
from typing import Literal

import numpy as np
import torch
from scipy.stats import kstest, norm, truncnorm
from torch import Tensor

Kind = Literal["zeros", "constant", "uniform", "normal", "truncated-normal", "orthogonal", "other"]

_SAMPLE = 20_000
_FEWEST = 16
_FEWEST_TO_MATCH = 64
_FEWEST_TRUNCATED = 500
_TRUNCATED_SHRINK = 0.8796256610342398
_LIKELIER = 4.0
_NORMAL_LIMIT = 1.25


@dataclass(frozen=True)
class WeightScheme:
    """What a weight tensor looks like it was drawn by.

    Args:
        kind: the family, "other" where none fits or too few values are there to tell.
        low: smallest weight.
        high: largest weight.
        mean: mean weight.
        std: standard deviation of the weights.
        fan_in: inputs each unit sums, as torch counts them; None for fewer than 2 dimensions.
        fan_out: units each input feeds, as torch counts them; None for fewer than 2 dimensions.
        fit: greatest gap between the weights' distribution function and the family's (Kolmogorov-Smirnov
            distance); for "orthogonal" the greatest relative departure from it; nan for "other".
        says: the scheme in a few signs, such as `U[-1, 1]`, `N(0, 0.1²)`, `every weight 0.01`.
        matches: the one standard scheme whose family and std fit: he_normal, he_uniform, xavier_normal,
            xavier_uniform, lecun_normal or torch_default; None for none, or for two of different std.
        he_std: sqrt(2 / fan_in), the std that He's scheme for the ReLU has; None without a fan_in.

    >>> weight_scheme(torch.full((4, 4), 0.01)).kind
    'constant'
    """

    kind: Kind
    low: float
    high: float
    mean: float
    std: float
    fan_in: int | None
    fan_out: int | None
    fit: float
    says: str
    matches: str | None
    he_std: float | None


def weight_scheme(weight: Tensor) -> WeightScheme:
    """The distribution that a weight tensor's values fit, and the standard scheme with that spread.

        uniform       given the extremes, the other n - 2 values are uniform between them: KS test, p >= 0.001
        normal        D (sqrt n - 0.01 + 0.85 / sqrt n) < 1.25, D the KS distance with fitted mean and std
        orthogonal    rows (or columns) orthogonal and of equal length within rounding

    At most 20 000 values, the same ones every time, are looked at; the extremes are those of all. A truncated
    normal (cut at 2 std) is told from a normal by its extremes, from 500 values on. Where uniform and normal
    both fit, one must be e⁴ times likelier. Below 16 values only constants are named, below 64 nothing is
    matched. A scheme matches when its std is within 4 standard errors (or 0.5 %) and the mean within 4 of 0.
    Numbers in `says` are the shortest that the data allow. A network that has trained for a while matches
    nothing, which is right.

    Args:
        weight: a floating-point tensor in torch's layout (out, in, *kernel); not a stack of members.

    Returns:
        What it looks like. It never says how the weights were drawn, only what they are consistent with.

    Raises:
        ValueError: for an empty tensor.

    Source:
        Stephens 1974, J. Am. Stat. Assoc. 69, 730-737, Table 1A case 3 (the normal's statistic; 1.035 is its
        1 % point); fans and schemes as in `torch.nn.init`.

    >>> w = torch.empty(256, 64).uniform_(-1, 1, generator=torch.Generator().manual_seed(0))
    >>> weight_scheme(w).says
    'U[-1, 1]'
    >>> scheme = weight_scheme(torch.nn.init.orthogonal_(torch.empty(32, 32), gain=2.0))
    >>> scheme.kind, scheme.says
    ('orthogonal', 'orthogonal × 2')
    """
    n = weight.numel()
    if n == 0:
        raise ValueError(f"Got an empty tensor of shape {tuple(weight.shape)}; need at least one weight.")
    weight = weight.detach()
    fan_in, fan_out = _fans(weight)
    low, high = (end.item() for end in weight.aminmax())
    values = sampled_values(weight)
    usual = isfinite(low) and isfinite(high)
    mean, std = (float(values.mean()), float(values.std())) if usual else (nan, nan)

    kind: Kind = "other"
    fit = nan
    says = f"mean {mean:.3g}, std {std:.3g}" if usual else "NaN or infinity among the weights"
    if usual and low == high:
        kind, fit = ("zeros" if low == 0 else "constant"), 0.0
        says = f"every weight {low:.6g}"
        mean, std = low, 0.0
    elif usual and n >= _FEWEST and (found := _orthogonal(weight)):
        scale, fit = found
        kind, says = "orthogonal", f"orthogonal × {_shortest(scale, scale * 1e-3)}"
    elif usual and n >= _FEWEST:
        kind, fit = _family(values, low, high, n)
        if kind == "uniform":
            says = _uniform_says(low, high, n)
        elif kind in ("normal", "truncated-normal"):
            says = _normal_says(kind, mean, std, len(values))
    return WeightScheme(
        kind=kind,
        low=low,
        high=high,
        mean=mean,
        std=std,
        fan_in=fan_in,
        fan_out=fan_out,
        fit=fit,
        says=says,
        matches=_match(kind, mean, std, len(values), fan_in, fan_out),
        he_std=None if fan_in is None else sqrt(2.0 / fan_in),
    )


def _fans(weight: Tensor) -> tuple[int | None, int | None]:
    if weight.ndim < 2:
        return None, None
    positions = prod(weight.shape[2:])
    return weight.shape[1] * positions, weight.shape[0] * positions


def sampled_values(weight: Tensor) -> np.ndarray:
    """At most 20 000 values of a tensor in float64, the same ones every time.

    Args:
        weight: any shape, on any device.

    Returns:
        A vector; all values of a tensor that has no more.

    >>> sampled_values(torch.arange(3.0))
    array([0., 1., 2.])
    """
    flat = weight.detach().reshape(-1)
    if flat.numel() > _SAMPLE:
        # Multiples of the golden ratio: spread evenly, in step with no row length.
        steps = np.arange(_SAMPLE) * ((sqrt(5) - 1) / 2) % 1.0
        places = np.unique((steps * flat.numel()).astype(np.int64))
        flat = flat[torch.from_numpy(places).to(flat.device)]
    return flat.cpu().double().numpy()


def _orthogonal(weight: Tensor) -> tuple[float, float] | None:
    if weight.ndim < 2:
        return None
    rows = weight.reshape(weight.shape[0], -1)
    if rows.shape[0] > rows.shape[1]:
        rows = rows.T
    rows = rows[:64].cpu().double()
    if len(rows) < 2:
        return None
    short = weight.dtype in (torch.float16, torch.bfloat16)
    gram = rows @ rows.T
    square = gram.diagonal().mean().item()
    gap = (gram / square - torch.eye(len(rows), dtype=torch.float64)).abs().max().item()
    within = (2e-2 if len(rows) >= 8 else 0.0) if short else 1e-4
    return (sqrt(square), gap) if gap <= within else None


def _family(values: np.ndarray, low: float, high: float, n: int) -> tuple[Kind, float]:
    m, mean, std = len(values), float(values.mean()), float(values.std())
    inner = values[(values > low) & (values < high)]
    flat = kstest(inner, "uniform", args=(low, high - low)) if len(inner) >= 2 else None
    bell = float(kstest(values, norm(mean, std).cdf).statistic)
    is_uniform = flat is not None and bool(flat.pvalue >= 1e-3)
    is_normal = bell * (sqrt(m) - 0.01 + 0.85 / sqrt(m)) < _NORMAL_LIMIT

    spread = std / _TRUNCATED_SHRINK
    if n >= _FEWEST_TRUNCATED and max(abs(high - mean), abs(low - mean)) <= 2.05 * spread and not is_uniform:
        cut = float(kstest(values, truncnorm(-2, 2, mean, spread).cdf).statistic)
        if cut * sqrt(m) < _NORMAL_LIMIT:
            return "truncated-normal", cut
    likelier = m * (log(std * sqrt(2 * pi)) + 0.5 - log(high - low))
    if is_uniform and flat is not None and (not is_normal or likelier > _LIKELIER):
        return "uniform", float(flat.statistic)
    if is_normal and (not is_uniform or likelier < -_LIKELIER):
        return "normal", bell
    return "other", nan


def _uniform_says(low: float, high: float, n: int) -> str:
    error = 3 * (high - low) / n
    if abs(low + high) <= 10 * (high - low) / n:
        bound = max(-low, high) * (n + 1) / n
        text = _shortest(bound, error)
        return f"U[-{text}, {text}]"
    step = (high - low) / (n - 1)
    return f"U[{_shortest(low - step, error)}, {_shortest(high + step, error)}]"


def _normal_says(kind: Kind, mean: float, std: float, m: int) -> str:
    error = std / sqrt(m)
    middle = "0" if abs(mean) <= 4 * error else _shortest(mean, 2 * error)
    if kind == "truncated-normal":
        return f"N({middle}, {_shortest(std / _TRUNCATED_SHRINK, 1.5 * error)}²) cut at 2 std"
    return f"N({middle}, {_shortest(std, 1.5 * error)}²)"


def _shortest(value: float, error: float) -> str:
    if abs(value) <= error:
        return "0"
    for digits in (1, 2):
        text = f"{value:.{digits}g}"
        if abs(float(text) - value) <= error:
            break
    else:
        text = f"{value:.3g}"
    return f"{float(text):g}"


def _match(kind: Kind, mean: float, std: float, m: int, fan_in: int | None, fan_out: int | None) -> str | None:
    if fan_in is None or fan_out is None or m < _FEWEST_TO_MATCH or abs(mean) > 4 * std / sqrt(m):
        return None
    he, xavier = sqrt(2.0 / fan_in), sqrt(2.0 / (fan_in + fan_out))
    normals = {"he_normal": he, "xavier_normal": xavier, "lecun_normal": sqrt(1.0 / fan_in)}
    uniforms = {"he_uniform": he, "xavier_uniform": xavier, "torch_default": sqrt(1.0 / (3.0 * fan_in))}
    # Var(s²) = (kurtosis - 1) sigma⁴ / m; kurtosis 3 for the normal (less when cut), 9/5 for the uniform.
    if kind == "uniform":
        table, error = uniforms, std * sqrt(0.2 / m)
    elif kind in ("normal", "truncated-normal"):
        table, error = normals, std * sqrt(0.5 / m)
    else:
        return None
    near = {name: s for name, s in table.items() if abs(s - std) <= max(4 * error, 0.005 * s)}
    if not near or max(near.values()) > 1.001 * min(near.values(), default=inf):
        return None
    return next(iter(near))
