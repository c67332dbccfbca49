"""Functions on numbers: whole ones of 64 bits, and floats."""

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.functions.signature import Function, function
from ks_universal.values.expressions.numbers import wrap


def _divide(one: int, other: int) -> int:
    """Cut the fraction, towards zero."""
    if other == 0:
        raise ExpressionError("a division by zero")
    quotient = abs(one) // abs(other)
    return wrap(quotient if (one < 0) == (other < 0) else -quotient)


def _modulo(one: int, other: int) -> int:
    """The rest has the sign of the first number."""
    return one - other * _divide(one, other) if other else _divide(one, other)


def _round(number: float, places: int, *threshold: float) -> float:
    """Round half away from zero, or up from another threshold."""
    if abs(places) > 300:
        raise ExpressionError("more than 300 places are too many, in 'round'")
    factor = 10.0**places
    scaled = number * factor
    if abs(scaled) >= 2**53:
        return number
    whole = float(int(scaled))
    fraction = abs(scaled - whole)
    up = fraction >= (threshold[0] if threshold else 0.5)
    if number < 0 and threshold:
        up = fraction > 1 - threshold[0]
    return (whole + (1 if scaled > 0 else -1) * up) / factor


def _floor(number: float) -> float:
    return float(number // 1)


def _ceil(number: float) -> float:
    return float(-(-number // 1))


def _folded(operation: Callable[[int, int], int]) -> Callable[..., int]:
    return lambda first, *others: reduce(lambda one, other: wrap(operation(one, other)), others, first)


def _folded_floats(operation: Callable[[float, float], float]) -> Callable[..., float]:
    def fold(first: float, *others: float) -> float:
        try:
            return reduce(operation, others, first)
        except ArithmeticError as error:
            raise ExpressionError("a division by zero, or a number that is too large") from error

    return fold


MATH: dict[str, Function] = {
    "add": function(_folded(operator.add), "int int*"),
    "add1f": function(lambda number: number + 1, "float"),
    "add1": function(lambda number: wrap(number + 1), "int"),
    "addf": function(_folded_floats(operator.add), "float float*"),
    "atoi": function(lambda number: number, "int"),
    "biggest": function(lambda *numbers: max(numbers), "int int*"),
    "ceil": function(_ceil, "float"),
    "div": function(_divide, "int int"),
    "divf": function(_folded_floats(operator.truediv), "float float*"),
    "float64": function(lambda number: number, "float"),
    "floor": function(_floor, "float"),
    "int": function(lambda number: number, "int"),
    "int64": function(lambda number: number, "int"),
    "max": function(lambda *numbers: max(numbers), "int int*"),
    "maxf": function(lambda *numbers: max(numbers), "float float*"),
    "min": function(lambda *numbers: min(numbers), "int int*"),
    "minf": function(lambda *numbers: min(numbers), "float float*"),
    "mod": function(_modulo, "int int"),
    "mul": function(_folded(operator.mul), "int int*"),
    "mulf": function(_folded_floats(operator.mul), "float float*"),
    "round": function(_round, "float int float*"),
    "sub": function(lambda one, other: wrap(one - other), "int int"),
    "subf": function(_folded_floats(operator.sub), "float float*"),
}


def compare(one: Any, other: Any) -> int:
    """Order two values of one kind: below 0, 0 or above. Raises ExpressionError for others."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    if not numbers and not (isinstance(one, str) and isinstance(other, str)):
        raise ExpressionError("only two numbers, or two texts, are less or greater than each other")
    return int(one > other) - int(one < other)
