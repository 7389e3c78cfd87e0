"""How a network is made of nonlinear layers, and what each layer must do for the whole to reach a target.

A network is a function (x, r) -> number, where r stands for what one nonlinear layer does. Its correlation map has r
the map of one layer; its slope at c = 1 is network(1, y -> s y), since slopes multiply along a chain; its curvature at
c = 1, for layers of slope 1, is network(0, y -> y + k), since there curvatures add.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scipy.optimize import brentq

from trainability.theory.signal import c_map
from trainability.theory.signal import leaky_relu as leaky_relu_activation

Layer = Callable[[float], float]
Network = Callable[[float, Layer], float]


def layer(x: float, r: Layer) -> float:
    """One nonlinear layer (with its weights): r(x)."""
    return r(x)


def identity(x: float, r: Layer) -> float:
    """No layer at all: x. The shortcut of a residual block."""
    return x


def chain(*parts: Network) -> Network:
    """One part after another, the first one first.

    >>> chain(layer, layer, layer)(1.0, lambda y: 2 * y)
    8.0
    """

    def network(x: float, r: Layer) -> float:
        for part in parts:
            x = part(x, r)
        return x

    return network


def plain(depth: int) -> Network:
    """Build a chain of that many nonlinear layers.

    >>> plain(3)(0.0, lambda y: y + 1)
    3.0
    """
    if depth < 1:
        raise ValueError(f"Got depth={depth}; need at least 1 layer.")
    return chain(*[layer] * depth)


def residual(branch: Network, shortcut_weight: float, shortcut: Network = identity) -> Network:
    """Build the block w shortcut(x) + sqrt(1 - w²) branch(x), whose maps average with the weights w² and 1 - w².

    Args:
        branch: the residual branch.
        shortcut_weight: w in [0, 1].
        shortcut: what stands on the other path.

    Returns:
        The block.

    Raises:
        ValueError: for a weight outside [0, 1].

    >>> residual(layer, 0.6)(1.0, lambda y: 2 * y)
    1.6400000000000001
    """
    if not 0 <= shortcut_weight <= 1:
        raise ValueError(f"Got shortcut_weight={shortcut_weight}; need a number in [0, 1].")
    share = shortcut_weight**2
    return lambda x, r: share * shortcut(x, r) + (1 - share) * branch(x, r)


def largest(*parts: Network) -> Network:
    """Build the largest value over networks: a target for it holds for each of them, such as all subnetworks.

    >>> largest(layer, identity)(1.0, lambda y: 2 * y)
    2.0
    """
    return lambda x, r: max(part(x, r) for part in parts)


def resnet(blocks: Sequence[int] = (3, 4, 23, 3), branch_depth: int = 3, shortcut_weight: float = 0.6) -> Network:
    """Build the maximum over subnetworks of a residual network in groups, whose first block each has a nonlinear shortcut.

    The defaults are a ResNet-101 without normalisation, with shortcuts weighted 0.6 and branches 0.8, then one last
    nonlinear layer; and, as a subnetwork with a larger value, a branch alone.

    Args:
        blocks: number of blocks in each group.
        branch_depth: nonlinear layers in each branch.
        shortcut_weight: w of `residual`.

    Returns:
        The network.

    Source:
        Zhang, Botev and Martens 2022, "Deep learning without shortcuts: shaping the kernel with tailored rectifiers",
        and the program that goes with Martens et al. 2021, arXiv 2110.01765.

    >>> round(resnet()(0.0, lambda y: y + 1), 2)
    65.8
    """
    branch = plain(branch_depth)
    parts: list[Network] = []
    for count in blocks:
        parts += [residual(branch, shortcut_weight, layer if i == 0 else identity) for i in range(count)]
    return largest(chain(*parts, layer), branch)


def local_slope(network: Network, target: float) -> float:
    """The slope C'(1) of each layer's correlation map that gives the network the slope `target`.

        network(1, y -> s y) = target

    Args:
        network: made with this module, or any function (x, r) -> number that rises with r.
        target: slope at c = 1 of the whole, above 1.

    Returns:
        s, above 1.

    Raises:
        ValueError: for a target that is not above 1 or out of reach.

    Source:
        Martens et al. 2021, "Rapid training of deep neural networks without skip connections or normalization layers
        using Deep Kernel Shaping", arXiv 2110.01765: the maximal slope function.

    >>> round(local_slope(resnet(), 1.2), 10)
    1.0027709658
    """
    if not target > 1:
        raise ValueError(f"Got target={target}; need a slope above 1. The published choice is 1.5.")
    return 1.0 + _rise(lambda s: network(1.0, lambda y: (1.0 + s) * y), target)


def local_curvature(network: Network, target: float) -> float:
    """The curvature C''(1) of each layer's correlation map, of slope 1, that gives the network the curvature `target`.

        network(0, y -> y + k) = target

    Args:
        network: made with this module, or any function (x, r) -> number that rises with r.
        target: second derivative at c = 1 of the whole, above 0.

    Returns:
        k, above 0.

    Raises:
        ValueError: for a target that is not above 0 or out of reach.

    Source:
        Zhang, Botev and Martens 2022: the maximal curvature function.

    >>> round(local_curvature(resnet(), 0.2), 11)
    0.00303951368
    """
    if not target > 0:
        raise ValueError(f"Got target={target}; need a curvature above 0. The published choice is 0.3.")
    return _rise(lambda k: network(0.0, lambda y: y + k), target)


def local_negative_slope(network: Network, target: float) -> float:
    """The slope below 0 of leaky ReLUs that makes the network send correlation 0 to `target`.

        network(0, C_a) = target,   C_a the correlation map of the leaky ReLU of slope a

    Args:
        network: made with this module, or any function (x, r) -> number that rises with r.
        target: C_f(0) of the whole, above 0 and below 1.

    Returns:
        a in [0, 1).

    Raises:
        ValueError: for a target outside (0, 1), or one that even ReLUs do not reach.

    Source:
        Zhang, Botev and Martens 2022: Tailored Activation Transformation for leaky ReLUs.

    >>> round(local_negative_slope(resnet(), 0.75), 9)
    0.62918003
    """
    if not 0 < target < 1:
        raise ValueError(f"Got target={target}; need a correlation in (0, 1). The published choice is 0.9.")

    def excess(a: float) -> float:
        activation = leaky_relu_activation(a)
        return network(0.0, lambda c: float(c_map(activation, c, 1.0, 0.0, 1.0))) - target

    if excess(0.0) < 0:
        raise ValueError(
            f"Got target={target}, but this network with plain ReLUs sends 0 to {excess(0.0) + target:.6g} only; "
            "need a smaller target, or leave the ReLUs as they are."
        )
    return float(brentq(excess, 0.0, 1.0, xtol=1e-15, rtol=1e-14))


def _rise(f: Callable[[float], float], target: float) -> float:
    """x > 0 where the rising f reaches its target."""
    high = 1e-6
    while f(high) < target:
        high *= 2
        if high > 1e12:
            raise ValueError(
                f"No layer takes this network to {target}; it stays at {f(high):.6g}. Does it use r at all?"
            )
    if f(0.0) > target:
        raise ValueError(f"This network is at {f(0.0):.6g} without any nonlinearity; need a target above that.")
    return float(brentq(lambda x: f(x) - target, 0.0, high, xtol=1e-18, rtol=1e-14))
