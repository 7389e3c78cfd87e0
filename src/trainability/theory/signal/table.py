"""The named activations, the ones with parameters, and how a name or a function becomes an `Activation`."""

from __future__ import annotations

import numpy as np
from scipy.special import erf as _erf
from scipy.special import expit, ndtr

from trainability.errors import UnknownNameError
from trainability.theory.signal import _closed
from trainability.theory.signal.activation import Activation, Function

ActivationLike = str | Activation | Function

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def two_slopes(below: float, above: float, name: str = "two_slopes") -> Activation:
    """Make phi(u) = above u for u > 0 and below u for u < 0: linear (1, 1), ReLU (0, 1), absolute value (-1, 1).

    >>> two_slopes(-1, 1)(-3.0)
    3.0
    """
    if not (np.isfinite(below) and np.isfinite(above)):
        raise ValueError(f"Got slopes {below}, {above}; need finite numbers.")
    return Activation(
        function=lambda u: np.where(u > 0, above * u, below * u),
        derivative=lambda u: np.where(u > 0, float(above), float(below)),
        second_derivative=np.zeros_like,
        kinks=() if below == above else (0.0,),
        closed=_closed.two_slopes(float(below), float(above)),
        slopes=(float(below), float(above)),
        name=name,
    )


def leaky_relu(negative_slope: float = 0.01) -> Activation:
    """Make the leaky ReLU of that slope below 0; 0.01 is torch's default, 0.3 that of Keras 2.

    >>> leaky_relu(0.2)(-1.0)
    -0.2
    """
    return two_slopes(negative_slope, 1.0, f"leaky_relu({negative_slope:g})")


def elu(alpha: float = 1.0, scale: float = 1.0) -> Activation:
    """Make scale u above 0, scale alpha (exp(u) - 1) below.

    >>> elu(2.0)(1.5)
    1.5
    """
    return Activation(
        function=lambda u: scale * np.where(u > 0, u, alpha * np.expm1(np.minimum(u, 0.0))),
        derivative=lambda u: scale * np.where(u > 0, 1.0, alpha * np.exp(np.minimum(u, 0.0))),
        second_derivative=lambda u: scale * np.where(u > 0, 0.0, alpha * np.exp(np.minimum(u, 0.0))),
        kinks=(0.0,),
        name=f"elu({alpha:g})",
    )


def softplus(beta: float = 1.0) -> Activation:
    """Make ln(1 + exp(beta u))/beta, beta above 0.

    >>> round(softplus()(0.0), 6)
    0.693147
    """
    _positive("beta", beta)
    return Activation(
        function=lambda u: np.logaddexp(0.0, beta * u) / beta,
        derivative=lambda u: expit(beta * u),
        second_derivative=lambda u: beta * expit(beta * u) * expit(-beta * u),
        name="softplus",
    )


def silu(beta: float = 1.0) -> Activation:
    """Make u sigmoid(beta u), also called swish; beta above 0.

    >>> round(silu()(1.0), 6)
    0.731059
    """
    _positive("beta", beta)

    def derivative(u: np.ndarray) -> np.ndarray:
        return expit(beta * u) * (1 + beta * u * expit(-beta * u))

    def second(u: np.ndarray) -> np.ndarray:
        up, down = expit(beta * u), expit(-beta * u)
        return beta * up * down * (2 + beta * u * (down - up))

    return Activation(lambda u: u * expit(beta * u), derivative, second, name="silu")


def hardtanh(low: float = -1.0, high: float = 1.0) -> Activation:
    """Make u clipped to [low, high]; (0, 6) is ReLU6.

    >>> hardtanh()(3.0)
    1.0
    """
    if not low < high:
        raise ValueError(f"Got low={low}, high={high}; need low below high.")
    return Activation(
        function=lambda u: np.clip(u, low, high),
        derivative=lambda u: np.where((u > low) & (u < high), 1.0, 0.0),
        second_derivative=np.zeros_like,
        kinks=(float(low), float(high)),
        name=f"hardtanh({low:g}, {high:g})",
    )


