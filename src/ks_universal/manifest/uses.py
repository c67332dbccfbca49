"""What the pods of a release use of it: what they read, what sends to them, what gives them their rights."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from ks_universal.json_types import Json
from ks_universal.manifest.copies import CONFIGURATION
from ks_universal.resources.access import BINDING_KINDS, is_bound, name_role
from ks_universal.resources.keeping import CLAIM
from ks_universal.resources.objects import ObjectRef, Rendered, object_ref
from ks_universal.resources.references import read_references
from ks_universal.resources.selection import find_selected

Users = Mapping[ObjectRef, tuple[str, ...]]
"""The applications that use an object."""

_NOT_READ_BY_CONTAINERS = frozenset(("imagePullSecrets", "serviceAccountName"))


def find_users(rendered: Rendered) -> Users:
    """Find the applications whose pods read each ConfigMap and Secret of the release, or get what a Service sends."""
    workloads = {name: resource.body for name, resource in rendered.workloads.items()}
    readers: dict[ObjectRef, list[str]] = {}
    for name, body in workloads.items():
        for ref in list_read(body["spec"]["template"]["spec"], object_ref(body).namespace):
            readers.setdefault(ref, []).append(name)
    users = {}
    for resource in rendered.objects:
        ref = object_ref(resource.body)
        if ref.kind in CONFIGURATION:
            users[ref] = tuple(readers.get(ref, ()))
        elif ref.kind == "Service":
            own = [resource.application] if resource.application in workloads else []
            users[ref] = tuple(dict.fromkeys((*own, *find_selected(resource.body, workloads.items()))))
    return users


def list_read(pod: Json, namespace: str) -> Iterator[ObjectRef]:
    """List the ConfigMaps and Secrets that the containers of a pod read, each once."""
    read = {key: value for key, value in pod.items() if key not in _NOT_READ_BY_CONTAINERS}
    return (ObjectRef(kind, namespace, name) for kind, name in read_references(read) if kind in CONFIGURATION)


def find_needed(rendered: Rendered, jobs: Iterable[Json]) -> tuple[ObjectRef, ...]:
    """Find the objects of a release that the pods of Jobs name, and the pull secrets of their accounts."""
    made = {object_ref(resource.body): resource.body for resource in rendered.objects}
    needed: dict[ObjectRef, None] = {}
    for job in jobs:
        namespace = object_ref(job).namespace
        for kind, name in read_references(job["spec"]["template"]["spec"]):
            ref = ObjectRef(kind, namespace, name)
            secrets = made[ref].get("imagePullSecrets", ()) if kind == "ServiceAccount" and ref in made else ()
            pulled = (ObjectRef("Secret", namespace, secret["name"]) for secret in secrets)
            needed |= dict.fromkeys(each for each in (ref, *pulled) if each in made)
    return tuple(needed)


def find_used_by(rendered: Rendered, applications: Collection[str]) -> set[ObjectRef]:
    """Find what some applications use of the release, but for claims: what they cannot get ready without."""
    workloads = [(name, resource.body) for name, resource in rendered.workloads.items() if name in applications]
    bodies = [body for _, body in workloads]
    services = (r.body for r in rendered.objects if r.application is None and object_ref(r.body).kind == "Service")
    selected = {object_ref(body) for body in services if any(find_selected(body, workloads))}
    claims = {ref for ref in find_needed(rendered, bodies) if ref.kind == CLAIM}
    return {*find_needed(rendered, bodies), *find_rights(rendered, bodies), *selected} - claims


def find_rights(rendered: Rendered, workloads: Iterable[Json]) -> set[ObjectRef]:
    """Find the bindings that give the accounts of some pods their rights, and the release's roles that these name."""
    accounts = {(_name_account(body), object_ref(body).namespace) for body in workloads}
    bindings = [resource.body for resource in rendered.objects if resource.body["kind"] in BINDING_KINDS]
    bound = [body for body in bindings if any(is_bound(body, *account) for account in accounts)]
    made = {object_ref(resource.body) for resource in rendered.objects}
    return {*map(object_ref, bound), *made.intersection(ObjectRef(*name_role(body)) for body in bound)}


def list_pull_secrets(rendered: Rendered, jobs: Iterable[Json]) -> Iterator[ObjectRef]:
    """List the Secrets with which the accounts of Jobs pull images: an account is no copy, so neither are these."""
    made = {object_ref(resource.body): resource.body for resource in rendered.objects}
    for job in jobs:
        namespace = object_ref(job).namespace
        account = made.get(ObjectRef("ServiceAccount", namespace, _name_account(job)), {})
        secrets = (ObjectRef("Secret", namespace, secret["name"]) for secret in account.get("imagePullSecrets", ()))
        yield from (ref for ref in secrets if ref in made)


def _name_account(workload: Json) -> str:
    return str(workload["spec"]["template"]["spec"].get("serviceAccountName", "default"))
