"""Go's `printf` and `print`, with its verbs and its ways to say what does not fit (`%!d(string=x)`)."""

import re
from collections.abc import Callable
from typing import Any

from ks_universal.values.expressions.data import WrittenFloat, WrittenInt, kind_of
from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.numbers import format_float, format_value

_VERB = re.compile(r"%(?P<flags>[-+# 0]*)(?P<width>[0-9]+|\*)?(?:\.(?P<precision>[0-9]*|\*))?(?P<verb>.)?", re.DOTALL)
_WIDEST = 1000
_LONGEST = 1_000_000
_INTEGERS = "dxXob"
_FLOATS = "eEfFgG"


def print_values(*values: Any) -> str:
    """Join values as `print` does: a blank between two that are no texts."""
    text = ""
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            text += " "
        text += format_value(value)
    return text


def format_printf(template: str, *values: Any) -> str:
    """Fill in a template of `printf`."""
    rest = list(values)
    length = 0

    def write(match: re.Match[str]) -> str:
        nonlocal length
        written = _format_verb(match, rest)
        length += len(written)
        if length > _LONGEST:
            raise _too_long()
        return written

    text = _VERB.sub(write, template)
    if not rest:
        return text
    extra = ", ".join("<nil>" if value is None else f"{_go_type(value)}={format_value(value)}" for value in rest)
    return f"{text}%!(EXTRA {extra})"


def quote(text: str) -> str:
    """Write a text as Go quotes it: what cannot be printed, and nothing else, is escaped."""
    return '"' + "".join(map(_quote_character, text)) + '"'


def _format_verb(match: re.Match[str], rest: list[Any]) -> str:
    flags, width, precision, verb = match["flags"], match["width"], match["precision"], match["verb"]
    if verb == "%":
        return "%"
    if verb is None:
        return "%!(NOVERB)"
    if width == "*" or precision == "*":
        raise ExpressionError("printf takes no '*' here", hint="write the width as a number")
    if max(int(width or 0), int(precision or 0)) > _WIDEST:
        raise ExpressionError(f"printf fills up to {_WIDEST} characters")
    if not rest:
        return f"%!{verb}(MISSING)"
    digits = None if precision is None else int(precision or 0)
    return _pad(_convert(verb, rest.pop(0), flags, digits), flags, int(width or 0), verb)


def _too_long() -> ExpressionError:
    return ExpressionError(f"printf makes up to {_LONGEST:,} characters")


def _convert(verb: str, value: Any, flags: str, precision: int | None) -> str:
    if verb == "T":
        return _go_type(value)
    if verb == "v" and (isinstance(value, bool | dict) or value is None):
        return format_value(value)
    if isinstance(value, list) and verb != "T":
        if len(value) * (precision or 1) > _LONGEST:
            raise _too_long()
        return f"[{' '.join(_convert(verb, item, flags, precision) for item in value)}]"
    convert = _CONVERTERS.get(verb)
    text = None if convert is None else convert(value, flags, verb, precision)
    return _misfit(verb, value) if text is None else text


def _as_text(value: Any, flags: str, verb: str, precision: int | None) -> str | None:
    if isinstance(value, WrittenInt | WrittenFloat):
        value = value.text
    if value is None or isinstance(value, bool | int | float | dict):
        return None
    text = format_value(value)[:precision]
    if verb == "q":
        return f"`{text}`" if "#" in flags and "`" not in text else quote(text)
    return text


def _as_integer(value: Any, flags: str, verb: str, _: int | None) -> str | None:
    if isinstance(value, str) and verb in "xX":
        return format(int(value.encode().hex() or "0", 16), verb).zfill(2 * len(value.encode()))
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    prefix = {"x": "0x", "X": "0X", "o": "0"}.get(verb, "") if "#" in flags else ""
    return _sign(value, flags) + prefix + format(abs(value), verb)


def _as_float(value: Any, flags: str, verb: str, precision: int | None) -> str | None:
    if not isinstance(value, float | WrittenInt):
        return None
    if verb in "gG" and precision is None:
        return _sign(value, flags) + format_float(abs(float(value)))
    return _sign(value, flags) + format(abs(float(value)), f".{6 if precision is None else precision}{verb}")


def _as_any(value: Any, flags: str, _: str, precision: int | None) -> str | None:
    if isinstance(value, str):
        return quote(value) if "#" in flags else value[:precision]
    if isinstance(value, float) and precision is not None:
        return _as_float(value, flags, "g", precision)
    text = format_value(value)
    return "+" + text if "+" in flags and isinstance(value, int | float) and value >= 0 else text


def _as_bool(value: Any, _: str, __: str, ___: int | None) -> str | None:
    return format_value(value) if isinstance(value, bool) else None


def _as_character(value: Any, _: str, verb: str, __: int | None) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    if verb == "c":
        return chr(value) if 0 <= value < 0xD800 or 0xDFFF < value < 0x110000 else "\ufffd"
    return f"U+{int(value):04X}" if 0 <= value < 0x110000 else None


_Converter = Callable[[Any, str, str, int | None], str | None]
_CONVERTERS: dict[str, _Converter] = {
    **dict.fromkeys("sq", _as_text),
    **dict.fromkeys(_INTEGERS, _as_integer),
    **dict.fromkeys(_FLOATS, _as_float),
    **dict.fromkeys("cU", _as_character),
    "v": _as_any,
    "t": _as_bool,
}


def _sign(number: float, flags: str) -> str:
    if number < 0:
        return "-"
    return "+" if "+" in flags else " " if " " in flags else ""


def _pad(text: str, flags: str, width: int, verb: str) -> str:
    if "-" in flags:
        return text.ljust(width)
    if "0" not in flags or verb in "Tt":
        return text.rjust(width)
    sign = text[:1] if text[:1] in ("+", "-", " ") and verb not in "sq" else ""
    return sign + text[len(sign) :].rjust(width - len(sign), "0")


def _misfit(verb: str, value: Any) -> str:
    return f"%!{verb}(<nil>)" if value is None else f"%!{verb}({_go_type(value)}={format_value(value)})"


def _go_type(value: Any) -> str:
    if isinstance(value, list | dict):
        return "[]interface {}" if isinstance(value, list) else "map[string]interface {}"
    return "<nil>" if value is None else kind_of(value)


_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\t": "\\t",
    "\r": "\\r",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\v": "\\v",
}


def _quote_character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
