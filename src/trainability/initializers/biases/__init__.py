"""Ways to fill a bias: one file each, for one layer or for a stack of members.

Each is called as `<name>_(bias, weight=None, *, batch_dims=0, generator=None, **options)`: some need the weight for
its fan, one draws it anew, one needs data. `initialize(model, scheme, bias="<name>")` uses them by name.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from trainability.errors import UnknownNameError
from trainability.initializers.biases.constant import constant_ as constant_
from trainability.initializers.biases.elbow_placing import elbow_placing_ as elbow_placing_
from trainability.initializers.biases.fan_in_plus_one import fan_in_plus_one_ as fan_in_plus_one_
from trainability.initializers.biases.small_normal import small_normal_ as small_normal_
from trainability.initializers.biases.torch_default import torch_default_ as torch_default_
from trainability.initializers.biases.zeros import zeros_ as zeros_

ALL: dict[str, Callable[..., Tensor]] = {
    name.removesuffix("_"): value
    for name, value in list(globals().items())
    if name.endswith("_") and not name.startswith("_")
}
"""Name without the trailing underscore -> function."""


def get(name: str) -> Callable[..., Tensor]:
    """Give the bias scheme of that name, with or without the trailing underscore.

    Args:
        name: a key of `ALL`, such as "zeros".

    Returns:
        The function.

    Raises:
        UnknownNameError: no bias scheme has that name; the message gives the nearest.

    >>> get("zeros") is zeros_
    True
    """
    key = name.removesuffix("_")
    if key not in ALL:
        raise UnknownNameError("bias", name, [*ALL, "keep"])
    return ALL[key]
