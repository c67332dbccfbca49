"""Walks values by patterns such as `deployments.*.containers.*.env.[]`: any name, any item of a list."""

from collections.abc import Iterator

from ks_universal.values.nodes import Mapping, Node, Path, Scalar, Sequence


def match(tree: Node, pattern: str) -> Iterator[tuple[Path, Node]]:
    """Find what is at the places of a pattern, with their paths, in the order written; the empty one is the tree."""
    found: list[tuple[Path, Node]] = [((), tree)]
    for part in pattern.split(".") if pattern else ():
        found = [((*path, key), child) for path, node in found for key, child in _children(node, part)]
    yield from found


def match_maps(tree: Node, pattern: str) -> Iterator[tuple[Path, Mapping]]:
    """Find the maps at the places of a pattern."""
    return ((path, node) for path, node in match(tree, pattern) if isinstance(node, Mapping))


def is_true(node: Node | None) -> bool:
    """Tell whether the chart takes a value for true: anything but absent, null, false, 0 and what is empty."""
    return node is not None and not is_empty(node)


def is_empty(node: Node) -> bool:
    """Tell whether a value is null, false, 0, or an empty text, list or map (Go's `empty`)."""
    if isinstance(node, Scalar):
        return not node.text or (node.plain and node.text.lower() in ("~", "null", "false", "0"))
    return not (node.entries if isinstance(node, Mapping) else node.items)


def _children(node: Node, part: str) -> list[tuple[str | int, Node]]:
    if isinstance(node, Sequence):
        return list(enumerate(node.items)) if part == "[]" else []
    if not isinstance(node, Mapping):
        return []
    return list(node.entries.items()) if part == "*" else [(part, node.entries[part])] if part in node.entries else []
