"""Functions on times. The time of the run is given, too: nothing reads the clock. The zone is UTC."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.functions.layouts import format_layout, parse_layout
from ks_universal.values.expressions.functions.signature import Function, clocked, function, to_int

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
_WHOLE_DURATION = re.compile(rf"[-+]?(?:0|(?:{_DURATION.pattern})+)")
_LONGEST = 300
"""Characters of a duration, which with more digits were none that a float can hold."""
_ROUNDED = (("y", 365 * 86400), ("mo", 30 * 86400), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


class Time(datetime):
    """A time that prints as Go's does."""

    def __str__(self) -> str:
        zone = "+0000 UTC" if self.tzinfo is UTC else f"{self:%z %z}"
        return f"{self:%Y-%m-%d %H:%M:%S}{format_layout(self, '.999999')} {zone}"


def _to_date(layout: str, text: str) -> Time:
    return _as_time(parse_layout(layout, text))


def _date(layout: str, when: Any) -> str:
    return format_layout(_read_time(when), layout)


def _date_in_zone(layout: str, when: Any, zone: str) -> str:
    if zone not in ("UTC", "Local", ""):
        raise ExpressionError("the only zone is UTC: others differ from machine to machine")
    return format_layout(_read_time(when).astimezone(UTC), layout)


def _html_date(when: Any) -> str:
    return format_layout(_read_time(when), "2006-01-02")


def _html_date_in_zone(when: Any, zone: str) -> str:
    return _date_in_zone("2006-01-02", when, zone)


def _date_modify(change: str, when: Any) -> Time:
    try:
        return _as_time(_read_time(when) + timedelta(seconds=_read_duration(change)))
    except OverflowError as error:
        raise ExpressionError("this time is beyond the calendar") from error


def _unix_epoch(when: Any) -> str:
    return str(int(_read_time(when).timestamp() // 1))


def _duration(seconds: Any) -> str:
    whole = to_int(seconds)
    if whole == 0:
        return "0s"
    sign, left = ("-" if whole < 0 else ""), abs(whole)
    hours, minutes = left // 3600, left // 60 % 60
    text = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{text}{left % 60}s"


def _duration_round(duration: Any) -> str:
    """Give the largest unit alone: `2h`, `3mo`."""
    seconds = _read_duration(duration) if isinstance(duration, str) else to_int(duration) * 1e-9
    left = abs(seconds)
    unit, size = next(((unit, size) for unit, size in _ROUNDED if left > size or (unit == "s")), ("s", 1))
    return f"{'-' if seconds < 0 else ''}{int(left // size)}{unit}" if left >= 1 else "0s"


def _read_duration(text: str) -> float:
    if len(text) > _LONGEST or not _WHOLE_DURATION.fullmatch(text):
        raise ExpressionError("this is not a duration", hint="such as 300s, 1h30m or -1.5h")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
    return -seconds if text.startswith("-") else seconds


def _read_time(when: Any) -> Time:
    if isinstance(when, datetime):
        return _as_time(when)
    if isinstance(when, str):
        hint = 'read it first: toDate "2006-01-02" ...'
        raise ExpressionError("a time is needed here, not a text", hint=hint)
    try:
        return _as_time(datetime.fromtimestamp(to_int(when), UTC))
    except (OverflowError, OSError, ValueError) as error:
        raise ExpressionError("this time is beyond the calendar") from error


def _as_time(when: datetime) -> Time:
    return Time.combine(date(when.year, when.month, when.day), when.timetz())


def _now(now_s: int) -> Time:
    return _read_time(now_s)


def _ago(now_s: int, when: Any) -> str:
    return _duration(now_s - round(_read_time(when).timestamp()))


DATES: dict[str, Function] = {
    "ago": clocked(_ago, "any"),
    "date": function(_date, "text any"),
    "dateInZone": function(_date_in_zone, "text any text"),
    "dateModify": function(_date_modify, "text any"),
    "duration": function(_duration, "any"),
    "durationRound": function(_duration_round, "any"),
    "htmlDate": function(_html_date, "any"),
    "htmlDateInZone": function(_html_date_in_zone, "any text"),
    "now": clocked(_now),
    "toDate": function(_to_date, "text text", weight=20),
    "unixEpoch": function(_unix_epoch, "any"),
}
