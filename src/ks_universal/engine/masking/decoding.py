"""Undoes what tools do to a text before they write it: escapes of URLs, JSON, HTML, shells, SQL, languages, terminals.

A line and the values that are looked for in it are brought into the same form, so that it does not matter which tool
has escaped what, nor how often. What a position of that form is in the line itself, `find_origins` says.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cache
from html import unescape
from typing import NamedTuple

from ks_universal.controls import CONTROLS

Span = tuple[int, int]

_PASSES = 8
"""How often texts are unescaped: JSON in a URL in JSON has three layers."""
_INVISIBLE = rf"{CONTROLS}|[\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
"""Colours and the like, and characters without a width."""
_QUOTES = r"(?P<quotes>(?<=['\"`])['\"`]+)"
"""SQL, CSV and YAML double a quote; shells write '\\'' and '"'"'."""
_ESCAPES = (
    # JSON, JavaScript's escape(): in units of UTF-16.
    r"(?P<units>(?:(?<=\\)\\*|(?<=%))u[0-9a-fA-F]{4}(?:(?:\\+|%)u[0-9a-fA-F]{4})*)",
    # JavaScript, Rust, Ruby; Python, Go.
    r"(?P<point>(?<=\\)\\*(?:u\{[0-9a-fA-F]{1,6}\}|U[0-9a-fA-F]{8}))",
    # Bytes, or characters below U+0100.
    r"(?P<bytes>(?<=\\)\\*(?:x[0-9a-fA-F]{2}|[0-3][0-7]{2})(?:\\+x[0-9a-fA-F]{2}|\\+[0-3][0-7]{2})*)",
    # URLs and forms; `%%` is a `%` for printf and configparser.
    r"(?P<percents>(?<=%)(?:\\*%)*[0-9a-fA-F]{2}(?:(?:\\*%)+[0-9a-fA-F]{2})*)",
    r"(?P<entity>(?<=&)(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)",
    r"(?P<space>(?<=\\)\\*[nrtfv])",
    r"(?P<none>(?<=\\)\\*[abe0]?)",
    # Compose doubles `$`.
    r"(?P<run>(?<=\$)\$+|(?<=%)(?:\\*%)+)",
)
"""What comes after the first character of an escape, which is looked for alone, because that is fast."""
_WHITE = str.maketrans(dict.fromkeys("\t\n\r\v\f\x85\xa0\u2028\u2029", " "))


class View(NamedTuple):
    """A text as it was meant: `plain` without escapes, `text` also with one kind of quotes and of white space."""

    plain: str
    text: str


def decode(text: str) -> View:
    """Undo the escapes of a text, all layers of them."""
    for _ in range(_PASSES):
        decoded = _choose(text).sub(_undo, text)
        if decoded == text:
            break
        text = decoded
    return View(text, _make_alike(text))


def _make_alike(text: str) -> str:
    """Forms write a space as `+`; which quotes a text is in depends on the tool."""
    alike = text.replace('"', "'").replace("`", "'").replace("+", " ")
    return alike if text.isprintable() else alike.translate(_WHITE)


def decode_twice(text: str) -> str:
    r"""Take a text for UTF-8 that was read as Latin-1: what `\xc3\xa4` stands for, only the tool knows."""
    return re.sub(r"[\xc2-\xf4][\x80-\xbf]+", lambda match: _decode_bytes(match[0].encode("latin-1")), text)


def find_origins(text: str, spans: Iterable[Span]) -> list[Span]:
    """Find what of a text the given parts of its view were made of; an escape is a whole."""
    passes = list(_trace(text))
    return [_find_origin(passes, *span) for span in spans]


def _choose(text: str) -> re.Pattern[str]:
    """Choose what is undone next: what cannot be seen goes first, for it may be in the middle of an escape."""
    return _escapes() if text.isprintable() or not _invisible().search(text) else _invisible()


@cache
def _escapes() -> re.Pattern[str]:
    return re.compile(rf"[\\%&'\"`$](?:{_QUOTES}|(?<!['\"`])(?:{'|'.join(_ESCAPES)}))")


@cache
def _invisible() -> re.Pattern[str]:
    return re.compile(_INVISIBLE)


def _undo(match: re.Match[str]) -> str:
    found = match[0]
    match match.lastgroup:
        case "quotes":
            return "'"
        case "units":
            codes = b"".join(bytes.fromhex(code) for code in re.findall(r"u(.{4})", found))
            return codes.decode("utf-16-be", "surrogatepass")
        case "point":
            code = int(re.sub(r"[^0-9a-fA-F]", "", found), 16)
            return chr(code) if code <= 0x10FFFF else found
        case "bytes":
            numbers = re.findall(r"x(..)|([0-7]{3})", found)
            return _decode_bytes(bytes(int(code or octal, 16 if code else 8) for code, octal in numbers))
        case "percents":
            return _decode_bytes(bytes.fromhex(re.sub(r"[%\\]", "", found)))
        case "entity":
            return unescape(found)
        case "space":
            return " "
        case "run":
            return found[0]
        case _:
            return ""


def _decode_bytes(codes: bytes) -> str:
    """Decode UTF-8; a byte that is none is the character of its number, as in Latin-1."""
    text = codes.decode(errors="surrogateescape")
    return text if text.isprintable() else re.sub(r"[\udc80-\udcff]", lambda m: chr(ord(m[0]) - 0xDC00), text)


class _Piece(NamedTuple):
    """An escape of the text before a pass, and what is in its place after it."""

    start: int
    end: int
    made_start: int
    made_end: int


def _trace(text: str) -> Iterator[list[_Piece]]:
    """Undo the escapes again, and tell for each pass what it has replaced."""
    for _ in range(_PASSES):
        pieces, length, end = [], 0, 0
        pattern = _choose(text)
        for match in pattern.finditer(text):
            start = length + match.start() - end
            length, end = start + len(_undo(match)), match.end()
            pieces.append(_Piece(match.start(), end, start, length))
        if not pieces:
            return
        yield pieces
        text = pattern.sub(_undo, text)


def _find_origin(passes: list[list[_Piece]], start: int, end: int) -> Span:
    for pieces in reversed(passes):
        start, end = _step_back(pieces, start)[0], _step_back(pieces, end - 1)[1]
    return start, end


def _step_back(pieces: list[_Piece], index: int) -> Span:
    """Find where the character at `index` was before a pass: what it was made of begins and ends there."""
    number = bisect_right(pieces, index, key=lambda piece: piece.made_start) - 1
    # Pieces of which nothing was left are in the way: what is at their place comes after them.
    if number < 0:
        return index, index + 1
    piece = pieces[number]
    if index < piece.made_end:
        return piece.start, piece.end
    origin = piece.end + index - piece.made_end
    return origin, origin + 1
