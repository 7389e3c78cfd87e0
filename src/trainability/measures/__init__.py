"""One quantity each: tensors in, a number out. The same code serves theory's checks, the lab and the doctor.

Each member is one file; its functions are reached as `units.dead_share`, `sharpness.sharpness`, `r2.r2`.
"""

from trainability.measures import accuracy as accuracy
from trainability.measures import agreement as agreement
from trainability.measures import density as density
from trainability.measures import hessian as hessian
from trainability.measures import lanczos as lanczos
from trainability.measures import outcome as outcome
from trainability.measures import r2 as r2
from trainability.measures import saturation as saturation
from trainability.measures import sharpness as sharpness
from trainability.measures import signal as signal
from trainability.measures import spectrum as spectrum
from trainability.measures import trace as trace
from trainability.measures import units as units
from trainability.measures import weight_scheme as weight_scheme

__all__ = [
    "accuracy",
    "agreement",
    "density",
    "hessian",
    "lanczos",
    "outcome",
    "r2",
    "saturation",
    "sharpness",
    "signal",
    "spectrum",
    "trace",
    "units",
    "weight_scheme",
]
