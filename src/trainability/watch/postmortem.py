"""What a log tells afterwards: how the run went, what was found when, and how it ended."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainability.doctor.finding import Finding
from trainability.errors import TrainabilityError

NAN = math.nan


@dataclass(frozen=True)
class Look:
    """One step that was looked at: its scalars, and one number per weight and layer in the order of `names`.

    Args:
        step, seconds: when; loss: mean since the look before; outcome: so far.
        lr, gradient_norm, update: nan where not known; `update` is the median over matrices of |change| / |weight|.
        updates, gradients: per weight; layer_gradients, saturated: per layer.
        dead: layer -> share of its units dead.
        weights, layers: the names that the tuples belong to.
    """

    step: int
    seconds: float = 0.0
    loss: float = NAN
    outcome: str = ""
    lr: float = NAN
    gradient_norm: float = NAN
    update: float = NAN
    updates: tuple[float, ...] = ()
    gradients: tuple[float, ...] = ()
    layer_gradients: tuple[float, ...] = ()
    saturated: tuple[float, ...] = ()
    dead: tuple[tuple[str, float], ...] = ()
    weights: tuple[tuple[str, bool], ...] = ()
    layers: tuple[tuple[str, str, str, int], ...] = ()


@dataclass(frozen=True)
class Curve:
    """One sharpness: when, its value, the lr it allows and the lr that was used."""

    step: int
    sharpness: float
    stable_lr: float
    lr: float


@dataclass(frozen=True)
class PostMortem:
    """A run as its log has it.

    Args:
        name, model, optimizer, loss_fn: what was trained, by what; weights: how many numbers, compiled: whether layers were
            seen beside the run.
        steps, seconds: how far it got.
        outcome: by the rules for whole runs; "" where the loss was not seen.
        start_loss, recent_loss: median of the first losses, mean of the last tenth.
        ended: "" for a run that ended by itself, what it raised, or that the log breaks off.
        alarms: (step, Finding), as they came.
        looks, curves: over time. restarts: steps at which the run was taken up again.
    """

    name: str = ""
    model: str = ""
    optimizer: str = ""
    loss_fn: str = ""
    weights: int = 0
    compiled: bool = False
    steps: int = 0
    seconds: float = 0.0
    outcome: str = ""
    start_loss: float = NAN
    recent_loss: float = NAN
    constant_loss: float = NAN
    target: float = NAN
    ended: str = ""
    alarms: tuple[tuple[int, Finding], ...] = ()
    looks: tuple[Look, ...] = field(default=(), repr=False)
    curves: tuple[Curve, ...] = field(default=(), repr=False)
    restarts: tuple[int, ...] = ()
    versions: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The strongest first."""
        return tuple(sorted((f for _, f in self.alarms), key=lambda f: -f.weight))

    @classmethod
    def of(cls, records: Iterable[dict[str, Any]]) -> PostMortem:
        """Put records together.

        Args:
            records: as `watch.records` has them, in order. Where a run was taken up again at an earlier step, what was
                written after that step before is dropped.

        Returns:
            PostMortem.
        """
        kept: list[dict[str, Any]] = []
        restarts = []
        for record in records:
            if record["kind"] == "start" and any(r["kind"] == "start" for r in kept):
                at = int(record["step"])
                kept = [r for r in kept if r["kind"] in ("start", "names") or (r["kind"] != "end" and r["step"] <= at)]
                restarts.append(at)
            kept.append(record)
        start = next((r for r in kept if r["kind"] == "start"), {})
        end = kept[-1] if kept and kept[-1]["kind"] == "end" else None
        looks = _looks(kept)
        told: dict[str, tuple[int, Finding]] = {}
        from trainability.watch.records import as_finding

        for record in kept:
            if record["kind"] == "finding":
                told[record["cause"]] = (int(record["step"]), as_finding(record))
        last = looks[-1] if looks else Look(step=int(start.get("step", 0)))
        losses = [x.loss for x in looks if x.loss == x.loss]
        return cls(
            name=str(start.get("name", "")),
            model=str(start.get("model", "")),
            optimizer=str(start.get("optimizer", "")),
            loss_fn=str(start.get("loss_fn", "")),
            weights=int(start.get("weights", 0)),
            compiled=any(r.get("beside") for r in kept),
            steps=int(end["step"]) if end else last.step,
            seconds=float(end["seconds"]) if end else last.seconds,
            outcome=str((end["outcome"] if end else last.outcome) or ""),
            start_loss=_float(end["start_loss"]) if end else (losses[0] if losses else NAN),
            recent_loss=_float(end["recent_loss"]) if end else (losses[-1] if losses else NAN),
            constant_loss=_float(end.get("constant_loss") if end else start.get("constant_loss")),
            target=_float(start.get("target")),
            ended=_ended(end),
            alarms=tuple(told.values()),
            looks=looks,
            curves=tuple(
                Curve(int(r["step"]), _float(r["sharpness"]), _float(r["stable_lr"]), _float(r["lr"]))
                for r in kept
                if r["kind"] == "sharpness"
            ),
            restarts=tuple(restarts),
            versions=tuple((str(k), str(v)) for k, v in dict(start.get("versions", {})).items()),
        )

    def to_text(self, *, width: int = 80) -> str:
        """The report for a terminal, without colour."""
        from rich.console import Console

        from trainability.watch.text import render

        out = io.StringIO()
        render(self, Console(file=out, width=width, color_system=None, force_terminal=False, legacy_windows=False))
        return out.getvalue()

    def __str__(self) -> str:
        return self.to_text()

    def to_dict(self) -> dict[str, object]:
        """Everything as plain values, for other programs."""
        from trainability.doctor.report.json import plain

        return {"schema_version": "1.0", **plain(self), "alarms": [{"step": s, **plain(f)} for s, f in self.alarms]}

    def to_sarif(self) -> dict[str, object]:
        """The findings as a SARIF log."""
        from trainability.doctor.report import sarif

        return sarif.of_findings(self.findings)

    def save(self, path: str | Path) -> Path:
        """Write the report; the ending decides the form.

        Args:
            path: ends in .html (one page that needs no network), .json, .sarif or .txt.

        Returns:
            The path.

        Raises:
            TrainabilityError: another ending, or a place that cannot be written.
        """
        path = Path(path)

        def html() -> str:
            from trainability.watch.page import page

            return page(self)

        forms = {
            ".html": html,
            ".json": lambda: json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n",
            ".sarif": lambda: json.dumps(self.to_sarif(), indent=2, allow_nan=False) + "\n",
            ".txt": self.to_text,
        }
        if path.suffix.lower() not in forms:
            raise TrainabilityError(
                f"the report's path is {str(path)!r}; needed is an ending of {', '.join(forms)}, which says its form."
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(forms[path.suffix.lower()](), encoding="utf-8", errors="replace")
        except OSError as error:
            raise TrainabilityError(
                f"the report cannot be written to {str(path)!r} ({error.strerror or error}); give a path that can be."
            ) from error
        return path


def read(path: str | Path) -> PostMortem:
    """Read a log that a watch has written, of a run that ended, was killed, or still goes on.

    Args:
        path: of the JSON-lines file.

    Returns:
        PostMortem. A last line that was cut off in writing is left out.

    Raises:
        TrainabilityError: no such file, or it is no such log.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise TrainabilityError(
            f"the log {str(path)!r} cannot be read ({error.strerror or error}); needed is a file that "
            "trainability.watch(..., log=PATH) has written."
        ) from error
    records: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            if number == len(lines) or records:
                continue  # a process was killed in this line
            raise _no_log(path, number) from None
        if not isinstance(record, dict) or not _sound(record):
            raise _no_log(path, number)
        records.append(record)
    if not any(r["kind"] == "start" for r in records):
        raise _no_log(path, 1)
    return PostMortem.of(records)


def _sound(record: dict[str, Any]) -> bool:
    kind = record.get("kind")
    if kind == "names":
        return isinstance(record.get("weights"), list) and isinstance(record.get("layers"), list)
    needed = {
        "finding": ("cause",),
        "sharpness": ("sharpness", "stable_lr", "lr"),
        "end": ("outcome", "seconds", "error"),
    }
    if kind not in ("start", "look", *needed) or not isinstance(record.get("step"), int):
        return False
    return all(name in record for name in needed.get(kind, ()))


def _no_log(path: Path, number: int) -> TrainabilityError:
    return TrainabilityError(
        f"line {number} of {str(path)!r} is not what a watch writes; needed is a file that trainability.watch(..., log=PATH) "
        "has written."
    )


def _looks(records: Sequence[dict[str, Any]]) -> tuple[Look, ...]:
    found: list[Look] = []
    weights: tuple[Any, ...] = ()
    layers: tuple[Any, ...] = ()
    for r in records:
        if r["kind"] == "names":
            weights = tuple((str(n), bool(m)) for n, m in r["weights"])
            layers = tuple((str(n), str(k), str(role), int(units)) for n, k, role, units in r["layers"])
        elif r["kind"] == "look":
            found.append(
                Look(
                    step=int(r["step"]),
                    seconds=float(r.get("seconds") or 0.0),
                    loss=_loss(r),
                    outcome=str(r.get("outcome") or ""),
                    lr=_float(r.get("lr")),
                    gradient_norm=_float(r.get("gradient_norm")),
                    update=_float(r.get("update")),
                    updates=tuple(map(_float, r.get("updates", ()))),
                    gradients=tuple(map(_float, r.get("gradients", ()))),
                    layer_gradients=tuple(map(_float, r.get("layer_gradients", ()))),
                    saturated=tuple(map(_float, r.get("saturated", ()))),
                    dead=tuple((str(d[0]), _float(d[2])) for d in r.get("dead", ())),
                    weights=weights,
                    layers=layers,
                )
            )
    return tuple(found)


def _loss(record: dict[str, Any]) -> float:
    if record.get("loss") is not None:
        return float(record["loss"])
    return {"infinity": math.inf, "-infinity": -math.inf}.get(str(record.get("loss_words")), NAN)


def _float(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else NAN


def _ended(end: dict[str, Any] | None) -> str:
    if end is None:
        return "the log breaks off: the process was killed, or the run still goes on"
    if end.get("running"):
        return "the run still goes on"
    return str(end.get("error") or "")
