"""The derivative of the flow in the plane, term by term."""

from __future__ import annotations

import numpy as np

from trainability.theory.symmetric_dynamics._plane import Floats, angles, checked


def jacobian(x: float, y: float, K: int) -> Floats:
    """The derivative of the flow in the plane.

        [[ d(dx/dt)/dx, d(dx/dt)/dy ], [ d(dy/dt)/dx, d(dy/dt)/dy ]], term by term from `field`

    Args:
        x, y: where, not both 0.
        K: number of students and teachers, 2 or more.

    Returns:
        (2, 2); its eigenvalues are real.

    Raises:
        ValueError: as `field`.

    Source:
        Derived here from Theorem 7 of Tian 2017, arXiv 1703.00560.

    >>> from trainability.theory.symmetric_dynamics.diagonal import saddle
    >>> np.linalg.eigvals(jacobian(*saddle(2), 2)).round(5).tolist()
    [0.59591, -1.0]
    """
    a, b = checked(x, y, K)
    theta, phi_star, phi, rho = (float(v) for v in angles(a, b, K))
    x, y, n = float(x), float(y), K - 1
    q, s = np.hypot(x, np.sqrt(K - 2) * y), np.sqrt(max(4 * rho**2 - 2 * (x - y) ** 2, 0.0))
    # gradients by (x, y); where an angle has a kink (0 or pi) its terms cancel in the field and 0 stands for them
    d_theta = np.sqrt(n) * np.array([-abs(y), np.sign(y) * x]) / rho**2
    d_phi_star = np.array([x * y, -x * x]) / (q * rho**2) if q > 0 else np.zeros(2)
    p = np.sqrt(2) * abs(x - y)
    d_p = np.sqrt(2) * np.sign(x - y) * np.array([1.0, -1.0])
    d_s = np.array([2 * (x + y), 2 * (x + y) + 4 * (K - 2) * y]) / s if s > 0 else np.zeros(2)
    d_phi = (s * d_p - p * d_s) / (2 * rho**2)
    d_inverse = -np.array([x, n * y]) / rho**3
    A0, C = x - 1 + n * y, n * (np.sin(phi_star) / rho - np.sin(phi)) + np.sin(theta) / rho
    d_A = -d_phi * A0 + (np.pi - phi) * np.array([1.0, n])
    d_C = n * (d_inverse * np.sin(phi_star) + np.cos(phi_star) / rho * d_phi_star - np.cos(phi) * d_phi)
    d_C += d_inverse * np.sin(theta) + np.cos(theta) / rho * d_theta
    ex, ey = np.eye(2)
    by_x = d_A + d_phi * (x - 1) + phi * ex + d_theta - d_C * x - C * ex
    by_y = d_A + d_phi * y + phi * ey + d_phi_star - d_phi - d_C * y - C * ey
    return -np.array([by_x, by_y]) / (2 * np.pi)
