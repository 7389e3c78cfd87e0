"""Initializers: one law each, for one tensor or for a stacked ensemble.

`torch.nn.init` reads its fans from the first two dimensions, so on a stack `(E, out, in)` it is silently
wrong. Here `batch_dims=1` says that the first dimension counts members; gains, bounds and generators may then
differ by member. A member's file holds two functions: `<name>_`, which draws in place, and `promised_std`,
the standard deviation it promises.

- `get(name)`, `promised_std(name, shape)`: a scheme by name, aliases such as "kaiming_normal" too.
- `initialize(model, name, bias=...)`: a scheme for all layers of a model; `biases` holds what fills a bias.
- `models`: schemes for a whole model, such as LSUV, which `initialize(model, "lsuv", sample=x)` calls.
- `identify(model)`: which scheme each tensor looks like, with a goodness of fit.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from trainability.errors import UnknownNameError

# One line per member; ALL below lists whatever is imported here with a trailing underscore.
from trainability.initializers.constant import constant_ as constant_
from trainability.initializers.delta_orthogonal import delta_orthogonal_ as delta_orthogonal_
from trainability.initializers.dirac import dirac_ as dirac_
from trainability.initializers.he_normal import he_normal_ as he_normal_
from trainability.initializers.he_uniform import he_uniform_ as he_uniform_
from trainability.initializers.identity import identity_ as identity_
from trainability.initializers.lecun_normal import lecun_normal_ as lecun_normal_
from trainability.initializers.lecun_uniform import lecun_uniform_ as lecun_uniform_
from trainability.initializers.normal import normal_ as normal_
from trainability.initializers.orthogonal import orthogonal_ as orthogonal_
from trainability.initializers.randomized_asymmetric import randomized_asymmetric_ as randomized_asymmetric_
from trainability.initializers.sparse import sparse_ as sparse_
from trainability.initializers.torch_default import torch_default_ as torch_default_
from trainability.initializers.truncated_normal import truncated_normal_ as truncated_normal_
from trainability.initializers.uniform import uniform_ as uniform_
from trainability.initializers.xavier_normal import xavier_normal_ as xavier_normal_
from trainability.initializers.xavier_uniform import xavier_uniform_ as xavier_uniform_
from trainability.initializers.zeros import zeros_ as zeros_

ALL: dict[str, Callable[..., Tensor]] = {
    name.removesuffix("_"): value
    for name, value in list(globals().items())
    if name.endswith("_") and not name.startswith("_")
}
"""Name without the trailing underscore -> function."""

ALIASES = {
    "glorot_normal": "xavier_normal",
    "glorot_uniform": "xavier_uniform",
    "kaiming_normal": "he_normal",
    "kaiming_uniform": "he_uniform",
    "trunc_normal": "truncated_normal",
    "eye": "identity",
    "default": "torch_default",
    "rai": "randomized_asymmetric",
}
"""Other names that `get` and `initialize` take -> the name in `ALL`."""


def get(name: str) -> Callable[..., Tensor]:
    """Give the initializer of that name, with or without the trailing underscore.

    Args:
        name: a key of `ALL`, such as "he_normal", or of `ALIASES`, such as "kaiming_normal".

    Returns:
        The function, called as `f(tensor, batch_dims=0, generator=None, **options)`.

    Raises:
        UnknownNameError: no initializer has that name; the message gives the nearest.

    >>> get("he_normal") is he_normal_ is get("kaiming_normal_")
    True
    """
    key = name.removesuffix("_")
    key = ALIASES.get(key, key)
    if key not in ALL:
        raise UnknownNameError("initializer", name, [*ALL, *ALIASES])
    return ALL[key]


def promised_std(name: str, shape: Sequence[int], **options: Any) -> float | Tensor:
    """Give the standard deviation that an initializer promises for an entry of a weight, without drawing.

    Args:
        name: a key of `ALL` or `ALIASES`.
        shape: shape of the weight, `(*members, out, in, *kernel)`.
        options: what the initializer takes, `batch_dims=` included, `generator=` not.

    Returns:
        A float, or a float64 tensor with one value per member if an option has one value per member.

    Raises:
        UnknownNameError: no initializer has that name.
        ValueError: what the initializer itself would raise.

    >>> promised_std("lecun_normal", (30, 25))
    0.2
    """
    return importlib.import_module(get(name).__module__).promised_std(shape, **options)


from trainability.initializers import biases as biases  # noqa: E402
from trainability.initializers import models as models  # noqa: E402  (these read ALL)
from trainability.initializers.identify import identify as identify  # noqa: E402
from trainability.initializers.initialize import initialize as initialize  # noqa: E402
