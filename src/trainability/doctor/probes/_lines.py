"""The user's own line among those that led somewhere."""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import torch

_LIBRARIES = (
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib")},
    str(Path(torch.__file__).parent),
    "<frozen",
)
_OURS = str(Path(__file__).parents[2])


def own_line(frames: Sequence[str]) -> str:
    """The last frame outside of Python and torch, in words; "" where there is none behind the last one of this package.

    Args:
        frames: as `traceback.format_stack()` gives them, the outermost first.

    Example:
        >>> own_line(['  File "net.py", line 3, in forward\\n    return y.sqrt()'])
        'net.py, line 3: return y.sqrt()'
    """
    for frame in reversed(frames):
        known = re.match(r'\s*File "([^"]+)", line (\d+), in \S+\s*(.*)', frame.strip(), re.DOTALL)
        if known and known[1].startswith(_OURS):
            return ""
        if known and not known[1].startswith(_LIBRARIES):
            code = known[3].strip().splitlines()
            return f"{Path(known[1]).name}, line {known[2]}" + (f": {code[0].strip()}" if code else "")
    return ""
