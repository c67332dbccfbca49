"""What an expression works on: Python's own values, and the few that need more.

Texts, bools, ints (64 bits), floats, lists, dicts and None are Go's; the tree of the values stays one until somebody
needs more of it than a field.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from ks_universal.values.nodes import Mapping, Node, Scalar, Sequence
from ks_universal.values.scalars import is_null, resolve

Value = Any


class WrittenInt(int):
    """A whole number of the values: prints as it is written."""

    text: str


class WrittenFloat(float):
    """A fraction of the values: prints as it is written (`1.10`)."""

    text: str


class FrozenDict(dict[str, Any]):
    """A map that belongs to the values: functions never change it (D58)."""


class Missing(NamedTuple):
    """What the values don't have: `name` as the expression writes it, and what is there instead."""

    name: str
    key: str
    known: Iterable[str] = ()


def read_field(ref: Value, key: str, name: str) -> Value:
    """Give one entry of a map, or Missing; None if the subject is no map. `name` is what the expression calls it."""
    if isinstance(ref, Missing):
        return ref
    if ref is None:
        return Missing(name, key)
    entries = ref.entries if isinstance(ref, Mapping) else ref
    if not isinstance(entries, dict):
        return None
    found = entries.get(key)
    is_there = found is not None and not (isinstance(found, Scalar) and is_null(found))
    return found if is_there else Missing(name, key, entries.keys())


def read_node(node: Node) -> Value:
    """Turn a node into plain values. Raises ValueError for a scalar that has none."""
    if isinstance(node, Scalar):
        return _read_scalar(node)
    if isinstance(node, Sequence):
        return [read_node(item) for item in node.items]
    return FrozenDict({key: read_node(child) for key, child in node.entries.items()})


def is_true(value: Value) -> bool:
    """Tell what `if` makes of a value: zero, empty and missing are false."""
    return not isinstance(value, Missing) and bool(value)


def kind_of(value: Value) -> str:
    """Name the kind of a value as Go does, where numbers of the values are float64."""
    if isinstance(value, WrittenInt | WrittenFloat | float):
        return "float64"
    names = {bool: "bool", int: "int", str: "string", type(None): "invalid", Missing: "invalid", list: "slice"}
    return names.get(type(value), "map" if isinstance(value, dict) else "struct")


def written(text: str, value: int | float | None = None) -> WrittenInt | WrittenFloat:
    """Make a number that prints as it is written; `value` is what the text means, where Python reads it otherwise."""
    if value is None:
        value = float(text)
        value = int(value) if value.is_integer() and abs(value) < 2**53 else value
    number: WrittenInt | WrittenFloat = WrittenInt(value) if isinstance(value, int) else WrittenFloat(value)
    number.text = text
    return number


def _read_scalar(scalar: Scalar) -> Value:
    value = resolve(scalar)
    return value if isinstance(value, bool) or not isinstance(value, int | float) else written(scalar.text, value)
