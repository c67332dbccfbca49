"""Builds the plan: from what is to be and what is, to the steps between."""

from collections.abc import Iterator, Mapping

from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.model.migrations import Phase
from ks_universal.plan.digest import digest
from ks_universal.plan.fingerprints import fingerprint
from ks_universal.plan.gate import close_gates, find_changed, find_users, step_id
from ks_universal.plan.graph import Graph
from ks_universal.plan.order import Circle
from ks_universal.plan.records import Outcome, Revision, State
from ks_universal.plan.release import (
    Member,
    Objects,
    find_members,
    index_objects,
    pod_of,
    read_configuration,
    read_surroundings,
)
from ks_universal.plan.staging import stage
from ks_universal.plan.steps import Apply, Delete, Migrate, Plan, RollOut, Skipped
from ks_universal.plan.when import MigratePolicy, decide, find_refusals
from ks_universal.resources.objects import Identity, Json, Migration, Rendered, identity
from ks_universal.resources.references import Reference

__all__ = ["MigratePolicy", "build_plan"]


def build_plan(
    rendered: Rendered, state: State, *, migrate: MigratePolicy = MigratePolicy.AUTO, force: bool = False
) -> Plan:
    """Build the plan that brings a release from its state to what was rendered.

    A run of the same values that was interrupted is continued: its revision keeps its number, and its migration steps
    that succeeded are skipped. Raises InputError where applications wait for each other, and where migrations may not
    be left out because their last run failed (unless `force`).
    """
    members = find_members(rendered)
    if migrate is MigratePolicy.NEVER and not force:
        _refuse(find_refusals(members.values(), state.revisions))
    return _Builder(rendered, state, members).build(migrate)


class _Builder:
    def __init__(self, rendered: Rendered, state: State, members: dict[str, Member]) -> None:
        self._rendered = rendered
        self._state = state
        self._members = members
        self._objects = index_objects(rendered)
        self._users = find_users(members, self._objects)
        self._digests = {name: fingerprint(member, self._objects) for name, member in members.items()}
        self._resumed = _find_resumed(state, self._digests)
        self._skipped: list[Skipped] = []
        self._graph = Graph()

    def build(self, policy: MigratePolicy) -> Plan:
        chosen = {name: self._choose(member, policy) for name, member in self._members.items()}
        self._add_applies()
        last = {name: step for name, steps in chosen.items() if (step := self._add_application(name, steps))}
        warnings = close_gates(self._graph, self._users, last, find_changed(self._objects, self._state))
        inventory = _list_inventory(self._rendered)
        self._add_deletes(inventory)
        return Plan(
            release=self._rendered.release,
            namespace=self._rendered.namespace,
            revision=_number(self._state, self._resumed),
            steps=_sort(self._graph),
            skipped=tuple(self._skipped),
            digests=self._digests,
            objects=inventory,
            warnings=warnings,
        )

    def _choose(self, member: Member, policy: MigratePolicy) -> list[Migrate]:
        """Choose the migrations of an application that run; notes the others as skipped."""
        if not member.migrations:
            return []
        verdict = decide(member, self._digests[member.name], self._state.revisions, policy)
        chosen = []
        for migration in member.migrations:
            step = _build_migrate(migration, self._objects, verdict.why)
            if not verdict.run:
                self._skip(migration, verdict.why)
            elif self._has_succeeded(step):
                self._skip(migration, "succeeded already in this revision", succeeded=True)
            else:
                chosen.append(step)
        return chosen

    def _has_succeeded(self, step: Migrate) -> bool:
        records = self._resumed.steps if self._resumed else ()
        return any(r.id == step.id and r.digest == step.digest and r.outcome is Outcome.SUCCEEDED for r in records)

    def _skip(self, migration: Migration, why: str, *, succeeded: bool = False) -> None:
        self._skipped.append(Skipped(migration.application, migration.step, migration.phase, why, succeeded))

    def _add_applies(self) -> None:
        for resource in self._rendered.objects:
            if resource.body["kind"] != "Deployment":
                self._graph.add(Apply(id=step_id(resource.body), application=resource.application, body=resource.body))

    def _add_application(self, name: str, steps: list[Migrate]) -> str | None:
        """Add an application's migrations and rollout; gives the last migration before the new version."""
        last = previous = self._chain([step for step in steps if step.migration.phase is Phase.PRE], None)
        member = self._members[name]
        if member.deployment is not None:
            rollout = RollOut(id=_rollout_id(name), application=name, body=member.deployment)
            self._graph.add(rollout, _with(previous, self._list_uses(member)))
            previous = rollout.id
        self._chain([step for step in steps if step.migration.phase is Phase.POST], previous)
        return last

    def _chain(self, steps: list[Migrate], previous: str | None) -> str | None:
        for step in steps:
            self._graph.add(step, _with(previous, self._list_migration_needs(step)))
            previous = step.id
        return previous

    def _list_migration_needs(self, step: Migrate) -> Iterator[str]:
        migration = step.migration
        yield from self._list_applied(read_surroundings(pod_of(migration.body), self._objects))
        for (kind, _), resource in self._objects.items():
            if kind == "NetworkPolicy" and resource.application in (None, migration.application):
                yield step_id(resource.body)
        yield from (_rollout_id(other) for other in migration.depends_on if other in self._members)

    def _list_uses(self, member: Member) -> Iterator[str]:
        """List what must have been applied before the new version: all that is its own, and all that it uses."""
        pod = member.pod
        yield from self._list_applied((*read_configuration(pod), *read_surroundings(pod, self._objects)))
        for reference, resource in self._objects.items():
            own = resource.application == member.name and reference[0] != "Deployment"
            if own or member.name in self._users.get(reference, ()):
                yield step_id(resource.body)

    def _list_applied(self, references: tuple[Reference, ...]) -> Iterator[str]:
        return (step_id(self._objects[reference].body) for reference in references if reference in self._objects)

    def _add_deletes(self, inventory: tuple[Identity, ...]) -> None:
        """Remove what left the values, after all else: what runs first, then what it used."""
        before = self._state.revisions[-1].objects if self._state.revisions else ()
        gone = [subject for subject in before if subject not in set(inventory)]
        last = self._graph.find_last()
        workloads = [Delete(id=f"delete {subject}", identity=subject) for subject in gone if _runs_pods(subject)]
        for step in workloads:
            self._graph.add(step, last)
        for subject in gone:
            if not _runs_pods(subject):
                needs = [*last, *(step.id for step in workloads)]
                self._graph.add(Delete(id=f"delete {subject}", identity=subject), needs)


