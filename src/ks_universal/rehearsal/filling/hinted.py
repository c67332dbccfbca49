"""Values that conditions hint at: within bounds, of a length, like a pattern. All are to be tried on the server."""

import math
import re

from ks_universal.rehearsal.filling.catalog import Type
from ks_universal.rehearsal.filling.expressions import Hints
from ks_universal.rehearsal.filling.patterns import slots_of_like, slots_of_regex
from ks_universal.rehearsal.filling.values import (
    DIGITS,
    ENOUGH,
    FLOATS,
    INTEGERS,
    LETTERS,
    LONG,
    NUMBER,
    TEXTS,
    Generator,
    from_slots,
    literal,
    max_length,
    precision_of,
)

_K = NUMBER


def candidates(type_: Type, modifier: int, hints: Hints) -> list[Generator]:
    """Return generators that a condition hints at, the likeliest first; they are to be tried."""
    if type_.name in TEXTS:
        return _hinted_texts(max_length(type_, modifier), hints)
    found: list[Generator] = []
    if type_.name in INTEGERS or type_.name in FLOATS or type_.name in ("numeric", "money"):
        found += _hinted_numbers(type_, modifier, hints)
    elif type_.name in ("date", "timestamp", "timestamptz"):
        found += _hinted_times(type_, hints)
    elif type_.name in ("json", "jsonb"):
        found += _hinted_json(type_, hints)
    return found


def _hinted_texts(length: int | None, hints: Hints) -> list[Generator]:
    found: list[Generator] = []
    for operator, pattern in hints.patterns:
        for run in (6, 2, 1):
            slots = slots_of_like(pattern, run=run) if "~~" in operator else slots_of_regex(pattern, run=run)
            if slots is not None and (length is None or len(slots) <= length):
                found.append(from_slots(slots))
    lengths = [size for size in hints.lengths if 0 < size <= min(length or LONG, LONG)]
    sizes = list(dict.fromkeys([*lengths, min(length or 8, 8)]))
    for size in sizes:
        found += [from_slots([chars] * size) for chars in (LETTERS, LETTERS.upper(), DIGITS)]
        found.append(from_slots(["x"] * (size - 10) + [LETTERS] * min(size, 10)))
    prefixes = [text for text in hints.literals if len(text) < (length or LONG) - 8]
    found += [Generator(f"({literal(text)} || {_K})") for text in prefixes]
    found += [Generator(f"({literal(text)} || chr(97 + ({_K} % 26)::int))", 26) for text in hints.literals]
    if length is None or length >= 30:
        found += [Generator(f"('row' || {_K} || '@example.com')"), Generator(f"('https://example.com/' || {_K})")]
    found += [Generator(f"(1 + {_K})::text"), Generator(f"('row-' || {_K})"), Generator(f"('+4930' || 1000000 + {_K})")]
    found += [Generator(f"md5('row ' || {_K})"), Generator(f"(md5('row ' || {_K})::uuid)::text")]
    return found


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def _hinted_numbers(type_: Type, modifier: int, hints: Hints) -> list[Generator]:
    low, high = _number(hints.low), _number(hints.high)
    most = _greatest(type_, modifier)
    step = 1.0 if type_.name in INTEGERS else 0.25
    if type_.name == "numeric" and modifier >= 4:
        step = max(10.0 ** -precision_of(modifier)[1], 0.01)
    found = []
    for edge in (0, 1):  # for bounds that are not themselves allowed
        if low is not None:
            found.append(_numbers_from(low + edge * step, step, most if high is None else high - edge * step))
        elif high is not None:
            found.append(_numbers_from(high - edge * step, -step, -most))
    numbers = [number for number in map(_number, hints.literals) if number is not None and math.isfinite(number)]
    found += [_numbers_from(number, number, math.copysign(most, number)) for number in numbers if number]
    found += [_numbers_from(number, step, most) for number in numbers]
    return [*found, _numbers_from(-1, -step, -most), _numbers_from(0, 1, 99), _numbers_from(0.01, 0.01, 1)]


def _numbers_from(start: float, step: float, last: float) -> Generator:
    size = max(math.floor((last - start) / step) + 1, 1)
    turn = f"{_K} % {size}" if size < ENOUGH else _K
    return Generator(f"({_exact(start)} + {turn} * {_exact(step)})", size if size < ENOUGH else None)


def _greatest(type_: Type, modifier: int) -> float:
    """Return a number that is as good as the greatest of a type."""
    if type_.name == "numeric" and modifier >= 4:
        precision, scale = precision_of(modifier)
        return min(10.0 ** min(precision - scale, 18) - 1, 1e18)
    return INTEGERS.get(type_.name) or 1e18


def _exact(number: float) -> str:
    return f"({int(number)})" if float(number).is_integer() else f"({number!r})::numeric"


def _hinted_times(type_: Type, hints: Hints) -> list[Generator]:
    """Spread values between bounds, in steps that are 1/1000 of the distance away from each other in the beginning."""
    low, high = hints.low, hints.high
    day = type_.name == "date"
    unit = "1" if day else "interval '1 second'"
    times = f"{_K}::int" if day else f"{_K} * {unit}"
    found = []
    if low is not None and high is not None:
        start, end = f"{literal(low)}::{type_.quoted}", f"{literal(high)}::{type_.quoted}"
        distance = f"({end} - {start})" if day else f"extract(epoch from {end} - {start})::bigint"
        spread = f"({_K} * 997 % greatest({distance} - 1, 1))"
        found.append(Generator(f"({start} + 1 + {spread}::int)" if day else f"({start} + {spread} * {unit} + {unit})"))
        found.append(Generator(f"({start} + {spread}::int)" if day else f"({start} + {spread} * {unit})"))
    if low is not None:
        found += [Generator(f"({literal(low)}::{type_.quoted} + {edge} + {times})") for edge in _edges(day)]
    if high is not None:
        found += [Generator(f"({literal(high)}::{type_.quoted} - {edge} - {times})") for edge in _edges(day)]
    found.append(Generator(f"('1990-01-01'::{type_.quoted} + {times})"))
    found.append(Generator(f"('2099-01-01'::{type_.quoted} + {times})"))
    return found


def _edges(day: bool) -> tuple[str, str]:
    return ("0", "1") if day else ("interval '0'", "interval '1 second'")


def _hinted_json(type_: Type, hints: Hints) -> list[Generator]:
    cast = f"::{type_.quoted}"
    keys = [text for text in hints.literals if re.fullmatch(r"\w[\w-]*", text)][:12]
    pairs = [f"{literal(key)}, {_K}" for key in keys], [f"{literal(key)}, 'v' || {_K}" for key in keys]
    found = [Generator(f"{type_.name}_build_object({', '.join(part)})") for part in pairs if part]
    found += [
        Generator(f"{type_.name}_build_object({literal(key)}, {literal(other)}, 'id', {_K})")
        for key in keys
        for other in keys
        if key != other
    ]
    found += [Generator(f"('[' || {_K} || ']'){cast}"), Generator(f"{_K}::text{cast}")]
    return [*found, Generator(f"('\"v' || {_K} || '\"'){cast}"), Generator(f"'null'{cast}", 1)]
