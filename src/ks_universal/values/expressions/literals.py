"""What literals of Go mean: quoted texts, characters, numbers."""

import re
from typing import Any

from ks_universal.values.expressions.errors import ExpressionError

_ESCAPE = re.compile(r"\\([abfnrtv\\'\"]|[0-7]{3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.?)", re.DOTALL)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", "'": "'", '"': '"'}
_BASES = {"0x": 16, "0o": 8, "0b": 2}


def read_text(token: str) -> str:
    """Read `"..."` or a raw text in back quotes."""
    if token[0] == "`":
        return token[1:-1].replace("\r", "")
    return _ESCAPE.sub(_unescape, token[1:-1])


def read_char(token: str) -> int:
    """Read `'x'`, which is a number: the character's code point."""
    return ord(_ESCAPE.sub(_unescape, token[1:-1]))


def read_number(token: str) -> Any:
    """Read a number: an int of 64 bits, or a float."""
    digits = token.replace("_", "").lstrip("+-")
    sign = -1 if token[0] == "-" else 1
    try:
        number = sign * _read_unsigned(digits)
    except (ValueError, OverflowError) as error:
        raise ExpressionError("this is no number", code="expressions/syntax") from error
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        raise ExpressionError("this number does not fit into 64 bits", code="expressions/syntax")
    return number


def _read_unsigned(digits: str) -> int | float:
    base = _BASES.get(digits[:2].lower())
    if base is not None:
        return int(digits[2:], base)
    if digits.isdigit():
        return int(digits, 8 if digits[0] == "0" and len(digits) > 1 else 10) if len(digits) <= 64 else 2**64
    return float(digits)


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if code in _SIMPLE:
        return _SIMPLE[code]
    try:
        return _character(code)
    except ValueError as error:
        raise ExpressionError(f"'\\{code[:1]}' is no escape in a quoted text", code="expressions/syntax") from error


def _character(code: str) -> str:
    number = int(code, 8) if code[:1].isdigit() else int(code[1:], 16)
    character = chr(number)
    character.encode()
    return character
