"""A release on a cluster: each function joins the packages below it, and decides nothing itself."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypedDict, Unpack

import msgspec

from ks_universal.api.plans import compare_plans
from ks_universal.api.values import Values, check_for_run, check_namespace, check_release, leave_to_server, render
from ks_universal.diagnostics import Problem
from ks_universal.engine.event_log import log_plan
from ks_universal.engine.events import Emit
from ks_universal.engine.masking import Mask, build_mask
from ks_universal.engine.progress import RunProgress, limiting
from ks_universal.engine.run import Approver, Planner, run_planned
from ks_universal.engine.target import Preflight
from ks_universal.errors import InputError
from ks_universal.json_types import Json
from ks_universal.plan.build import MigratePolicy, build_plan
from ks_universal.plan.migrations_only import keep_migrations
from ks_universal.plan.one_off_jobs import list_jobs
from ks_universal.plan.records import History, Outcome, Revision, State, mark_abandoned
from ks_universal.plan.rehearsals import RehearsalSummary, check_policies
from ks_universal.plan.saved import Preview, build_preview
from ks_universal.plan.steps import Migrate, Plan
from ks_universal.resources.objects import Rendered
from ks_universal.targets.accounts import name_user
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.record.lease import Holder
from ks_universal.targets.kubernetes.rollback import load_rollback
from ks_universal.targets.kubernetes.status import ReleaseState
from ks_universal.targets.kubernetes.target import ClusterOptions, KubernetesTarget


def open_cluster(
    release: str,
    *,
    namespace: str | None = None,
    context: str | None = None,
    kubeconfig: str | None = None,
    options: ClusterOptions | None = None,
) -> KubernetesTarget:
    """Give a namespace of a cluster as a target for the release; nothing is asked of the cluster yet.

    Without `namespace` it is the context's. Close it at the end. To be called in a running event loop. Raises
    InputError for names that cannot be, TargetError where there is no such file or context.
    """
    check_release(release)
    if namespace is not None:
        check_namespace(namespace)
    connection = connect(kubeconfig, context)
    return KubernetesTarget(Client(connection, namespace or connection.namespace), release, options or ClusterOptions())


Approve = Callable[[Preview], Awaitable[None]]
"""Is shown what a run is about to do, without any Secret's value; raises InputError where it is not to be done."""


class RunOptions(TypedDict, total=False):
    """What callers may say of a run.

    `by` is who runs it (default: `name_user()`), `request` what it is to carry out, which the record then names;
    `wait_for_lock` and `lock_wait_s` whether and how long to wait while another run holds the release (default: for
    good); `timeout_s` when to stop it. `approve` is asked under the lock, before anything of the release changes.
    """

    by: str
    request: str
    wait_for_lock: bool
    lock_wait_s: float | None
    timeout_s: float | None
    approve: Approve | None


async def deploy(
    values: Values,
    target: KubernetesTarget,
    emit: Emit,
    *,
    migrate: MigratePolicy | str = "auto",
    force: bool = False,
    plan: Preview | None = None,
    **options: Unpack[RunOptions],
) -> Revision:
    """Bring the target's release to these values, and return the record of that run.

    A failure is in the record and in the events, and leaves the version before as it was. With `plan`, which
    `read_plan` gives, exactly that plan is carried out, or nothing: it says `migrate` and `force`, too.

    Raises InputError (nothing was changed), LockedError (another holds the release, or the lock was lost),
    TimedOutError, and TargetError, whose `exit_status` is that of what it has cut short.
    """
    policy, force = (MigratePolicy(migrate), force) if plan is None else (plan.migrate, plan.force)
    rehearsal = None if plan is None else plan.rehearsal

    def planner(rendered: Rendered, state: State) -> Plan:
        return _apply_policies(build_plan(rendered, state, migrate=policy, force=force), rendered, rehearsal)

    return await _run(_render_for_run(values, target), target, emit, planner, _Asked(policy, force, plan), **options)


