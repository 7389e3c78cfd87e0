"""The gradient of a deep ReLU network without biases, written as the teacher-student gradient of each layer.

In a network without biases every node's output u_j = relu(w_j.x) reaches the network's output through open gates only,
so the output is a sum over the nodes of any one layer, g = sum_j Q_j u_j, with diagonal Q_j (one number per input):

    Q = 1 at the top hidden layer,   Q_k = sum_j w_jk D_j Q_j below it

and the gradient of the squared error has the same subtraction in every layer as in a two-layer network:

    grad_{w_j} J = X_c' D_j Q_j sum_j' ( Q_j' u_j' - Q*_j' u*_j' ) / N
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory.teacher_student.checks import finite

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Layer:
    """One hidden layer on a sample.

    Args:
        inputs: X_c, (N, n_in), what the layer is fed.
        gates: D, (N, n), 1.0 where a node is open.
        outputs: u, (N, n).
        reach: Q, (N, n), what one unit of a node's output adds to the network's output.
    """

    inputs: Floats
    gates: Floats
    outputs: Floats
    reach: Floats

    @property
    def network_output(self) -> Floats:
        """The network's output as this layer's sum: sum_j Q_j u_j, (N,); every layer gives the same."""
        return np.einsum("nj,nj->n", self.reach, self.outputs)


def layers(inputs: ArrayLike, weights: Sequence[ArrayLike], top: ArrayLike | None = None) -> tuple[Layer, ...]:
    """Run a ReLU network without biases and give every hidden layer's gates, outputs and reach.

        Q_top = a,   Q_k = sum_j w_jk D_j Q_j

    Args:
        inputs: X, (N, d).
        weights: from the input up: (n_1, d), (n_2, n_1), ...; one at least.
        top: a, (n_L,), fixed output weights; ones where left out, as in the source.

    Returns:
        One Layer each, from the input up.

    Raises:
        ValueError: no layer, shapes that do not fit, a number that is not finite.

    Source:
        Tian 2017, arXiv 1703.00560, Proposition 2.

    >>> [bottom, above] = layers([[1.0, 2.0]], [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
    >>> bottom.network_output.tolist(), above.network_output.tolist()
    ([3.0], [3.0])
    """
    X, Ws, a = _checked(inputs, weights, top)
    fed, gates, outputs = [], [], []
    for W in Ws:
        z = X @ W.T
        fed.append(X)
        gates.append((z > 0).astype(float))
        X = np.maximum(z, 0.0)
        outputs.append(X)
    reach = [np.broadcast_to(a, outputs[-1].shape).copy()]
    for W, gate in zip(Ws[:0:-1], gates[:0:-1], strict=True):
        reach.append((gate * reach[-1]) @ W)
    return tuple(Layer(*parts) for parts in zip(fed, gates, outputs, reversed(reach), strict=True))


def gradient(
    inputs: ArrayLike,
    weights: Sequence[ArrayLike],
    teacher: Sequence[ArrayLike],
    top: ArrayLike | None = None,
    teacher_top: ArrayLike | None = None,
) -> tuple[Floats, ...]:
    """The gradient of half the mean squared error to a teacher, layer by layer.

        grad_{w_j} = X_c' D_j Q_j sum_j' ( Q_j' u_j' - Q*_j' u*_j' ) / N

    Args:
        inputs: X, (N, d).
        weights: the student's, from the input up: (n_1, d), (n_2, n_1), ...
        teacher: the teacher's, likewise; its depth and widths may differ, d may not.
        top: fixed output weights of the student, (n_L,); ones where left out.
        teacher_top: those of the teacher.

    Returns:
        One array per layer, in the shape of its weights.

    Raises:
        ValueError: as `layers`.

    Source:
        Tian 2017, arXiv 1703.00560, Proposition 2 (Equation 19), where it is N times as large.

    >>> [g] = gradient([[1.0], [-1.0]], [[[2.0]]], [[[1.0]]])
    >>> g.tolist()
    [[0.5]]
    """
    student = layers(inputs, weights, top)
    wanted = layers(inputs, teacher, teacher_top)[-1].network_output
    found = []
    for layer in student:
        difference = layer.network_output - wanted
        found.append((layer.gates * layer.reach * difference[:, None]).T @ layer.inputs / len(difference))
    return tuple(found)


def _checked(
    inputs: ArrayLike, weights: Sequence[ArrayLike], top: ArrayLike | None
) -> tuple[Floats, list[Floats], Floats]:
    X, Ws = finite("inputs", inputs), [finite(f"weights[{i}]", W) for i, W in enumerate(weights)]
    shapes = [W.shape for W in Ws]
    if not Ws or X.ndim != 2 or 0 in X.shape or any(W.ndim != 2 or 0 in W.shape for W in Ws):
        raise ValueError(
            f"Got inputs {X.shape}, weights {shapes}; need (N, d) and at least one (n, n_in), none 0. "
            "Give a list of matrices, from the input up."
        )
    for below, W in zip([X.shape[1], *(W.shape[0] for W in Ws)], Ws, strict=False):
        if W.shape[1] != below:
            raise ValueError(f"Got weights {shapes} for inputs {X.shape}; need each (n, n below). Order them upward.")
    a = np.ones(Ws[-1].shape[0]) if top is None else finite("top", top)
    if a.shape != (Ws[-1].shape[0],):
        raise ValueError(f"Got output weights {a.shape}; need ({Ws[-1].shape[0]},). Give one per top hidden node.")
    return X, Ws, a
