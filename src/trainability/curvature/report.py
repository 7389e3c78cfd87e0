"""What was found in plain data: sentences, a table's cells, JSON and a figure."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainability.curvature.measure import Sharpness
from trainability.curvature.range_test import RangeTest
from trainability.curvature.self_check import SelfCheck
from trainability.errors import TrainabilityError
from trainability.plots import sharpness as plot

FORMS = (".json", ".png", ".pdf", ".svg")
BINS = 60


@dataclass(frozen=True, eq=False)
class Report:
    """A measurement, its self-check and a range test.

    Args:
        found: the measurement.
        check: None where there was no limit to check, or it was not asked for.
        ranges: None where it was not asked for.
    """

    found: Sharpness
    check: SelfCheck | None
    ranges: RangeTest | None

    @property
    def head(self) -> str:
        """What was measured where."""
        f = self.found
        of = "a stream" if f.of is None else f"{f.of:,}"
        samples = f"all {f.samples:,} samples" if f.samples == f.of else f"{f.samples:,} samples of {of}"
        return f"Loss {f.loss:.4g} on {samples}, {f.weights:,} weights, gradient of length {f.gradient_norm:.3g}."

    def rows(self) -> list[tuple[str, str, str]]:
        """(quantity, value, how sure)."""
        f = self.found
        rows = []
        settled = "settled" if bool(f.ends.converged) else "not settled"
        for name, values, residuals in (
            ("largest eigenvalue", f.ends.largest, f.ends.largest_residuals),
            ("smallest eigenvalue", f.ends.smallest, f.ends.smallest_residuals),
        ):
            for i, (value, residual) in enumerate(zip(values.tolist(), residuals.tolist(), strict=True)):
                named = name if i == 0 else f"  number {i + 1}"
                note = f"residual {residual:.2g}, {settled}"
                rows.append(
                    (named, f"{value:.5g}", f"{note}, {f.ends.products} products for both ends" if not i else note)
                )
        if not f.effective_is_plain:
            e = f.effective
            state = "settled" if e.converged else "not settled"
            rows.append(
                (
                    f"as {f.optimizer} sees it",
                    f"{e.value:.5g}",
                    f"residual {e.residual:.2g}, {state}, {e.steps} products",
                )
            )
        if f.trace is not None:
            low, high = (float(v) for v in f.trace.interval())
            rows.append(("trace", f"{float(f.trace.value):.5g}", f"95% from {low:.4g} to {high:.4g}"))
        return rows

    @property
    def limit(self) -> str:
        """The stable lr beside the user's own; empty where none is known."""
        limit = self.found.limit
        if limit is None:
            return ""
        if not math.isfinite(limit.high):
            low = f" at least {limit.low:.4g}" if math.isfinite(limit.low) else ""
            return f"Stable lr for {self.found.optimizer}:{low or ' no limit here'}. Yours is {limit.lr:g}."
        where = "below" if limit.lr < limit.low else "above" if limit.lr > limit.high else "at"
        return (
            f"Stable lr for {self.found.optimizer}: {limit.low:.4g} to {limit.high:.4g}. Yours is {limit.lr:g}, "
            f"{limit.share:.3g} of it: {where} the limit."
        )

    def trials(self) -> list[tuple[str, str, str, str]]:
        """(what, lr, growth per step on the quadratic, what the true loss did)."""
        if self.check is None:
            return []
        return [
            ("your lr" if t.own else f"{t.factor:g} of the limit", f"{t.lr:.4g}", f"{t.growth:.4f}", t.says)
            for t in self.check.trials
        ]

    def figure(self) -> plot.SharpnessFigure:
        """The data of the figure."""
        f = self.found
        edges, shares = _bins(f)
        lines = []
        for t in self.check.trials if self.check else ():
            start = t.losses[0] if t.losses[0] > 0 else 1.0
            what = "your lr" if t.own else f"{t.factor:g} of the limit"
            lines.append(plot.Line(f"{what}: {t.behaviour}", tuple(v / start for v in t.losses)))
        return plot.SharpnessFigure(
            edges, shares, tuple(f.ends.largest.tolist()), tuple(f.ends.smallest.tolist()), tuple(lines)
        )

    def data(self) -> dict[str, Any]:
        """Everything as JSON takes it; None for what is not finite."""
        f = self.found
        found: dict[str, Any] = {
            "loss": f.loss,
            "gradient_norm": f.gradient_norm,
            "weights": f.weights,
            "samples": f.samples,
            "of": f.of,
            "largest": f.ends.largest.tolist(),
            "largest_residuals": f.ends.largest_residuals.tolist(),
            "smallest": f.ends.smallest.tolist(),
            "smallest_residuals": f.ends.smallest_residuals.tolist(),
            "ends_converged": bool(f.ends.converged),
            "products": f.ends.products,
            "effective": {
                "value": f.effective.value,
                "residual": f.effective.residual,
                "converged": f.effective.converged,
                "products": f.effective.steps,
                "is_plain": f.effective_is_plain,
            },
            "optimizer": f.optimizer,
            "notes": list(f.notes),
        }
        if f.trace is not None:
            found["trace"] = {"value": float(f.trace.value), "standard_error": float(f.trace.standard_error)}
        if f.limit is not None:
            found["stable_lr"] = {"low": f.limit.low, "high": f.limit.high, "own": f.limit.lr}
        if self.check is not None:
            found["self_check"] = {
                "holds_on_the_quadratic": self.check.holds_on_the_quadratic,
                "steps": self.check.steps,
                "trials": [
                    {
                        "factor": t.factor,
                        "lr": t.lr,
                        "own": t.own,
                        "growth": t.growth,
                        "behaviour": t.behaviour,
                        "sharpness": list(t.sharpness),
                        "limit_at_end": t.limit_at_end,
                        "constant": t.constant,
                        "losses": list(t.losses),
                    }
                    for t in self.check.trials
                ],
            }
        if self.ranges is not None:
            r = self.ranges
            found["range_test"] = {
                "interval": list(r.interval),
                "decreased": list(r.decreased),
                "diverged": list(r.diverged),
            }
        return _plain(found)

    def save(self, path: str | Path) -> Path:
        """Write it as JSON or as a figure.

        Args:
            path: ends in .json, .png, .pdf or .svg.

        Returns:
            The path.

        Raises:
            TrainabilityError: another ending, or a place that cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() not in FORMS:
            raise TrainabilityError(f"--out is {str(path)!r}; needed is a file that ends in {', '.join(FORMS)}.")
        try:
            if path.suffix.lower() == ".json":
                path.write_text(json.dumps(self.data(), indent=1, allow_nan=False), encoding="utf-8")
            else:
                from matplotlib.figure import Figure

                sheet = Figure(figsize=(10, 4), layout="constrained")
                plot.draw_matplotlib(self.figure(), list(sheet.subplots(1, 2)))
                sheet.savefig(path, dpi=150)
        except OSError as error:
            raise TrainabilityError(
                f"{str(path)!r} cannot be written ({error.strerror}); give --out a place that can be."
            ) from error
        return path


def _bins(f: Sharpness) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if f.density is None or not bool(f.density.nodes.isfinite().all()):
        return (), ()
    nodes, weights = f.density.nodes.reshape(-1).numpy(), f.density.weights.reshape(-1).numpy()
    low, high = float(nodes.min()), float(nodes.max())
    if not high > low:
        low, high = low - 0.5, high + 0.5
    shares, edges = np.histogram(nodes, bins=BINS, range=(low, high), weights=weights)
    return tuple(edges.tolist()), tuple((shares / max(weights.sum(), 1e-300)).tolist())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
