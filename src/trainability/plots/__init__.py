"""Figures: one file each, data first, then drawing.

A member holds a frozen record of plain numbers and two ways to draw it, `draw_plotly(data)` for pages and
`draw_matplotlib(data, axes)` for files. Both libraries are imported when something is drawn, not before.
"""

from trainability.plots import basins as basins
from trainability.plots import forecast as forecast
from trainability.plots import landscape as landscape
from trainability.plots import loss_curves as loss_curves
from trainability.plots import phase as phase
from trainability.plots import reliability as reliability
from trainability.plots import sharpness as sharpness
from trainability.plots import signal as signal
from trainability.plots import units as units
from trainability.plots import weights as weights

__all__ = [
    "basins",
    "forecast",
    "landscape",
    "loss_curves",
    "phase",
    "reliability",
    "sharpness",
    "signal",
    "units",
    "weights",
]
