"""Signal propagation in wide random networks: what initialization and activation do to variance, angle and gradient.

- `gain`, `second_moment`: how an activation shrinks a signal, and the weights that make up for it;
- `q_map`, `c_map`, `chi_1`, `q_slope`: one layer;
- `fixed_point`, `variance_fixed_points`: where depth leads;
- `edge_of_chaos`, `edges_of_chaos`: where gradients neither grow nor shrink;
- `depth_scales`, `trainable_depth`: how many layers a signal lasts;
- `propagate`, `iterate_c_map`, `relu_correlation_gap`: layer by layer;
- `jacobian`: the spread of the singular values of the input-output Jacobian;
- `Activation`, `ACTIVATIONS`, `resolve`, `leaky_relu`, `elu`, `hardtanh`, `silu`, `softplus`, `two_slopes`: the
  activations. Wherever one is asked for, a name, an `Activation` or any elementwise function will do.
"""

from trainability.theory.signal import jacobian
from trainability.theory.signal.activation import Activation, ClosedForms
from trainability.theory.signal.depth import DepthScales, depth_scales, trainable_depth
from trainability.theory.signal.edge import Edge, edge_of_chaos, edges_of_chaos
from trainability.theory.signal.fixed_points import (
    FixedPoint,
    VarianceFixedPoint,
    fixed_point,
    variance_fixed_points,
)
from trainability.theory.signal.gains import gain, second_moment
from trainability.theory.signal.layers import Propagation, iterate_c_map, propagate, relu_correlation_gap
from trainability.theory.signal.maps import c_map, chi_1, q_map, q_slope
from trainability.theory.signal.quadrature import NotFiniteError, gaussian_mean
from trainability.theory.signal.table import (
    ACTIVATIONS,
    elu,
    hardtanh,
    leaky_relu,
    resolve,
    silu,
    softplus,
    two_slopes,
)

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "ClosedForms",
    "DepthScales",
    "Edge",
    "FixedPoint",
    "NotFiniteError",
    "Propagation",
    "VarianceFixedPoint",
    "c_map",
    "chi_1",
    "depth_scales",
    "edge_of_chaos",
    "edges_of_chaos",
    "elu",
    "fixed_point",
    "gain",
    "gaussian_mean",
    "hardtanh",
    "iterate_c_map",
    "jacobian",
    "leaky_relu",
    "propagate",
    "q_map",
    "q_slope",
    "relu_correlation_gap",
    "resolve",
    "second_moment",
    "silu",
    "softplus",
    "trainable_depth",
    "two_slopes",
    "variance_fixed_points",
]
