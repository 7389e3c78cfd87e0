"""A method that does nothing for a while, for remedies that take one call out of a user's step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def withheld(owner: Any, name: str) -> Iterator[None]:
    """Calls of `owner.name(...)` do nothing inside, and give the owner back.

    Example:
        >>> class Counter:
        ...     n = 0
        ...     def up(self): self.n += 1
        >>> c = Counter()
        >>> with withheld(c, "up"):
        ...     _ = c.up()
        >>> c.up(); c.n
        1
    """
    own, kept = name in vars(owner), vars(owner).get(name)
    setattr(owner, name, lambda *args, **kwargs: owner)
    try:
        yield
    finally:
        setattr(owner, name, kept) if own else delattr(owner, name)
