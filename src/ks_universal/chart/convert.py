"""Values of a Helm release to ours: takes them out of a parent chart, repairs numbers, drops what nothing reads."""

import re
from collections.abc import Iterator

import msgspec

from ks_universal.chart.differences import Difference, find_differences
from ks_universal.diagnostics import Problem, Severity, sort_problems
from ks_universal.model.conversion.expressions import Release, expand_expressions
from ks_universal.model.conversion.normalize import normalize
from ks_universal.model.reference.description import ROOT, FormatMap, Kind, KubernetesMap, ListOf, MapOf, list_keys
from ks_universal.suggestions import nearest
from ks_universal.values.nodes import Mapping, Node, Path, Scalar, Sequence, format_path, locate

CHART = "ks-universal"
_GO_FLOAT = re.compile(r"(-?)(\d)(?:\.(\d+))?e\+(\d+)", re.ASCII)


class Converted(msgspec.Struct, frozen=True):
    """The values as this program takes them, and a warning for each key that is another or means something else.

    The warnings are sorted by place.
    """

    tree: Mapping
    notes: tuple[Problem, ...]


def convert_values(tree: Mapping) -> Converted:
    """Convert the values of a release of the chart, or of one that has it as a dependency."""
    notes: list[Problem] = []
    own = _unwrap(tree, notes)
    repaired = _repair_numbers(own, (), notes)
    whole = repaired if isinstance(repaired, Mapping) else own
    kept = _drop_unread(whole, notes)
    sections = {key: node for key, node in kept.entries.items() if key in list_keys(ROOT)}
    differences = find_differences(Mapping(sections, kept.at, kept.key_at))
    notes += [_note("convert/differs", difference, kept) for difference in differences]
    return Converted(kept, sort_problems(notes))


def _unwrap(tree: Mapping, notes: list[Problem]) -> Mapping:
    inner = tree.entries.get(CHART)
    if not isinstance(inner, Mapping):
        return tree
    shared = {"global": tree.entries["global"]} if "global" in tree.entries else {}
    clause = "holds the values of the chart: its keys are the whole now; what else the parent chart has is left out"
    notes.append(_note("convert/unwrapped", Difference((CHART,), clause), tree))
    return Mapping({**shared, **inner.entries}, tree.at, tree.key_at)


def _repair_numbers(node: Node, path: Path, notes: list[Problem]) -> Node:
    """Write whole numbers as such that Helm prints as floats (D12)."""
    if isinstance(node, Mapping):
        entries = {key: _repair_numbers(child, (*path, key), notes) for key, child in node.entries.items()}
        return Mapping(entries, node.at, node.key_at)
    if isinstance(node, Sequence):
        items = [_repair_numbers(item, (*path, index), notes) for index, item in enumerate(node.items)]
        return Sequence(items, node.at, node.key_at)
    found = _GO_FLOAT.fullmatch(node.text) if node.plain else None
    if found is None or len(found[3] or "") > int(found[4]) or int(found[4]) > 15:
        return node
    text = found[1] + found[2] + (found[3] or "").ljust(int(found[4]), "0")
    number = Scalar(text, plain=True, at=node.at, key_at=node.key_at)
    notes.append(
        _note(
            "convert/number",
            Difference(path, "is a whole number in digits again; Helm prints it as a float"),
            number,
            root=False,
        )
    )
    return number


def _drop_unread(tree: Mapping, notes: list[Problem]) -> Mapping:
    """Drop the keys that neither the chart nor this program reads; those that expressions name are kept."""
    named = expand_expressions(tree, Release()).keys
    dropped: set[int] = set()
    for path, node, near in _find_unread(normalize(tree), ROOT, ()):
        if len(path) == 1 and path[0] in named:
            continue
        dropped.add(id(node))
        clause = "is left out: the chart ignored it, and here it is no key"
        notes.append(_note("convert/dropped", Difference(path, clause), node, root=False, hint=near))
    kept = _without(tree, dropped)
    return kept if isinstance(kept, Mapping) else tree


def _find_unread(node: Node, kind: Kind, path: Path) -> Iterator[tuple[Path, Node, str | None]]:
    """Find unknown keys with their paths and the key that may be meant; nothing inside them."""
    if isinstance(kind, ListOf) and isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield from _find_unread(item, kind.item, (*path, index))
    elif isinstance(kind, MapOf) and isinstance(node, Mapping):
        for name, child in node.entries.items():
            yield from _find_unread(child, kind.value, (*path, name))
    elif isinstance(kind, FormatMap | KubernetesMap) and isinstance(node, Mapping):
        keys = list_keys(kind)
        for name, child in node.entries.items():
            if name in keys:
                yield from _find_unread(child, keys[name].kind, (*path, name))
            else:
                near = nearest(name, keys)
                yield (*path, name), child, near and f"write '{near}' if that is meant"


def _without(node: Node, dropped: set[int]) -> Node:
    if isinstance(node, Mapping):
        kept = {key: _without(child, dropped) for key, child in node.entries.items() if id(child) not in dropped}
        return Mapping(kept, node.at, node.key_at)
    if isinstance(node, Sequence):
        return Sequence([_without(item, dropped) for item in node.items], node.at, node.key_at)
    return node


def _note(code: str, difference: Difference, node: Node, *, root: bool = True, hint: str | None = None) -> Problem:
    """Make a finding; `node` is the tree that the path is of, or (`root` false) what is at the path."""
    path = difference.path if root else ()
    where = locate(node, path, key=True)
    return Problem(code, f"{format_path(difference.path)} {difference.clause}", where, hint, Severity.WARNING)
