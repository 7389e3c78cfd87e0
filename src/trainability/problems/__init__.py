"""Problems: one named Setup each, with data we ship or make, and what is known about it.

A member's file holds `setup()`, which builds the Setup from the present random state, and `KNOWN`, what is
known of it, with its source.
"""

from collections.abc import Callable

from trainability.errors import UnknownNameError
from trainability.problems import digits_mlp as digits_mlp
from trainability.problems import digits_saturated as digits_saturated
from trainability.setup import Setup

ALL: dict[str, Callable[[], Setup]] = {
    module.__name__.rpartition(".")[2].replace("_", "-"): module.setup for module in (digits_mlp, digits_saturated)
}
"""Name -> function that builds the Setup."""


def get(name: str) -> Callable[[], Setup]:
    """The problem of that name.

    Raises:
        UnknownNameError: none has it.

    Example:
        >>> get("digits-saturated")().steps
        7000
    """
    if name not in ALL:
        raise UnknownNameError("problem", name, list(ALL))
    return ALL[name]
