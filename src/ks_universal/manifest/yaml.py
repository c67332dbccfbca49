"""Objects to YAML text that every YAML 1.1 and 1.2 reader reads back the same; docs/decisions says why it is our own.

Block style, keys in the order given, strings plain only where no reader takes them for anything else. The loops are
written for speed: a thousand applications are 160,000 lines.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from ks_universal.json_types import Json

_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf"))
"""What some reader takes for a boolean, null or number, in any case."""

_PLAIN = re.compile(
    r"(?:[A-Za-z/_$(]|-{1,2}[A-Za-z])"  # no indicator, no digit, sign or point: nothing that a number starts with
    r"(?:[\w./$()+@%=,;~*&!?<>|\[\]{}'\"^\\-]|:(?=[^\s])| (?=[^\s#]))*",
    re.ASCII,
).fullmatch
_MEASURE = re.compile(r"[0-9][0-9A-Za-z./_-]*", re.ASCII).fullmatch
_NOT_IN_NUMBERS = re.compile(r"[G-NP-SUVWYg-np-suvwy/]").search
"""No integer, float or date of any YAML has these: `256Mi`, `10m`, `10.0.0.0/8`."""

# Compiled where a text needs it. Said by what is in it: the complement takes Python 3 to 7 ms to compile.
_UNPRINTABLE = "[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
"""What YAML wants escaped, or takes for a line break."""


def write_yaml(documents: Sequence[Json]) -> str:
    """Write JSON-like objects as YAML documents, separated by `---`; equal input gives equal bytes."""
    writer = _Writer()
    for number, document in enumerate(documents):
        if number:
            writer.lines.append("---")
        writer.write_document(document)
    writer.lines.append("")
    return "\n".join(writer.lines)


class _Scalars(dict[str, str]):
    """Strings as YAML on one line, each decided once."""

    def __missing__(self, text: str) -> str:
        written = self[text] = _write_string(text)
        return written


class _Keys(dict[str, str]):
    """Keys with their indentation and colon."""

    def __init__(self, pad: str, scalars: _Scalars) -> None:
        self.pad = pad
        self.scalars = scalars

    def __missing__(self, key: str) -> str:
        written = self[key] = f"{self.pad}{self.scalars[key]}:"
        return written


class _Writer:
    """The lines written so far, and what has been decided of keys and strings."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.scalars = _Scalars()
        self.keys: dict[str, _Keys] = {}

    def write_document(self, document: Json) -> None:
        if document:
            self.write_map(document, "")
        else:
            self.lines.append("{}")

    def write_map(self, node: Json, pad: str) -> None:
        append, scalars = self.lines.append, self.scalars
        keys = self.keys.get(pad)
        if keys is None:
            keys = self.keys[pad] = _Keys(pad, scalars)
        for key, value in node.items():
            kind = type(value)
            if kind is str:
                if "\n" in value:
                    self.write_text(keys[key], value, pad + "  ")
                else:
                    append(f"{keys[key]} {scalars[value]}")
            elif kind is dict:
                if value:
                    append(keys[key])
                    self.write_map(value, pad + "  ")
                else:
                    append(keys[key] + " {}")
            elif kind is list or kind is tuple:
                if value:
                    append(keys[key])
                    # As kubectl does: the dash is under the key.
                    self.write_list(value, pad)
                else:
                    append(keys[key] + " []")
            else:
                append(f"{keys[key]} {_write_other(value)}")

    def write_list(self, items: Sequence[Any], pad: str) -> None:
        lines, scalars = self.lines, self.scalars
        dash, inner = pad + "-", pad + "  "
        skip = len(inner)
        for item in items:
            kind = type(item)
            if kind is str:
                if "\n" in item:
                    self.write_text(dash, item, inner)
                else:
                    lines.append(f"{dash} {scalars[item]}")
            elif (kind is dict or kind is list or kind is tuple) and item:
                first = len(lines)
                (self.write_map if kind is dict else self.write_list)(item, inner)
                lines[first] = f"{dash} {lines[first][skip:]}"
            else:
                lines.append(f"{dash} {_write_other(item)}")

    def write_text(self, start: str, text: str, pad: str) -> None:
        """Write text of several lines as a literal block where that keeps each character, else in quotes."""
        if re.search(_UNPRINTABLE, text) or not text.strip("\n\t "):
            self.lines.append(f"{start} {_quote(text)}")
            return
        # A reader takes the indentation from the first line, unless it is told.
        indicator = "2" if text[0] in " \n\t" else ""
        body = text.removesuffix("\n")
        chomping = "-" if body is text or body == text else "+" if body.endswith("\n") else ""
        self.lines.append(f"{start} |{indicator}{chomping}")
        self.lines.extend(pad + line if line else "" for line in body.split("\n"))


def _write_string(text: str) -> str:
    if _PLAIN(text):
        return f'"{text}"' if text.lower() in _WORDS else text
    if _MEASURE(text) and _NOT_IN_NUMBERS(text):
        return text
    return _quote(text)


def _quote(text: str) -> str:
    """Quote as JSON does, which YAML takes, and escape what YAML does not print."""
    quoted = msgspec.json.encode(text).decode()
    # What YAML does not print, Python does not either.
    return quoted if quoted.isprintable() else re.sub(_UNPRINTABLE, _escape, quoted)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _write_other(value: Any) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return "null"
    if isinstance(value, float):
        return _write_float(value)
    return "{}" if value == {} else "[]" if isinstance(value, list | tuple) else str(value)


def _write_float(value: float) -> str:
    """Write a number that YAML 1.1 takes for one, too: there an exponent needs a point and a sign."""
    digits, exponent, power = repr(value).partition("e")
    return f"{digits if '.' in digits else digits + '.0'}e{power}" if exponent else digits
