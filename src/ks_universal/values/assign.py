"""Putting one value at one path, as `--set` does: maps and lists on the way are made where they are missing."""

from ks_universal.diagnostics import Problem
from ks_universal.values.merge import merge
from ks_universal.values.nodes import Mapping, Node, Path, Scalar, Sequence, format_path, position
from ks_universal.values.overrides import Assignment
from ks_universal.values.scalars import is_null


class _ClashError(Exception):
    """Something that is neither absent nor null nor of the kind that the path needs is in its way."""

    def __init__(self, obstacle: Node, rest: Path) -> None:
        super().__init__(rest)
        self.obstacle = obstacle
        self.rest = rest


def assign(tree: Mapping, assignment: Assignment) -> tuple[Mapping, list[Problem]]:
    """Give the tree with the assignment done; `tree` stays as it is, and unchanged parts are shared.

    As in Helm, other elements of a list stay, gaps become null, and null removes a key.
    """
    if not assignment.path and isinstance(assignment.value, Mapping):
        return merge(tree, assignment.value), []
    try:
        changed = _put(tree, assignment.path, assignment)
    except _ClashError as clash:
        return tree, [_describe(clash, assignment)]
    return (changed, []) if isinstance(changed, Mapping) else (tree, [])


def _put(node: Node | None, path: Path, assignment: Assignment) -> Node:
    if not path:
        return assignment.value
    if node is not None and is_null(node):
        node = None
    if isinstance(path[0], int):
        return _put_item(node, path[0], path, assignment)
    return _put_entry(node, path[0], path, assignment)


def _put_entry(node: Node | None, key: str, path: Path, assignment: Assignment) -> Mapping:
    if node is None:
        node = Mapping({}, assignment.at, assignment.at)
    if not isinstance(node, Mapping):
        raise _ClashError(node, path)
    entries = dict(node.entries)
    below = entries.get(key)
    if len(path) == 1 and below is not None and not is_null(below) and is_null(assignment.value):
        del entries[key]
    else:
        entries[key] = _put(below, path[1:], assignment)
    return Mapping(entries, node.at, node.key_at)


def _put_item(node: Node | None, index: int, path: Path, assignment: Assignment) -> Sequence:
    if node is None:
        node = Sequence([], assignment.at, assignment.at)
    if not isinstance(node, Sequence):
        raise _ClashError(node, path)
    items = list(node.items)
    items += [Scalar("null", plain=True, at=assignment.at)] * (index + 1 - len(items))
    below: Node | None = items[index]
    if len(path) > 1 and isinstance(path[1], str) and not isinstance(below, Mapping):
        below = None  # Helm, too, replaces an element that is no map by a map.
    items[index] = _put(below, path[1:], assignment)
    return Sequence(items, node.at, node.key_at)


def _describe(clash: _ClashError, assignment: Assignment) -> Problem:
    way = format_path(assignment.path[: len(assignment.path) - len(clash.rest)])
    needed = "a list" if isinstance(clash.rest[0], int) else "a map"
    found = "a list" if isinstance(clash.obstacle, Sequence) else "a map"
    if isinstance(clash.obstacle, Scalar):
        found = "a single value"
    message = f"{way} is {found}, not {needed}: {format_path(assignment.path)} cannot be set"
    return Problem("values/set", message, position(assignment.at), f"it was written at {position(clash.obstacle.at)}")
