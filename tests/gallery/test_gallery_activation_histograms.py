"""Histograms per layer: theory against quadrature and other programs' numbers, and claims that can fail."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from trainability.gallery import activation_histograms as entry


def failing(data):
    return [c.says for c in entry.claims(data) if not c.holds]


def density(z):
    return np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


def test_prediction_equals_adaptive_quadrature():
    """Another integrator, layer by layer."""
    for variance in (1 / 3, 1.0, 2.0):
        q, gradient, slopes = variance, [1.0], []
        predicted = entry.predict(variance)
        for layer in range(5):
            square = quad(lambda z, s=q**0.5: np.tanh(s * z) ** 2 * density(z), -12, 12, epsabs=1e-13)[0]
            slopes.append(quad(lambda z, s=q**0.5: np.cosh(s * z) ** -4 * density(z), -12, 12, epsabs=1e-13)[0])
            assert predicted.activation[layer] == pytest.approx(square**0.5, rel=1e-9)
            q = variance * square
        for slope in slopes[::-1]:
            gradient.append(gradient[-1] * (variance * slope) ** 0.5)
        np.testing.assert_allclose(predicted.gradient, gradient, rtol=1e-9)


def test_golden_numbers_of_an_independent_program():
    """One network of width 1000 with other random numbers: theory is within 1% of each."""
    for name, variance in entry.SCHEMES.items():
        made = entry.predict(variance)
        np.testing.assert_allclose(made.activation, entry.ACTIVATIONS[name], rtol=0.01)
        np.testing.assert_allclose(made.gradient, entry.GRADIENTS[name], rtol=0.01)


def test_share_of_activations_is_the_law_of_tanh():
    z = np.random.default_rng(0).standard_normal(200_000)
    for x in (-0.7, 0.1, 0.6):  # 4.5 standard errors of a share
        assert float(entry.activation_share(0.8, np.array(x))) == pytest.approx(
            (np.tanh(0.8**0.5 * z) <= x).mean(), abs=5e-3
        )


def test_claims_hold_and_can_fail():
    result = entry.run(smoke=True)
    data = result.data
    assert result.holds
    standard, normalised = data.measured
    off = replace(standard, activation=1.05 * standard.activation)
    assert any("activations of layers" in s for s in failing(replace(data, measured=(off, normalised))))
    off = replace(normalised, gradient=1.05 * normalised.gradient)
    assert any("gradient in x_5" in s for s in failing(replace(data, measured=(standard, off))))
    off = replace(standard, activation_counts=standard.activation_counts[::-1])
    assert any("histograms themselves" in s for s in failing(replace(data, measured=(off, normalised))))
    off = replace(standard, weight_gradient=standard.weight_gradient * np.arange(1, 6))
    assert any("alike in all layers" in s for s in failing(replace(data, measured=(off, normalised))))
    off = replace(normalised, activation=np.full_like(normalised.activation, 0.63))
    assert any("imprecise" in s for s in failing(replace(data, measured=(standard, off))))
    assert len(entry.figure(result).axes) == 4
