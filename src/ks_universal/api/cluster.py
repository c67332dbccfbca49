"""A release on a cluster: each function joins the packages below it, and decides nothing itself."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Unpack

from ks_universal.api.values import Values, check_for_run, check_namespace, check_release, render
from ks_universal.diagnostics import Problem
from ks_universal.engine.event_log import log_plan
from ks_universal.engine.events import Emit
from ks_universal.engine.masking import build_mask
from ks_universal.engine.run import RunOptions, run_planned
from ks_universal.errors import InputError
from ks_universal.plan.build import MigratePolicy, build_plan
from ks_universal.plan.migrations_only import keep_migrations
from ks_universal.plan.one_off_jobs import list_jobs
from ks_universal.plan.records import JobRecord, JobState, Outcome, Revision, StepRecord, mark_abandoned
from ks_universal.plan.saved import Preview, build_preview
from ks_universal.plan.undo import name_migration_job
from ks_universal.resources.objects import ObjectRef, Rendered
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.record.lease import Holder
from ks_universal.targets.kubernetes.rollback import load_rollback
from ks_universal.targets.kubernetes.status import ReleaseState
from ks_universal.targets.kubernetes.target import KubernetesTarget, Options


def open_cluster(
    release: str,
    *,
    namespace: str | None = None,
    context: str | None = None,
    kubeconfig: str | None = None,
    options: Options | None = None,
) -> KubernetesTarget:
    """Give a namespace of a cluster as a target for the release; nothing is asked of the cluster yet.

    Without `namespace` it is the context's. Close it at the end. To be called in a running event loop. Raises
    InputError for names that cannot be, TargetError where there is no such file or context.
    """
    check_release(release)
    if namespace is not None:
        check_namespace(namespace)
    connection = connect(kubeconfig, context)
    return KubernetesTarget(Client(connection, namespace or connection.namespace), release, options or Options())


async def deploy(
    values: Values,
    target: KubernetesTarget,
    emit: Emit,
    *,
    migrate: MigratePolicy | str = "auto",
    force: bool = False,
    **options: Unpack[RunOptions],
) -> Revision:
    """Bring the target's release to these values, and return the record of that run.

    A failure is in the record and in the events, and leaves the version before as it was. `options` are those of
    `engine.run.run_planned`; `approve` is asked under the lock, before anything of the release changes. Raises as
    `render` and `run_planned` do.
    """
    return await run_planned(
        _render_for_run(values, target),
        target,
        emit,
        partial(build_plan, migrate=MigratePolicy(migrate), force=force),
        **options,
    )


async def preview(
    values: Values, target: KubernetesTarget, *, migrate: MigratePolicy | str = "auto", force: bool = False
) -> Preview:
    """Say what `deploy` would do, by a dry run of every change on the server; nothing is changed, nothing locked.

    What is in the way is among `problems`, after the warnings about the values. Raises as `render` and `build_plan` do,
    and TargetError.
    """
    rendered = _render_for_run(values, target)
    state = await target.read(rendered)
    planned = build_plan(rendered, state, migrate=MigratePolicy(migrate), force=force)
    log_plan(planned)
    mask = build_mask(rendered, state, planned)
    preflight = await target.check(planned)
    problems = mask.problems((*values.problems, *state.problems, *planned.warnings, *preflight.problems))
    asked = MigratePolicy(migrate).value
    return mask.preview(build_preview(planned, state, preflight.changes, problems, migrate=asked, force=force))


async def migrate(
    values: Values,
    target: KubernetesTarget,
    emit: Emit,
    *,
    migrate: MigratePolicy | str = "auto",
    **options: Unpack[RunOptions],
) -> Revision:
    """Run the migrations that `deploy` would run before the new version, and what these need; nothing else changes."""
    policy = MigratePolicy(migrate)
    return await run_planned(
        _render_for_run(values, target),
        target,
        emit,
        lambda rendered, state: keep_migrations(build_plan(rendered, state, migrate=policy), state),
        **options,
    )


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
    revision in the record.
    """
    if not await target.read_revisions():
        raise InputError([_no_record(target)])
    way = await load_rollback(target, revision, migrate_down=migrate_down)
    return await run_planned(
        way.rendered,
        target,
        emit,
        way.plan,
        **options,
    )


