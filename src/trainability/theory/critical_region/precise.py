"""L_12 and L_21 in as many digits as wanted: the judge of what float64 says."""

from __future__ import annotations

from trainability.theory.critical_region._check import angles


def precise(phi: float, T: float, digits: int = 50) -> tuple[float, float]:
    """L_12 and L_21 from their definition, in high precision.

        L_12 = (pi - t1) cos t2 + sin t1 cos T - [h(t1), h(t2)] [[pi, h(T)], [h(T), pi]]^-1 m_12,
        m_12 = (pi cos T, (pi - T) + sin T cos T)

    About two digits are lost for each factor of ten in T below 1, and as many again in L_12 itself, which is of size
    T^3 in a narrow cone: 50 digits do down to T = 1e-8.

    Args:
        phi: angle of the teacher, radian.
        T: angle between the students, in (0, pi), radian.
        digits: decimal digits to compute with, 20 or more.

    Returns:
        (L_12, L_21), rounded to float64.

    Raises:
        ValueError: as `separable_12`, more than one angle, or too few digits.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 14 with K = 2. Needs mpmath, which torch brings along.

    >>> precise(0.5, 1.0)[0] > 0
    True
    """
    import mpmath as mp

    checked = angles(phi, T)
    if checked[0].size != 1 or checked[1].size != 1:
        raise ValueError(
            f"Got phi of shape {checked[0].shape} and T of shape {checked[1].shape}; need one number each. Call it "
            "once per point, or take separable_12 for arrays."
        )
    if digits < 20:
        raise ValueError(f"Got digits={digits}; need 20 or more, since float64 has 16. Take 50.")
    with mp.workdps(digits):
        full, T_ = 2 * mp.pi, mp.mpf(float(T))
        one, two = (mp.mpf(float(phi)) % full, (mp.mpf(float(phi)) - T_) % full)
        t1, t2 = min(one, full - one), min(two, full - two)

        def h(t: mp.mpf) -> mp.mpf:
            return (mp.pi - t) * mp.cos(t) + mp.sin(t)

        m1, m2 = mp.pi * mp.cos(T_), (mp.pi - T_) + mp.sin(T_) * mp.cos(T_)
        D = mp.pi**2 - h(T_) ** 2
        a1, a2 = (mp.pi * m1 - h(T_) * m2) / D, (mp.pi * m2 - h(T_) * m1) / D

        def value(t1: mp.mpf, t2: mp.mpf) -> mp.mpf:
            return (mp.pi - t1) * mp.cos(t2) + mp.sin(t1) * mp.cos(T_) - h(t1) * a1 - h(t2) * a2

        return float(value(t1, t2)), float(value(t2, t1))
