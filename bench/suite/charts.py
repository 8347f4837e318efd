"""Bar charts as SVG. A bar is as long as its figure among those of its own test: units differ from test to test."""

from __future__ import annotations

from html import escape

from suite.measure import Row
from suite.report import number

WIDTH, LEFT, BAR, GAP, LEGEND, LINE = 860, 300, 16, 12, 38, 18
ROOM = 150  # right of the longest bar, for its figure
COLOURS = ("#1f6f8b", "#c0793a", "#8a8f98", "#b9a24c", "#5d7f4e", "#9a5b7b", "#3f4d8c", "#c25b5b", "#6fb3a8",
           "#7a6a55", "#b48ec9", "#404040")
FONT = 'font-family="system-ui, sans-serif"'


def colours(rows: list[Row]) -> dict[str, str]:
    names = list(dict.fromkeys(who for row in rows for who in row.series))
    return {who: COLOURS[index % len(COLOURS)] for index, who in enumerate(names)}


def text(x: float, y: float, words: str, size: int = 12, anchor: str = "start", weight: str = "400") -> str:
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
            f'fill="#222">{escape(words)}</text>')


def bar(row: Row, who: str, y: float, colour: str, longest: float) -> list[str]:
    """One contender's bar, with its figure and a line from its least to its most."""
    scale = (WIDTH - LEFT - ROOM) / longest
    values, figure = row.series[who].values(), row.figure(who)
    low, high, middle = min(values) * scale, max(values) * scale, y + BAR / 2
    length = max(figure * scale, 1)
    return [f'<rect x="{LEFT}" y="{y:.0f}" width="{length:.1f}" height="{BAR - 3}" fill="{colour}"/>',
            f'<path d="M{LEFT + low:.1f} {middle - 1:.0f}H{LEFT + high:.1f}" stroke="#222" stroke-width="1"/>',
            text(LEFT + max(high, length) + 6, y + BAR - 4, f"{number(figure)} {row.unit}", 11,
                 weight="600" if who == "qchain" else "400")]


def legend(colour_of: dict[str, str]) -> tuple[list[str], float]:
    """What the colours mean, in as many lines as that takes, and where it ends."""
    parts, x, y = [], 12.0, float(LEGEND)
    for who, colour in colour_of.items():
        width = 34 + 6.6 * len(who)
        if x + width > WIDTH and x > 12:
            x, y = 12.0, y + LINE
        parts += [f'<rect x="{x:.0f}" y="{y - 10:.0f}" width="11" height="11" fill="{colour}"/>',
                  text(x + 16, y, who, 12)]
        x += width
    return parts, y + 8


def chart(title: str, rows: list[Row]) -> str:
    """An SVG of all rows that have figures."""
    colour_of = colours(rows)
    meanings, end = legend(colour_of)
    parts, y = [text(12, 20, title, 14, weight="600"), *meanings], end + GAP
    for row in rows:
        there = [who for who in row.series if row.series[who].samples]
        if not there:
            continue
        longest = max(max(row.series[who].values()) for who in there) or 1.0
        parts.append(text(LEFT - 10, y + BAR * len(there) / 2 + 4, row.name, 12, "end"))
        for who in there:
            parts += bar(row, who, y, colour_of[who], longest)
            y += BAR
        y += GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y:.0f}" viewBox="0 0 {WIDTH} {y:.0f}" '
            f'{FONT} role="img" aria-label="{escape(title)}">\n<rect width="100%" height="100%" fill="#fff"/>\n'
            + "\n".join(parts) + "\n</svg>\n")
