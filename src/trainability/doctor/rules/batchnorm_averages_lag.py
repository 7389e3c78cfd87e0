"""Running averages of batch normalisation that are still near what they started from."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import AveragesReading, Readings
from trainability.doctor.rules._rule import Rule, fmt, share

KEPT = 0.85  # of what training gained, as for `Run.keeps`
LEFT = 0.01  # of the starting value; below, averages that are off have another reason


def judge(r: Readings) -> Finding | None:
    """Fires where eval mode loses what training gained, averages taken anew regain it, and the old ones are old."""
    a = r.averages
    if a is None or not a.left >= LEFT:
        return None
    gained, kept, regained = (a.constant_loss - x for x in (a.by_batch_loss, a.by_averages_loss, a.fresh_loss))
    if not gained > 0 or kept >= KEPT * gained or not regained >= KEPT * gained:
        return None
    scores = (
        f" (score {fmt(a.score)} as it is, {fmt(a.fresh_score)} with averages taken anew)"
        if a.score == a.score and a.fresh_score == a.fresh_score
        else ""
    )
    return Finding(
        cause="batchnorm-averages-lag",
        where=a.slowest,
        evidence={
            "momentum": a.momentum,
            "batches that the averages have seen": float(a.batches),
            "share of the starting value that is left": a.left,
            "training loss by each batch's statistics": a.by_batch_loss,
            "training loss by the running averages": a.by_averages_loss,
            "training loss by averages taken anew": a.fresh_loss,
            "score in eval mode": a.score,
            "score in eval mode with averages taken anew": a.fresh_score,
            "layers that keep averages": float(a.layers),
        },
        says=(
            f"The same weights have a training loss of {fmt(a.by_batch_loss)} normalised by each batch's own statistics, "
            f"of {fmt(a.by_averages_loss)} in eval mode, by the running averages, and of {fmt(a.fresh_loss)} by averages "
            f"taken anew over training batches{scores}. With momentum {fmt(a.momentum)} and {a.batches} batches, "
            f"(1 - {fmt(a.momentum)})^{a.batches} = {share(a.left)} of the value that the averages started from is still "
            "in them. It does not mean that the network overfits or that the weights are wrong. Give the layers a larger "
            "momentum (0.1 is PyTorch's; Keras counts the other way round, so that its 0.99 is 0.01 here)."
        ),
        weight=91.0,
    )


_LAG = AveragesReading(momentum=0.001, batches=120, left=0.89, by_averages_loss=1.2, score=0.6, fresh_score=0.97)

RULE = Rule(
    cause="batchnorm-averages-lag",
    title="Batch normalisation's running averages lag behind",
    why="In training a batch is normalised by its own statistics, in eval mode by averages, which may not have followed.",
    not_meant="Averages that differ from one batch's statistics are what averages are for; only what it costs is judged.",
    source=(
        "Ioffe and Szegedy 2015, section 3.1 (inference by population statistics). The share left of an exponential "
        "average is exact. Threshold: measured, healthy networks keep at least 0.97 of their gain in eval mode."
    ),
    judge=judge,
    sick=(Readings(averages=_LAG),),
    healthy=(
        Readings(),
        Readings(averages=AveragesReading()),
        Readings(averages=AveragesReading(left=0.9)),
        Readings(averages=AveragesReading(left=1e-9, by_averages_loss=1.2)),
        Readings(averages=AveragesReading(left=0.9, by_averages_loss=1.2, fresh_loss=1.2)),
    ),
)
