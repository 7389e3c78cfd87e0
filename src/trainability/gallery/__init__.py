"""The gallery: one reproduced result each, with its prediction, its figure and its check.

A new experiment is one file with `experiment`, `check` and `figure`, one line below, and one test.
"""

from __future__ import annotations

from types import ModuleType

from trainability.errors import UnknownNameError
from trainability.gallery import saturated_softmax

ALL: dict[str, ModuleType] = {"saturated-softmax": saturated_softmax}
"""Name -> module."""


def get(name: str) -> ModuleType:
    """The experiment of that name.

    Raises:
        UnknownNameError: none has it.

    Example:
        >>> get("saturated-softmax").TITLE
        'Which weights and which learning rate train a softmax with squared error'
    """
    if name not in ALL:
        raise UnknownNameError("experiment", name, list(ALL))
    return ALL[name]
