"""Pre-flight: will this train within its budget, told before it is trained, with a calibrated probability."""

from trainability.prognosis.assert_trainable import assert_trainable
from trainability.prognosis.model import Probability
from trainability.prognosis.preflight import preflight
from trainability.prognosis.record import Preflight

__all__ = ["Preflight", "Probability", "assert_trainable", "preflight"]
