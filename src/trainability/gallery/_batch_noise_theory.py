"""Mean and second moment of descent on batches of a least-squares problem, exactly.

With e = w - w*, curvature H = mean x xᵀ, residuals r = y - xᵀ w*, and a batch's mean of g_i = x_i (x_iᵀ e - r_i):

    C <- (1 - lr H) C (1 - lr H) + lr² f (mean (xᵀ C x) x xᵀ - H C H - 2 mean r (xᵀ μ) x xᵀ + N),   μ <- (1 - lr H) μ

for C = E e eᵀ, μ = E e and N = mean r² x xᵀ. f is the share of the variance of single gradients that is left in a
batch's mean: 1/m for m draws with replacement, (n - m)/(m (n - 1)) without, the next batch drawn from all n again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def share(m: int, n: int, replacement: bool) -> float:
    """The factor f of this module's head: 0 for a batch of all without replacement."""
    return 1 / m if replacement else (n - m) / (m * (n - 1))


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """Loss 1/(2n) |X w - y|² and the noise of its own gradients.

    Args:
        X: `(n, d)` of full rank; y: `(n,)`.
    """

    X: Array
    y: Array

    @cached_property
    def H(self) -> Array:
        """The Hessian, mean x xᵀ `(d, d)`."""
        return np.asarray(self.X.T @ self.X / len(self.X))

    @cached_property
    def solution(self) -> Array:
        """w* `(d,)`."""
        return np.asarray(np.linalg.solve(self.H, self.X.T @ self.y / len(self.X)))

    @cached_property
    def residuals(self) -> Array:
        """y - X w* `(n,)`."""
        return np.asarray(self.y - self.X @ self.solution)

    @cached_property
    def noise(self) -> Array:
        """N = mean r² x xᵀ, the covariance of single gradients at the solution `(d, d)`."""
        return np.asarray((self.X.T * self.residuals**2) @ self.X / len(self.X))

    @cached_property
    def fourth(self) -> Array:
        """C -> mean (xᵀ C x) x xᵀ as a matrix on C's rows one after the other `(d², d²)`."""
        squares = np.einsum("ni,nj->nij", self.X, self.X).reshape(len(self.X), -1)
        return np.asarray(squares.T @ squares / len(self.X))

    @property
    def sharpness(self) -> float:
        """Largest eigenvalue of H."""
        return float(np.linalg.eigvalsh(self.H)[-1])

    def transition(self, lr: float, f: float) -> Array:
        """The map of C without noise of the residuals, `(d², d²)`."""
        step = np.eye(len(self.H)) - lr * self.H
        return np.asarray(np.kron(step, step) + lr**2 * f * (self.fourth - np.kron(self.H, self.H)))

    def excess(self, C: Array) -> float:
        """Mean loss above that of w*, tr(H C)/2."""
        return float(np.trace(self.H @ C) / 2)

    def floor(self, lr: float, f: float) -> float:
        """The excess loss in the long run; infinite at and above `limit`."""
        if lr >= self.limit(f):
            return float("inf")
        d = len(self.H)
        C = np.linalg.solve(np.eye(d * d) - self.transition(lr, f), lr**2 * f * self.noise.ravel())
        return self.excess(np.asarray(C.reshape(d, d), dtype=np.float64))

    def small_lr_floor(self, lr: float, f: float) -> float:
        """The floor to first order in the lr: lr f tr(N)/4, from H C + C H = lr f N."""
        return float(lr * f * np.trace(self.noise) / 4)

    def shuffled_floor(self, lr: float, m: int) -> float:
        """The floor when an epoch is one shuffle, to leading order of a small lr n/m.

        The noise of an epoch sums to 0, so that its partial sums are a bridge: of K = n/m batches, after k of them the
        variance is k (K - k)/(K - 1) of a batch's, in the mean over k (K + 1)/6.
        """
        n = len(self.X)
        return float(lr**2 * share(m, n, False) * (n // m + 1) / 12 * np.trace(self.H @ self.noise))

    def limit(self, f: float) -> float:
        """The lr at which E |e|² begins to grow: where the spectral radius of `transition` is 1.

        The map is 1 - lr A + lr² Q with A = H ⊗ 1 + 1 ⊗ H and Q = (1 - f) H ⊗ H + f mean x xᵀ ⊗ x xᵀ. It takes positive
        definite matrices to such, so that the eigenvalue that passes 1 is real: lr = 1/(spectral radius of A⁻¹ Q).
        """
        one = np.eye(len(self.H))
        A = np.kron(self.H, one) + np.kron(one, self.H)
        Q = (1 - f) * np.kron(self.H, self.H) + f * self.fourth
        return float(1 / np.abs(np.linalg.eigvals(np.linalg.solve(A, Q))).max())

    def fastest_growing(self, lr: float, f: float) -> Array:
        """The second moment that grows fastest, of trace 1 `(d, d)`."""
        values, vectors = np.linalg.eig(self.transition(lr, f))
        C = np.real(vectors[:, np.abs(values).argmax()]).reshape(self.H.shape)
        return np.asarray((C + C.T) / 2 / np.trace(C))

    def expected(self, start: Array, lrs: Array, f: float) -> Array:
        """The mean excess loss step by step from a fixed start, with an lr for each step.

        Args:
            start: w_0 `(d,)`.
            lrs: `(T,)`.
            f: as above.

        Returns:
            Excess loss of w_0 to w_T `(T + 1,)`.
        """
        mean = start - self.solution
        C: Array = np.asarray(np.outer(mean, mean), dtype=np.float64)
        out = [self.excess(C)]
        cross = np.einsum("n,ni,nj,nk->ijk", self.residuals, self.X, self.X, self.X) / len(self.X)
        for lr in lrs:
            moved = (self.transition(lr, f) @ C.ravel()).reshape(C.shape)
            C = np.asarray(moved + lr**2 * f * (self.noise - 2 * cross @ mean), dtype=np.float64)
            mean = np.asarray(mean - lr * self.H @ mean, dtype=np.float64)
            out.append(self.excess(C))
        return np.array(out)
