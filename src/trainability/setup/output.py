"""The one tensor that counts, out of a model's tuple, dict or record of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from trainability.errors import SetupError

Choice = str | int | Callable[[Any], Any]


class OutputOf(nn.Module):
    """A model that answers with a part of what another one answers with.

    Args:
        model: any module.
        choice: a key or attribute, a position, or a function.

    Example:
        >>> class Two(nn.Module):
        ...     def forward(self, x):
        ...         return {"logits": x, "hidden": None}
        >>> OutputOf(Two(), "logits")(Tensor([1.0]))
        tensor([1.])
    """

    def __init__(self, model: nn.Module, choice: Choice) -> None:
        super().__init__()
        self.model, self.choice = model, choice

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The chosen part of the model's output."""
        output = self.model(*args, **kwargs)
        if callable(self.choice):
            return self.choice(output)
        try:
            if isinstance(self.choice, str) and not isinstance(output, Mapping):
                return getattr(output, self.choice)
            return output[self.choice]
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise SetupError(f"output={self.choice!r}, but the model returned {described(output)}.") from error


def described(output: object) -> str:
    """What a model returned, in words.

    Example:
        >>> described((Tensor(3, 2), None))
        'a tuple (a tensor of shape (3, 2), NoneType)'
    """
    if isinstance(output, Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    kind = type(output).__name__
    if isinstance(output, Mapping):
        return f"a {kind} ({', '.join(f'{k!r}: {described(v)}' for k, v in list(output.items())[:6])})"
    if isinstance(output, (tuple, list)):
        return f"a {kind} ({', '.join(described(v) for v in output[:6])})"
    return kind


def suggestion(output: object) -> str:
    """How to say which part counts: the argument to write, for the likeliest part.

    Example:
        >>> suggestion({"hidden": Tensor(1), "logits": Tensor(1)}), suggestion((Tensor(1), None))
        ("output='logits'", 'output=0')
    """
    if isinstance(output, Mapping):
        names = [k for k, v in output.items() if isinstance(v, Tensor)]
        return f"output={'logits' if 'logits' in names else next(iter(names), 'name')!r}"
    if isinstance(output, (tuple, list)):
        return f"output={next((i for i, v in enumerate(output) if isinstance(v, Tensor)), 0)}"
    return "output=lambda returned: returned.logits"
