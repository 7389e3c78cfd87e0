"""What a sweep can vary: the names, what values they take, and which of them split a sweep into groups.

Members that differ in a *structural* field (architecture, activation, kind of optimizer, loss, batch size) cannot be
advanced in one step; every other field is one number per member.
"""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields
from functools import cache
from math import isfinite
from typing import Any

from trainability import initializers, optimizers
from trainability.initializers import biases
from trainability.lab.ensemble import _activations, _losses
from trainability.lab.sweep.errors import nearest

STRUCTURE = ("initializer", "bias", "activation", "depth", "width", "loss", "optimizer", "batch_size")
NUMBERS = ("scale", "input_scale", "negative_slope")
NO_BIAS = "none"
FULL = "full"
NOT_HERE = {"Newton": "needs the Hessian of the loss, which an ensemble does not have"}


@cache
def hyper_parameters() -> dict[str, tuple[str, ...]]:
    """Optimizer -> its hyper-parameters that may differ by member; "betas" is a pair.

    >>> hyper_parameters()["Momentum"]
    ('lr', 'momentum', 'dampening', 'weight_decay')
    """
    return {
        name: tuple(f.name for f in fields(rule) if "PerMember" in str(f.type))  # type: ignore[arg-type]
        for name, rule in optimizers.ALL.items()
        if name not in NOT_HERE
    }


@cache
def options() -> dict[str, tuple[str, ...]]:
    """Initializer -> its options that may differ by member.

    >>> options()["uniform"]
    ('a', 'b', 'r')
    """
    found = {}
    for name, draw in initializers.ALL.items():
        every = inspect.signature(draw).parameters.values()
        found[name] = tuple(p.name for p in every if "PerMember" in str(p.annotation))
    return found


@cache
def known() -> tuple[str, ...]:
    """Every name that an axis can have."""
    of_rules = {name for names in hyper_parameters().values() for name in names}
    of_draws = {name for names in options().values() for name in names}
    return (*STRUCTURE, *NUMBERS, "seed", *sorted(of_rules), *sorted(of_draws - of_rules))


def required(initializer: str) -> list[str]:
    """Options that an initializer cannot do without.

    >>> required("constant")
    ['val']
    """
    every = inspect.signature(initializers.ALL[initializer]).parameters.values()
    return [p.name for p in every if p.default is p.empty and p.name != "tensor"]


def called(text: str) -> tuple[str, dict[str, Any]]:
    """A name with options as they are written in a file.

    Raises:
        ValueError: it is no name, or an option is no number, word or true or false.

    >>> called("uniform(a=0, b=1)"), called("he_normal")
    (('uniform', {'a': 0, 'b': 1}), ('he_normal', {}))
    """
    match = re.fullmatch(r"\s*([\w-]+)\s*(?:\((.*)\))?\s*", text)
    if not match:
        raise ValueError(f"given {text!r}, needed a name, or a name with options as in 'uniform(a=0, b=1)'.")
    found: dict[str, Any] = {}
    for part in (match[2] or "").split(","):
        if not part.strip():
            continue
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key.isidentifier():
            raise ValueError(f"given {part.strip()!r} in {text!r}, needed option=value.")
        found[key] = _literal(value)
    return match[1], found


def _literal(text: str) -> Any:
    words = {"true": True, "false": False}
    try:
        return words[text.lower()] if text.lower() in words else ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def check(name: str, value: Any) -> Any:
    """One value of a field as it is kept: a float, an int, a string or a pair of floats.

    Raises:
        ValueError: the field does not take it; the message says what it takes.

    >>> check("lr", 1), check("depth", 2), check("optimizer", "adam")
    (1.0, 2, 'Adam')
    """
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if name in ("depth", "width", "seed"):
        return _whole(value, 1 if name == "width" else 0)
    if name == "batch_size":
        return FULL if value == FULL else _whole(value, 1, f", or {FULL!r} for all samples")
    if name == "betas":
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise ValueError(f"given {value!r}, needed a pair of numbers such as [0.9, 0.999].")
        return tuple(_number(v) for v in value)
    if name in STRUCTURE:
        if not isinstance(value, str):
            raise ValueError(f"given {value!r}, needed a name.")
        return _named(name, value)
    return _number(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise ValueError(f"given {value!r}, needed a finite number.")
    return float(value)


def _whole(value: Any, least: int, more: str = "") -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < least or value >= 2**63:
        raise ValueError(f"given {value!r}, needed a whole number from {least}{more}.")
    return value


def _named(field: str, text: str) -> str:
    if field in ("initializer", "optimizer"):
        name, given = called(text)
        if field == "optimizer":
            name, takes = _optimizer(name)
        else:
            name, takes = _initializer(name)
        for option in given:
            if option not in takes:
                raise ValueError(f"{name} has no option {option!r}. {nearest(option, takes)}")
        inside = text.partition("(")[2].rpartition(")")[0].strip()
        return f"{name}({inside})" if inside else name
    if field == "bias":
        choices = [*biases.ALL, NO_BIAS]
        choices = [c for c in choices if c not in ("elbow_placing", "fan_in_plus_one")]  # these need more than a weight
    else:
        families = {"activation": [*_activations.ALL, *_activations.ALIASES], "loss": list(_losses.ALL)}
        choices = families[field]
    if text not in choices:
        raise ValueError(f"there is no {field} {text!r}. {nearest(text, choices)}")
    return text


def _optimizer(given: str) -> tuple[str, list[str]]:
    for name, rule in optimizers.ALL.items():
        if name.lower() == given.lower():
            if name in NOT_HERE:
                raise ValueError(f"{name} {NOT_HERE[name]}. {nearest('', list(hyper_parameters()))}")
            return name, [f.name for f in fields(rule)]  # type: ignore[arg-type]
    raise ValueError(f"there is no optimizer {given!r}. {nearest(given, list(hyper_parameters()))}")


def _initializer(given: str) -> tuple[str, list[str]]:
    key = initializers.ALIASES.get(given.removesuffix("_"), given.removesuffix("_"))
    if key not in initializers.ALL:
        raise ValueError(f"there is no initializer {given!r}. {nearest(given, [*initializers.ALL])}")
    every = list(inspect.signature(initializers.ALL[key]).parameters)
    return key, [p for p in every if p not in ("tensor", "batch_dims", "generator", "bias")]
