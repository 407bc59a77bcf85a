"""Charts as SVG, with text as text and the colours of the page that contains them."""

from __future__ import annotations

import io
import math
import re
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date
    from decimal import Decimal

    from matplotlib.axes import Axes

# Placeholder colours, which are replaced by the page's colours.
INK, GRID, ACCENT = "#010203", "#010204", "#010205"
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # keep text as text
    "text.parse_math": False,  # product names may contain dollar signs
    "font.size": 12,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "axes.edgecolor": GRID,
    "axes.spines.left": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.bottom": False,
    "ytick.left": False,
}
WIDTH = 320  # CSS pixels of a phone, so that text keeps its size there


class Short(EngFormatter):
    """Format 1500 as 1.5k, but 0.5 as 0.5, not as 500m, which looks like millions."""

    ENG_PREFIXES = {power: prefix for power, prefix in EngFormatter.ENG_PREFIXES.items() if power >= 0}  # noqa: RUF012


def draw(plot: Callable[[Axes], object], *, height: int, label: str) -> Markup:
    """Draw a chart as SVG in the page's colours."""
    salt: dict[Any, Any] = {"svg.hashsalt": label}  # ids that are unique to this chart and deterministic
    with mpl.rc_context(STYLE | salt), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the browser has more fonts
        figure = Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")
        plot(figure.add_subplot())
        out = io.StringIO()
        figure.savefig(
            out, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    for colour, variable in {INK: "--ink", GRID: "--grid", ACCENT: "--accent"}.items():
        svg = svg.replace(colour, f"var({variable})")
    # Ids must be unique within a page: remove generated ids, and keep hashes, which charts refer to, and named marks.
    svg = re.sub(r' id="(?:figure|patch|axes|matplotlib\.axis|xtick|ytick|text|line2d|QuadMesh|grid)_\d+"', "", svg)
    return Markup(svg.replace("<svg", Markup('<svg role="img" aria-label="{}"').format(label), 1))  # noqa: S704 - ours


def over_time(days: Sequence[date], values: Sequence[Decimal | int], *, name: str) -> Markup:
    """Draw a line with gaps for missing days. Mark all days of up to a month, else days between two gaps."""
    one, known = timedelta(1), dict(zip(days, map(float, values), strict=True))
    points = sorted(({day + one: math.nan for day in days[:-1]} | known).items())
    marked = [
        at
        for at, (day, _) in enumerate(points)
        if day in known and (len(days) <= 31 or not known.keys() & {day - one, day + one})  # noqa: PLR2004 - a month
    ]

    def plot(axes: Axes) -> None:
        (line,) = axes.plot(*zip(*points, strict=True), color=ACCENT, linewidth=1.8, clip_on=False)
        line.set_gid(f"{name.replace(' ', '-')}-line")
        line.set(marker="o", markevery=marked, markersize=4)
        axes.set_ylim(bottom=min(0.0, *map(float, values)))
        axes.yaxis.set_major_formatter(Short(sep=""))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        if len(days) == 1:
            axes.set_xlim(days[0] - timedelta(1), days[0] + timedelta(1))  # type: ignore[arg-type]
        dates = AutoDateLocator(minticks=2, maxticks=5)  # type: ignore[no-untyped-call]
        years = ["", *["%Y"] * 5]
        axes.xaxis.set_major_locator(dates)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(dates, offset_formats=years))  # type: ignore[no-untyped-call]
        axes.grid(visible=False, axis="x")

    return draw(plot, height=200, label=f"Line chart: {name} by day")


def bars(labels: Sequence[str], values: Sequence[Decimal], *, name: str) -> Markup:
    """Draw horizontal bars, the first at the top."""

    def plot(axes: Axes) -> None:
        drawn = axes.barh(range(len(values)), [float(value) for value in values], color=ACCENT, height=0.7)
        for at, bar in enumerate(drawn):
            bar.set_gid(f"{name}-bar-{at}")
        short = [label if len(label) <= 18 else f"{label[:17]}…" for label in labels]  # noqa: PLR2004 - half the width
        axes.set_yticks(range(len(values)), short)
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(Short(sep=""))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.grid(visible=False, axis="y")

    return draw(plot, height=60 + 20 * len(values), label=f"Bar chart: {name.replace('-', ' ')}")
