"""Figure 10: two students cannot be at rest with all teachers inside their cone, or all outside; and where they can.

Student 1 points along angle 0, student 2 along theta_12, a teacher along phi. Each teacher adds |v| L_12 and |v| L_21
to what the equations for the lengths leave over, so a point is not critical if all L_12, or all L_21, have one sign
(Theorem 3). That this sign is + in the cone and - outside is Conjecture 1, which a grid supports and does not prove.

Theorem 3 is tested here without L: the exact gradient is minimised over all lengths of students and teachers. The
collinear point that the source calls a saddle is one only if both teachers are equally long.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainability.gallery._experiment import Claim, Progress, Reproduction
from trainability.gallery._figure_10_measures import Collinear, Curve, collinear, curve, least_gradient, limit_error
from trainability.theory import critical_region as region

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

TITLE = "Figure 10: where two students cannot be at rest, and the collinear saddle"
SOURCE = "Tian 2017, arXiv 1703.00560, Theorems 3 and 4, Conjecture 1, Section 5.3 'Saddle points', Figure 10."

KNOWN = {3 / 8: (0.384755, 0.5171, -1.130384, 5.0064), 7 / 8: (0.680471, 1.0868, -0.698366, 5.1615)}
"""theta_12 in units of pi: largest L_12, its phi, smallest L_12, its phi, by an independent program."""
MISMATCHES = (7, 6)
"""Wrong signs of L_12 and L_21 that the textbook form shows on 10^4 x 10^4 points, by an independent program."""
TRUE_ANGLE = 1.24629
"""Of the collinear point from the first teacher, radian, for teachers of lengths 1 and 2 at 90 degrees."""
NARROW = 2e-3
"""Largest theta_12 of the second grid, radian: below it the textbook form runs out of digits."""


@dataclass(frozen=True)
class Figure10:
    """The numbers behind the figure.

    Args:
        curves: for theta_12 = 3 pi/8 and 7 pi/8.
        map_T, map_phi, map_L12: L_12 over both angles, (len(map_T), len(map_phi)).
        stable, textbook: the signs on the grid, by the form without cancellation and by the textbook's.
        narrow: the textbook's form again, on 20,000 points with theta_12 below `NARROW`.
        limit: largest share by which L_12/theta_12^3 differs from its limit at theta_12 = 1e-6, in 60 digits.
        inside, outside: per draw, (least gradient over all lengths, the bound), both teachers inside or outside.
        mixed: least gradient per draw with one teacher inside and one outside, where the theorem says nothing.
        met: largest of the least gradients with the teachers along the students.
        collinear: one per angle between the teachers.
    """

    curves: tuple[Curve, ...]
    map_T: Floats
    map_phi: Floats
    map_L12: Floats
    stable: region.ConjectureCheck
    textbook: region.ConjectureCheck
    narrow: region.ConjectureCheck
    limit: float
    inside: Floats
    outside: Floats
    mixed: Floats
    met: float
    collinear: tuple[Collinear, ...]


def run(*, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
    """The source's grid of 10^8 points, 400 draws each for Theorem 3; `smoke`: 10^6 points and 40 draws.

    Args:
        smoke: small and quick.
        progress: called as (stage, done, total).

    Returns:
        Reproduction whose data are a Figure10.
    """
    side, draws, runs = (1000, 40, 32) if smoke else (10_000, 400, 200)
    tell = progress or (lambda stage, done, total: None)
    map_T, map_phi = (np.arange(n) + 0.5 for n in (240, 480))
    map_T, map_phi = map_T * pi / 240, map_phi * 2 * pi / 480
    curves = tuple(curve(share * pi) for share in KNOWN)
    tell("grid", 0, 3)
    stable = region.check_conjecture(side, side)
    tell("grid", 1, 3)
    textbook = region.check_conjecture(side, side, textbook=True)
    tell("grid", 2, 3)
    narrow = region.check_conjecture(20, 1000, (0.0, NARROW), textbook=True)
    tell("grid", 3, 3)
    rng = np.random.default_rng(10)
    drawn: dict[str, list[tuple[float, float]]] = {"inside": [], "outside": [], "mixed": [], "met": []}
    for i in range(draws):
        T = rng.uniform(0.2, 3.0)
        (in1, in2), (out1, out2) = rng.uniform(0, T, 2), rng.uniform(T, 2 * pi, 2)
        for name, phi in (("inside", (in1, in2)), ("outside", (out1, out2)), ("mixed", (in1, out2)), ("met", (0, T))):
            drawn[name].append((least_gradient(phi, T), region.gradient_floor(phi, T)))
        tell("lengths", i + 1, draws)
    seen = {name: np.array(pairs) for name, pairs in drawn.items()}
    beside = []
    for angle in (pi / 4, pi / 2, 3 * pi / 4):
        beside.append(collinear(angle, runs))
        tell("collinear", len(beside), 3)
    data = Figure10(
        curves=curves,
        map_T=map_T,
        map_phi=map_phi,
        map_L12=region.separable_12(map_phi, map_T[:, None]),
        stable=stable,
        textbook=textbook,
        narrow=narrow,
        limit=limit_error(1e-6),
        inside=seen["inside"],
        outside=seen["outside"],
        mixed=seen["mixed"][:, 0],
        met=float(seen["met"][:, 0].max()),
        collinear=tuple(beside),
    )
    return Reproduction(claims(data), data)


def claims(data: Figure10) -> tuple[Claim, ...]:
    """What the figure must show.

    Args:
        data: from `run`.

    Returns:
        Claims.
    """
    out = []
    for share, c in zip(KNOWN, data.curves, strict=True):
        known, e = KNOWN[share], c.extrema
        found = (e.largest, e.largest_at, e.smallest, e.smallest_at)
        out.append(
            Claim(
                f"Largest and smallest L12 at θ12 = {8 * share:.0f}π/8, and the teacher's angle there (an independent program)",
                f"{known[0]:.6f} at {known[1]:.4f}, {known[2]:.6f} at {known[3]:.4f}",
                f"{found[0]:.6f} at {found[1]:.4f}, {found[2]:.6f} at {found[3]:.4f}",
                all(abs(a - b) < tol for a, b, tol in zip(found, known, (6e-7, 6e-5) * 2, strict=True)),
            )
        )
    off = max(c.generic for c in data.curves)
    fine, rough, narrow = data.stable, data.textbook, data.narrow
    phi, T = fine.smallest_at
    ends = [min(abs(float(region.narrow_cone(x))) for x in (phi / T, 1 - phi / T)) * T**3, fine.smallest]
    both = np.concatenate([data.inside, data.outside])
    ratio = both[:, 0] / both[:, 1]
    gaps = max(float(np.abs(c.told - c.source).max()) for c in data.collinear)
    equal = max(float(c.source[len(c.ratio) // 2]) for c in data.collinear)
    right = next(c for c in data.collinear if c.angle == pi / 2)
    at_two = float(np.interp(2.0, right.ratio, right.source))
    out += [
        Claim(
            "The closed forms for two students are the generic solve of the normal equations",
            "equal to 1e-12",
            f"largest difference {off:.0e}",
            off < 1e-12,
        ),
        Claim(
            "Conjecture 1: L12 and L21 are positive in the cone and negative outside. No counterexample on this grid, which "
            "is no proof",
            f"0 of {fine.points:.0e} points with a wrong sign, in a form without cancellation",
            f"{fine.wrong_12} of L12, {fine.wrong_21} of L21; {len(fine.counterexamples)} in 50 digits",
            fine.holds and fine.suspect_count == 0,
        ),
        Claim(
            "The textbook form in float64 shows wrong signs in narrow cones; each is right in 50 digits",
            f"{MISMATCHES[0]} and {MISMATCHES[1]} of 10⁸ by an independent program, all with θ12 < {NARROW}, none real",
            f"{rough.wrong_12} and {rough.wrong_21} of {rough.points:.0e}; with θ12 < {NARROW} {narrow.wrong_12} and "
            f"{narrow.wrong_21} of {narrow.points}; {len(rough.counterexamples + narrow.counterexamples)} real",
            rough.holds
            and narrow.holds
            and narrow.suspect_count > 0
            and max(rough.wrong_12, rough.wrong_21) <= 20
            and all(T < NARROW for _, T in rough.suspects),
        ),
        Claim(
            "As the cone closes, L12/θ12³ tends to 2/3 x(1 − x)(2 − x) inside, x = φ/θ12, 4/3 x and −2/3 (x − 1) outside: the "
            "conjectured sign everywhere. The smallest |L| on the grid is there",
            f"{ends[0]:.4e}; the limit to a share of 1e-5 at θ12 = 1e-6",
            f"{ends[1]:.4e}; {data.limit:.0e}",
            abs(ends[0] / ends[1] - 1) < 0.01 and data.limit < 1e-5,
        ),
        Claim(
            "Theorem 3, tested without L: with both teachers inside, or both outside, no lengths of students and teachers "
            "make the exact gradient vanish. It stays above the bound from min |L|",
            "least gradient / bound at least 1",
            f"{ratio.min():.3f} to {ratio.max():.2f} in {len(both)} draws; least gradient {both[:, 0].min():.1e}",
            bool(both[:, 1].min() > 0 and (both[:, 0] >= both[:, 1] * (1 - 1e-6) - 1e-12).all()),
        ),
        Claim(
            "With the teachers along the students it does vanish",
            "0",
            f"{data.met:.0e}",
            data.met < 1e-12,
        ),
        Claim(
            "The theorem is sufficient, not necessary: with one teacher inside and one outside it says nothing, and there, "
            "too, the gradient does not vanish in most draws",
            "above 1e-6 in more than 90%",
            f"{(data.mixed > 1e-6).sum()} of {len(data.mixed)}",
            bool((data.mixed > 1e-6).mean() > 0.9),
        ),
        Claim(
            "The source's collinear saddle on the bisector is a critical point ONLY for teachers of equal length: else each "
            "student has the gradient (π − θ/2) sin(θ/2) ||v1| − |v2||/2π",
            f"0 at ratio 1, {3 * 2**0.5 / 16:.5f} at ratio 2 and 90°; formula equal to 1e-12",
            f"{equal:.0e}, {at_two:.5f}; largest difference {gaps:.0e}",
            gaps < 1e-12 and equal < 1e-14 and abs(at_two - 3 * 2**0.5 / 16) < 1e-6,
        ),
        Claim(
            "The true collinear point is off the bisector and critical for every ratio and every share of the length; it is "
            "where descent confined to the line of equal students ends",
            f"gradient 0; distance 0; at ratio 2 and 90° {TRUE_ANGLE} rad (an independent program; the bisector is at 0.78540)",
            f"{max(float(c.true.max()) for c in data.collinear):.0e}; {max(c.off for c in data.collinear):.0e} over "
            f"{sum(c.runs for c in data.collinear)} descents at ratio 2; {right.end[0]:.5f} rad, length {right.end[1]:.5f}",
            all(c.true.max() < 1e-13 and c.off < 1e-9 for c in data.collinear)
            and abs(right.end[0] - TRUE_ANGLE) < 6e-6,
        ),
        Claim(
            "It is a saddle: descents that start 1e-3 beside it leave and find the teacher",
            "least Hessian eigenvalue below 0; all leave",
            f"at most {max(c.least for c in data.collinear):.3f}; {sum(c.left for c in data.collinear)} of "
            f"{sum(c.runs for c in data.collinear)}",
            all(c.least < 0 and c.left == c.runs for c in data.collinear),
        ),
    ]
    return tuple(out)


def figure(reproduction: Reproduction) -> Figure:
    """Above: both L against the teacher's angle. Below: L_12 over both angles, and the two collinear points.

    Args:
        reproduction: from `run`.

    Returns:
        A matplotlib Figure.
    """
    from trainability.gallery._figure_10_drawing import draw

    return draw(reproduction.data)