async def preview(
    values: Values,
    target: KubernetesTarget,
    *,
    migrate: MigratePolicy | str = "auto",
    force: bool = False,
    rehearsal: RehearsalSummary | None = None,
) -> Preview:
    """Say what `deploy` would do, by a dry run of every change on the server; nothing is changed, nothing locked.

    `rehearsal` is what one of its migrations has said, which `migrations.policy` of the values is held against. What is
    in the way is among `problems`, after the warnings about the values. Raises as `render` and `build_plan` do, and
    TargetError.
    """
    rendered = await target.place(_render_for_run(values, target))
    state = await target.read(rendered)
    planned = build_plan(rendered, state, migrate=MigratePolicy(migrate), force=force)
    planned = _apply_policies(planned, rendered, rehearsal)
    log_plan(planned)
    mask = build_mask(rendered, state, planned)
    preflight = await target.open_session(rendered, state, planned).check()
    problems = mask.problems(
        (*leave_to_server(values).problems, *state.problems, *planned.warnings, *preflight.problems)
    )
    asked = MigratePolicy(migrate).value
    shown = build_preview(planned, state, preflight.changes, problems, migrate=asked, force=force)
    return msgspec.structs.replace(mask.preview(shown), now_s=values.now_s)


async def migrate(
    values: Values,
    target: KubernetesTarget,
    emit: Emit,
    *,
    migrate: MigratePolicy | str = "auto",
    **options: Unpack[RunOptions],
) -> Revision:
    """Run the migrations that `deploy` would run before the new version, and what these need; nothing else changes.

    Raises as `deploy` does.
    """
    policy = MigratePolicy(migrate)

    def planner(rendered: Rendered, state: State) -> Plan:
        return _apply_policies(keep_migrations(build_plan(rendered, state, migrate=policy), state), rendered, None)

    return await _run(_render_for_run(values, target), target, emit, planner, _Asked(policy), **options)


async def rollback(
    target: KubernetesTarget,
    emit: Emit,
    *,
    revision: int | None = None,
    migrate_down: bool = False,
    **options: Unpack[RunOptions],
) -> Revision:
    """Bring a release back to the objects of an earlier revision (None: see `plan.undo.find_earlier`).

    With `migrate_down` the `rollback` steps of later migrations run first, latest first, each with the image and the
    configuration of its own revision; migrations that stay are a warning. Raises InputError where there is no such
    revision in the record, and as `deploy` does.
    """
    if not (await target.read_history()).revisions:
        raise InputError([_no_record(target)])
    way = await load_rollback(target, revision, migrate_down=migrate_down)
    return await _run(way.rendered, target, emit, way.plan, _NO_CHOICE, **options)


async def uninstall(
    target: KubernetesTarget,
    emit: Emit,
    **options: Unpack[RunOptions],
) -> Revision:
    """Remove everything of a release: what its record lists and its labels confirm, then the record itself.

    PersistentVolumeClaims stay unless the target's options say otherwise. Raises InputError where there is no record,
    and as `deploy` does.
    """
    if await target.read_history() == History():
        raise InputError([_no_record(target)])
    nothing = Rendered(target.release, target.namespace, (), ())
    revision = await _run(nothing, target, emit, build_plan, _NO_CHOICE, **options)
    if revision.outcome is Outcome.SUCCEEDED:
        await target.forget(revision, emit)
    return revision


def _apply_policies(plan: Plan, rendered: Rendered, rehearsal: RehearsalSummary | None) -> Plan:
    """Give a plan with the rehearsal that it rests on, and what the policies of what migrates have against it."""
    migrating = {step.application for step in plan.steps if isinstance(step, Migrate)}
    policies = {name: policy for name, policy in rendered.policies.items() if name in migrating}
    problems = tuple(check_policies(policies, rehearsal, plan.release))
    return msgspec.structs.replace(plan, rehearsal=rehearsal, warnings=(*plan.warnings, *problems))


class _Asked(NamedTuple):
    """What a run was asked to do with migrations, and the saved plan that it is to carry out."""

    migrate: MigratePolicy
    force: bool = False
    plan: Preview | None = None


_NO_CHOICE = _Asked(MigratePolicy.NEVER, force=True)
"""A rollback, and an uninstall, run no migrations of the values."""


async def _run(  # noqa: PLR0913 - those of `RunOptions`, each with its default
    rendered: Rendered,
    target: KubernetesTarget,
    emit: Emit,
    planner: Planner,
    asked: _Asked,
    *,
    by: str | None = None,
    request: str = "",
    wait_for_lock: bool = True,
    lock_wait_s: float | None = None,
    timeout_s: float | None = None,
    approve: Approve | None = None,
) -> Revision:
    """Run a plan as the caller wants it."""
    progress = RunProgress(emit)
    async with limiting(progress, timeout_s):
        return await run_planned(
            rendered,
            target,
            progress,
            planner,
            by=by or name_user(),
            request=request,
            wait_for_lock=wait_for_lock,
            lock_wait_s=lock_wait_s,
            approve=_show(asked, approve),
        )


