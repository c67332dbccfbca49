"""Functions on maps. None of them changes a map of the values (D58); `set` and `unset` change those made here."""

from typing import Any

from ks_universal.values.expressions.data import FrozenDict, Missing
from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.functions.signature import Function, function
from ks_universal.values.expressions.numbers import format_value


def _dict(*pairs: Any) -> dict[str, Any]:
    keys = [format_value(key) for key in pairs[::2]]
    return dict(zip(keys, [*pairs[1::2], *[""] * (len(pairs) % 2)], strict=True))


def _get(entries: Any, key: str) -> Any:
    if isinstance(entries, Missing):
        return entries
    found = entries.get(key)
    return Missing(f"the key '{key}'", key, entries.keys()) if found is None else found


def _has_key(entries: Any, key: str) -> bool:
    if isinstance(entries, Missing):
        return False
    if not isinstance(entries, dict):
        raise ExpressionError("a map is needed here, in 'hasKey'")
    return key in entries


def _set(entries: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    _refuse_frozen(entries, "set")
    entries[key] = value
    return entries


def _unset(entries: dict[str, Any], key: str) -> dict[str, Any]:
    _refuse_frozen(entries, "unset")
    entries.pop(key, None)
    return entries


def _refuse_frozen(entries: dict[str, Any], name: str) -> None:
    if isinstance(entries, FrozenDict):
        raise ExpressionError(f"'{name}' changes its map, and values never change", hint="copy it first: deepCopy")


def _keys(*maps: dict[str, Any]) -> list[str]:
    """Sorted: Go gives them in any order."""
    return [key for entries in maps for key in sorted(entries)]


def _values(entries: dict[str, Any]) -> list[Any]:
    return [entries[key] for key in sorted(entries)]


def _pluck(key: str, *maps: dict[str, Any]) -> list[Any]:
    return [entries[key] for entries in maps if key in entries]


def _pick(entries: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: entries[key] for key in keys if key in entries}


def _omit(entries: dict[str, Any], *keys: str) -> dict[str, Any]:
    unwanted = frozenset(keys)
    return {key: value for key, value in entries.items() if key not in unwanted}


def _merge(first: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    return _merge_into(first, others, overwrite=False)


def _merge_overwrite(first: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    return _merge_into(first, others, overwrite=True)


def _merge_into(first: dict[str, Any], others: tuple[dict[str, Any], ...], *, overwrite: bool) -> dict[str, Any]:
    target = _thawed(first) if isinstance(first, FrozenDict) else first
    for other in others:
        _lay_over(target, other, overwrite=overwrite)
    return target


def _lay_over(target: dict[str, Any], other: dict[str, Any], *, overwrite: bool) -> None:
    """Take what `target` lacks (for mergo, what is empty), or with `overwrite` whatever is not empty."""
    for key, value in other.items():
        own = target.get(key)
        if isinstance(own, dict) and isinstance(value, dict):
            target[key] = dict(own)
            _lay_over(target[key], value, overwrite=overwrite)
        elif not own or (overwrite and value):
            target[key] = value


def _dig(*arguments: Any) -> Any:
    if len(arguments) < 3:
        raise ExpressionError("'dig' takes keys, a default and a map")
    *keys, fallback, found = arguments
    if isinstance(fallback, Missing):
        fallback = Missing(*fallback)
    for key in keys:
        if not isinstance(key, str):
            raise ExpressionError("'dig' takes keys that are texts")
        if not isinstance(found, dict) or found.get(key) is None:
            return fallback
        found = found[key]
    return found


def _index(ref: Any, *places: Any) -> Any:
    for place in places:
        if isinstance(ref, Missing):
            return ref
        ref = _index_once(ref, place)
    return ref


def _index_once(ref: Any, place: Any) -> Any:
    if isinstance(ref, dict):
        return _get(ref, format_value(place))
    if not isinstance(ref, list | str):
        raise ExpressionError("only a list, a map or a text has an index, in 'index'")
    if isinstance(place, bool) or not isinstance(place, int):
        raise ExpressionError("the index of a list is a number, in 'index'")
    items = ref.encode() if isinstance(ref, str) else ref
    if not 0 <= place < len(items):
        raise ExpressionError(f"there is no item {int(place)}: the list has {len(items)}, in 'index'")
    return items[place]


def _thawed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _thawed(child) for key, child in value.items()}
    return [_thawed(item) for item in value] if isinstance(value, list) else value


DICTS: dict[str, Function] = {
    "deepCopy": function(_thawed, "any", weight=5),
    "dict": function(_dict, "any*"),
    "dig": function(_dig, "any?*"),
    "get": function(_get, "dict? text"),
    "hasKey": function(_has_key, "any? text"),
    "index": function(_index, "any? any*"),
    "keys": function(_keys, "dict*"),
    "merge": function(_merge, "dict dict*", weight=5, deep=True),
    "mergeOverwrite": function(_merge_overwrite, "dict dict*", weight=5, deep=True),
    "omit": function(_omit, "dict text*"),
    "pick": function(_pick, "dict text*"),
    "pluck": function(_pluck, "text dict*"),
    "set": function(_set, "dict text any"),
    "unset": function(_unset, "dict text"),
    "values": function(_values, "dict"),
}
