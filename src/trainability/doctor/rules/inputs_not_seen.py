"""What differs between inputs never reaches the output."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings, RunReading, SightReading
from trainability.doctor.rules._rule import Rule

# A convolution with a stride leaves out a border of a few rows; half of what varies is more than any border.
MOST = 0.5


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and at least half of the places that vary change nothing in the output, for any weights."""
    s = r.sight
    if not r.fails or s.places < 1 or not MOST <= s.unseen <= 1:
        return None
    number = round(s.unseen * s.places)
    where = f" ({s.which})" if s.which else ""
    return Finding(
        cause="inputs-not-seen",
        where="model",
        evidence={
            "places of an input that vary": float(s.places),
            "places without any effect": float(number),
            "share without any effect": s.unseen,
            "which": s.which,
        },
        says=(
            f"{number} of the {s.places} places of an input that differ between samples have no effect on the "
            f"output{where}: put in another sample's values, and every answer stays as it is, to single precision, with "
            "these weights and with freshly drawn ones. "
            + (
                "So the model gives one answer to all inputs, and no training changes that. "
                if s.blind
                else "What these places say about the labels is lost. "
            )
            + "It does not mean that the learning rate, the initial weights or the data are wrong. Look at what the model "
            "reads: a mask the wrong way round (in PyTorch's key_padding_mask True means leave out), the last state of "
            "a recurrent layer behind long padding (pad in front, or use pack_padded_sequence), a slice or an index "
            "that takes the wrong part."
        ),
        severity="critical" if s.blind else "warning",
        weight=88.0 if s.blind else 55.0,
    )


_FAILED = (RunReading("stalled", end_loss=0.69, score=0.5),)
_BLIND = SightReading(places=14, unseen=1.0, which="0 to 13 of 0 to 15")

RULE = Rule(
    cause="inputs-not-seen",
    title="Inputs do not reach the output",
    why="What cannot change the answer cannot be learned from: its gradient is 0, or lost in rounding.",
    not_meant="Padding, blank pixels and a border that a stride leaves out are not meant: they say nothing anyway.",
    source="Follows from the definition. Measured by replacement; below 1e-6 of the answers is single precision's rounding.",
    judge=judge,
    sick=(
        Readings(sight=_BLIND, runs=_FAILED),
        Readings(sight=SightReading(places=64, unseen=0.75, which="16 to 63 of 0 to 63"), runs=_FAILED),
    ),
    healthy=(
        Readings(),
        Readings(sight=_BLIND),
        Readings(sight=SightReading(places=64, unseen=0.23, which="56 to 63 of 0 to 63"), runs=_FAILED),
        Readings(sight=SightReading(), runs=_FAILED),
    ),
)
