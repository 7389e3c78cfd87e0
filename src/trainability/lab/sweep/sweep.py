"""`Sweep`: named axes, each point a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product as every_pair
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from trainability.lab.sweep import checks, fields
from trainability.lab.sweep import config as _config
from trainability.lab.sweep import data as _data
from trainability.lab.sweep.axes import RUN, SEED, Draw, Points, drawn, product, together
from trainability.lab.sweep.errors import SweepError, nearest
from trainability.lab.sweep.module import ModuleStructure, SetupProblem
from trainability.lab.sweep.structure import Structure
from trainability.setup import Setup

if TYPE_CHECKING:
    import xarray as xr

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Sweep:
    """Many runs of one problem along named axes, all checked before any of them starts.

    Axes are what a run is made of: `initializer`, `scale` (factor on the weights drawn), what the initializer takes
    (`gain`, `std`, `r`, ...), `bias`, `activation`, `negative_slope`, `depth` (hidden layers), `width`, `loss`,
    `optimizer`, its hyper-parameters (`lr`, `momentum`, `betas`, ...), `batch_size`, `input_scale` and `seed`. An initializer
    or optimizer may carry options: "uniform(a=0, b=1)".

    Args:
        problem: a name ("digits", "circles", "diabetes", "single-relu", "abs", "euclidean-distance"), a table with a name and
            options, a table with `data`, the path of an .npz file with X and y, a pair of arrays (X, y), or a `Setup`
            whose data are tensors (or a function that builds one). A Setup's network is its own; a sweep varies its
            start, its loss, its optimizer and the seed.
        axes: name -> values, a rule ({"log": [1e-4, 1, 9]}, {"linear": ...}, {"range": [1, 5]}; for random draws
            {"log_uniform": [1e-4, 1]}, {"uniform": ...}, {"integers": ...}, {"choice": [...]}), or for seed a number.
        steps: optimizer steps of every run, from 1.
        fixed: name -> one value, for what no axis varies; the problem says the rest.
        combine: "product" of the axes, "zip" of axes of one length, or "random" draws. With the last two a number of
            seeds repeats each point with all seeds.
        runs: how many random points.
        draw_seed: of the random points.
        target: the loss at which a run has trained; None for half of the best constant answer's.
        curve: at how many steps the loss is kept.
        measures: what is measured of the networks on the way, from `measures.ALL` ("weight_norm", "gradient_norm",
            "sharpness", "dead_share", "saturated_share", "output_rms"); not of a Setup's network.
        measured: at how many steps, evenly spread from before the first to after the last.
        retire: whether runs that have diverged, converged or come to rest leave early.
        order: "own" batches, shuffled by each run's seed, or "shared".
        dtype: "float32" or "float64".
        folder: what relative paths start from.
        source: the file that errors name.
        label: what the record calls a problem given in Python.

    Raises:
        SweepError: everything that is wrong, each with its field.

    >>> sweep = Sweep("abs", {"lr": [0.1, 1e-6], "seed": 2}, steps=300)
    >>> sweep.points.dims, len(sweep.points)
    (('lr', 'seed'), 4)
    """

    problem: Any
    axes: Mapping[str, Any]
    steps: int
    fixed: Mapping[str, Any] = field(default_factory=dict)
    combine: str = "product"
    runs: int | None = None
    draw_seed: int = 0
    target: float | None = None
    curve: int = 60
    measures: Sequence[str] = ()
    measured: int = 3
    retire: bool = True
    order: str = "own"
    dtype: str = "float32"
    folder: str = field(default=".", repr=False)
    source: str = field(default="", repr=False)
    label: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        arrays = isinstance(self.problem, (tuple, list)) and len(self.problem) == 2
        outer = {name: getattr(self, name) for name in _config.Config.model_fields}
        other = arrays or isinstance(self.problem, Setup) or callable(self.problem)
        outer |= {"problem": "digits" if other else self.problem, "axes": dict(self.axes), "fixed": dict(self.fixed)}
        outer["measures"] = self.measures if isinstance(self.measures, str) else list(self.measures)
        _config.checked(outer, self.source)
        try:
            object.__setattr__(self, "module", self._module())
            object.__setattr__(self, "data", self._data(arrays))
            object.__setattr__(self, "values", self._values())
            checks.names(self)
            checks.measures(self)
            object.__setattr__(self, "points", self._points())
            checks.numbers(self)
            checks.by_trying(self)
        except SweepError as error:
            raise SweepError(error.problems, self.source) from error

    module: SetupProblem | None = field(init=False, repr=False)
    data: _data.SweepData = field(init=False, repr=False)
    values: dict[str, Any] = field(init=False, repr=False)
    points: Points = field(init=False, repr=False)

    @classmethod
    def from_file(cls, path: str | Path, load: Callable[[str], Any] | None = None) -> Sweep:
        """The sweep that a TOML or YAML file describes.

        Args:
            path: of the file.
            load: from "FILE.py:NAME" to a Setup or a function that builds one, for files with
                problem = {setup = "train.py:setup"}; the command line has one.

        Raises:
            SweepError: everything that is wrong with it.
        """
        path = Path(path)
        given = _config.read(path)
        _config.checked(given, str(path))
        table, label = given["problem"], ""
        if load is not None and isinstance(table, dict) and set(table) == {"setup"}:
            label = str(table["setup"])
            given = {**given, "problem": load(str(path.parent / label))}
        return cls(**given, folder=str(path.parent), source=str(path), label=label)

    def run(self, out: str | Path | None = None, **how: Any) -> xr.Dataset:
        """Train all runs, or those that a former call with the same folder left.

        Args:
            out: folder of the results, which may be interrupted and gone on with; None keeps them in memory.
            how: see `run.run`: workers, chunk, scheduler, progress, command.

        Returns:
            Dataset with the sweep's dimensions, read from the folder when it is looked at.
        """
        from trainability.lab.sweep.run import run

        return run(self, out, **how)

    def _module(self) -> SetupProblem | None:
        try:
            if isinstance(self.problem, Setup) or callable(self.problem):
                return SetupProblem.of(self.problem)
        except ValueError as error:
            raise SweepError([("problem", str(error))]) from error
        return None

    @property
    def split(self) -> tuple[str, ...]:
        """The fields in which members trained in one step must agree."""
        return fields.STRUCTURE if self.module is None else self.module.split()

    @property
    def aim(self) -> float | None:
        """The loss at which a run has trained, where somebody says one."""
        return self.target if self.target is not None or self.module is None else self.module.setup.target

    @property
    def samples(self) -> int:
        """Samples to train on."""
        return len(self.data.X if self.module is None else self.module.setup.data[0])

    def structure(self, values: Mapping[str, Any]) -> Structure | ModuleStructure:
        """What members with these values of `split` have in common."""
        return Structure(**values) if self.module is None else ModuleStructure(tuple(values.items()))

    def _data(self, arrays: bool) -> _data.SweepData:
        if self.module is not None:
            return _data.SweepData(torch.zeros(1, 1), torch.zeros(1, 1), 1)  # a Setup has data of its own
        try:
            if arrays:
                return _data.own(*self.problem)
            table = {"name": self.problem} if isinstance(self.problem, str) else dict(self.problem)
            if "setup" in table:
                raise ValueError("a Setup is loaded by the command line, or given in Python as problem=setup.")
            if "data" in table:
                extra = [key for key in table if key != "data"]
                if extra:
                    raise ValueError(f"given {extra[0]!r} beside data, needed data alone.")
                return _data.from_file(Path(self.folder) / str(table["data"]))
            if "name" not in table:
                raise ValueError(f"given {table}, needed a name or data. {nearest('', list(_data.ALL))}")
            return _data.named(str(table.pop("name")), table)
        except (ValueError, TypeError) as error:
            raise SweepError([("problem", str(error))]) from error

    def _values(self) -> dict[str, Any]:
        """Axis -> list of values, law or number of seeds; and what is fixed."""
        found: dict[str, Any] = {}
        problems: list[tuple[str, str]] = []
        if not self.axes:
            problems.append(("axes", "there are none; needed is at least one, such as seed = 10."))
        for part, given in (("axes", self.axes), ("fixed", self.fixed)):
            for name, value in given.items():
                known = fields.known() if self.module is None else self.module.names()
                if name not in known:
                    fixed_ = "the Setup's own network decides it. " if name in fields.known() else ""
                    says = f"there is no such axis. {fixed_}{nearest(name, known)}"
                    problems.append((f"{part}.{name}", says))
                    continue
                if part == "fixed" and name in self.axes:
                    problems.append((f"fixed.{name}", "given here and as an axis, needed in one place. Leave one out."))
                    continue
                try:
                    if part == "axes":
                        found[name] = _config.axis(name, value, self.combine)  # type: ignore[arg-type]
                    else:
                        fields.check(name, value)
                except SweepError as error:
                    problems += error.problems
                except ValueError as error:
                    problems.append((f"{part}.{name}", str(error)))
        if self.combine == "random" and self.runs is None:
            problems.append(("runs", "this field is missing; random draws need a number of points."))
        if self.combine != "random" and self.runs is not None:
            problems.append(("runs", f"given {self.runs} with combine = {self.combine!r}, needed combine = 'random'."))
        if problems:
            raise SweepError(problems)
        return found

    def _points(self) -> Points:
        values = dict(self.values)
        if self.combine == "product":
            return product({n: list(range(v)) if isinstance(v, int) else v for n, v in values.items()})
        seeds = values.pop(SEED, None)
        repeats = list(range(seeds)) if isinstance(seeds, int) else None
        if self.combine == "random":
            laws = {n: v for n, v in values.items() if isinstance(v, Draw)}
            if isinstance(seeds, Draw):
                laws[SEED] = seeds
            columns = drawn(laws, self.runs or 1, self.draw_seed)
            if seeds is None:
                columns[SEED] = list(range(self.runs or 1))
            return together(columns or {RUN: list(range(self.runs or 1))}, repeats)
        if isinstance(seeds, list):
            values[SEED] = seeds
        lengths = {name: len(v) for name, v in values.items()}
        if len(set(lengths.values())) != 1:
            told = ", ".join(f"{n} {count}" for n, count in lengths.items()) or "none besides seed"
            raise SweepError([("axes", f"given axes of lengths {told}, needed one length for combine = 'zip'.")])
        return together(values, repeats)

    def choices(self, name: str) -> list[Any]:
        """The distinct values that a field takes anywhere in the sweep; empty where nothing says one."""
        if name in self.values:
            given = self.values[name]
            if isinstance(given, Draw):
                return list(dict.fromkeys(given.of))
            return list(range(given)) if isinstance(given, int) else list(dict.fromkeys(given))
        found = self.given(name)
        return [] if found is None else [found]

    def given(self, name: str) -> Any:
        """What a field is where no axis varies it; None where nothing says."""
        if name in self.fixed:
            return fields.check(name, self.fixed[name])
        if self.module is not None:
            return self.module.optimizer if name == "optimizer" else None
        found = self.data.defaults.get(name, _data.DEFAULTS.get(name))
        bare = name in ("optimizer", "initializer") and isinstance(found, str)
        if bare and any(option in {*self.axes, *self.fixed} for option in fields.called(found)[1]):
            return fields.called(found)[0]  # what the sweep says about lr stands before the problem's own
        return found

    def where(self, name: str) -> str:
        """The field of the file that says something about `name`."""
        return f"{'axes' if name in self.axes else 'fixed'}.{name}"

    def structures(self) -> list[Structure | ModuleStructure]:
        """The distinct structures that the axes make; in a zip or random draws perhaps more than occur."""
        every = every_pair(*(self.choices(name) or [None] for name in self.split))
        return [self.structure(dict(zip(self.split, combo, strict=True))) for combo in every]

    @cached_property
    def description(self) -> dict[str, Any]:
        """All that decides the numbers, in JSON's types; by it a folder knows its sweep again."""
        given = isinstance(self.problem, str | Mapping)
        told = self.problem if given else self.label or "given in Python"
        if isinstance(told, Mapping) and set(told) == {"name"}:
            told = told["name"]
        found = {name: getattr(self, name) for name in _config.Config.model_fields}
        found |= {
            "problem": told,
            "data": self.data.digest if self.module is None else self.module.digest,
            "axes": {name: _plain(value) for name, value in self.values.items()},
            "fixed": {name: fields.check(name, value) for name, value in self.fixed.items()},
        }
        if not self.measures:  # then it decides nothing, and folders made before it existed stay good
            del found["measures"], found["measured"]
        result: dict[str, Any] = json.loads(json.dumps(found))
        return result


def _plain(value: Any) -> Any:
    return {value.law: list(value.of)} if isinstance(value, Draw) else value