def _show(asked: _Asked, approve: Approve | None) -> Approver:
    """Have a plan shown to `approve`, after it was compared with the saved one."""

    async def show(plan: Plan, state: State, preflight: Preflight, mask: Mask) -> None:
        preview = build_preview(
            plan, state, preflight.changes, preflight.problems, migrate=asked.migrate.value, force=asked.force
        )
        preview = mask.preview(preview)
        if asked.plan is not None:
            compare_plans(asked.plan, preview)
        if approve is not None:
            await approve(preview)

    return show


async def unlock(target: KubernetesTarget, *, force: bool = False) -> Holder | None:
    """Free a release of a run that died; return who held it. Raises LockedError while it may live, unless `force`."""
    return await target.break_lock(force=force)


async def build_roles(
    values: Values, target: KubernetesTarget, *, service_account: str = "ks-universal"
) -> tuple[Json, ...]:
    """Build the smallest Roles with which a deploy of these values works, each followed by its RoleBinding.

    One in each namespace that the release has objects in, a ClusterRole where some are in none, and beside each what
    the release gives to its accounts, which only who has these rights can.
    `service_account` is who gets them: `name`, in the release's namespace, or `namespace:name`. Raises InputError as
    `render` does.
    """
    roles = await target.build_roles(render(values, target.release, target.namespace))
    namespace, _, account = service_account.rpartition(":")
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace or target.namespace}
    return tuple(item for role in roles for item in (role, _bind(role, subject)))


def _bind(role: Json, subject: dict[str, str]) -> Json:
    metadata = role["metadata"]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": metadata["name"]}
    return {
        "apiVersion": role["apiVersion"],
        "kind": f"{role['kind']}Binding",
        "metadata": metadata,
        "roleRef": reference,
        "subjects": [subject],
    }


async def read_history(target: KubernetesTarget, number: int | None = None) -> History:
    """Read a release's runs, or only the one of a number; a read-only role is enough.

    Those that were killed are ABANDONED, the latest one where the role may read the lock. Raises InputError where there
    is no such run in the record.
    """
    history, _, _ = await _read_told(target)
    chosen = tuple(revision for revision in history.revisions if number in (None, revision.number))
    if not chosen:
        kept = ", ".join(str(revision.number) for revision in history.revisions)
        raise InputError(
            [Problem("release/no-revision", f"the record does not hold revision {number}; it holds: {kept}")]
        )
    return History(chosen, history.problems)


async def read_revisions(target: KubernetesTarget, number: int | None = None) -> tuple[Revision, ...]:
    """Read the runs of `read_history` that can be read, the oldest first."""
    return (await read_history(target, number)).revisions


async def read_status(target: KubernetesTarget) -> ReleaseState:
    """Read what runs, how the last run ended, and who has the lock. Raises InputError where there is no record."""
    history, is_known, lock = await _read_told(target)
    latest = history.revisions[-1]
    return ReleaseState(
        release=target.release,
        namespace=target.namespace,
        latest=latest,
        workloads=await target.read_workloads(latest),
        lock=lock,
        jobs=await target.read_jobs(list_jobs(latest), with_logs=False),
        lock_hidden=not is_known,
        problems=history.problems,
    )


async def _read_told(target: KubernetesTarget) -> tuple[History, bool, Holder | None]:
    """Read the runs as readers are to see them; whether the role may read the lock; and who holds it."""
    history = await target.read_history()
    is_known, lock = await target.read_lock_if_allowed()
    is_dead = is_known and (lock is None or lock.left_s == 0)
    if is_dead and history.revisions and history.revisions[-1].outcome is Outcome.RUNNING:
        history = await target.read_history()  # a run writes its end before it gives the lock back
    if not history.revisions:
        raise InputError(history.problems or [_no_record(target)])
    return History(mark_abandoned(history.revisions, is_dead=is_dead), history.problems), is_known, lock


def _no_record(target: KubernetesTarget) -> Problem:
    message = f"there is no release {target.release} in namespace {target.namespace}"
    return Problem("release/unknown", message, hint="check the name, -n and --context")


def _render_for_run(values: Values, target: KubernetesTarget) -> Rendered:
    if problems := check_for_run(values):
        raise InputError(problems)
    rendered = render(values, target.release, target.namespace)
    if not rendered.objects and not rendered.migrations:
        # An empty file is the output of a command that failed more often than the wish to have a release removed.
        hint = f"'ks-universal uninstall {target.release}' removes a release"
        raise InputError([Problem("request/nothing", "these values make no object; nothing was changed", hint=hint)])
    return rendered
