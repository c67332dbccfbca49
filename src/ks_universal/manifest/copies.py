"""Copies of what migrations need, for tools that run them as hooks: the real objects change after the migrations.

A hook that is needed by a hook has to be one, too, and what is a hook cannot also be an object of the release.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count

from ks_universal.json_types import Json
from ks_universal.resources.access import BINDING_KINDS, UNKNOWN_NAMESPACE, name_role
from ks_universal.resources.objects import ObjectRef, Rendered, object_ref, rename
from ks_universal.resources.references import rename_references

CONFIGURATION = frozenset(("ConfigMap", "Secret"))
Copies = Mapping[ObjectRef, str]
"""The names of copies, by what they are copies of."""

_ENDING = "-migrations"
_LONGEST_NAME = 253


def name_copies(rendered: Rendered, refs: Iterable[ObjectRef]) -> dict[ObjectRef, str]:
    """Name the copies of objects: as these, with an ending."""
    taken = {object_ref(resource.body) for resource in rendered.objects}
    copies: dict[ObjectRef, str] = {}
    for ref in refs:
        copy = next(copy for copy in _list_names(ref) if copy not in taken)
        taken.add(copy)
        copies[ref] = copy.name
    return copies


def copy(body: Json, copies: Copies) -> Json:
    """Copy an object of a release; a copied account names copied pull secrets.

    Annotations of configuration are left: other controllers act on them.
    """
    ref = object_ref(body)
    copied = rename(body, copies[ref])
    if ref.kind in CONFIGURATION:
        copied["metadata"].pop("annotations", None)
    if body.get("imagePullSecrets"):
        copied["imagePullSecrets"] = [_point(secret, ref.namespace, copies) for secret in body["imagePullSecrets"]]
    return copied


def copy_right(body: Json, copies: Copies) -> Json:
    """Copy a role or binding; the binding gives what is copied of its role to what is copied of its accounts."""
    copied = rename(body, copies[object_ref(body)])
    if body["kind"] in BINDING_KINDS:
        role = ObjectRef(*name_role(body))
        copied["roleRef"] = {**body["roleRef"], "name": copies.get(role, role.name)}
        accounts = {(r.namespace or UNKNOWN_NAMESPACE, r.name): copies[r] for r in copies if r.kind == "ServiceAccount"}
        copied["subjects"] = [
            {**subject, "name": accounts.get((subject.get("namespace"), subject["name"]), subject["name"])}
            if subject["kind"] == "ServiceAccount"
            else subject
            for subject in body["subjects"]
        ]
    return copied


def use_copies(job: Json, copies: Copies) -> Json:
    """Have the pods of a Job use the copies in place of what they are copies of."""
    template, namespace = job["spec"]["template"], object_ref(job).namespace
    names = {(ref.kind, ref.name): name for ref, name in copies.items() if ref.namespace == namespace}
    renamed = {**template, "spec": rename_references(template["spec"], names)}
    return {**job, "spec": {**job["spec"], "template": renamed}}


def _point(secret: Json, namespace: str, copies: Copies) -> Json:
    return {**secret, "name": copies.get(ObjectRef("Secret", namespace, secret["name"]), secret["name"])}


def _list_names(ref: ObjectRef) -> Iterator[ObjectRef]:
    for number in count(1):
        ending = _ENDING if number == 1 else f"{_ENDING}-{number}"
        yield ObjectRef(ref.kind, ref.namespace, ref.name[: _LONGEST_NAME - len(ending)].rstrip("-.") + ending)
