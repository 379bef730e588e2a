"""Numbers as people read them: in few characters, with their unit."""

from __future__ import annotations

import time
from typing import Sequence

_BARS = "▁▂▃▄▅▆▇█"
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def number(value: float) -> str:
    """Return a number in about three digits: `0.12`, `12.3`, `1,234`."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percent(ratio: float) -> str:
    """Return a ratio (0 to 1) in percent, `0.25 %`; what is not 0 is never shown as that."""
    return f"{number(ratio * 100)} %" if not 0 < ratio < 0.0001 else "< 0.01 %"


def seconds(value: float) -> str:
    """Return a latency in seconds: `0.8 ms`, `120 ms`, `1.25 s`."""
    if value >= 0.9995:
        return f"{number(value)} s"
    return f"{value * 1000:.3g} ms"


def size(value: float) -> str:
    """Return bytes: `512 MiB`."""
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            break
        value /= 1024
    return f"{number(value)} {unit}"


def ago(value: float) -> str:
    """Return a span of seconds in its two largest units: `45s`, `12m`, `2h5m`, `3d4h`."""
    left = max(0, round(value))
    shown: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or shown:
            shown.append(f"{count}{unit}" if count else "")
        if len(shown) == 2:
            break
    return "".join(shown) or "0s"


def moment(at: float) -> str:
    """Return a Unix time as UTC, to the minute."""
    return time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(at))


def grid(
    points: Sequence[tuple[float, float]], start: float, end: float, cells: int
) -> list[float | None]:
    """Return the largest value in each of `cells` equal parts of a time, None where there is none.

    points: (time, value). What lies before `start` is left out.
    """
    found: list[float | None] = [None] * cells
    for at, value in points:
        if at >= start:
            cell = min(cells - 1, int((at - start) / (end - start) * cells))
            before = found[cell]
            found[cell] = value if before is None else max(before, value)
    return found


def spark(values: Sequence[float | None], width: int, top: float = 0.0) -> str:
    """Return a line of `width` bars, the newest last; of None, where nothing is known, a gap.

    top: what a full bar is at the least, such as a bound; more where the values are larger. Of
    several values that share a bar, the largest is shown.
    """
    if width < 1 or not values:
        return ""
    width = min(width, len(values))
    cuts = [round(each * len(values) / width) for each in range(width + 1)]
    shared = [[v for v in values[a:b] if v is not None] for a, b in zip(cuts, cuts[1:])]
    top = max([top, *(max(each) for each in shared if each)], default=0.0)
    return "".join(_bar(max(each), top) if each else " " for each in shared)


def _bar(value: float, top: float) -> str:
    share = max(0.0, value) / top if top > 0 else 0.0
    return _BARS[min(len(_BARS) - 1, int(share * len(_BARS)))]
