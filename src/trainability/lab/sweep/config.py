"""What a sweep file may say, checked by pydantic; every error points at its field."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError

from trainability.lab.sweep import fields
from trainability.lab.sweep.axes import Draw
from trainability.lab.sweep.errors import SweepError, nearest

Combine = Literal["product", "zip", "random"]
Number = StrictInt | float
LAWS = ("uniform", "log_uniform", "integers", "choice")


class Values(BaseModel):
    """Values of one axis by a rule: exactly one of these."""

    model_config = ConfigDict(extra="forbid")

    linear: tuple[Number, Number, StrictInt] | None = Field(None, description="first, last, how many; evenly spaced")
    log: tuple[Number, Number, StrictInt] | None = Field(None, description="first, last, how many; evenly in log")
    range: tuple[StrictInt, StrictInt] | None = Field(None, description="whole numbers, both ends included")
    uniform: tuple[Number, Number] | None = Field(None, description="random between two numbers")
    log_uniform: tuple[Number, Number] | None = Field(None, description="random, uniform in the logarithm")
    integers: tuple[StrictInt, StrictInt] | None = Field(None, description="random whole numbers, ends included")
    choice: list[Any] | None = Field(None, description="one of these at random")


class Config(BaseModel):
    """A sweep as it is written in a file."""

    model_config = ConfigDict(extra="forbid")

    problem: str | dict[str, Any]
    steps: StrictInt = Field(gt=0)
    axes: dict[str, Any]
    fixed: dict[str, Any] = {}
    combine: Combine = "product"
    runs: StrictInt | None = Field(None, gt=0)
    draw_seed: StrictInt = Field(0, ge=0)
    target: float | None = Field(None, allow_inf_nan=False)
    curve: StrictInt = Field(60, ge=1)
    measures: list[str] = []
    measured: StrictInt = Field(3, ge=1)
    retire: StrictBool = True
    order: Literal["own", "shared"] = "own"
    dtype: Literal["float32", "float64"] = "float32"


def read(path: Path) -> dict[str, Any]:
    """What a TOML or YAML file holds, unchecked.

    Raises:
        SweepError: no such file, another ending, or no valid TOML or YAML.
    """
    source = str(path)
    if path.suffix not in (".toml", ".yaml", ".yml"):
        raise SweepError([("", f"the file ends in {path.suffix!r}, needed .toml, .yaml or .yml.")], source)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise SweepError([("", f"the file cannot be read ({why}).")], source) from error
    try:
        found = tomllib.loads(text) if path.suffix == ".toml" else _yaml(text, source)
    except ValueError as error:
        raise SweepError([("", f"the file is not valid {path.suffix[1:].upper()}: {error}.")], source) from error
    if not isinstance(found, dict):
        raise SweepError([("", "the file holds no table; needed are problem, steps and axes.")], source)
    return found


def _yaml(text: str, source: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        says = "YAML files need the package pyyaml; install it, or write the sweep in TOML."
        raise SweepError([("", says)], source) from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def checked(given: Mapping[str, Any], source: str = "") -> Config:
    """The outer form of a sweep, checked; axes are checked by `axis`.

    Raises:
        SweepError: with every field that is wrong.
    """
    try:
        return Config.model_validate(dict(given))
    except ValidationError as error:
        raise SweepError(said(error, list(Config.model_fields)), source) from error


def said(error: ValidationError, known: list[str], lead: str = "") -> list[tuple[str, str]]:
    """pydantic's errors as (field, sentence), one for each field."""
    found: dict[str, str] = {}
    for one in error.errors():
        place = ".".join(str(p) for p in one["loc"] if not str(p).startswith(("function-", "is-instance")))
        if one["type"] == "extra_forbidden":
            says = f"there is no such field. {nearest(str(one['loc'][-1]), known)}"
        elif one["type"] == "missing":
            says = "this field is missing."
        else:
            says = f"given {one['input']!r}: {one['msg'][0].lower()}{one['msg'][1:]}."
        place = place.removesuffix(".int").removesuffix(".float").removesuffix(".str")
        found.setdefault(f"{lead}{place}", says)
    return list(found.items())