async def uninstall(
    target: KubernetesTarget,
    emit: Emit,
    **options: Unpack[RunOptions],
) -> Revision:
    """Remove everything of a release: what its record lists and its labels confirm, then the record itself.

    PersistentVolumeClaims stay unless the target's options say otherwise. Raises InputError where there is no record.
    """
    if not await target.read_revisions() and not target.record_problems:
        raise InputError([_no_record(target)])
    nothing = Rendered(target.release, target.namespace, (), ())
    revision = await run_planned(nothing, target, emit, build_plan, **options)
    if revision.outcome is Outcome.SUCCEEDED:
        await target.forget(revision, emit)
    return revision


async def read_revisions(target: KubernetesTarget, number: int | None = None) -> tuple[Revision, ...]:
    """Read a release's runs, the oldest first, or only the one of a number; a read-only role is enough.

    Those that were killed are DID_NOT_END, the latest one where the role may read the lock. Raises InputError where
    there is no such run in the record.
    """
    revisions, _, _ = await _read_told(target)
    chosen = tuple(revision for revision in revisions if number in (None, revision.number))
    if not chosen:
        kept = ", ".join(str(revision.number) for revision in revisions)
        raise InputError(
            [Problem("release/no-revision", f"the record does not hold revision {number}; it holds: {kept}")]
        )
    return chosen


async def follow_migration(target: KubernetesTarget, step: StepRecord, take: Callable[[str], None]) -> bool:
    """Give the log of a migration that runs now, line by line, until it has ended; False where its Job is gone."""
    name = name_migration_job(step)
    known = (ref for revision in await target.read_revisions() for ref in revision.objects)
    jobs = [ref for ref in known if (ref.kind, ref.name) == ("Job", name)]
    return await target.follow_log(jobs[-1] if jobs else ObjectRef("Job", target.namespace, name), take)


async def read_job_logs(target: KubernetesTarget, jobs: Mapping[ObjectRef, JobRecord]) -> tuple[JobState, ...]:
    """Read what attempts of Jobs of the values said last: from the record where it has their end, else from their pods.

    The latter needs the right to read Secrets, whose values are masked; without it there is a line that says so.
    """
    return tuple([await _read_job_log(target, ref, record) for ref, record in jobs.items()])


async def _read_job_log(target: KubernetesTarget, ref: ObjectRef, record: JobRecord) -> JobState:
    if record.outcome is Outcome.PENDING or record.attempts:
        return JobState(identity=ref, record=record)
    return await target.read_job_log(ref, record)


async def read_status(target: KubernetesTarget) -> ReleaseState:
    """Read what runs, how the last run ended, and who is at work. Raises InputError where there is no record."""
    revisions, is_known, lock = await _read_told(target)
    latest = revisions[-1]
    return ReleaseState(
        release=target.release,
        namespace=target.namespace,
        latest=latest,
        workloads=await target.read_workloads(latest),
        lock=lock,
        jobs=await target.read_jobs(list_jobs(latest), with_logs=False),
        lock_hidden=not is_known,
    )


async def _read_told(target: KubernetesTarget) -> tuple[tuple[Revision, ...], bool, Holder | None]:
    """Read the runs as readers are to see them; whether the role may read the lock; and who holds it."""
    revisions = await target.read_revisions()
    is_known, lock = await target.read_lock_if_allowed()
    is_dead = is_known and (lock is None or lock.left_s == 0)
    if is_dead and revisions and revisions[-1].outcome is Outcome.RUNNING:
        revisions = await target.read_revisions()  # a run writes its end before it gives the lock back
    if not revisions:
        raise InputError(target.record_problems or [_no_record(target)])
    return mark_abandoned(revisions, is_dead=is_dead), is_known, lock


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
