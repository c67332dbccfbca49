"""Builds the plan: from what is to be and what is, to the steps between.

The `jobs` and `cronJobs` of the values need what their pods use, and come after the migrations of all applications:
they belong to none, and what they do to a database may need the schema of any (see `find_users`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.json_types import Json
from ks_universal.model.format.migrations import Phase
from ks_universal.model.format.precedence import Node, Part
from ks_universal.model.kubernetes.makers import DEFINITION_KINDS
from ks_universal.order import CycleError
from ks_universal.plan.fingerprints import fingerprint
from ks_universal.plan.gate import close_gates, find_users, is_live
from ks_universal.plan.graph import Graph
from ks_universal.plan.moving import mark_moving
from ks_universal.plan.one_off_jobs import find_job_digest, plan_job
from ks_universal.plan.records import Outcome, Revision, State
from ks_universal.plan.release import COMPANION_KINDS, App, Release, uses
from ks_universal.plan.selection import Choice, MigratePolicy, choose, choose_undo, find_refusals
from ks_universal.plan.steps import Apply, AwaitOldPods, Delete, Migrate, Plan, RollOut, SkippedJob, Step
from ks_universal.plan.undo import list_undo_jobs
from ks_universal.plan.unfinished import find_outdated
from ks_universal.resources.access import BINDING_KINDS, ROLE_KINDS, name_role
from ks_universal.resources.objects import WORKLOAD_KINDS, ObjectRef, Rendered, Resource, object_ref
from ks_universal.resources.precedence import find_precedence

__all__ = ["MigratePolicy", "build_plan", "build_rollback"]


def build_plan(
    rendered: Rendered, state: State, *, migrate: MigratePolicy = MigratePolicy.AUTO, force: bool = False
) -> Plan:
    """Build the plan that brings a release from its state to what was rendered.

    A run of the same values that was interrupted is continued: its revision keeps its number, and its migration steps
    that succeeded are skipped. Raises InputError where applications wait for each other, and where migrations may not
    be left out because their last run failed (unless `force`).
    """
    release = Release(rendered)
    if migrate is MigratePolicy.NEVER and not force:
        _refuse(find_refusals(release.apps.values(), state.revisions))
    timeless = release if rendered.timeless is None else Release(rendered.timeless)
    digests = {name: fingerprint(app, timeless) for name, app in timeless.apps.items()}
    resumed = _find_resumed(state, digests)
    choice = choose(release, digests, state.revisions, policy=migrate, resumed=resumed, timeless=timeless)
    return _assemble(rendered, release, state, choice, digests, _number(state, resumed))


def build_rollback(rendered: Rendered, state: State, undo: Mapping[str, Sequence[Migrate]], back_to: int) -> Plan:
    """Build the plan that brings a release back to the revision `back_to`, which `rendered` is.

    Its migrations do not run; `undo` has the steps by application that run before its old version. A rollback to the
    same revision that was interrupted is continued. Raises InputError as `build_plan` does.
    """
    why = f"this goes back to revision {back_to}"
    release = Release(rendered)
    digests = {name: fingerprint(app, release) for name, app in release.apps.items()}
    resumed = _find_resumed(state, digests, back_to)
    plan = _assemble(rendered, release, state, choose_undo(release, undo, why), digests, _number(state, resumed))
    return msgspec.structs.replace(plan, back_to=back_to)


def _assemble(
    rendered: Rendered, release: Release, state: State, choice: Choice, digests: dict[str, str], number: int
) -> Plan:
    is_resumed = bool(state.revisions) and state.revisions[-1].number == number
    undone = list_undo_jobs(state.revisions[-1]) if is_resumed else ()
    chosen = [object_ref(step.migration.body) for steps in choice.steps.values() for step in steps]
    inventory = tuple(dict.fromkeys((*_list_inventory(rendered), *chosen, *undone)))
    outdated = find_outdated(state.revisions, choice.steps, is_resumed=is_resumed)
    steps = _Steps(release, state, choice)
    warnings = steps.add_all()
    steps.add_deletes({*inventory, *outdated})
    steps.add_stops(outdated)
    return Plan(
        release=rendered.release,
        namespace=rendered.namespace,
        revision=number,
        steps=mark_moving(_sort(steps.graph), state, state.revisions[-1] if is_resumed else None),
        skipped=choice.skipped,
        skipped_jobs=tuple(steps.skipped_jobs.values()),
        digests=digests,
        objects=inventory,
        warnings=warnings,
    )


class _Steps:
    """The steps of a plan, joined by what each needs."""

    def __init__(self, release: Release, state: State, choice: Choice) -> None:
        self.graph = Graph()
        self.skipped_jobs: dict[ObjectRef, SkippedJob] = {}
        self._release = release
        self._state = state
        self._choice = choice
        migrating = [name for name, steps in choice.steps.items() if steps]
        self._precedence = find_precedence(release.rendered, migrating)
        self._last = {name: before[-1].id for name in choice.steps if (before := self._list_steps(name, Phase.PRE))}
        self._users = find_users(release)
        self._used: dict[str, list[ObjectRef]] = {}
        for ref, users in self._users.items():
            for user in users if ref.kind == "Service" else ():
                self._used.setdefault(user, []).append(ref)

    def add_all(self) -> tuple[Problem, ...]:
        """Add all but deletions; gives a warning for each gate that stays open."""
        for ref, resource in self._release.objects.items():
            if not resource.is_rolled_out:
                self._add_apply(ref, resource)
        for app in self._release.apps.values():
            self._add_application(app)
        for name, undo in self._choice.steps.items():
            if name not in self._release.apps:
                self._chain(undo, ())  # of an application that leaves
        gated = {s: users for s, users in self._users.items() if self._changes(s)}
        awaited = {name: self._find_awaited(name) for name in self._release.apps}
        return close_gates(self.graph, self._release, users=gated, migrations=awaited, state=self._state)

    def add_deletes(self, kept: Collection[ObjectRef]) -> None:
        """Remove what left the values, after all else, and what pods use when they are gone. Without those `kept`.

        Nothing else waits for another deletion, which a finalizer may hold up for long. Only an autoscaler goes before
        the rollout that says itself again how many pods there are: it would scale them once more.
        """
        before = self._state.revisions[-1].objects if self._state.revisions else ()
        deletes = [self._delete(ref) for ref in dict.fromkeys(before) if ref not in kept]
        last = self.graph.find_last()
        live = {**self._state.objects, **self._state.terminating}
        users = {
            step.id: live[step.identity]
            for step in deletes
            if step.identity in live and step.identity.kind in WORKLOAD_KINDS
        }
        for step in deletes:
            rollout = self._find_unscaled(live.get(step.identity))
            if rollout is not None:
                self.graph.add_before(step, rollout)
                continue
            around = step.identity.kind in COMPANION_KINDS.union(WORKLOAD_KINDS)
            old_pods = () if around else map(self._await_old_pods, self._release.apps)
            leaving = (user for user, body in users.items() if uses(body, step.identity, live.get(step.identity)))
            others = [other.id for other in deletes if _goes_before(other.identity, step.identity)]
            self.graph.add(step, (*last, *old_pods, *leaving, *others))

    def _find_unscaled(self, leaving: Json | None) -> str | None:
        """Find the rollout with a number of pods of its own, which what leaves has scaled until now."""
        if leaving is None or leaving["kind"] != "HorizontalPodAutoscaler":
            return None
        named = leaving["spec"]["scaleTargetRef"]
        target = ObjectRef(named.get("kind", ""), object_ref(leaving).namespace, named["name"])
        wanted = (m for m in self._release.apps.values() if m.workload and object_ref(m.workload) == target)
        return next((_rollout_id(m.name) for m in wanted if m.workload and "replicas" in m.workload["spec"]), None)

    def add_stops(self, jobs: Iterable[ObjectRef]) -> None:
        """Stop what a killed run has left running, before all else."""
        for ref in jobs:
            self.graph.add_first(self._delete(ref, is_stop=True))

    def _delete(self, ref: ObjectRef, *, is_stop: bool = False) -> Delete:
        return Delete(id=f"delete {self._release.step_id(ref)}", identity=ref, is_stop=is_stop)

    def _changes(self, ref: ObjectRef) -> bool:
        return not is_live(ref, self._release, self._state) and ref not in self.skipped_jobs

    def _add_apply(self, ref: ObjectRef, resource: Resource) -> None:
        name = self._release.step_id(ref)
        step: Apply | SkippedJob = Apply(
            id=name, application=resource.application, body=resource.body, awaits_ready=resource.is_extra
        )
        if find_job_digest(resource.body) is not None:
            step = plan_job(name, resource, self._state)
        if isinstance(step, SkippedJob):
            self.skipped_jobs[ref] = step
            return
        self.graph.add(step, (*self._list_definitions(resource.body), *self._list_needs_of_object(ref, resource)))

    def _list_definitions(self, body: Json) -> Iterator[str]:
        yield from map(self._release.step_id, self._release.find_definitions(body))

    def _list_needs_of_object(self, ref: ObjectRef, resource: Resource) -> Iterator[str]:
        if ref.kind in BINDING_KINDS:
            yield self._release.step_id(ObjectRef(*name_role(resource.body)))
        if ref.kind in WORKLOAD_KINDS:
            yield from self._list_needs_of_job(resource)

    def _list_needs_of_job(self, resource: Resource) -> Iterator[str]:
        yield from self._list_reads(resource.body)
        yield from self._list_policies(resource.application)

    def _add_application(self, app: App) -> None:
        """Add an application's migrations and rollout."""
        name = app.name
        self._chain(self._list_steps(name, Phase.PRE), ())
        if app.workload is not None:
            rollout = RollOut(id=_rollout_id(name), application=name, body=app.workload)
            needs = self._list_needs_of(name, app.workload)
            self.graph.add(rollout, (*self._list_parts_before(Node(name, Part.ROLLOUT)), *needs))
        if after := self._list_steps(name, Phase.POST):
            self._chain(after, self._list_ends_before(Node(name, Part.AFTER)))

    def _list_steps(self, application: str, phase: Phase) -> list[Migrate]:
        return [step for step in self._choice.steps.get(application, ()) if step.migration.phase is phase]

    def _list_parts_before(self, node: Node) -> list[str]:
        """List the last steps of the parts that a part of an application needs."""
        needs = self._precedence.get(node, ())
        ends = (self._last.get(n.workload) if n.part is Part.BEFORE else _rollout_id(n.workload) for n in needs)
        return [step for step in ends if step is not None]

    def _list_ends_before(self, node: Node) -> Iterator[str]:
        """List the ends of the parts that a part of an application needs: of a rollout, that of its last old pod."""
        yield from self._list_parts_before(node)
        rollouts = (need for need in self._precedence.get(node, ()) if need.part is Part.ROLLOUT)
        yield from (self._await_old_pods(need.workload) for need in rollouts)

    def _find_awaited(self, application: str) -> dict[str, str]:
        """Find the migrations that a new version waits for: whose, and the last of them in this plan."""
        needs = self._precedence.get(Node(application, Part.ROLLOUT), (Node(application, Part.BEFORE),))
        owners = [need.workload for need in needs if need.part is Part.BEFORE]
        return {owner: self._last[owner] for owner in owners if owner in self._last}

    def _await_old_pods(self, application: str) -> str:
        """Have the plan wait for an application's old pods, in a step of its own; gives the step's id."""
        step, app = f"{application}/old-pods", self._release.apps.get(application)
        if app is not None and app.workload is not None:
            wait = AwaitOldPods(id=step, application=application, identity=object_ref(app.workload))
            self.graph.add(wait, (_rollout_id(application),))
        return step

    def _chain(self, steps: Iterable[Migrate], needs: Iterable[str]) -> None:
        """Add steps, one after the other, the first of which comes after its `needs`."""
        for step in steps:
            self.graph.add(step, (*needs, *self._list_needs_of_migration(step)))
            needs = (step.id,)

    def _list_needs_of_migration(self, step: Migrate) -> Iterator[str]:
        """List what a migration needs; its configuration it brings along, but for what others make."""
        migration = step.migration
        yield from self._list_definitions(migration.body)
        yield from map(self._release.step_id, self._release.find_makers(migration.body))
        yield from map(self._release.step_id, self._release.find_pod_dependencies(migration.body))
        yield from map(self._release.step_id, self._release.find_rights(migration.body))
        yield from self._list_policies(migration.application)
        yield from (_rollout_id(other) for other in migration.depends_on if other in self._release.apps)

    def _list_needs_of(self, name: str, workload: Json) -> Iterator[str]:
        """List what a new version needs: what its pods use, and the Services that lead to them."""
        yield from self._list_reads(workload)
        yield from self._list_policies(name)
        yield from map(self._release.step_id, self._used.get(name, ()))

    def _list_reads(self, workload: Json) -> Iterator[str]:
        yield from self._list_definitions(workload)
        yield from map(self._release.step_id, self._release.find_makers(workload))
        yield from map(self._release.step_id, self._release.find_configuration(workload))
        yield from map(self._release.step_id, self._release.find_pod_dependencies(workload))
        yield from map(self._release.step_id, self._release.find_rights(workload))

    def _list_policies(self, application: str | None) -> Iterator[str]:
        for owner in dict.fromkeys((None, application)):
            for ref in self._release.list_made_for(owner):
                if ref.kind == "NetworkPolicy":
                    yield self._release.step_id(ref)


