"""What all figures share: colours, words that are safe to draw, and logarithmic axes that survive a 0."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Okabe and Ito's palette, told apart under all common kinds of colour blindness. One meaning each in every figure.
UNCHANGED = "#D55E00"  # vermillion: the setup as it is
HEALTHY = "#009E73"  # bluish green: what He's weights give
REMEDY = "#0072B2"  # blue: the setup with a change
GREY, INK, FAINT = "#6B7280", "#1F2430", "#E3E6EB"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

TINY, HUGE = 1e-250, 1e250  # beyond these a number stands at the edge of its axis
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def shorten(text: str, length: int = 16) -> str:
    """A name cut in its middle, without control characters.

    Example:
        >>> shorten("encoder.layers.11.mlp.fc1")
        'encoder…mlp.fc1'
    """
    text = "".join(c if c.isprintable() else "?" for c in text)
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def wrapped(text: str, width: int = 44, lines: int = 2) -> list[str]:
    """A sentence in a few lines, cut at a word where it is longer.

    Example:
        >>> wrapped("Draw the weights with He's", width=16)
        ['Draw the weights', "with He's"]
    """
    text = "".join(c if c.isprintable() else " " for c in text)
    return textwrap.wrap(text, width, max_lines=lines, placeholder=" …") or [""]


def for_plotly(text: str, length: int = 16) -> str:
    """Shortened, with what plotly would read as HTML escaped.

    Example:
        >>> for_plotly("<b>")
        '&lt;b&gt;'
    """
    return html.escape(shorten(text, length), quote=False)


def for_matplotlib(text: str, length: int = 16) -> str:
    """Shortened, with what matplotlib would read as mathematics escaped.

    Example:
        >>> print(for_matplotlib("cost$"))
        cost\\$
    """
    return shorten(text, length).replace("$", r"\$")


def faded(colour: str, alpha: float) -> str:
    """A hex colour as CSS rgba.

    Example:
        >>> faded("#0072B2", 0.5)
        'rgba(0, 114, 178, 0.5)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha:g})"


def thinned(count: int, most: int = 12) -> list[int]:
    """Indices of the ticks to label: all, or every so many, and the last.

    Example:
        >>> thinned(3), thinned(30, 5)
        ([0, 1, 2], [0, 6, 12, 18, 24, 29])
    """
    step = max(1, math.ceil(count / most))
    chosen = list(range(0, count, step))
    if chosen and chosen[-1] != count - 1:
        if count - 1 - chosen[-1] <= step / 2:
            chosen.pop()
        chosen.append(count - 1)
    return chosen


@dataclass(frozen=True)
class LogAxis:
    """A logarithmic axis.

    Args:
        low, high: its ends.
        ticks: where its labels stand; labels: what they say.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]


def log_axis(values: Iterable[float]) -> LogAxis:
    """The axis that shows all positive values, at least a decade, with room at the edges for those that are not.

    Args:
        values: any numbers; those that are not finite or not positive do not count.

    Returns:
        LogAxis.

    Example:
        >>> log_axis([0.0, 1e-3, 100.0, float("inf")]).labels
        ('0.001', '0.01', '0.1', '1', '10', '100')
    """
    values = list(values)
    good = [math.log10(v) for v in values if TINY <= v <= HUGE]
    low, high = (min(good), max(good)) if good else (-1.0, 1.0)
    if high - low < 1:
        low, high = (low + high) / 2 - 0.5, (low + high) / 2 + 0.5
    pad = 0.06 * (high - low)
    bad_low = any(not v >= TINY for v in values)
    bad_high = any(v > HUGE for v in values)
    low, high = max(low - pad * (3 if bad_low else 1), -300.0), min(high + pad * (3 if bad_high else 1), 300.0)
    if high - low >= 2.2:
        step = max(1, math.ceil((high - low) / 7))
        first = math.ceil(low / step) * step
        exponents = range(first, math.floor(high) + 1, step)
        ticks = [10.0**e for e in exponents]
    else:
        ticks = [m * 10.0**e for e in range(math.floor(low), math.ceil(high) + 1) for m in (1, 2, 5)]
        ticks = [t for t in ticks if low <= math.log10(t) <= high]
    return LogAxis(10.0**low, 10.0**high, tuple(ticks), tuple(map(power, ticks)))


def power(value: float) -> str:
    """A tick's label: plain from 0.001 to 10000, else as a power of ten.

    Example:
        >>> power(0.02), power(1e-27), power(2e5)
        ('0.02', '10⁻²⁷', '2·10⁵')
    """
    if 1e-3 * 0.999 <= value < 1e4 * 1.001:
        return f"{value:g}"
    mantissa, exponent = f"{value:.0e}".split("e")
    ten = f"10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return ten if mantissa == "1" else f"{mantissa}·{ten}"


def up(word: str) -> bool:
    """Whether a mark of this word stands at the upper edge."""
    return word == "∞" or word.startswith(">")


def said_once(marks: Sequence[tuple[int, float, str]]) -> list[str]:
    """The marks' words, each only at the first of neighbours that say the same.

    Example:
        >>> said_once([(0, 1.0, "0"), (1, 1.0, "0"), (3, 1.0, "0")])
        ['0', '', '0']
    """
    before = {(i + 1, word) for i, _, word in marks}
    return ["" if (i, word) in before else word for i, _, word in marks]


def on_axis(values: Sequence[float], axis: LogAxis) -> tuple[list[float | None], list[tuple[int, float, str]]]:
    """Split values into a line with gaps and marks at the edges for what a logarithm cannot show.

    Args:
        values: any numbers.
        axis: where they go.

    Returns:
        (the line, None at a gap; marks as (index, height, word)).

    Example:
        >>> on_axis([1.0, 0.0], log_axis([1.0, 10.0]))[1][0][2]
        '0'
    """
    line: list[float | None] = []
    marks = []
    for i, value in enumerate(values):
        if TINY <= value <= HUGE:
            line.append(value)
            continue
        line.append(None)
        if value > HUGE:
            marks.append((i, axis.high, "∞" if value == math.inf else f"> {power(HUGE)}"))
        else:
            marks.append(
                (
                    i,
                    axis.low,
                    "0" if value == 0 else "nan" if value != value else "< 0" if value < 0 else f"< {power(TINY)}",
                )
            )
    return line, marks
