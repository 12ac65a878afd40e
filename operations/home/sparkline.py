"""A line as the points of an SVG polyline. Pure."""

from collections.abc import Sequence

WIDTH, HEIGHT = 100.0, 24.0


def points(values: Sequence[float], most: float = 0) -> str:
    """`x,y x,y …` within WIDTH by HEIGHT, the first value at the left; `most` is what reaches the top at
    least. Empty for fewer than two values."""
    if len(values) < 2:
        return ""
    top = max(*values, most) or 1
    step = WIDTH / (len(values) - 1)
    return " ".join(
        f"{place * step:.1f},{HEIGHT - value / top * HEIGHT:.1f}" for place, value in enumerate(values)
    )
