"""The gate: what a running application uses changes only after its migrations that come before the new version.

A circle is possible: `app` waits for `postgres` to be rolled out, both read one Secret, and `postgres` cannot be rolled
out without it. There the dependency wins and the gate stays open for this one object, with a warning.
"""

from collections.abc import Iterator, Mapping

from ks_universal.diagnostics import Problem, Severity
from ks_universal.plan.graph import Graph
from ks_universal.plan.records import State
from ks_universal.plan.release import CONFIGURATION, Member, Objects, content_of, read_configuration
from ks_universal.resources.objects import Json, Resource, identity
from ks_universal.resources.references import Reference

FOUNDATIONS = frozenset(
    ("Namespace", "ResourceQuota", "ServiceAccount", "PersistentVolumeClaim", "NetworkPolicy", "Role", "RoleBinding")
)
"""Kinds that are applied before anything else: migrations need them, and running pods don't notice."""
_UNGATED = FOUNDATIONS | {"Deployment"}  # its rollout waits for its migrations in any case


def find_users(members: Mapping[str, Member], objects: Objects) -> dict[Reference, tuple[str, ...]]:
    """Find which applications use each object that has to wait for their migrations.

    A ConfigMap or Secret is used by those whose pods read it, a Service by those whose pods it selects, anything else
    by the one that it was made for.
    """
    readers: dict[Reference, list[str]] = {}
    for member in members.values():
        for reference in read_configuration(member.pod):
            readers.setdefault(reference, []).append(member.name)
    return {
        reference: tuple(readers.get(reference, ())) if reference[0] in CONFIGURATION else _users(resource, members)
        for reference, resource in objects.items()
        if reference[0] not in _UNGATED
    }


def close_gates(
    graph: Graph, users: Mapping[Reference, tuple[str, ...]], last_migrations: Mapping[str, str], changed: Objects
) -> tuple[Problem, ...]:
    """Have each changed object wait for the migrations of its users; gives a warning for each gate that stays open.

    `last_migrations`: application to the id of its last migration before the new version.
    """
    warnings = []
    for reference, resource in changed.items():
        step = step_id(resource.body)
        for user in users.get(reference, ()):
            migration = last_migrations.get(user)
            if migration is None:
                continue
            if graph.waits_for(migration, step):
                warnings.append(_open_gate(step, user))
            else:
                graph.require(step, migration)
    return tuple(warnings)


def find_changed(objects: Objects, state: State) -> Objects:
    """Find the objects behind a gate that are not live as they are to be, as far as their users can tell."""
    return {
        reference: resource
        for reference, resource in objects.items()
        if reference[0] not in _UNGATED and not _is_live(resource.body, state)
    }


def step_id(body: Json) -> str:
    """Give the id of the step that applies an object."""
    return str(identity(body))


def _is_live(body: Json, state: State) -> bool:
    live = state.objects.get(identity(body))
    return live is not None and body["kind"] in CONFIGURATION and content_of(live) == content_of(body)


def _users(resource: Resource, members: Mapping[str, Member]) -> tuple[str, ...]:
    selected = _selected(resource.body, members) if resource.body["kind"] == "Service" else ()
    own = (resource.application,) if resource.application is not None else ()
    return tuple(dict.fromkeys((*own, *selected)))


def _selected(service: Json, members: Mapping[str, Member]) -> Iterator[str]:
    selector = service["spec"].get("selector") or {}
    for member in members.values():
        if selector and member.deployment is not None:
            labels = member.deployment["spec"]["template"]["metadata"].get("labels", {})
            if selector.items() <= labels.items():
                yield member.name


def _open_gate(step: str, user: str) -> Problem:
    return Problem(
        "plan/open-gate",
        f"{step} changes before the migrations of {user}: they wait for an application that uses it, too",
        hint="give each of the two a ConfigMap or Secret of its own",
        severity=Severity.WARNING,
    )
