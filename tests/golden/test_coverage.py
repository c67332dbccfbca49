"""The expected texts together touch every key of the format."""

from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from ks_universal.model.application import Application
from ks_universal.model.converters import keys_of
from ks_universal.model.forms import unify_forms
from ks_universal.model.types import Format, Inline
from ks_universal.model.workloads import Deployment, General
from ks_universal.values.load import load_values
from ks_universal.values.nodes import Mapping, Node, Sequence

CASES = Path(__file__).parent / "template"
Key = tuple[type, str]


def own_fields(struct: type[Format]) -> dict[str, Any]:
    """Give {key: annotation} of a struct, without the fields that collect Kubernetes' own."""
    fields = msgspec.structs.fields(struct)
    return {
        f.encode_name.rstrip("_"): f.type for f in fields if not any(isinstance(e, Inline) for e in get_args(f.type))
    }


def unwrap(annotation: Any) -> Any:
    """Take optional and annotated types off."""
    while get_origin(annotation) in (Union, UnionType, Annotated):
        annotation = next(a for a in get_args(annotation) if a is not type(None))
    return annotation


def structs_in(annotation: Any) -> Iterator[type[Format]]:
    """Find the structs that an annotation leads to directly."""
    kind = unwrap(annotation)
    if isinstance(kind, type) and issubclass(kind, Format):
        yield kind
    for inner in get_args(kind):
        if inner not in (Ellipsis, str, Any):
            yield from structs_in(inner)


def list_keys(struct: type[Format], seen: set[type]) -> Iterator[Key]:
    """List all keys that can be written from a struct down."""
    seen.add(struct)
    for key, annotation in own_fields(struct).items():
        yield struct, key
        for inner in structs_in(annotation):
            if inner not in seen:
                yield from list_keys(inner, seen)


def find_touched(annotation: Any, node: Node) -> Iterator[Key]:
    """Find the keys that a tree writes."""
    kind = unwrap(annotation)
    origin = get_origin(kind)
    if origin is dict and isinstance(node, Mapping):
        for child in node.entries.values():
            yield from find_touched(get_args(kind)[1], child)
    elif origin is tuple and isinstance(node, Sequence):
        for child in node.items:
            yield from find_touched(get_args(kind)[0], child)
    elif isinstance(kind, type) and issubclass(kind, Format) and isinstance(node, Mapping):
        fields = own_fields(kind)
        for key, child in node.entries.items():
            if key in fields:
                yield kind, key
                yield from find_touched(fields[key], child)


def test_every_key_is_touched() -> None:
    touched: set[Key] = set()
    for case in CASES.iterdir():
        tree = unify_forms(load_values([str(case / "values.yaml")]).tree)
        touched.update(find_touched(Application, tree))
        touched.update(find_touched(General, tree.entries.get("deploymentsGeneral", Mapping({}, tree.at))))
    # What the general settings and the entries share is one key of the format.
    written = {(Deployment if struct is General else struct, key) for struct, key in touched}
    missing = [
        f"{struct.__name__}.{key}" for struct, key in list_keys(Application, set()) if (struct, key) not in written
    ]
    assert missing == []


def test_each_key_of_the_general_settings_is_known_to_those_who_inherit_it() -> None:
    assert keys_of(General) - keys_of(Deployment) == {"parallelism", "completions", "probes", "lifecycle"}
