"""Numbers and other values as Go prints them."""

from typing import Any

from ks_universal.values.expressions.data import WrittenFloat, WrittenInt

_INT64 = 2**63
_INFINITY = float("inf")


def wrap(number: int) -> int:
    """Cut a whole number to 64 bits, as Go's arithmetic overflows."""
    return (number + _INT64) % (2 * _INT64) - _INT64


def format_float(value: float, *, plain_from: int = -4, plain_below: int = 6) -> str:
    """Write a float the shortest way (`%v`): `1.5`, `3`, `1e+06`; plain while its exponent is in the range given."""
    if value != value or abs(value) == _INFINITY:
        return "NaN" if value != value else f"{'+' if value > 0 else '-'}Inf"
    mantissa, _, exponent = f"{value!r}".partition("e")
    sign = "-" if mantissa[0] == "-" else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    scale = len(whole) - 1 + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0") or "0"
    if digits == "0":
        return sign + "0"
    return sign + (_plain(digits, scale) if plain_from <= scale < plain_below else _exponential(digits, scale))


def format_value(value: Any) -> str:
    """Write any value as `{{ value }}` prints it."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, WrittenInt | WrittenFloat):
        return value.text
    if isinstance(value, float):
        return format_float(value)
    if isinstance(value, list):
        return f"[{' '.join(map(format_value, value))}]"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{format_value(value[key])}' for key in sorted(value))}]"
    return str(value)


def _plain(digits: str, scale: int) -> str:
    if scale < 0:
        return "0." + "0" * (-scale - 1) + digits
    whole, fraction = digits[: scale + 1].ljust(scale + 1, "0"), digits[scale + 1 :]
    return f"{whole}.{fraction}" if fraction else whole


def _exponential(digits: str, scale: int) -> str:
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{mantissa}e{'-' if scale < 0 else '+'}{abs(scale):02d}"
