"""One self-contained HTML page: its frame, its style, time as bars. Nothing is loaded, and no script can run.

Functions take text as it is and escape it; what they return is HTML, which goes into others as it is (`body`, cells).
"""

import base64
import hashlib
import html
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

_DIVISIONS = 5
_STEPS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What would show a text otherwise than it is: control characters, and those that turn the direction of writing."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A span of time: `kind` is its colour (a class of the style), `title` what is shown when it is pointed at.

    One that `is_thin` is a line under the others.
    """

    began_s: float
    ended_s: float
    kind: str
    title: str
    is_thin: bool = False


class Scale(msgspec.Struct, frozen=True):
    """An axis of time, of round numbers: from `began_s`, in five divisions of `step_s`."""

    began_s: float
    step_s: float

    def place(self, at_s: float) -> float:
        """Give where a time is, in percent of the width."""
        return round(min(max((at_s - self.began_s) / (self.step_s * _DIVISIONS), 0.0), 1.0) * 100, 3)


def make_scale(began_s: float, ended_s: float) -> Scale:
    """Make the axis that a span of time fits in."""
    least_s = max(ended_s - began_s, 0.001) / _DIVISIONS
    power = 10.0 ** math.floor(math.log10(least_s))
    return Scale(began_s, next(step * power for step in _STEPS if step * power >= least_s * (1 - 1e-9)))


def escape(text: object) -> str:
    r"""Give text as HTML, for an element or an attribute in quotes; what cannot be seen is written as `\u202e`."""
    return html.escape(_INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", str(text)))


def draw_axis(scale: Scale) -> str:
    """Draw the numbers of an axis."""
    ticks = (
        f'<text x="{100 * number / _DIVISIONS:g}%" y="11" class="{_anchor(number)}">'
        f"{format_duration(scale.step_s * number * 1000)}</text>"
        for number in range(_DIVISIONS + 1)
    )
    return f'<svg class="axis" height="14" aria-hidden="true">{"".join(ticks)}</svg>'


def _anchor(number: int) -> str:
    return "first" if number == 0 else "last" if number == _DIVISIONS else "tick"


def draw_bars(scale: Scale, bars: Iterable[Bar]) -> str:
    """Draw bars on a line of an axis; later ones lie on earlier ones."""
    drawn = []
    for bar in bars:
        x = scale.place(bar.began_s)
        width = round(scale.place(bar.ended_s) - x, 3)
        y, height = (12, 3) if bar.is_thin else (2, 8)
        drawn.append(
            f'<rect x="{x:g}%" y="{y}" width="{width:g}%" height="{height}" class="{escape(bar.kind)}">'
            f"<title>{escape(bar.title)}</title></rect>"
        )
    return f'<svg class="bars" height="17" role="img">{"".join(drawn)}</svg>'


def write_legend(kinds: Mapping[str, str]) -> str:
    """Say what the colours of bars mean."""
    said = (
        f'<span><svg aria-hidden="true"><rect x="1" y="1" width="12" height="8" class="{escape(kind)}"/></svg>'
        f"{escape(what)}</span>"
        for kind, what in kinds.items()
    )
    return f'<div class="legend">{"".join(said)}</div>'


def write_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a table of cells, which are HTML."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def write_section(title: str, *parts: str) -> str:
    """Write a part of the page under its heading."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def write_page(title: str, *body: str) -> str:
    """Write the whole page. Its policy (CSP) allows its own style, and nothing else: no script, no request."""
    style = Path(__file__).with_suffix(".css").read_text()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def format_duration(duration_ms: float) -> str:
    """Give a duration as people read it: `0.4 ms`, `150 ms`, `12.5 s`, `3 min`."""
    if duration_ms < 1000:
        return f"{duration_ms:.3g} ms"
    if duration_ms < 600_000:
        return f"{duration_ms / 1000:.3g} s"
    return f"{duration_ms / 60_000:.3g} min"
