"""Where results are kept: a zarr store that is written box by box, and a journal of the boxes that are whole.

    FOLDER/runs.zarr    one array per quantity, cut into the boxes of `blocks`; readable by `xarray.open_zarr`
    FOLDER/done.log     the number of every box that is wholly written, one a line
    FOLDER/sweep.lock   who is writing

A box has files of its own in every array and is noted in the journal after all of them are written. Killed at any moment,
what the journal does not name is trained and written again as a whole, to the same numbers.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from trainability import __version__
from trainability.lab.ensemble import OUTCOMES, REASONS
from trainability.lab.sweep import fields
from trainability.lab.sweep.blocks import Blocks
from trainability.lab.sweep.errors import StoreError
from trainability.lab.sweep.measures import SAYS as MEASURES
from trainability.lab.sweep.sweep import Sweep
from trainability.lab.sweep.train import CURVE, INTEGERS, columns, steps_of

ZARR, JOURNAL, DIGITS = "runs.zarr", "done.log", 8

SAYS = {
    "outcome": "what became of the run; see legend",
    "retired": "why the run left before its last step; see legend",
    "start_loss": "mean loss before the first step",
    "constant_loss": "loss of the best constant answer",
    "target": "loss at or below which the run has trained",
    "end_loss": "mean of the last tenth of the losses",
    "final_loss": "loss of the last step's batch",
    "best_loss": "smallest finite loss of any step",
    "score": "accuracy or R2 on the training data at the end",
    "steps_to_target": "steps when a batch's loss was first at or below the target; -1 for never",
    "steps_run": "steps really taken",
    CURVE: "loss at some of the steps",
    **MEASURES,
}


class Store:
    """The results of one sweep in one folder.

    Args:
        folder: with a store in it.
        blocks: its boxes.
        done: numbers of those that are written.
    """

    def __init__(self, folder: Path, blocks: Blocks, done: set[int]) -> None:
        import zarr

        self.folder, self.blocks, self.done = folder, blocks, done
        self.group = zarr.open_group(folder / ZARR, mode="r+")

    @property
    def runs_done(self) -> int:
        """Runs in the boxes that are written."""
        return sum(self.blocks.size(i) for i in self.done)

    def write(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write one box and then note that it is whole.

        Args:
            number: of the box.
            arrays: from `train.train` for its runs.

        Raises:
            StoreError: the disk is full or cannot be written; what was written before stays.
        """
        where = self.blocks.slices(number)
        shape = tuple(s.stop - s.start for s in where)
        kept: Any = self.group
        with self._said():
            for name, values in arrays.items():
                kept[name][where] = values.reshape(*shape, *values.shape[1:])
            self._note(number)
        self.done.add(number)

    def _note(self, number: int) -> None:
        with open(self.folder / JOURNAL, "ab") as file:
            file.write(f"{number:0{DIGITS}d}\n".encode())
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"{unwritable(self.folder, error)} {self.runs_done} of {int(np.prod(self.blocks.shape))} runs are stored "
                "and stay. Mend it and run the same command again to go on."
            ) from error


def unwritable(folder: Path, error: OSError) -> str:
    """Why a folder cannot be written, in words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {str(folder)!r} is full."
    return f"{str(folder)!r} cannot be written ({error.strerror or error})."


def begin(folder: Path, sweep: Sweep, chunk: tuple[int, ...], command: str) -> Store:
    """Open the store of a sweep, or make it where there is none.

    Args:
        folder: exists, and its lock is held.
        sweep: whose results they are.
        chunk: shape of a box in a new store; an old one keeps its own.
        command: that makes them, for the record.

    Raises:
        StoreError: the folder holds another sweep, or one begun with other versions; the difference is in the message.
    """
    if not (folder / ZARR).exists():
        _make(folder, sweep, chunk, command)
    attributes = _attributes(folder)
    _check_same(folder, attributes, sweep)
    blocks = Blocks(sweep.points.shape, tuple(attributes["chunk"]))
    done = _journal(folder / JOURNAL, len(blocks))
    _clear(folder / ZARR, sweep, blocks, [i for i in range(len(blocks)) if i not in done])
    return Store(folder, blocks, done)


def _clear(path: Path, sweep: Sweep, blocks: Blocks, numbers: list[int]) -> None:
    """Remove what a killed write left of boxes; a torn file at the grid's edge would be read before it is written."""
    for left in path.rglob("*.partial"):
        left.unlink()
    for number in numbers:
        at = [str(int(i)) for i in np.unravel_index(number, blocks.grid)]
        for name, (_, along) in columns(sweep).items():
            (path / name / "c").joinpath(*at, *(["0"] if along else [])).unlink(missing_ok=True)


def _attributes(folder: Path) -> dict[str, Any]:
    import zarr

    try:
        return dict(zarr.open_group(folder / ZARR, mode="r").attrs)
    except (ValueError, FileNotFoundError) as error:
        raise StoreError(f"{str(folder / ZARR)!r} is no store of a sweep. Give another folder.") from error


