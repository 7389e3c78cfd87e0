"""The laws that standard schemes promise, and how well a tensor's values fit one that is fully specified."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, kstest, norm, truncnorm, uniform

_CUT = 2.0
_SIGMA = 0.6007
_CUT_STD = float(truncnorm(-_CUT, _CUT).std())
_CUT_KURTOSIS = float(truncnorm(-_CUT, _CUT).stats("k")) + 3.0


@dataclass(frozen=True)
class Law:
    """A distribution without free parameters.

    Args:
        scheme: name of the scheme that promises it.
        family: "normal", "uniform", "truncated-normal" or "mixture".
        std: its standard deviation, > 0; the mean is 0 except for the mixture.
        cdf: its distribution function.
        kurtosis: E w⁴ / (E w²)²; nan where the second moment is not tested.
        bound: no value is larger in size.
    """

    scheme: str
    family: str
    std: float
    cdf: Callable[[np.ndarray], np.ndarray]
    kurtosis: float
    bound: float


def normal(scheme: str, std: float) -> Law:
    """Give N(0, std²)."""
    return Law(scheme, "normal", std, norm(0, std).cdf, 3.0, math.inf)


def flat(scheme: str, std: float) -> Law:
    """Give U[-c, c] of that standard deviation, c = √3 std."""
    c = math.sqrt(3) * std
    return Law(scheme, "uniform", std, uniform(-c, 2 * c).cdf, 1.8, c)


def cut(scheme: str, std: float) -> Law:
    """Give the normal law cut at twice its scale that has that standard deviation after the cut."""
    scale = std / _CUT_STD
    return Law(
        f"{scheme}, cut at 2 std",
        "truncated-normal",
        std,
        truncnorm(-_CUT, _CUT, 0, scale).cdf,
        _CUT_KURTOSIS,
        _CUT * scale,
    )


def asymmetric(fan_in: int, has_bias: bool) -> Law:
    """Give the law of one entry of a row in which one is Beta(2, 1) and the others are N(0, σ²/fan_in), σ = 0.6007."""
    p, scale = 1 / (fan_in + has_bias), _SIGMA / math.sqrt(fan_in)

    def cdf(w: np.ndarray) -> np.ndarray:
        return (1 - p) * norm.cdf(w, 0, scale) + p * np.clip(w, 0, 1) ** 2

    variance = (1 - p) * scale**2 + p / 2 - (2 * p / 3) ** 2
    return Law("randomized_asymmetric", "mixture", math.sqrt(variance), cdf, math.nan, math.inf)


def of_weight(fan_in: int, fan_out: int, torch_bound: float, has_bias: bool) -> Iterator[Law]:
    """Give the laws that standard schemes promise for a weight with these fans."""
    he, back = math.sqrt(2 / fan_in), math.sqrt(2 / fan_out)
    scales = {
        "he": he,
        "xavier": math.sqrt(2 / (fan_in + fan_out)),
        "lecun": math.sqrt(1 / fan_in),
    }
    if torch_bound:
        yield flat("torch_default", torch_bound / math.sqrt(3))
    for kind, law in (("normal", normal), ("uniform", flat), ("normal", cut)):
        for name, std in scales.items():
            yield law(f"{name}_{kind}", std)
        yield law(f"he_{kind} (fan_out)", back)
    yield asymmetric(fan_in, has_bias)


def of_bias(fan_in: int, torch_bound: float, beside: Collection[str]) -> Iterator[Law]:
    """Give the laws that standard schemes promise for a bias; `beside` are the schemes that its weight fits."""
    if torch_bound:
        yield flat("torch_default", torch_bound / math.sqrt(3))
    yield normal("small_normal", 0.01)
    for scheme, gain2 in (("lecun_normal", 1), ("he_normal", 2)):
        if scheme in beside:
            yield normal(f"fan_in_plus_one ({scheme})", math.sqrt(gain2 / (fan_in + 1)))
    if "randomized_asymmetric" in beside:
        yield asymmetric(fan_in, True)


def goodness(
    law: Law, values: np.ndarray, n: int, second_moment: float, largest: float, enough: float = 0.0
) -> tuple[float, float]:
    """Give p-value and Kolmogorov-Smirnov distance of values against a law.

    p = min(1, 2 min(p_KS, p_2)):  the Kolmogorov-Smirnov test on `values`, blunt for the scale, and a test of the
    second moment over all n values (chi-square for the normal law, the normal approximation otherwise), joined by
    Bonferroni's rule; 0 if a value lies outside the law's bounds.

    Args:
        law: without free parameters.
        values: the sample.
        n: how many values `second_moment` is over.
        second_moment: mean square of all values.
        largest: largest size of a value.
        enough: where the second moment alone gives a p below this, the slower test is left out.

    Returns:
        (p, distance); the distance is nan where that test was left out.
    """
    p_scale = 0.0 if largest > law.bound * 1.01 else _p_of_scale(law, n, second_moment / law.std**2)
    if 2 * p_scale < enough:
        return 2 * p_scale, math.nan
    # The exact law of the distance takes a hundred times as long and differs by less than 1/√n.
    found = kstest(values, law.cdf, method="exact" if len(values) <= 1000 else "asymp")
    p, distance = float(found.pvalue), float(found.statistic)
    return (p if math.isnan(law.kurtosis) else min(1.0, 2 * min(p, p_scale))), distance


def _p_of_scale(law: Law, n: int, ratio: float) -> float:
    if math.isnan(law.kurtosis):
        return 1.0
    if law.family == "normal":
        return 2 * min(float(chi2.cdf(n * ratio, n)), float(chi2.sf(n * ratio, n)))
    return 2 * float(norm.sf(abs(ratio - 1) / math.sqrt((law.kurtosis - 1) / n)))


def fitted_normal_p(distance: float, n: int) -> float:
    """Give the p-value of a Kolmogorov-Smirnov distance whose normal law has the sample's own mean and std.

    Source: Dallal & Wilkinson 1986, Am. Stat. 40, 294-296, for p <= 0.1; above, the polynomials in Stephens' statistic
    that R's `nortest::lillie.test` uses.

    >>> round(fitted_normal_p(0.0886, 100), 2)  # the table's 5 % point for n = 100
    0.05
    """
    k, m = (distance, n) if n <= 100 else (distance * (n / 100) ** 0.49, 100)
    p = math.exp(
        -7.01256 * k**2 * (m + 2.78019)
        + 2.99587 * k * math.sqrt(m + 2.78019)
        - 0.122119
        + 0.974598 / math.sqrt(m)
        + 1.67997 / m
    )
    if p <= 0.1:
        return p
    s = (math.sqrt(n) - 0.01 + 0.85 / math.sqrt(n)) * distance
    if s <= 0.302:
        return 1.0
    for end, terms in (
        (0.5, (2.76773, -19.828315, 80.709644, -138.55152, 81.218052)),
        (0.9, (-4.901232, 40.662806, -97.490286, 94.029866, -32.355711)),
        (1.31, (6.198765, -19.558097, 23.186922, -12.234627, 2.423045)),
    ):
        if s <= end:
            return min(1.0, max(0.0, float(np.polynomial.polynomial.polyval(s, terms))))
    return 0.0
