"""Functions on lists, and on what can be taken apart like one."""

from typing import Any

from ks_universal.values.expressions.data import Missing, is_true
from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.functions.signature import Function, function
from ks_universal.values.expressions.numbers import format_value

_MAX_ITEMS = 100_000


def _first(items: list[Any]) -> Any:
    return items[0] if items else Missing("the first item of an empty list", "")


def _last(items: list[Any]) -> Any:
    return items[-1] if items else Missing("the last item of an empty list", "")


def _uniq(items: list[Any]) -> list[Any]:
    unique: dict[Any, Any] = {}
    for item in items:
        unique.setdefault(_key(item), item)
    return list(unique.values())


def _without(items: list[Any], *unwanted: Any) -> list[Any]:
    keys = set(map(_key, unwanted))
    return [item for item in items if _key(item) not in keys]


def _key(value: Any) -> Any:
    """Give what is equal for equal values and can be looked up; Python takes True for 1, Go does not."""
    if isinstance(value, list):
        return "list", tuple(map(_key, value))
    if isinstance(value, dict):
        return "map", frozenset((name, _key(child)) for name, child in value.items())
    return isinstance(value, bool), value


def _has(wanted: Any, items: Any) -> bool:
    if not isinstance(items, list):
        raise ExpressionError("a list is needed here, in 'has'")
    return any(_is_bool_alike(wanted, item) and wanted == item for item in items)


def _is_bool_alike(one: Any, other: Any) -> bool:
    """Python takes True for 1; Go does not."""
    return isinstance(one, bool) == isinstance(other, bool)


def _sort_alpha(items: Any) -> list[str]:
    return sorted((format_value(item) for item in (items if isinstance(items, list) else [items])), key=str.encode)


def _concat(*lists: list[Any]) -> list[Any]:
    return [item for items in lists for item in items]


def _chunk(size: int, items: list[Any]) -> list[list[Any]]:
    if size < 1:
        raise ExpressionError("a size of at least 1 is needed here, in 'chunk'")
    return [items[start : start + size] for start in range(0, len(items), size)]


def _until(count: int) -> list[int]:
    return _until_step(0, count, 1 if count >= 0 else -1)


def _until_step(start: int, stop: int, step: int) -> list[int]:
    if step == 0:
        return []
    return _numbers(range(start, stop, step))


def _seq(*bounds: int) -> str:
    if not bounds or len(bounds) > 3:
        return ""
    start, stop = (1, bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[-1])
    step = bounds[1] if len(bounds) == 3 else (1 if stop >= start else -1)
    if step == 0:
        return ""
    return " ".join(map(str, _numbers(range(start, stop + (1 if step > 0 else -1), step))))


def _numbers(wanted: range) -> list[int]:
    if (wanted.stop - wanted.start) // wanted.step > _MAX_ITEMS:
        raise ExpressionError(f"more than {_MAX_ITEMS} numbers are too many")
    return list(wanted)


def _slice(items: list[Any], *bounds: int) -> list[Any]:
    start, end = (*bounds, *(0, len(items))[len(bounds) :])[:2]
    if not 0 <= start <= end <= len(items):
        raise ExpressionError(f"these places are not in the list, which has {len(items)} items, in 'slice'")
    return items[start:end]


LISTS: dict[str, Function] = {
    "append": function(lambda items, item: [*items, item], "list any"),
    "chunk": function(_chunk, "int list"),
    "compact": function(lambda items: [item for item in items if is_true(item)], "list"),
    "concat": function(_concat, "list*"),
    "first": function(_first, "list"),
    "has": function(_has, "any any", deep=True),
    "initial": function(lambda items: items[:-1], "list"),
    "last": function(_last, "list"),
    "list": function(lambda *items: list(items), "any*"),
    "prepend": function(lambda items, item: [item, *items], "list any"),
    "rest": function(lambda items: items[1:], "list"),
    "reverse": function(lambda items: items[::-1], "list"),
    "seq": function(_seq, "int*"),
    "slice": function(_slice, "list int*"),
    "sortAlpha": function(_sort_alpha, "any", weight=10),
    "tuple": function(lambda *items: list(items), "any*"),
    "uniq": function(_uniq, "list", weight=5, deep=True),
    "until": function(_until, "int"),
    "untilStep": function(_until_step, "int int int"),
    "without": function(_without, "list any*", weight=5, deep=True),
}
