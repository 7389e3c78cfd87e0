"""Problems: one named Setup each, with data we ship or make, and what is known about it.

A member's file holds `setup(seed=None, *, ...)`, which builds the Setup (weights from `seed`, or from the present random
state; data always the same), and `KNOWN`, what is known of it for its default options.
"""

from collections.abc import Callable

from trainability.errors import UnknownNameError
from trainability.problems import abs_regression as abs_regression
from trainability.problems import circles as circles
from trainability.problems import deep_conv as deep_conv
from trainability.problems import deep_mlp as deep_mlp
from trainability.problems import digits_mlp as digits_mlp
from trainability.problems import digits_saturated as digits_saturated
from trainability.problems import euclidean_distance as euclidean_distance
from trainability.problems import fractal as fractal
from trainability.problems import quadratic as quadratic
from trainability.problems import quartic as quartic
from trainability.problems import relu_bias_weight as relu_bias_weight
from trainability.problems import single_relu_teacher as single_relu_teacher
from trainability.problems import sparse_linear as sparse_linear
from trainability.problems import teacher_student as teacher_student
from trainability.problems._known import Known
from trainability.setup import Setup

_MEMBERS = (
    abs_regression,
    circles,
    deep_conv,
    deep_mlp,
    digits_mlp,
    digits_saturated,
    euclidean_distance,
    fractal,
    quadratic,
    quartic,
    relu_bias_weight,
    single_relu_teacher,
    sparse_linear,
    teacher_student,
)


def _name(module: object) -> str:
    return str(module.__name__).rpartition(".")[2].replace("_", "-")  # type: ignore[attr-defined]


ALL: dict[str, Callable[..., Setup]] = {_name(module): module.setup for module in _MEMBERS}
"""Name -> function that builds the Setup."""

KNOWN: dict[str, Known] = {_name(module): module.KNOWN for module in _MEMBERS}
"""Name -> what the problem states about itself."""


def get(name: str) -> Callable[..., Setup]:
    """The problem of that name.

    Args:
        name: as in `ALL`; "_" and "-" are the same.

    Returns:
        The function that builds its Setup: `(seed=None, *, options)`.

    Raises:
        UnknownNameError: none has it.

    Example:
        >>> get("digits-saturated")().steps
        7000
    """
    plain = name.replace("_", "-")
    if plain not in ALL:
        raise UnknownNameError("problem", name, list(ALL))
    return ALL[plain]
