"""What a forecast says: a row for every operation, the depth that can be trained, and what to change."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainability.errors import TrainabilityError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THEORY, FROM_MEASURED, MEASURED = "theory", "from the measured input", "measured alone"
"""How far theory reaches: from the network's own input; from the input of this operation as measured; not here."""


@dataclass(frozen=True)
class LayerForecast:
    """One operation, before any training; None where theory does not reach or nothing is to be measured.

    Args:
        name: the module, with the operation where the module holds several.
        kind: "linear", "convolution", "activation", "normalisation", "sum", "embedding", "dropout".
        reach: one of `THEORY`, `FROM_MEASURED`, `MEASURED`.
        predicted_mean_square, measured_mean_square: of the output, over features, positions and inputs; mean over draws.
        error: theory's own relative error of the predicted mean square, from the finite width and number of draws:
            three standard deviations and 2% of quadrature.
        predicted_correlation, measured_correlation: mean cosine between two inputs at the same position, uncentred, in
            [-1, 1].
        predicted_gradient, measured_gradient: mean square of the gradient there, for a standard Gaussian gradient at the
            network's output.
        predicted_dead, measured_dead: share of units whose input is never above 0; in [0, 1], activations alone.
        predicted_always_on, measured_always_on: share of units whose input is always above 0.
        scheme: what the present weights look like, by `initializers.identify`.
    """

    name: str
    kind: str
    reach: str
    measured_mean_square: float
    predicted_mean_square: float | None = None
    error: float | None = None
    predicted_correlation: float | None = None
    measured_correlation: float | None = None
    predicted_gradient: float | None = None
    measured_gradient: float | None = None
    predicted_dead: float | None = None
    measured_dead: float | None = None
    predicted_always_on: float | None = None
    measured_always_on: float | None = None
    scheme: str | None = None

    def cells(self) -> tuple[str, ...]:
        """The row of a table: name, mean square, correlation, gradient, dead, always on, weights, reach."""
        return (
            self.name,
            _pair(self.predicted_mean_square, self.measured_mean_square),
            _pair(self.predicted_correlation, self.measured_correlation, ".2f"),
            _pair(self.predicted_gradient, self.measured_gradient),
            _pair(self.predicted_dead, self.measured_dead, ".2f"),
            _pair(self.predicted_always_on, self.measured_always_on, ".2f"),
            (self.scheme or "")[:36] + "…" * (len(self.scheme or "") > 36),
            self.reach,
        )

    @property
    def agrees(self) -> bool | None:
        """Whether the measured mean square lies within the stated error; None outside theory."""
        if self.predicted_mean_square is None or self.error is None:
            return None
        low, high = self.predicted_mean_square / (1 + self.error), self.predicted_mean_square * (1 + self.error)
        return low <= self.measured_mean_square <= high or abs(self.measured_mean_square) < 1e-30


@dataclass(frozen=True)
class Advice:
    """A change of the initialization.

    Args:
        seen: what is wrong, with its numbers.
        change: what to do, in words.
        code: the line to write.
        effect: what the same passes show after it.
    """

    seen: str
    change: str
    code: str
    effect: str


