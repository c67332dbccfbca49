"""What of a release is written to be in another namespace than the release.

A release on a cluster is in one namespace: there is its lock, its record, the role of who deploys it; and an object
elsewhere says by its labels only that it belongs to a release of that name, which may be another one.
"""

from ks_universal.diagnostics import Position, Problem
from ks_universal.resources.objects import Rendered, identity
from ks_universal.resources.places import Placed, list_placed
from ks_universal.values.nodes import Mapping, Path, format_path

_FIELD: Path = ("metadata", "namespace")


def find_elsewhere(rendered: Rendered, tree: Mapping | None) -> tuple[Problem, ...]:
    """Find the keys that put objects into another namespace than the release's, each once.

    `tree` is the effective tree that the objects were made from; without one the findings have no place.
    """
    strangers = [placed for placed in list_placed(rendered) if _is_elsewhere(placed, rendered)]
    fields = [None if tree is None else placed.find_field(tree, _FIELD) for placed in strangers]
    findings: dict[Position | None, Problem] = {}
    for placed, field in zip(strangers, fields, strict=True):
        if field is None:
            findings.setdefault(None, _describe(placed, rendered, None, "namespace"))
        elif field.is_written:
            findings.setdefault(field.where, _describe(placed, rendered, field.where, format_path(field.key)))
    return tuple(findings.values())


def _is_elsewhere(placed: Placed, rendered: Rendered) -> bool:
    return identity(placed.body).namespace not in ("", rendered.namespace)


def _describe(placed: Placed, rendered: Rendered, where: Position | None, key: str) -> Problem:
    there = identity(placed.body).namespace
    message = f"{placed} is to be in namespace {there}, and a release on a cluster is in one: {rendered.namespace}"
    hint = f"leave out {key}, and deploy what belongs into {there} as a release of its own there; or use 'template'"
    return Problem("release/other-namespace", message, where, hint)
