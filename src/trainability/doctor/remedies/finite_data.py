"""Data without NaN and infinite values: samples left out, or values filled in."""

from __future__ import annotations

from collections.abc import Iterator

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup.finite import with_finite_data

ANSWERS = ("non-finite-data",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Leave the samples out where most are whole; fill inputs in, feature by feature. For data that are tensors."""
    bad_y = r.data.nonfinite_targets > 0
    bad = max(r.data.nonfinite_inputs, r.data.nonfinite_targets)
    if r.data.n <= 0:
        return
    if bad <= 0.5 * r.data.n:
        yield Change(
            name="drop-non-finite",
            family="finite-data",
            summary=f"Leave out the {bad} samples with NaN or infinite values",
            code=(
                "keep = torch.isfinite(X.reshape(len(X), -1)).all(1) & torch.isfinite(y.reshape(len(y), -1)).all(1)\n"
                "X, y = X[keep], y[keep]"
            ),
            size=1.0,
            answers=ANSWERS,
            touches=("inputs", "targets"),
            transform=lambda setup, generator: with_finite_data(setup, fill=False),
        )
    if r.data.nonfinite_inputs and r.data.nonfinite_targets < r.data.n:
        yield Change(
            name="fill-non-finite",
            family="finite-data",
            summary="Fill NaN with the feature's mean, and infinite values with its largest or smallest finite one",
            code=(
                "X = X.clone()\n"
                "for column in X.view(len(X), -1).T:\n"
                "    good = column[torch.isfinite(column)]\n"
                "    good = good if len(good) else torch.zeros(1)\n"
                "    column.nan_to_num_(float(good.mean()), float(good.max()), float(good.min()))"
                + ("\nkeep = torch.isfinite(y.reshape(len(y), -1)).all(1)\nX, y = X[keep], y[keep]" if bad_y else "")
            ),
            size=1.0,
            answers=ANSWERS,
            touches=("inputs", "targets"),
            transform=lambda setup, generator: with_finite_data(setup, fill=True),
        )


REMEDY = Prescription("finite-data", ANSWERS, propose)
