"""The expected texts together show what every key of the format does."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path as Directory
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from ks_universal.diagnostics import has_errors
from ks_universal.model.conversion.normalize import normalize
from ks_universal.model.conversion.structs import keys_of
from ks_universal.model.format.application import Application
from ks_universal.model.format.claims import Claim, ClaimTemplate
from ks_universal.model.format.types import Format, Inline
from ks_universal.model.format.workloads import DaemonSet, Deployment, General, StatefulSet
from ks_universal.model.parse import parse_application
from ks_universal.resources.build import build_objects
from ks_universal.values.load import load_values
from ks_universal.values.nodes import Mapping, Node, Path, Scalar, Sequence, find

CASES = Directory(__file__).parent / "template"
GENERAL = "deploymentsGeneral"
Key = tuple[type, str]
LOCAL = (
    "Local.build Local.env Local.images Local.mounts Local.ports Local.postgres LocalBuild.args "
    "LocalBuild.context LocalBuild.dockerfile LocalBuild.target LocalImage.command LocalImage.directory "
    "LocalImage.env LocalImage.watch LocalMount.readOnly LocalMount.source LocalMount.target LocalPostgres.database "
    "LocalPostgres.host LocalPostgres.password LocalPostgres.port LocalPostgres.user "
    "LocalPostgres.version"
)
WITHOUT_OBJECTS = {
    "Application.fullnameOverride",
    "Application.global",
    "Application.local",
    "Config.external",
    "Config.keys",
    "Job.wait",
    "Job.when",
    "Migrations.policy",
    "Migrations.retry",
    "RehearsalPolicy.failOn",
    "RehearsalPolicy.requireRehearsal",
    "Step.retry",
    *LOCAL.split(),
}
"""What is taken and makes nothing: the chart's dead key, what expressions read, what others make, what lets a run
migrate and how it retries, what `up` needs."""
FIXED_WORDS = {"Claim.accessModes", "EnvFrom.type"}
"""They have to be there and take few texts: neither leaving them out nor lengthening them says anything."""


SHARED: tuple[tuple[set[type[Format]], type[Format]], ...] = (
    ({General, StatefulSet, DaemonSet}, Deployment),
    ({ClaimTemplate}, Claim),
)


def own_fields(struct: type[Format]) -> dict[str, Any]:
    """Give {key: annotation} of a struct, without the fields that collect Kubernetes' own."""
    fields = msgspec.structs.fields(struct)
    return {
        f.encode_name.rstrip("_"): f.type for f in fields if not any(isinstance(e, Inline) for e in get_args(f.type))
    }


def shared(struct: type[Format], key: str) -> Key:
    """Name a key: what all kinds of workloads have is one key, and so is what claims have wherever they are."""
    known = next((known for kinds, known in SHARED if struct in kinds and key in own_fields(known)), struct)
    return known, key


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
        yield shared(struct, key)
        for inner in structs_in(annotation):
            if inner not in seen:
                yield from list_keys(inner, seen)


def find_touched(annotation: Any, node: Node, path: Path = ()) -> Iterator[tuple[Key, Path]]:
    """Find the keys that a tree writes, each with where it does."""
    kind = unwrap(annotation)
    origin = get_origin(kind)
    if origin is dict and isinstance(node, Mapping):
        for name, child in node.entries.items():
            yield from find_touched(get_args(kind)[1], child, (*path, name))
    elif origin is tuple and isinstance(node, Sequence):
        for index, child in enumerate(node.items):
            yield from find_touched(get_args(kind)[0], child, (*path, index))
    elif isinstance(kind, type) and issubclass(kind, Format) and isinstance(node, Mapping):
        fields = own_fields(kind)
        for key, child in node.entries.items():
            if key in fields:
                yield shared(kind, key), (*path, key)
                yield from find_touched(fields[key], child, (*path, key))


def read_tree(case: Directory) -> Mapping:
    return normalize(load_values([str(case / "values.yaml")]).tree)


def find_all_touched(tree: Mapping) -> Iterator[tuple[Key, Path]]:
    """Find the keys of sections and of the general settings: what these share with the entries is one key."""
    yield from find_touched(Application, tree)
    yield from find_touched(General, tree.entries.get(GENERAL, Mapping({}, tree.at)), (GENERAL,))


def replace(node: Node, path: Path, change: Callable[[Node], Node | None]) -> Node | None:
    """Give the tree with the node at a path changed, or taken out."""
    if not path:
        return change(node)
    name, rest = path[0], path[1:]
    if isinstance(node, Mapping):
        changed = {k: replace(v, rest, change) if k == name else v for k, v in node.entries.items()}
        return Mapping({k: v for k, v in changed.items() if v is not None}, node.at, node.key_at)
    assert isinstance(node, Sequence)
    items = [replace(item, rest, change) if index == name else item for index, item in enumerate(node.items)]
    return Sequence([item for item in items if item is not None], node.at, node.key_at)


def find_scalars(node: Node, path: Path) -> Iterator[Path]:
    """Find the scalars at and below a node."""
    if isinstance(node, Scalar):
        yield path
    entries = node.entries.items() if isinstance(node, Mapping) else enumerate(getattr(node, "items", ()))
    for name, child in entries:
        yield from find_scalars(child, (*path, name))


def lengthen(node: Node, before: str, after: str) -> Node:
    assert isinstance(node, Scalar)
    return Scalar(f"{before}{node.text}{after}", node.plain, node.at, node.key_at, node.tag)


def build(tree: Node | None) -> bytes | None:
    """Build all objects, those that undo migrations too; None where the values have errors."""
    assert isinstance(tree, Mapping)
    parsed = parse_application(tree)
    if parsed.application is None or has_errors(parsed.problems):
        return None
    return msgspec.json.encode(build_objects(parsed.application, "demo", "shop"))


def has_effect(tree: Mapping, path: Path, built: bytes) -> bool:
    """Tell whether the objects are others without a key; of one that cannot be missing, with another text in it."""
    without = build(replace(tree, path, lambda _: None))
    if without is not None:
        return without != built
    node = find(tree, path)
    assert node is not None
    longer = [partial(lengthen, before=before, after=after) for before, after in (("", "1"), ("1", ""))]
    others = (build(replace(tree, scalar, change)) for scalar in find_scalars(node, path) for change in longer)
    return any(other not in (None, built) for other in others)


def test_every_key_is_written_where_it_changes_what_is_expected() -> None:
    shown: set[Key] = set()
    for case in sorted(CASES.iterdir()):
        tree = read_tree(case)
        built = build(tree)
        assert built is not None
        touched = ((key, path) for key, path in find_all_touched(tree) if key not in shown)
        shown.update(key for key, path in touched if has_effect(tree, path, built))
    names = {f"{struct.__name__}.{key}" for struct, key in list_keys(Application, set()) if (struct, key) not in shown}
    assert names == WITHOUT_OBJECTS | FIXED_WORDS


def test_each_key_of_the_general_settings_is_known_to_those_who_inherit_it() -> None:
    assert keys_of(General) - keys_of(Deployment) == {"parallelism", "completions", "probes", "lifecycle"}