@dataclass(frozen=True)
class Forecast:
    """What a model's initialization does to signal and gradient, before any training.

    Args:
        layers: from input to output.
        inputs: how many inputs the passes used.
        draws: how many draws of the weights were averaged: the present ones, and the same values permuted.
        depth: number of linear and convolution layers met.
        trainable_depth: six times the shorter of the correlation and the gradient scale, in layers (an empirical rule
            of Schoenholz et al. 2017); infinite at criticality; None where the network is no plain chain.
        advice: what to change; empty where nothing is wrong.
        reading: the sentences above the table.
    """

    layers: tuple[LayerForecast, ...]
    inputs: int
    draws: int
    depth: int
    trainable_depth: float | None
    advice: tuple[Advice, ...]
    reading: tuple[str, ...]

    @property
    def signal_factor(self) -> float | None:
        """Measured mean square behind the last hidden layer over that behind the first; None with fewer than two."""
        hidden = hidden_layers(self.layers)
        return _ratio(hidden[-1].measured_mean_square, hidden[0].measured_mean_square) if len(hidden) > 1 else None

    @property
    def gradient_factor(self) -> float | None:
        """Measured mean square of the gradient at the first hidden layer over that at the last."""
        hidden = [x for x in hidden_layers(self.layers) if x.measured_gradient is not None]
        if len(hidden) < 2:
            return None
        return _ratio(hidden[0].measured_gradient or 0.0, hidden[-1].measured_gradient or 0.0)

    def figure(self) -> Figure:
        """Mean square, gradient and correlation, predicted and measured, operation by operation.

        Returns:
            A matplotlib Figure.
        """
        from matplotlib.figure import Figure

        from trainability.plots.forecast import ForecastFigure, Quantity, draw_matplotlib

        rows = self.layers
        picture = Figure(figsize=(12.6, 4.0), dpi=150, layout="constrained")
        data = ForecastFigure(
            tuple(row.name for row in rows),
            Quantity(
                tuple(row.predicted_mean_square for row in rows),
                tuple(row.measured_mean_square for row in rows),
                tuple(row.error for row in rows),
            ),
            Quantity(tuple(row.predicted_gradient for row in rows), tuple(row.measured_gradient for row in rows)),
            Quantity(tuple(row.predicted_correlation for row in rows), tuple(row.measured_correlation for row in rows)),
        )
        draw_matplotlib(data, list(picture.subplots(1, 3)))
        return picture

    def save(self, path: str | Path) -> Path:
        """Write it as .json or as a picture (.png, .pdf, .svg).

        Args:
            path: by its ending.

        Returns:
            The path.

        Raises:
            TrainabilityError: another ending, or the file cannot be written.
        """
        path = Path(path)
        try:
            if path.suffix == ".json":
                path.write_text(json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n")
            elif path.suffix in (".png", ".pdf", ".svg"):
                self.figure().savefig(path)
            else:
                raise TrainabilityError(
                    f"given {path.name!r}; needed is a name that ends in .json, .png, .pdf or .svg."
                )
        except OSError as error:
            raise TrainabilityError(
                f"{str(path)!r} cannot be written ({error.strerror}); give a place that can be."
            ) from error
        return path

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON; a number that is not finite is a string, "inf" or "nan"."""
        return _plain(asdict(self))

    def table(self, width: int | None = None) -> str:
        """The rows as aligned text, pairs as predicted | measured.

        Args:
            width: columns to be had; correlation, always on, reach and weights are left out, in this order, until the
                table fits. None for all.

        Returns:
            Lines without a line break at the end.
        """
        rows = [COLUMNS, *((_cut(row.name, 44), *row.cells()[1:]) for row in self.layers)]
        wide = [max(len(row[n]) for row in rows) for n in range(len(COLUMNS))]
        shown = list(range(len(COLUMNS)))
        for n in (2, 5, 7, 6):
            if width is not None and sum(wide[k] + 2 for k in shown) - 2 > width:
                shown.remove(n)
        return "\n".join(
            "  ".join(f"{row[n]:<{wide[n]}}" if n in (0, 6, 7) else f"{row[n]:>{wide[n]}}" for n in shown).rstrip()
            for row in rows
        )

    def __str__(self) -> str:
        lines = [*self.reading, "", self.table()]
        for item in self.advice:
            lines += ["", f"{item.seen} {item.change} {item.effect}".strip()] + [f"    {item.code}"] * bool(item.code)
        return "\n".join(lines)


COLUMNS = ("operation", "mean square", "correlation", "gradient", "dead", "always on", "weights now", "reach")
"""Of the table, in the order of `LayerForecast.cells`."""


def _plain(thing: Any) -> Any:
    if isinstance(thing, dict):
        return {k: _plain(v) for k, v in thing.items()}
    if isinstance(thing, list | tuple):
        return [_plain(v) for v in thing]
    return str(thing) if isinstance(thing, float) and not isfinite(thing) else thing


def hidden_layers(layers: tuple[LayerForecast, ...]) -> list[LayerForecast]:
    """Where signal and gradient are compared: the sums of a residual network, else all layers with weights but the last.

    Inside a residual branch scales may differ by design (a branch scaled to nearly 0, keys and queries); what has to be
    kept is the stream that all branches are added to.
    """
    sums = [x for x in layers if x.kind == "sum"]
    return sums if len(sums) > 1 else [x for x in layers if x.kind in ("linear", "convolution")][:-1]


def _ratio(a: float, b: float) -> float:
    if not (isfinite(a) and isfinite(b)):
        return float("nan")
    return a / b if b > 0 else float("inf") if a > 0 else float("nan")


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else "…" + text[-(size - 1) :]


def _pair(predicted: float | None, measured: float | None, form: str = ".3g") -> str:
    one = "" if predicted is None else format(predicted, form)
    two = "" if measured is None else format(measured, form)
    return f"{one or '·'} | {two or '·'}" if one or two else ""
