"""What the characters of a scalar mean, as Kubernetes' own tools read YAML (sigs.k8s.io/yaml: go-yaml 2, then JSON).

That is YAML 1.1 with differences: no sexagesimal numbers, dates stay text, `0o17` is octal. Where the format wants
text, nobody asks here: the characters count (`Scalar.text`).
"""

import re
from functools import lru_cache
from math import isinf

from ks_universal.values.nodes import Node, Scalar

Value = None | bool | int | float | str

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_WORDS: dict[str, Value] = {
    **dict.fromkeys(_NULLS, None),
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
}
_INFINITE = (".inf", ".Inf", ".INF")
_NOT_FINITE = frozenset((*(sign + word for sign in ("", "-", "+") for word in _INFINITE), ".nan", ".NaN", ".NAN"))
# Go's strconv.ParseInt with base 0, after go-yaml has taken all underscores out.
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SEPARATOR = r"(?<=[0-9])_(?=[0-9])"
_INT64_MIN, _UINT64_MAX = -(2**63), 2**64 - 1
# From here on JSON writes a float with an exponent, so that it no longer reads as an integer.
_LARGEST_WHOLE = 1e21


def resolve(scalar: Scalar) -> Value:
    """Give the value that Kubernetes sees: None, a bool, an int (exact within 64 bits), a finite float, or text.

    A float without fraction is an int, as in JSON (`1e3` is 1000).

    Raises:
        ValueError: The scalar has no value that JSON can hold (`.inf`, `.nan`), or does not fit its explicit tag
            (`!!int x`). The message is a clause for people that does not repeat the scalar.
    """
    if scalar.tag is None:
        return _resolve_plain(scalar.text) if scalar.plain else scalar.text
    return _resolve_tagged(scalar.tag, scalar.text)


def is_null(node: Node) -> bool:
    """Tell whether a node is null: nothing written, `~`, `null`, or tagged so."""
    if not isinstance(node, Scalar) or node.text not in _NULLS:
        return False
    return node.plain if node.tag is None else node.tag == "!!null"


def is_too_large(scalar: Scalar) -> bool:
    """Tell whether a number is written here, in quotes or not, that no integer and perhaps no float can hold."""
    return _FLOAT.fullmatch(scalar.text) is not None and abs(float(scalar.text)) >= _LARGEST_WHOLE


@lru_cache(maxsize=1 << 16)
def _resolve_plain(text: str) -> Value:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if text in _NOT_FINITE:
        raise ValueError("is not a finite number, and Kubernetes takes no others")
    # go-yaml takes all underscores out, except from what starts with a point: there Go allows them between digits.
    number = _read_number(re.sub(_SEPARATOR, "", text) if text[0] == "." else text.replace("_", ""))
    return text if number is None else number


def _read_number(text: str) -> int | float | None:
    integer = _read_integer(text)
    if integer is not None:
        return integer
    if not _FLOAT.fullmatch(text):
        return None
    value = float(text)
    if isinf(value):
        return None
    return int(value) if value.is_integer() and abs(value) < _LARGEST_WHOLE else value


def _read_integer(text: str) -> int | None:
    found = _INTEGER.fullmatch(text)
    if found is None:
        return None
    sign, *digits = found.groups()
    written, base = next((d.lstrip("0"), base) for d, base in zip(digits, (16, 2, 8, 10), strict=True) if d is not None)
    if len(written) > 64:  # no base fits more digits into 64 bits, and Python refuses thousands of them
        return None
    value = int(written or "0", base)
    if sign == "-":
        value = -value
    # Go reads what exceeds int64 as uint64, which takes no sign.
    largest = _UINT64_MAX if sign == "" else 2**63 - 1
    return value if _INT64_MIN <= value <= largest else None


def _resolve_tagged(tag: str, text: str) -> Value:
    if tag == "!!binary":
        return _decode_binary(text)
    kinds = _TAGS.get(tag)
    if kinds is None:
        return text
    value = _resolve_plain(text)
    if type(value) not in kinds:
        raise ValueError(f"does not read as {tag}")
    return value


# Every other tag, !!str and !!timestamp among them, leaves text as it is.
_TAGS: dict[str, tuple[type, ...]] = {
    "!!null": (type(None),),
    "!!bool": (bool,),
    "!!int": (int,),
    "!!float": (int, float),
}


def _decode_binary(text: str) -> str:
    import base64

    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except ValueError as error:
        raise ValueError("is not text in base64, as !!binary says") from error
