"""What values make, asked in memory: the objects of an entry, before it is chosen, and of the whole, as the proof."""

import msgspec

from ks_universal.diagnostics import Problem, has_errors
from ks_universal.json_types import Json
from ks_universal.model.conversion.expressions import Release
from ks_universal.model.parse import parse_application
from ks_universal.resources.build import build_objects
from ks_universal.resources.objects import Rendered
from ks_universal.values.nodes import Mapping, Node, Scalar, Sequence, Written

_NOWHERE = Written("import")


class Made(msgspec.Struct, frozen=True):
    """What values make: None where they have errors."""

    rendered: Rendered | None
    problems: tuple[Problem, ...]

    def find(self, kind: str, name: str) -> Json | None:
        """Find an object."""
        bodies = () if self.rendered is None else self.rendered.bodies
        return next((b for b in bodies if (b["kind"], b["metadata"]["name"]) == (kind, name)), None)


def make(values: Json, release: str, namespace: str) -> Made:
    """Make the objects of values."""
    return make_tree(to_tree(values), release, namespace)


def make_tree(tree: Mapping, release: str, namespace: str) -> Made:
    """Make the objects of values that were read."""
    parsed = parse_application(tree, Release(release, namespace))
    if parsed.application is None or has_errors(parsed.problems):
        return Made(None, parsed.problems)
    return Made(build_objects(parsed.application, release, namespace), parsed.problems)


def to_tree(values: Json) -> Mapping:
    """Build the tree of values that are plain data; positions name the entry (`configs/settings`), and nothing else."""
    sections = {
        section: Mapping(
            {name: _to_node(item, Written(f"{section}/{name}")) for name, item in entries.items()}, _NOWHERE
        )
        if isinstance(entries, dict)
        else _to_node(entries, Written(section))
        for section, entries in values.items()
    }
    return Mapping(sections, _NOWHERE)


def _to_node(value: object, at: Written) -> Node:
    if isinstance(value, dict):
        return Mapping({key: _to_node(item, at) for key, item in value.items()}, at, at)
    if isinstance(value, list | tuple):
        return Sequence([_to_node(item, at) for item in value], at, at)
    if isinstance(value, str):
        return Scalar(value, plain=False, at=at, key_at=at)
    return Scalar(msgspec.json.encode(value).decode(), plain=True, at=at, key_at=at)