def _journal(path: Path, boxes: int) -> set[int]:
    """Boxes noted in whole lines; what a kill left of a line is cut off."""
    held = path.read_bytes() if path.exists() else b""
    line = DIGITS + 1
    whole = held[: len(held) // line * line]
    if len(whole) < len(held):
        os.truncate(path, len(whole))
    found = {int(text) for text in whole.split() if text.isdigit()}
    return {number for number in found if number < boxes}


def versions() -> dict[str, str]:
    """Versions that the numbers rest on.

    >>> sorted(versions())
    ['numpy', 'python', 'torch', 'trainability']
    """
    return {
        "trainability": __version__,
        "torch": version("torch"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
    }


def _make(folder: Path, sweep: Sweep, chunk: tuple[int, ...], command: str) -> None:
    import zarr

    (folder / JOURNAL).unlink(missing_ok=True)
    early = folder / f"{ZARR}.making"
    shutil.rmtree(early, ignore_errors=True)
    coordinates = _coordinates(sweep)
    group = zarr.create_group(
        early,
        attributes={
            "title": "a sweep by trainability",
            "config": json.dumps(sweep.description),
            "versions": json.dumps(versions()),
            "command": command,
            "chunk": list(chunk),
            "coordinates": " ".join(coordinates),
        },
    )
    for name, (dim, values) in coordinates.items():
        kind: Any = str if values.dtype.kind in "UO" else values.dtype
        group.create_array(name, shape=values.shape, chunks=values.shape, dtype=kind, dimension_names=[dim])[:] = values
    for name, (kind, along) in columns(sweep).items():
        more = coordinates[along][1].shape if along else ()
        group.create_array(
            name,
            shape=(*sweep.points.shape, *more),
            chunks=(*chunk, *more),
            dtype=kind,
            fill_value=-1 if name in INTEGERS else np.nan,
            dimension_names=[*sweep.points.dims, *([along] if along else [])],
            attributes={"description": SAYS[name], **_legend(name)},
        )
    os.replace(early, folder / ZARR)


def _legend(name: str) -> dict[str, Any]:
    words = {"outcome": OUTCOMES, "retired": ("stayed", *REASONS[1:])}.get(name)
    if words is None:
        return {}
    legend = {"-1": "not run yet"} | {str(i): word for i, word in enumerate(words)}
    return {
        "legend": legend,
        "flag_values": [int(code) for code in legend],
        "flag_meanings": " ".join(word.replace(" ", "_") for word in legend.values()),
    }


def _coordinates(sweep: Sweep) -> dict[str, tuple[str, np.ndarray]]:
    """Name -> (its dimension, its values)."""
    found = {}
    for name, (dim, values) in sweep.points.along.items():
        if name == "batch_size":
            values = [sweep.samples if v == fields.FULL else v for v in values]
        if name == "betas":
            values = [", ".join(f"{v:g}" for v in pair) for pair in values]
        found[name] = (sweep.points.dims[dim], np.array(values))
    found |= {name: (name, steps) for name, steps in steps_of(sweep).items()}
    return found


def _check_same(folder: Path, attributes: Mapping[str, Any], sweep: Sweep) -> None:
    try:
        before, with_ = json.loads(attributes["config"]), json.loads(attributes["versions"])
    except (KeyError, ValueError) as error:
        raise StoreError(f"{str(folder / ZARR)!r} is no store of a sweep. Give another folder.") from error
    changed = differences(before, sweep.description)
    if changed:
        raise StoreError(
            f"{str(folder)!r} holds another sweep:\n"
            + "\n".join(f"  {line}" for line in changed)
            + "\nPut the sweep back as it was to go on, or give another folder."
        )
    newer = differences(with_, versions())
    if newer:
        raise StoreError(
            f"{str(folder)!r} was begun with other versions, whose numbers may differ in the last bit:\n"
            + "\n".join(f"  {line}" for line in newer)
            + "\nGo on with those, or give another folder."
        )


def differences(before: Any, now: Any, field: str = "") -> list[str]:
    """What changed from one table to another, a line for each field.

    >>> differences({"axes": {"lr": [0.1]}, "steps": 5}, {"axes": {"lr": [0.2]}, "steps": 5})
    ['axes.lr: [0.1] in the folder, [0.2] now']
    """
    if isinstance(before, dict) and isinstance(now, dict):
        names = list(dict.fromkeys([*before, *now]))
        found = [d for n in names for d in differences(before.get(n), now.get(n), f"{field}.{n}".lstrip("."))]
        if not found and list(before) != list(now) and field == "axes":
            found = [f"{field}: in the order {', '.join(before)} in the folder, {', '.join(now)} now"]
        return found
    return [] if before == now else [f"{field}: {_short(before)} in the folder, {_short(now)} now"]


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 300 else f"{text[:300]}..."
