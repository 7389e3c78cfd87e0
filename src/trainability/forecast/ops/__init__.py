"""Operations that theory follows through a wide network: one file each, listed here.

A file holds `FUNCTIONS`, from a function that a model calls to its rule (`_op.Forward`). Whatever is not here is outside
theory, and what follows it is predicted from what was measured there.
"""

from __future__ import annotations

from typing import Any

from trainability.forecast.ops import activation, arithmetic, convolution, embedding, linear, normalisation, shape
from trainability.forecast.ops._op import Forward

ALL = (activation, arithmetic, convolution, embedding, linear, normalisation, shape)

FUNCTIONS: dict[Any, Forward] = {function: rule for op in ALL for function, rule in op.FUNCTIONS.items()}
