"""The gate, for tools that know an order and no graph: what several applications use changes for all of them at once.

So they all wait for the migrations that one of them waits for; see `plan.gate`, which does the same to a plan.
"""

from collections.abc import Iterator, Mapping

from ks_universal.json_types import Json
from ks_universal.manifest.copies import CONFIGURATION
from ks_universal.model.format.precedence import Node, Part, Precedence
from ks_universal.order import find_all_needs
from ks_universal.resources.objects import ObjectRef, Rendered, object_ref
from ks_universal.resources.references import read_references
from ks_universal.resources.selection import find_selected

Users = Mapping[ObjectRef, tuple[str, ...]]
"""The applications that use an object."""
OpenGate = tuple[ObjectRef, str]
"""What changes too early, and the application before whose migrations it does."""

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


def close_gates(needs: Precedence, users: Users) -> tuple[Precedence, tuple[OpenGate, ...]]:
    """Have all users of an object wait for the migrations that one of them waits for; gives what stays open, too.

    That is where a migration needs one of these users, for which the object has to be there.
    """
    closed, still_open = dict(needs), []
    for ref, names in users.items():
        rollouts = [Node(name, Part.ROLLOUT) for name in names]
        waited = (need for rollout in rollouts for need in needs[rollout] if need.part is Part.BEFORE)
        for migration in dict.fromkeys(waited):
            late = [rollout for rollout in rollouts if migration not in closed[rollout]]
            if late and find_all_needs(closed, migration).intersection(late):
                still_open.append((ref, migration.workload))
            else:
                closed.update((rollout, (*closed[rollout], migration)) for rollout in late)
    return closed, tuple(still_open)
