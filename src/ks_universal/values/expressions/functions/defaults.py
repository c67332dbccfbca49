"""Functions that look whether a value is there, and of what kind it is."""

from typing import Any

from ks_universal.values.expressions.data import Missing, is_true, kind_of
from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.functions.signature import Function, function


def _default(fallback: Any, *given: Any) -> Any:
    return given[0] if given and is_true(given[0]) else fallback


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if is_true(value)), None)


def _ternary(yes: Any, no: Any, condition: Any) -> Any:
    if not isinstance(condition, bool | Missing):
        raise ExpressionError("true or false is needed here, in 'ternary'")
    return yes if condition is True else no


def _required(message: str, value: Any) -> Any:
    if value is None or value == "" or isinstance(value, Missing):
        raise ExpressionError(message, code="expressions/required")
    return value


def _fail(message: str) -> Any:
    raise ExpressionError(message, code="expressions/fail")


def _type_of(value: Any) -> str:
    kind = kind_of(value)
    return {"slice": "[]interface {}", "map": "map[string]interface {}", "invalid": "<nil>"}.get(kind, kind)


def _kind_is(kind: str, value: Any) -> bool:
    return kind_of(value) == kind


def _type_is(name: str, value: Any) -> bool:
    return _type_of(value) == name


def _deep_equal(one: Any, other: Any) -> bool:
    return bool(kind_of(one) == kind_of(other) and one == other)


DEFAULTS: dict[str, Function] = {
    "all": function(lambda *values: all(map(is_true, values)), "any?*"),
    "any": function(lambda *values: any(map(is_true, values)), "any?*"),
    "coalesce": function(_coalesce, "any?*"),
    "deepEqual": function(_deep_equal, "any any", deep=True),
    "default": function(_default, "any? any?*"),
    "empty": function(lambda value: not is_true(value), "any?"),
    "fail": function(_fail, "text"),
    "kindIs": function(_kind_is, "text any?"),
    "kindOf": function(kind_of, "any?"),
    "not": function(lambda value: not is_true(value), "any?"),
    "required": function(_required, "text any?"),
    "ternary": function(_ternary, "any? any? any?"),
    "typeIs": function(_type_is, "text any?"),
    "typeOf": function(_type_of, "any?"),
}
