"""Layers of values on top of each other, by Helm's rules for `-f`: maps deep, lists whole, null removes."""

from ks_universal.values.nodes import Mapping, Node
from ks_universal.values.scalars import is_null


def merge(base: Mapping, over: Mapping) -> Mapping:
    """Lay `over` on `base`; both stay as they are, and the result shares their unchanged parts.

    Keys keep the order of `base`, new ones follow. A null removes what `base` has; one that removes nothing stays, so
    that the model can say what is empty. A merged map keeps its place in `base`: that is where most of it is.
    """
    entries = dict(base.entries)
    for key, node in over.entries.items():
        below = entries.get(key)
        if below is None:
            entries[key] = node
        elif is_null(node):
            _remove(entries, key, below)
        elif isinstance(node, Mapping) and isinstance(below, Mapping):
            entries[key] = merge(below, node)
        else:
            entries[key] = node
    return Mapping(entries, base.at, base.key_at)


def _remove(entries: dict[str, Node], key: str, below: Node) -> None:
    if not is_null(below):
        del entries[key]