def _positive(name: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"Got {name}={value}; need a finite number above 0.")


def _density(u: np.ndarray) -> np.ndarray:
    return np.exp(-u * u / 2) / np.sqrt(2 * np.pi)


def _sech2(u: np.ndarray) -> np.ndarray:
    e = np.exp(-2 * np.abs(u))
    return 4 * e / (1 + e) ** 2


_TANH = Activation(np.tanh, _sech2, lambda u: -2 * np.tanh(u) * _sech2(u), name="tanh")
_ERF = Activation(
    _erf,
    lambda u: 2 / np.sqrt(np.pi) * np.exp(-u * u),
    lambda u: -4 / np.sqrt(np.pi) * u * np.exp(-u * u),
    closed=_closed.ERF,
    name="erf",
)
_SIGMOID = Activation(
    expit,
    lambda u: expit(u) * expit(-u),
    lambda u: expit(u) * expit(-u) * (expit(-u) - expit(u)),
    name="sigmoid",
)
_GELU = Activation(
    lambda u: u * ndtr(u),
    lambda u: ndtr(u) + u * _density(u),
    lambda u: (2 - u * u) * _density(u),
    name="gelu",
)
_C = np.sqrt(2 / np.pi)


def _gelu_tanh_slope(u: np.ndarray) -> np.ndarray:
    inner, inner_slope = _C * (u + 0.044715 * u**3), _C * (1 + 3 * 0.044715 * u * u)
    return expit(2 * inner) + u * _sech2(inner) * inner_slope / 2


def _gelu_tanh_second(u: np.ndarray) -> np.ndarray:
    inner, first, second = _C * (u + 0.044715 * u**3), _C * (1 + 3 * 0.044715 * u * u), _C * 6 * 0.044715 * u
    return _sech2(inner) * (first + u * second / 2 - u * np.tanh(inner) * first * first)


_GELU_TANH = Activation(
    lambda u: u * expit(2 * _C * (u + 0.044715 * u**3)), _gelu_tanh_slope, _gelu_tanh_second, name="gelu_tanh"
)
_SIN = Activation(np.sin, np.cos, lambda u: -np.sin(u), closed=_closed.SIN, name="sin")
_COS = Activation(np.cos, lambda u: -np.sin(u), lambda u: -np.cos(u), closed=_closed.COS, name="cos")
_ARCTAN = Activation(np.arctan, lambda u: 1 / (1 + u * u), lambda u: -2 * u / (1 + u * u) ** 2, name="arctan")
_SOFTSIGN = Activation(
    lambda u: u / (1 + np.abs(u)),
    lambda u: (1 + np.abs(u)) ** -2.0,
    lambda u: -2 * np.sign(u) * (1 + np.abs(u)) ** -3.0,
    kinks=(0.0,),
    name="softsign",
)
_LOG_SIGMOID = Activation(
    lambda u: -np.logaddexp(0.0, -u), lambda u: expit(-u), lambda u: -expit(u) * expit(-u), name="log_sigmoid"
)
_TANHSHRINK = Activation(
    lambda u: u - np.tanh(u), lambda u: np.tanh(u) ** 2, lambda u: 2 * np.tanh(u) * _sech2(u), name="tanhshrink"
)


