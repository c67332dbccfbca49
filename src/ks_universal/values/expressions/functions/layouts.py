"""Go's way to say how a time is written: by the example of Mon Jan 2 15:04:05 2006."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from ks_universal.values.expressions.errors import ExpressionError

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_EXAMPLE = re.compile(
    r"2006|January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|Z07:00|Z0700|-07:00|-0700|-07|002|__2|_2(?!006)"
    r"|[.,](?:0+|9+)(?![0-9])|01|02|03|04|05|06|15|PM|pm|1|2|3|4|5"
)
_LONGEST = 1000
"""Characters of an example."""

_Write = Callable[[datetime], str]
_WRITERS: dict[str, _Write] = {
    "2006": lambda t: f"{t.year:04d}",
    "06": lambda t: f"{t.year % 100:02d}",
    "January": lambda t: _MONTHS[t.month - 1],
    "Jan": lambda t: _MONTHS[t.month - 1][:3],
    "01": lambda t: f"{t.month:02d}",
    "1": lambda t: str(t.month),
    "Monday": lambda t: _DAYS[t.weekday()],
    "Mon": lambda t: _DAYS[t.weekday()][:3],
    "02": lambda t: f"{t.day:02d}",
    "_2": lambda t: f"{t.day:2d}",
    "2": lambda t: str(t.day),
    "002": lambda t: f"{t.timetuple().tm_yday:03d}",
    "__2": lambda t: f"{t.timetuple().tm_yday:3d}",
    "15": lambda t: f"{t.hour:02d}",
    "03": lambda t: f"{t.hour % 12 or 12:02d}",
    "3": lambda t: str(t.hour % 12 or 12),
    "04": lambda t: f"{t.minute:02d}",
    "4": lambda t: str(t.minute),
    "05": lambda t: f"{t.second:02d}",
    "5": lambda t: str(t.second),
    "PM": lambda t: "PM" if t.hour >= 12 else "AM",
    "pm": lambda t: "pm" if t.hour >= 12 else "am",
    "MST": lambda t: _offset(t, "") if t.utcoffset() else "UTC",
    "Z07:00": lambda t: _offset(t, ":") if t.utcoffset() else "Z",
    "Z0700": lambda t: _offset(t, "") if t.utcoffset() else "Z",
    "-07:00": lambda t: _offset(t, ":"),
    "-0700": lambda t: _offset(t, ""),
    "-07": lambda t: _offset(t, "")[:3],
}
_NAMES = "|".join
_READERS: dict[str, str] = {
    "2006": r"(?P<year>\d{4})",
    "06": r"(?P<short_year>\d{2})",
    "January": f"(?P<month_name>{_NAMES(_MONTHS)})",
    "Jan": f"(?P<month_name>{_NAMES(m[:3] for m in _MONTHS)})",
    "01": r"(?P<month>\d{2})",
    "1": r"(?P<month>\d{1,2})",
    "Monday": f"(?:{_NAMES(_DAYS)})",
    "Mon": f"(?:{_NAMES(d[:3] for d in _DAYS)})",
    "02": r"(?P<day>\d{2})",
    "_2": r" ?(?P<day>\d{1,2})",
    "2": r"(?P<day>\d{1,2})",
    "15": r"(?P<hour>\d{2})",
    "03": r"(?P<hour>\d{2})",
    "3": r"(?P<hour>\d{1,2})",
    "04": r"(?P<minute>\d{2})",
    "4": r"(?P<minute>\d{1,2})",
    "05": r"(?P<second>\d{2})(?P<fraction>\.\d{1,9})?",
    "5": r"(?P<second>\d{1,2})(?P<fraction>\.\d{1,9})?",
    "PM": r"(?P<half>[AP]M)",
    "pm": r"(?P<half>[ap]m)",
    "MST": r"UTC|GMT",
    "Z07:00": r"(?P<zone>Z|[-+]\d{2}:\d{2})",
    "Z0700": r"(?P<zone>Z|[-+]\d{4})",
    "-07:00": r"(?P<zone>[-+]\d{2}:\d{2})",
    "-0700": r"(?P<zone>[-+]\d{4})",
    "-07": r"(?P<zone>[-+]\d{2})",
}


def format_layout(when: datetime, layout: str) -> str:
    """Write a time after its example."""
    return _EXAMPLE.sub(lambda match: _write(match.group(), when), layout)


def parse_layout(layout: str, text: str) -> datetime:
    """Read a time after its example; without a zone it is UTC. Raises ExpressionError."""
    try:
        found = re.fullmatch(_pattern(layout), text, re.ASCII) if len(layout) <= _LONGEST else None
        if found is not None:
            return _build({key: value for key, value in found.groupdict().items() if value is not None})
    except (ValueError, KeyError, OverflowError, re.error) as error:
        raise ExpressionError("this time is not as its example says") from error
    raise ExpressionError("this time is not as its example says")


def _pattern(layout: str) -> str:
    parts, end = [], 0
    # Each fraction may be missing, and many of them fit one text in more ways than can be tried.
    if sum(match.group()[0] in ".," for match in _EXAMPLE.finditer(layout)) > 1:
        raise ValueError
    for match in _EXAMPLE.finditer(layout):
        parts.append(re.escape(layout[end : match.start()]))
        example, end = match.group(), match.end()
        parts.append(r"(?:[.,]\d+)?" if example[0] in ".," else f"(?:{_READERS[example]})")
    return "".join(parts) + re.escape(layout[end:])


def _build(found: dict[str, str]) -> datetime:
    year = int(found.get("year", 0) or 0)
    if "short_year" in found:
        short = int(found["short_year"])
        year = short + (1900 if short >= 69 else 2000)
    month = int(found.get("month", 1))
    if "month_name" in found:
        month = 1 + [name[:3] for name in _MONTHS].index(found["month_name"][:3])
    hour = int(found.get("hour", 0))
    if "half" in found:
        hour = hour % 12 + (12 if found["half"].lower() == "pm" else 0)
    microsecond = int(found.get("fraction", ".0")[1:7].ljust(6, "0"))
    minute, second = int(found.get("minute", 0)), int(found.get("second", 0))
    day = int(found.get("day", 1))
    return datetime(year, month, day, hour, minute, second, microsecond, _zone(found.get("zone", "Z")))


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-shift if text[0] == "-" else shift)


def _write(example: str, when: datetime) -> str:
    if example[0] not in ".,":
        return _WRITERS[example](when)
    digits = f"{when.microsecond:06d}".ljust(9, "0")[: len(example) - 1]
    if example[1] == "9":
        digits = digits.rstrip("0")
    return f"{example[0]}{digits}" if digits else ""


def _offset(when: datetime, separator: str) -> str:
    minutes = int((when.utcoffset() or timedelta()).total_seconds() // 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{separator}{abs(minutes) % 60:02d}"