def _goes_before(ref: ObjectRef, other: ObjectRef) -> bool:
    """Tell whether an object is deleted before another: a binding before roles, and what is defined before that."""
    is_definition = other.kind in DEFINITION_KINDS and ref.kind not in DEFINITION_KINDS
    return is_definition or (other.kind in ROLE_KINDS and ref.kind in BINDING_KINDS)


def _find_resumed(state: State, digests: dict[str, str], back_to: int | None = None) -> Revision | None:
    """Find the run of the same values, to the same end, that was interrupted or killed, if that was the last one."""
    latest = state.revisions[-1] if state.revisions else None
    if latest is None or latest.outcome not in (Outcome.RUNNING, Outcome.INTERRUPTED):
        return None
    return latest if (latest.planned, latest.back_to) == (digests, back_to) else None


def _number(state: State, resumed: Revision | None) -> int:
    if resumed is not None:
        return resumed.number
    return state.revisions[-1].number + 1 if state.revisions else 1


def _list_inventory(rendered: Rendered) -> tuple[ObjectRef, ...]:
    bodies: list[Json] = [resource.body for resource in rendered.objects]
    bodies += [migration.body for migration in rendered.migrations]
    return tuple(object_ref(body) for body in bodies)


def _rollout_id(application: str) -> str:
    return f"{application}/rollout"


def _sort(graph: Graph) -> tuple[Step, ...]:
    try:
        return graph.sort()
    except CycleError as cycle:
        path = " -> ".join(map(str, cycle.nodes))
        message = f"dependency cycle: {path}"
        raise InputError((Problem("migrations/cycle", message, hint="remove one of the 'dependsOn'"),)) from None


def _refuse(problems: tuple[Problem, ...]) -> None:
    if problems:
        raise InputError(problems)
