"""What the recorded computation shows, read in one go; what the user's own code does not allow to read stays unknown."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

import torch

from trainability.doctor.probes.alignment import alignment_reading
from trainability.doctor.probes.bad_gradient import bad_gradient_reading
from trainability.doctor.probes.cut import cut_reading
from trainability.doctor.probes.mixing import mixing_reading
from trainability.doctor.probes.unregistered import unregistered_reading
from trainability.doctor.probes.wiring import wiring_reading
from trainability.doctor.readings.graph import (
    AlignmentReading,
    BadGradientReading,
    CutReading,
    GraphReading,
    MixingReading,
    UnregisteredReading,
    WiringReading,
)
from trainability.setup import Run, Setup
from trainability.setup.untouched import random_state_kept, seed_everything

T = TypeVar("T")


def graph_reading(setup: Setup, run: Run, *, ask: bool) -> GraphReading:
    """Read a Setup's computation on private copies.

    Args:
        setup: on finite data; stays as it is.
        run: of the Setup on its weights as given, in the data order of seed 0.
        ask: whether to read more than who trains what; meant for Setups whose runs fail.

    Returns:
        GraphReading.
    """
    unregistered = _or_unknown(lambda: unregistered_reading(setup), UnregisteredReading())
    if not ask:
        return GraphReading(unregistered=unregistered)
    return GraphReading(
        unregistered=unregistered,
        bad_gradient=_or_unknown(lambda: bad_gradient_reading(setup, run), BadGradientReading()),
        cut=_or_unknown(lambda: cut_reading(setup), CutReading()),
        mixing=_or_unknown(lambda: mixing_reading(setup), MixingReading()),
        alignment=_or_unknown(lambda: alignment_reading(setup), AlignmentReading()),
        wiring=_or_unknown(lambda: wiring_reading(setup), WiringReading()),
    )


def _or_unknown(read: Callable[[], T], unknown: T) -> T:
    """What was read, or `unknown` where a user's model or loss raised on what it was asked."""
    with random_state_kept(), warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        seed_everything(0)
        try:
            return read()
        except Exception:  # the user's own code may raise anything on inputs of another size or precision
            return unknown