def _build_migrate(migration: Migration, objects: Objects, why: str) -> Migrate:
    staged_migration, staged = stage(migration, objects)
    name = f"/{migration.step}" if migration.step else ""
    return Migrate(
        id=f"{migration.application}/migrations{name}",
        application=migration.application,
        migration=staged_migration,
        digest=digest([staged_migration, staged]),
        why=why,
        staged=staged,
    )


def _find_resumed(state: State, digests: Mapping[str, str]) -> Revision | None:
    """Find the run of the same values that was interrupted or killed, if that was the last one."""
    latest = state.revisions[-1] if state.revisions else None
    if latest is None or latest.outcome not in (Outcome.RUNNING, Outcome.INTERRUPTED):
        return None
    return latest if latest.planned == digests else None


def _number(state: State, resumed: Revision | None) -> int:
    if resumed is not None:
        return resumed.number
    return state.revisions[-1].number + 1 if state.revisions else 1


def _list_inventory(rendered: Rendered) -> tuple[Identity, ...]:
    bodies: list[Json] = [resource.body for resource in rendered.objects]
    bodies += [migration.body for migration in rendered.migrations]
    return tuple(identity(body) for body in bodies)


def _runs_pods(subject: Identity) -> bool:
    return subject.kind in ("Deployment", "Job")


def _rollout_id(application: str) -> str:
    return f"{application}/rollout"


def _with(first: str | None, others: Iterator[str]) -> Iterator[str]:
    if first is not None:
        yield first
    yield from others


def _sort(graph: Graph) -> tuple[Apply | Migrate | RollOut | Delete, ...]:
    try:
        return graph.sort()
    except Circle as circle:
        path = " -> ".join(circle.steps)
        message = f"applications wait for each other, so that none can begin: {path}"
        raise InputError((Problem("plan/circle", message, hint="remove one of the 'dependsOn'"),)) from None


def _refuse(problems: tuple[Problem, ...]) -> None:
    if problems:
        raise InputError(problems)
