"""Schemes for a whole model: they look at data, at the order of execution, or at how layers are wired.

Each is called as `<name>(model, sample, *, generator=None, **options)`, those that need no data without `sample`. They
work in place on the parameters and leave no other trace: buffers, modes, gradients, hooks and (but for their own draws)
the random state are as before. `tailored` alone replaces modules, the activations.
`initialize(model, "<name>", sample=x)` calls them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainability.errors import UnknownNameError
from trainability.initializers.models.data_dependent import data_dependent as data_dependent
from trainability.initializers.models.fixup import fixup as fixup
from trainability.initializers.models.lsuv import lsuv as lsuv
from trainability.initializers.models.pretrain import pretrain as pretrain
from trainability.initializers.models.tailored import tailored as tailored

ALL: dict[str, Callable[..., Any]] = {
    "data_dependent": data_dependent,
    "fixup": fixup,
    "lsuv": lsuv,
    "pretrain": pretrain,
    "tailored": tailored,
}
"""Name -> function."""


def get(name: str) -> Callable[..., Any]:
    """Give the model scheme of that name.

    Args:
        name: a key of `ALL`, such as "lsuv".

    Returns:
        The function.

    Raises:
        UnknownNameError: no model scheme has that name; the message gives the nearest.

    >>> get("lsuv") is lsuv
    True
    """
    if name not in ALL:
        raise UnknownNameError("model scheme", name, list(ALL))
    return ALL[name]