def _mish_parts(u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    inner = np.logaddexp(0.0, u)
    return np.tanh(inner), _sech2(inner), expit(u)


def _mish_slope(u: np.ndarray) -> np.ndarray:
    t, s, up = _mish_parts(u)
    return t + u * up * s


def _mish_second(u: np.ndarray) -> np.ndarray:
    t, s, up = _mish_parts(u)
    return s * up * (2 + u * (1 - up - 2 * t * up))


_MISH = Activation(lambda u: u * np.tanh(np.logaddexp(0.0, u)), _mish_slope, _mish_second, name="mish")
_HARD_SIGMOID = Activation(
    lambda u: np.clip(u / 6 + 0.5, 0.0, 1.0),
    lambda u: np.where(np.abs(u) < 3, 1 / 6, 0.0),
    np.zeros_like,
    kinks=(-3.0, 3.0),
    name="hard_sigmoid",
)
_HARD_SILU = Activation(
    lambda u: u * np.clip(u / 6 + 0.5, 0.0, 1.0),
    lambda u: np.where(np.abs(u) < 3, u / 3 + 0.5, np.where(u > 0, 1.0, 0.0)),
    lambda u: np.where(np.abs(u) < 3, 1 / 3, 0.0),
    kinks=(-3.0, 3.0),
    name="hard_silu",
)

ACTIVATIONS: dict[str, Activation] = {
    "linear": two_slopes(1.0, 1.0, "linear"),
    "relu": two_slopes(0.0, 1.0, "relu"),
    "leaky_relu": leaky_relu(),
    "abs": two_slopes(-1.0, 1.0, "abs"),
    "relu6": hardtanh(0.0, 6.0),
    "hardtanh": hardtanh(),
    "hard_sigmoid": _HARD_SIGMOID,
    "hard_silu": _HARD_SILU,
    "tanh": _TANH,
    "tanhshrink": _TANHSHRINK,
    "erf": _ERF,
    "sigmoid": _SIGMOID,
    "log_sigmoid": _LOG_SIGMOID,
    "softsign": _SOFTSIGN,
    "arctan": _ARCTAN,
    "elu": elu(),
    "selu": elu(_SELU_ALPHA, _SELU_SCALE),
    "gelu": _GELU,
    "gelu_tanh": _GELU_TANH,
    "silu": silu(),
    "mish": _MISH,
    "softplus": softplus(),
    "sin": _SIN,
    "cos": _COS,
}
"""Name -> activation. `gelu` is the exact one, with erf; `elu` has alpha 1; `leaky_relu` has slope 0.01."""

_ALIASES = {
    "identity": "linear",
    "none": "linear",
    "leaky": "leaky_relu",
    "swish": "silu",
    "sine": "sin",
    "cosine": "cos",
    "logistic": "sigmoid",
    "atan": "arctan",
    "celu": "elu",
    "absolute": "abs",
    "hard_tanh": "hardtanh",
    "hard_swish": "hard_silu",
    "gelu_exact": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_approximate": "gelu_tanh",
}


def _key(name: str) -> str:
    return "".join(ch for ch in name.lower() if ch.isalnum())


_BY_KEY = {_key(name): name for name in ACTIVATIONS} | {_key(alias): name for alias, name in _ALIASES.items()}


def resolve(activation: ActivationLike) -> Activation:
    """Give the `Activation` of a name, of a function, or of itself.

    Names ignore case, underscores and hyphens, so that torch's "LeakyReLU" and Keras's "leaky_relu" are one;
    aliases are identity, leaky, swish, sine, logistic, atan, celu, hard_swish and a few more.

    Args:
        activation: a name, an `Activation`, or an elementwise function on NumPy arrays.

    Returns:
        The activation. A function is examined anew at each call: to use it often, keep `Activation(function)`.

    Raises:
        UnknownNameError: for a name nobody has.
        ValueError: for a function that is not elementwise.
        TypeError: for anything else.

    >>> resolve("Swish") is resolve("silu")
    True
    """
    if isinstance(activation, Activation):
        return activation
    if isinstance(activation, str):
        if _key(activation) not in _BY_KEY:
            raise UnknownNameError("nonlinearity", activation, [*ACTIVATIONS, *_ALIASES])
        return ACTIVATIONS[_BY_KEY[_key(activation)]]
    if callable(activation):
        return Activation(activation, name=getattr(activation, "__name__", "activation"))
    raise TypeError(
        f"Got activation={activation!r}; need a name such as 'tanh', an Activation, or a function of NumPy arrays."
    )