def axis(name: str, given: Any, combine: Combine) -> list[Any] | Draw | int:
    """The values of one axis, a law to draw them from, or a number of seeds.

    Raises:
        SweepError: an empty axis, a value that the field does not take, a rule that does not fit.

    >>> axis("lr", {"log": [0.01, 1, 3]}, "product")
    [0.01, 0.1, 1.0]
    """
    where = f"axes.{name}"
    if hasattr(given, "tolist"):
        given = given.tolist()
    if isinstance(given, Draw):
        given = {given.law: list(given.of)}
    if name == "seed" and isinstance(given, int) and not isinstance(given, bool):
        if given < 1:
            raise SweepError([(where, f"given {given} seeds, needed at least 1.")])
        return given
    if isinstance(given, Mapping):
        return _by_rule(name, given, combine)
    if isinstance(given, (str, bytes)) or not hasattr(given, "__iter__"):
        raise SweepError(
            [(where, f"given {given!r}, needed a list of values or a rule such as {{log = [1e-4, 1, 9]}}.")]
        )
    values = _each(name, list(given), where, once=combine == "product")
    return Draw("choice", tuple(values)) if combine == "random" else values


def _each(name: str, given: list[Any], where: str, once: bool = False) -> list[Any]:
    if not given:
        raise SweepError(
            [(where, "the axis is empty; needed is at least one value. Leave it out to keep the default.")]
        )
    values, problems = [], []
    for i, value in enumerate(given):
        try:
            values.append(fields.check(name, value))
        except ValueError as error:
            problems.append((f"{where}[{i}]", str(error)))
    twice = [v for v, count in Counter(values).items() if count > 1] if once else []
    if twice:
        problems.append((where, f"given {twice[0]!r} twice, needed each value once."))
    if problems:
        raise SweepError(problems)
    return values


def _by_rule(name: str, given: Mapping[str, Any], combine: Combine) -> list[Any] | Draw:
    where = f"axes.{name}"
    try:
        rule = Values.model_validate(dict(given))
    except ValidationError as error:
        raise SweepError(said(error, list(Values.model_fields), f"{where}.")) from error
    ways = {key: value for key, value in rule.model_dump().items() if value is not None}
    if len(ways) != 1:
        raise SweepError([(where, f"given {len(ways)} rules, needed one of {', '.join(Values.model_fields)}.")])
    (law, of), where = next(iter(ways.items())), f"{where}.{next(iter(ways))}"
    if (law in LAWS) != (combine == "random"):
        kinds = [n for n in Values.model_fields if (n in LAWS) == (combine == "random")]
        raise SweepError([(where, f"combine is {combine!r}; needed is a list or one of {', '.join(kinds)}.")])
    if law == "choice":
        return Draw("choice", tuple(_each(name, of, where)))
    low, high = of[0], of[1]
    logarithmic = law in ("log", "log_uniform")
    if not (np.isfinite([low, high]).all() and (low > 0 if logarithmic else True)):
        raise SweepError([(where, f"given {of}, needed finite ends{', the first above 0' if logarithmic else ''}.")])
    if high <= low if law in LAWS or law == "range" else logarithmic and high <= 0:
        raise SweepError([(where, f"given {of}, needed the lower end first and another one after it.")])
    if law in LAWS:
        _each(name, [low, high], where)
        if law != "integers" and fields.check(name, 1) is not None and name in (*fields.STRUCTURE, "seed"):
            raise SweepError([(where, f"{name} takes whole numbers; needed is integers or choice.")])
        return Draw(law, (low, high))
    if law == "range":
        return _each(name, list(range(low, high + 1)), where)
    if of[2] < 1:
        raise SweepError([(where, f"given {of[2]} values, needed at least 1.")])
    return _each(name, spaced(low, high, of[2], logarithmic), where)


def spaced(low: float, high: float, count: int, logarithmic: bool) -> list[float]:
    """Evenly spaced numbers, both ends exact, written with 12 digits so that 0.1 is 0.1.

    >>> spaced(0.001, 1, 4, True)
    [0.001, 0.01, 0.1, 1.0]
    """
    between = np.geomspace(low, high, count) if logarithmic else np.linspace(low, high, count)
    return [float(f"{v:.12g}") for v in between]
