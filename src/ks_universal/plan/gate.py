"""The gate: what a running application uses changes only after the migrations that its new version waits for.

A circle is possible: `app` waits for `postgres` to be rolled out, both read one Secret, and `postgres` cannot be rolled
out without it. There the dependency wins and the gate stays open for this one object, with a warning.
"""

from collections.abc import Iterable, Mapping

from ks_universal.diagnostics import Problem, Severity
from ks_universal.plan.graph import Graph
from ks_universal.plan.records import State
from ks_universal.plan.release import CONFIGURATION, App, Release, content_of
from ks_universal.resources.objects import ObjectRef, Resource, object_ref
from ks_universal.resources.selection import find_selected


def find_users(release: Release) -> dict[ObjectRef, tuple[str, ...]]:
    """Find which applications use each object that is not a foundation.

    A ConfigMap or Secret is used by those whose pods read it, a Service by those whose pods it selects, anything else
    by the one that it was made for; what was made for none (a CronJob, an Ingress) may concern all.
    """
    readers: dict[ObjectRef, list[str]] = {}
    for app in release.apps.values():
        for ref in release.find_configuration(app.workload) if app.workload else ():
            readers.setdefault(ref, []).append(app.name)
    return {
        ref: tuple(readers.get(ref, ())) if ref.kind in CONFIGURATION else _users(resource, release)
        for ref, resource in release.objects.items()
        if not release.is_prerequisite(ref) and not resource.is_rolled_out
    }


def close_gates(
    graph: Graph,
    release: Release,
    *,
    users: Mapping[ObjectRef, Iterable[str]],
    migrations: Mapping[str, Mapping[str, str]],
    state: State,
) -> tuple[Problem, ...]:
    """Have each object wait for the migrations of its users; gives a warning for each gate that stays open.

    `migrations`: application to those that its new version waits for, the last ones before it: whose, and the step's
    id. Where nothing of the application runs yet, nothing can see a change too early.
    """
    warnings = {}
    # Only what some migration needs can close a circle: what is added here leads to migrations.
    needed = graph.find_all_needs(*(step for steps in migrations.values() for step in steps.values()))
    for ref, names in users.items():
        step = release.step_id(ref)
        for user in names:
            for owner, migration in migrations.get(user, {}).items():
                if step not in needed or step not in graph.find_all_needs(migration):
                    graph.require(step, migration)
                elif _is_deployed(release.apps[user], state):
                    warnings[step, owner] = _open_gate(step, owner)
    return tuple(warnings.values())


def is_live(ref: ObjectRef, release: Release, state: State) -> bool:
    """Tell whether a ConfigMap or Secret has the wanted content already: applying it changes nothing for anybody."""
    live = state.objects.get(ref)
    wanted = release.objects[ref].body
    return live is not None and ref.kind in CONFIGURATION and content_of(live) == content_of(wanted)


def _is_deployed(app: App, state: State) -> bool:
    return app.workload is not None and object_ref(app.workload) in state.objects


def _users(resource: Resource, release: Release) -> tuple[str, ...]:
    if object_ref(resource.body).kind == "Service":
        own = () if resource.application is None else (resource.application,)
        workloads = ((app.name, app.workload) for app in release.apps.values() if app.workload is not None)
        return tuple(dict.fromkeys((*own, *find_selected(resource.body, workloads))))
    return tuple(release.apps) if resource.application is None else (resource.application,)


def _open_gate(step: str, owner: str) -> Problem:
    return Problem(
        "plan/open-gate",
        f"{step} changes before the migrations of {owner}: they wait for an application that uses it, too",
        hint="give each of the two a ConfigMap or Secret of its own",
        severity=Severity.WARNING,
    )
