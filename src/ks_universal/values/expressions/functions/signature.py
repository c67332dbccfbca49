"""What a function of expressions takes; arguments are checked and converted before it is called."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ks_universal.suggestions import suggest
from ks_universal.values.expressions.data import Missing, WrittenFloat, WrittenInt, kind_of
from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.numbers import format_value, wrap

_LARGEST = 2**63
MAX_LENGTH = 1_000_000
"""Characters of a text."""


class Function(NamedTuple):
    """A function by its arguments' kinds: `takes` from the left, `rest` any number more, all converted.

    Kinds are `text`, `int`, `float`, `bool`, `list`, `dict` and `any`; with `?` the value may be missing. What is
    `timed` takes the time of patterns before its arguments, `clocked` that of the run. `weight` is what it takes for
    each character and entry of its arguments and its result, beside what others take; `deep` goes through all that is
    in its arguments.
    """

    call: Callable[..., Any]
    takes: tuple[str, ...]
    rest: str | None
    timed: bool = False
    clocked: bool = False
    weight: int = 1
    deep: bool = False


def function(call: Callable[..., Any], kinds: str = "", *, weight: int = 1, deep: bool = False) -> Function:
    """Describe a function: `function(str.upper, "text")`, `function(join, "text any*")`."""
    takes = kinds.split()
    rest = takes.pop()[:-1] if kinds.endswith("*") else None
    return Function(call, tuple(takes), rest, weight=weight, deep=deep)


def timed(call: Callable[..., Any], kinds: str) -> Function:
    """Describe a function of patterns."""
    return function(call, kinds)._replace(timed=True)


def clocked(call: Callable[..., Any], kinds: str = "") -> Function:
    """Describe a function that depends on when it is called."""
    return function(call, kinds)._replace(clocked=True)


def bounded(length: int) -> int:
    """Give a text's length, or a count of characters. Raises ExpressionError for those that no text may have."""
    if not 0 <= length <= MAX_LENGTH:
        raise ExpressionError(f"a length between 0 and {MAX_LENGTH:,} is needed here")
    return length


def convert_arguments(name: str, signature: Function, values: Sequence[Any]) -> list[Any]:
    """Check the number of arguments, and give them as the function takes them. Raises ExpressionError."""
    takes, rest = signature.takes, signature.rest
    if len(values) < len(takes) or (rest is None and len(values) > len(takes)):
        least = "at least " if rest is not None else ""
        raise ExpressionError(f"'{name}' takes {least}{len(takes)} arguments, not {len(values)}")
    kinds = [*takes, *[rest or ""] * (len(values) - len(takes))]
    return [_convert(name, kind, value) for kind, value in zip(kinds, values, strict=True)]


def missing_value(missing: Missing) -> ExpressionError:
    """Say that a value is missing, with the name that was probably meant."""
    hint = suggest(missing.key, missing.known) or "write it into the values, or give a default: | default ..."
    return ExpressionError(f"{missing.name} has no value", hint=hint, code="expressions/missing-value")


def to_int(value: Any) -> int:
    """Read a whole number, as `int64` does: fractions are cut. Raises ExpressionError."""
    if isinstance(value, str):
        value = _read_number(value)
    if isinstance(value, float):
        if not -_LARGEST <= value < _LARGEST:
            raise ExpressionError("this number does not fit into 64 bits")
        return int(value)
    if isinstance(value, int):
        return wrap(int(value))
    raise ExpressionError(f"a number is needed here, not {_describe(value)}")


def to_float(value: Any) -> float:
    """Read a number. Raises ExpressionError."""
    if isinstance(value, str):
        value = _read_number(value)
    if isinstance(value, int | float):
        return float(value)
    raise ExpressionError(f"a number is needed here, not {_describe(value)}")


def _convert(name: str, kind: str, value: Any) -> Any:
    if isinstance(value, Missing):
        if kind[-1] == "?":
            return value
        raise missing_value(value)
    try:
        return _CONVERTERS[kind.rstrip("?")](value)
    except ExpressionError as error:
        raise ExpressionError(f"{error.message}, in '{name}'", hint=error.hint, code=error.code) from error


def _to_text(value: Any) -> str:
    if isinstance(value, list | dict) or value is None:
        raise ExpressionError(f"a text is needed here, not {_describe(value)}")
    return format_value(value)


def _to_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ExpressionError(f"true or false is needed here, not {_describe(value)}")
    return value


def _to_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ExpressionError(f"a list is needed here, not {_describe(value)}")
    return value


def _to_dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ExpressionError(f"a map is needed here, not {_describe(value)}")
    return value


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "any": lambda value: value,
    "text": _to_text,
    "int": to_int,
    "float": to_float,
    "bool": _to_bool,
    "list": _to_list,
    "dict": _to_dict,
}


def _read_number(text: str) -> int | float:
    from ks_universal.values.nodes import Scalar, Written
    from ks_universal.values.scalars import resolve

    try:
        value = resolve(Scalar(text, plain=True, at=Written("")))
    except ValueError:
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionError("a number is needed here, and this text is none")
    return value


def _describe(value: Any) -> str:
    kinds = {"string": "a text", "slice": "a list", "map": "a map", "bool": "true or false", "invalid": "nothing"}
    is_number = isinstance(value, WrittenInt | WrittenFloat | int | float) and not isinstance(value, bool)
    return "a number" if is_number else kinds.get(kind_of(value), "this")
