"""What depth does to scales: homogeneity of ReLU nets, variances layer by layer, and how inputs become alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import asin, cos, exp, fsum, isfinite, log, pi, prod, sin, sqrt

from trainability.theory.weight_std import he


@dataclass(frozen=True)
class Scaled:
    """What a change of the weights' scale does to a net with piecewise linear, homogeneous units.

    Args:
        output: factor on the output.
        gradient: factor on the derivative of the output in each layer's weights, one per layer.
        curvature: factor on the Gauss-Newton matrix's blocks, (layer, layer).
        bias: factor that the bias of each layer needs for the output to scale like this with biases too.
    """

    output: float
    gradient: tuple[float, ...]
    curvature: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]

    @property
    def stable_lr(self) -> float:
        """Factor on the largest stable learning rate, 1 / (factor on the curvature); nan if the layers differ."""
        blocks = {c for row in self.curvature for c in row}
        return 1 / blocks.pop() if len(blocks) == 1 else float("nan")


def scaled(factors: Sequence[float]) -> Scaled:
    """What happens to a bias-free ReLU net of d layers when the weights of layer l are multiplied by s_l > 0.

        output                    P = prod_l s_l                  s^d       for equal factors
        d output / d W_l          P / s_l                         s^(d-1)
        Gauss-Newton block (l,m)  P² / (s_l s_m)                  s^(2(d-1))
        stable lr, if equal                                       s^(-2(d-1))
        bias of layer l           prod_{m<=l} s_m                 s^l       keeps the net homogeneous

    The output is that of the last linear layer (logits). Exact for ReLU, leaky ReLU and linear units, not for softmax
    outputs. The Gauss-Newton matrix is that of a loss whose second derivative in the output is constant, such as mean square;
    with biases it is the matrix in the weights.

    Args:
        factors: s_1..s_d, each above 0; `[2.0] * d` for a common factor.

    Returns:
        Scaled.

    Raises:
        ValueError: no factors, or one that is not above 0.

    Source:
        positive homogeneity of the ReLU, relu(s z) = s relu(z).

    >>> made = scaled([2.0] * 5)
    >>> made.output, made.gradient[0], made.curvature[0][0], made.stable_lr
    (32.0, 16.0, 256.0, 0.00390625)
    """
    sizes = [float(s) for s in factors]
    if not sizes or not all(isfinite(s) and s > 0 for s in sizes):
        raise ValueError(f"Got factors={list(factors)}; need one or more numbers above 0, one per layer.")
    # Products of the others, not quotients: equal factors give equal results to the last digit.
    gradient = tuple(prod(sizes[:i] + sizes[i + 1 :]) for i in range(len(sizes)))
    curvature = tuple(tuple(g * h for h in gradient) for g in gradient)
    return Scaled(prod(sizes), gradient, curvature, tuple(prod(sizes[: i + 1]) for i in range(len(sizes))))


@dataclass(frozen=True)
class Step:
    """One layer of the variance recursion, forward or backward.

    Args:
        layer: l, 1 to L.
        factor: what the layer does to the mean square that comes in, biases aside.
        variance: of what the weights give: Var y_l forward, Var (gradient in x_{l-1}) backward.
        mean_square: E x_l² forward (after the nonlinearity), E (gradient in y_{l-1})² backward (before it).
        total: product of the factors from where the recursion starts.
    """

    layer: int
    factor: float
    variance: float
    mean_square: float
    total: float


def forward(
    fans: Sequence[int],
    variances: Sequence[float],
    *,
    mean_square: float = 1.0,
    bias_variances: Sequence[float] | None = None,
    negative_slope: float = 0.0,
) -> list[Step]:
    """The variances of a signal that goes through a random ReLU net, layer by layer.

        Var y_l = n_{l-1} Var w_l E x_{l-1}² + Var b_l          (weights with mean 0, independent)
        E x_l²  = h Var y_l,   h = (1 + s²)/2                   (y_l symmetric about 0)

    Exact at every width as means over nets, for weights and biases that are symmetric about 0; the proof needs E x², not
    Var x, as a ReLU's output has a mean. No independence between the x of one layer is used.

    Args:
        fans: n_0..n_L: inputs, then units of each layer; for a convolution, what each unit sums.
        variances: Var w_1..Var w_L.
        mean_square: E x_0² of the inputs, 0 or more.
        bias_variances: Var b_1..Var b_L; None for no biases.
        negative_slope: s of a leaky ReLU; 1 for linear layers.

    Returns:
        L steps; the factor of layer l is n_{l-1} Var w_l h, so that E x_l² = factor E x_{l-1}² without biases.

    Raises:
        ValueError: lengths that do not fit, fans below 1 or variances below 0.

    Source:
        He, Zhang, Ren and Sun 2015, arXiv 1502.01852, Section 2.2, equations (5) to (10).

    >>> [round(step.mean_square, 6) for step in forward([64] * 4, [1 / 64] * 3)]
    [0.5, 0.25, 0.125]
    """
    biases = _check(fans, variances, mean_square, bias_variances)
    half, steps, total = (1 + negative_slope**2) / 2, [], 1.0
    for i, (n, v, b) in enumerate(zip(fans[:-1], variances, biases, strict=True)):
        variance = n * v * mean_square + b
        mean_square = half * variance
        total *= n * v * half
        steps.append(Step(i + 1, n * v * half, variance, mean_square, total))
    return steps


def backward(
    fans: Sequence[int], variances: Sequence[float], *, mean_square: float = 1.0, negative_slope: float = 0.0
) -> list[Step]:
    """The variances of a gradient that goes back through a random ReLU net, from the last layer to the first.

        Var dx_{l-1} = n_l Var w_l E dy_l²,   E dy_l² = h Var dx_l,   h = (1 + s²)/2

    dx_l is the derivative in the layer's output, dy_l in its pre-activation; `mean_square` is E dy_L². Exact as a mean over
    nets where the gradient at the output does not depend on the weights; for a trained loss it is the usual approximation.

    Args:
        fans: n_0..n_L: inputs, then units of each layer.
        variances: Var w_1..Var w_L.
        mean_square: E dy_L² at the last pre-activation, 0 or more.
        negative_slope: s of a leaky ReLU; 1 for linear layers.

    Returns:
        L steps, layer L first: variance is Var dx_{l-1}, mean_square is E dy_{l-1}² (for l = 1 the inputs have no
        nonlinearity before them, and it is Var dx_0 times h all the same).

    Raises:
        ValueError: lengths that do not fit, fans below 1 or variances below 0.

    Source:
        He, Zhang, Ren and Sun 2015, arXiv 1502.01852, Section 2.2, equations (11) to (14).

    >>> [round(step.mean_square, 6) for step in backward([64] * 4, [2 / 64] * 3)]
    [1.0, 1.0, 1.0]
    """
    _check(fans, variances, mean_square, None)
    half, steps, total = (1 + negative_slope**2) / 2, [], 1.0
    for i in range(len(variances) - 1, -1, -1):
        variance = fans[i + 1] * variances[i] * mean_square
        mean_square = half * variance
        total *= fans[i + 1] * variances[i] * half
        steps.append(Step(i + 1, fans[i + 1] * variances[i] * half, variance, mean_square, total))
    return steps


def glorot_variances(fans: Sequence[int]) -> list[float]:
    """The weight variances of Glorot and Bengio: harmonic means of the two that keep the signal and keep the gradient.

        Var w_l = 2/(n_{l-1} + n_l) = harmonic mean of 1/n_{l-1} and 1/n_l

    It is the variances whose harmonic mean this is, not the standard deviations.

    Args:
        fans: n_0..n_L, each 1 or more.

    Returns:
        Var w_1..Var w_L.

    Raises:
        ValueError: fewer than two fans, or one below 1.

    Source:
        Glorot and Bengio 2010, AISTATS, equation (12).

    >>> glorot_variances([30, 10, 40])
    [0.05, 0.04]
    """
    variances = [0.0] * (len(fans) - 1)
    _check(fans, variances, 1.0, None)
    return [2.0 / (n + m) for n, m in pairwise(fans)]


def forward_over_backward(fans: Sequence[int]) -> float:
    """How far the signal's growth through all layers and the gradient's can differ: by the ends alone.

        prod_l (n_{l-1} Var w_l) / (n_l Var w_l) = n_0/n_L

    for every choice of variances, as the product telescopes: He's fan-in choice makes the gradient grow by n_L/n_0, his fan-out
    choice the signal by n_0/n_L, and Glorot's mean shares that out. This is why it matters little which one is taken.

    Args:
        fans: n_0..n_L, each 1 or more.

    Returns:
        (growth of the signal) / (growth of the gradient).

    Raises:
        ValueError: fewer than two fans, or one below 1.

    Source:
        He, Zhang, Ren and Sun 2015, arXiv 1502.01852, Section 2.2, the paragraph after equation (14).

    >>> forward_over_backward([64, 500, 300, 16])
    4.0
    """
    _check(fans, [0.0] * (len(fans) - 1), 1.0, None)
    return fans[0] / fans[-1]


def shrinkage(fans: Sequence[int], std: float, *, negative_slope: float = 0.0) -> float:
    """By what factor the std of a signal or gradient shrinks per pass when all layers have one fixed weight std.

        prod_l std_He(n_l) / std,   std_He(n) = sqrt(2/((1 + s²) n))

    Args:
        fans: n of each layer passed: fan_in for the signal, fan_out for the gradient; kernel positions times channels for a
            convolution.
        std: of the weights in all of these layers, above 0.
        negative_slope: s of a leaky ReLU.

    Returns:
        The factor: above 1 it shrinks, below 1 it grows.

    Raises:
        ValueError: no fans, one below 1, or a std not above 0.

    Source:
        He, Zhang, Ren and Sun 2015, arXiv 1502.01852, Section 2.2, whose example of a VGG-like net this is.

    >>> round(shrinkage([9 * c for c in (64, 128, 128, 256, 256, 512, 512, 512, 512)], 0.01))
    16729
    """
    if not fans or not (isfinite(std) and std > 0):
        raise ValueError(f"Got fans={list(fans)}, std={std}; need one or more fans and a finite std above 0.")
    return exp(fsum(log(he(n, "leaky_relu", negative_slope) / std) for n in fans))


def share_across_inputs(layer: int, *, cosine: float = 0.0, negative_slope: float = 0.0) -> float:
    """The share of a neuron's mean square that varies across inputs, in a wide He-initialized net without biases.

        1 - c_l,   c_1 = cosine,   c_{l+1} = c_l + (1 - s)²/(1 + s²) (sin t - t cos t)/pi,   t = arccos c_l

    The mean square of a pre-activation stays the same with depth, but ever more of it is one constant per neuron that all
    inputs share: 1 - c_l ~ 9 pi²/(2 l²) for the ReLU.

    Args:
        layer: l, 1 or more; layer 1 is the first pre-activation.
        cosine: of the angle between two typical inputs, in [-1, 1]; 0 for Gaussian inputs in many dimensions.
        negative_slope: s of a leaky ReLU; 1 for linear layers, where nothing changes.

    Returns:
        The share, 1 - cosine at layer 1.

    Raises:
        ValueError: a layer below 1 or a cosine outside [-1, 1].

    Source:
        Cho and Saul 2009, NeurIPS, the arc-cosine kernel of order 1; the reading as a share is derived here.

    >>> [round(share_across_inputs(layer), 4) for layer in (1, 5, 20, 50)]
    [1.0, 0.319, 0.0555, 0.0126]
    """
    if layer < 1 or layer != int(layer) or not -1 <= cosine <= 1:
        raise ValueError(f"Got layer={layer}, cosine={cosine}; need a whole layer >= 1 and -1 <= cosine <= 1.")
    rate = (1 - negative_slope) ** 2 / (1 + negative_slope**2) / pi
    share = 1.0 - cosine
    for _ in range(int(layer) - 1):
        t = 2 * asin(min(1.0, sqrt(share / 2)))
        share -= rate * _lag(t)
    return share


def _lag(t: float) -> float:
    """sin t - t cos t, which is t³/3 - t⁵/30 + ... near 0."""
    if t < 0.05:
        s = t * t
        return t * s * (1 / 3 - s * (1 / 30 - s * (1 / 840 - s / 45_360)))
    return sin(t) - t * cos(t)


def _check(
    fans: Sequence[int], variances: Sequence[float], mean_square: float, biases: Sequence[float] | None
) -> Sequence[float]:
    """Refuse what makes no net; the bias variances, 0 if there are none."""
    found = [0.0] * len(variances) if biases is None else biases
    if len(fans) < 2 or any(n < 1 for n in fans):
        raise ValueError(f"Got fans={list(fans)}; need n_0..n_L, two or more numbers, each 1 or more.")
    if len(variances) != len(fans) - 1 or len(found) != len(variances):
        raise ValueError(
            f"Got {len(fans)} fans, {len(variances)} weight variances and {len(found)} bias variances; need one variance "
            f"for each of the {len(fans) - 1} layers."
        )
    if not all(isfinite(v) and v >= 0 for v in (*variances, *found, mean_square)):
        raise ValueError("Got a variance or mean square below 0 or not finite; need finite numbers, 0 or more.")
    return found
