"""`eq` and its kin. Go refuses to compare values of different kinds, and so do we; but a number is a number."""

from typing import Any

from ks_universal.values.expressions.data import Missing
from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.functions.math import compare
from ks_universal.values.expressions.functions.signature import Function, function, missing_value


def _equals(one: Any, *others: Any) -> bool:
    """Tell whether the first value equals any of the others; a missing one may be compared with nil."""
    if not others:
        raise ExpressionError("there is nothing to compare with, in 'eq'")
    return any(_is_same(one, other) for other in others)


def _differs(one: Any, other: Any) -> bool:
    return not _is_same(one, other)


def _is_same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return all(value is None or isinstance(value, Missing) for value in (one, other))
    for value in (one, other):
        if isinstance(value, Missing):
            raise missing_value(value)
        if isinstance(value, list | dict):
            raise ExpressionError("lists and maps are compared with 'deepEqual'")
    if _comparable_kind(one) is not _comparable_kind(other):
        raise ExpressionError("a text, a number and true or false are never equal", hint="make both texts: toString")
    return bool(one == other)


def _comparable_kind(value: Any) -> type:
    if isinstance(value, bool | str):
        return type(value)
    return float if isinstance(value, int | float) else type(value)


COMPARISONS: dict[str, Function] = {
    "eq": function(_equals, "any? any?*"),
    "ge": function(lambda one, other: compare(one, other) >= 0, "any any"),
    "gt": function(lambda one, other: compare(one, other) > 0, "any any"),
    "le": function(lambda one, other: compare(one, other) <= 0, "any any"),
    "lt": function(lambda one, other: compare(one, other) < 0, "any any"),
    "ne": function(_differs, "any? any?"),
}
