"""Numbers of words or categories go into the network as if they were amounts."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import DataReading, Readings, RunReading, ValuesReading
from trainability.doctor.rules._rule import Rule, fmt

GAIN, SOME = 0.2, 0.3  # of held-out correlation


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and whole-numbered inputs tell much more of the labels as names than as amounts."""
    v, d = r.values, r.data
    if not r.fails or v.distinct < 2 or d.integer_inputs:
        return None
    if not (v.as_names >= SOME and v.as_names >= v.as_quantities + GAIN):
        return None
    return Finding(
        cause="names-as-quantities",
        where="inputs",
        evidence={
            "distinct values": float(v.distinct),
            "smallest input": d.input_low,
            "largest input": d.input_high,
            "held-out correlation with the values as names": v.as_names,
            "held-out correlation with the values as amounts": v.as_quantities,
        },
        says=(
            f"The inputs are whole numbers from {fmt(d.input_low)} to {fmt(d.input_high)}, {v.distinct} different ones, and "
            "the network takes them as amounts. They are names: which values occur tells the labels to a held-out "
            f"correlation of {fmt(v.as_names)}, how large they are to {fmt(v.as_quantities)}. Word 400 is not twice word "
            "200, and no scaling makes it so. It does not mean that the layers behind are wrong. Put an nn.Embedding "
            "first (with integer inputs), or one column per value."
        ),
        weight=74.0,
    )


_FAILED = (RunReading("learning", end_loss=0.65, score=0.6, constant_score=0.5),)
_WORDS = DataReading(whole_inputs=True, input_low=0.0, input_high=499.0)

RULE = Rule(
    cause="names-as-quantities",
    title="Names of words or categories taken for amounts",
    why="A layer multiplies its input: neighbours in number get nearly the same answer, however little they have in common.",
    not_meant="Counts, ages and pixels are whole numbers too, and amounts: they tell more as what they are.",
    source="Follows from the definition. Thresholds: chosen; pixels of digits tell less as names, by 0.2 and more.",
    judge=judge,
    sick=(Readings(data=_WORDS, values=ValuesReading(500, 0.86, 0.2), runs=_FAILED),),
    healthy=(
        Readings(),
        Readings(data=_WORDS, values=ValuesReading(500, 0.86, 0.2)),
        Readings(data=_WORDS, values=ValuesReading(17, 0.4, 0.9), runs=_FAILED),
        Readings(data=_WORDS, values=ValuesReading(500, 0.1, -0.2), runs=_FAILED),
    ),
)
